use serde::Serialize;
use serde_json::Value;

use crate::untrusted;

/// What importing a project came to. Texts are made for terminals; nothing that may be secret is quoted.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Of the state that was read.
    pub version: String,
    /// How many there are now.
    pub configurations: usize,
    pub tags: usize,
    pub inputs: usize,
    pub artifacts: usize,
    /// Uses of modules that can be generated.
    pub modules: usize,
    pub renamed: Vec<Renamed>,
    pub changed: Vec<Changed>,
    pub dropped: Vec<Dropped>,
    /// Kept in the state, and not generated until a component says that it was this module.
    pub missing_modules: Vec<MissingModule>,
    /// Kept in the state, and no inputs.
    pub missing_repositories: Vec<MissingRepository>,
    /// Their ids are kept; their values are in Thymis's database.
    pub secrets: Vec<Secret>,
}

/// An identifier that had to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Renamed {
    /// `configuration`, `tag` or `input`.
    pub kind: &'static str,
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Changed {
    pub place: String,
    pub from: String,
    pub to: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dropped {
    pub place: String,
    pub what: String,
    pub why: String,
}

impl Dropped {
    pub(super) fn new(place: String, what: String, why: &str) -> Self {
        Self { place, what, why: why.to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MissingModule {
    pub module: String,
    /// Configurations and tags.
    pub used_by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MissingRepository {
    pub name: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Secret {
    pub id: String,
    /// Configurations, tags and inputs.
    pub used_by: Vec<String>,
}

/// A foreign value in a sentence.
pub(super) fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", untrusted::short(text)),
        other => untrusted::short(&other.to_string()),
    }
}
