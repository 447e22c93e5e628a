//! Errors of libgit2 and of servers, fit to be shown.

use serde::{Deserialize, Serialize};
use thymis_core::untrusted;

/// The longest text that is shown, in characters: room for a path and the reason behind it.
const SHOWN: usize = 400;

/// What libgit2 said, or why a server can't be talked to. The text may quote a stranger's server, so it is shown as one short line, and is no `source` that
/// would be shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", untrusted::line(&.0.chars().take(SHOWN).collect::<String>()))]
pub struct GitError(String);

impl GitError {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl From<git2::Error> for GitError {
    fn from(error: git2::Error) -> Self {
        Self(error.message().to_owned())
    }
}

/// `None` where the thing does not exist.
pub(super) fn found<T>(result: Result<T, git2::Error>) -> Result<Option<T>, GitError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::UnbornBranch) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
