//! Advisories: what is known to be bad, as others publish it.

use std::{collections::HashSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    digest::{Digest, Revision},
    json::{self, JsonError, JsonErrorKind},
    revocation::{Revocable, Revocation},
    untrusted,
};

const VERSION: u32 = 1;
/// Longest file, in bytes.
pub const MAX_BYTES: usize = json::MAX_BYTES;
/// Most advisories of a file.
pub const MAX_ADVISORIES: usize = 10_000;
/// Most digests and revisions of one advisory together.
pub const MAX_NAMED: usize = 1_000;
/// Longest id, in bytes.
pub const MAX_ID: usize = 64;
/// Longest summary, in bytes.
pub const MAX_SUMMARY: usize = 512;
/// Longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// Grants, components and revisions that nobody should use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Advisory {
    pub id: AdvisoryId,
    /// Text of a stranger, 1 to [`MAX_SUMMARY`] bytes.
    pub summary: String,
    /// Where more is said: `https://…`, without spaces and control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of grants and components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
}

/// Such as `THYMIS-2026-0001`: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AdvisoryId(String);

impl AdvisoryId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` can't be the id of an advisory: use 1 to {MAX_ID} of A-Z, a-z, 0-9, `.` and `-`")]
pub struct AdvisoryIdError(String);

impl FromStr for AdvisoryId {
    type Err = AdvisoryIdError;

    fn from_str(text: &str) -> Result<Self, AdvisoryIdError> {
        let fits = (1..=MAX_ID).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(AdvisoryIdError(untrusted::short(text))) }
    }
}

impl TryFrom<String> for AdvisoryId {
    type Error = AdvisoryIdError;

    fn try_from(text: String) -> Result<Self, AdvisoryIdError> {
        text.parse()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdvisoryError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("{file}: there are {found} advisories, {MAX_ADVISORIES} are allowed; split the file up")]
    TooMany { file: String, found: usize },
    #[error("{file}: the advisory `{id}` is there twice; keep one of the two")]
    Twice { file: String, id: AdvisoryId },
    #[error("{file}: the summary of `{id}` has {found} bytes; write 1 to {MAX_SUMMARY}")]
    Summary { file: String, id: AdvisoryId, found: usize },
    #[error(
        "{file}: the URL of `{id}` is refused; write `https://…`, at most {MAX_URL} bytes without spaces and control characters"
    )]
    Url { file: String, id: AdvisoryId },
    #[error("{file}: `{id}` names no digest and no revision; say what must not be used")]
    NothingNamed { file: String, id: AdvisoryId },
    #[error(
        "{file}: `{id}` names {found} digests and revisions, {MAX_NAMED} are allowed; make several advisories of it"
    )]
    TooManyNamed { file: String, id: AdvisoryId, found: usize },
}

/// A file of advisories, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisories(Vec<Advisory>);

/// What any version of the file has.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "version")]
    _version: u32,
    advisories: Vec<Advisory>,
}

impl Advisories {
    /// # Errors
    /// When the bytes of `file` are not advisories in a version that this program knows; the version is looked at first.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, AdvisoryError> {
        let fail = |kind| Err(JsonError { file: file.to_owned(), kind }.into());
        match json::object::<Versioned>(file, bytes)?.version {
            None => return fail(JsonErrorKind::NoVersion(VERSION)),
            Some(found) if found != u64::from(VERSION) => {
                return fail(JsonErrorKind::Newer { found, known: VERSION });
            }
            Some(_) => {}
        }
        let Table { advisories, .. } = json::object(file, bytes)?;
        if advisories.len() > MAX_ADVISORIES {
            return Err(AdvisoryError::TooMany { file: file.to_owned(), found: advisories.len() });
        }
        let mut seen = HashSet::new();
        for advisory in &advisories {
            advisory.check(file)?;
            if !seen.insert(&advisory.id) {
                return Err(AdvisoryError::Twice { file: file.to_owned(), id: advisory.id.clone() });
            }
        }
        Ok(Self(advisories))
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Advisory> {
        self.0.iter()
    }

    /// What they revoke, with the id and summary as reason; `at` is now, in seconds since 1970. Several can name the same.
    pub fn revocations(&self, at: u64) -> impl Iterator<Item = (Revocable, Revocation)> {
        self.0.iter().flat_map(move |advisory| advisory.revocations(at))
    }
}

impl Advisory {
    /// As [`Advisories::revocations`].
    pub fn revocations(&self, at: u64) -> impl Iterator<Item = (Revocable, Revocation)> {
        let revocation = Revocation::new(&format!("{}: {}", self.id, self.summary), at);
        let digests = self.digests.iter().copied().map(Revocable::Digest);
        let revisions = self.revisions.iter().copied().map(Revocable::Revision);
        digests.chain(revisions).map(move |what| (what, revocation.clone()))
    }

