use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{
    address::{address, without_credential},
    document::{self, Document},
    identifier::{identifiers, plain},
    normalise::normalise,
    report::{Changed, Dropped, MissingModule, MissingRepository, Renamed, Report, Secret, quoted},
};
use crate::{
    id::{ConfigurationId, InputName, InstanceId, ModuleId, ModuleRef, PythonClass, TagId},
    json,
    schema::Descriptor,
    state::{
        Configuration, Input, MAX_TEXT, PRIORITIES, Project, StateError, TAG_PRIORITY, Tag, ThymisRepository, Use,
    },
    untrusted::short,
};

/// Input names that the generated flake gives a meaning.
const RESERVED: [&str; 2] = ["thymis", "nixpkgs"];

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

struct Importer<'a> {
    host: &'a dyn Host,
    report: Report,
    /// Users by secret, and by missing module.
    secrets: BTreeMap<String, BTreeSet<String>>,
    missing: BTreeMap<String, BTreeSet<String>>,
}

impl Importer<'_> {
    fn renamed(&mut self, kind: &'static str, from: &str, to: &str) {
        if from != to {
            self.report.renamed.push(Renamed { kind, from: short(from), to: to.to_owned() });
        }
    }

    fn changed(&mut self, place: String, from: String, to: String, why: &str) {
        self.report.changed.push(Changed { place, from, to, why: why.to_owned() });
    }

    fn repositories(&mut self, repositories: BTreeMap<String, document::Repository>, project: &mut Project) {
        let texts: Vec<&str> = repositories.keys().map(String::as_str).collect();
        let names: Vec<InputName> = identifiers(&texts, "input", &RESERVED);
        let by_text: HashMap<String, String> =
            repositories.keys().cloned().zip(names.iter().map(ToString::to_string)).collect();
        // `name` or `name/input/…`: the first is a repository's.
        let renamed = |path: String| match path.split_once('/') {
            Some((first, rest)) => by_text.get(first).map(|name| format!("{name}/{rest}")).unwrap_or(path),
            None => by_text.get(&path).cloned().unwrap_or(path),
        };
        for ((text, repository), name) in repositories.into_iter().zip(names) {
            self.renamed("input", &text, name.as_str());
            let place = format!("input `{name}`");
            let mut kept = ThymisRepository {
                url: None,
                follows: repository.follows.filter(|follows| !follows.is_empty()).map(renamed),
                inputs_follows: repository.inputs_follows.into_iter().map(|(own, path)| (own, renamed(path))).collect(),
                api_key_secret: None,
            };
            match repository.api_key_secret {
                Some(id) if is_uuid(&id) => {
                    self.secrets.entry(id.clone()).or_default().insert(place.clone());
                    kept.api_key_secret = Some(id);
                }
                Some(_) => self.report.dropped.push(Dropped::new(
                    place.clone(),
                    "`api_key_secret`".to_owned(),
                    "it is not the id of a secret, a UUID; it is not shown, because it may be the secret itself",
                )),
                None => {}
            }
            let found = match repository.url.filter(|url| !url.is_empty()) {
                Some(url) => self.url(&place, url, &mut kept),
                None if kept.follows.is_some() => {
                    Err("it stands for an input of another repository: add that repository as an input".to_owned())
                }
                None => Err("it has no address".to_owned()),
            };
            match found {
                Ok(url) => drop(project.inputs.insert(name.clone(), Input { url })),
                Err(why) => {
                    let missing = MissingRepository { name: name.to_string(), why };
                    self.report.missing_repositories.push(missing);
                }
            }
            if kept != ThymisRepository::default() || !project.inputs.contains_key(&name) {
                project.thymis_repositories.insert(name, kept);
            }
        }
    }

    /// The address of an input, or why there is none; then it is kept as it is.
    fn url(&mut self, place: &str, url: String, kept: &mut ThymisRepository) -> Result<String, String> {
        let (text, found) = match address(&url) {
            Ok(address) => {
                if address.had_credential {
                    self.report.dropped.push(Dropped::new(
                        place.to_owned(),
                        "a user name or password in the address".to_owned(),
                        "a project's state holds no credentials",
                    ));
                }
                let found = self.host.address(&address.text);
                (address.text, found)
            }
            Err(why) => (without_credential(&url).0, Err(why.to_owned())),
        };
        match found {
            Ok(found) => {
                if found != url {
                    let why = if found.contains("?ref=") && !url.contains("?ref=") {
                        "the same repository, in the spelling of inputs; if its `ref` is a tag, write `ref=refs/tags/…`"
                    } else {
                        "the same repository, in the spelling of inputs"
                    };
                    self.changed(place.to_owned(), format!("`{}`", short(&url_shown(&url))), format!("`{found}`"), why);
                }
                Ok(found)
            }
            Err(why) => {
                // What can't stand in a project's state is told and not kept.
                kept.url = Some(text).filter(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control));
                Err(why)
            }
        }
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

/// An address without its credential.
fn url_shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

pub(super) fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = [8, 13, 18, 23];
    digits == 32
        && (text.len() == 32
            || text.len() == 36 && text.bytes().enumerate().all(|(index, b)| (b == b'-') == dashes.contains(&index)))
}
