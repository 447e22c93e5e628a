//! Copies of strangers' repositories: a folder for each address, with one or two bare ones.
//!
//! Nothing in a copy is believed because it is there: a commit counts as fetched when a ref in `refs/thymis/` names it,
//! which is the last thing that a fetch writes. An interrupted fetch leaves at most files that no such ref leads to, and
//! the next one removes them.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use git2::{Config, ErrorCode, Repository, RepositoryInitOptions};
use thymis_core::{
    digest::{Digest, Revision},
    reference::FlakeReference,
};

use super::{bare::open_bare, error::found, fetch::error::FetchErrorKind, snapshot::Snapshot, tree::TreeLimits};

/// The file beside the copies.
const LOCK: &str = "lock";
/// How long another process's fetch of the same repository is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with copies of repositories. Several processes may use it at once.
#[derive(Debug, Clone)]
pub(super) struct Copies {
    folder: PathBuf,
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

impl Copies {
    /// `folder` is created when something is fetched.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn io(&self, source: &io::Error) -> FetchErrorKind {
        FetchErrorKind::Io { folder: self.folder.clone(), reason: source.to_string() }
    }

    /// A commit that one of these refs names.
    pub(super) fn snapshot(
        &self,
        url: &FlakeReference,
        revision: Revision,
        names: &[String],
        tree_limits: TreeLimits,
    ) -> Result<Option<Snapshot>, FetchErrorKind> {
        for depth in Depth::ALL {
            if self.keeps(url, depth, names)? {
                let folder = self.copy(url, depth);
                let snapshot = Snapshot::open(&folder, revision, tree_limits)
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

    /// Removes the copies of a repository.
    pub(super) fn forget(&self, url: &FlakeReference) -> Result<(), FetchErrorKind> {
        if !self.own(url).exists() {
            return Ok(());
        }
        let _lock = self.lock(url)?;
        Depth::ALL.into_iter().try_for_each(|depth| self.remove(&self.copy(url, depth)))
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
