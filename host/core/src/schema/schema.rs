//! All settings of a module: types whose defaults, examples and conditions agree with each other.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    condition::{Effect, Subject},
    frame::{Frame, Frames},
    problem::{Problems, SchemaCode, nearest},
    shape::{Group, Setting, Shape},
    table::Table,
    validate,
};
use crate::untrusted::short;

/// The checked settings of a module; made by [`super::Descriptor::check`].
#[derive(Debug)]
pub struct Schema {
    pub(super) frame: Frame,
    pub(super) frames: Frames,
}

impl Schema {
    /// The outermost settings.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.frame.nodes.iter().take(self.frame.top.len()).map(|node| node.setting.as_ref())
    }

    /// The outermost setting with that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        if let Shape::Group(group) = self.frame.group.as_ref() { group.get(key) } else { None }
    }

    /// The outermost setting with that key, or with that earlier one.
    pub(crate) fn named(&self, key: &str) -> Option<&Setting> {
        if let Shape::Group(group) = self.frame.group.as_ref() { group.named(key) } else { None }
    }

    pub(super) fn link(problems: &mut Problems, table: &Table, root: u32) -> Option<Self> {
        let Some(shape) = table.shapes.get(root as usize) else {
            if !table.shapes.is_empty() || problems.is_empty() {
                let message = format!("its settings are type {root}, but the table has {} types", table.shapes.len());
                problems.push("", SchemaCode::Reference, message);
            }
            return None;
        };
        let shape = shape.as_ref()?;
        let Shape::Group(group) = shape.as_ref() else {
            let message = format!("its settings must be a group; type {root} is a {}", shape.name());
            problems.push("", SchemaCode::Reference, message);
            return None;
        };
        for (place, shape) in table.places.iter().zip(&table.shapes) {
            if let Some(Shape::Group(siblings)) = shape.as_deref() {
                for setting in siblings.settings() {
                    Linker { problems, place: format!("{place}/{}", setting.key), siblings, root: group }
                        .check(setting);
                }
            }
        }

        let frame = Frame::build(problems, "", shape, None)?;
        let mut frames = HashMap::new();
        for shape in table.shapes.iter().flatten() {
            let (Shape::List(super::shape::List { item, item_type, .. })
            | Shape::Map(super::shape::Map { item, item_type, .. })) = shape.as_ref()
            else {
                continue;
            };
            if matches!(item.as_ref(), Shape::Group(_)) && !frames.contains_key(item_type) {
                let place = table.places.get(*item_type as usize).map_or("", String::as_str);
                frames.insert(*item_type, Frame::build(problems, place, item, Some(&frame))?);
            }
        }
        Some(Self { frame, frames })
    }
}

/// Checks what one setting says against its own type and the settings that it names.
struct Linker<'a> {
    problems: &'a mut Problems,
    place: String,
    siblings: &'a Group,
    root: &'a Group,
}

impl Linker<'_> {
    fn check(&mut self, setting: &Setting) {
        if let Some(default) = &setting.default {
            self.value("the default", &setting.shape, default, validate::Origin::Module);
        }
        if let Some(example) = &setting.example {
            self.value("the example", &setting.shape, example, validate::Origin::Operator);
        }
        for condition in &setting.conditions {
            for test in &condition.when {
                match &test.subject {
                    Subject::Target => self.targets(&test.any_of),
                    Subject::Sibling(key) => {
                        let siblings = self.siblings;
                        self.subject(key, siblings, std::slice::from_ref(key), &test.any_of);
                    }
                    Subject::Absolute(path) => {
                        let root = self.root;
                        self.subject(&format!("/{}", path.join("/")), root, path, &test.any_of);
                    }
                }
            }
            if let Effect::Allowed(values) = &condition.effect {
                if setting.shape.is_comparable() {
                    self.values("an allowed value", &setting.shape, values);
                } else {
                    let message = format!("`allowed` can't limit a {}: only single values", setting.shape.name());
                    self.condition(message);
                }
            }
        }
    }

    fn condition(&mut self, message: String) {
        self.problems.push(&self.place, SchemaCode::Condition, message);
    }

    fn targets(&mut self, any_of: &[Value]) {
        for value in any_of.iter().filter(|value| !matches!(value.as_str(), Some("configuration" | "tag"))) {
            let value = super::problem::found(value);
            self.condition(format!("`@target` is \"configuration\" or \"tag\", never {value}"));
        }
    }

    fn subject(&mut self, name: &str, group: &Group, path: &[String], any_of: &[Value]) {
        if self.problems.is_full() {
            return;
        }
        let Some((key, outer)) = path.split_last() else { return };
        let mut group = group;
        for step in outer {
            match group.get(step).map(|setting| setting.shape.as_ref()) {
                Some(Shape::Group(inner)) => group = inner,
                Some(other) => {
                    let message = format!(
                        "a condition names `{}`, but `{step}` is a {}: a path leads through groups only",
                        short(name),
                        other.name()
                    );
                    return self.condition(message);
                }
                None => return self.dangling(name, step, group),
            }
        }
        match group.get(key) {
            None => self.dangling(name, key, group),
            Some(subject) if !subject.shape.is_comparable() => self.condition(format!(
                "a condition names `{}`, a {}: only single values can be compared, and neither secrets nor artifacts",
                short(name),
                subject.shape.name()
            )),
            Some(subject) => {
                self.values(&format!("a value that `{}` is compared with", short(name)), &subject.shape, any_of)
            }
        }
    }

    fn dangling(&mut self, name: &str, key: &str, group: &Group) {
        let hint = nearest(key, group.settings.keys().map(String::as_str))
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.condition(format!("a condition names `{}`, but there is no setting `{}`{hint}", short(name), short(key)));
    }

    fn values(&mut self, what: &str, shape: &Arc<Shape>, values: &[Value]) {
        for value in values {
            self.value(what, shape, value, validate::Origin::Operator);
        }
    }

    fn value(&mut self, what: &str, shape: &Shape, value: &Value, origin: validate::Origin) {
        if self.problems.is_full() {
            return;
        }
        for problem in validate::alone(shape, value, origin, &mut self.problems.budget.matching) {
            let at =
                if problem.pointer.is_empty() { String::new() } else { format!(" (at `{}`)", short(&problem.pointer)) };
            self.problems.push(&self.place, SchemaCode::Value, format!("{what}{at} is wrong: {}", problem.message));
        }
    }
}