    fn check(&self, file: &str) -> Result<(), AdvisoryError> {
        let (file, id) = (file.to_owned(), self.id.clone());
        let is_url = |url: &str| {
            url.len() <= MAX_URL
                && url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
                && untrusted::is_plain(url)
                && !url.contains(char::is_whitespace)
        };
        let named = self.digests.len() + self.revisions.len();
        if !(1..=MAX_SUMMARY).contains(&self.summary.len()) {
            return Err(AdvisoryError::Summary { file, id, found: self.summary.len() });
        }
        if self.url.as_deref().is_some_and(|url| !is_url(url)) {
            return Err(AdvisoryError::Url { file, id });
        }
        match named {
            0 => Err(AdvisoryError::NothingNamed { file, id }),
            1..=MAX_NAMED => Ok(()),
            found => Err(AdvisoryError::TooManyNamed { file, id, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::{MAX_REASON, Revoked};
    use serde_json::{Value, json};

    fn one() -> Value {
        json!({
            "id": "THYMIS-2026-0001",
            "summary": "sends settings to a stranger",
            "url": "https://example.org/0001",
            "digests": [Digest::of(b"wasm")],
            "revisions": ["0123456789012345678901234567890123456789"],
        })
    }

    fn file(advisories: &[Value]) -> Value {
        json!({ "version": 1, "advisories": advisories })
    }

    fn parse(value: &Value) -> Result<Advisories, AdvisoryError> {
        Advisories::parse("advisories.json", value.to_string().as_bytes())
    }

    fn refused(key: &str, value: Value) -> String {
        let mut advisory = one();
        advisory[key] = value;
        parse(&file(&[advisory])).unwrap_err().to_string()
    }

    #[test]
    fn what_an_advisory_names_is_revoked() {
        let mut revoked = Revoked::default();
        for (what, revocation) in parse(&file(&[one()])).unwrap().revocations(7) {
            assert!(revoked.insert(what, revocation));
        }
        let revocation = Revocation::new("THYMIS-2026-0001: sends settings to a stranger", 7);
        assert_eq!(revoked.digests[&Digest::of(b"wasm")], revocation);
        assert_eq!(revoked.revisions.values().collect::<Vec<_>>(), [&revocation]);
    }

    #[test]
    fn a_long_summary_is_cut_to_a_reason() {
        let mut advisory = one();
        advisory["summary"] = "é".repeat(MAX_SUMMARY / 2).into();
        let advisories = parse(&file(&[advisory])).unwrap();
        for (_, revocation) in advisories.revocations(7) {
            assert!(
                revocation.reason.len() <= MAX_REASON && revocation.reason.ends_with("é…"),
                "{}",
                revocation.reason
            );
        }
    }

    #[test]
    fn the_version_is_looked_at_first() {
        insta::assert_snapshot!(parse(&json!({ "version": 2, "bad": [] })).unwrap_err().to_string(), @"advisories.json: the file has version 2, this Thymis knows version 1: update Thymis");
        insta::assert_snapshot!(parse(&json!({ "advisories": [] })).unwrap_err().to_string(), @r#"advisories.json: the file has no `"version": 1`"#);
        insta::assert_snapshot!(parse(&json!({ "version": 1, "advisories": [], "bad": 1 })).unwrap_err().to_string(), @"advisories.json: line 1, column 34: unknown field `bad`, expected `version` or `advisories`");
    }

    #[test]
    fn refusals_name_the_advisory_and_the_way_out() {
        insta::assert_snapshot!(refused("id", "a b\u{1b}".into()), @r"advisories.json: line 1, column 44: `a b\u{1b}` can't be the id of an advisory: use 1 to 64 of A-Z, a-z, 0-9, `.` and `-`");
        insta::assert_snapshot!(refused("summary", "".into()), @"advisories.json: the summary of `THYMIS-2026-0001` has 0 bytes; write 1 to 512");
        insta::assert_snapshot!(refused("url", "http://example.org".into()), @"advisories.json: the URL of `THYMIS-2026-0001` is refused; write `https://…`, at most 2048 bytes without spaces and control characters");
        insta::assert_snapshot!(refused("digests", json!(["sha256:00"])), @"advisories.json: line 1, column 149: `sha256:00` is not a digest: `sha256:` and 64 lower-case hexadecimal digits");
        insta::assert_snapshot!(refused("severity", 1.into()), @"advisories.json: line 1, column 279: unknown field `severity`, expected one of `id`, `summary`, `url`, `digests`, `revisions`");
        insta::assert_snapshot!(refused("revisions", vec!["0".repeat(40); MAX_NAMED].into()), @"advisories.json: `THYMIS-2026-0001` names 1001 digests and revisions, 1000 are allowed; make several advisories of it");
        insta::assert_snapshot!(parse(&file(&[one(), one()])).unwrap_err().to_string(), @"advisories.json: the advisory `THYMIS-2026-0001` is there twice; keep one of the two");
        let nothing = json!({ "id": "X", "summary": "x" });
        insta::assert_snapshot!(parse(&file(&[nothing])).unwrap_err().to_string(), @"advisories.json: `X` names no digest and no revision; say what must not be used");
        for (key, value) in [
            ("id", "x".repeat(MAX_ID + 1)),
            ("summary", "x".repeat(MAX_SUMMARY + 1)),
            ("url", format!("https://{}", "x".repeat(MAX_URL))),
            ("url", "https://a\u{202e}b".to_owned()),
        ] {
            refused(key, value.into());
        }
    }

    #[test]
    fn the_number_of_advisories_is_bounded() {
        let many = |count: usize| {
            let one = |number| json!({ "id": format!("X-{number}"), "summary": "x", "digests": [Digest::of(b"x")] });
            parse(&file(&(0..count).map(one).collect::<Vec<_>>()))
        };
        assert_eq!(many(MAX_ADVISORIES).unwrap().iter().count(), MAX_ADVISORIES);
        insta::assert_snapshot!(many(MAX_ADVISORIES + 1).unwrap_err().to_string(), @"advisories.json: there are 10001 advisories, 10000 are allowed; split the file up");
    }
}
