use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{
    document::{self, Document},
    identifier::{identifiers, plain},
    normalise::normalise,
    report::{Changed, Dropped, MissingModule, Renamed, Report, Secret, quoted},
};
use crate::{
    id::{ConfigurationId, InstanceId, ModuleId, ModuleRef, PythonClass, TagId},
    json,
    schema::Descriptor,
    state::{Configuration, MAX_TEXT, PRIORITIES, Project, StateError, TAG_PRIORITY, Tag, Use},
    untrusted::short,
};

/// What importing has to know.
pub trait Host {
    /// The module that was this class.
    fn module(&self, class: &PythonClass) -> Option<(ModuleId, &Descriptor)>;

    fn descriptor(&self, module: &ModuleId) -> Option<&Descriptor>;

    /// The address of a git repository as an input has it.
    ///
    /// # Errors
    /// Why it can't be one, with what to write instead.
    fn address(&self, text: &str) -> Result<String, String>;
}

/// A project made of one of Thymis 0.9.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    pub project: Project,
    pub configurations: BTreeMap<ConfigurationId, Configuration>,
    pub tags: BTreeMap<TagId, Tag>,
    pub report: Report,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something is larger than a project may be.
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// # Errors
/// When something is larger than a project may be.
pub fn import(document: Document, host: &dyn Host) -> Result<Imported, ImportError> {
    let mut importer = Importer { host, report: Report::default(), secrets: BTreeMap::new(), missing: BTreeMap::new() };
    let Document { version, repositories, tags, configurations, dropped } = document;
    importer.report.version = version;
    importer.report.dropped = dropped;
    let mut project = Project::new();
    importer.repositories(repositories, &mut project);
    let Tags { made: tags, by_text } = importer.tags(tags)?;
    let configurations = importer.configurations(configurations, &by_text)?;
    let mut report = importer.report;
    let listed = |users: BTreeSet<String>| users.into_iter().collect();
    report.secrets = importer.secrets.into_iter().map(|(id, users)| Secret { id, used_by: listed(users) }).collect();
    let missing = |(module, users)| MissingModule { module, used_by: listed(users) };
    report.missing_modules = importer.missing.into_iter().map(missing).collect();
    (report.configurations, report.tags, report.inputs) = (configurations.len(), tags.len(), project.inputs.len());
    Ok(Imported { project, configurations, tags, report })
}

impl Imported {
    /// The files of the state, by path; each can be read back.
    ///
    /// # Errors
    /// When something is larger than a project may be.
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, ImportError> {
        let bytes = json::write(&self.project)?;
        Project::parse(&bytes)?;
        let mut files = BTreeMap::from([("state/project.json".to_owned(), bytes)]);
        for (id, configuration) in &self.configurations {
            let (file, bytes) = (Configuration::file(id), json::write(configuration)?);
            Configuration::parse(&file, &bytes)?;
            files.insert(file, bytes);
        }
        for (id, tag) in &self.tags {
            let (file, bytes) = (Tag::file(id), json::write(tag)?);
            Tag::parse(&file, &bytes)?;
            files.insert(file, bytes);
        }
        Ok(files)
    }
}

/// For each priority the nearest that a tag can have, different ones staying different and in order.
fn priorities(found: BTreeSet<i64>) -> BTreeMap<i64, u32> {
    let (least, most) = (i64::from(*PRIORITIES.start()), i64::from(*PRIORITIES.end()));
    let mut next = least;
    let mut rising = Vec::with_capacity(found.len());
    for priority in found {
        let chosen = priority.max(next);
        next = chosen.saturating_add(1);
        rising.push((priority, chosen));
    }
    let mut limit = most;
    let mut all = BTreeMap::new();
    for (priority, chosen) in rising.into_iter().rev() {
        let chosen = chosen.min(limit).max(least);
        limit = chosen - 1;
        all.insert(priority, u32::try_from(chosen).unwrap_or(TAG_PRIORITY));
    }
    all
}

