//! What an update changes of modules and their settings.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use super::{
    condition::{Condition, Effect},
    descriptor::Descriptor,
    limits,
    shape::{Choice, Group, Pattern, Setting, Shape, Text},
};
use crate::{
    id::ModuleName,
    untrusted::{line, short},
};

/// What differs between the modules of a repository at two revisions. Labels, descriptions and examples don't count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// At most [`limits::CHANGES`].
    pub changes: Vec<Change>,
    /// How many there are beyond those.
    pub more: usize,
    /// Whether everything was compared. Shared types can make a few bytes a huge tree.
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Its new name, if it has one.
    pub module: ModuleName,
    /// Keys from the outermost setting, as in `hosts/*/port`; items of lists and values of maps are `*`. `None`: the change
    /// is one of the module itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum What {
    /// With everything in it.
    Added {
        required: Need,
    },
    Removed,
    /// The key or name before.
    Renamed {
        from: String,
    },
    /// Stored settings have to be migrated.
    SchemaVersion {
        from: u32,
        to: u32,
    },
    /// Whether one target can use the module more than once.
    Multiple {
        now: bool,
    },
    /// Names of shapes in the WIT package.
    Kind {
        from: &'static str,
        to: &'static str,
    },
    Default {
        had: bool,
        has: bool,
    },
    /// Of any kind: least and most, lengths, patterns, keys, kinds of secrets.
    Bounds,
    /// Whether the secret may be part of an image.
    InImage {
        now: bool,
    },
    ChoiceAdded {
        choice: String,
    },
    ChoiceRemoved {
        choice: String,
    },
    Required {
        now: Need,
    },
    /// When it is visible, required or limited.
    Conditions,
}

/// Whether an operator has to give a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    Never,
    /// Depends on other settings, or on the target.
    Sometimes,
    Always,
}

impl Difference {
    #[must_use]
    pub fn between(old: &[Descriptor], new: &[Descriptor]) -> Self {
        let names: HashMap<_, _> = new.iter().map(|module| (&module.name, module)).collect();
        let former: HashMap<_, _> =
            new.iter().flat_map(|module| module.formerly.iter().map(move |name| (name, module))).collect();
        let mut kept = HashSet::new();
        let mut found = Self { changes: Vec::new(), more: 0, complete: true };
        let mut work = limits::WORK;
        for was in old {
            let Some(now) = names.get(&was.name).or_else(|| former.get(&was.name)) else {
                found.push(Change { module: was.name.clone(), setting: None, what: What::Removed });
                continue;
            };
            kept.insert(&now.name);
            let mut walk = Walk { module: &now.name, path: Vec::new(), work, found };
            walk.descriptor(was, now);
            Walk { work, found, .. } = walk;
        }
        for added in new.iter().filter(|module| !kept.contains(&module.name)) {
            let what = What::Added { required: Need::Never };
            found.push(Change { module: added.name.clone(), setting: None, what });
        }
        found
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.complete
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() < limits::CHANGES {
            self.changes.push(change);
        } else {
            self.more += 1;
        }
    }
}

struct Walk<'a> {
    module: &'a ModuleName,
    path: Vec<&'a str>,
    /// Visits and compared values that are left.
    work: usize,
    found: Difference,
}

impl<'a> Walk<'a> {
    fn push(&mut self, what: What) {
        let setting = if self.path.is_empty() { None } else { Some(self.path.join("/")) };
        self.found.push(Change { module: self.module.clone(), setting, what });
    }

    fn spend(&mut self, work: usize) -> bool {
        let left = self.work.checked_sub(work);
        self.work = left.unwrap_or_default();
        self.found.complete &= left.is_some();
        left.is_some()
    }

    fn below(&mut self, key: &'a str, look: impl FnOnce(&mut Self)) {
        self.path.push(key);
        look(self);
        self.path.pop();
    }

