//! Bringing generated files into the work tree.
//!
//! Three steps: a [`Plan`] compares and refuses what somebody else wrote, [`Plan::stage`] puts every new file next to the
//! repository (a full disk or a read-only folder shows here, with nothing changed), [`Staged::install`] renames them into
//! place. Each step can be run again after a kill.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use git2::{ObjectType, Oid, Repository};
use rayon::prelude::*;
use rustix::fs::{Access, access};
use thymis_core::untrusted;

use super::{
    stamp::Stamp,
    tree::{TreeError, TreeLimits, TreeReader},
};

/// No generated file is as large: a larger one is somebody else's, and is not read.
const LARGEST: u64 = 64 << 20;
/// How many files a thread puts beside the work tree at a time, in a folder of their own: one folder takes them one by one.
const STAGED: usize = 256;
/// How many foreign files a message names.
const NAMED: usize = 20;

/// Files of the work tree by path, with the blobs that they hold.
pub(super) type Files = BTreeMap<String, Oid>;

/// What is nobody's own work, and may be replaced or removed.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Versions that can be had again.
    pub(super) versions: Vec<Files>,
    /// Where git put versions together.
    pub(super) unmerged: BTreeSet<String>,
}

impl Known {
    fn paths(&self) -> impl Iterator<Item = &String> {
        self.versions.iter().flat_map(Files::keys).chain(&self.unmerged)
    }

    fn has(&self, path: &str, oid: Oid) -> bool {
        self.unmerged.contains(path) || self.versions.iter().any(|files| files.get(path) == Some(&oid))
    }
}

/// The blobs of files that were read, by path. While a file's stamp is the same it isn't read again.
pub(super) type Seen = HashMap<String, (Stamp, Oid)>;

/// A path in the way of a generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub path: String,
    pub kind: ForeignKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignKind {
    /// Its bytes are neither generated nor committed.
    Edited,
    /// It, or a folder above it, is a symbolic link.
    Symlink,
    /// It is a folder or a device, or a file stands where its folder should be.
    NotAFile,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ForeignKind::Edited => "was edited by hand",
            ForeignKind::Symlink => "is or lies behind a symbolic link",
            ForeignKind::NotAFile => "is in the way of a generated file or its folder",
        };
        write!(f, "`{}` {what}", untrusted::short(&self.path))
    }
}

/// Why the work tree was not changed, or not completely; running the same again continues.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    #[error("generated files hold what thymis did not write; none was changed:\n{}\nKeep what you need under another name or in the settings, then bring back what thymis wrote with `git checkout refs/thymis/draft -- FILE`, or remove what it never wrote", listed(.0))]
    Foreign(Vec<Foreign>),
    #[error("{} can't be written: make it writable, then try again", path.display())]
    ReadOnly { path: PathBuf, source: io::Error },
    #[error("the disk is full at {}: make room, then try again", path.display())]
    Full { path: PathBuf, source: io::Error },
    #[error("{} can't be read or written", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn listed(foreign: &[Foreign]) -> String {
    let mut lines: Vec<String> = foreign.iter().take(NAMED).map(|foreign| format!("  {foreign}")).collect();
    if foreign.len() > NAMED {
        lines.push(format!("  and {} more", foreign.len() - NAMED));
    }
    lines.join("\n")
}

impl WorktreeError {
    fn at(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            _ => Self::Io { path, source },
        }
    }
}

/// What has to happen so that the work tree holds certain files.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    root: &'a Path,
    write: Vec<(&'a str, Oid)>,
    remove: Vec<&'a str>,
}

/// What stands at a path.
enum Standing {
    Nothing,
    Blob(Oid),
    /// Nobody's work, and what a power cut may leave.
    Empty,
    Foreign(ForeignKind),
}

