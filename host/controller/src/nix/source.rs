//! The files of flakes as Nix sees them: each below the name that its NAR hash gives it in the store.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use thymis_core::{digest::NarHash, store_path::SourcePath};

/// What names of what is being removed begin with.
const DOOMED: &str = ".old-";

/// Files that Nix may see as a path of its store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub path: SourcePath,
    pub hash: NarHash,
    /// Where they are.
    pub folder: PathBuf,
}

impl Source {
    /// Puts the files into another folder of the same file system, without copying them.
    pub(super) fn link_into(&self, store: &Path) -> io::Result<()> {
        link(&self.folder, &store.join(self.path.name()))
    }
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir(to)?;
        fs::read_dir(from)?.try_for_each(|entry| {
            let name = entry?.file_name();
            link(&from.join(&name), &to.join(&name))
        })
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)
    } else {
        fs::hard_link(from, to)
    }
}

/// Why files can't be shown to Nix.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{} can't be written", folder.display())]
    Io { folder: PathBuf, source: io::Error },
    #[error(
        "the files have the NAR hash {found}, and {expected} was expected: restore modules.lock and flake.lock from git, or pin the input anew with `thymis input add --replace`"
    )]
    Hash { found: NarHash, expected: NarHash },
    #[error(transparent)]
    Tree(#[from] crate::git::TreeError),
    #[error(transparent)]
    History(#[from] crate::git::HistoryError),
}

/// A folder of sources. Several processes may use it at once.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    folder: PathBuf,
    /// How long one is kept that nothing uses.
    kept: Duration,
}

impl Sources {
    /// `folder` is created when something is kept.
    pub(super) fn new(folder: PathBuf, kept: Duration) -> Self {
        Self { folder, kept }
    }

    /// The files with this hash, if they are here.
    pub(super) fn get(&self, hash: &NarHash) -> Option<Source> {
        let path = SourcePath::of(hash);
        let folder = self.folder.join(path.name());
        if !fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir()) {
            return None;
        }
        // So that it isn't swept for a while.
        if let Ok(folder) = fs::File::open(&folder) {
            let _ = folder.set_modified(SystemTime::now());
        }
        Some(Source { path, hash: *hash, folder })
    }

    /// Keeps files that `write` puts into a folder that isn't there yet; answers their NAR hash.
    pub(super) fn add(
        &self,
        expected: Option<&NarHash>,
        write: &dyn Fn(&Path) -> Result<NarHash, SourceError>,
    ) -> Result<Source, SourceError> {
        if let Some(known) = expected.and_then(|hash| self.get(hash)) {
            return Ok(known);
        }
        let failed = |source| SourceError::Io { folder: self.folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        self.sweep();
        let scratch = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.folder).map_err(failed)?;
        let files = scratch.path().join("source");
        let found = write(&files)?;
        if let Some(expected) = expected.filter(|expected| **expected != found) {
            return Err(SourceError::Hash { found, expected: *expected });
        }
        let path = SourcePath::of(&found);
        let folder = self.folder.join(path.name());
        match fs::rename(&files, &folder) {
            // Another process was faster, with the same files.
            Err(_) if folder.is_dir() => {}
            renamed => renamed.map_err(failed)?,
        }
        Ok(Source { path, hash: found, folder })
    }

    /// As [`Self::add`], of files that have a name of their own beside their hash: letters and digits.
    pub(super) fn add_named(
        &self,
        name: &str,
        write: &dyn Fn(&Path) -> Result<NarHash, SourceError>,
    ) -> Result<Source, SourceError> {
        let note = self.folder.join(format!("{name}.hash"));
        let known = fs::read_to_string(&note).ok().and_then(|hash| hash.parse().ok());
        if let Some(source) = known.and_then(|hash| self.get(&hash)) {
            return Ok(source);
        }
        let source = self.add(None, write)?;
        let failed = |source| SourceError::Io { folder: self.folder.clone(), source };
        fs::write(&note, source.hash.to_string()).map_err(failed)?;
        Ok(source)
    }

    /// Removes what nothing has used for long.
    fn sweep(&self) {
        let old = |entry: &fs::DirEntry| {
            let age = entry.metadata().and_then(|meta| meta.modified()).map(|time| time.elapsed().unwrap_or_default());
            age.is_ok_and(|age| age > self.kept)
        };
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten().filter(old) {
            // Half of one under its name would be taken for all of it.
            let doomed = self.folder.join(format!("{DOOMED}{}", entry.file_name().to_string_lossy()));
            let removed = fs::rename(entry.path(), &doomed)
                .and_then(|()| fs::remove_file(&doomed).or_else(|_| fs::remove_dir_all(&doomed)));
            if let Err(error) = removed {
                tracing::debug!("{} stays: {error}", entry.path().display());
            }
        }
    }
}
