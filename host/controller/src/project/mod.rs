//! A project: the git repository with state, generated flake and locks, and everything that is done to it.
//!
//! [`Project`] opens one and finishes what was interrupted. [`State`] is what people edited; [`Catalogue`] holds the
//! modules of its inputs, as far as they may be used; [`Generator`] makes the files of all configurations and tags of both,
//! and [`Project::generate`] puts them in place as one transaction.

mod artifacts;
mod catalogue;
mod check;
mod device;
mod evaluate;
mod export;
mod failure;
mod generator;
mod import;
mod inputs;
mod log;
mod outputs;
mod state;
mod transaction;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use thymis_core::{
    consent::{self, LogError, Who},
    grant::{self, Lock},
    id::{ConfigurationId, TagId},
    json::JsonError,
};
use thymis_sandbox::{Limits, Sandbox};

pub use catalogue::CatalogueError;
pub use catalogue::{Catalogue, InputReport, Loaded};
pub use check::{BlamedFor, Checked, Finding, Outcome, Outside, Setting};
pub(crate) use device::target;
pub use evaluate::{Evaluable, EvaluateError};
pub use failure::{Failure, FailureKind};
pub(crate) use generator::migrated;
pub use generator::{Generation, Generator, Warning};
pub use import::ImportError;
pub use inputs::{Comparison, Completed, Effect, InputError, Pending, Reason, Renamed, Shown, Trial, Update, Waiting};
pub use state::{Parsed, State, StateProblem, StateReadError};
pub use transaction::{CommitError, GenerateError, Generated, Options};

use state::StateReader;

use crate::{
    git::{ApplyError, GitError, HistoryError, ProjectRepository, Store, WORKTREE_REF},
    input::{FlakeLock, FlakeLockError, Revocations},
    nix::Nix,
};

/// Files that `generate` owns.
#[must_use]
pub fn is_generated(path: &str) -> bool {
    let host = |name: &str| name.strip_suffix(".secrets.json").or(name.strip_suffix(".nix")).map(str::to_owned);
    match path.split_once('/') {
        None => is_pinned(path) || path == "hosts.json",
        Some(("hosts", name)) => host(name).is_some_and(|id| id.parse::<ConfigurationId>().is_ok()),
        Some(("tags", name)) => name.strip_suffix(".nix").is_some_and(|id| id.parse::<TagId>().is_ok()),
        Some(_) => false,
    }
}

/// Those of them that say what the inputs are.
fn is_pinned(path: &str) -> bool {
    matches!(path, "flake.nix" | "flake.lock" | grant::FILE | consent::FILE)
}

/// Files that a commit takes from the draft: the generated ones and what they were generated from.
fn is_ours(path: &str) -> bool {
    let id = |name: &str| name.strip_suffix(".json").is_some_and(|id| id.parse::<ConfigurationId>().is_ok());
    is_generated(path)
        || path == "state/project.json"
        || path.strip_prefix("state/configurations/").is_some_and(id)
        || path.strip_prefix("state/tags/").is_some_and(id)
        || path.starts_with("artifacts/")
}

/// The file by which git leaves the links of `nix build` alone in a new project.
const IGNORE: (&str, &[u8]) = (".gitignore", b"/result\n/result-*\n");

/// What all projects of a process share.
#[derive(Debug, Clone)]
pub struct Host {
    pub sandbox: Sandbox,
    pub store: Store,
    pub revocations: Revocations,
    /// How `nix` is called; absent where nothing is to be asked of it.
    pub nix: Option<Nix>,
    /// Who uses it, as the consent log says.
    pub who: Who,
}

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("the user's cache folder isn't known: set HOME or XDG_CACHE_HOME")]
    NoCache,
    #[error("the folder of the user's state isn't known: set HOME or XDG_STATE_HOME")]
    NoState,
    #[error("this program's own file can't be found")]
    Program(#[source] std::io::Error),
    #[error(transparent)]
    Sandbox(#[from] thymis_sandbox::HostFault),
}

impl Host {
    /// The one of the program `thymis`: with caches in the user's cache folder, revocations in the folder of the user's
    /// state, components compiled and repositories fetched in processes of their own.
    ///
    /// # Errors
    /// When there is no such folder, or the WebAssembly engine can't start.
    pub fn of_program(limits: Limits) -> Result<Self, HostError> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |name: &str, usual: &str| {
            let folder = absolute(name).or_else(|| absolute("HOME").map(|home| home.join(usual)));
            folder.map(|folder| folder.join("thymis"))
        };
        let cache = folder("XDG_CACHE_HOME", ".cache").ok_or(HostError::NoCache)?;
        let state = folder("XDG_STATE_HOME", ".local/state").ok_or(HostError::NoState)?;
        // The program as it was started, even if it was replaced on disk since.
        let program = PathBuf::from("/proc/self/exe");
        let program = if program.exists() { program } else { std::env::current_exe().map_err(HostError::Program)? };
        let (worker, started) = (program.clone(), program.clone());
        let sandbox = Sandbox::with_worker(limits, Some(cache.join("components")), program)?;
        Ok(Self {
            sandbox,
            store: Store::new(cache.join("repositories")).with_program(worker),
            revocations: Revocations::new(state.join("revoked.json")),
            nix: Some(Nix::new(cache.join("nix"), started)),
            who: Who::new("unknown"),
        })
    }

    /// One that compiles in this process and keeps everything in `cache`, for programs that aren't `thymis`.
    ///
    /// # Errors
    /// When the WebAssembly engine can't start.
    pub fn with_cache(cache: &Path) -> Result<Self, HostError> {
        let sandbox = Sandbox::new(Limits::default(), Some(cache.join("components")))?;
        Ok(Self {
            sandbox,
            store: Store::new(cache.join("repositories")),
            revocations: Revocations::new(cache.join("revoked.json")),
            nix: None,
            who: Who::new("unknown"),
        })
    }
}

