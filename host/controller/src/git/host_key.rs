//! The keys by which SSH servers are known.

use std::{fmt, str::FromStr};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest as _, Sha256};
use thymis_core::untrusted;

/// The longest key in bytes: RSA with 16,384 bits.
const MAX_KEY: usize = 4 << 10;

/// A pinned host key: the key itself, or its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKey {
    /// In SSH's wire format, which begins with the kind.
    Key { kind: String, key: Vec<u8> },
    /// SHA-256.
    Fingerprint([u8; 32]),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no host key: write `ssh-ed25519 AAAA…` as ssh-keyscan prints it (with or without the host in front), or `SHA256:…`"
)]
pub struct HostKeyError;

impl HostKey {
    /// Whether the server's key, in SSH's wire format, is this one.
    #[must_use]
    pub fn is(&self, found: &[u8]) -> bool {
        match self {
            Self::Key { key, .. } => key == found,
            Self::Fingerprint(fingerprint) => Sha256::digest(found).as_slice() == fingerprint,
        }
    }

    /// The line of a `known_hosts` file; a fingerprint alone makes none.
    #[must_use]
    pub fn known_host(&self, host: &str, port: u16) -> Option<String> {
        let host = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        match self {
            Self::Key { .. } => Some(format!("{host} {self}\n")),
            Self::Fingerprint(_) => None,
        }
    }
}

/// The kind and fingerprint of a server's key, as `ssh-keygen -l` shows them.
#[must_use]
pub(super) fn describe(found: &[u8]) -> String {
    let fingerprint = STANDARD_NO_PAD.encode(Sha256::digest(found));
    format!("{} SHA256:{fingerprint}", untrusted::short(&kind(found).unwrap_or_default()))
}

/// A key begins with the length of its kind's name and the name.
fn kind(key: &[u8]) -> Option<String> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    String::from_utf8(name.to_vec()).ok()
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { kind, key } => write!(f, "{kind} {}", STANDARD.encode(key)),
            Self::Fingerprint(fingerprint) => write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(fingerprint)),
        }
    }
}

impl FromStr for HostKey {
    type Err = HostKeyError;

    fn from_str(text: &str) -> Result<Self, HostKeyError> {
        // Not quoted: it may be a secret at the wrong place.
        let refused = || HostKeyError;
        let words: Vec<&str> = text.split_whitespace().collect();
        if text.len() > 2 * MAX_KEY {
            return Err(refused());
        }
        if let [word] = words.as_slice()
            && let Some(fingerprint) = word.strip_prefix("SHA256:")
        {
            let bytes = STANDARD_NO_PAD.decode(fingerprint).ok().and_then(|bytes| bytes.try_into().ok());
            return bytes.map(Self::Fingerprint).ok_or_else(refused);
        }
        // As in `known_hosts` or in a public key's file: host and comment don't count.
        let begins = |word: &&str| word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-");
        let at = words.iter().position(begins).filter(|at| *at <= 1).ok_or_else(refused)?;
        let (Some(name), Some(encoded)) = (words.get(at), words.get(at + 1)) else { return Err(refused()) };
        let key = STANDARD.decode(encoded).map_err(|_| refused())?;
        if key.len() > MAX_KEY || kind(&key).as_deref() != Some(name) {
            return Err(refused());
        }
        Ok(Self::Key { kind: (*name).to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn every_spelling_of_a_key_is_the_same_key() {
        let key: HostKey = LINE.parse().unwrap();
        for text in [format!("github.com {LINE}"), format!("{LINE} a comment"), format!("  {LINE}\n")] {
            assert_eq!(text.parse(), Ok(key.clone()), "{text}");
        }
        let HostKey::Key { key: bytes, .. } = &key else { panic!() };
        // As its owner publishes it.
        let shown = describe(bytes);
        assert_eq!(shown, "ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
        let fingerprint: HostKey = shown.split_once(' ').unwrap().1.parse().unwrap();
        assert!(fingerprint.is(bytes) && key.is(bytes));
        assert!(!fingerprint.is(b"other") && !key.is(b"other"));
        assert_eq!(key.known_host("h", 22).unwrap(), format!("h {LINE}\n"));
        assert_eq!(key.known_host("h", 23).unwrap(), format!("[h]:23 {LINE}\n"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in
            ["", "SHA256:", "SHA256:abc", "ssh-ed25519", "ssh-rsa AAAAC3NzaC1lZDI1NTE5", "MD5:00:11", "@revoked * x"]
        {
            assert!(text.parse::<HostKey>().is_err(), "{text}");
        }
    }
}
