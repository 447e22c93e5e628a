//! The configurations of a draft as Nix evaluates them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use thymis_core::{
    grant::{Entry, Lock, Pin},
    id::{ConfigurationId, InputName},
    permission::Access,
    reference::{FlakeReference, ReferenceError},
    store_path::SourcePath,
};

use super::{Project, ProjectError, catalogue::snapshot};
use crate::{
    git::{Draft, FetchError, HistoryError, Oid},
    input::FlakeLock,
    nix::{Evaluation, Nix, NixError, Source, SourceError},
};

/// Longest `hosts.json`, in bytes.
const MAX_HOSTS: usize = 256 << 20;
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

/// A generated tree with what Nix needs to evaluate its configurations.
#[derive(Debug)]
pub struct Evaluable {
    source: Source,
    hosts: BTreeMap<ConfigurationId, Host>,
    lock: Lock,
    flake_lock: FlakeLock,
}

/// An entry of `hosts.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Host {
    pub(super) inputs: BTreeSet<InputName>,
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

    /// The inputs that a configuration may see.
    ///
    /// # Errors
    /// When there is no such configuration.
    pub fn inputs(&self, id: &ConfigurationId) -> Result<&BTreeSet<InputName>, EvaluateError> {
        Ok(&self.host(id)?.inputs)
    }
}

impl Project {
    /// Makes what was generated last readable for Nix.
    ///
    /// # Errors
    /// When nothing was generated, or it can't be read or written.
    pub fn evaluable(&self, nix: &Nix, draft: Draft) -> Result<Evaluable, EvaluateError> {
        let read = |path: &str, most| {
            let bytes = self.repository.read(draft.tree, path, most).map_err(HistoryError::from)?;
            Ok::<_, EvaluateError>(bytes.unwrap_or_default())
        };
        let hosts = serde_json::from_slice(&read("hosts.json", MAX_HOSTS)?).map_err(EvaluateError::Hosts)?;
        let flake_lock = FlakeLock::parse(&read("flake.lock", MAX_FLAKE_LOCK)?).map_err(ProjectError::FlakeLock)?;
        let lock = self.drafted_lock(draft)?;
        let source = nix.keep_tree(&draft.tree.to_string(), &|folder| Ok(self.unpack(draft.tree, folder)?))?;
        Ok(Evaluable { source, hosts, lock, flake_lock })
    }

    fn unpack(&self, tree: Oid, folder: &std::path::Path) -> Result<thymis_core::digest::NarHash, HistoryError> {
        self.repository.unpack(tree, folder)
    }

    /// The tree with the sources of these inputs, and of theirs as far as they are here. No others can be seen.
    ///
    /// # Errors
    /// When an input isn't here and can't be fetched, or what is here isn't what the lock pins.
    pub fn evaluation<'a>(
        &self,
        nix: &'a Nix,
        evaluable: &Evaluable,
        inputs: &BTreeSet<InputName>,
    ) -> Result<Evaluation<'a>, EvaluateError> {
        let sources = self.sources(nix, &evaluable.lock, &evaluable.flake_lock, inputs)?;
        let urls = evaluable.flake_lock.urls().into_iter().collect();
        Ok(nix.evaluation(&evaluable.source, sources, urls))
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
