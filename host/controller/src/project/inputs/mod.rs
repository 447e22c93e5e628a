//! What is done to inputs: each a change of `modules.lock`, `flake.lock` and `state/project.json` in one draft, with a line
//! in the consent log.

mod accept;
mod add;
mod compare;
mod follow;
mod nix_lock;
mod outputs;
mod remove;
mod rename;
mod step;
mod store;
mod update;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    time::{SystemTime, UNIX_EPOCH},
};

use thymis_core::{
    consent::{self, Action, LogError, Record},
    digest::{Digest, Revision},
    grant::{Entry, GrantError, Lock, Pin},
    id::InputName,
    json,
    output::Outputs,
    reference::{FlakeReference, ReferenceError},
    revocation::Revocable,
    state, untrusted,
};

pub use self::{
    add::Trial,
    compare::{Comparison, Effect},
    nix_lock::Completed,
    rename::Renamed,
    update::{Reason, Update},
};
use super::{
    EvaluateError, GenerateError, Project, ProjectError, StateReadError,
    catalogue::{is_base, snapshot},
    is_generated, is_pinned, state as files,
    transaction::{OTHER_INPUTS, pins, unfit},
};
use crate::{
    git::{Content, FetchError, HistoryError, ProjectLock, Snapshot},
    input::{Contents, FlakeLock, Repository, RepositoryError, RevocationError, Status, Unfit},
    nix::NixError,
};

/// An input as an operator looks at it: where it is pinned, what it asks for.
#[derive(Debug)]
pub struct Shown {
    /// A repository that is only looked at may have none.
    pub name: Option<InputName>,
    pub status: Status,
    pub repository: Repository,
    /// What accepting it would grant.
    pub digest: Option<Digest>,
    /// The update that waits to be accepted.
    pub next: Option<Waiting>,
    /// Updates leave it where it is.
    pub held: bool,
    /// What its flake offers, where that is known.
    pub outputs: Option<Outputs>,
}

/// An update that waits, or why it can't be looked at.
pub type Waiting = Result<(Box<Shown>, Box<Pending>), Box<InputError>>;

/// Why an update has to be accepted, and what it changes.
#[derive(Debug)]
pub struct Pending {
    pub reasons: Vec<Reason>,
    pub comparison: Comparison,
}

/// Why inputs were not changed.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("there is an input `{0}` already: choose another name, or pin it anew with --replace")]
    Exists(InputName),
    #[error("there is no input `{name}`{}", if known.is_empty() { ": there are none yet, add one with `thymis input add`".to_owned() } else { format!("; there are {known}") })]
    Unknown { name: InputName, known: String },
    #[error("`{0}` isn't pinned: run `thymis input add --replace {0} URL`")]
    NotPinned(InputName),
    #[error("the input `{name}` is used by {users}: remove its modules there first")]
    InUse { name: InputName, users: String },
    #[error(
        "the input `{name}` is used by {users}: pin another in its place with `thymis input add --replace {name} URL`"
    )]
    Needed { name: InputName, users: String },
    #[error("the input `{name}` is followed by {users}: let that follow another with `thymis input follow` first")]
    Followed { name: InputName, users: String },
    #[error("there is an input `{0}` already: choose another name")]
    Taken(InputName),
    #[error("`{0}` has no modules: there is nothing to accept")]
    NothingToAccept(InputName),
    #[error("`{0}` wasn't accepted: there is nothing to revoke; name a component's digest, or its revision, instead")]
    NothingToRevoke(InputName),
    #[error("`{name}` can't be used: {what} was revoked ({reason})")]
    Revoked { name: InputName, what: Revocable, reason: String },
    #[error(
        "the address of `{0}` names a revision, where it stays anyway: run `thymis input add --replace {0} URL` with another, or without"
    )]
    Fixed(InputName),
    #[error("nothing is known of an earlier revision of `{0}`: name one")]
    NoEarlier(InputName),
    #[error(
        "`{0}` is the name of an input that the generated flake itself uses: it can't be renamed, nor given to another"
    )]
    Base(InputName),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no temporary folder can be made")]
    Temporary(#[source] std::io::Error),
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    #[error(
        "the input `{name}` is at revision {found}, not at {expected}: it changed after it was shown. Look at it again with `thymis input show {name}`"
    )]
    OtherRevision { name: InputName, expected: Revision, found: Revision },
    #[error(
        "the input `{name}` asks for {found}, not for {expected}: it changed after it was shown. Look at it again with `thymis input show {name}`"
    )]
    OtherDigest { name: InputName, expected: Digest, found: Digest },
    #[error(
        "the repository's contents differ from what modules.lock pins (NAR hash {found}, expected {expected}): restore modules.lock from git, or pin the input anew with `thymis input add --replace`"
    )]
    Contents { found: String, expected: String },
    #[error(
        "modules.lock pins {locked}, state/project.json says {stated}: what was accepted is for one URL. Run `thymis input add --replace {name} {stated}`"
    )]
    OtherUrl { name: InputName, locked: String, stated: String },
    #[error("the update of `{0}` has no modules: remove the input, or pin it anew with `thymis input add --replace`")]
    LostModules(InputName),
    #[error("the input `{0}` was changed meanwhile: look at it again with `thymis input show {0}`")]
    Changed(InputName),
    #[error(transparent)]
    Url(#[from] ReferenceError),
    #[error("{}: {source}", .source.status())]
    Repository { source: Box<RepositoryError> },
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    State(#[from] StateReadError),
    #[error(transparent)]
    Write(#[from] GenerateError),
    #[error(transparent)]
    Nix(#[from] NixError),
    #[error("`{own}` of `{name}` can't follow `{target}`: {why}")]
    Follow { name: InputName, own: String, target: InputName, why: state::FollowsReason },
    #[error("the flake of `{name}` has no input `{own}`; it has {known}")]
    NoOwnInput { name: InputName, own: String, known: String },
    #[error(transparent)]
    Evaluate(#[from] Box<EvaluateError>),
    #[error("inputs of inputs can't be used:\n{}", unfit(.0))]
    Unfit(Vec<Unfit>),
}

impl InputError {
    /// The state in which an input is for which this is true.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Repository { source } => source.status(),
            Self::Url(_) => Status::NoUrl,
            _ => Status::Failed,
        }
    }
}

impl From<RepositoryError> for InputError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository { source: Box::new(error) }
    }
}

