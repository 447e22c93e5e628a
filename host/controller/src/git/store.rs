//! Fetching strangers' repositories into copies, and reading them there.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use thymis_core::{digest::Revision, reference::FlakeReference};
use thymis_sandbox::Limit;

use super::{
    copies::{Copies, kept, pinned},
    credential::Credentials,
    fetch::{Answer, FetchError, FetchErrorKind, FetchLimits, FetchProgress, Refs, Task, Wanted, Work, perform},
    relation::Between,
    snapshot::Snapshot,
    tree::TreeLimits,
};

/// One commit, fetched.
#[derive(Debug)]
pub struct Fetched {
    pub revision: Revision,
    /// Full name of the ref that led to it, where the remote says so: `refs/heads/main`.
    pub reference: Option<String>,
    pub refs: Refs,
    pub snapshot: Snapshot,
}

/// A folder with copies of repositories, and how more are fetched into it. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Store {
    copies: Copies,
    program: Option<PathBuf>,
    credentials: Arc<Credentials>,
    plain_http: bool,
    limits: FetchLimits,
    tree_limits: TreeLimits,
}

impl Store {
    /// One that fetches in this process, with no credentials. `folder` is created when something is fetched.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            copies: Copies::new(folder),
            program: None,
            credentials: Arc::default(),
            plain_http: false,
            limits: FetchLimits::default(),
            tree_limits: TreeLimits::default(),
        }
    }

    /// Fetches in processes of their own: `program`, started with [`super::FETCH_WORKER`].
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Arc::new(credentials), ..self }
    }

    /// Also from other machines by HTTP without encryption.
    #[must_use]
    pub fn with_plain_http(self, plain_http: bool) -> Self {
        Self { plain_http, ..self }
    }

    /// Whether a repository is fetched with a credential.
    #[must_use]
    pub fn has_credential(&self, url: &FlakeReference) -> bool {
        self.credentials.of(url).is_some()
    }

    #[must_use]
    pub fn allows_plain_http(&self) -> bool {
        self.plain_http
    }

    /// Bounds on what is fetched.
    #[must_use]
    pub fn with_limits(self, limits: FetchLimits) -> Self {
        Self { limits, ..self }
    }

    /// Bounds on what is read from commits.
    #[must_use]
    pub fn with_tree_limits(self, tree_limits: TreeLimits) -> Self {
        Self { tree_limits, ..self }
    }

    /// The same with copies elsewhere.
    #[must_use]
    pub fn elsewhere(&self, folder: PathBuf) -> Self {
        Self { copies: Copies::new(folder), ..self.clone() }
    }

    /// Every bound on a fetch, as the program shows them.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let mut limits = self.limits;
        limits.all().into_iter().map(|(name, of, value)| Limit { name, value: *value, ceiling: u64::MAX, of }).collect()
    }

    /// Fetches the commit that `url` names: its revision, else the tip of its ref, else the remote's `HEAD`. A revision must be
    /// reachable from the ref, or where none is given from any branch or tag. From servers a tip is fetched without history.
    ///
    /// `progress` is called whenever something was received, and may stop the fetch.
    ///
    /// # Errors
    /// See [`FetchErrorKind`]; what was fetched earlier stays usable.
    pub fn fetch(
        &self,
        url: &FlakeReference,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        self.bring(url, Wanted::Commit, None, progress)
    }

    /// As [`Self::fetch`], always with the whole history, so that [`Self::compare`] has an answer.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_history(
        &self,
        url: &FlakeReference,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        self.bring(url, Wanted::History, None, progress)
    }

    /// A commit on the ref of `url`, or where it names none on any branch or tag, with what came before it.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_revision(
        &self,
        url: &FlakeReference,
        revision: Revision,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        self.bring(url, Wanted::History, Some(revision), progress)
    }

    /// A commit that was pinned earlier: whether it is on a branch or tag isn't asked again.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_pinned(&self, url: &FlakeReference, revision: Revision) -> Result<Fetched, FetchError> {
        self.bring(url, Wanted::Pinned, Some(revision), &mut |_| ControlFlow::Continue(()))
    }

    /// A commit that was fetched before, without any network; `None` where it wasn't.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn snapshot(&self, url: &FlakeReference, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        self.read(url, revision).map_err(|kind| kind.at(url))
    }

    /// As [`Self::snapshot`], of commits only that were found on a branch or tag when they were fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn proven_snapshot(&self, url: &FlakeReference, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        self.copies.snapshot(url, revision, &[kept(revision)], self.tree_limits).map_err(|kind| kind.at(url))
    }

    /// What lies between two commits; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy, or a history that takes more memory or time than it may.
    pub fn compare(&self, url: &FlakeReference, new: Revision, old: Revision) -> Result<Option<Between>, FetchError> {
        match self.perform(url, Task::Compare { new, old }, &mut |_| ControlFlow::Continue(())) {
            Ok(Answer::Compared(between)) => Ok(between.map(|between| *between)),
            Ok(Answer::Fetched(_)) => Err(other_answer().at(url)),
            Err(kind) => Err(kind.at(url)),
        }
    }

    /// Removes the copies of a repository.
    ///
    /// # Errors
    /// A fetch under way, or what the file system says.
    pub fn forget(&self, url: &FlakeReference) -> Result<(), FetchError> {
        self.copies.forget(url).map_err(|kind| kind.at(url))
    }

    fn read(&self, url: &FlakeReference, revision: Revision) -> Result<Option<Snapshot>, FetchErrorKind> {
        self.copies.snapshot(url, revision, &[kept(revision), pinned(revision)], self.tree_limits)
    }

    fn bring(
        &self,
        url: &FlakeReference,
        wanted: Wanted,
        revision: Option<Revision>,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        let mut run = || {
            if url.is_plain_http() && !self.plain_http {
                return Err(FetchErrorKind::PlainHttp);
            }
            let task = Task::Fetch { wanted, revision: revision.or(url.revision()) };
            let Answer::Fetched(done) = self.perform(url, task, progress)? else { return Err(other_answer()) };
            let snapshot = self.read(url, done.revision)?;
            let snapshot = snapshot.ok_or_else(|| FetchErrorKind::Worker("it left no commit".to_owned()))?;
            Ok(Fetched { revision: done.revision, reference: done.reference, refs: done.refs, snapshot })
        };
        run().map_err(|kind| match kind {
            FetchErrorKind::NoCredential { advice, .. } => {
                FetchErrorKind::NoCredential { advice, others: self.credentials.count() }.at(url)
            }
            kind => kind.at(url),
        })
    }

    fn perform(
        &self,
        url: &FlakeReference,
        task: Task,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Answer, FetchErrorKind> {
        let work = Work {
            copies: &self.copies,
            url,
            credential: self.credentials.of(url),
            limits: self.limits,
            tree_limits: self.tree_limits,
        };
        perform(self.program.as_deref(), &work, task, progress)
    }
}

fn other_answer() -> FetchErrorKind {
    FetchErrorKind::Worker("it answered something else".to_owned())
}
