//! Which version of Nix evaluates and builds, and which published holes that version still has.
//!
//! The table holds what a stranger's flake can reach on Linux by being evaluated or built. Its versions are those of
//! the CVE records (<https://github.com/CVEProject/cvelistV5/tree/main/cves>, one for each entry: [`Advisory::url`]).
//! That 2.28.8, 2.30.6, 2.31.6, 2.34.9 and 2.35.3 close the newest ones is also said in
//! <https://github.com/DeterminateSystems/nix-src/releases/tag/v3.23.2>. Looked up in November 2026.
//!
//! Left out, because a stranger's flake on Linux can't reach them:
//! - only on macOS or FreeBSD: CVE-2024-51481, CVE-2025-53819, CVE-2026-110451, CVE-2026-110453
//! - the installer: CVE-2026-110452
//! - the experimental feature `recursive-nix`, which is off, and which no flake can turn on: CVE-2026-64846 (fixed in
//!   2.35.0 only)
//!
//! `nix --version` is about the program that is started. A daemon may be another one, and a distribution may have
//! mended a version without giving it another number.

use std::{fmt, str::FromStr};

use crate::untrusted;

/// Longest output that is read, in bytes.
pub const MAX_BYTES: usize = 256;

/// The oldest version of each maintained branch without an open advisory. Every version of a newer branch will do, too;
/// of a branch between them none does.
pub const MINIMUM: [Release; 5] = [v(2, 28, 8), v(2, 30, 6), v(2, 31, 6), v(2, 34, 9), v(2, 35, 3)];

/// Such as 2.28.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Whose Nix it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Implementation {
    Nix,
    Lix,
    Determinate,
    Other,
}

/// What `nix --version` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NixVersion {
    pub implementation: Implementation,
    /// Lix counts on its own. Determinate Nix says here which Nix it is made from.
    pub release: Release,
    /// Made before that release.
    pub is_pre_release: bool,
}

impl NixVersion {
    /// Why [`open_in`] can't tell about this one.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        match self.implementation {
            Implementation::Nix => None,
            Implementation::Lix => Some(
                "this is Lix, whose advisories aren't known here: see https://lix.systems/blog/ and use its newest release",
            ),
            Implementation::Determinate => Some(
                "this is Determinate Nix, whose advisories aren't known here: see https://github.com/DeterminateSystems/nix-src/releases and use the newest",
            ),
            Implementation::Other => Some("this Nix isn't the one of NixOS, and its advisories aren't known here"),
        }
    }

    fn is_before(&self, fixed: Release) -> bool {
        self.release < fixed || self.is_pre_release && self.release == fixed
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of Nix: `nix --version` answers such as `nix (Nix) 2.28.8`")]
pub struct NixVersionError(String);

impl FromStr for NixVersion {
    type Err = NixVersionError;

    /// Reads the whole output of `nix --version`: its first line counts.
    fn from_str(output: &str) -> Result<Self, NixVersionError> {
        let line = output.lines().next().unwrap_or_default().trim_end();
        parsed(line).filter(|_| output.len() <= MAX_BYTES).ok_or_else(|| NixVersionError(untrusted::short(line)))
    }
}

fn parsed(line: &str) -> Option<NixVersion> {
    let (name, version) = line.strip_prefix("nix (")?.split_once(") ")?;
    let implementation = match name.split([' ', ',']).next() {
        _ if name == "Nix" => Implementation::Nix,
        Some("Lix") => Implementation::Lix,
        Some("Determinate") => Implementation::Determinate,
        _ => Implementation::Other,
    };
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (numbers, rest) = version.split_at_checked(end)?;
    let mut numbers = numbers.split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let patch = numbers.next().transpose().ok()?.unwrap_or(0);
    // `2.28.8+1` is a release that was patched, `2.28.8pre20260101_0123abc` comes before it.
    let is_pre_release = !rest.is_empty() && !rest.starts_with('+');
    let release = Release { major, minor, patch };
    numbers.next().is_none().then_some(NixVersion { implementation, release, is_pre_release })
}

impl fmt::Display for NixVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.implementation {
            Implementation::Nix => "Nix",
            Implementation::Lix => "Lix",
            Implementation::Determinate => "Determinate Nix, made from Nix",
            Implementation::Other => "another Nix,",
        };
        let before = if self.is_pre_release { ", before its release" } else { "" };
        write!(f, "{name} {}{before}", self.release)
    }
}

