use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use git2::{ObjectType, Oid};

use super::error::GitError;

/// The bytes of a file, and the name that git has for them once somebody asked. Clones share both.
#[derive(Clone)]
pub struct Blob(Arc<Inner>);

struct Inner {
    bytes: Box<[u8]>,
    oid: OnceLock<Oid>,
}

impl Blob {
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// # Errors
    /// What libgit2 says.
    pub fn oid(&self) -> Result<Oid, GitError> {
        if let Some(oid) = self.0.oid.get() {
            return Ok(*oid);
        }
        let oid = Oid::hash_object(ObjectType::Blob, self.bytes())?;
        Ok(*self.0.oid.get_or_init(|| oid))
    }
}

impl<T: Into<Box<[u8]>>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(Arc::new(Inner { bytes: bytes.into(), oid: OnceLock::new() }))
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.bytes() == other.bytes()
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&String::from_utf8_lossy(self.bytes())).finish()
    }
}
