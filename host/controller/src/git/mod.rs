//! Git, by libgit2 only: no `git` program, no hooks, no filters, no checkout.
//!
//! Reading strangers' repositories: a flake reference is fetched into a [`Store`], one commit of which is a [`Snapshot`] of
//! raw blobs, whose [`Snapshot::nar_hash`] is what Nix would compute for the same files. What opens private ones are
//! [`Credentials`].
//! Writing the project: a [`ProjectRepository`] writes trees and refs, and brings generated files into the work tree.

mod bare;
mod blob;
mod copies;
mod credential;
mod error;
mod fetch;
mod history;
mod host_key;
mod nar;
mod objects;
mod path;
mod project;
mod relation;
mod snapshot;
mod stamp;
mod store;
mod tree;
mod unfinished;
mod worktree;

#[cfg(test)]
mod tests;

pub use blob::Blob;
pub use credential::{CredentialError, CredentialProblem, Credentials};
pub use error::GitError;
pub use fetch::{
    COMMAND as FETCH_WORKER, FetchError, FetchErrorKind, FetchLimits, FetchProgress, Refs, serve as fetch_worker,
};
pub use git2::Oid;
pub use history::{Author, DRAFT_REF, Draft, HistoryError, ProjectLock, ProjectRepository, WORKTREE_REF};
pub use host_key::{HostKey, HostKeyError};
pub(crate) use nar::folder_hash;
pub use objects::{Content, WriteError};
pub use path::{PathError, check_path};
pub use project::{Applied, ApplyError, Generated};
pub use relation::{Between, Commit, Relation};
pub use snapshot::{Snapshot, SnapshotError};
pub(crate) use stamp::Stamp;
pub use store::{Fetched, Store};
pub use tree::{Entry, Kind, TreeError, TreeLimits};
pub use worktree::{Foreign, ForeignKind, WorktreeError};
