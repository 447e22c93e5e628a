//! Fetching one commit of a stranger's repository.
//!
//! The remote's list of refs is asked for first, and the wanted commit is checked against that list: what an earlier fetch
//! left proves nothing.

use std::{cell::Cell, collections::BTreeMap, io, ops::ControlFlow, path::PathBuf, time::Duration};

use git2::{
    Direction, ErrorClass, ErrorCode, FetchOptions, Oid, ProxyOptions, RemoteCallbacks, RemoteRedirect, Repository,
};
use thymis_core::{digest::Revision, untrusted};

use super::{
    error::GitError,
    snapshot::{Snapshot, SnapshotError},
    store::{Depth, Store, kept, oid},
    url::GitUrl,
};

/// How long another process's fetch of the same repository is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

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
    NotARepository { url: Box<GitUrl>, source: Option<GitError> },
    #[error("the repository {url} has no commits yet: commit something in it, then try again")]
    Empty { url: Box<GitUrl> },
    #[error("{url} can't be reached: check the address and the network, then try again")]
    Unreachable { url: Box<GitUrl>, source: GitError },
    #[error("there is no folder at {}: check the address {url}", folder.display())]
    NoFolder { url: Box<GitUrl>, folder: PathBuf },
    #[error(
        "the repository {url} belongs to another user of this machine: change its owner, or run as the one who owns it"
    )]
    Owner { url: Box<GitUrl> },
    #[error("{url} does not exist or needs a credential, and none is given to it")]
    Unauthorized { url: Box<GitUrl> },
    #[error("{url} has no ref `{reference}`{hint}")]
    RefNotFound { url: Box<GitUrl>, reference: String, hint: String },
    #[error(
        "the commit {revision} is not on {}: it was never there, or its branch was removed or rewritten; choose a \
         commit of a branch or tag",
        ref_of(.url)
    )]
    RevisionNotFound { url: Box<GitUrl>, revision: Revision },
    #[error("{url} is too large: more than {limit} {what}; raise the limit, or use a smaller repository")]
    TooLarge { url: Box<GitUrl>, what: &'static str, limit: usize },
    #[error("fetching {url} was stopped")]
    Stopped { url: Box<GitUrl> },
    #[error("another process has been fetching {url} for {} seconds: try again when it has finished", PATIENCE.as_secs())]
    Busy { url: Box<GitUrl> },
    #[error("fetching {url} failed")]
    Git { url: Box<GitUrl>, source: GitError },
    #[error("the copies of repositories in {} can't be written", folder.display())]
    Io { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// One fetch under way.
pub(super) struct Fetch<'a> {
    pub(super) store: &'a Store,
    pub(super) url: &'a GitUrl,
    pub(super) limits: &'a FetchLimits,
}

impl Fetch<'_> {
    pub(super) fn run(
        &self,
        depth: Depth,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        self.check_local()?;
        let lock = self.store.lock(self.url)?;
        let repository = self.store.repository(self.url, depth)?;
        let asked = Cell::new(false);
        let mut remote = repository.remote_anonymous(&self.url.fetch_url()).map_err(|error| self.git(error))?;
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(callbacks(&asked)), Some(proxy()))
            .map_err(|error| self.failed(error, asked.get()))?;
        let heads = Heads::new(connection.list().map_err(|error| self.failed(error, asked.get()))?);
        if heads.0.is_empty() {
            return Err(FetchError::Empty { url: self.named() });
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
            drop(lock);
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
                Some(Stop::Asked) => FetchError::Stopped { url: self.named() },
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
        repository.reference(&kept(revision), commit, true, "fetched").map_err(|error| self.git(error))?;
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
            url: self.named(),
            hint: heads.hint(&name),
            reference: name,
        })
    }

    fn reachable(
        &self,
        repository: &Repository,
        tips: &[(String, Oid)],
        target: Option<Oid>,
    ) -> Result<Oid, FetchError> {
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
            Some(revision) => Err(FetchError::RevisionNotFound { url: self.named(), revision }),
            None => Err(FetchError::Empty { url: self.named() }),
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
        let url = self.named();
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
        let url = self.named();
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

    fn named(&self) -> Box<GitUrl> {
        Box::new(self.url.clone())
    }

    fn git(&self, error: git2::Error) -> FetchError {
        FetchError::Git { url: self.named(), source: error.into() }
    }

    fn too_large(&self, what: &'static str, limit: usize) -> FetchError {
        FetchError::TooLarge { url: self.named(), what, limit }
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
            ("HEAD", _) => {
                format!(", which would be its default branch: add `?ref=` and one of {}", branches.join(", "))
            }
            _ => format!("; its branches are {}", branches.join(", ")),
        }
    }
}

fn ref_of(url: &GitUrl) -> String {
    match url.reference() {
        Some(reference) => format!("the ref `{reference}` of {}", url.repository()),
        None => format!("any branch or tag of {}", url.repository()),
    }
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
