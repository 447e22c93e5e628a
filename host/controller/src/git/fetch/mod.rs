//! Fetching one commit of a stranger's repository, in a process of its own: with one credential, limits on memory, time and
//! what arrives, and no files but the one copy that it fills.

mod confine;
pub(super) mod error;
mod http;
mod limits;
mod process;
mod refs;
mod remote;
mod worker;

use std::{ops::ControlFlow, path::Path};

use serde::{Deserialize, Serialize};
use thymis_core::{digest::Revision, reference::FlakeReference};

pub use error::{FetchError, FetchErrorKind};
pub use limits::FetchLimits;
pub use refs::Refs;
pub use worker::{COMMAND, serve};

use self::remote::Fetch;
use super::{copies::Copies, credential::Credential, relation::Between, tree::TreeLimits};

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

/// What a fetch came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Done {
    pub(super) revision: Revision,
    /// Full name of the ref that led to it, where the remote says so: `refs/heads/main`.
    pub(super) reference: Option<String>,
    pub(super) refs: Refs,
}

/// What is done in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// Bring a commit, by default the newest of the ref.
    Fetch { wanted: Wanted, revision: Option<Revision> },
    /// Read what lies between two commits that are here.
    Compare { new: Revision, old: Revision },
}

/// What a task came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
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

/// On what a task works, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) copies: &'a Copies,
    pub(super) url: &'a FlakeReference,
    pub(super) credential: Option<&'a Credential>,
    pub(super) limits: FetchLimits,
    pub(super) tree_limits: TreeLimits,
}

/// Does a task in a process of its own, where there is a program to start.
pub(super) fn perform(
    program: Option<&Path>,
    work: &Work<'_>,
    task: Task,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Answer, FetchErrorKind> {
    match program {
        Some(program) => process::perform(program, work, task, progress),
        None => here(work, task, &|_| {}, progress),
    }
}

fn here(
    work: &Work<'_>,
    task: Task,
    phase: &dyn Fn(Phase),
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Answer, FetchErrorKind> {
    match task {
        Task::Fetch { wanted, revision } => {
            Fetch { work, revision, phase }.run(wanted, progress).map(|done| Answer::Fetched(Box::new(done)))
        }
        Task::Compare { new, old } => {
            phase(Phase::Reading);
            let repository = work.copies.history(work.url, new)?;
            let between = repository.map(|repository| Between::read(&repository, new, old)).transpose()?;
            Ok(Answer::Compared(between.map(Box::new)))
        }
    }
}
