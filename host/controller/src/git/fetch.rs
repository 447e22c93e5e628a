//! Fetching strangers' repositories.
//!
//! A [`Store`] holds one bare repository per address. Nothing in it is believed because it is there: a fetch asks the
//! remote for its refs, checks the wanted commit against that list, and only then names it in `refs/thymis/kept/`. An
//! interrupted fetch leaves at most objects that no such ref names.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs::{DirBuilder, File},
    io,
    ops::ControlFlow,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use git2::{
    Config, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, ProxyOptions, RemoteCallbacks, RemoteRedirect, Repository,
    RepositoryInitOptions,
};
use thymis_core::{
    digest::{Digest, Revision},
    untrusted,
};

use super::{
    error::{GitError, found},
    snapshot::{Snapshot, SnapshotError},
    tree::TreeLimits,
    url::GitUrl,
};

/// How long another process's fetch of the same repository is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bounds on one fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// Bytes received.
    pub bytes: usize,
    /// Git objects received.
    pub objects: usize,
    /// Branches and tags that the repository has.
    pub refs: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes: 1 << 30, objects: 5_000_000, refs: 100_000 }
    }
}

/// How far a fetch has come.
#[derive(Debug, Clone, Copy)]
pub struct FetchProgress {
    pub bytes: usize,
    pub objects: usize,
    /// 0 while the remote still counts.
    pub total_objects: usize,
}

/// One commit, fetched.
#[derive(Debug)]
pub struct Fetched {
    pub revision: Revision,
    /// Full name of the ref that led to it, where the remote says so: `refs/heads/main`.
    pub reference: Option<String>,
    pub snapshot: Snapshot,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{url} is not a git repository: check the address; if it moved or redirects, write where it leads to")]
    NotARepository { url: GitUrl, source: Option<GitError> },
    #[error("the repository {url} has no commits yet: commit something in it, then try again")]
    Empty { url: GitUrl },
    #[error("{url} can't be reached: check the address and the network, then try again")]
    Unreachable { url: GitUrl, source: GitError },
    #[error("there is no folder at {}: check the address {url}", folder.display())]
    NoFolder { url: GitUrl, folder: PathBuf },
    #[error("the repository {url} belongs to another user of this machine: change its owner, or run as the one who owns it")]
    Owner { url: GitUrl },
    #[error("{url} does not exist or needs a credential, and none is given to it")]
    Unauthorized { url: GitUrl },
    #[error("{url} has no ref `{reference}`{hint}")]
    RefNotFound { url: GitUrl, reference: String, hint: String },
    #[error("no ref of {} leads to the commit {revision}: it was never in the repository, or its branch was removed or rewritten; choose a commit of a branch or tag", .url.repository())]
    RevisionNotFound { url: GitUrl, revision: Revision },
    #[error("{url} is too large: more than {limit} {what}; raise the limit, or use a smaller repository")]
    TooLarge { url: GitUrl, what: &'static str, limit: usize },
    #[error("fetching {url} was stopped")]
    Stopped { url: GitUrl },
    #[error("another process has been fetching {url} for {} seconds: try again when it has finished", PATIENCE.as_secs())]
    Busy { url: GitUrl },
    #[error("fetching {url} failed")]
    Git { url: GitUrl, source: GitError },
    #[error("the copies of repositories in {} can't be written", folder.display())]
    Io { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// A folder with copies of repositories. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    tree_limits: TreeLimits,
}

/// How much of a repository's history is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The commit alone.
    Tip,
    History,
}

impl Store {
    /// `folder` is created when something is fetched.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, tree_limits: TreeLimits::default() }
    }

    /// Bounds on what is read from commits.
    #[must_use]
    pub fn with_tree_limits(self, tree_limits: TreeLimits) -> Self {
        Self { tree_limits, ..self }
    }

    /// Fetches the commit that `url` names: its `rev`, else the tip of its `ref`, else the remote's `HEAD`. A `rev` must be
    /// reachable from `ref`, or where none is given from any branch or tag. Over HTTPS a tip is fetched without history.
    ///
    /// `progress` is called whenever something was received, and may stop the fetch.
    ///
    /// # Errors
    /// See [`FetchError`]; what was fetched earlier stays usable.
    pub fn fetch(
        &self,
        url: &GitUrl,
        limits: &FetchLimits,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        // libgit2 can't fetch without history from a folder.
        let depth = if url.local_path().is_some() { Depth::History } else { Depth::Tip };
        Fetch { store: self, url, limits }.run(depth, progress)
    }