impl From<FetchError> for InputError {
    fn from(error: FetchError) -> Self {
        RepositoryError::from(error).into()
    }
}

impl Project {
    fn pinned_input(&self, name: &InputName) -> Result<(Entry, Repository), InputError> {
        let (url, entry) = self.entry(name)?;
        let repository = self.read_at(name, &url, &entry, snapshot(&self.host, &url, &entry)?)?;
        Ok((entry, repository))
    }

    /// As [`Self::pinned_input`], of a commit that was found on a branch or tag: it may be accepted.
    fn proven_input(&self, name: &InputName) -> Result<(Entry, Repository), InputError> {
        let (url, entry) = self.entry(name)?;
        let repository = self.read_at(name, &url, &entry, self.proven(&url, entry.pin.revision)?)?;
        Ok((entry, repository))
    }

    /// Servers also give commits that are on no branch of theirs but of somebody's copy.
    fn proven(&self, url: &FlakeReference, revision: Revision) -> Result<Snapshot, InputError> {
        match self.host.store.proven_snapshot(url, revision)? {
            Some(snapshot) => Ok(snapshot),
            None => Ok(self.host.store.fetch_revision(url, revision, &mut |_| ControlFlow::Continue(()))?.snapshot),
        }
    }

    /// The entry of an input, which is for the URL that the state says.
    fn entry(&self, name: &InputName) -> Result<(FlakeReference, Entry), InputError> {
        let project = self.state()?.project;
        let input = project.inputs.get(name).ok_or_else(|| unknown(name, &project))?;
        let url: FlakeReference = input.url.parse()?;
        let entry = self.lock()?.inputs.remove(name).ok_or_else(|| InputError::NotPinned(name.clone()))?;
        if entry.pin.url != url.to_string() {
            let (locked, stated) = (entry.pin.url, url.to_string());
            return Err(InputError::OtherUrl { name: name.clone(), locked, stated });
        }
        Ok((url, entry))
    }

    /// # Errors
    /// When the revision or what is granted was revoked.
    fn unrevoked(&self, name: &InputName, entry: &Entry) -> Result<(), InputError> {
        match self.host.revocations.read()?.of_entry(entry) {
            None => Ok(()),
            Some((what, revocation)) => {
                let reason = untrusted::short(&revocation.reason);
                Err(InputError::Revoked { name: name.clone(), what, reason })
            }
        }
    }

    /// A line of the consent log about an input as it is now.
    fn record(&self, action: Action, name: &InputName, entry: &Entry) -> Record {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let grant = entry.grant.as_ref().map(|grant| grant.digest);
        Record::new(at, self.host.who.clone(), action, name.clone()).of(&entry.pin, grant)
    }

    /// What the update contains that waits.
    fn read_next(&self, name: &InputName, entry: &Entry, next: Pin) -> Result<Repository, InputError> {
        if next.url != entry.pin.url {
            let (locked, stated) = (next.url, entry.pin.url.clone());
            return Err(InputError::OtherUrl { name: name.clone(), locked, stated });
        }
        let url: FlakeReference = next.url.parse()?;
        let snapshot = self.proven(&url, next.revision)?;
        self.read_at(name, &url, &Entry::pinned(next), snapshot)
    }

    fn read_at(
        &self,
        name: &InputName,
        url: &FlakeReference,
        entry: &Entry,
        snapshot: Snapshot,
    ) -> Result<Repository, InputError> {
        let repository = self.as_input(name, url, &snapshot)?;
        if repository.pin != entry.pin {
            return Err(InputError::Contents {
                found: repository.pin.nar_hash.to_string(),
                expected: entry.pin.nar_hash.to_string(),
            });
        }
        Ok(repository)
    }