/// An open project.
#[derive(Debug)]
pub struct Project {
    repository: ProjectRepository,
    host: Arc<Host>,
    state: Mutex<StateReader>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("what an earlier command began can't be finished")]
    Recover(#[from] ApplyError),
    #[error(transparent)]
    State(#[from] StateReadError),
    #[error(transparent)]
    Lock(#[from] JsonError),
    #[error(transparent)]
    FlakeLock(#[from] FlakeLockError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(
        "{file} lacks lines that the branch has: restore it with `git checkout HEAD -- {file}`, or in a merge with `git checkout MERGE_HEAD -- {file}`; then run `thymis generate`", file = consent::FILE
    )]
    LogCut,
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the folder {} is not empty: choose another, or an empty one", .0.display())]
    NotEmpty(PathBuf),
}

impl From<GitError> for ProjectError {
    fn from(error: GitError) -> Self {
        Self::History(error.into())
    }
}

impl Project {
    /// Makes a project in a folder that is empty or not there.
    ///
    /// # Errors
    /// When the folder holds something, or can't be written.
    pub fn init(root: &Path, host: Arc<Host>) -> Result<Self, ProjectError> {
        if std::fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(ProjectError::NotEmpty(root.to_owned()));
        }
        let repository = ProjectRepository::init(root)?;
        let project = Self { repository, host, state: Mutex::default() };
        let bytes = thymis_core::json::write(&thymis_core::state::Project::new()).unwrap_or_default();
        state::write(project.root(), "state/project.json", &bytes)?;
        state::write(project.root(), IGNORE.0, IGNORE.1)?;
        Ok(project)
    }

    /// Opens a project, and finishes what a killed command began.
    ///
    /// # Errors
    /// When the folder is no project, or what was begun can't be finished.
    pub fn open(root: &Path, host: Arc<Host>) -> Result<Self, ProjectError> {
        let repository = ProjectRepository::open(root)?;
        let draft = repository.draft()?.map(|draft| draft.commit);
        if draft.is_some() && repository.reference(WORKTREE_REF)? != draft {
            let lock = repository.lock()?;
            if repository.recover(&lock, &is_generated)?.is_some() {
                tracing::info!("finished the generation that an earlier command began");
            }
        }
        Ok(Self { repository, host, state: Mutex::default() })
    }

    /// Says where devices reach the controller, or that nobody knows; answers what was said before.
    ///
    /// # Errors
    /// When the state can't be read or written.
    pub fn set_controller_url(&self, url: Option<&str>) -> Result<Option<String>, ProjectError> {
        let _lock = self.repository.lock()?;
        let mut project = (*self.state()?.project).clone();
        let before = project.controller_url.take();
        project.controller_url = url.map(str::to_owned);
        if before != project.controller_url {
            let bytes = thymis_core::json::write(&project).unwrap_or_default();
            thymis_core::state::Project::parse(&bytes)
                .map_err(|error| StateReadError::from(StateProblem::State(error)))?;
            state::write(self.root(), "state/project.json", &bytes)?;
        }
        Ok(before)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.repository.root()
    }

    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    #[must_use]
    pub fn repository(&self) -> &ProjectRepository {
        &self.repository
    }

    /// The state as it is on the disk; files that weren't changed since the last call aren't read again.
    ///
    /// # Errors
    /// When a file of the state can't be read or is wrong: all of them.
    pub fn state(&self) -> Result<State, StateReadError> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).read(self.root())
    }

    /// `modules.lock`; empty if there is none.
    ///
    /// # Errors
    /// When the file is not a lock.
    pub fn lock(&self) -> Result<Lock, ProjectError> {
        match self.read(grant::FILE)? {
            Some(bytes) => Ok(Lock::parse(&bytes)?),
            None => Ok(Lock::new()),
        }
    }

    /// `flake.lock`, if there is one.
    ///
    /// # Errors
    /// When the file is not a lock.
    pub fn flake_lock(&self) -> Result<Option<FlakeLock>, ProjectError> {
        self.read("flake.lock")?.map(|bytes| FlakeLock::parse(&bytes)).transpose().map_err(Into::into)
    }

    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, ProjectError> {
        let path = self.root().join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ProjectError::Read { path, source }),
        }
    }
}
