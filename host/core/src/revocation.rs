//! What must not be used any more, whatever a lock says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    grant::Grant,
    json::{self, JsonError, JsonErrorKind},
};

const VERSION: u32 = 1;
/// Longest reason, in bytes.
pub const MAX_REASON: usize = 512;

/// Grants and components that were revoked, by digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Revoked {
    pub version: u32,
    pub digests: BTreeMap<Digest, Revocation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Revocation {
    pub reason: String,
    /// Seconds since 1970.
    pub at: u64,
}

impl Default for Revoked {
    fn default() -> Self {
        Self { version: VERSION, digests: BTreeMap::new() }
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
}

/// What names a grant: its own digest and those of its components, which other revisions may have too.
pub fn digests(grant: &Grant) -> impl Iterator<Item = Digest> {
    std::iter::once(grant.digest).chain(grant.terms.components.values().map(|component| component.digest))
}
