//! The one place that starts `nix`.
//!
//! What it evaluates is a stranger's code. So each process runs in a jail ([`jail`]) that shows it the sources it needs and nothing
//! else, within limits on time, memory and output; and Nix itself is told to be pure, to build nothing, to believe no flake's
//! settings, and to ask nobody.

mod error;
mod evaluation;
mod instantiate;
mod jail;
mod limits;
mod lock;
pub mod network;
mod process;
mod program;
mod source;
mod state;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tempfile::TempDir;
use thymis_core::{
    digest::{Digest, NarHash},
    store_path::SourcePath,
};

pub use self::{
    error::NixError,
    evaluation::Evaluation,
    instantiate::{DefinedBy, Instance, Instantiated},
    limits::NixLimits,
    lock::{COMMAND as NIX_LOCK_WORKER, Locked, Locking, Unlocked, serve as nix_lock_worker},
    source::{Source, SourceError},
    worker::{COMMAND as NIX_WORKER, serve as nix_worker},
};
use self::{
    jail::{Jail, Mount},
    process::{End, Ended},
    program::Programs,
    source::Sources,
};
use crate::git::{TreeLimits, folder_hash};

/// How long the source of an input is kept that nothing uses, and the tree of a draft.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const KEPT_TREE: Duration = Duration::from_secs(24 * 3600);

/// A way to call `nix`.
#[derive(Debug, Clone)]
pub struct Nix {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    sources: Sources,
    trees: Sources,
    program: PathBuf,
    limits: NixLimits,
    /// Also where there is no jail.
    allow_unconfined: bool,
    programs: OnceLock<Programs>,
    /// What Nix knows of its store, by the sources that are in it.
    states: Mutex<BTreeMap<BTreeSet<SourcePath>, Arc<TempDir>>>,
    /// Whether there is a jail, once that was tried.
    unconfined: OnceLock<bool>,
}

impl Nix {
    /// Sources are kept in `folder`; `program` is this program, which is started again with [`NIX_WORKER`].
    #[must_use]
    pub fn new(folder: PathBuf, program: PathBuf) -> Self {
        Self::with(folder, program, NixLimits::default(), false)
    }

    fn with(folder: PathBuf, program: PathBuf, limits: NixLimits, allow_unconfined: bool) -> Self {
        let inner = Inner {
            sources: Sources::new(folder.join("sources"), KEPT),
            trees: Sources::new(folder.join("trees"), KEPT_TREE),
            folder,
            program,
            limits,
            allow_unconfined,
            programs: OnceLock::new(),
            states: Mutex::default(),
            unconfined: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// With other bounds; and also where this machine has no jail, if that is said.
    #[must_use]
    pub fn within(&self, limits: NixLimits, allow_unconfined: bool) -> Self {
        let Inner { folder, program, .. } = &*self.inner;
        Self::with(folder.clone(), program.clone(), limits, allow_unconfined)
    }

    /// Every bound, as the program shows them.
    #[must_use]
    pub fn limits(&self) -> Vec<thymis_sandbox::Limit> {
        let mut limits = self.inner.limits;
        let each = |(name, of, value): (&'static str, &'static str, &mut u64)| thymis_sandbox::Limit {
            name,
            value: *value,
            ceiling: NixLimits::CEILING,
            of,
        };
        limits.all().into_iter().map(each).collect()
    }

    /// What decides how something is evaluated, besides what is evaluated.
    ///
    /// # Errors
    /// When `nix` is missing.
    pub fn version(&self) -> Result<&str, NixError> {
        Ok(&self.programs()?.version)
    }

    /// Where what is kept for it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Bytes that one process may take.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.inner.limits.memory_bytes
    }

    /// Files that Nix may see, if they are here.
    #[must_use]
    pub fn source(&self, hash: &NarHash) -> Option<Source> {
        self.inner.sources.get(hash)
    }

    /// Keeps files that Nix may see: `write` puts them into a folder that isn't there yet.
    ///
    /// # Errors
    /// When they can't be written, or are others than expected.
    pub fn keep(
        &self,
        expected: Option<&NarHash>,
        write: &dyn Fn(&Path) -> Result<NarHash, SourceError>,
    ) -> Result<Source, SourceError> {
        self.inner.sources.add(expected, write)
    }

    /// Keeps the files of a draft for a while, by the name of its tree.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_tree(
        &self,
        tree: &str,
        write: &dyn Fn(&Path) -> Result<NarHash, SourceError>,
    ) -> Result<Source, SourceError> {
        self.inner.trees.add_named(tree, write)
    }

    /// Keeps a flake of these texts for a while.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_flake(&self, flake: &str, lock: &[u8]) -> Result<Source, SourceError> {
        let name = Digest::of_parts([flake.as_bytes(), lock]).hex();
        self.keep_tree(&name, &|folder| {
            let failed = |source| SourceError::Io { folder: folder.to_owned(), source };
            std::fs::create_dir(folder).map_err(failed)?;
            std::fs::write(folder.join("flake.nix"), flake).map_err(failed)?;
            std::fs::write(folder.join("flake.lock"), lock).map_err(failed)?;
            folder_hash(folder, TreeLimits::default()).map_err(failed)
        })
    }

    /// Puts files into the store that `nix` uses where nobody says otherwise. Nothing is evaluated.
    ///
    /// # Errors
    /// When `nix` is missing, or the store can't be written.
    pub fn add_to_store(&self, source: &Source) -> Result<(), NixError> {
        let mut command = std::process::Command::new(&self.programs()?.nix);
        command.args(["--extra-experimental-features", "nix-command", "store", "add-path", "--name", "source"]);
        let ended = self.run(command.arg(&source.folder), Stdio::null())?;
        let printed = String::from_utf8_lossy(&ended.printed);
        match ended.end {
            End::Exit(0) if printed.trim() == source.path.to_string() => Ok(()),
            _ => Err(NixError::Store(String::from_utf8_lossy(&ended.said).trim().to_owned())),
        }
    }

    fn programs(&self) -> Result<&Programs, NixError> {
        if let Some(programs) = self.inner.programs.get() {
            return Ok(programs);
        }
        let found = Programs::find(&self.inner.program, &self.inner.limits)?;
        Ok(self.inner.programs.get_or_init(|| {
            found.warn();
            found
        }))
    }

    fn jail<'a>(&'a self, sources: &'a [Source], state: &'a Path, mounts: &'a [Mount]) -> Result<Jail<'a>, NixError> {
        let programs = self.programs()?;
        let unconfined = self.is_unconfined();
        if programs.bwrap.is_none() && !unconfined {
            return Err(NixError::NoBubblewrap);
        }
        Ok(Jail {
            programs,
            program: &self.inner.program,
            limits: &self.inner.limits,
            unconfined,
            sources,
            state,
            mounts,
            urls: &[],
            may_fetch: false,
            environment: &[],
        })
    }

    fn run(&self, command: &mut std::process::Command, input: Stdio) -> Result<Ended, NixError> {
        self.run_within(command, input, &self.inner.limits)
    }

    fn run_within(
        &self,
        command: &mut std::process::Command,
        input: Stdio,
        limits: &NixLimits,
    ) -> Result<Ended, NixError> {
        tracing::debug!(?command, "nix");
        let ended = process::run(command, input, limits)?.ok_or(NixError::NotInstalled)?;
        match jail::refused(&ended.said).filter(|_| ended.end == End::Exit(1)) {
            Some(refused) => Err(refused),
            None => Ok(ended),
        }
    }

    fn is_unconfined(&self) -> bool {
        self.inner.unconfined.get().copied().unwrap_or_default()
    }
}
