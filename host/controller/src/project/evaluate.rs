//! The configurations of a draft as Nix evaluates them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thymis_core::{
    digest::Digest,
    grant::{Entry, Lock, Pin},
    id::{ConfigurationId, InputName},
    permission::Access,
    reference::{FlakeReference, ReferenceError},
    state::Configuration,
    store_path::SourcePath,
};

use super::{Project, ProjectError, catalogue::snapshot};
use crate::{
    git::{self, Draft, FetchError, HistoryError, Oid, TreeLimits},
    input::FlakeLock,
    nix::{Evaluation, Nix, NixError, Source, SourceError},
};

/// Longest `hosts.json`, in bytes.
const MAX_HOSTS: usize = 256 << 20;
/// Longest file of a configuration's state, in bytes.
const MAX_STATE: usize = 16 << 20;
/// Longest `flake.lock`, in bytes.
const MAX_FLAKE_LOCK: usize = 64 << 20;

/// Why a draft isn't evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Nix(#[from] NixError),
    #[error("there is no `{0}` among the generated configurations: run `thymis generate`")]
    NoConfiguration(ConfigurationId),
    #[error("hosts.json can't be read: run `thymis generate`")]
    Hosts(#[source] serde_json::Error),
    #[error("the input `{name}` has an address that can't be used")]
    Url { name: InputName, source: ReferenceError },
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl From<HistoryError> for EvaluateError {
    fn from(error: HistoryError) -> Self {
        Self::Project(error.into())
    }
}

impl From<SourceError> for EvaluateError {
    fn from(error: SourceError) -> Self {
        Self::Nix(error.into())
    }
}

/// What was generated last, with what Nix needs to evaluate its configurations.
#[derive(Debug)]
pub struct Evaluable {
    tree: Oid,
    files: BTreeMap<String, git::Entry>,
    hosts: BTreeMap<ConfigurationId, Host>,
    lock: Lock,
    flake_lock: FlakeLock,
}

/// An entry of `hosts.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) inputs: BTreeSet<InputName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

impl Evaluable {
    pub(super) fn hosts(&self) -> &BTreeMap<ConfigurationId, Host> {
        &self.hosts
    }

    pub(super) fn host(&self, id: &ConfigurationId) -> Result<&Host, EvaluateError> {
        self.hosts.get(id).ok_or_else(|| EvaluateError::NoConfiguration(id.clone()))
    }

    pub(super) fn pin(&self, input: &InputName) -> Option<&Pin> {
        self.lock.inputs.get(input).map(|entry| &entry.pin)
    }

    /// The input whose files are there.
    pub(super) fn input_at(&self, source: SourcePath) -> Option<&InputName> {
        let is_there = |(_, entry): &(&InputName, &Entry)| SourcePath::of(&entry.pin.nar_hash) == source;
        self.lock.inputs.iter().find(is_there).map(|(name, _)| name)
    }

    /// What an input's modules may do.
    pub(super) fn granted(&self, input: &InputName) -> impl Iterator<Item = &Access> {
        let grant = self.lock.inputs.get(input).and_then(|entry| entry.grant.as_ref());
        let components = grant.into_iter().flat_map(|grant| grant.terms.components.values());
        components.flat_map(|component| &component.permissions).map(|accepted| &accepted.permission.access)
    }
}

impl Project {
    /// Makes what was generated last readable for Nix.
    ///
    /// # Errors
    /// When nothing was generated, or it can't be read or written.
    pub fn evaluable(&self, draft: Draft) -> Result<Evaluable, EvaluateError> {
        let read = |path: &str, most| {
            let bytes = self.repository.read(draft.tree, path, most).map_err(HistoryError::from)?;
            Ok::<_, EvaluateError>(bytes.unwrap_or_default())
        };
        let hosts = serde_json::from_slice(&read("hosts.json", MAX_HOSTS)?).map_err(EvaluateError::Hosts)?;
        let flake_lock = FlakeLock::parse(&read("flake.lock", MAX_FLAKE_LOCK)?).map_err(ProjectError::FlakeLock)?;
        let lock = self.drafted_lock(draft)?;
        let files = self.repository.tree_files(draft.tree).map_err(HistoryError::from)?;
        Ok(Evaluable { tree: draft.tree, files, hosts, lock, flake_lock })
    }

    /// Some configurations as Nix may see them: their files, those of their tags, and the sources of the inputs that they use,
    /// as far as inputs of inputs are here. A stranger's NixOS module can read what it is evaluated with.
    ///
    /// # Errors
    /// When an input isn't here and can't be fetched, or what is here isn't what the lock pins.
    pub fn evaluation<'a, 'i>(
        &self,
        nix: &'a Nix,
        evaluable: &Evaluable,
        ids: impl IntoIterator<Item = &'i ConfigurationId>,
    ) -> Result<Evaluation<'a>, EvaluateError> {
        let mut hosts = BTreeMap::new();
        for id in ids {
            hosts.insert(id, evaluable.host(id)?);
        }
        let inputs = hosts.values().flat_map(|host| host.inputs.iter().cloned()).collect();
        let sources = self.sources(nix, &evaluable.lock, &evaluable.flake_lock, &inputs)?;
        let urls = evaluable.flake_lock.urls().into_iter().collect();
        Ok(nix.evaluation(&self.part(nix, evaluable, &hosts)?, sources, urls))
    }

    /// The part of a tree that these configurations are made of.
    fn part(
        &self,
        nix: &Nix,
        evaluable: &Evaluable,
        hosts: &BTreeMap<&ConfigurationId, &Host>,
    ) -> Result<Source, EvaluateError> {
        let mut wanted: BTreeSet<String> = ["flake.nix", "flake.lock"].map(str::to_owned).into();
        for id in hosts.keys() {
            wanted.insert(format!("hosts/{id}.nix"));
            let state = Configuration::file(id);
            let Some(entry) = evaluable.files.get(&state) else { continue };
            let bytes = self.repository.read_file(&state, entry, MAX_STATE)?;
            let tags = Configuration::parse(&state, &bytes).map(|parsed| parsed.tags).unwrap_or_default();
            wanted.extend(tags.iter().map(|tag| format!("tags/{tag}.nix")));
        }
        let is_wanted = |path: &str| wanted.contains(path) || path.starts_with("artifacts/");
        let index = serde_json::to_vec(hosts).map_err(EvaluateError::Hosts)?;
        let name = Digest::of_parts([evaluable.tree.as_bytes(), index.as_slice()]).hex();
        let files = || evaluable.files.iter().filter(|(path, _)| is_wanted(path));
        Ok(nix.keep_tree(&name, &|folder| {
            let failed = |source| SourceError::Io { folder: folder.to_owned(), source };
            self.repository.unpack(files(), folder)?;
            std::fs::write(folder.join("hosts.json"), &index).map_err(failed)?;
            let all = TreeLimits { entries: u64::MAX, bytes: u64::MAX, ..TreeLimits::default() };
            git::folder_hash(folder, all).map_err(failed)
        })?)
    }

    /// The files of these inputs, and of theirs as far as they are here.
    pub(super) fn sources(
        &self,
        nix: &Nix,
        lock: &Lock,
        flake_lock: &FlakeLock,
        names: &BTreeSet<InputName>,
    ) -> Result<BTreeSet<Source>, EvaluateError> {
        let mut sources = BTreeSet::new();
        for hash in names.iter().flat_map(|name| flake_lock.sources(name)) {
            match lock.inputs.iter().find(|(_, entry)| entry.pin.nar_hash == hash) {
                Some((name, entry)) => sources.insert(self.input_source(nix, name, entry)?),
                None => nix.source(&hash).is_some_and(|source| sources.insert(source)),
            };
        }
        Ok(sources)
    }

    /// The files of a pinned input, for Nix.
    pub(super) fn input_source(&self, nix: &Nix, name: &InputName, entry: &Entry) -> Result<Source, EvaluateError> {
        if let Some(source) = nix.source(&entry.pin.nar_hash) {
            return Ok(source);
        }
        let url: FlakeReference =
            entry.pin.url.parse().map_err(|source| EvaluateError::Url { name: name.clone(), source })?;
        let snapshot = snapshot(&self.host, &url, entry)?;
        Ok(nix.keep(Some(&entry.pin.nar_hash), &|folder| Ok(snapshot.unpack(folder)?))?)
    }
}