/// The tags, and what they were called.
struct Tags {
    made: BTreeMap<TagId, Tag>,
    by_text: HashMap<String, TagId>,
}

pub(super) struct Importer<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) report: Report,
    /// Users by secret, and by missing module.
    pub(super) secrets: BTreeMap<String, BTreeSet<String>>,
    missing: BTreeMap<String, BTreeSet<String>>,
}

impl Importer<'_> {
    pub(super) fn renamed(&mut self, kind: &'static str, from: &str, to: &str) {
        if from != to {
            self.report.renamed.push(Renamed { kind, from: short(from), to: to.to_owned() });
        }
    }

    pub(super) fn changed(&mut self, place: String, from: String, to: String, why: &str) {
        self.report.changed.push(Changed { place, from, to, why: why.to_owned() });
    }

    fn tags(&mut self, tags: Vec<document::Target>) -> Result<Tags, ImportError> {
        let texts: Vec<&str> = tags.iter().map(|tag| tag.identifier.as_str()).collect();
        let ids: Vec<TagId> = identifiers(&texts, "tag", &[]);
        let priorities = priorities(tags.iter().map(|tag| tag.priority.unwrap_or_default()).collect());
        let mut made = BTreeMap::new();
        let mut by_text = HashMap::new();
        for (tag, id) in tags.into_iter().zip(ids) {
            self.renamed("tag", &tag.identifier, id.as_str());
            let place = format!("tag `{id}`");
            let found = tag.priority.unwrap_or_default();
            let priority = priorities.get(&found).copied().unwrap_or(TAG_PRIORITY);
            if i64::from(priority) != found {
                let why = "a priority that a tag can have, in the same order";
                self.changed(format!("{place}, priority"), found.to_string(), priority.to_string(), why);
            }
            let display_name = Some(self.display_name(&place, tag.display_name));
            let modules = self.uses(&place, tag.modules)?;
            made.insert(id.clone(), Tag { display_name, priority, modules });
            by_text.entry(tag.identifier).or_insert(id);
        }
        Ok(Tags { made, by_text })
    }

    fn configurations(
        &mut self,
        configurations: Vec<document::Target>,
        tag_ids: &HashMap<String, TagId>,
    ) -> Result<BTreeMap<ConfigurationId, Configuration>, ImportError> {
        let texts: Vec<&str> = configurations.iter().map(|one| one.identifier.as_str()).collect();
        let ids: Vec<ConfigurationId> = identifiers(&texts, "configuration", &[]);
        let mut made = BTreeMap::new();
        for (configuration, id) in configurations.into_iter().zip(ids) {
            self.renamed("configuration", &configuration.identifier, id.as_str());
            let place = format!("configuration `{id}`");
            let mut tags: Vec<TagId> = Vec::new();
            let mut seen = HashSet::new();
            for text in configuration.tags {
                let why = match tag_ids.get(&text) {
                    Some(tag) if seen.insert(tag) => {
                        tags.push(tag.clone());
                        continue;
                    }
                    Some(_) => "it is listed twice",
                    None => "there is no such tag",
                };
                self.report.dropped.push(Dropped::new(place.clone(), format!("the tag `{}`", short(&text)), why));
            }
            let display_name = Some(self.display_name(&place, configuration.display_name));
            let modules = self.uses(&place, configuration.modules)?;
            made.insert(id, Configuration { display_name, tags, modules });
        }
        Ok(made)
    }

    fn display_name(&mut self, place: &str, name: String) -> String {
        if name.len() <= MAX_TEXT && !name.contains(char::is_control) {
            return name;
        }
        let mut plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        plain.truncate(plain.floor_char_boundary(MAX_TEXT));
        let why = "display names are one line of at most 2048 bytes";
        self.changed(
            format!("{place}, display name"),
            format!("`{}`", short(&name)),
            format!("`{}`", short(&plain)),
            why,
        );
        plain
    }

    fn uses(&mut self, place: &str, modules: Vec<document::Module>) -> Result<Vec<Use>, ImportError> {
        let mut instances = Instances::default();
        let mut uses = Vec::with_capacity(modules.len());
        for document::Module { class, settings } in modules {
            let Ok(named) = class.parse::<ModuleRef>() else {
                let what = format!("the module `{}`", short(&class));
                self.report.dropped.push(Dropped::new(place.to_owned(), what, "nothing can have such a name"));
                continue;
            };
            let known = match &named {
                ModuleRef::Python(class) => self.host.module(class),
                ModuleRef::Id(id) => self.host.descriptor(id).map(|descriptor| (id.clone(), descriptor)),
            };
            let Some((id, descriptor)) = known else {
                if let ModuleRef::Python(class) = &named {
                    self.missing.entry(class.to_string()).or_default().insert(place.to_owned());
                }
                let instance = instances.next(&named);
                uses.push(Use { module: named, instance, schema_version: None, settings });
                continue;
            };
            let normal = normalise(&descriptor.settings, settings);
            for change in normal.changes {
                let setting = format!("{place}, `{id}`, setting {}", quoted(&Value::from(change.pointer)));
                match change.values {
                    Some((from, to)) => self.changed(setting, from, to, &change.why),
                    None => self.report.dropped.push(Dropped::new(setting, "its value".to_owned(), &change.why)),
                }
            }
            // Whatever else stands there may be the secret itself.
            for secret in normal.secrets.into_iter().filter(|id| is_uuid(id)) {
                self.secrets.entry(secret).or_default().insert(place.to_owned());
            }
            let module = ModuleRef::Id(id);
            let instance = instances.next(&module);
            let schema_version = Some(descriptor.schema_version);
            uses.push(Use { module, instance, schema_version, settings: normal.settings });
            self.report.modules += 1;
        }
        Ok(uses)
    }
}

