//! Nix archives (NAR): the serialisation of a folder whose SHA-256 names it in `flake.lock`.
//!
//! The format is described in figure 5.2 of Eelco Dolstra's thesis "The Purely Functional Software Deployment Model".

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use git2::Oid;
use sha2::{Digest as _, Sha256};
use thymis_core::digest::NarHash;

use super::tree::{Entry, Kind, TreeError, TreeLimits, TreeReader, below};

/// The longest target of a symbolic link in bytes: Linux's limit.
const LINK: usize = 4095;

/// The NAR hash of a tree. Nothing is written anywhere; one file at a time is in memory.
pub(super) fn nar_hash(reader: &mut TreeReader<'_>, root: Oid) -> Result<NarHash, TreeError> {
    archive(reader, root, None)
}

/// Writes the files of a tree, as git has them, into a folder that isn't there yet, and tells their NAR hash.
pub(super) fn unpack(reader: &mut TreeReader<'_>, root: Oid, folder: &Path) -> Result<NarHash, TreeError> {
    archive(reader, root, Some(folder))
}

fn archive(reader: &mut TreeReader<'_>, root: Oid, folder: Option<&Path>) -> Result<NarHash, TreeError> {
    let mut archive = Archive(Sha256::new());
    archive.text("nix-archive-1");
    archive.node(reader, Entry { oid: root, kind: Kind::Folder }, "", folder)?;
    Ok(NarHash::from_bytes(archive.0.finalize().into()))
}

struct Archive(Sha256);

impl Archive {
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Length as 8 bytes, the bytes, zeros up to a multiple of 8.
    fn bytes(&mut self, bytes: &[u8]) {
        let padding = bytes.len().next_multiple_of(8) - bytes.len();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self.0.update([0; 8].get(..padding).unwrap_or_default());
    }

    /// `place` is where it is written, if it is. Recursion is bounded by the reader's depth.
    fn node(
        &mut self,
        reader: &mut TreeReader<'_>,
        entry: Entry,
        path: &str,
        place: Option<&Path>,
    ) -> Result<(), TreeError> {
        let write = |write: &dyn Fn(&Path) -> io::Result<()>| {
            place.map_or(Ok(()), write).map_err(|source| TreeError::Write { path: path.to_owned(), source })
        };
        self.text("(");
        self.text("type");
        match entry.kind {
            Kind::Folder => {
                self.text("directory");
                write(&|place| DirBuilder::new().mode(0o755).create(place))?;
                // A folder's names come in the order of their bytes, as NAR wants them; git's own order differs.
                for (name, entry) in reader.folder(entry.oid, path)? {
                    self.text("entry");
                    self.text("(");
                    self.text("name");
                    self.text(&name);
                    self.text("node");
                    let place: Option<PathBuf> = place.map(|place| place.join(&name));
                    self.node(reader, entry, &below(path, &name), place.as_deref())?;
                    self.text(")");
                }
            }
            Kind::File | Kind::Executable => {
                self.text("regular");
                let executable = entry.kind == Kind::Executable;
                if executable {
                    self.text("executable");
                    self.text("");
                }
                self.text("contents");
                let bytes = reader.whole_file(entry.oid, path)?;
                self.bytes(&bytes);
                let mode = if executable { 0o755 } else { 0o644 };
                write(&|place| {
                    OpenOptions::new().write(true).create_new(true).mode(mode).open(place)?.write_all(&bytes)
                })?;
            }
            Kind::Symlink => {
                self.text("symlink");
                self.text("target");
                let target = reader.blob(entry.oid, path, LINK)?;
                if target.is_empty() || target.contains(&0) {
                    return Err(TreeError::Target { path: path.to_owned() });
                }
                self.bytes(&target);
                write(&|place| std::os::unix::fs::symlink(OsStr::from_bytes(&target), place))?;
            }
            Kind::Submodule => return Err(TreeError::Submodule { path: path.to_owned() }),
        }
        self.text(")");
        Ok(())
    }
}

/// The NAR hash of a folder on disk, within these bounds. Nothing in it is followed.
pub(crate) fn folder_hash(folder: &Path, limits: TreeLimits) -> io::Result<NarHash> {
    let mut archive = Archive(Sha256::new());
    archive.text("nix-archive-1");
    archive.found(folder, &mut Bounds { entries: limits.entries, bytes: limits.bytes }, limits.depth)?;
    Ok(NarHash::from_bytes(archive.0.finalize().into()))
}

struct Sink<'a>(&'a mut Sha256);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What may still be read.
struct Bounds {
    entries: u64,
    bytes: u64,
}

impl Archive {
    fn found(&mut self, path: &Path, bounds: &mut Bounds, depth: usize) -> io::Result<()> {
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "there is more than an input may have");
        let meta = fs::symlink_metadata(path)?;
        bounds.entries = bounds.entries.checked_sub(1).ok_or_else(too_large)?;
        bounds.bytes = bounds.bytes.checked_sub(meta.len()).ok_or_else(too_large)?;
        self.text("(");
        self.text("type");
        if meta.is_dir() {
            self.text("directory");
            let depth = depth.checked_sub(1).ok_or_else(too_large)?;
            let mut names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
            names.sort();
            for name in names {
                self.text("entry");
                self.text("(");
                self.text("name");
                self.bytes(name.as_bytes());
                self.text("node");
                self.found(&path.join(&name), bounds, depth)?;
                self.text(")");
            }
        } else if meta.is_symlink() {
            self.text("symlink");
            self.text("target");
            self.bytes(fs::read_link(path)?.as_os_str().as_bytes());
        } else if meta.is_file() {
            self.text("regular");
            if meta.mode() & 0o100 != 0 {
                self.text("executable");
                self.text("");
            }
            self.text("contents");
            let mut file = fs::File::open(path)?.take(meta.len());
            self.0.update(meta.len().to_le_bytes());
            if io::copy(&mut file, &mut Sink(&mut self.0))? != meta.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let padding = usize::try_from(meta.len().next_multiple_of(8) - meta.len()).unwrap_or_default();
            self.0.update([0; 8].get(..padding).unwrap_or_default());
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "there is something that is no file"));
        }
        self.text(")");
        Ok(())
    }
}