    fn descriptor(&mut self, old: &'a Descriptor, new: &'a Descriptor) {
        if old.name != new.name {
            self.push(What::Renamed { from: old.name.to_string() });
        }
        if old.schema_version != new.schema_version {
            self.push(What::SchemaVersion { from: old.schema_version, to: new.schema_version });
        }
        if old.multiple != new.multiple {
            self.push(What::Multiple { now: new.multiple });
        }
        self.shape(&old.settings.frame.group, &new.settings.frame.group);
    }

    fn shape(&mut self, old: &'a Shape, new: &'a Shape) {
        let same = match (old, new) {
            (Shape::Group(old), Shape::Group(new)) => return self.group(old, new),
            (Shape::Select(old), Shape::Select(new)) => return self.choices(old, new),
            (Shape::List(old), Shape::List(new)) => {
                self.below("*", |items| items.shape(&old.item, &new.item));
                old.items == new.items && old.unique_by == new.unique_by
            }
            (Shape::Map(old), Shape::Map(new)) => {
                self.below("*", |values| values.shape(&old.item, &new.item));
                old.items == new.items && old.key_pattern.as_str() == new.key_pattern.as_str()
            }
            (Shape::Secret(old), Shape::Secret(new)) => {
                if old.in_image != new.in_image {
                    self.push(What::InImage { now: new.in_image });
                }
                old.kinds == new.kinds && old.processing == new.processing
            }
            (Shape::Int(old), Shape::Int(new)) => old == new,
            (Shape::Float(old), Shape::Float(new)) => old == new,
            (Shape::String(old), Shape::String(new))
            | (Shape::Text(old), Shape::Text(new))
            | (Shape::Path(old), Shape::Path(new)) => same_text(old, new),
            // The language is for the editor.
            (Shape::Code(old), Shape::Code(new)) => same_text(&old.text, &new.text),
            _ if old.name() == new.name() => true,
            _ => return self.push(What::Kind { from: old.name(), to: new.name() }),
        };
        if !same {
            self.push(What::Bounds);
        }
    }

    fn choices(&mut self, old: &[Choice], new: &[Choice]) {
        if !self.spend(old.len() + new.len()) {
            return;
        }
        let (had, has) = (values(old), values(new));
        for choice in old.iter().filter(|one| !has.contains(one.value.as_str())) {
            self.push(What::ChoiceRemoved { choice: choice.value.clone() });
        }
        for choice in new.iter().filter(|one| !had.contains(one.value.as_str())) {
            self.push(What::ChoiceAdded { choice: choice.value.clone() });
        }
    }

    fn group(&mut self, old: &'a Group, new: &'a Group) {
        let mut kept = HashSet::new();
        for was in old.settings() {
            if !self.spend(1) {
                return;
            }
            match new.named(&was.key) {
                None => self.below(&was.key, |gone| gone.push(What::Removed)),
                Some(now) => {
                    kept.insert(&now.key);
                    self.below(&now.key, |setting| setting.setting(was, now));
                }
            }
        }
        for added in new.settings() {
            if !self.spend(1) {
                return;
            }
            if !kept.contains(&added.key) {
                let required = self.need_within(added);
                self.below(&added.key, |setting| setting.push(What::Added { required }));
            }
        }
    }

    fn setting(&mut self, old: &'a Setting, new: &'a Setting) {
        if !self.spend(weight(old) + weight(new)) {
            return;
        }
        if old.key != new.key {
            self.push(What::Renamed { from: old.key.clone() });
        }
        if old.default != new.default {
            self.push(What::Default { had: old.default.is_some(), has: new.default.is_some() });
        }
        if need(old) != need(new) {
            self.push(What::Required { now: need(new) });
        }
        if old.conditions != new.conditions {
            self.push(What::Conditions);
        }
        self.shape(&old.shape, &new.shape);
    }

    /// A group that must be there is filled in, so it is needed if something in it is.
    fn need_within(&mut self, setting: &Setting) -> Need {
        let mut own = need(setting);
        if let (Shape::Group(group), true) = (setting.shape.as_ref(), own > Need::Never) {
            let mut within = Need::Never;
            for inner in group.settings() {
                if !self.spend(1) {
                    break;
                }
                within = within.max(self.need_within(inner));
            }
            own = own.min(within);
        }
        own
    }
}

