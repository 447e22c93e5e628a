//! Conditions as schemas that hold where the condition certainly holds. What JSON Schema can't tell (the kind of target,
//! settings outside of the object) never holds certainly, so that nothing is refused because of it.

use serde_json::{Value, json};

use super::{Document, Keywords, absent, reference};
use crate::schema::{
    condition::{Condition, Effect, Subject, same},
    shape::{Group, Setting, Shape},
};

/// Longest chain of settings whose visibility depends on each other; what is farther away never holds certainly.
const MAX_CHAIN: usize = 32;

/// Where something holds.
#[derive(Debug, Clone)]
pub(super) enum Truth {
    Never,
    Always,
    /// Where the object fulfils a schema.
    When(Value),
}

impl Truth {
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut schemas = Vec::new();
        for part in parts {
            match part {
                Self::Never => return Self::Never,
                Self::Always => {}
                Self::When(schema) => schemas.push(schema),
            }
        }
        Self::joined("allOf", schemas).unwrap_or(Self::Always)
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut schemas = Vec::new();
        for part in parts {
            match part {
                Self::Never => {}
                Self::Always => return Self::Always,
                Self::When(schema) => schemas.push(schema),
            }
        }
        Self::joined("anyOf", schemas).unwrap_or(Self::Never)
    }

    fn joined(keyword: &str, mut schemas: Vec<Value>) -> Option<Self> {
        let last = schemas.pop()?;
        if schemas.is_empty() {
            return Some(Self::When(last));
        }
        schemas.push(last);
        Some(Self::When(json!({ keyword: schemas })))
    }
}

impl<'a> Document<'a> {
    /// Where a setting of the group is visible.
    pub(super) fn visible(&mut self, setting: &'a Setting, group: &'a Group, chain: usize) -> Truth {
        let address = std::ptr::from_ref(setting);
        if let Some(known) = self.visible.get(&address) {
            return known.clone();
        }
        if chain > MAX_CHAIN {
            return Truth::Never;
        }
        let mut conditions =
            setting.conditions.iter().filter(|condition| matches!(condition.effect, Effect::Visible)).peekable();
        if conditions.peek().is_none() {
            return Truth::Always;
        }
        let rules: Vec<Truth> = conditions.map(|condition| self.rule(condition, group, chain)).collect();
        let mut truth = Truth::any(rules);
        if let Truth::When(Value::Object(schema)) = truth {
            // Others that depend on it refer to it.
            let name = self.define("visible", schema);
            truth = Truth::When(Value::Object(reference(&name)));
        }
        self.visible.insert(address, truth.clone());
        truth
    }

    /// Where all tests of a condition hold.
    pub(super) fn rule(&mut self, condition: &'a Condition, group: &'a Group, chain: usize) -> Truth {
        let tests = condition.when.iter().map(|test| match &test.subject {
            Subject::Target => Truth::Never,
            Subject::Sibling(key) => self.holds(group, std::slice::from_ref(key), &test.any_of, chain),
            Subject::Absolute(path) => match self.root.as_ref() {
                Shape::Group(root) if std::ptr::eq(root, group) => self.holds(group, path, &test.any_of, chain),
                _ => Truth::Never,
            },
        });
        let tests: Vec<Truth> = tests.collect();
        Truth::all(tests)
    }

    /// Where the setting at this path below the group is visible and has one of the values.
    fn holds(&mut self, group: &'a Group, path: &'a [String], values: &[Value], chain: usize) -> Truth {
        let Some((key, rest)) = path.split_first() else { return Truth::Never };
        let Some(setting) = group.get(key) else { return Truth::Never };
        let visible = self.visible(setting, group, chain + 1);
        let value = match setting.shape.as_ref() {
            Shape::Group(inner) => match self.holds(inner, rest, values, chain) {
                Truth::Never => Truth::Never,
                Truth::Always => Truth::When(json!({ "required": [key] })),
                Truth::When(schema) => {
                    Truth::When(json!({ "properties": { key.as_str(): schema }, "required": [key] }))
                }
            },
            _ if !self.has_room(setting, values) => Truth::Never,
            _ => {
                let without = setting.default.as_ref().is_some_and(|default| contains(values, default));
                Truth::When(stored_is(setting, values, without))
            }
        };
        Truth::all([visible, value])
    }
}

pub(super) fn contains(values: &[Value], value: &Value) -> bool {
    values.iter().any(|one| same(one, value))
}

/// Holds where one of the values is stored for the setting; or nothing is, if it holds `without`.
pub(super) fn stored_is(setting: &Setting, values: &[Value], without: bool) -> Value {
    let has = |key: &str| json!({ key: { "enum": values } });
    if setting.formerly.is_empty() {
        let mut schema = Keywords::from_iter([("properties".to_owned(), has(&setting.key))]);
        if !without {
            schema.insert("required".to_owned(), json!([setting.key]));
        }
        return Value::Object(schema);
    }
    let keys = || std::iter::once(&setting.key).chain(&setting.formerly);
    // The first key that is stored counts.
    let mut cases: Vec<Value> = keys()
        .enumerate()
        .map(|(index, key)| {
            let one = json!({ "properties": has(key), "required": [key] });
            match absent(keys().take(index)) {
                Some(earlier) => json!({ "allOf": [earlier, one] }),
                None => one,
            }
        })
        .collect();
    if without {
        cases.extend(absent(keys()));
    }
    json!({ "anyOf": cases })
}