/// A published hole in Nix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advisory {
    pub cve: &'static str,
    /// `GHSA-…`, below `https://github.com/NixOS/nix/security/advisories/`, where the record names it.
    pub id: Option<&'static str>,
    /// What who exploits it gets, in few words.
    pub what: &'static str,
    pub affected: &'static [Affected],
}

impl Advisory {
    /// Where the CVE record can be read.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://www.cve.org/CVERecord?id={}", self.cve)
    }
}

/// A version and the next ones, up to one without the hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affected {
    pub from: Release,
    pub fixed: Release,
}

impl Affected {
    fn has(&self, version: &NixVersion) -> bool {
        self.from <= version.release && version.is_before(self.fixed)
    }
}

/// The advisories that this version is open to, the newest first. None where there is a [`NixVersion::note`].
#[must_use]
pub fn open_in(version: &NixVersion) -> Vec<&'static Advisory> {
    let covered = version.note().is_none();
    ADVISORIES.iter().filter(|advisory| covered && advisory.affected.iter().any(|range| range.has(version))).collect()
}

const fn v(major: u32, minor: u32, patch: u32) -> Release {
    Release { major, minor, patch }
}

const fn between(from: Release, fixed: Release) -> Affected {
    Affected { from, fixed }
}

const OCTOBER_2026: &[Affected] = &[
    between(v(0, 0, 0), v(2, 28, 8)),
    between(v(2, 29, 0), v(2, 30, 6)),
    between(v(2, 31, 0), v(2, 31, 6)),
    between(v(2, 32, 0), v(2, 34, 9)),
    between(v(2, 35, 0), v(2, 35, 3)),
];

const JUNE_2025: &[Affected] = &[
    between(v(0, 0, 0), v(2, 24, 15)),
    between(v(2, 25, 0), v(2, 26, 4)),
    between(v(2, 27, 0), v(2, 28, 4)),
    between(v(2, 29, 0), v(2, 29, 1)),
];

const fn advisory(
    cve: &'static str,
    id: Option<&'static str>,
    what: &'static str,
    affected: &'static [Affected],
) -> Advisory {
    Advisory { cve, id, what, affected }
}

