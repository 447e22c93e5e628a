//! Copies of strangers' repositories, one or two bare ones per address.
//!
//! Nothing in a copy is believed because it is there: a commit counts as fetched when a ref in `refs/thymis/kept/` names it,
//! which is the last thing that a fetch writes. An interrupted fetch leaves at most objects that no such ref names.

use std::{
    fs::{DirBuilder, File},
    io,
    ops::ControlFlow,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use git2::{Config, Oid, Repository, RepositoryInitOptions};
use thymis_core::digest::{Digest, Revision};

use super::{
    error::{GitError, found},
    fetch::{Fetch, FetchError, FetchLimits, FetchProgress, Fetched, PATIENCE},
    snapshot::Snapshot,
    tree::TreeLimits,
    url::GitUrl,
};

/// A folder with copies of repositories. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    pub(super) tree_limits: TreeLimits,
}

/// How much of a repository's history is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The commit alone.
    Tip,
    History,
}

impl Store {
    /// `folder` is created when something is fetched.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, tree_limits: TreeLimits::default() }
    }

    /// Bounds on what is read from commits.
    #[must_use]
    pub fn with_tree_limits(self, tree_limits: TreeLimits) -> Self {
        Self { tree_limits, ..self }
    }

    /// Fetches the commit that `url` names: its `rev`, else the tip of its `ref`, else the remote's `HEAD`. A `rev` must be
    /// reachable from `ref`, or where none is given from any branch or tag. Over HTTPS a tip is fetched without history.
    ///
    /// `progress` is called whenever something was received, and may stop the fetch.
    ///
    /// # Errors
    /// See [`FetchError`]; what was fetched earlier stays usable.
    pub fn fetch(
        &self,
        url: &GitUrl,
        limits: &FetchLimits,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        // libgit2 can't fetch without history from a folder.
        let depth = if url.local_path().is_some() { Depth::History } else { Depth::Tip };
        Fetch { store: self, url, limits }.run(depth, progress)
    }

    /// As [`Self::fetch`], always with the whole history, so that [`Self::descends`] has an answer.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_history(
        &self,
        url: &GitUrl,
        limits: &FetchLimits,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        Fetch { store: self, url, limits }.run(Depth::History, progress)
    }

    /// A commit that was fetched before, without any network; `None` where it wasn't.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn snapshot(&self, url: &GitUrl, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        for depth in [Depth::History, Depth::Tip] {
            let folder = self.copy(url, depth);
            if self.keeps(url, depth, revision)? {
                return Ok(Some(Snapshot::open(&folder, revision, self.tree_limits)?));
            }
        }
        Ok(None)
    }

    /// Whether `new` is `old` or comes after it; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn descends(&self, url: &GitUrl, new: Revision, old: Revision) -> Result<Option<bool>, FetchError> {
        if !self.keeps(url, Depth::History, new)? {
            return Ok(None);
        }
        let git = |source: git2::Error| FetchError::Git { url: Box::new(url.clone()), source: source.into() };
        let repository = open_bare(&self.copy(url, Depth::History)).map_err(git)?;
        let (new, old) = (oid(new).map_err(git)?, oid(old).map_err(git)?);
        if new == old {
            return Ok(Some(true));
        }
        match repository.find_commit(old) {
            Ok(_) => repository.graph_descendant_of(new, old).map(Some).map_err(git),
            Err(_) => Ok(Some(false)),
        }
    }

    /// Removes the copy of a repository.
    ///
    /// # Errors
    /// A fetch under way, or what the file system says.
    pub fn forget(&self, url: &GitUrl) -> Result<(), FetchError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let _lock = self.lock(url)?;
        for depth in [Depth::History, Depth::Tip] {
            self.remove(&self.copy(url, depth))?;
        }
        Ok(())
    }

    fn remove(&self, folder: &Path) -> Result<(), FetchError> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn keeps(&self, url: &GitUrl, depth: Depth, revision: Revision) -> Result<bool, FetchError> {
        let folder = self.copy(url, depth);
        if !folder.exists() {
            return Ok(false);
        }
        let git = |source: GitError| FetchError::Git { url: Box::new(url.clone()), source };
        let repository = open_bare(&folder).map_err(|error| git(error.into()))?;
        Ok(found(repository.refname_to_id(&kept(revision))).map_err(git)?.is_some())
    }

    fn name(url: &GitUrl) -> String {
        Digest::of(url.repository().to_string().as_bytes()).hex()
    }

    pub(super) fn copy(&self, url: &GitUrl, depth: Depth) -> PathBuf {
        let suffix = if depth == Depth::Tip { "tips" } else { "git" };
        self.folder.join(format!("{}.{suffix}", Self::name(url)))
    }

    pub(super) fn lock(&self, url: &GitUrl) -> Result<File, FetchError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| self.io(error))?;
        let path = self.folder.join(format!("{}.lock", Self::name(url)));
        match lock_file(&path, PATIENCE).map_err(|error| self.io(error))? {
            Some(file) => Ok(file),
            None => Err(FetchError::Busy { url: Box::new(url.clone()) }),
        }
    }

    /// The copy, made or made anew where it is missing or unreadable. Call it under the lock.
    pub(super) fn repository(&self, url: &GitUrl, depth: Depth) -> Result<Repository, FetchError> {
        let folder = self.copy(url, depth);
        if let Ok(repository) = open_bare(&folder) {
            return Ok(repository);
        }
        let git = |source: git2::Error| FetchError::Git { url: Box::new(url.clone()), source: source.into() };
        self.remove(&folder)?;
        let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder).map_err(|error| self.io(error))?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("main");
        Repository::init_opts(fresh.path(), &options).map_err(git)?;
        // Connecting reads this one; it has no option of its own.
        Config::open(&fresh.path().join("config"))
            .and_then(|mut config| config.set_bool("http.followRedirects", false))
            .map_err(git)?;
        std::fs::rename(fresh.keep(), &folder).map_err(|error| self.io(error))?;
        open_bare(&folder).map_err(git)
    }

    fn io(&self, source: io::Error) -> FetchError {
        FetchError::Io { folder: self.folder.clone(), source }
    }
}

pub(super) fn kept(revision: Revision) -> String {
    format!("refs/thymis/kept/{revision}")
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
