//! What must not be used any more, whatever a lock says.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    digest::{Digest, Revision},
    grant::{Entry, Grant, Pin},
    json::{self, JsonError, JsonErrorKind},
    untrusted,
};

const VERSION: u32 = 1;
/// Longest reason, in bytes.
pub const MAX_REASON: usize = 512;

/// Grants and components that were revoked, by digest, and revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Revoked {
    pub version: u32,
    pub digests: BTreeMap<Digest, Revocation>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<Revision, Revocation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Revocation {
    pub reason: String,
    /// Seconds since 1970.
    pub at: u64,
}

impl Revocation {
    /// A reason of more than [`MAX_REASON`] bytes is cut.
    #[must_use]
    pub fn new(reason: &str, at: u64) -> Self {
        let room = MAX_REASON - if reason.len() > MAX_REASON { '…'.len_utf8() } else { 0 };
        Self { reason: untrusted::cut(reason, room).into_owned(), at }
    }
}

/// What can be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocable {
    /// A grant or a component.
    Digest(Digest),
    Revision(Revision),
}

impl fmt::Display for Revocable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "{digest}"),
            Self::Revision(revision) => write!(f, "the revision {revision}"),
        }
    }
}

impl Default for Revoked {
    fn default() -> Self {
        Self { version: VERSION, digests: BTreeMap::new(), revisions: BTreeMap::new() }
    }
}

impl Revoked {
    /// # Errors
    /// When the bytes of `file` are none, or of a version that this program doesn't know.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, JsonError> {
        let revoked: Self = json::object(file, bytes)?;
        if revoked.version != VERSION {
            let kind = JsonErrorKind::Newer { found: u64::from(revoked.version), known: VERSION };
            return Err(JsonError { file: file.to_owned(), kind });
        }
        Ok(revoked)
    }

    /// What of a grant is revoked: itself, or a component.
    #[must_use]
    pub fn of(&self, grant: &Grant) -> Option<(Digest, &Revocation)> {
        digests(grant).find_map(|digest| Some((digest, self.digests.get(&digest)?)))
    }

    /// Whether the revision is revoked, accepted or not.
    #[must_use]
    pub fn of_pin(&self, pin: &Pin) -> Option<(Revision, &Revocation)> {
        Some((pin.revision, self.revisions.get(&pin.revision)?))
    }

    /// What of an input is revoked: the grant, a component, or the revision that it is pinned to.
    #[must_use]
    pub fn of_entry(&self, entry: &Entry) -> Option<(Revocable, &Revocation)> {
        let granted = || self.of(entry.grant.as_ref()?);
        let pinned = || self.of_pin(&entry.pin);
        granted()
            .map(|(digest, revocation)| (Revocable::Digest(digest), revocation))
            .or_else(|| pinned().map(|(revision, revocation)| (Revocable::Revision(revision), revocation)))
    }

    /// Answers whether it is new. What was revoked already stays as it is.
    pub fn insert(&mut self, what: Revocable, revocation: Revocation) -> bool {
        fn add<K: Ord>(to: &mut BTreeMap<K, Revocation>, what: K, revocation: Revocation) -> bool {
            let before = to.len();
            to.entry(what).or_insert(revocation);
            to.len() > before
        }
        match what {
            Revocable::Digest(digest) => add(&mut self.digests, digest, revocation),
            Revocable::Revision(revision) => add(&mut self.revisions, revision, revocation),
        }
    }
}

/// What names a grant: its own digest and those of its components, which other revisions may have too.
pub fn digests(grant: &Grant) -> impl Iterator<Item = Digest> {
    std::iter::once(grant.digest).chain(grant.terms.components.values().map(|component| component.digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::NarHash,
        grant::{ComponentTerms, Terms},
    };

    const FILE: &str = "revoked.json";

    fn entry() -> Entry {
        let pin = Pin {
            url: "git+https://example.org/x".to_owned(),
            revision: Revision::from_bytes([1; 20]),
            nar_hash: NarHash::from_bytes([1; 32]),
            last_modified: 1,
            inputs: BTreeMap::new(),
        };
        let component = ComponentTerms { digest: Digest::of(b"wasm"), permissions: Vec::new() };
        let terms = Terms {
            manifest: Digest::of(b"manifest"),
            components: BTreeMap::from([("x.wasm".to_owned(), component)]),
            device_types: BTreeMap::new(),
        };
        Entry { grant: Some(Grant { digest: terms.digest(&pin), terms }), ..Entry::pinned(pin) }
    }

    #[test]
    fn a_file_of_today_stays_as_it_is_and_revisions_are_read_back() {
        let digest = Digest::of(b"wasm");
        let today = format!(
            "{{\n  \"version\": 1,\n  \"digests\": {{\n    \"{digest}\": {{\n      \"reason\": \"r\",\n      \"at\": 7\n    }}\n  }}\n}}\n"
        );
        let mut revoked = Revoked::parse(FILE, today.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(json::write(&revoked).unwrap()).unwrap(), today);
        assert!(revoked.insert(Revocable::Revision(entry().pin.revision), Revocation::new("s", 8)));
        assert_eq!(Revoked::parse(FILE, &json::write(&revoked).unwrap()), Ok(revoked));
    }

    #[test]
    fn an_input_is_revoked_by_grant_component_or_revision() {
        let entry = entry();
        let (grant, pin) = (entry.grant.as_ref().unwrap().digest, entry.pin.revision);
        assert_eq!(Revoked::default().of_entry(&entry), None);
        for what in [Revocable::Digest(grant), Revocable::Digest(Digest::of(b"wasm")), Revocable::Revision(pin)] {
            let mut revoked = Revoked::default();
            revoked.insert(what, Revocation::new("r", 1));
            assert_eq!(revoked.of_entry(&entry).map(|(found, _)| found), Some(what));
        }
        // Nobody has to have accepted a bad revision for it to be one.
        let mut revoked = Revoked::default();
        revoked.insert(Revocable::Revision(pin), Revocation::new("r", 1));
        let (what, _) = revoked.of_entry(&Entry::pinned(entry.pin)).unwrap();
        assert_eq!(what.to_string(), "the revision 0101010101010101010101010101010101010101");
    }

    #[test]
    fn the_first_reason_stays_and_is_short() {
        let mut revoked = Revoked::default();
        let what = Revocable::Digest(Digest::of(b"wasm"));
        assert!(revoked.insert(what, Revocation::new("first", 1)));
        assert!(!revoked.insert(what, Revocation::new("second", 2)));
        assert_eq!(revoked.digests[&Digest::of(b"wasm")], Revocation::new("first", 1));

        assert_eq!(Revocation::new(&"x".repeat(MAX_REASON), 1).reason.len(), MAX_REASON);
        let cut = Revocation::new(&"é".repeat(MAX_REASON), 1).reason;
        assert!(cut.len() <= MAX_REASON && cut.ends_with("é…"), "{cut}");
    }
}
