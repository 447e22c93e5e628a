use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;
use thymis_core::{
    authority::Authority,
    conflict::{self, Dropped, Origin},
    digest::Digest,
    expr::Trust,
    grant::Lock,
    id::{ConfigurationId, InputName, TagId},
    instance::{self, Referred, Rendered, Target},
    nix, secret,
    state::{self, Configuration, Use},
};

use super::{
    Host,
    catalogue::{Catalogue, CatalogueError, Loaded, is_base},
    device,
    failure::{Failure, FailureKind, TOLD, why},
    state::{Parsed, State},
};
use crate::{git::Blob, input::Status};

/// Makes the files of a project. It keeps what it made, and makes again only what depends on a change.
#[derive(Debug, Default)]
pub struct Generator {
    tags: BTreeMap<TagId, TagOutput>,
    configurations: BTreeMap<ConfigurationId, HostOutput>,
    /// Of both, by path.
    files: Arc<BTreeMap<String, Blob>>,
    /// The modules, with a digest of the inputs and pins that they were loaded from.
    catalogue: Option<(Digest, Arc<Catalogue>)>,
}

/// A value that is dropped on a device.
#[derive(Debug, Clone)]
pub struct Warning {
    pub configuration: ConfigurationId,
    pub dropped: Dropped,
}

/// The generated files of all configurations and tags.
#[derive(Debug, Default)]
pub struct Generation {
    /// By path.
    pub files: Arc<BTreeMap<String, Blob>>,
    pub failures: Vec<Failure>,
    pub warnings: Vec<Warning>,
    /// How many files had to be made, the others being known.
    pub made: usize,
}

/// What one target's modules came to.
#[derive(Debug)]
pub(super) struct Sections {
    rendered: Vec<Rendered>,
    failures: Vec<Failure>,
    inputs: BTreeSet<InputName>,
    /// The outputs of flakes that are referred to, by whom.
    pub(super) outputs: Vec<(Arc<Origin>, Vec<Referred>)>,
    uses_raw: bool,
}

#[derive(Debug)]
pub(super) struct TagOutput {
    key: Digest,
    pub(super) sections: Sections,
    file: Blob,
}

#[derive(Debug)]
struct HostOutput {
    key: Digest,
    file: Blob,
    secrets: Option<Blob>,
    /// In `hosts.json`.
    entry: String,
    failures: Vec<Failure>,
    warnings: Vec<Warning>,
}

/// A configuration in `hosts.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct HostEntry {
    /// What its modules may see as `inputs`.
    inputs: BTreeSet<InputName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// What generating is done with.
pub(super) struct Work<'a> {
    pub(super) state: &'a State,
    pub(super) catalogue: &'a Catalogue,
    artifacts: &'a BTreeSet<String>,
    stamp: Digest,
}

impl Generator {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The modules of the inputs. Pins name contents, so what was loaded completely is loaded once.
    pub(super) fn catalogue(
        &mut self,
        host: &Host,
        project: &state::Project,
        lock: &Lock,
    ) -> Result<Arc<Catalogue>, CatalogueError> {
        let from = [serde_json::to_vec(project), serde_json::to_vec(lock)].map(Result::unwrap_or_default);
        let key = Digest::of_parts(from.iter().map(Vec::as_slice));
        if let Some((_, known)) = self.catalogue.as_ref().filter(|(of, _)| *of == key) {
            return Ok(Arc::clone(known));
        }
        let catalogue = Arc::new(Catalogue::load(host, project, lock)?);
        let loaded = catalogue.inputs.values().all(|report| report.status == Status::Loaded);
        self.catalogue = loaded.then(|| (key, Arc::clone(&catalogue)));
        Ok(catalogue)
    }

