//! Reading trees that a stranger wrote: every step is bounded, nothing is followed.

use std::collections::BTreeMap;

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};
use thymis_core::untrusted;

use super::{
    error::GitError,
    path::{self, PathError, check_path},
};

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    File,
    Executable,
    Symlink,
    Folder,
    Submodule,
}

impl Kind {
    fn of(mode: i32) -> Self {
        match mode {
            0o040_000 => Self::Folder,
            0o120_000 => Self::Symlink,
            0o160_000 => Self::Submodule,
            0o100_755 => Self::Executable,
            _ => Self::File,
        }
    }

    /// The mode in git's octal spelling.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Folder => "40000",
            Self::Submodule => "160000",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Executable => "executable file",
            Self::Symlink => "symbolic link",
            Self::Folder => "folder",
            Self::Submodule => "submodule",
        }
    }
}

/// An object with the way that a tree names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub oid: Oid,
    pub kind: Kind,
}

/// Bounds on reading one tree.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct TreeLimits {
    /// Files and folders visited, each as often as it is named.
    pub entries: u64,
    /// Folders inside each other.
    pub depth: usize,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes of one file where all are read: it is in memory then.
    pub file_bytes: usize,
    /// Bytes of the git object of one folder.
    pub folder_bytes: usize,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self { entries: 200_000, depth: 64, bytes: 1 << 30, file_bytes: 128 << 20, folder_bytes: 16 << 20 }
    }
}

/// Why a tree can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{what} of the repository at `{}` is over the limit of {limit}", untrusted::short(.path))]
    Limit { what: &'static str, path: String, limit: u64 },
    #[error("`{}` has {size} bytes; at most {limit} are read", untrusted::short(.path))]
    FileTooLarge { path: String, size: usize, limit: usize },
    #[error("`{}` is a {}; a file is needed", untrusted::short(.path), .kind.noun())]
    NotAFile { path: String, kind: Kind },
    #[error("`{}` is a {}; a folder is needed", untrusted::short(.path), .kind.noun())]
    NotAFolder { path: String, kind: Kind },
    #[error("`{}` is a symbolic link, which is never followed: name the file itself", untrusted::short(.path))]
    Symlink { path: String },
    #[error("`{}` is a symbolic link whose target no file system can hold: make it anew", untrusted::short(.path))]
    Target { path: String },
    #[error("`{}` is a submodule; submodules are not supported: copy its files into the repository", untrusted::short(.path))]
    Submodule { path: String },
    #[error("the folder `{}` holds the name `{}`, which is not usable: rename it (UTF-8, at most 255 bytes, without `/` and NUL; not `.git`)", untrusted::short(.folder), untrusted::short(.name))]
    Name { folder: String, name: String },
    #[error("the folder `{}` names `{}` twice: the repository is damaged", untrusted::short(.folder), untrusted::short(.name))]
    Duplicate { folder: String, name: String },
    #[error("the repository does not hold the object of `{}`: it is damaged, remove its copy and fetch again", untrusted::short(.path))]
    Missing { path: String },
    #[error("reading `{}` from git failed", untrusted::short(.path))]
    Git { path: String, source: GitError },
    #[error("`{}` can't be written", untrusted::short(.path))]
    Write { path: String, source: std::io::Error },
}

/// Names with their entries, in the order of the names' bytes.
pub(super) type Folder = BTreeMap<String, Entry>;

/// Reads objects of one repository; counts what it visits.
pub(super) struct TreeReader<'repo> {
    repository: &'repo Repository,
    odb: Odb<'repo>,
    limits: TreeLimits,
    entries: u64,
    bytes: u64,
}

impl<'repo> TreeReader<'repo> {
    pub(super) fn new(repository: &'repo Repository, limits: TreeLimits) -> Result<Self, TreeError> {
        let odb = repository.odb().map_err(|error| broken("", error))?;
        Ok(Self { repository, odb, limits, entries: 0, bytes: 0 })
    }

