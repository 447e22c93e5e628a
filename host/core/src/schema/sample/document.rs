//! A document of settings under construction.

use std::fmt;

use serde_json::{Map as Object, Value};

use super::{
    super::{
        condition::{Effect, Subject},
        problem::{SettingsCode, SettingsProblem},
        schema::Schema,
        settings::Settings,
        shape::{Setting, Shape},
    },
    values,
};
use crate::{json::pointer_part, wire::TargetKind};

/// How often a document is mended until it is given up.
const ROUNDS: usize = 12;
/// Conditions that depend on conditions.
const DEPTH: usize = 8;

/// Keys and indices from the outermost setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn with(&self, key: &str) -> Self {
        Self(self.0.iter().cloned().chain([key.to_owned()]).collect())
    }

    pub(super) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, parent)| Self(parent.to_vec()))
    }

    /// From a JSON pointer.
    fn of(pointer: &str) -> Self {
        Self(pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect())
    }
}

impl From<&[String]> for Path {
    fn from(keys: &[String]) -> Self {
        Self(keys.to_vec())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pointer(self))
    }
}

/// RFC 6901.
pub(super) fn pointer(path: &Path) -> String {
    path.0.iter().map(|key| format!("/{}", pointer_part(key))).collect()
}

#[derive(Debug, Clone)]
pub(super) struct Document<'a> {
    schema: &'a Schema,
    pub(super) target: TargetKind,
    pub(super) value: Value,
    /// Whether a value stands in it that the module didn't name.
    pub(super) guessed: bool,
}

impl<'a> Document<'a> {
    pub(super) fn new(schema: &'a Schema, target: TargetKind) -> Self {
        Self { schema, target, value: Value::Object(Object::new()), guessed: false }
    }

    /// The setting or item at a path; the setting where it is one.
    fn at(&self, path: &Path) -> Option<(&'a Shape, Option<&'a Setting>)> {
        let mut shape = self.schema.frame.group.as_ref();
        let mut setting = None;
        for key in &path.0 {
            (shape, setting) = match shape {
                Shape::Group(group) => {
                    let setting = group.get(key)?;
                    (setting.shape.as_ref(), Some(setting))
                }
                Shape::List(list) => (list.item.as_ref(), None),
                Shape::Map(map) => (map.item.as_ref(), None),
                _ => return None,
            };
        }
        Some((shape, setting))
    }

