//! Writing git objects: many at once as one pack, a few as loose objects, always on the disk before anyone names them.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io,
    path::{Path, PathBuf},
};

use git2::{ObjectType, OdbLookupFlags, Oid, Repository};
use rayon::prelude::*;

use super::{
    blob::Blob,
    error::GitError,
    path::{PathError, check_path},
    tree::{Entry, Folder, Kind, TreeError, TreeLimits, TreeReader, below},
};

/// Fewer new objects than this become loose ones, which git's own housekeeping packs; a pack for every changed setting
/// would make each look-up slower.
const PACK_FROM: usize = 32;
/// Fewer new objects than this aren't worth a pack of their own. Several are built at once.
const PACK: usize = 8_192;

/// What is to stand at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A plain file.
    File(Blob),
    /// The same, to be run.
    Executable(Blob),
    /// An object that the repository has already.
    Entry(Entry),
}

/// Why objects were not written. Nothing names what was written before the failure.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("`{path}` would be a file and a folder at once")]
    Clash { path: String },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("git objects can't be written")]
    Git(#[from] GitError),
    #[error("git objects can't be written to {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl From<git2::Error> for WriteError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.into())
    }
}

/// New objects, in memory until [`Objects::write`].
pub(super) struct Objects<'repo> {
    repository: &'repo Repository,
    odb: git2::Odb<'repo>,
    reader: TreeReader<'repo>,
    known: HashSet<Oid>,
    new: Vec<New>,
}

type New = (Oid, ObjectType, Blob);

/// One level of the changes: what stands there (`None`: nothing any more), or the changes below.
enum Change<'a> {
    Here(Option<&'a Content>),
    Below(BTreeMap<&'a str, Change<'a>>),
}

impl<'repo> Objects<'repo> {
    pub(super) fn new(repository: &'repo Repository) -> Result<Self, WriteError> {
        Ok(Self {
            repository,
            odb: repository.odb()?,
            reader: TreeReader::new(repository, TreeLimits::default())?,
            known: HashSet::new(),
            new: Vec::new(),
        })
    }

    /// The tree `base` with these changes; `None` removes a path. Only folders with changes are read and written.
    pub(super) fn edit(
        &mut self,
        base: Option<Oid>,
        changes: &BTreeMap<String, Option<Content>>,
    ) -> Result<Oid, WriteError> {
        self.tree(base, true, changes.iter().map(|(path, content)| (path, content.as_ref())))
    }

    /// The tree with exactly these files. What the tree `like` has at the same paths is there, and isn't looked up.
    pub(super) fn replace(&mut self, like: Option<Oid>, files: &BTreeMap<String, Content>) -> Result<Oid, WriteError> {
        self.tree(like, false, files.iter().map(|(path, content)| (path, Some(content))))
    }

    fn tree<'a>(
        &mut self,
        base: Option<Oid>,
        keep: bool,
        changes: impl Iterator<Item = (&'a String, Option<&'a Content>)>,
    ) -> Result<Oid, WriteError> {
        let changes: Vec<_> = changes.collect();
        // Hashing takes the time, and what was hashed stays so.
        changes.par_iter().try_for_each(|(_, content)| match content {
            Some(Content::File(blob) | Content::Executable(blob)) => blob.oid().map(|_| ()),
            _ => Ok(()),
        })?;
        let mut root = BTreeMap::new();
        for (path, content) in changes {
            check_path(path)?;
            insert(&mut root, path, path, content)?;
        }
        match self.folder(base, keep, &root, "")? {
            Some(oid) => Ok(oid),
            None => self.add(ObjectType::Tree, Oid::hash_object(ObjectType::Tree, &[])?, Vec::new().into()),
        }
    }

    /// `None` is a folder without files, which git doesn't have. What isn't changed stays if `keep`.
    fn folder(
        &mut self,
        base: Option<Oid>,
        keep: bool,
        changes: &BTreeMap<&str, Change<'_>>,
        path: &str,
    ) -> Result<Option<Oid>, WriteError> {
        let standing = match base {
            Some(oid) => self.reader.folder(oid, path)?,
            None => Folder::new(),
        };
        let mut folder = if keep { standing.clone() } else { Folder::new() };
        for (name, change) in changes {
            let before = standing.get(*name).copied();
            let entry = match change {
                Change::Here(None) => None,
                Change::Here(Some(Content::Entry(entry))) => Some(*entry),
                Change::Here(Some(Content::File(blob))) => Some(self.file(before, blob, Kind::File)?),
                Change::Here(Some(Content::Executable(blob))) => Some(self.file(before, blob, Kind::Executable)?),
                Change::Below(changes) => {
                    let base = before.filter(|entry| entry.kind == Kind::Folder);
                    let edited = self.folder(base.map(|entry| entry.oid), keep, changes, &below(path, name))?;
                    // Nothing to remove below a file: the file stays.
                    let file = before.filter(|_| keep && base.is_none());
                    edited.map(|oid| Entry { oid, kind: Kind::Folder }).or(file)
                }
            };
            match entry {
                Some(entry) => folder.insert((*name).to_owned(), entry),
                None => folder.remove(*name),
            };
        }
        if folder.is_empty() {
            return Ok(None);
        }
        if folder == standing {
            return Ok(base);
        }
        let bytes = serialised(&folder);
        self.add(ObjectType::Tree, Oid::hash_object(ObjectType::Tree, &bytes)?, bytes.into()).map(Some)
    }

    fn file(&mut self, before: Option<Entry>, blob: &Blob, kind: Kind) -> Result<Entry, WriteError> {
        let oid = blob.oid()?;
        if before.is_none_or(|before| before.oid != oid) {
            self.add(ObjectType::Blob, oid, blob.clone())?;
        }
        Ok(Entry { oid, kind })
    }

    fn add(&mut self, kind: ObjectType, oid: Oid, bytes: Blob) -> Result<Oid, WriteError> {
        if self.is_new(oid) {
            self.new.push((oid, kind, bytes));
        }
        Ok(oid)
    }

    fn is_new(&mut self, oid: Oid) -> bool {
        self.known.insert(oid) && !self.odb.exists_ext(oid, OdbLookupFlags::NO_REFRESH)
    }

    /// Writes what is new; answers files that must be flushed before anything names these objects. `scratch` is a folder on
    /// the same file system that nobody else uses.
    pub(super) fn write(self, scratch: &Path) -> Result<Vec<PathBuf>, WriteError> {
        if self.new.len() >= PACK_FROM {
            return self.write_packs(scratch).map(|()| Vec::new());
        }
        let write = |(_, kind, bytes): &New| Ok(loose(self.repository, self.odb.write(*kind, bytes.bytes())?));
        self.new.iter().map(write).collect()
    }

    fn write_packs(self, scratch: &Path) -> Result<(), WriteError> {
        // Generated files are small, and searching for deltas between them takes most of the time. This libgit2 leaves out
        // what is larger than this; git's own housekeeping makes up for it.
        let config = scratch.join("config");
        std::fs::write(&config, "[pack]\ndeltaCacheSize = 1\n")
            .map_err(|source| WriteError::Io { path: config.clone(), source })?;
        let count = (self.new.len() / PACK).clamp(1, rayon::current_num_threads());
        let repository = self.repository.path();
        let names: Vec<String> = self
            .new
            .par_chunks(self.new.len().div_ceil(count))
            .map(|objects| build_pack(repository, &config, scratch, objects))
            .collect::<Result<_, _>>()?;
        let packs = self.repository.commondir().join("objects").join("pack");
        std::fs::create_dir_all(&packs).map_err(|source| WriteError::Io { path: packs.clone(), source })?;
        for name in names {
            // A pack is found by its index, which therefore comes last.
            for extension in ["pack", "idx"] {
                let file = format!("pack-{name}.{extension}");
                let (file, target) = (scratch.join(&file), packs.join(&file));
                flush(&file)?;
                std::fs::rename(&file, &target).map_err(|source| WriteError::Io { path: target, source })?;
            }
        }
        flush(&packs)?;
        Ok(self.odb.refresh()?)
    }
}

