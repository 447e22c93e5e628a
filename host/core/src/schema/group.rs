//! Groups of settings: which of them are visible, required, known; and what conditions say.

use std::{ops::Range, sync::LazyLock};

use serde_json::{Map as Object, Value};

use super::{
    condition::same,
    frame::{Frame, Node, Place, Rule},
    place::At,
    problem::{SettingsCode, found, nearest},
    scalar,
    shape::{Group, Setting, Shape},
    validate::Walk,
};

/// Stands for a group that isn't stored but required.
static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::Object(Object::new()));

/// What a setting is before its own type is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum State<'a> {
    Hidden,
    Absent,
    Given(&'a Value),
}

impl<'a> Walk<'a> {
    pub(super) fn frame(&mut self, frame: &'a Frame, object: &'a Object<String, Value>, at: &At<'_>) -> Option<Value> {
        if self.stopped || !self.charge(1, 0, frame.weight) {
            return None;
        }
        let states = self.states(frame, object);
        if self.root.is_none() {
            self.root = Some(states.clone());
        }
        let Shape::Group(group) = frame.group.as_ref() else { return None };
        self.group(frame, group, frame.top.clone(), object, &states, at)
    }

    fn states(&self, frame: &'a Frame, object: &'a Object<String, Value>) -> Vec<State<'a>> {
        let mut states = vec![State::Hidden; frame.nodes.len()];
        for &index in &frame.order {
            let Some(node) = frame.nodes.get(index) else { continue };
            let around = match node.parent.map(|parent| states.get(parent)) {
                None => Some(object),
                Some(Some(State::Given(parent))) => parent.as_object(),
                Some(_) => None,
            };
            let state = around.map_or(State::Hidden, |around| self.state(node, around, &states));
            if let Some(slot) = states.get_mut(index) {
                *slot = state;
            }
        }
        states
    }

    fn state(&self, node: &'a Node, around: &'a Object<String, Value>, states: &[State<'a>]) -> State<'a> {
        if !node.visible.is_empty() && !node.visible.iter().any(|rule| self.holds(rule, states)) {
            return State::Hidden;
        }
        match stored(around, &node.setting).or(node.setting.default.as_ref()) {
            Some(value) => State::Given(value),
            None if matches!(*node.setting.shape, Shape::Group(_)) && self.is_required(node, states) => {
                State::Given(&EMPTY)
            }
            None => State::Absent,
        }
    }

    fn is_required(&self, node: &Node, states: &[State<'_>]) -> bool {
        node.setting.required || node.required.iter().any(|rule| self.holds(rule, states))
    }

    fn holds(&self, rule: &Rule, states: &[State<'_>]) -> bool {
        rule.iter().all(|(place, any_of)| {
            let state = match *place {
                Place::Target => return any_of.iter().any(|value| value.as_str() == Some(self.target)),
                Place::Here(index) => states.get(index),
                Place::Root(index) => self.root.as_ref().and_then(|root| root.get(index)),
            };
            matches!(state, Some(State::Given(value)) if any_of.iter().any(|one| same(one, value)))
        })
    }

    fn group(
        &mut self,
        frame: &'a Frame,
        group: &'a Group,
        children: Range<usize>,
        object: &'a Object<String, Value>,
        states: &[State<'a>],
        at: &At<'_>,
    ) -> Option<Value> {
        self.known_keys(group, object, at);
        let mut result = Object::with_capacity(children.len());
        for (node, state) in frame.nodes.iter().zip(states).skip(children.start).take(children.len()) {
            let setting = node.setting.as_ref();
            let here = at.setting(setting);
            let value = match *state {
                State::Hidden => continue,
                State::Absent => {
                    if self.is_required(node, states) {
                        self.missing(&here, setting);
                    }
                    continue;
                }
                State::Given(value) => value,
            };
            let own = usize::from(matches!(*setting.shape, Shape::Group(_)));
            if self.stopped || !self.charge(own, setting.key.len(), 0) {
                return None;
            }
            let checked = match (setting.shape.as_ref(), value) {
                (Shape::Group(inner), Value::Object(value)) => {
                    self.group(frame, inner, node.children.clone(), value, states, &here)
                }
                (shape, value) => self.value(shape, value, &here),
            };
            if let Some(checked) = checked {
                self.allowed(node, value, states, &here);
                result.insert(setting.key.clone(), checked);
            }
        }
        Some(Value::Object(result))
    }

    fn allowed(&mut self, node: &Node, value: &Value, states: &[State<'_>], at: &At<'_>) {
        for (rule, values) in &node.allowed {
            if !values.iter().any(|one| same(one, value)) && self.holds(rule, states) {
                let predicate = format!(
                    "must be one of {} beside the other settings; found {}",
                    scalar::listed_values(values),
                    found(value)
                );
                self.refuse(at, SettingsCode::Choice, &predicate);
            }
        }
    }

    pub(super) fn missing(&mut self, at: &At<'_>, setting: &Setting) {
        let example =
            setting.example.as_ref().map_or_else(String::new, |example| format!(", for example {}", found(example)));
        let predicate = format!("is missing: it needs a value ({}{example})", setting.shape.name());
        self.refuse(at, SettingsCode::Missing, &predicate);
    }

    pub(super) fn known_keys(&mut self, group: &Group, object: &Object<String, Value>, at: &At<'_>) {
        for key in object.keys() {
            if group.settings.contains_key(key) {
                continue;
            }
            let predicate = match group.formerly.get(key) {
                Some(present) if !object.contains_key(present) => continue,
                Some(present) => format!("is now called `{present}`, which is set too: remove the earlier one"),
                None => match nearest(key, group.settings.keys().map(String::as_str)) {
                    Some(near) => format!("is not a setting; did you mean `{near}`?"),
                    None if group.settings.is_empty() => "is not a setting: there are none here; remove it".to_owned(),
                    None => {
                        let known: Vec<&str> = group.settings.keys().take(8).map(String::as_str).collect();
                        let more = if group.settings.len() > known.len() { ", …" } else { "" };
                        format!("is not a setting; there are `{}`{more}; remove it", known.join("`, `"))
                    }
                },
            };
            self.refuse(&at.key(key), SettingsCode::UnknownSetting, &predicate);
            if self.stopped {
                return;
            }
        }
    }
}

pub(super) fn stored<'v>(object: &'v Object<String, Value>, setting: &Setting) -> Option<&'v Value> {
    object.get(&setting.key).or_else(|| setting.formerly.iter().find_map(|former| object.get(former)))
}
