//! Where in the settings the validation stands; costs nothing until there is something to say.

use super::{limits, shape::Setting};
use crate::{
    json::pointer_part,
    untrusted::{cut, short},
};

#[derive(Debug)]
pub(super) struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Debug)]
enum Step<'p> {
    Root,
    /// A value without a document around it.
    Alone,
    Setting(&'p Setting),
    /// From 0.
    Item(usize),
    Entry(&'p str),
    /// A key without a setting of its own.
    Key(&'p str),
}

impl<'p> At<'p> {
    pub(super) const ROOT: At<'static> = At { parent: None, step: Step::Root };

    pub(super) const ALONE: At<'static> = At { parent: None, step: Step::Alone };

    pub(super) fn setting(&'p self, setting: &'p Setting) -> Self {
        Self { parent: Some(self), step: Step::Setting(setting) }
    }

    pub(super) fn item(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index) }
    }

    pub(super) fn entry(&'p self, key: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Entry(key) }
    }

    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Key(key) }
    }

    /// JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        let mut pointer = self.parent.map_or_else(String::new, At::pointer);
        match self.step {
            Step::Root | Step::Alone => {}
            Step::Setting(setting) => push(&mut pointer, &setting.key),
            Step::Item(index) => push(&mut pointer, &index.to_string()),
            Step::Entry(key) | Step::Key(key) => push(&mut pointer, key),
        }
        pointer
    }

    /// The subject of a sentence: label and key of the setting.
    pub(super) fn subject(&self) -> String {
        let subject = self.name();
        let mut characters = subject.chars();
        match characters.next() {
            Some(first) if !matches!(self.step, Step::Setting(_)) => first.to_uppercase().chain(characters).collect(),
            _ => subject,
        }
    }

    fn name(&self) -> String {
        let parent = || match self.parent {
            Some(At { step: Step::Root | Step::Alone, .. }) | None => String::new(),
            Some(parent) => format!(" of {}", parent.name()),
        };
        match self.step {
            Step::Root => "the settings".to_owned(),
            Step::Alone => "it".to_owned(),
            Step::Setting(setting) => match setting.label.get("en") {
                Some(label) if !label.is_empty() => format!("{} (`{}`)", short(label), setting.key),
                _ => format!("`{}`", setting.key),
            },
            Step::Item(index) => format!("item {}{}", index + 1, parent()),
            Step::Entry(key) => format!("entry `{}`{}", short(key), parent()),
            Step::Key(key) => format!("`{}`{}", short(key), parent()),
        }
    }
}

/// A key that is longer than any may be doesn't stand in the pointers of all below it as a whole.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&pointer_part(&cut(key, limits::KEY_BYTES)));
}
