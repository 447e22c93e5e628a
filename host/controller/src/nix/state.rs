//! What a `nix` process knows of its store: that the sources are in it which it is shown, and nothing else.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Seek as _, Write as _},
    process::Stdio,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tempfile::TempDir;
use thymis_core::store_path::SourcePath;

use super::{Nix, NixError, process::End, source::Source};

/// What folders for one process begin with.
const SCRATCH: &str = ".run-";
/// After how long one is left over from a process that was killed.
const LEFT_OVER: Duration = Duration::from_secs(24 * 3600);

impl Nix {
    /// A folder for one process, with what Nix knows of its store: that these sources are in it.
    pub(super) fn state(&self, sources: &[Source]) -> Result<TempDir, NixError> {
        let paths: BTreeSet<SourcePath> = sources.iter().map(|source| source.path).collect();
        let known = {
            let states = self.inner.states.lock().unwrap_or_else(PoisonError::into_inner);
            states.get(&paths).cloned()
        };
        let known = match known {
            Some(known) => known,
            None => {
                self.sweep();
                let made = Arc::new(self.new_state(sources)?);
                self.inner.states.lock().unwrap_or_else(PoisonError::into_inner).insert(paths, Arc::clone(&made));
                made
            }
        };
        let own = self.scratch()?;
        if self.is_unconfined() {
            let store = own.path().join("store");
            fs::create_dir(&store)?;
            sources.iter().try_for_each(|source| source.link_into(&store))?;
        }
        fs::create_dir_all(own.path().join("nix/db"))?;
        for name in ["db.sqlite", "schema"] {
            fs::copy(known.path().join("nix/db").join(name), own.path().join("nix/db").join(name))?;
        }
        Ok(own)
    }

    /// Made in the jail too, so that this is also where it turns out whether there is one.
    fn new_state(&self, sources: &[Source]) -> Result<TempDir, NixError> {
        match self.load(sources) {
            Err(error @ (NixError::NoBubblewrap | NixError::Jail(_))) if self.inner.allow_unconfined => {
                // Of several threads, one says so.
                if self.inner.unconfined.set(true).is_ok() {
                    tracing::warn!("`nix` runs without a jail, so Nix alone holds what strangers wrote: {error}");
                }
                self.load(sources)
            }
            loaded => loaded,
        }
    }

    fn load(&self, sources: &[Source]) -> Result<TempDir, NixError> {
        let state = self.scratch()?;
        fs::create_dir_all(state.path().join("nix"))?;
        let mut list = tempfile::tempfile()?;
        for source in sources {
            // Path, hash, size (unknown), deriver (none), count of references.
            write!(list, "{}\n{}\n0\n\n0\n", source.path, source.hash.hex())?;
        }
        list.rewind()?;
        let mut command = self.jail(sources, state.path(), &[])?.command("nix-store");
        let ended = self.run(command.arg("--load-db"), Stdio::from(list))?;
        match ended.end {
            End::Exit(0) => Ok(state),
            _ => Err(NixError::State(String::from_utf8_lossy(&ended.said).trim().to_owned())),
        }
    }

    /// A folder for one process, on the file system of the sources.
    pub(super) fn scratch(&self) -> io::Result<TempDir> {
        fs::create_dir_all(self.folder())?;
        tempfile::Builder::new().prefix(SCRATCH).tempdir_in(self.folder())
    }

    /// Removes what killed processes left.
    fn sweep(&self) {
        let is_left_over = |entry: &fs::DirEntry| {
            let changed = entry.metadata().and_then(|meta| meta.modified());
            entry.file_name().as_encoded_bytes().starts_with(SCRATCH.as_bytes())
                && changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LEFT_OVER))
        };
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten().filter(is_left_over) {
            if let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::debug!("{} stays: {error}", entry.path().display());
            }
        }
    }
}