/// Builds a pack and its index in `scratch`; answers the pack's name.
fn build_pack(repository: &Path, config: &Path, scratch: &Path, objects: &[New]) -> Result<String, WriteError> {
    // A handle of its own, so that its backend in memory goes when the pack is done.
    let staging = Repository::open(repository)?;
    staging.set_config(&git2::Config::open(config)?)?;
    let odb = staging.odb()?;
    let _memory = odb.add_new_mempack_backend(1000)?;
    let mut builder = staging.packbuilder()?;
    for (_, kind, bytes) in objects {
        builder.insert_object(odb.write(*kind, bytes.bytes())?, None)?;
    }
    builder.write(scratch, 0o444)?;
    Ok(builder.name()?.unwrap_or_default().to_owned())
}

fn insert<'a>(
    level: &mut BTreeMap<&'a str, Change<'a>>,
    rest: &'a str,
    path: &str,
    content: Option<&'a Content>,
) -> Result<(), WriteError> {
    let clash = || WriteError::Clash { path: path.to_owned() };
    match rest.split_once('/') {
        None => match level.insert(rest, Change::Here(content)) {
            None => Ok(()),
            Some(_) => Err(clash()),
        },
        Some((name, rest)) => {
            let change = level.entry(name).or_insert_with(|| Change::Below(BTreeMap::new()));
            // What is removed as a file may come back as a folder.
            if matches!(change, Change::Here(None)) {
                *change = Change::Below(BTreeMap::new());
            }
            match change {
                Change::Below(level) => insert(level, rest, path, content),
                Change::Here(_) if content.is_none() => Ok(()),
                Change::Here(_) => Err(clash()),
            }
        }
    }
}

/// A tree object; git orders folders as if their names ended in `/`.
fn serialised(folder: &Folder) -> Vec<u8> {
    let mut entries: Vec<(String, &str, &Entry)> = folder
        .iter()
        .map(|(name, entry)| {
            (if entry.kind == Kind::Folder { format!("{name}/") } else { name.clone() }, name.as_str(), entry)
        })
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let mut bytes = Vec::new();
    for (_, name, entry) in entries {
        bytes.extend_from_slice(entry.kind.mode().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(entry.oid.as_bytes());
    }
    bytes
}

/// Waits until a file or folder is on the disk.
pub(super) fn flush(path: &Path) -> Result<(), WriteError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|source| WriteError::Io { path: path.to_owned(), source })
}

/// Waits until all of these files are on the disk; at once, because the disk's journal then takes them together.
pub(super) fn flush_all(paths: &[PathBuf]) -> Result<(), WriteError> {
    // A loose object that is gone was packed by somebody else.
    paths.par_iter().filter(|path| path.exists()).try_for_each(|path| flush(path))
}

/// The file of a loose object.
pub(super) fn loose(repository: &Repository, oid: Oid) -> PathBuf {
    let name = oid.to_string();
    let (folder, file) = name.split_at(2);
    repository.commondir().join("objects").join(folder).join(file)
}
