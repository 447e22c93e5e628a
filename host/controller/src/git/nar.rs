//! Nix archives (NAR): the serialisation of a folder whose SHA-256 names it in `flake.lock`.
//!
//! The format is described in figure 5.2 of Eelco Dolstra's thesis "The Purely Functional Software Deployment Model".

use git2::Oid;
use sha2::{Digest as _, Sha256};
use thymis_core::digest::NarHash;

use super::tree::{Entry, Kind, TreeError, TreeReader, below};

/// The longest target of a symbolic link in bytes: Linux's limit.
const LINK: usize = 4095;

/// Longest file in bytes: it is in memory while it is hashed.
const FILE: usize = 128 << 20;

/// The NAR hash of a tree. Nothing is written anywhere; one file at a time is in memory.
pub(super) fn nar_hash(reader: &mut TreeReader<'_>, root: Oid) -> Result<NarHash, TreeError> {
    let mut archive = Archive(Sha256::new());
    archive.text("nix-archive-1");
    archive.node(reader, Entry { oid: root, kind: Kind::Folder }, "")?;
    Ok(NarHash::from_bytes(archive.0.finalize().into()))
}

struct Archive(Sha256);

impl Archive {
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Length as 8 bytes, the bytes, zeros up to a multiple of 8.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        let padding = bytes.len().next_multiple_of(8) - bytes.len();
        self.0.update([0; 8].get(..padding).unwrap_or_default());
    }

    /// Recursion is bounded by the reader's depth.
    fn node(&mut self, reader: &mut TreeReader<'_>, entry: Entry, path: &str) -> Result<(), TreeError> {
        self.text("(");
        self.text("type");
        match entry.kind {
            Kind::Folder => {
                self.text("directory");
                // A folder's names come in the order of their bytes, as NAR wants them; git's own order differs.
                for (name, entry) in reader.folder(entry.oid, path)? {
                    self.text("entry");
                    self.text("(");
                    self.text("name");
                    self.text(&name);
                    self.text("node");
                    self.node(reader, entry, &below(path, &name))?;
                    self.text(")");
                }
            }
            Kind::File | Kind::Executable => {
                self.text("regular");
                if entry.kind == Kind::Executable {
                    self.text("executable");
                    self.text("");
                }
                self.text("contents");
                self.bytes(&reader.blob(entry.oid, path, FILE)?);
            }
            Kind::Symlink => {
                self.text("symlink");
                self.text("target");
                let target = reader.blob(entry.oid, path, LINK)?;
                if target.is_empty() || target.contains(&0) {
                    return Err(TreeError::Target { path: path.to_owned() });
                }
                self.bytes(&target);
            }
            Kind::Submodule => return Err(TreeError::Submodule { path: path.to_owned() }),
        }
        self.text(")");
        Ok(())
    }
}