    /// The files of the state's configurations and tags. `artifacts` are the names below `artifacts/`.
    pub fn generate(&mut self, state: &State, catalogue: &Catalogue, artifacts: &BTreeSet<String>) -> Generation {
        let work = Work { state, catalogue, artifacts, stamp: stamp(state, catalogue, artifacts) };
        // Only what isn't as it was is touched: there may be ten thousand others.
        let files = Arc::make_mut(&mut self.files);
        let made_tags = renew(&mut self.tags, &state.tags, |id, tag, known| {
            let key = Digest::of_parts([work.stamp.bytes().as_slice(), tag.digest.bytes()]);
            known.is_none_or(|known| known.key != key).then(|| work.tag(id, key))
        });
        for id in &made_tags {
            put(files, format!("tags/{id}.nix"), self.tags.get(id).map(|output| &output.file));
        }
        let tags = &self.tags;
        let made_hosts = renew(&mut self.configurations, &state.configurations, |id, configuration, known| {
            let key = host_key(&work, configuration, tags);
            known.is_none_or(|known| known.key != key).then(|| work.host(id, configuration, tags, key))
        });
        for id in &made_hosts {
            let output = self.configurations.get(id);
            put(files, format!("hosts/{id}.nix"), output.map(|output| &output.file));
            put(files, format!("hosts/{id}.secrets.json"), output.and_then(|output| output.secrets.as_ref()));
        }
        put(files, "hosts.json".to_owned(), Some(&list(&self.configurations)));
        let outputs = self.configurations.values();
        let failures = self.tags.values().flat_map(|output| &output.sections.failures);
        Generation {
            files: Arc::clone(&self.files),
            failures: failures.chain(outputs.clone().flat_map(|output| &output.failures)).cloned().collect(),
            warnings: outputs.flat_map(|output| output.warnings.iter().cloned()).collect(),
            made: made_tags.iter().filter(|id| self.tags.contains_key(*id)).count()
                + made_hosts.iter().filter(|id| self.configurations.contains_key(*id)).count(),
        }
    }
}

/// Brings `known` to the targets that there are; answers which were made anew or are gone. `make` is given what is known.
fn renew<I: Ord + Clone + Send + Sync, T: Sync, O: Send + Sync>(
    known: &mut BTreeMap<I, O>,
    targets: &BTreeMap<I, T>,
    make: impl Fn(&I, &T, Option<&O>) -> Option<O> + Sync,
) -> Vec<I> {
    let mut gone = Vec::new();
    let mut left = known.iter().peekable();
    let mut pairs = Vec::with_capacity(targets.len());
    // Both are in order, so nothing has to be searched for.
    for (id, target) in targets {
        while let Some((old, _)) = left.next_if(|(old, _)| *old < id) {
            gone.push(old.clone());
        }
        pairs.push((id, target, left.next_if(|(old, _)| *old == id).map(|(_, output)| output)));
    }
    gone.extend(left.map(|(old, _)| old.clone()));
    let made: Vec<(I, O)> = pairs
        .into_par_iter()
        .filter_map(|(id, target, output)| Some((id.clone(), make(id, target, output)?)))
        .collect();
    gone.iter().for_each(|id| drop(known.remove(id)));
    gone.extend(made.iter().map(|(id, _)| id.clone()));
    known.extend(made);
    gone
}

fn put(files: &mut BTreeMap<String, Blob>, path: String, file: Option<&Blob>) {
    match file {
        Some(file) => files.insert(path, file.clone()),
        None => files.remove(&path),
    };
}

/// Changes when something does that all targets depend on.
fn stamp(state: &State, catalogue: &Catalogue, artifacts: &BTreeSet<String>) -> Digest {
    let catalogue = catalogue.stamp.map(|stamp| *stamp.bytes()).unwrap_or_default();
    let url = state.project.controller_url.as_deref().unwrap_or_default();
    let inputs: Vec<&[u8]> = state.project.inputs.keys().map(|name| name.as_str().as_bytes()).collect();
    let inputs = Digest::of_parts(inputs);
    let artifacts = Digest::of_parts(artifacts.iter().map(String::as_bytes));
    Digest::of_parts([catalogue.as_slice(), url.as_bytes(), inputs.bytes(), artifacts.bytes()])
}

fn host_key(work: &Work<'_>, configuration: &Parsed<Configuration>, tags: &BTreeMap<TagId, TagOutput>) -> Digest {
    let tags: Vec<Digest> =
        configuration.value.tags.iter().filter_map(|tag| tags.get(tag)).map(|output| output.key).collect();
    let own = [work.stamp.bytes().as_slice(), configuration.digest.bytes()];
    Digest::of_parts(own.into_iter().chain(tags.iter().map(|key| key.bytes().as_slice())))
}