/// The newest first.
pub const ADVISORIES: &[Advisory] = &[
    advisory("CVE-2026-110449", None, "evaluating writes outside of its memory", OCTOBER_2026),
    advisory("CVE-2026-110450", None, "repairing a path of the store gives rights of the daemon", OCTOBER_2026),
    advisory(
        "CVE-2026-44028",
        Some("GHSA-vh5x-56v6-4368"),
        "a deep archive overwrites memory of the daemon",
        &[
            between(v(2, 24, 4), v(2, 28, 7)),
            between(v(2, 29, 0), v(2, 29, 4)),
            between(v(2, 30, 0), v(2, 30, 5)),
            between(v(2, 31, 0), v(2, 31, 5)),
            between(v(2, 32, 0), v(2, 32, 8)),
            between(v(2, 33, 0), v(2, 33, 6)),
            between(v(2, 34, 0), v(2, 34, 7)),
        ],
    ),
    advisory(
        "CVE-2026-44029",
        Some("GHSA-gr92-w2r5-qw5p"),
        "unpacking an archive writes files elsewhere",
        &[
            between(v(2, 24, 7), v(2, 28, 7)),
            between(v(2, 29, 0), v(2, 29, 4)),
            between(v(2, 30, 0), v(2, 30, 5)),
            between(v(2, 31, 0), v(2, 31, 5)),
            between(v(2, 32, 0), v(2, 32, 8)),
            between(v(2, 33, 0), v(2, 33, 6)),
            between(v(2, 34, 0), v(2, 34, 7)),
        ],
    ),
    advisory(
        "CVE-2026-39860",
        Some("GHSA-g3g9-5vj6-r3gj"),
        "a build overwrites any file as the daemon",
        &[
            between(v(2, 18, 2), v(2, 19, 0)),
            between(v(2, 19, 4), v(2, 20, 0)),
            between(v(2, 20, 5), v(2, 28, 6)),
            between(v(2, 29, 0), v(2, 29, 3)),
            between(v(2, 30, 0), v(2, 30, 4)),
            between(v(2, 31, 0), v(2, 31, 4)),
            between(v(2, 32, 0), v(2, 32, 7)),
            between(v(2, 33, 0), v(2, 33, 4)),
            between(v(2, 34, 0), v(2, 34, 5)),
        ],
    ),
    advisory(
        "CVE-2025-46416",
        None,
        "a build gets the account that builds run as",
        // The record names the last ones that have it.
        &[
            between(v(0, 0, 0), v(2, 24, 16)),
            between(v(2, 25, 0), v(2, 26, 5)),
            between(v(2, 27, 0), v(2, 28, 5)),
            between(v(2, 29, 0), v(2, 29, 2)),
        ],
    ),
    advisory("CVE-2025-46415", None, "a build removes any folder's contents", JUNE_2025),
    advisory("CVE-2025-52991", None, "builds run in folders that others prepared", JUNE_2025),
    advisory("CVE-2025-52992", None, "what a failed build leaves in the store can be changed", JUNE_2025),
    advisory("CVE-2025-52993", None, "a build becomes the owner of any file", JUNE_2025),
    advisory(
        "CVE-2024-47174",
        Some("GHSA-6fjr-mq49-mm2c"),
        "downloads of builds don't check certificates",
        &[between(v(1, 11, 0), v(2, 18, 8)), between(v(2, 24, 0), v(2, 24, 8))],
    ),
    advisory(
        "CVE-2024-45593",
        Some("GHSA-h4vv-h3jq-v493"),
        "unpacking an archive writes any file as the daemon",
        &[between(v(2, 24, 0), v(2, 24, 6))],
    ),
    advisory(
        "CVE-2024-38531",
        Some("GHSA-q82p-44mg-mgh5"),
        "a build leaves a program with the rights of builds",
        &[
            between(v(2, 18, 0), v(2, 18, 4)),
            between(v(2, 19, 0), v(2, 19, 5)),
            between(v(2, 20, 0), v(2, 20, 7)),
            between(v(2, 21, 0), v(2, 21, 3)),
            between(v(2, 22, 0), v(2, 22, 2)),
            between(v(2, 23, 0), v(2, 23, 1)),
        ],
    ),
    advisory(
        "CVE-2024-27297",
        Some("GHSA-2ffj-w4mj-pg37"),
        "what was downloaded can be changed after it was checked",
        &[
            between(v(2, 3, 0), v(2, 3, 18)),
            between(v(2, 4, 0), v(2, 18, 2)),
            between(v(2, 19, 0), v(2, 19, 4)),
            between(v(2, 20, 0), v(2, 20, 5)),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn nix(version: &str) -> NixVersion {
        format!("nix (Nix) {version}\n").parse().unwrap()
    }

    fn open(version: &str) -> Vec<&'static str> {
        open_in(&nix(version)).iter().map(|advisory| advisory.cve).collect()
    }

    #[test]
    fn what_nix_says_of_itself_is_read() {
        for (output, implementation, release, is_pre_release) in [
            ("nix (Nix) 2.8.0\n", Implementation::Nix, v(2, 8, 0), false),
            ("nix (Nix) 2.24.9pre20241010_abc", Implementation::Nix, v(2, 24, 9), true),
            ("nix (Nix) 2.4pre20200501_941f952", Implementation::Nix, v(2, 4, 0), true),
            ("nix (Nix) 2.31.6+1\n", Implementation::Nix, v(2, 31, 6), false),
            ("nix (Lix, like Nix) 2.91.1\nSystem type: x86_64-linux\n", Implementation::Lix, v(2, 91, 1), false),
            ("nix (Lix, like Nix) 2.94.0-dev-pre20250807", Implementation::Lix, v(2, 94, 0), true),
            ("nix (Determinate Nix 3.23.2) 2.35.3", Implementation::Determinate, v(2, 35, 3), false),
            ("nix (Nixish) 2.35.3", Implementation::Other, v(2, 35, 3), false),
        ] {
            assert_eq!(output.parse(), Ok(NixVersion { implementation, release, is_pre_release }), "{output}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused_in_one_short_line() {
        let long = format!("nix (Nix) 2.8.0\n{}", "x".repeat(MAX_BYTES));
        for output in [
            "",
            "nix (Nix) ",
            "nix (Nix) 2.",
            "nix (Nix) 2.8.0.1",
            "nix (Nix) 2.4294967296.0",
            "bash: nix: \u{1b}[31mcommand not found",
            &long,
        ] {
            let refusal = output.parse::<NixVersion>().unwrap_err().to_string();
            assert!(refusal.contains("nix --version") && !refusal.contains(['\u{1b}', '\n']), "{refusal}");
        }
    }

    #[test]
    fn the_minimum_of_each_branch_has_no_open_advisory_and_the_version_before_has() {
        for minimum in MINIMUM {
            assert_eq!(open(&minimum.to_string()), [""; 0], "{minimum}");
            let before = Release { patch: minimum.patch - 1, ..minimum };
            assert_eq!(open(&before.to_string()), ["CVE-2026-110449", "CVE-2026-110450"], "{before}");
        }
        assert!(MINIMUM.is_sorted());
    }

    #[test]
    fn older_branches_are_open_newer_ones_are_not_and_a_pre_release_is_older_than_its_release() {
        for version in ["2.29.4", "2.32.8", "2.33.6", "2.31.6pre20261001_abc", "2.35.0pre20260601_abc"] {
            assert!(open(version).starts_with(&["CVE-2026-110449", "CVE-2026-110450"]), "{version}");
        }
        for version in ["2.35.3+2", "2.35.4", "2.36.0", "2.36.0pre20261101_abc", "3.0.0"] {
            assert_eq!(open(version), [""; 0], "{version}");
        }
    }

    #[test]
    fn an_old_version_names_what_was_found_since() {
        let old = open("2.8.0");
        assert_eq!(old.first(), Some(&"CVE-2026-110449"));
        assert_eq!(old.last(), Some(&"CVE-2024-27297"));
        // Those that came into Nix later aren't its.
        assert!(
            !old.contains(&"CVE-2026-44028") && !old.contains(&"CVE-2026-39860") && !old.contains(&"CVE-2024-45593")
        );
        assert!(open("2.24.5").contains(&"CVE-2024-45593"));
        assert!(open("2.18.9").contains(&"CVE-2026-39860") && !open("2.18.1").contains(&"CVE-2026-39860"));
    }

    #[test]
    fn of_other_implementations_it_says_that_it_does_not_know() {
        for output in ["nix (Lix, like Nix) 2.90.0", "nix (Determinate Nix 3.0.0) 2.26.3", "nix (Own) 2.8.0"] {
            let version: NixVersion = output.parse().unwrap();
            assert_eq!(open_in(&version), [] as [&Advisory; 0]);
            assert!(version.note().unwrap().contains("aren't known"), "{version}");
        }
        assert_eq!(nix("2.8.0").note(), None);
    }

    #[test]
    fn the_table_is_in_order() {
        for advisory in ADVISORIES {
            assert!(advisory.id.is_none_or(|id| id.starts_with("GHSA-")), "{}", advisory.cve);
            assert!(advisory.affected.iter().all(|range| range.from < range.fixed), "{}", advisory.cve);
            assert!(advisory.affected.is_sorted_by(|a, b| a.fixed <= b.from), "{}", advisory.cve);
        }
        let year = |advisory: &Advisory| advisory.cve.split('-').nth(1).map(str::to_owned);
        assert!(ADVISORIES.is_sorted_by(|a, b| year(a) >= year(b)));
    }
}
