use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use thymis_core::{
    consent,
    digest::Revision,
    grant::{self, Lock, Pin},
    id::InputName,
    json, nix,
    reference::{FlakeReference, ReferenceError, Transport},
    state, untrusted,
};

use super::{
    Catalogue, CatalogueError, Failure, Generation, Generator, IGNORE, Project, ProjectError, StateReadError, Warning,
    artifacts::artifact, catalogue::is_base, is_generated, is_ours,
};
use crate::{
    git::{ApplyError, Author, Blob, Content, Draft, HistoryError, Oid, TreeError, WriteError},
    input::{FlakeLock, FlakeLockError, RevocationError, Unfit},
};

/// Longest `modules.lock`, in bytes.
const MAX_LOCK: usize = 64 << 20;

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Write nothing; say what would change.
    pub check: bool,
    /// A configuration that can't be generated becomes one that says why; all others go on.
    pub keep_going: bool,
}

/// What a generation did, or would do.
#[derive(Debug)]
pub struct Generated {
    /// The commit that Nix evaluates; absent for a check.
    pub commit: Option<Oid>,
    pub changed: bool,
    /// Files of the work tree, by path.
    pub written: Vec<String>,
    pub removed: Vec<String>,
    /// Of all configurations and tags.
    pub files: usize,
    pub failures: Vec<Failure>,
    pub warnings: Vec<Warning>,
    /// Inputs that `flake.lock` doesn't pin.
    pub unpinned: Vec<String>,
    pub catalogue: Arc<Catalogue>,
    /// Of making the files, without loading modules and without writing.
    pub time: Duration,
}

