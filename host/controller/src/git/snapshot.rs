//! One commit of a fetched repository, read from git objects.

use std::{collections::BTreeMap, path::Path};

use git2::{Oid, Repository};
use thymis_core::digest::{NarHash, Revision};

use super::{
    error::GitError,
    nar::{nar_hash, unpack},
    tree::{Entry, Kind, TreeError, TreeLimits, TreeReader},
};

/// The files of one commit. Nothing is checked out: what is read are the raw blobs, before any filter or attribute.
pub struct Snapshot {
    repository: Repository,
    revision: Revision,
    tree: Oid,
    last_modified: i64,
    limits: TreeLimits,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// Why a commit can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("the commit {revision} can't be read from its copy at {}", folder.display())]
pub struct SnapshotError {
    revision: Revision,
    folder: std::path::PathBuf,
    source: GitError,
}

impl Snapshot {
    pub(super) fn open(folder: &Path, revision: Revision, limits: TreeLimits) -> Result<Self, SnapshotError> {
        Self::read_commit(folder, revision, limits).map_err(|error| SnapshotError {
            revision,
            folder: folder.to_owned(),
            source: error.into(),
        })
    }

    fn read_commit(folder: &Path, revision: Revision, limits: TreeLimits) -> Result<Self, git2::Error> {
        let repository = super::bare::open_bare(folder)?;
        let (tree, last_modified) = {
            let commit = repository.find_commit(revision.to_string().parse()?)?;
            (commit.tree_id(), commit.committer().when().seconds())
        };
        Ok(Self { repository, revision, tree, last_modified, limits })
    }

    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The committer's time in seconds since 1970; what Nix calls `lastModified`. The committer chose it.
    #[must_use]
    pub fn last_modified(&self) -> i64 {
        self.last_modified
    }

    /// The git tree of the commit.
    #[must_use]
    pub fn tree(&self) -> Oid {
        self.tree
    }

    /// The files below a folder, which is the root of what this answers; `None` where nothing stands there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn within(&self, path: &str) -> Result<Option<Self>, TreeError> {
        let tree = match self.reader()?.lookup(self.tree, path)? {
            None => return Ok(None),
            Some(Entry { oid, kind: Kind::Folder }) => oid,
            Some(Entry { kind, .. }) => return Err(TreeError::NotAFolder { path: path.to_owned(), kind }),
        };
        let broken = |error: git2::Error| TreeError::Git { path: path.to_owned(), source: error.into() };
        let repository = super::bare::open_bare(self.repository.path()).map_err(broken)?;
        Ok(Some(Self { repository, tree, ..*self }))
    }

    /// The bytes of the file at `path`, `None` where nothing stands there.
    ///
    /// # Errors
    /// A path that is none, a link or submodule on the way, something other than a file, more than `max_bytes`.
    pub fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, TreeError> {
        let mut reader = self.reader()?;
        match reader.lookup(self.tree, path)? {
            None => Ok(None),
            Some(Entry { kind: Kind::Symlink, .. }) => Err(TreeError::Symlink { path: path.to_owned() }),
            Some(Entry { oid, kind: Kind::File | Kind::Executable }) => reader.blob(oid, path, max_bytes).map(Some),
            Some(Entry { kind, .. }) => Err(TreeError::NotAFile { path: path.to_owned(), kind }),
        }
    }

    /// What stands at `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn kind(&self, path: &str) -> Result<Option<Kind>, TreeError> {
        Ok(self.reader()?.lookup(self.tree, path)?.map(|entry| entry.kind))
    }

    /// The names in the folder `path` (`""` is the root), `None` where nothing stands there.
    ///
    /// # Errors
    /// As [`Self::read`]; and names that are not UTF-8.
    pub fn list(&self, path: &str) -> Result<Option<BTreeMap<String, Kind>>, TreeError> {
        let mut reader = self.reader()?;
        let oid = match path {
            "" => self.tree,
            _ => match reader.lookup(self.tree, path)? {
                None => return Ok(None),
                Some(Entry { oid, kind: Kind::Folder }) => oid,
                Some(Entry { kind, .. }) => return Err(TreeError::NotAFolder { path: path.to_owned(), kind }),
            },
        };
        Ok(Some(reader.folder(oid, path)?.into_iter().map(|(name, entry)| (name, entry.kind)).collect()))
    }

    /// All files of the commit by path, with executables and links, without folders.
    ///
    /// # Errors
    /// A submodule, a name that is not usable, a limit.
    pub fn files(&self) -> Result<BTreeMap<String, Entry>, TreeError> {
        let files = self.reader()?.files(self.tree)?;
        match files.iter().find(|(_, entry)| entry.kind == Kind::Submodule) {
            Some((path, _)) => Err(TreeError::Submodule { path: path.clone() }),
            None => Ok(files),
        }
    }

    /// What Nix computes for the same files, as `flake.lock` holds it.
    ///
    /// # Errors
    /// A submodule, a name that is not usable, a limit.
    pub fn nar_hash(&self) -> Result<NarHash, TreeError> {
        nar_hash(&mut self.reader()?, self.tree)
    }

    /// Writes the files, as git has them, into a folder that isn't there yet.
    ///
    /// # Errors
    /// As [`Self::nar_hash`], and what the file system says.
    pub fn unpack(&self, folder: &Path) -> Result<NarHash, TreeError> {
        unpack(&mut self.reader()?, self.tree, folder)
    }

    fn reader(&self) -> Result<TreeReader<'_>, TreeError> {
        TreeReader::new(&self.repository, self.limits)
    }
}