/// `hosts.json`, one entry a line, so that git shows which configuration changed. An id needs no escapes.
fn list(configurations: &BTreeMap<ConfigurationId, HostOutput>) -> Blob {
    let length = configurations.iter().map(|(id, output)| id.as_str().len() + output.entry.len() + 8);
    let mut text = String::with_capacity(length.sum::<usize>() + 4);
    text.push('{');
    for (id, output) in configurations {
        text.push_str(if text.len() == 1 { "\n  \"" } else { ",\n  \"" });
        text.push_str(id.as_str());
        text.push_str("\": ");
        text.push_str(&output.entry);
    }
    text.push_str(if configurations.is_empty() { "}\n" } else { "\n}\n" });
    text.into_bytes().into()
}

impl Work<'_> {
    fn tag(&self, id: &TagId, key: Digest) -> TagOutput {
        let (priority, uses) = self
            .state
            .tags
            .get(id)
            .map_or((0, [].as_slice()), |tag| (tag.value.priority, tag.value.modules.as_slice()));
        let target = Target::tag(id.clone(), priority);
        let sections = self.sections(&target, uses);
        let text = if sections.failures.is_empty() {
            nix::tag(id, &texts(&sections.rendered).collect::<Vec<_>>())
        } else {
            nix::unavailable(&why(&sections.failures))
        };
        TagOutput { key, sections, file: text.into_bytes().into() }
    }

    fn host(
        &self,
        id: &ConfigurationId,
        configuration: &Parsed<Configuration>,
        tags: &BTreeMap<TagId, TagOutput>,
        key: Digest,
    ) -> HostOutput {
        let configuration = &configuration.value;
        let tags: Vec<(&TagId, &TagOutput)> =
            configuration.tags.iter().filter_map(|tag| Some((tag, tags.get(tag)?))).collect();
        let target = device::target(self.state, self.catalogue, id, configuration);
        let own = self.sections(&target, &configuration.modules);
        let mut failures = own.failures.clone();
        let fail = |kind| Failure { target: target.id.clone(), origin: None, kind: Arc::new(kind) };
        let broken = tags.iter().filter(|(_, output)| !output.sections.failures.is_empty());
        failures.extend(broken.clone().map(|(tag, _)| fail(FailureKind::Tag((*tag).clone()))));

        let of_tags = || tags.iter().flat_map(|(_, output)| &output.sections.rendered);
        let (conflicts, dropped) =
            conflict::compare(own.rendered.iter().chain(of_tags()).flat_map(|rendered| &rendered.facts));
        failures.extend(conflicts.into_iter().take(TOLD).map(|conflict| fail(FailureKind::Conflict(conflict))));
        let warnings =
            dropped.into_iter().take(TOLD).map(|dropped| Warning { configuration: id.clone(), dropped }).collect();

        let mut inputs = own.inputs.clone();
        inputs.extend(tags.iter().flat_map(|(_, output)| output.sections.inputs.iter().cloned()));
        let project = &self.state.project.inputs;
        if own.uses_raw || tags.iter().any(|(_, output)| output.sections.uses_raw) {
            let pinned =
                |name: &&InputName| self.catalogue.inputs.get(*name).is_some_and(|report| report.entry.is_some());
            inputs.extend(project.keys().filter(pinned).cloned());
        }
        inputs.extend(project.keys().filter(|name| is_base(name)).cloned());

        let secrets = secret::resolve(own.rendered.iter().chain(of_tags()).flat_map(|rendered| &rendered.secrets))
            .unwrap_or_else(|clashes| {
                failures.extend(clashes.into_iter().take(TOLD).map(|clash| fail(FailureKind::Secrets(clash))));
                Vec::new()
            });
        let device = device::section(self.catalogue, &target, configuration);
        failures.extend(self.missing_outputs(&target, configuration, &own, &tags));
        let failure = (!failures.is_empty()).then(|| {
            let mut all = failures.clone();
            all.extend(broken.flat_map(|(_, output)| output.sections.failures.iter().cloned()));
            why(&all)
        });
        if let Some((input, _)) = &device {
            inputs.insert(input.clone());
        }
        let text = match &failure {
            Some(why) => nix::unavailable(why),
            None => {
                let device = device.iter().map(|(_, section)| section.as_str());
                nix::host(id, &configuration.tags, &device.chain(texts(&own.rendered)).collect::<Vec<_>>())
            }
        };
        HostOutput {
            key,
            file: text.into_bytes().into(),
            secrets: (!secrets.is_empty() && failure.is_none())
                .then(|| (serde_json::to_string_pretty(&secrets).unwrap_or_default() + "\n").into_bytes().into()),
            entry: serde_json::to_string(&HostEntry { inputs, failure }).unwrap_or_default(),
            failures,
            warnings,
        }
    }

    fn sections(&self, target: &Target, uses: &[Use]) -> Sections {
        let mut sections = Sections {
            rendered: Vec::new(),
            failures: Vec::new(),
            inputs: BTreeSet::new(),
            outputs: Vec::new(),
            uses_raw: false,
        };
        let origins: Vec<_> = uses.iter().map(|one| self.catalogue.origin(&target.id, one)).collect();
        let all: Vec<Arc<Origin>> = origins.iter().filter_map(|origin| origin.as_ref().ok().cloned()).collect();
        for (one, origin) in uses.iter().zip(origins) {
            let named = origin.as_ref().ok().cloned();
            match origin.and_then(|origin| Ok((self.render(target, &origin, one, &all)?, origin))) {
                Ok((mut rendered, origin)) => {
                    let outputs = std::mem::take(&mut rendered.outputs);
                    if !outputs.is_empty() {
                        sections.outputs.push((Arc::clone(&origin), outputs));
                    }
                    if rendered.uses_input {
                        sections.inputs.insert(origin.module.input.clone());
                    }
                    sections.uses_raw |= rendered.uses_raw;
                    sections.rendered.push(rendered);
                }
                Err(kind) => {
                    sections.failures.push(Failure { target: target.id.clone(), origin: named, kind: Arc::new(kind) })
                }
            }
        }
        sections
    }

    /// `all` are the uses in the target.
    fn render(
        &self,
        target: &Target,
        origin: &Arc<Origin>,
        one: &Use,
        all: &[Arc<Origin>],
    ) -> Result<Rendered, FailureKind> {
        let loaded = self.catalogue.get(&origin.module)?;
        let same = all.iter().filter(|other| other.module == origin.module).count();
        if same > 1 && !loaded.descriptor.multiple {
            return Err(FailureKind::NotMultiple(same));
        }
        let twice = all.iter().filter(|other| *other == origin).count() > 1;
        let mut others = all.iter().filter(|other| other.instance == origin.instance);
        if let Some(other) = others.find(|other| twice || other.module != origin.module)
            && loaded.descriptor.multiple
        {
            return Err(FailureKind::SameInstance(origin.instance.to_string(), other.module.clone()));
        }
        let settings = migrated(loaded, one)?;
        let settings = loaded.descriptor.settings.validate(&settings, target.kind()).map_err(FailureKind::Settings)?;
        device::check(self.catalogue, &settings)?;
        let request = instance::request(target, origin, &settings, self.state.project.controller_url.as_deref());
        let answer = loaded.module.generate(&request)?.answer.map_err(FailureKind::Problems)?;
        let trust = if loaded.is_built_in() { Trust::BuiltIn } else { Trust::External };
        let authority = Some(Authority { permissions: &loaded.permissions });
        let rendered = instance::render(answer, origin, target.priority, &settings, authority, trust)?;
        if let Some(missing) = rendered.artifacts.iter().find(|artifact| !self.artifacts.contains(*artifact)) {
            return Err(FailureKind::NoArtifact(missing.clone()));
        }
        if let Some(missing) = rendered.sources.iter().find(|file| !loaded.sources.contains(*file)) {
            return Err(FailureKind::NoSource(missing.clone()));
        }
        Ok(rendered)
    }
}

fn texts(rendered: &[Rendered]) -> impl Iterator<Item = &str> {
    rendered.iter().map(|rendered| rendered.section.as_str())
}

/// The settings in the module's present form.
pub(crate) fn migrated(loaded: &Loaded, one: &Use) -> Result<Value, FailureKind> {
    let settings = Value::Object(one.settings.clone());
    let known = loaded.descriptor.schema_version;
    match one.schema_version {
        Some(stored) if stored > known => Err(FailureKind::NewerSettings { stored, known }),
        Some(stored) if stored < known => {
            let name = loaded.descriptor.name.as_str();
            let answer = loaded.module.migrate(name, stored, &settings.to_string())?.map_err(FailureKind::Problems)?;
            serde_json::from_str(&answer).ok().filter(Value::is_object).ok_or(FailureKind::Migrated)
        }
        _ => Ok(settings),
    }
}