/// Why nothing was generated. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    State(#[from] StateReadError),
    #[error(transparent)]
    FlakeLock(#[from] FlakeLockError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("{} can't be generated; nothing was changed:\n{}\nWith --keep-going, the others are generated and these say why they are not",
        count(.0), .0.iter().map(|failure| format!("- {failure}")).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Failure>),
    #[error(
        "the revision {revision} of the input `{name}` was revoked ({reason}): move on with `thymis input update`, back with `thymis input rollback`, or remove the input"
    )]
    Revoked { name: InputName, revision: Revision, reason: String },
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    #[error("flake.lock leads to what can't be used:\n{}", unfit(.0))]
    Unfit(Vec<Unfit>),
    #[error("the URL of the input `{name}` in state/project.json can't be used")]
    Url { name: InputName, source: ReferenceError },
    #[error("the artifact `{file}` can't be used: {why}")]
    Artifact { file: String, why: &'static str },
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

pub(super) fn unfit(unfit: &[Unfit]) -> String {
    unfit.iter().map(|unfit| format!("- {unfit}")).collect::<Vec<_>>().join("\n")
}

fn count(failures: &[Failure]) -> String {
    let targets: BTreeSet<_> = failures.iter().map(|failure| &failure.target).collect();
    match targets.len() {
        1 => "one configuration or tag".to_owned(),
        many => format!("{many} configurations and tags"),
    }
}

impl From<HistoryError> for GenerateError {
    fn from(error: HistoryError) -> Self {
        Self::Apply(error.into())
    }
}

impl From<WriteError> for GenerateError {
    fn from(error: WriteError) -> Self {
        Self::Apply(HistoryError::from(error).into())
    }
}

impl From<TreeError> for GenerateError {
    fn from(error: TreeError) -> Self {
        Self::Apply(error.into())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    State(#[from] StateReadError),
    #[error(transparent)]
    Artifacts(#[from] Box<GenerateError>),
    #[error(transparent)]
    Worktree(#[from] ApplyError),
    #[error("the project was changed after it was generated ({0}): run `thymis generate` first")]
    Stale(String),
    #[error("the inputs were changed after the configurations were generated: run `thymis generate` first")]
    OtherInputs,
    #[error(
        "`{name}` is revoked ({reason}): move on with `thymis input update`, or remove its modules and the input; then generate"
    )]
    Revoked { name: InputName, reason: String },
    #[error(transparent)]
    Project(#[from] Box<ProjectError>),
    #[error(transparent)]
    Revocations(#[from] RevocationError),
}

/// In the tree of a draft: its configurations were generated with other inputs than it has. Never in the work tree.
pub(super) const OTHER_INPUTS: &str = "generated-with-other-inputs";

impl Project {
    /// Generates everything and puts it in place at once, or changes nothing.
    ///
    /// # Errors
    /// All reasons why not, each naming what is at fault.
    pub fn generate(&self, generator: &mut Generator, options: Options) -> Result<Generated, GenerateError> {
        let project_lock = (!options.check).then(|| self.repository.lock()).transpose()?;
        let state = self.state()?;
        let mut lock = self.lock()?;
        lock.inputs.retain(|name, _| state.project.inputs.contains_key(name));
        let pins = pins(&state.project, &lock);
        let flake_lock = self.flake_lock()?;
        if let Some(flake_lock) = &flake_lock {
            flake_lock.agrees(&pins)?;
            // What is locked by its content may have come by any way.
            flake_lock.audit(true, &private(&lock)).map_err(GenerateError::Unfit)?;
        }
        let revoked = self.host.revocations.read()?;
        for (name, entry) in &lock.inputs {
            // The flake of every configuration would have it.
            if let Some((revision, revocation)) = revoked.of_pin(&entry.pin) {
                let reason = untrusted::short(&revocation.reason);
                return Err(GenerateError::Revoked { name: name.clone(), revision, reason });
            }
        }
        let catalogue = generator.catalogue(&self.host, &state.project, &lock)?;
        let artifacts = self.artifacts()?;

        let start = Instant::now();
        let names = artifacts.keys().cloned().collect();
        let generation = generator.generate(&state, &catalogue, &names);
        let time = start.elapsed();
        if !generation.failures.is_empty() && !options.keep_going {
            return Err(GenerateError::Refused(generation.failures));
        }
        let flake_lock = FlakeLock::compose(&pins, flake_lock.as_ref());
        let mut unpinned: Vec<String> = ["nixpkgs", "thymis"]
            .into_iter()
            .filter(|name| !pins.keys().any(|pin| pin.as_str() == *name))
            .map(str::to_owned)
            .collect();
        unpinned.extend(flake_lock.incomplete(&pins));

        let Generation { files: texts, failures, warnings, .. } = generation;
        let files = texts.len();
        let mut contents: BTreeMap<String, Content> =
            texts.iter().map(|(path, text)| (path.clone(), Content::File(text.clone()))).collect();
        contents.extend(self.pinned(&state.project, &lock, &flake_lock)?);
        contents.extend(state.files.iter().map(|(path, blob)| (path.clone(), Content::File(blob.clone()))));
        for (name, path) in &artifacts {
            let content = artifact(path).map_err(|source| GenerateError::Read { path: path.clone(), source })?;
            contents.insert(format!("artifacts/{name}"), content);
        }

        let mut generated = Generated {
            commit: None,
            changed: false,
            written: Vec::new(),
            removed: Vec::new(),
            files,
            failures,
            warnings,
            unpinned,
            catalogue,
            time,
        };
        let draft = self.repository.draft()?;
        let like = draft.map(|draft| draft.tree);
        if let Some(project_lock) = project_lock {
            let tree = self.repository.write_tree(&project_lock, like, &contents)?;
            drop(contents);
            let expected = draft.map(|draft| draft.commit);
            let applied = self.repository.apply(&project_lock, tree, "Generated", expected, &is_generated)?;
            generated.commit = Some(applied.draft.commit);
            generated.changed = applied.new_draft || !applied.written.is_empty() || !applied.removed.is_empty();
            generated.written = applied.written;
            generated.removed = applied.removed;
        } else {
            let new = contents
                .iter()
                .filter(|(path, _)| is_generated(path))
                .filter_map(|(path, content)| Some((path.clone(), blob(content)?)))
                .collect();
            (generated.written, generated.removed) = self.repository.compare(&new, &is_generated)?;
            let tree = self.repository.tree_id(like, &contents)?;
            // In a clone, or after a pull, it was generated elsewhere.
            let is_known = like == Some(tree) || self.is_committed(tree)?;
            generated.changed = !is_known || !generated.written.is_empty() || !generated.removed.is_empty();
        }
        Ok(generated)
    }

    /// Whether the branch has exactly these files of ours.
    fn is_committed(&self, tree: Oid) -> Result<bool, GenerateError> {
        let Some(head) = self.repository.head()? else { return Ok(false) };
        let files = self.repository.tree_files(self.repository.tree_of(head)?)?.into_iter();
        let ours = files.filter(|(path, _)| is_ours(path)).map(|(path, entry)| (path, Content::Entry(entry)));
        Ok(self.repository.tree_id(None, &ours.collect())? == tree)
    }

    /// Whether the configurations of the draft were generated with other inputs than it has.
    ///
    /// # Errors
    /// When nothing was generated, or the draft can't be read.
    pub fn has_other_inputs(&self) -> Result<bool, CommitError> {
        let draft = self.repository.draft()?.ok_or(HistoryError::NoDraft)?;
        Ok(self.repository.tree_files(draft.tree).map_err(HistoryError::from)?.contains_key(OTHER_INPUTS))
    }

    /// Commits what was generated last, with the state that it was generated from, onto the branch. `None`: there is
    /// nothing new.
    ///
    /// # Errors
    /// When nothing was generated, the state changed since, or the branch can't be moved.
    pub fn commit(&self, message: &str, author: &Author) -> Result<Option<Oid>, CommitError> {
        let project_lock = self.repository.lock()?;
        self.repository.branch()?;
        if let Some(file) = self.changed_since_generated()? {
            return Err(CommitError::Stale(file));
        }
        let draft = self.repository.draft()?.ok_or(HistoryError::NoDraft)?;
        let drafted = self.repository.tree_files(draft.tree).map_err(HistoryError::from)?;
        if drafted.contains_key(OTHER_INPUTS) {
            return Err(CommitError::OtherInputs);
        }
        // What git brought since would be undone.
        let drafted = drafted.into_iter().filter(|(path, _)| is_generated(path));
        let drafted = drafted.map(|(path, entry)| (path, entry.oid)).collect();
        let (written, removed) = self.repository.compare(&drafted, &is_generated)?;
        if let Some(file) = written.into_iter().chain(removed).next() {
            return Err(CommitError::Stale(file));
        }
        let log = self.repository.read(draft.tree, consent::FILE, consent::MAX_BYTES).map_err(HistoryError::from)?;
        self.whole_log(&log.unwrap_or_default()).map_err(Box::new)?;
        let revoked = self.host.revocations.read()?;
        for (name, entry) in self.drafted_lock(draft).map_err(Box::new)?.inputs {
            if let Some((_, revocation)) = revoked.of_entry(&entry) {
                return Err(CommitError::Revoked { name, reason: untrusted::short(&revocation.reason) });
            }
        }
        let mut tree = draft.tree;
        // What `init` wrote for git goes along with the first commit; later it is its owner's.
        let is_new = self.repository.head()?.is_none()
            && std::fs::read(self.root().join(IGNORE.0)).is_ok_and(|bytes| bytes == IGNORE.1);
        if is_new {
            let ignore = BTreeMap::from([(IGNORE.0.to_owned(), Some(Content::File(IGNORE.1.into())))]);
            tree = self.repository.edit_tree(&project_lock, Some(tree), &ignore).map_err(HistoryError::from)?;
        }
        let ours = |path: &str| is_ours(path) || is_new && path == IGNORE.0;
        Ok(self.repository.commit_tree(&project_lock, tree, message, author, &ours)?)
    }

    /// The `modules.lock` of a draft.
    pub(super) fn drafted_lock(&self, draft: Draft) -> Result<Lock, ProjectError> {
        let bytes = self.repository.read(draft.tree, grant::FILE, MAX_LOCK).map_err(HistoryError::from)?;
        Ok(bytes.map(|bytes| Lock::parse(&bytes)).transpose()?.unwrap_or_default())
    }

    /// A file of the state, a lock, or an artifact, that isn't what the last generation was made from.
    ///
    /// # Errors
    /// When nothing was generated, or something can't be read.
    pub fn changed_since_generated(&self) -> Result<Option<String>, CommitError> {
        let draft = self.repository.draft()?.ok_or(HistoryError::NoDraft)?;
        let drafted = self.repository.tree_files(draft.tree).map_err(HistoryError::from)?;
        let state = self.state()?;
        for (path, file) in &state.files {
            let now = file.oid().ok();
            if drafted.get(path).map(|entry| entry.oid) != now {
                return Ok(Some(path.clone()));
            }
        }
        // What was undone by hand mustn't come back.
        for file in [grant::FILE, "flake.lock", consent::FILE] {
            let now = self.read(file).map_err(Box::new)?.and_then(|bytes| Blob::from(bytes).oid().ok());
            if drafted.get(file).map(|entry| entry.oid) != now {
                return Ok(Some(file.to_owned()));
            }
        }
        let artifacts = self.artifacts().map_err(Box::new)?;
        for (name, path) in &artifacts {
            let now = Oid::hash_file(git2::ObjectType::Blob, path).ok();
            if drafted.get(&format!("artifacts/{name}")).map(|entry| entry.oid) != now {
                return Ok(Some(format!("artifacts/{name}")));
            }
        }
        let is_there = |name: &str| artifacts.contains_key(name);
        if let Some(gone) =
            drafted.keys().find(|path| path.strip_prefix("artifacts/").is_some_and(|name| !is_there(name)))
        {
            return Ok(Some(gone.clone()));
        }
        if let Some(gone) = drafted.keys().find(|path| path.starts_with("state/") && !state.files.contains_key(*path)) {
            return Ok(Some(gone.clone()));
        }
        Ok(None)
    }

    /// `flake.nix`, `flake.lock` and `modules.lock`, and the consent log as it is.
    pub(super) fn pinned(
        &self,
        project: &state::Project,
        lock: &Lock,
        flake_lock: &FlakeLock,
    ) -> Result<BTreeMap<String, Content>, GenerateError> {
        let files = [
            ("flake.nix", nix::flake(&flake_inputs(project, lock)?).into_bytes()),
            ("flake.lock", json::write(flake_lock)?),
            (grant::FILE, json::write(lock)?),
        ];
        let log = self.consent()?;
        let log = log.head().map(|_| (consent::FILE, log.bytes().to_vec()));
        Ok(files.into_iter().chain(log).map(|(path, bytes)| (path.to_owned(), Content::File(bytes.into()))).collect())
    }
}

/// The inputs of the project's flake. One that isn't pinned can't be used, and Nix would ask its server for every device.
pub(super) fn flake_inputs(project: &state::Project, lock: &Lock) -> Result<Vec<nix::FlakeInput>, GenerateError> {
    let pins = pins(project, lock);
    project
        .inputs
        .iter()
        .filter(|(name, _)| is_base(name) || pins.contains_key(*name))
        .map(|(name, input)| {
            let url: FlakeReference =
                input.url.parse().map_err(|source| GenerateError::Url { name: name.clone(), source })?;
            let own = pins.get(name).into_iter().flat_map(|pin| &pin.inputs);
            let follows = own.filter_map(|(own, target)| Some((own.clone(), target.clone()?))).collect();
            Ok(nix::FlakeInput { name: name.clone(), attributes: attributes(&url), follows })
        })
        .collect()
}

/// By which a flake.nix names a flake.
pub(super) fn attributes(url: &FlakeReference) -> Vec<(String, String)> {
    if url.is_escaped() {
        url.nix_attributes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    } else {
        vec![("url".to_owned(), url.to_string())]
    }
}

/// Inputs that not everybody may read, as far as that is known.
pub(super) fn private(lock: &Lock) -> BTreeSet<InputName> {
    let is_public = |pin: &Pin| {
        pin.url.parse::<FlakeReference>().is_ok_and(|url| matches!(url.transport(), Transport::Http | Transport::Https))
    };
    let private = lock.inputs.iter().filter(|(_, entry)| entry.private || !is_public(&entry.pin));
    private.map(|(name, _)| name.clone()).collect()
}

/// What is pinned, with what follows in this project.
pub(super) fn pins(project: &state::Project, lock: &Lock) -> BTreeMap<InputName, Pin> {
    let follows = |name: &InputName, own: &str| project.inputs.get(name)?.follows.get(own).cloned();
    let pin = |name: &InputName, pin: &Pin| {
        let mut pin = pin.clone();
        for (own, target) in &mut pin.inputs {
            let wanted = follows(name, own).or(target.take());
            *target = wanted.filter(|target| target != name && project.inputs.contains_key(target));
        }
        pin
    };
    lock.inputs.iter().map(|(name, entry)| (name.clone(), pin(name, &entry.pin))).collect()
}

fn blob(content: &Content) -> Option<Oid> {
    match content {
        Content::File(blob) | Content::Executable(blob) => blob.oid().ok(),
        Content::Entry(entry) => Some(entry.oid),
    }
}