impl<'a> Plan<'a> {
    /// Compares the work tree with the files that it should hold, `new`. What stands there must be `new` or `known`. Paths of
    /// `known` that are not in `new` are removed.
    pub(super) fn make(
        root: &'a Path,
        seen: &Mutex<Seen>,
        new: &'a Files,
        known: &'a Known,
    ) -> Result<Self, WorktreeError> {
        let paths: BTreeSet<&'a str> = new.keys().chain(known.paths()).map(String::as_str).collect();
        let folders = Folders::examine(root, &paths)?;
        let paths: Vec<&str> = paths.into_iter().collect();
        let standing = all_standing(root, &mut seen.lock().unwrap_or_else(PoisonError::into_inner), &paths, &folders)?;
        let mut plan = Self { root, write: Vec::new(), remove: Vec::new() };
        let mut foreign = Vec::new();
        for (path, standing) in paths.into_iter().zip(standing) {
            let wanted = new.get(path).copied();
            let present = match standing {
                Standing::Nothing => None,
                Standing::Empty => Some(Oid::hash_object(ObjectType::Blob, &[]).map_err(|error| unread(path, error))?),
                Standing::Blob(oid) if wanted == Some(oid) || known.has(path, oid) => Some(oid),
                Standing::Blob(_) => {
                    foreign.push(Foreign { path: path.to_owned(), kind: ForeignKind::Edited });
                    continue;
                }
                // What is not wanted there is not in the way.
                Standing::Foreign(_) if wanted.is_none() => continue,
                Standing::Foreign(kind) => {
                    foreign.push(Foreign { path: path.to_owned(), kind });
                    continue;
                }
            };
            match (present, wanted) {
                (Some(_), None) => plan.remove.push(path),
                (present, Some(wanted)) if present != Some(wanted) => plan.write.push((path, wanted)),
                _ => {}
            }
        }
        if foreign.is_empty() { Ok(plan) } else { Err(WorktreeError::Foreign(foreign)) }
    }

    /// The paths to be written and removed.
    pub(super) fn paths(&self) -> (Vec<String>, Vec<String>) {
        let write = self.write.iter().map(|(path, _)| (*path).to_owned()).collect();
        (write, self.remove.iter().map(|path| (*path).to_owned()).collect())
    }

    /// Puts every new file of `repository` into `scratch`, which is on the same file system, and looks whether folders can
    /// be written.
    pub(super) fn stage(self, repository: &Path, scratch: &'a Path) -> Result<Staged<'a>, WorktreeError> {
        let touched: BTreeSet<PathBuf> = self
            .write
            .iter()
            .map(|(path, _)| *path)
            .chain(self.remove.iter().copied())
            .filter_map(|path| {
                let path = self.root.join(path);
                path.ancestors().skip(1).find(|folder| folder.exists()).map(Path::to_owned)
            })
            .collect();
        for folder in touched {
            access(&folder, Access::WRITE_OK | Access::EXEC_OK)
                .map_err(|error| WorktreeError::at(&folder, error.into()))?;
        }
        self.write.par_chunks(STAGED).enumerate().try_for_each(|(chunk, files)| {
            let folder = scratch.join(chunk.to_string());
            fs::create_dir_all(&folder).map_err(|error| WorktreeError::at(&folder, error))?;
            let repository = Repository::open(repository).map_err(|error| unread("", error))?;
            let mut reader = TreeReader::new(&repository, TreeLimits::default())?;
            files.iter().enumerate().try_for_each(|(index, (path, oid))| {
                let bytes = reader.blob(*oid, path, usize::MAX)?;
                let file = folder.join(index.to_string());
                fs::write(&file, bytes).map_err(|error| WorktreeError::at(&file, error))
            })
        })?;
        Ok(Staged { plan: self, scratch })
    }
}

/// New files beside the work tree, ready to be renamed into it.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    plan: Plan<'a>,
    scratch: &'a Path,
}

