use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use thymis_core::{
    conflict::TargetId,
    digest::{Digest, Revision},
    grant::{Entry, Grant, GrantError, Lock, Pin},
    id::{BUILT_IN, InputName, ModuleRef, PythonClass},
    json,
    revocation::{self, Revocation},
    state, untrusted,
};

use super::{
    Catalogue, GenerateError, Project, ProjectError, Reason, State, StateReadError,
    catalogue::{is_base, snapshot},
    is_generated, state as files,
    transaction::{OTHER_INPUTS, flake_inputs, pins},
};
use crate::{
    git::{Content, FetchError, FetchLimits, FetchProgress, GitUrl, HistoryError, ProjectLock, Snapshot, UrlError},
    input::{Contents, FlakeLock, Repository, RepositoryError, RevocationError, Status},
    nix::{Nix, NixError},
};

/// An input as an operator looks at it: where it is pinned, what it asks for.
#[derive(Debug)]
pub struct Shown {
    pub name: InputName,
    pub status: Status,
    pub repository: Repository,
    /// What accepting it would grant.
    pub digest: Option<Digest>,
    /// The update that waits to be accepted.
    pub next: Option<Waiting>,
}

/// An update that waits: what it is, or why it can't be looked at, and why it has to be accepted.
#[derive(Debug)]
pub struct Waiting {
    pub shown: Result<Box<Shown>, Box<InputError>>,
    pub reasons: Vec<Reason>,
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
    #[error("`{0}` has no modules: there is nothing to accept")]
    NothingToAccept(InputName),
    #[error("`{0}` wasn't accepted: there is nothing to revoke; name the digest of a component instead")]
    NothingToRevoke(InputName),
    #[error("`{name}` can't be used: {digest} was revoked ({reason})")]
    Revoked { name: InputName, digest: Digest, reason: String },
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
    Url(#[from] UrlError),
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
    /// Fetches a repository, reads it, and pins it; with `replace` also where there is such an input. Its modules wait for
    /// [`Project::accept_input`].
    ///
    /// # Errors
    /// When the name is taken or the repository can't be an input; nothing was changed.
    pub fn add_input(
        &self,
        name: &InputName,
        url: &str,
        replace: bool,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Shown, InputError> {
        let url: GitUrl = url.parse()?;
        let is_taken = |project: &state::Project| !replace && project.inputs.contains_key(name);
        if is_taken(&self.state()?.project) {
            return Err(InputError::Exists(name.clone()));
        }
        let fetched = self.host.store.fetch(&url, &FetchLimits::default(), progress)?;
        let repository = self.as_input(name, &url, &fetched.snapshot)?;
        // Fetching takes its time: what others changed meanwhile is read now.
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut project = (*self.state()?.project).clone();
        if is_taken(&project) {
            return Err(InputError::Exists(name.clone()));
        }
        let mut lock = self.lock()?;
        lock.inputs.insert(name.clone(), Entry::pinned(repository.pin.clone()));
        project.inputs.insert(name.clone(), state::Input { url: url.to_string() });
        self.write_inputs(&project_lock, &project, lock)?;
        Ok(shown(name, repository, None))
    }

    /// What a pinned input contains, read anew from its commit.
    ///
    /// # Errors
    /// When there is no such input, or it can't be read.
    pub fn show_input(&self, name: &InputName) -> Result<Shown, InputError> {
        let (entry, repository) = self.pinned_input(name)?;
        let mut present = shown(name, repository, Some(&entry));
        let revoked = self.host.revocations.read()?;
        if entry.grant.as_ref().is_some_and(|grant| revoked.of(grant).is_some()) {
            present.status = Status::Failed;
        }
        if let Some(pin) = entry.next.clone() {
            let url: GitUrl = entry.pin.url.parse()?;
            // The repository may not have it any more.
            let next = self.read_next(name, &entry, pin);
            let reasons = match &next {
                Ok(next) => self.reasons(&url, &entry, next, true)?,
                Err(_) => Vec::new(),
            };
            let shown = next.map(|next| Box::new(shown(name, next, None))).map_err(Box::new);
            present.next = Some(Waiting { shown, reasons });
        }
        Ok(present)
    }

    /// Grants an input what it asks for. That is the update that waits, if there is one, unless `revision` or `digest`, which
    /// are what the operator saw, name the pinned revision.
    ///
    /// # Errors
    /// When it isn't what the operator saw, or there is nothing to accept.
    pub fn accept_input(
        &self,
        name: &InputName,
        revision: Option<Revision>,
        digest: Option<Digest>,
    ) -> Result<Grant, InputError> {
        let (before, mut repository) = self.pinned_input(name)?;
        let mut entry = before.clone();
        let named = is_named(&repository, revision, digest);
        if let Some(pin) = before.next.clone().filter(|_| !named) {
            repository = self.read_next(name, &before, pin.clone())?;
            entry = Entry::pinned(pin);
            if matches!(repository.contents, Contents::Plain) {
                return Err(InputError::LostModules(name.clone()));
            }
        }
        let found = entry.pin.revision;
        if let Some(expected) = revision.filter(|expected| *expected != found) {
            return Err(InputError::OtherRevision { name: name.clone(), expected, found });
        }
        let Contents::Modules(offer) = repository.contents else {
            return Err(InputError::NothingToAccept(name.clone()));
        };
        let found = offer.terms.digest(&entry.pin);
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(InputError::OtherDigest { name: name.clone(), expected, found });
        }
        let grant = Grant { digest: found, terms: offer.terms };
        self.unrevoked(name, &grant)?;
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut lock = self.lock()?;
        match lock.inputs.get_mut(name).filter(|now| **now == before) {
            Some(now) => *now = Entry { grant: Some(grant.clone()), ..entry },
            None => return Err(InputError::Changed(name.clone())),
        }
        self.write_inputs(&project_lock, &self.state()?.project, lock)?;
        Ok(grant)
    }

    /// Revokes what an input was granted: the grant, and its components at whatever revision. It outlives the project's
    /// history. Answers the digests.
    ///
    /// # Errors
    /// When there is no such input, it has no grant, or the revocation can't be kept.
    pub fn revoke_input(&self, name: &InputName, revocation: &Revocation) -> Result<Vec<Digest>, InputError> {
        // The lock alone is needed: a mistake elsewhere in the state mustn't stand in the way.
        let Some(entry) = self.lock()?.inputs.remove(name) else { return Err(unknown(name, &self.state()?.project)) };
        let grant = entry.grant.ok_or_else(|| InputError::NothingToRevoke(name.clone()))?;
        let digests: Vec<Digest> = revocation::digests(&grant).collect();
        self.host.revocations.add(&digests, revocation)?;
        Ok(digests)
    }

    /// # Errors
    /// When there is no such input, or modules of it are in use.
    pub fn remove_input(&self, name: &InputName) -> Result<(), InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let state = self.state()?;
        let mut project = (*state.project).clone();
        if project.inputs.remove(name).is_none() {
            return Err(unknown(name, &project));
        }
        let classes = self.classes_of(name, &state)?;
        let is_of_input = |named: &ModuleRef| match named {
            ModuleRef::Id(id) => id.input == *name,
            ModuleRef::Python(class) => classes.contains(class),
        };
        let uses = |modules: &[state::Use]| modules.iter().any(|one| is_of_input(&one.module));
        let configurations = state.configurations.iter().filter(|(_, parsed)| uses(&parsed.value.modules));
        let tags = state.tags.iter().filter(|(_, parsed)| uses(&parsed.value.modules));
        let users: Vec<String> = configurations
            .map(|(id, _)| TargetId::Configuration(id.clone()).to_string())
            .chain(tags.map(|(id, _)| TargetId::Tag(id.clone()).to_string()))
            .collect();
        // The built-in modules are there without the input, but what they import isn't: nothing of it is in use then.
        if !users.is_empty() && name.as_str() != BUILT_IN {
            return Err(InputError::InUse { name: name.clone(), users: users.join(", ") });
        }
        project.thymis_repositories.remove(name);
        let mut lock = self.lock()?;
        lock.inputs.remove(name);
        self.write_inputs(&project_lock, &project, lock)
    }