    /// As [`Self::fetch`], always with the whole history, so that [`Self::descends`] has an answer.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_history(
        &self,
        url: &GitUrl,
        limits: &FetchLimits,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        Fetch { store: self, url, limits }.run(Depth::History, progress)
    }

    /// A commit that was fetched before, without any network; `None` where it wasn't.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn snapshot(&self, url: &GitUrl, revision: Revision) -> Result<Option<Snapshot>, FetchError> {
        for depth in [Depth::History, Depth::Tip] {
            let folder = self.copy(url, depth);
            if self.keeps(url, depth, revision)? {
                return Ok(Some(Snapshot::open(&folder, revision, self.tree_limits)?));
            }
        }
        Ok(None)
    }

    /// Whether `new` is `old` or comes after it; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn descends(&self, url: &GitUrl, new: Revision, old: Revision) -> Result<Option<bool>, FetchError> {
        if !self.keeps(url, Depth::History, new)? {
            return Ok(None);
        }
        let git = |source: git2::Error| FetchError::Git { url: url.clone(), source: source.into() };
        let repository = open_bare(&self.copy(url, Depth::History)).map_err(git)?;
        let (new, old) = (oid(new).map_err(git)?, oid(old).map_err(git)?);
        if new == old {
            return Ok(Some(true));
        }
        match repository.find_commit(old) {
            Ok(_) => repository.graph_descendant_of(new, old).map(Some).map_err(git),
            Err(_) => Ok(Some(false)),
        }
    }

    /// Removes the copy of a repository.
    ///
    /// # Errors
    /// A fetch under way, or what the file system says.
    pub fn forget(&self, url: &GitUrl) -> Result<(), FetchError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let _lock = self.lock(url)?;
        for depth in [Depth::History, Depth::Tip] {
            self.remove(&self.copy(url, depth))?;
        }
        Ok(())
    }

    fn remove(&self, folder: &Path) -> Result<(), FetchError> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn keeps(&self, url: &GitUrl, depth: Depth, revision: Revision) -> Result<bool, FetchError> {
        let folder = self.copy(url, depth);
        if !folder.exists() {
            return Ok(false);
        }
        let git = |source: GitError| FetchError::Git { url: url.clone(), source };
        let repository = open_bare(&folder).map_err(|error| git(error.into()))?;
        Ok(found(repository.refname_to_id(&kept(revision))).map_err(git)?.is_some())
    }

    fn name(url: &GitUrl) -> String {
        Digest::of(url.repository().to_string().as_bytes()).hex()
    }

    fn copy(&self, url: &GitUrl, depth: Depth) -> PathBuf {
        let suffix = if depth == Depth::Tip { "tips" } else { "git" };
        self.folder.join(format!("{}.{suffix}", Self::name(url)))
    }

    fn lock(&self, url: &GitUrl) -> Result<File, FetchError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| self.io(error))?;
        let path = self.folder.join(format!("{}.lock", Self::name(url)));
        match lock_file(&path, PATIENCE).map_err(|error| self.io(error))? {
            Some(file) => Ok(file),
            None => Err(FetchError::Busy { url: url.clone() }),
        }
    }

    /// The copy, made or made anew where it is missing or unreadable. Call it under the lock.
    fn repository(&self, url: &GitUrl, depth: Depth) -> Result<Repository, FetchError> {
        let folder = self.copy(url, depth);
        if let Ok(repository) = open_bare(&folder) {
            return Ok(repository);
        }
        let git = |source: git2::Error| FetchError::Git { url: url.clone(), source: source.into() };
        self.remove(&folder)?;
        let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder).map_err(|error| self.io(error))?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("main");
        Repository::init_opts(fresh.path(), &options).map_err(git)?;
        // Connecting reads this one; it has no option of its own.
        Config::open(&fresh.path().join("config")).and_then(|mut config| config.set_bool("http.followRedirects", false)).map_err(git)?;
        std::fs::rename(fresh.keep(), &folder).map_err(|error| self.io(error))?;
        open_bare(&folder).map_err(git)
    }

    fn io(&self, source: io::Error) -> FetchError {
        FetchError::Io { folder: self.folder.clone(), source }
    }
}

/// One fetch under way.
struct Fetch<'a> {
    store: &'a Store,
    url: &'a GitUrl,
    limits: &'a FetchLimits,
}