/// Whether it has to be given where what is around it is.
fn need(setting: &Setting) -> Need {
    let is = |effect: fn(&Effect) -> bool| setting.conditions.iter().any(|condition| effect(&condition.effect));
    if setting.default.is_some() {
        Need::Never
    } else if setting.required && !is(|effect| matches!(effect, Effect::Visible)) {
        Need::Always
    } else if setting.required || is(|effect| matches!(effect, Effect::Required)) {
        Need::Sometimes
    } else {
        Need::Never
    }
}

fn values(choices: &[Choice]) -> HashSet<&str> {
    choices.iter().map(|choice| choice.value.as_str()).collect()
}

fn same_text(old: &Text, new: &Text) -> bool {
    let (before, now) = (old.pattern.as_ref().map(Pattern::as_str), new.pattern.as_ref().map(Pattern::as_str));
    old.length == new.length && before == now
}

/// How much work it is to compare a setting's default and conditions.
fn weight(setting: &Setting) -> usize {
    let condition = |condition: &Condition| {
        let allowed = if let Effect::Allowed(values) = &condition.effect { values.as_ref() } else { &[] };
        let tests = condition.when.iter().flat_map(|test| test.any_of.iter());
        tests.chain(allowed).map(size).sum::<usize>()
    };
    setting.default.as_ref().map_or(0, size) + setting.conditions.iter().map(condition).sum::<usize>()
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(entries) => 1 + entries.iter().map(|(key, value)| key.len() / 64 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

impl fmt::Display for Difference {
    /// One line for each change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        if self.more > 0 {
            writeln!(f, "changes that are not listed: {}", self.more)?;
        }
        if !self.complete {
            writeln!(f, "there is too much to compare: there may be changes that are not counted")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.module)?;
        let setting = self.setting.as_deref().map(line);
        match (&self.what, &setting) {
            (What::ChoiceAdded { choice }, Some(setting)) => {
                return write!(f, "choice `{}` of `{setting}` is new", short(choice));
            }
            (What::ChoiceRemoved { choice }, Some(setting)) => {
                return write!(f, "choice `{}` of `{setting}` is gone", short(choice));
            }
            (_, Some(setting)) => write!(f, "setting `{setting}` ")?,
            (_, None) => f.write_str("the module ")?,
        }
        match &self.what {
            What::Added { required: Need::Never } => f.write_str("is new"),
            What::Added { required: Need::Sometimes } => f.write_str("is new and must be given in some cases"),
            What::Added { required: Need::Always } => f.write_str("is new and must be given"),
            What::Removed => f.write_str("is gone"),
            What::Renamed { from } => write!(f, "was called `{}`", short(from)),
            What::SchemaVersion { from, to } => {
                write!(f, "has settings of version {to}, before of version {from}: stored settings have to be migrated")
            }
            What::Multiple { now: true } => f.write_str("can be used more than once in a target now"),
            What::Multiple { now: false } => f.write_str("can be used only once in a target now"),
            What::Kind { from, to } => write!(f, "is of kind {to}, before of kind {from}"),
            What::Default { had: false, .. } => f.write_str("has a default now"),
            What::Default { has: false, .. } => f.write_str("has no default any more"),
            What::Default { .. } => f.write_str("has another default"),
            What::Bounds => f.write_str("has other bounds"),
            What::InImage { now: true } => f.write_str("may be part of an image now"),
            What::InImage { now: false } => f.write_str("may not be part of an image any more"),
            What::ChoiceAdded { choice } => write!(f, "has the new choice `{}`", short(choice)),
            What::ChoiceRemoved { choice } => write!(f, "has no choice `{}` any more", short(choice)),
            What::Required { now: Need::Never } => f.write_str("needn't be given any more"),
            What::Required { now: Need::Sometimes } => f.write_str("must be given in some cases now"),
            What::Required { now: Need::Always } => f.write_str("must be given now"),
            What::Conditions => f.write_str("has other conditions"),
        }
    }
}