    /// The classes of Thymis 0.9 for which modules of the input stand; not looked for where the state names none.
    fn classes_of(&self, name: &InputName, state: &State) -> Result<BTreeSet<PythonClass>, InputError> {
        let configurations = state.configurations.values().flat_map(|parsed| &parsed.value.modules);
        let uses = configurations.chain(state.tags.values().flat_map(|parsed| &parsed.value.modules));
        let named = uses.filter_map(|one| if let ModuleRef::Python(class) = &one.module { Some(class) } else { None });
        let named: BTreeSet<PythonClass> = named.cloned().collect();
        if named.is_empty() {
            return Ok(named);
        }
        let catalogue = Catalogue::load(&self.host, &state.project, &self.lock()?).map_err(GenerateError::from)?;
        let of_input = |class: &PythonClass| catalogue.claiming(class).iter().any(|loaded| loaded.id.input == *name);
        Ok(named.into_iter().filter(of_input).collect())
    }

    /// Pins, with Nix, the inputs of inputs that are not known yet; answers which they were.
    ///
    /// # Errors
    /// When `nix` is missing or can't fetch them; nothing was changed.
    pub fn lock_inputs(&self, nix: &Nix) -> Result<Vec<String>, InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let state = self.state()?;
        let mut lock = self.lock()?;
        lock.inputs.retain(|name, _| state.project.inputs.contains_key(name));
        let pins = pins(&lock);
        let mut flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        let missing = flake_lock.incomplete(&pins);
        if missing.is_empty() {
            return Ok(missing);
        }
        let mut inputs = flake_inputs(&state.project, &lock)?;
        for input in &mut inputs {
            let url: GitUrl = input.url.parse()?;
            if let Some(pin) = pins.get(&input.name) {
                input.url = url.at(pin.revision).to_string();
            }
        }
        let made = FlakeLock::parse(&nix.lock(&thymis_core::nix::flake(&inputs))?).map_err(ProjectError::from)?;
        for name in pins.keys().filter(|name| missing.iter().any(|path| path.starts_with(&format!("{name}/")))) {
            flake_lock.graft(name, &made);
        }
        self.write_locked(&project_lock, &state.project, &lock, &flake_lock)?;
        Ok(missing)
    }

    fn pinned_input(&self, name: &InputName) -> Result<(Entry, Repository), InputError> {
        let (url, entry) = self.entry(name)?;
        let repository = self.read_at(name, &url, &entry)?;
        Ok((entry, repository))
    }

    /// The entry of an input, which is for the URL that the state says.
    pub(super) fn entry(&self, name: &InputName) -> Result<(GitUrl, Entry), InputError> {
        let project = self.state()?.project;
        let input = project.inputs.get(name).ok_or_else(|| unknown(name, &project))?;
        let url: GitUrl = input.url.parse()?;
        let entry = self.lock()?.inputs.remove(name).ok_or_else(|| InputError::NotPinned(name.clone()))?;
        if entry.pin.url != url.to_string() {
            let (locked, stated) = (entry.pin.url, url.to_string());
            return Err(InputError::OtherUrl { name: name.clone(), locked, stated });
        }
        Ok((url, entry))
    }

    /// # Errors
    /// When what is granted was revoked.
    pub(super) fn unrevoked(&self, name: &InputName, grant: &Grant) -> Result<(), InputError> {
        match self.host.revocations.read()?.of(grant) {
            None => Ok(()),
            Some((digest, revocation)) => {
                let reason = untrusted::short(&revocation.reason);
                Err(InputError::Revoked { name: name.clone(), digest, reason })
            }
        }
    }

    /// What the update contains that waits.
    fn read_next(&self, name: &InputName, entry: &Entry, next: Pin) -> Result<Repository, InputError> {
        if next.url != entry.pin.url {
            let (locked, stated) = (next.url, entry.pin.url.clone());
            return Err(InputError::OtherUrl { name: name.clone(), locked, stated });
        }
        self.read_at(name, &next.url.parse()?, &Entry::pinned(next.clone()))
    }

    fn read_at(&self, name: &InputName, url: &GitUrl, entry: &Entry) -> Result<Repository, InputError> {
        let snapshot = snapshot(&self.host, url, entry)?;
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
    pub(super) fn as_input(
        &self,
        name: &InputName,
        url: &GitUrl,
        snapshot: &Snapshot,
    ) -> Result<Repository, InputError> {
        let mut repository = Repository::read(url, snapshot, self.host.sandbox.limits())?;
        if is_base(name) {
            repository.contents = Contents::Plain;
        }
        Ok(repository)
    }

    /// Makes a draft with these inputs, then changes the state: after a kill between the two, the locks hold an entry more,
    /// which nothing uses.
    pub(super) fn write_inputs(
        &self,
        project_lock: &ProjectLock,
        project: &state::Project,
        mut lock: Lock,
    ) -> Result<(), InputError> {
        lock.inputs.retain(|name, _| project.inputs.contains_key(name));
        let flake_lock = FlakeLock::compose(&pins(&lock), self.flake_lock()?.as_ref());
        self.write_locked(project_lock, project, &lock, &flake_lock)
    }

    fn write_locked(
        &self,
        project_lock: &ProjectLock,
        project: &state::Project,
        lock: &Lock,
        flake_lock: &FlakeLock,
    ) -> Result<(), InputError> {
        let bytes = json::write(project).map_err(GenerateError::from)?;
        let mut changes: BTreeMap<_, _> =
            self.pinned(project, lock, flake_lock)?.into_iter().map(|(path, content)| (path, Some(content))).collect();
        changes.insert("state/project.json".to_owned(), Some(Content::File(bytes.clone())));
        let draft = self.repository.draft().map_err(ProjectError::from)?;
        if let Some(draft) = draft {
            let drafted =
                self.repository.tree_files(draft.tree).map_err(HistoryError::from).map_err(ProjectError::from)?;
            // What was generated from other inputs isn't what these give. An update that waits changes nothing.
            let used = |mut lock: Lock| {
                lock.inputs.values_mut().for_each(|entry| entry.next = None);
                lock
            };
            if drafted.keys().any(|path| path.starts_with("hosts/") || path.starts_with("tags/"))
                && used(self.drafted_lock(draft)?) != used(lock.clone())
            {
                changes.insert(OTHER_INPUTS.to_owned(), Some(Content::File(Vec::new())));
            }
        }
        let tree = self
            .repository
            .edit_tree(project_lock, draft.map(|draft| draft.tree), &changes)
            .map_err(GenerateError::from)?;
        self.repository
            .apply(project_lock, tree, "Changed inputs", draft.map(|draft| draft.commit), &is_generated)
            .map_err(GenerateError::from)?;
        if *self.state()?.project != *project {
            files::write(self.root(), "state/project.json", &bytes)?;
        }
        Ok(())
    }
}

