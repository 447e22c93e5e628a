//! Git, by libgit2 only: no `git` program, no hooks, no filters, no checkout.
//!
//! Reading strangers' repositories: a [`GitUrl`] is fetched into a [`Store`], one commit of which is a [`Snapshot`] of raw
//! blobs, whose [`Snapshot::nar_hash`] is what Nix would compute for the same files.
//! Writing the project: a [`ProjectRepository`] writes trees and refs, and brings generated files into the work tree.

mod error;
mod fetch;
mod history;
mod nar;
mod objects;
mod path;
mod project;
mod snapshot;
mod store;
mod tree;
mod url;
mod worktree;

#[cfg(test)]
mod tests;

pub use error::GitError;
pub use fetch::{FetchError, FetchLimits, FetchProgress, Fetched};
pub use git2::Oid;
pub use history::{Author, DRAFT_REF, Draft, HistoryError, ProjectLock, ProjectRepository, WORKTREE_REF};
pub use objects::{Content, WriteError};
pub use path::{PathError, check_path};
pub use project::{Applied, ApplyError, Generated};
pub use snapshot::{Snapshot, SnapshotError};
pub use store::Store;
pub use tree::{Entry, Kind, TreeError, TreeLimits};
pub use url::{GitUrl, UrlError};
pub use worktree::{Foreign, ForeignKind, WorktreeError};