/// Paths that were written and removed.
#[derive(Debug, Default)]
pub(super) struct Installed {
    pub(super) written: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Staged<'_> {
    pub(super) fn install(self) -> Result<Installed, WorktreeError> {
        let Plan { root, write, remove } = self.plan;
        let mut made = BTreeSet::new();
        for (index, (path, _)) in write.iter().enumerate() {
            let target = root.join(path);
            if let Some(folder) = target.parent().filter(|folder| !made.contains(*folder)) {
                fs::create_dir_all(folder).map_err(|error| WorktreeError::at(folder, error))?;
                made.insert(folder.to_owned());
            }
            let staged = self.scratch.join((index / STAGED).to_string()).join((index % STAGED).to_string());
            fs::rename(staged, &target).map_err(|error| WorktreeError::at(&target, error))?;
        }
        for chunk in 0..write.len().div_ceil(STAGED) {
            // Empty now; who takes the lock next removes what is left.
            let _ = fs::remove_dir(self.scratch.join(chunk.to_string()));
        }
        for path in &remove {
            let target = root.join(path);
            match fs::remove_file(&target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(WorktreeError::at(&target, error)),
                _ => {}
            }
            // Folders that hold something else stay.
            for folder in target.ancestors().skip(1).take_while(|folder| *folder != root) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        Ok(Installed {
            written: write.into_iter().map(|(path, _)| path.to_owned()).collect(),
            removed: remove.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// What the folders above the paths are.
struct Folders<'a>(HashMap<&'a str, Option<ForeignKind>>);

impl<'a> Folders<'a> {
    fn examine(root: &Path, paths: &BTreeSet<&'a str>) -> Result<Self, WorktreeError> {
        let mut folders = HashMap::new();
        for path in paths {
            for (end, _) in path.match_indices('/') {
                let Some(folder) = path.get(..end) else { continue };
                if folders.contains_key(folder) {
                    continue;
                }
                let full = root.join(folder);
                let kind = match fs::symlink_metadata(&full) {
                    Ok(metadata) if metadata.is_dir() => None,
                    Ok(metadata) if metadata.is_symlink() => Some(ForeignKind::Symlink),
                    Ok(_) => Some(ForeignKind::NotAFile),
                    Err(error) if absent(&error) => None,
                    Err(error) => return Err(WorktreeError::at(&full, error)),
                };
                folders.insert(folder, kind);
            }
        }
        Ok(Self(folders))
    }

    fn above(&self, path: &str) -> Option<ForeignKind> {
        path.match_indices('/').find_map(|(end, _)| self.0.get(path.get(..end)?).copied().flatten())
    }
}

/// What stands at each of the paths.
fn all_standing(
    root: &Path,
    seen: &mut Seen,
    paths: &[&str],
    folders: &Folders<'_>,
) -> Result<Vec<Standing>, WorktreeError> {
    let now = SystemTime::now();
    let looked: Vec<(Standing, Option<Stamp>)> =
        paths.par_iter().map(|path| standing(root, path, folders, seen, now)).collect::<Result<_, _>>()?;
    if seen.len() > 2 * paths.len() {
        seen.clear();
    }
    let read = paths.iter().zip(&looked).filter_map(|(path, (standing, stamp))| match standing {
        Standing::Blob(oid) => Some((*path, (*stamp.as_ref()?, *oid))),
        _ => None,
    });
    for (path, new) in read {
        if seen.get(path) != Some(&new) {
            seen.insert(path.to_owned(), new);
        }
    }
    Ok(looked.into_iter().map(|(standing, _)| standing).collect())
}

fn standing(
    root: &Path,
    path: &str,
    folders: &Folders<'_>,
    seen: &Seen,
    now: SystemTime,
) -> Result<(Standing, Option<Stamp>), WorktreeError> {
    if let Some(kind) = folders.above(path) {
        return Ok((Standing::Foreign(kind), None));
    }
    let full = root.join(path);
    let failed = |error| WorktreeError::at(&full, error);
    let metadata = match fs::symlink_metadata(&full) {
        Ok(metadata) => metadata,
        Err(error) if absent(&error) => return Ok((Standing::Nothing, None)),
        Err(error) => return Err(failed(error)),
    };
    let stamp = Stamp::of(&metadata, now);
    let standing = match metadata.len() {
        _ if metadata.is_symlink() => Standing::Foreign(ForeignKind::Symlink),
        _ if !metadata.is_file() => Standing::Foreign(ForeignKind::NotAFile),
        0 => Standing::Empty,
        size if size > LARGEST => Standing::Foreign(ForeignKind::Edited),
        _ => match seen.get(path) {
            Some((then, oid)) if stamp == Some(*then) => Standing::Blob(*oid),
            _ => {
                let bytes = fs::read(&full).map_err(failed)?;
                Standing::Blob(Oid::hash_object(ObjectType::Blob, &bytes).map_err(|error| unread(path, error))?)
            }
        },
    };
    Ok((standing, stamp))
}

fn unread(path: &str, error: git2::Error) -> WorktreeError {
    TreeError::Git { path: path.to_owned(), source: error.into() }.into()
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
