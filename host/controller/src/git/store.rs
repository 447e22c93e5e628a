//! Copies of strangers' repositories: a folder for each address, with one or two bare ones.
//!
//! Nothing in a copy is believed because it is there: a commit counts as fetched when a ref in `refs/thymis/` names it,
//! which is the last thing that a fetch writes. An interrupted fetch leaves at most files that no such ref leads to, and
//! the next one removes them.

use std::{
    fs::{DirBuilder, File},
    io,
    ops::ControlFlow,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use git2::{Config, ErrorCode, Oid, Repository, RepositoryInitOptions};
use thymis_core::{
    digest::{Digest, Revision},
    reference::FlakeReference,
};

use thymis_sandbox::Limit;

use super::{
    credential::Credentials,
    error::found,
    fetch::{self, FetchError, FetchErrorKind, FetchLimits, FetchProgress, Fetched, PATIENCE, Wanted},
    relation::Between,
    snapshot::Snapshot,
    tree::TreeLimits,
};

/// The files beside the copies.
const LOCK: &str = "lock";

/// A folder with copies of repositories, and how more are fetched into it. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    pub(super) program: Option<PathBuf>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) plain_http: bool,
    pub(super) limits: FetchLimits,
    pub(super) tree_limits: TreeLimits,
}

/// How much of a repository's history is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The commit alone.
    Tip,
    History,
}

impl Depth {
    const ALL: [Self; 2] = [Self::History, Self::Tip];

    fn folder(self) -> &'static str {
        match self {
            Self::Tip => "tips",
            Self::History => "history",
        }
    }
}

