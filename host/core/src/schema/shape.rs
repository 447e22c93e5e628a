//! The checked types of settings: a tree without recursion, its parts shared where the module shares them.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;
use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use super::{condition::Condition, localized::Localized};

/// What values a setting, or an item of a list or map, can have.
#[derive(Debug)]
pub enum Shape {
    Bool,
    Int(Bounds<i64>),
    Float(Bounds<f64>),
    /// One line.
    String(Text),
    /// Lines.
    Text(Text),
    Code(Code),
    /// Absolute, on the device.
    Path(Text),
    /// An attribute path in nixpkgs, with dots.
    Package,
    /// The identifier of one of the project's device types.
    DeviceType,
    /// The name of one of the project's artifacts.
    Artifact,
    /// The name of one of the project's secrets.
    Secret(Secret),
    SystemdTimer,
    Select(Vec<Choice>),
    Group(Group),
    List(List),
    Map(Map),
}

/// Inclusive bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

impl<T> Default for Bounds<T> {
    fn default() -> Self {
        Self { min: None, max: None }
    }
}

impl<T: PartialOrd> Bounds<T> {
    #[must_use]
    pub fn contain(&self, value: &T) -> bool {
        self.min.as_ref().is_none_or(|min| min <= value) && self.max.as_ref().is_none_or(|max| value <= max)
    }
}

/// A regular expression for whole values.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) source: String,
    pub(super) regex: Regex,
    /// At least its bytes when compiled.
    pub(super) size: usize,
}

impl Pattern {
    /// As the module's author wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

/// Constraints of strings; lengths in Unicode scalar values.
#[derive(Debug, Default)]
pub struct Text {
    pub pattern: Option<Pattern>,
    pub length: Bounds<usize>,
}

#[derive(Debug)]
pub struct Code {
    /// Such as `python`, for the editor.
    pub language: Option<String>,
    pub text: Text,
}

/// Kinds of secrets: one line of text, several, lines of `KEY=value`, and any bytes.
pub const SECRET_KINDS: [&str; 4] = ["single_line", "multi_line", "env_list", "file"];
/// What can become of a secret before it is placed: nothing, or the hash of a password.
pub const SECRET_PROCESSING: [&str; 2] = ["none", "mkpasswd-yescrypt"];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Secret {
    /// Kinds of secrets that fit; empty: any.
    pub kinds: Vec<String>,
    /// What can be done with the secret before it is placed.
    pub processing: Vec<String>,
    /// Whether the secret may be part of an image.
    pub in_image: bool,
}

#[derive(Debug)]
pub struct Choice {
    pub value: String,
    pub label: Localized,
}

#[derive(Debug)]
pub struct List {
    pub item: Arc<Shape>,
    pub items: Bounds<usize>,
    /// The key of the item's setting whose value no two items share; empty: the item itself.
    pub unique_by: Option<String>,
    pub(super) item_type: u32,
}

#[derive(Debug)]
pub struct Map {
    pub item: Arc<Shape>,
    pub items: Bounds<usize>,
    pub key_pattern: Pattern,
    pub(super) item_type: u32,
}

/// Named settings, in the author's order.
#[derive(Debug, Default)]
pub struct Group {
    pub(super) settings: IndexMap<String, Arc<Setting>>,
    /// Earlier keys, and the present ones.
    pub(super) formerly: HashMap<String, String>,
}

impl Group {
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.settings.values().map(AsRef::as_ref)
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key).map(AsRef::as_ref)
    }

    /// The setting with that key, or with that earlier one.
    pub(crate) fn named(&self, key: &str) -> Option<&Setting> {
        self.get(key).or_else(|| self.get(self.formerly.get(key)?))
    }
}

#[derive(Debug)]
pub struct Setting {
    pub key: String,
    pub label: Localized,
    pub description: Localized,
    pub shape: Arc<Shape>,
    /// Absence is a problem where the setting is visible and has no default.
    pub required: bool,
    pub default: Option<Value>,
    pub example: Option<Value>,
    pub conditions: Vec<Condition>,
    /// Earlier keys; a value stored under one of them counts.
    pub formerly: Vec<String>,
}

impl Shape {
    /// The name in the WIT package.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Text(_) => "text",
            Self::Code(_) => "code",
            Self::Path(_) => "path",
            Self::Package => "package",
            Self::DeviceType => "device-type",
            Self::Artifact => "artifact",
            Self::Secret(_) => "secret",
            Self::SystemdTimer => "systemd-timer",
            Self::Select(_) => "select",
            Self::Group(_) => "group",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// What its texts have to match.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::String(text) | Self::Text(text) | Self::Path(text) => text.pattern.as_ref(),
            Self::Code(code) => code.text.pattern.as_ref(),
            _ => None,
        }
    }

    /// Whether conditions can compare it: one value, and not one that the module sees as a handle.
    pub(super) fn is_comparable(&self) -> bool {
        !matches!(
            self,
            Self::Artifact | Self::Secret(_) | Self::SystemdTimer | Self::Group(_) | Self::List(_) | Self::Map(_)
        )
    }
}
