use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
use crate::input::Status;

/// Makes the files of a project. It keeps what it made, and makes again only what depends on a change.
#[derive(Debug, Default)]
pub struct Generator {
    tags: HashMap<TagId, Arc<TagOutput>>,
    configurations: HashMap<ConfigurationId, Arc<HostOutput>>,
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
    /// Text by path.
    pub files: BTreeMap<String, Arc<str>>,
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
    text: Arc<str>,
}

#[derive(Debug)]
struct HostOutput {
    key: Digest,
    text: Arc<str>,
    secrets: Option<Arc<str>>,
    entry: HostEntry,
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
        let tags: Vec<(TagId, Arc<TagOutput>, bool)> = state
            .tags
            .par_iter()
            .map(|(id, tag)| {
                let key = Digest::of_parts([work.stamp.bytes().as_slice(), tag.digest.bytes()]);
                match self.tags.get(id).filter(|known| known.key == key) {
                    Some(known) => (id.clone(), Arc::clone(known), false),
                    None => (id.clone(), Arc::new(work.tag(id, key)), true),
                }
            })
            .collect();
        let mut made = tags.iter().filter(|(_, _, new)| *new).count();
        self.tags = tags.into_iter().map(|(id, output, _)| (id, output)).collect();

        let tags = &self.tags;
        let hosts: Vec<(ConfigurationId, Arc<HostOutput>, bool)> = state
            .configurations
            .par_iter()
            .map(|(id, configuration)| {
                let key = host_key(&work, configuration, tags);
                match self.configurations.get(id).filter(|known| known.key == key) {
                    Some(known) => (id.clone(), Arc::clone(known), false),
                    None => (id.clone(), Arc::new(work.host(id, configuration, tags, key)), true),
                }
            })
            .collect();
        made += hosts.iter().filter(|(_, _, new)| *new).count();
        let generation = collect(tags, &hosts, made);
        self.configurations = hosts.into_iter().map(|(id, output, _)| (id, output)).collect();
        generation
    }
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

fn host_key(work: &Work<'_>, configuration: &Parsed<Configuration>, tags: &HashMap<TagId, Arc<TagOutput>>) -> Digest {
    let tags: Vec<Digest> =
        configuration.value.tags.iter().filter_map(|tag| tags.get(tag)).map(|output| output.key).collect();
    let own = [work.stamp.bytes().as_slice(), configuration.digest.bytes()];
    Digest::of_parts(own.into_iter().chain(tags.iter().map(|key| key.bytes().as_slice())))
}

fn collect(
    tags: &HashMap<TagId, Arc<TagOutput>>,
    hosts: &[(ConfigurationId, Arc<HostOutput>, bool)],
    made: usize,
) -> Generation {
    let mut generation = Generation { made, ..Generation::default() };
    let mut tags: Vec<_> = tags.iter().collect();
    tags.sort_by_key(|(id, _)| *id);
    for (id, output) in tags {
        generation.files.insert(format!("tags/{id}.nix"), Arc::clone(&output.text));
        generation.failures.extend(output.sections.failures.iter().cloned());
    }
    let mut index = BTreeMap::new();
    for (id, output, _) in hosts {
        generation.files.insert(format!("hosts/{id}.nix"), Arc::clone(&output.text));
        if let Some(secrets) = &output.secrets {
            generation.files.insert(format!("hosts/{id}.secrets.json"), Arc::clone(secrets));
        }
        generation.failures.extend(output.failures.iter().cloned());
        generation.warnings.extend(output.warnings.iter().cloned());
        index.insert(id, &output.entry);
    }
    generation.files.insert("hosts.json".to_owned(), json(&index));
    generation
}

/// One entry a line, so that git shows which configuration changed.
fn json<K: std::fmt::Display, V: Serialize>(entries: &BTreeMap<K, V>) -> Arc<str> {
    let lines: Vec<String> = entries
        .iter()
        .map(|(key, value)| {
            let value = serde_json::to_string(value).unwrap_or_default();
            format!("  {}: {value}", Value::from(key.to_string()))
        })
        .collect();
    if lines.is_empty() { Arc::from("{}\n") } else { Arc::from(format!("{{\n{}\n}}\n", lines.join(",\n"))) }
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
        TagOutput { key, sections, text: Arc::from(text) }
    }

    fn host(
        &self,
        id: &ConfigurationId,
        configuration: &Parsed<Configuration>,
        tags: &HashMap<TagId, Arc<TagOutput>>,
        key: Digest,
    ) -> HostOutput {
        let configuration = &configuration.value;
        let tags: Vec<(&TagId, &TagOutput)> =
            configuration.tags.iter().filter_map(|tag| Some((tag, tags.get(tag)?.as_ref()))).collect();
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
            text: Arc::from(text),
            secrets: (!secrets.is_empty() && failure.is_none())
                .then(|| Arc::from(serde_json::to_string_pretty(&secrets).unwrap_or_default() + "\n")),
            entry: HostEntry { inputs, failure },
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
