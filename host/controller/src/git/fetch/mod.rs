//! Fetching one commit of a stranger's repository, in a process of its own: with one credential, limits on memory, time and
//! what arrives, and no files but the one copy that it fills.

mod confine;
mod error;
mod limits;
mod process;
mod refs;
mod remote;
mod worker;

use std::{io, ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize};
use thymis_core::{digest::Revision, reference::FlakeReference};

pub use error::{FetchError, FetchErrorKind};
pub use limits::FetchLimits;
pub use refs::Refs;
pub use worker::{COMMAND, serve};

use self::remote::Fetch;
use super::{snapshot::Snapshot, store::Store};

/// How long another process's fetch of the same repository is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How far a fetch has come.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct FetchProgress {
    pub bytes: u64,
    pub objects: u64,
    /// 0 while the remote still counts.
    pub total_objects: u64,
    /// Differences that were put together again.
    pub deltas: u64,
}

/// What of a repository is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Wanted {
    /// The commit alone, proven to be on a branch or tag.
    Commit,
    /// The same with all that came before it.
    History,
    /// The commit alone. That it is on a branch or tag was proven when it was pinned.
    Pinned,
}

/// One commit, fetched.
#[derive(Debug)]
pub struct Fetched {
    pub revision: Revision,
    /// Full name of the ref that led to it, where the remote says so: `refs/heads/main`.
    pub reference: Option<String>,
    pub refs: Refs,
    pub snapshot: Snapshot,
}

/// What a fetch came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Done {
    revision: Revision,
    reference: Option<String>,
    refs: Refs,
}

/// Fetches into the store's copy, in a process of its own where the store has a program to start.
pub(super) fn fetch(
    store: &Store,
    url: &FlakeReference,
    wanted: Wanted,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Fetched, FetchError> {
    let mut run = || {
        if url.is_plain_http() && !store.plain_http {
            return Err(FetchErrorKind::PlainHttp);
        }
        let credential = store.credentials.of(url);
        let done = match &store.program {
            Some(program) => process::fetch(program, store, url, credential, wanted, progress)?,
            None => Fetch { store, url, credential }.run(wanted, progress)?,
        };
        let snapshot = store.kept_snapshot(url, done.revision)?;
        let snapshot = snapshot.ok_or_else(|| FetchErrorKind::Worker("it left no commit".to_owned()))?;
        Ok(Fetched { revision: done.revision, reference: done.reference, refs: done.refs, snapshot })
    };
    run().map_err(|kind: FetchErrorKind| kind.at(url))
}

impl Store {
    pub(super) fn io(&self, source: &io::Error) -> FetchErrorKind {
        FetchErrorKind::Io { folder: self.folder().to_owned(), reason: source.to_string() }
    }
}
