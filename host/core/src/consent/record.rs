use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MAX_WHO, Past, VERSION};
use crate::{
    digest::{Digest, NarHash, Revision},
    grant::Pin,
    id::InputName,
    untrusted,
};

/// What somebody did to an input. Made with [`Record::new`], then filled with what is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Record {
    pub(super) version: u32,
    /// The digest of the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Digest>,
    /// Seconds since 1970.
    pub at: u64,
    pub who: Who,
    pub action: Action,
    /// Its name at the time.
    pub input: InputName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nar_hash: Option<NarHash>,
    /// The digest of the grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Action {
    /// Pinned, or pinned anew. Nothing is accepted by that.
    Added,
    Accepted,
    /// Moved to a newer revision, which asked for nothing more.
    Updated,
    /// An update that waited, which the record names, was dismissed.
    Withdrawn,
    /// Updates leave it where it is.
    Held,
    Released,
    /// Moved to an earlier revision.
    RolledBack,
    Renamed {
        to: InputName,
    },
    Removed,
    /// The grant was; it isn't accepted any more.
    Revoked {
        reason: String,
    },
}

/// Who did it, in one plain line of at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Who(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`who` must be one line of at most {MAX_WHO} bytes without control characters")]
pub struct WhoError;

impl Who {
    /// What disturbs is escaped, what is too long is cut.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = untrusted::line(&untrusted::cut(name, MAX_WHO));
        let room = if name.len() > MAX_WHO { MAX_WHO - '…'.len_utf8() } else { MAX_WHO };
        Self(untrusted::cut(&name, room).into_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Who {
    type Error = WhoError;

    fn try_from(name: String) -> Result<Self, WhoError> {
        if name.len() <= MAX_WHO && untrusted::is_plain(&name) { Ok(Self(name)) } else { Err(WhoError) }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Record {
    /// `at`: seconds since 1970.
    #[must_use]
    pub fn new(at: u64, who: Who, action: Action, input: InputName) -> Self {
        let (url, revision, nar_hash, grant) = (None, None, None, None);
        Self { version: VERSION, previous: None, at, who, action, input, url, revision, nar_hash, grant }
    }

    /// The revision that it is about, and the digest of the grant there.
    #[must_use]
    pub fn of(self, pin: &Pin, grant: Option<Digest>) -> Self {
        let (url, revision, nar_hash) = (Some(pin.url.clone()), Some(pin.revision), Some(pin.nar_hash));
        Self { url, revision, nar_hash, grant, ..self }
    }

    /// The digest of the line before; `None` in the first.
    #[must_use]
    pub fn previous(&self) -> Option<Digest> {
        self.previous
    }

    pub(super) fn past(&self) -> Option<Past<'_>> {
        let (url, revision, nar_hash) = (self.url.as_deref()?, self.revision?, self.nar_hash?);
        Some(Past { since: self.at, url, revision, nar_hash, grant: self.grant })
    }
}