impl Fetch<'_> {
    fn run(
        &self,
        depth: Depth,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        self.check_local()?;
        let _lock = self.store.lock(self.url)?;
        let repository = self.store.repository(self.url, depth)?;
        let asked = Cell::new(false);
        let mut remote = repository.remote_anonymous(&self.url.fetch_url()).map_err(|error| self.git(error))?;
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(callbacks(&asked)), Some(proxy()))
            .map_err(|error| self.failed(error, asked.get()))?;
        let heads = Heads::new(connection.list().map_err(|error| self.failed(error, asked.get()))?);
        if heads.0.is_empty() {
            return Err(FetchError::Empty { url: self.url.clone() });
        }
        if heads.0.len() > self.limits.refs {
            return Err(self.too_large("branches and tags", self.limits.refs));
        }
        let candidates = self.candidates(&heads)?;
        let target = self.url.revision().map(oid).transpose().map_err(|error| self.git(error))?;
        let tip = match target {
            None => candidates.first(),
            Some(target) => candidates.iter().find(|(_, tip)| *tip == target),
        };
        if tip.is_none() && depth == Depth::Tip {
            drop(connection);
            drop(remote);
            drop(_lock);
            return self.run(Depth::History, progress);
        }
        let wanted = tip.map_or(candidates.as_slice(), std::slice::from_ref);
        let stopped = Cell::new(None);
        let mut options = self.options(depth, &asked, &stopped, progress);
        // A revision alone may hang on any branch or tag; a ref of the remote becomes none here.
        let refspecs: Vec<String> = wanted.iter().map(|(name, _)| format!("+{name}:{name}")).collect();
        if !wanted.iter().all(|(_, oid)| repository.find_commit(*oid).is_ok()) {
            let downloaded = connection.remote().download(&refspecs, Some(&mut options));
            drop(options);
            downloaded.map_err(|error| match stopped.get() {
                Some(Stop::Asked) => FetchError::Stopped { url: self.url.clone() },
                Some(Stop::Limit(what, limit)) => self.too_large(what, limit),
                None => self.failed(error, asked.get()),
            })?;
        }
        drop(connection);
        let (name, commit) = match tip {
            Some((name, tip)) => {
                let commit = repository.find_object(*tip, None).and_then(|object| object.peel_to_commit());
                (Some(name.clone()), commit.map_err(|error| self.git(error))?.id())
            }
            None => (self.url.full_reference(), self.reachable(&repository, wanted, target)?),
        };
        self.keep(&repository, depth, name.filter(|name| name != "HEAD").or_else(|| heads.default_branch()), commit)
    }

    fn keep(
        &self,
        repository: &Repository,
        depth: Depth,
        reference: Option<String>,
        commit: Oid,
    ) -> Result<Fetched, FetchError> {
        let bytes = commit.as_bytes().try_into().unwrap_or_default();
        let revision = Revision::from_bytes(bytes);
        repository
            .reference(&kept(revision), commit, true, "fetched")
            .map_err(|error| self.git(error))?;
        let snapshot = Snapshot::open(&self.store.copy(self.url, depth), revision, self.store.tree_limits)?;
        Ok(Fetched { revision, reference, snapshot })
    }

    /// Refs from which the commit may come, with the objects that they name.
    fn candidates(&self, heads: &Heads) -> Result<Vec<(String, Oid)>, FetchError> {
        let name = match (self.url.full_reference(), self.url.revision()) {
            (Some(name), _) => name,
            (None, None) => "HEAD".to_owned(),
            (None, Some(_)) => {
                let inside = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
                return Ok(heads.0.keys().filter(|name| inside(name)).filter_map(|name| heads.commit(name)).collect());
            }
        };
        heads.commit(&name).map(|candidate| vec![candidate]).ok_or_else(|| FetchError::RefNotFound {
            url: self.url.clone(),
            hint: heads.hint(&name),
            reference: name,
        })
    }

    fn reachable(&self, repository: &Repository, tips: &[(String, Oid)], target: Option<Oid>) -> Result<Oid, FetchError> {
        let mut walk = repository.revwalk().map_err(|error| self.git(error))?;
        for (_, tip) in tips {
            // A tag may name a file; no commit comes from there.
            if repository.find_commit(*tip).is_ok() {
                walk.push(*tip).map_err(|error| self.git(error))?;
            }
        }
        for commit in walk {
            let commit = commit.map_err(|error| self.git(error))?;
            if Some(commit) == target {
                return Ok(commit);
            }
        }
        match self.url.revision() {
            Some(revision) => Err(FetchError::RevisionNotFound { url: self.url.clone(), revision }),
            None => Err(FetchError::Empty { url: self.url.clone() }),
        }
    }

    fn options<'cb>(
        &self,
        depth: Depth,
        asked: &'cb Cell<bool>,
        stopped: &'cb Cell<Option<Stop>>,
        progress: &'cb mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> FetchOptions<'cb> {
        let limits = *self.limits;
        let mut callbacks = callbacks(asked);
        callbacks.transfer_progress(move |now| {
            let stop = if now.received_bytes() > limits.bytes {
                Some(Stop::Limit("bytes", limits.bytes))
            } else if now.total_objects() > limits.objects {
                Some(Stop::Limit("git objects", limits.objects))
            } else {
                let report = FetchProgress {
                    bytes: now.received_bytes(),
                    objects: now.received_objects(),
                    total_objects: now.total_objects(),
                };
                progress(report).is_break().then_some(Stop::Asked)
            };
            if stop.is_some() {
                stopped.set(stop);
            }
            stop.is_none()
        });
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(callbacks)
            .proxy_options(proxy())
            .follow_redirects(RemoteRedirect::None)
            .download_tags(git2::AutotagOption::None);
        if depth == Depth::Tip {
            options.depth(1);
        }
        options
    }

    /// libgit2 doesn't say why a folder can't be fetched from.
    fn check_local(&self) -> Result<(), FetchError> {
        let Some(folder) = self.url.local_path() else { return Ok(()) };
        let url = self.url.clone();
        if !folder.exists() {
            return Err(FetchError::NoFolder { url, folder });
        }
        match Repository::open(&folder) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::Owner => Err(FetchError::Owner { url }),
            Err(error) => Err(FetchError::NotARepository { url, source: Some(error.into()) }),
        }
    }

    fn failed(&self, error: git2::Error, asked: bool) -> FetchError {
        let url = self.url.clone();
        if asked || error.code() == ErrorCode::Auth {
            return FetchError::Unauthorized { url };
        }
        match error.class() {
            ErrorClass::Http => FetchError::NotARepository { url, source: Some(error.into()) },
            ErrorClass::Net | ErrorClass::Os | ErrorClass::Ssl => FetchError::Unreachable { url, source: error.into() },
            _ if error.code() == ErrorCode::Certificate => FetchError::Unreachable { url, source: error.into() },
            _ => FetchError::Git { url, source: error.into() },
        }
    }

    fn git(&self, error: git2::Error) -> FetchError {
        FetchError::Git { url: self.url.clone(), source: error.into() }
    }

    fn too_large(&self, what: &'static str, limit: usize) -> FetchError {
        FetchError::TooLarge { url: self.url.clone(), what, limit }
    }
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Asked,
    Limit(&'static str, usize),
}

