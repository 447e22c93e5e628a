//! Where Nix keeps the sources of flakes: a path of the store that the NAR hash alone decides.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::digest::NarHash;

/// The folder of all store paths.
pub const STORE: &str = "/nix/store";
/// Digits of Nix's base 32.
const DIGITS: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n',
    'p', 'q', 'r', 's', 'v', 'w', 'x', 'y', 'z',
];
/// Bytes of the hash in a path's name.
const LENGTH: usize = 20;

/// The store path of a flake's source: `/nix/store/<32 digits>-source`.
///
/// The rule is that of fixed output paths: <https://nix.dev/manual/nix/latest/protocols/store-path>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePath([u8; LENGTH]);

impl SourcePath {
    /// Where the files with this NAR hash are.
    #[must_use]
    pub fn of(hash: &NarHash) -> Self {
        let digest = Sha256::digest(format!("source:sha256:{}:{STORE}:source", hash.hex()));
        let mut folded = [0; LENGTH];
        for (part, byte) in (0..LENGTH).cycle().zip(digest) {
            if let Some(folded) = folded.get_mut(part) {
                *folded ^= byte;
            }
        }
        Self(folded)
    }

    /// Its name in the store: `<32 digits>-source`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-source", base32(&self.0))
    }

    /// The source that a path is of or below, and what follows it.
    #[must_use]
    pub fn split(path: &str) -> Option<(Self, &str)> {
        let rest = path.strip_prefix(STORE)?.strip_prefix('/')?;
        let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
        Some((name.parse().ok()?, below))
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE}/{}", self.name())
    }
}

/// A name in the store that is none of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not the name of a source in the Nix store: 32 digits and `-source`")]
pub struct SourcePathError;

impl FromStr for SourcePath {
    type Err = SourcePathError;

    fn from_str(name: &str) -> Result<Self, SourcePathError> {
        let digits = name.strip_suffix("-source").ok_or(SourcePathError)?;
        let mut bytes = [0_u8; LENGTH];
        let mut count = 0;
        for (place, digit) in digits.chars().rev().enumerate() {
            let value = DIGITS.iter().position(|known| *known == digit).ok_or(SourcePathError)?;
            let value = u16::try_from(value).map_err(|_| SourcePathError)? << (place * 5 % 8);
            let [low, high] = value.to_le_bytes();
            *bytes.get_mut(place * 5 / 8).ok_or(SourcePathError)? |= low;
            if let Some(next) = bytes.get_mut(place * 5 / 8 + 1) {
                *next |= high;
            }
            count += 1;
        }
        if count == LENGTH * 8 / 5 { Ok(Self(bytes)) } else { Err(SourcePathError) }
    }
}

/// Five bits a digit, the last first.
fn base32(bytes: &[u8]) -> String {
    let digits = (bytes.len() * 8).div_ceil(5);
    (0..digits)
        .rev()
        .map(|digit| {
            let (byte, bit) = (digit * 5 / 8, digit * 5 % 8);
            let part = |index: usize| u16::from(bytes.get(index).copied().unwrap_or_default());
            let value = (part(byte) | part(byte + 1) << 8) >> bit & 31;
            DIGITS.get(usize::from(value)).copied().unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_where_nix_puts_it() {
        // As `nix store add-path --name source` printed it.
        let hash: NarHash = "sha256-kJx6id+g0dMYoZ54+93mKe43IRv6m5BphFkbhb4uJsQ=".parse().unwrap();
        let path = SourcePath::of(&hash);
        assert_eq!(path.to_string(), "/nix/store/jidqm9fvw60vg6w4hcl7ff7vq66l8c9q-source");
        assert_eq!(path.name().parse(), Ok(path));
        assert_eq!(SourcePath::split(&format!("{path}/a/b.nix")), Some((path, "a/b.nix")));
        assert_eq!(SourcePath::split(&path.to_string()), Some((path, "")));
    }

    #[test]
    fn other_names_are_no_sources() {
        for name in [
            "",
            "-source",
            "jidqm9fvw60vg6w4hcl7ff7vq66l8c9q-sources",
            "eidqm9fvw60vg6w4hcl7ff7vq66l8c9q-source",
            "00-source",
        ] {
            assert!(name.parse::<SourcePath>().is_err(), "{name}");
        }
        assert_eq!(SourcePath::split("/nix/storejidqm9fvw60vg6w4hcl7ff7vq66l8c9q-source"), None);
        assert_eq!(SourcePath::split("/etc/passwd"), None);
    }
}
