//! The newest version of a state, as its schema has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    migrate::{NEWEST, VERSIONS, migrate},
    report::{Dropped, quoted},
};
use crate::{
    json::{self, JsonError},
    untrusted::short,
};

/// A state of Thymis 0.9, brought to its newest version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The one that was read.
    pub version: String,
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) tags: Vec<Target>,
    pub(super) configurations: Vec<Target>,
    pub(super) dropped: Vec<Dropped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Repository {
    pub(super) url: Option<String>,
    pub(super) follows: Option<String>,
    pub(super) inputs_follows: BTreeMap<String, String>,
    pub(super) api_key_secret: Option<String>,
}

/// A tag or a configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) display_name: String,
    pub(super) identifier: String,
    /// Of a tag.
    pub(super) priority: Option<i64>,
    /// Of a configuration.
    pub(super) tags: Vec<String>,
    pub(super) modules: Vec<Module>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Module {
    pub(super) class: String,
    pub(super) settings: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("{file}: there is no \"version\": it is not the state.json of a Thymis project")]
    NoVersion { file: String },
    #[error(
        "{file}: the state has version {found}, and versions {} to {NEWEST} can be read: update this program, or export the state with the Thymis that wrote it in an older version", VERSIONS.first().unwrap_or(&NEWEST)
    )]
    Version { file: String, found: String },
    #[error("{file}: {place} must be {expected}; found {found}. Correct it there, and import again")]
    Form { file: String, place: String, expected: &'static str, found: String },
}

impl Document {
    /// Any of [`VERSIONS`]. What newer versions don't have is in the report of the import.
    ///
    /// # Errors
    /// When the bytes are not the state of a project in a known version.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DocumentError> {
        let mut state: Map<String, Value> = json::object(file, bytes)?;
        let file_name = || file.to_owned();
        let version = match state.get("version") {
            Some(Value::String(version)) => version.clone(),
            _ => return Err(DocumentError::NoVersion { file: file_name() }),
        };
        let Some(index) = VERSIONS.iter().position(|known| *known == version) else {
            return Err(DocumentError::Version { file: file_name(), found: short(&version) });
        };
        let dropped = migrate(&mut state, index);
        let mut reader = Reader { dropped };
        let mut document = reader.state(state).map_err(|Wrong { place, expected, found }| {
            let place = if place.is_empty() { "the state".to_owned() } else { format!("`{}`", short(&place)) };
            DocumentError::Form { file: file_name(), place, expected, found }
        })?;
        document.version = version;
        document.dropped = reader.dropped;
        Ok(document)
    }
}

/// A value of another form than its place asks for.
struct Wrong {
    place: String,
    expected: &'static str,
    found: String,
}

fn wrong<T>(place: &str, expected: &'static str, found: Option<&Value>) -> Result<T, Wrong> {
    let found = match found {
        None => "nothing".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(other) => quoted(other),
    };
    Err(Wrong { place: place.to_owned(), expected, found })
}

/// Takes objects apart; what remains of one is told.
struct Reader {
    dropped: Vec<Dropped>,
}

impl Reader {
    fn state(&mut self, mut state: Map<String, Value>) -> Result<Document, Wrong> {
        state.shift_remove("version");
        let mut document = Document::default();
        for (name, repository) in object("repositories", state.shift_remove("repositories"))? {
            let place = format!("repositories/{name}");
            let repository = self.repository(&place, object(&place, Some(repository))?)?;
            document.repositories.insert(name, repository);
        }
        for (list, targets) in [("tags", &mut document.tags), ("configs", &mut document.configurations)] {
            for (index, target) in items(list, state.shift_remove(list))?.into_iter().enumerate() {
                let place = format!("{list}/{index}");
                targets.push(self.target(&place, object(&place, Some(target))?, list == "tags")?);
            }
        }
        self.rest("", state);
        Ok(document)
    }

    fn repository(&mut self, place: &str, mut object_: Map<String, Value>) -> Result<Repository, Wrong> {
        let at = |key: &str| format!("{place}/{key}");
        let mut inputs_follows = BTreeMap::new();
        for (name, target) in object(&at("inputs_follows"), object_.shift_remove("inputs_follows"))? {
            let target = text(&format!("{place}/inputs_follows/{name}"), Some(target))?;
            inputs_follows.insert(name, target);
        }
        let mut optional = |key: &str| match object_.shift_remove(key) {
            None | Some(Value::Null) => Ok(None),
            some => text(&at(key), some).map(Some),
        };
        let repository = Repository {
            url: optional("url")?,
            follows: optional("follows")?,
            api_key_secret: optional("api_key_secret")?,
            inputs_follows,
        };
        self.rest(place, object_);
        Ok(repository)
    }

    fn target(&mut self, place: &str, mut target: Map<String, Value>, is_tag: bool) -> Result<Target, Wrong> {
        let at = |key: &str| format!("{place}/{key}");
        let mut take = |key: &str| target.shift_remove(key);
        let display_name = text(&at("displayName"), take("displayName"))?;
        let identifier = text(&at("identifier"), take("identifier"))?;
        let priority = if is_tag { Some(integer(&at("priority"), take("priority"))?) } else { None };
        let mut tags = Vec::new();
        if !is_tag {
            for (index, tag) in items(&at("tags"), take("tags"))?.into_iter().enumerate() {
                tags.push(text(&format!("{place}/tags/{index}"), Some(tag))?);
            }
        }
        let mut modules = Vec::new();
        for (index, module) in items(&at("modules"), take("modules"))?.into_iter().enumerate() {
            let place = format!("{place}/modules/{index}");
            let mut module = object(&place, Some(module))?;
            let class = text(&format!("{place}/type"), module.shift_remove("type"))?;
            let settings = object(&format!("{place}/settings"), module.shift_remove("settings"))?;
            modules.push(Module { class, settings });
            self.rest(&place, module);
        }
        self.rest(place, target);
        Ok(Target { display_name, identifier, priority, tags, modules })
    }

    fn rest(&mut self, place: &str, rest: Map<String, Value>) {
        for key in rest.keys() {
            let place = if place.is_empty() { "state.json".to_owned() } else { format!("`{}`", short(place)) };
            self.dropped.push(Dropped::new(place, format!("`{}`", short(key)), "Thymis 0.9 has no such key"));
        }
    }
}

/// An absent object is an empty one.
fn object(place: &str, value: Option<Value>) -> Result<Map<String, Value>, Wrong> {
    match value {
        Some(Value::Object(object)) => Ok(object),
        None => Ok(Map::new()),
        other => wrong(place, "an object", other.as_ref()),
    }
}

/// An absent list is an empty one.
fn items(place: &str, value: Option<Value>) -> Result<Vec<Value>, Wrong> {
    match value {
        Some(Value::Array(items)) => Ok(items),
        None => Ok(Vec::new()),
        other => wrong(place, "a list", other.as_ref()),
    }
}

fn text(place: &str, value: Option<Value>) -> Result<String, Wrong> {
    match value {
        Some(Value::String(text)) => Ok(text),
        other => wrong(place, "a text", other.as_ref()),
    }
}

/// Thymis takes `90.0` and `"90"` for 90.
fn integer(place: &str, value: Option<Value>) -> Result<i64, Wrong> {
    let found = match &value {
        None => Some(i64::from(crate::state::TAG_PRIORITY)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => super::normalise::integer(value),
    };
    found.map_or_else(|| wrong(place, "a whole number", value.as_ref()), Ok)
}