/// The refs that the remote has now, by full name; `x^{}` is what the tag `x` names in the end.
struct Heads(BTreeMap<String, (Oid, Option<String>)>);

impl Heads {
    fn new(list: &[git2::RemoteHead<'_>]) -> Self {
        let entry = |head: &git2::RemoteHead<'_>| {
            (head.name().to_owned(), (head.oid(), head.symref_target().map(str::to_owned)))
        };
        Self(list.iter().map(entry).collect())
    }

    fn commit(&self, name: &str) -> Option<(String, Oid)> {
        let (oid, _) = self.0.get(&format!("{name}^{{}}")).or_else(|| self.0.get(name))?;
        (!name.ends_with("^{}")).then(|| (name.to_owned(), *oid))
    }

    fn default_branch(&self) -> Option<String> {
        self.0.get("HEAD").and_then(|(_, target)| target.clone())
    }

    /// What to write instead of a ref that isn't there.
    fn hint(&self, name: &str) -> String {
        let tag = name.strip_prefix("refs/heads/").map(|name| format!("refs/tags/{name}"));
        if let Some(tag) = tag.filter(|tag| self.0.contains_key(tag)) {
            return format!("; there is a tag of that name: write `?ref={tag}`");
        }
        let branches: Vec<String> =
            self.0.keys().filter_map(|name| name.strip_prefix("refs/heads/")).take(5).map(untrusted::short).collect();
        match (name, branches.is_empty()) {
            (_, true) => "; it has no branches".to_owned(),
            ("HEAD", _) => format!(", which would be its default branch: add `?ref=` and one of {}", branches.join(", ")),
            _ => format!("; its branches are {}", branches.join(", ")),
        }
    }
}

fn kept(revision: Revision) -> String {
    format!("refs/thymis/kept/{revision}")
}

fn oid(revision: Revision) -> Result<Oid, git2::Error> {
    revision.to_string().parse()
}

/// No credential is given; certificates are checked by libgit2 itself.
fn callbacks(asked: &Cell<bool>) -> RemoteCallbacks<'_> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.credentials(|_, _, _| {
        asked.set(true);
        Err(git2::Error::from_str("no credential is given"))
    });
    callbacks
}

fn proxy() -> ProxyOptions<'static> {
    let mut options = ProxyOptions::new();
    options.auto();
    options
}

/// Opens a bare repository with its own configuration only: the user's may rewrite addresses.
pub(super) fn open_bare(folder: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(folder)?;
    repository.set_config(&Config::open(&folder.join("config"))?)?;
    Ok(repository)
}

/// An exclusive lock that ends with the returned file, `None` where another holds it all the time.
pub(super) fn lock_file(path: &Path, patience: Duration) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) if begin.elapsed() >= patience => return Ok(None),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}