    /// The entries of one folder. `path` is for messages.
    pub(super) fn folder(&mut self, oid: Oid, path: &str) -> Result<Folder, TreeError> {
        let (size, kind) = self.odb.read_header(oid).map_err(|error| broken(path, error))?;
        if kind != ObjectType::Tree {
            return Err(TreeError::Missing { path: path.to_owned() });
        }
        if size > self.limits.folder_bytes {
            return Err(self.limit("the list of names in a folder (bytes)", path, self.limits.folder_bytes as u64));
        }
        if path.split('/').count() > self.limits.depth {
            return Err(self.limit("the depth of folders", path, self.limits.depth as u64));
        }
        let tree = self.repository.find_tree(oid).map_err(|error| broken(path, error))?;
        self.entries = self.entries.saturating_add(tree.len() as u64);
        if self.entries > self.limits.entries {
            return Err(self.limit("the number of files and folders", path, self.limits.entries));
        }
        let mut folder = Folder::new();
        for entry in &tree {
            let shown = || String::from_utf8_lossy(entry.name_bytes()).into_owned();
            let name = match std::str::from_utf8(entry.name_bytes()) {
                Ok(name) if usable(name) => name.to_owned(),
                _ => return Err(TreeError::Name { folder: path.to_owned(), name: shown() }),
            };
            let entry = Entry { oid: entry.id(), kind: Kind::of(entry.filemode()) };
            if folder.insert(name.clone(), entry).is_some() {
                return Err(TreeError::Duplicate { folder: path.to_owned(), name });
            }
        }
        Ok(folder)
    }

    /// What stands at `path` below the tree `root`; links are not followed.
    pub(super) fn lookup(&mut self, root: Oid, path: &str) -> Result<Option<Entry>, TreeError> {
        check_path(path)?;
        let mut current = Entry { oid: root, kind: Kind::Folder };
        let mut walked = String::new();
        for segment in path.split('/') {
            match current.kind {
                Kind::Folder => {}
                Kind::File | Kind::Executable => return Ok(None),
                Kind::Symlink => return Err(TreeError::Symlink { path: walked }),
                Kind::Submodule => return Err(TreeError::Submodule { path: walked }),
            }
            match self.folder(current.oid, &walked)?.get(segment) {
                Some(entry) => current = *entry,
                None => return Ok(None),
            }
            walked = below(&walked, segment);
        }
        Ok(Some(current))
    }

    /// The bytes of one blob, whose size is looked at before it is loaded.
    pub(super) fn blob(&mut self, oid: Oid, path: &str, max: usize) -> Result<Vec<u8>, TreeError> {
        let (size, kind) = self.odb.read_header(oid).map_err(|error| broken(path, error))?;
        if kind != ObjectType::Blob {
            return Err(TreeError::Missing { path: path.to_owned() });
        }
        if size > max {
            return Err(TreeError::FileTooLarge { path: path.to_owned(), size, limit: max });
        }
        self.bytes = self.bytes.saturating_add(size as u64);
        if self.bytes > self.limits.bytes {
            return Err(self.limit("the size of all files (bytes)", path, self.limits.bytes));
        }
        Ok(self.odb.read(oid).map_err(|error| broken(path, error))?.data().to_vec())
    }

    /// The bytes of one of all files.
    pub(super) fn whole_file(&mut self, oid: Oid, path: &str) -> Result<Vec<u8>, TreeError> {
        self.blob(oid, path, self.limits.file_bytes)
    }

    /// Every entry below `root` that is not a folder, by path.
    pub(super) fn files(&mut self, root: Oid) -> Result<BTreeMap<String, Entry>, TreeError> {
        let mut files = BTreeMap::new();
        let mut open = vec![(String::new(), root)];
        while let Some((path, oid)) = open.pop() {
            for (name, entry) in self.folder(oid, &path)? {
                let path = below(&path, &name);
                match entry.kind {
                    Kind::Folder => open.push((path, entry.oid)),
                    _ => {
                        files.insert(path, entry);
                    }
                }
            }
        }
        Ok(files)
    }

    fn limit(&self, what: &'static str, path: &str, limit: u64) -> TreeError {
        TreeError::Limit { what, path: path.to_owned(), limit }
    }
}

/// The path of `name` in the folder `path`, whose root is the empty text.
pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn usable(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= path::SEGMENT
        && !name.eq_ignore_ascii_case(".git")
        && !name.contains(['/', '\0'])
}

fn broken(path: &str, error: git2::Error) -> TreeError {
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    match error.code() {
        ErrorCode::NotFound => TreeError::Missing { path },
        _ => TreeError::Git { path, source: error.into() },
    }
}
