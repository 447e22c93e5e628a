//! Fetching one commit of a stranger's repository, in a process of its own: with one credential, limits on memory, time and
//! what arrives, and no files but the one copy that it fills.

mod confine;
mod error;
mod http;
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
use super::{credential::Credential, relation::Between, snapshot::Snapshot, store::Store};

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

/// What is done in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    /// Bring a commit, by default the newest of the ref.
    Fetch { wanted: Wanted, revision: Option<Revision> },
    /// Read what lies between two commits that are here.
    Compare { new: Revision, old: Revision },
}

/// What a task came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Fetched(Box<Done>),
    Compared(Option<Box<Between>>),
}

/// What takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// For another process that has the copy.
    Waiting,
    /// The server has to send.
    Receiving,
    /// What was received is unpacked.
    Reading,
}

/// Fetches into the store's copy.
pub(super) fn fetch(
    store: &Store,
    url: &FlakeReference,
    wanted: Wanted,
    revision: Option<Revision>,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Fetched, FetchError> {
    let mut run = || {
        if url.is_plain_http() && !store.plain_http {
            return Err(FetchErrorKind::PlainHttp);
        }
        let task = Task::Fetch { wanted, revision: revision.or(url.revision()) };
        let Answer::Fetched(done) = perform(store, url, task, progress)? else { return Err(other_answer()) };
        let snapshot = store.kept_snapshot(url, done.revision)?;
        let snapshot = snapshot.ok_or_else(|| FetchErrorKind::Worker("it left no commit".to_owned()))?;
        Ok(Fetched { revision: done.revision, reference: done.reference, refs: done.refs, snapshot })
    };
    run().map_err(|kind: FetchErrorKind| kind.at(url))
}

/// What lies between two commits that were fetched; `None` where the newer one's history wasn't.
pub(super) fn compare(
    store: &Store,
    url: &FlakeReference,
    new: Revision,
    old: Revision,
) -> Result<Option<Between>, FetchError> {
    match perform(store, url, Task::Compare { new, old }, &mut |_| ControlFlow::Continue(())) {
        Ok(Answer::Compared(between)) => Ok(between.map(|between| *between)),
        Ok(Answer::Fetched(_)) => Err(other_answer().at(url)),
        Err(kind) => Err(kind.at(url)),
    }
}

fn other_answer() -> FetchErrorKind {
    FetchErrorKind::Worker("it answered something else".to_owned())
}

/// In a process of its own, where the store has a program to start.
fn perform(
    store: &Store,
    url: &FlakeReference,
    task: Task,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Answer, FetchErrorKind> {
    let credential = store.credentials.of(url);
    match &store.program {
        Some(program) => process::perform(program, store, url, credential, task, progress),
        None => here(store, url, credential, task, &|_| {}, progress),
    }
}

fn here(
    store: &Store,
    url: &FlakeReference,
    credential: Option<&Credential>,
    task: Task,
    phase: &dyn Fn(Phase),
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Answer, FetchErrorKind> {
    match task {
        Task::Fetch { wanted, revision } => {
            let fetch = Fetch { store, url, credential, revision, phase };
            fetch.run(wanted, progress).map(|done| Answer::Fetched(Box::new(done)))
        }
        Task::Compare { new, old } => {
            phase(Phase::Reading);
            let repository = store.history(url, new)?;
            let between = repository.map(|repository| Between::read(&repository, new, old)).transpose()?;
            Ok(Answer::Compared(between.map(Box::new)))
        }
    }
}

impl Store {
    pub(super) fn io(&self, source: &io::Error) -> FetchErrorKind {
        FetchErrorKind::Io { folder: self.folder().to_owned(), reason: source.to_string() }
    }
}