    pub(super) fn shape_at(&self, path: &Path) -> Option<&'a Shape> {
        self.at(path).map(|(shape, _)| shape)
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        self.value.pointer(&pointer(path)).is_some()
    }

    /// Puts a value somewhere, with the groups, lists and maps around it.
    pub(super) fn place(&mut self, path: &Path, value: Value) {
        let mut shape = self.schema.frame.group.as_ref();
        let mut slot = &mut self.value;
        for key in &path.0 {
            let next = match shape {
                Shape::Group(group) => group.get(key).map(|setting| setting.shape.as_ref()),
                Shape::List(list) => Some(list.item.as_ref()),
                Shape::Map(map) => Some(map.item.as_ref()),
                _ => None,
            };
            let Some(next) = next else { return };
            if let (Shape::List(list), Ok(index)) = (shape, key.parse::<usize>()) {
                let least = list.items.min.unwrap_or(0).max(index + 1);
                if !slot.is_array() {
                    *slot = Value::Array(Vec::new());
                }
                let Value::Array(items) = slot else { return };
                let mut known = true;
                for number in items.len()..least.min(64) {
                    let item = if known { values::item(list, number) } else { None };
                    known = item.is_some();
                    items.push(item.unwrap_or_default());
                }
                let Some(item) = items.get_mut(index) else { return };
                (slot, shape) = (item, next);
                continue;
            }
            if !slot.is_object() {
                let least = if let Shape::Map(map) = shape { map.items.min } else { None };
                *slot = match (shape, least) {
                    (Shape::Map(map), Some(least)) => values::entries(map, least).unwrap_or_default(),
                    _ => Value::Object(Object::new()),
                };
            }
            let Value::Object(object) = slot else { return };
            let empty = if let Shape::Map(map) = shape { values::entry(map, 0) } else { None };
            (slot, shape) = (object.entry(key.clone()).or_insert(empty.unwrap_or_default()), next);
        }
        *slot = value;
    }

    pub(super) fn remove(&mut self, path: &Path) {
        let Some((key, parent)) = path.0.split_last() else { return };
        if let Some(Value::Object(object)) = self.value.pointer_mut(&pointer(&Path(parent.to_vec()))) {
            object.remove(key);
        }
    }

    /// Mends the document around the value at `keep`, until it fulfils the schema.
    ///
    /// # Errors
    /// The first problem that stays.
    pub(super) fn complete(&mut self, keep: &Path) -> Result<Settings, String> {
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let problems = match self.schema.validate(&self.value, self.target) {
                Ok(settings) => return Ok(settings),
                Err(problems) => problems,
            };
            if let Some(problem) = problems.first() {
                last = problem.message.trim_end_matches('.').to_owned();
            }
            let before = self.value.clone();
            for problem in &problems {
                self.mend(problem, keep);
            }
            if self.value == before {
                break;
            }
        }
        Err(last)
    }

    fn mend(&mut self, problem: &SettingsProblem, keep: &Path) {
        let path = Path::of(&problem.pointer);
        let Some((shape, Some(setting))) = self.at(&path) else { return };
        match problem.code {
            SettingsCode::Missing if !self.has(&path) => {
                if let Some(value) = values::of_setting(setting, 0) {
                    self.guessed |= setting.example.is_none() && values::is_guess(shape);
                    self.place(&path, value);
                }
            }
            // Beside the other settings, only some values are allowed.
            SettingsCode::Choice if path != *keep => {
                let allowed = setting.conditions.iter().filter_map(|condition| match &condition.effect {
                    Effect::Allowed(values) => Some(values),
                    _ => None,
                });
                let tried: Vec<Value> = allowed.flat_map(|values| values.iter().cloned()).collect();
                for value in tried {
                    let mut other = self.clone();
                    other.place(&path, value);
                    let refused = other.schema.validate(&other.value, other.target).err().unwrap_or_default();
                    if refused.iter().all(|still| still.pointer != problem.pointer) {
                        *self = other;
                        return;
                    }
                }
                self.remove(&path);
            }
            // The value stays: what it depends on goes.
            SettingsCode::Choice => {
                let Some(around) = path.parent() else { return };
                for condition in setting.conditions.iter().filter(|one| matches!(one.effect, Effect::Allowed(_))) {
                    for test in &condition.when {
                        match &test.subject {
                            Subject::Sibling(key) => self.remove(&around.with(key)),
                            Subject::Absolute(keys) => self.remove(&Path(keys.clone())),
                            Subject::Target => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// [`Self::complete`], and what is at `path` is visible.
    ///
    /// # Errors
    /// Why it can't be.
    pub(super) fn visible(&mut self, path: &Path) -> Result<Settings, String> {
        let shown = |settings: &Settings| settings.plain().pointer(&pointer(path)).is_some();
        let before = self.clone();
        if let Ok(settings) = self.complete(path)
            && shown(&settings)
        {
            return Ok(settings);
        }
        *self = before;
        self.reveal(path, 0);
        // What is wrong where it is visible, in case that mending hides it again.
        let refused = self.schema.validate(&self.value, self.target).err().unwrap_or_default();
        let settings = self.complete(path)?;
        if shown(&settings) {
            return Ok(settings);
        }
        let own = refused.iter().find(|problem| problem.pointer == pointer(path));
        Err(own
            .map_or("no other settings were found that make it visible", |problem| {
                problem.message.trim_end_matches('.')
            })
            .to_owned())
    }

    /// Sets what makes the setting, and the groups around it, visible.
    pub(super) fn reveal(&mut self, path: &Path, depth: usize) {
        for length in 1..=path.0.len() {
            let step = Path(path.0.iter().take(length).cloned().collect());
            let (Some((_, Some(setting))), Some(around)) = (self.at(&step), step.parent()) else { continue };
            let condition = setting.conditions.iter().find(|condition| matches!(condition.effect, Effect::Visible));
            for test in condition.map_or(&[][..], |condition| &condition.when) {
                let Some(value) = test.any_of.first() else { continue };
                let subject = match &test.subject {
                    Subject::Target => {
                        let tag = value.as_str() == Some("tag");
                        self.target = if tag { TargetKind::Tag } else { TargetKind::Configuration };
                        continue;
                    }
                    Subject::Sibling(key) => around.with(key),
                    Subject::Absolute(keys) => Path(keys.clone()),
                };
                self.place(&subject, value.clone());
                if depth < DEPTH {
                    self.reveal(&subject, depth + 1);
                }
            }
        }
    }
}