impl Store {
    /// One that fetches in this process, with no credentials. `folder` is created when something is fetched.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
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
        Self { folder, ..self.clone() }
    }

    /// Every bound on a fetch, as the program shows them.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let mut limits = self.limits;
        limits.all().into_iter().map(|(name, of, value)| Limit { name, value: *value, ceiling: u64::MAX, of }).collect()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
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
        fetch::fetch(self, url, Wanted::Commit, None, progress)
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
        fetch::fetch(self, url, Wanted::History, None, progress)
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
        fetch::fetch(self, url, Wanted::History, Some(revision), progress)
    }

    /// A commit that was pinned earlier: whether it is on a branch or tag isn't asked again.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_pinned(&self, url: &FlakeReference, revision: Revision) -> Result<Fetched, FetchError> {
        fetch::fetch(self, url, Wanted::Pinned, Some(revision), &mut |_| ControlFlow::Continue(()))
    }

    /// A commit that was fetched before, without any network; `None` where it wasn't.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn snapshot(&self, url: &FlakeReference, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        self.kept_snapshot(url, revision).map_err(|kind| kind.at(url))
    }

    /// As [`Self::snapshot`], of commits only that were found on a branch or tag when they were fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn proven_snapshot(&self, url: &FlakeReference, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        self.snapshot_where(url, revision, &[kept(revision)]).map_err(|kind| kind.at(url))
    }

    /// What lies between two commits; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy, or a history that takes more memory or time than it may.
    pub fn compare(&self, url: &FlakeReference, new: Revision, old: Revision) -> Result<Option<Between>, FetchError> {
        fetch::compare(self, url, new, old)
    }

    pub(super) fn kept_snapshot(
        &self,
        url: &FlakeReference,
        revision: Revision,
    ) -> Result<Option<Snapshot>, FetchErrorKind> {
        self.snapshot_where(url, revision, &[kept(revision), pinned(revision)])
    }

    fn snapshot_where(
        &self,
        url: &FlakeReference,
        revision: Revision,
        names: &[String],
    ) -> Result<Option<Snapshot>, FetchErrorKind> {
        for depth in Depth::ALL {
            if self.keeps(url, depth, names)? {
                let folder = self.copy(url, depth);
                let snapshot = Snapshot::open(&folder, revision, self.tree_limits)
                    .map_err(|error| FetchErrorKind::Damaged { copy: folder, reason: crate::report::chain(&error) })?;
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    /// The copy with the history of a commit, where that was fetched.
    pub(super) fn history(
        &self,
        url: &FlakeReference,
        revision: Revision,
    ) -> Result<Option<Repository>, FetchErrorKind> {
        if !self.keeps(url, Depth::History, &[kept(revision)])? {
            return Ok(None);
        }
        Ok(Some(open_bare(&self.copy(url, Depth::History))?))
    }

    /// Removes the copy of a repository.
    ///
    /// # Errors
    /// A fetch under way, or what the file system says.
    pub fn forget(&self, url: &FlakeReference) -> Result<(), FetchError> {
        let forget = || {
            if !self.own(url).exists() {
                return Ok(());
            }
            let _lock = self.lock(url)?;
            for depth in Depth::ALL {
                self.remove(&self.copy(url, depth))?;
            }
            Ok(())
        };
        forget().map_err(|kind: FetchErrorKind| kind.at(url))
    }

    fn remove(&self, path: &Path) -> Result<(), FetchErrorKind> {
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io(&error)),
            _ => Ok(()),
        }
    }

    /// Whether the copy has one of these refs.
    fn keeps(&self, url: &FlakeReference, depth: Depth, names: &[String]) -> Result<bool, FetchErrorKind> {
        let folder = self.copy(url, depth);
        if !folder.exists() {
            return Ok(false);
        }
        let repository = open_bare(&folder)?;
        for name in names {
            if found(repository.refname_to_id(name)).map_err(FetchErrorKind::Git)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a copy keeps nothing that was fetched.
    fn is_empty(&self, url: &FlakeReference, depth: Depth) -> bool {
        let empty = |repository: Repository| Ok(repository.references_glob("refs/thymis/*/*")?.next().is_none());
        open_bare(&self.copy(url, depth)).and_then(empty).unwrap_or_default()
    }

    /// The folder of one repository.
    fn own(&self, url: &FlakeReference) -> PathBuf {
        self.folder.join(Digest::of(url.fetch_url().as_bytes()).hex())
    }

    pub(super) fn copy(&self, url: &FlakeReference, depth: Depth) -> PathBuf {
        self.own(url).join(depth.folder())
    }

    /// Makes the folder of one repository, and answers which it is.
    pub(super) fn prepare(&self, url: &FlakeReference) -> Result<PathBuf, FetchErrorKind> {
        let own = self.own(url);
        DirBuilder::new().recursive(true).mode(0o700).create(&own).map_err(|error| self.io(&error))?;
        Ok(own)
    }

    /// Held by who changes the copies of one repository. What an interrupted fetch left there is gone then.
    pub(super) fn lock(&self, url: &FlakeReference) -> Result<File, FetchErrorKind> {
        let path = self.prepare(url)?.join(LOCK);
        let Some(file) = lock_file(&path, PATIENCE).map_err(|error| self.io(&error))? else {
            return Err(FetchErrorKind::Busy { seconds: PATIENCE.as_secs() });
        };
        self.remove_leftovers(url)?;
        Ok(file)
    }

    /// Removes what an interrupted fetch left, where nobody fetches just now.
    pub(super) fn sweep(&self, url: &FlakeReference) {
        let lock = lock_file(&self.own(url).join(LOCK), Duration::ZERO);
        if let Ok(Some(_lock)) = lock {
            // The next fetch tries again.
            let _ = self.remove_leftovers(url);
            for depth in Depth::ALL.into_iter().filter(|depth| self.is_empty(url, *depth)) {
                let _ = self.remove(&self.copy(url, depth));
            }
        }
    }

    fn remove_leftovers(&self, url: &FlakeReference) -> Result<(), FetchErrorKind> {
        let own = self.own(url);
        for (name, path) in entries(&own).map_err(|error| self.io(&error))? {
            if name != LOCK && Depth::ALL.iter().all(|depth| name != depth.folder()) {
                self.remove(&path)?;
            }
        }
        for depth in Depth::ALL {
            let packs = self.copy(url, depth).join("objects/pack");
            let whole =
                |name: &str| name.starts_with("pack-") && [".pack", ".idx"].iter().any(|end| name.ends_with(end));
            for (name, path) in entries(&packs).map_err(|error| self.io(&error))? {
                // A pack is found by its index, which comes last.
                if !whole(&name) || name.ends_with(".pack") && !path.with_extension("idx").exists() {
                    self.remove(&path)?;
                }
            }
        }
        Ok(())
    }

    /// The copy, made or made anew where it is missing or unreadable. Call it under the lock.
    pub(super) fn repository(&self, url: &FlakeReference, depth: Depth) -> Result<Repository, FetchErrorKind> {
        let folder = self.copy(url, depth);
        match open_bare(&folder) {
            Ok(repository) => return Ok(repository),
            // There is none. Anything else may pass.
            Err(error) if error.code() == ErrorCode::NotFound => self.remove(&folder)?,
            Err(error) => return Err(error.into()),
        }
        let fresh =
            tempfile::Builder::new().prefix("new-").tempdir_in(self.own(url)).map_err(|error| self.io(&error))?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("main");
        Repository::init_opts(fresh.path(), &options)?;
        // A ref must not outlive the objects that it names, not even where the power is cut.
        Config::open(&fresh.path().join("config"))?.set_bool("core.fsyncObjectFiles", true)?;
        std::fs::rename(fresh.keep(), &folder).map_err(|error| self.io(&error))?;
        Ok(open_bare(&folder)?)
    }
}

/// Names and paths in a folder; none where there is no folder.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|it| (it.file_name().to_string_lossy().into_owned(), it.path()))).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The ref of a commit that was found on a branch or tag.
pub(super) fn kept(revision: Revision) -> String {
    format!("refs/thymis/kept/{revision}")
}

/// The ref of a commit that was asked for by itself.
pub(super) fn pinned(revision: Revision) -> String {
    format!("refs/thymis/pinned/{revision}")
}

pub(super) fn oid(revision: Revision) -> Result<Oid, git2::Error> {
    revision.to_string().parse()
}

/// Opens a bare repository with its own configuration only: the user's may rewrite addresses.
pub(super) fn open_bare(folder: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(folder)?;
    repository.set_config(&Config::open(&folder.join("config"))?)?;
    Ok(repository)
}

/// An exclusive lock that ends with the returned file, `None` where another holds it all the time.
pub(super) fn lock_file(path: &Path, patience: Duration) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) if begin.elapsed() >= patience => return Ok(None),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}