pub(super) fn unknown(name: &InputName, project: &state::Project) -> InputError {
    let known: Vec<String> = project.inputs.keys().map(|name| format!("`{name}`")).collect();
    InputError::Unknown { name: name.clone(), known: known.join(", ") }
}

/// Whether the operator means the repository as it is here.
#[must_use]
pub fn is_named(repository: &Repository, revision: Option<Revision>, digest: Option<Digest>) -> bool {
    revision == Some(repository.pin.revision) || digest.is_some() && digest == offered(repository)
}

/// What names the terms that a repository offers.
fn offered(repository: &Repository) -> Option<Digest> {
    match &repository.contents {
        Contents::Plain => None,
        Contents::Modules(offer) => Some(offer.terms.digest(&repository.pin)),
    }
}

pub(super) fn shown(name: &InputName, repository: Repository, entry: Option<&Entry>) -> Shown {
    let status = match &repository.contents {
        Contents::Plain => Status::Loaded,
        Contents::Modules(offer) => {
            let granted = entry.map_or(Err(GrantError::Missing), |entry| entry.granted(&offer.terms).map(|_| ()));
            if granted.is_ok() { Status::Loaded } else { Status::AwaitingGrant }
        }
    };
    let digest = offered(&repository);
    Shown { name: name.clone(), status, repository, digest, next: None }
}