    /// A repository as an input of this name.
    fn as_input(&self, name: &InputName, url: &FlakeReference, snapshot: &Snapshot) -> Result<Repository, InputError> {
        let mut repository = Repository::read(url, snapshot, self.host.sandbox.limits())?;
        if is_base(name) {
            repository.contents = Contents::Plain;
        }
        Ok(repository)
    }

    /// Puts another entry in the place of the one that was looked at.
    ///
    /// # Errors
    /// When somebody else was faster: nothing was changed.
    fn replace_entry(
        &self,
        name: &InputName,
        before: &Entry,
        after: Entry,
        records: Vec<Record>,
    ) -> Result<(), InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut lock = self.lock()?;
        match lock.inputs.get_mut(name).filter(|now| *now == before) {
            Some(now) => *now = after,
            None => return Err(InputError::Changed(name.clone())),
        }
        self.write_inputs(&project_lock, &self.state()?.project, lock, records)
    }

    /// Makes a draft with these inputs, then changes the state: after a kill between the two, the locks hold an entry more,
    /// which nothing uses.
    fn write_inputs(
        &self,
        project_lock: &ProjectLock,
        project: &state::Project,
        mut lock: Lock,
        records: Vec<Record>,
    ) -> Result<(), InputError> {
        lock.inputs.retain(|name, _| project.inputs.contains_key(name));
        let flake_lock = FlakeLock::compose(&pins(project, &lock), self.flake_lock()?.as_ref());
        self.write_locked(project_lock, project, &lock, &flake_lock, records)
    }

    fn write_locked(
        &self,
        project_lock: &ProjectLock,
        project: &state::Project,
        lock: &Lock,
        flake_lock: &FlakeLock,
        records: Vec<Record>,
    ) -> Result<(), InputError> {
        let bytes = json::write(project).map_err(GenerateError::from)?;
        let mut changes: BTreeMap<_, _> =
            self.pinned(project, lock, flake_lock)?.into_iter().map(|(path, content)| (path, Some(content))).collect();
        changes.insert("state/project.json".to_owned(), Some(Content::File(bytes.clone().into())));
        if !records.is_empty() {
            let mut log = self.consent()?;
            records.into_iter().try_for_each(|record| log.append(record).map(|_| ()))?;
            changes.insert(consent::FILE.to_owned(), Some(Content::File(log.bytes().into())));
        }
        self.repository.recover(project_lock, &is_generated).map_err(GenerateError::from)?;
        let draft = self.repository.draft().map_err(ProjectError::from)?;
        if let Some(draft) = draft {
            let drafted =
                self.repository.tree_files(draft.tree).map_err(HistoryError::from).map_err(ProjectError::from)?;
            // What was generated from other inputs isn't what these give. An update that waits changes nothing.
            let used = |mut lock: Lock| {
                for entry in lock.inputs.values_mut() {
                    (entry.next, entry.next_branch, entry.branch, entry.held) = (None, None, None, false);
                    entry.outputs = None;
                }
                lock
            };
            if drafted.keys().any(|path| path.starts_with("hosts/") || path.starts_with("tags/"))
                && used(self.drafted_lock(draft)?) != used(lock.clone())
            {
                changes.insert(OTHER_INPUTS.to_owned(), Some(Content::File(Vec::new().into())));
            }
        }
        let tree = self
            .repository
            .edit_tree(project_lock, draft.map(|draft| draft.tree), &changes)
            .map_err(GenerateError::from)?;
        // The other generated files may be newer than the draft: git may have brought them.
        self.repository
            .apply(project_lock, tree, "Changed inputs", draft.map(|draft| draft.commit), &is_pinned)
            .map_err(GenerateError::from)?;
        if *self.state()?.project != *project {
            files::write(self.root(), "state/project.json", &bytes)?;
        }
        Ok(())
    }
}

fn unknown(name: &InputName, project: &state::Project) -> InputError {
    let known: Vec<String> = project.inputs.keys().map(|name| format!("`{name}`")).collect();
    InputError::Unknown { name: name.clone(), known: known.join(", ") }
}

/// Whether the operator means the repository as it is here.
fn is_named(repository: &Repository, revision: Option<Revision>, digest: Option<Digest>) -> bool {
    revision == Some(repository.pin.revision) || digest.is_some() && digest == offered(repository)
}

/// What names the terms that a repository offers.
fn offered(repository: &Repository) -> Option<Digest> {
    match &repository.contents {
        Contents::Plain => None,
        Contents::Modules(offer) => Some(offer.terms.digest(&repository.pin)),
    }
}

fn shown<'a>(name: impl Into<Option<&'a InputName>>, repository: Repository, entry: Option<&Entry>) -> Shown {
    let status = match &repository.contents {
        Contents::Plain => Status::Loaded,
        Contents::Modules(offer) => {
            let granted = entry.map_or(Err(GrantError::Missing), |entry| entry.granted(&offer.terms).map(|_| ()));
            if granted.is_ok() { Status::Loaded } else { Status::AwaitingGrant }
        }
    };
    let digest = offered(&repository);
    let held = entry.is_some_and(|entry| entry.held);
    let outputs = entry.and_then(|entry| entry.outputs.clone());
    Shown { name: name.into().cloned(), status, repository, digest, next: None, held, outputs }
}