/// The names of one target's instances.
#[derive(Default)]
struct Instances {
    taken: HashSet<InstanceId>,
    classes: HashSet<PythonClass>,
    numbers: HashMap<String, usize>,
}

impl Instances {
    /// A name, where the module's own is taken.
    fn next(&mut self, module: &ModuleRef) -> Option<InstanceId> {
        let name = match module {
            ModuleRef::Id(id) if self.taken.insert(InstanceId::from(&id.name)) => return None,
            ModuleRef::Id(id) => id.name.to_string(),
            ModuleRef::Python(class) if self.classes.insert(class.clone()) => return None,
            ModuleRef::Python(class) => plain(&words(class), "module"),
        };
        loop {
            let number = self.numbers.entry(name.clone()).or_insert(1);
            *number += 1;
            // Names are at most 63 bytes long, and 56 leave room for the number.
            let short = name.get(..56).unwrap_or(&name).trim_end_matches('-');
            let instance: Option<InstanceId> = format!("{short}-{number}").parse().ok();
            if let Some(instance) = instance.filter(|instance| self.taken.insert(instance.clone())) {
                return Some(instance);
            }
        }
    }
}

/// `logger.TemperatureLoggerModule`: `Temperature-Logger`.
fn words(class: &PythonClass) -> String {
    let name = class.as_str().rsplit('.').next().unwrap_or_default();
    let name = name.strip_suffix("Module").filter(|name| !name.is_empty()).unwrap_or(name);
    name.chars().fold(String::new(), |mut words, c| {
        if c.is_ascii_uppercase() && words.ends_with(|last: char| last.is_ascii_lowercase()) {
            words.push('-');
        }
        words.push(c);
        words
    })
}

pub(super) fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = [8, 13, 18, 23];
    digits == 32
        && (text.len() == 32
            || text.len() == 36 && text.bytes().enumerate().all(|(index, b)| (b == b'-') == dashes.contains(&index)))
}
