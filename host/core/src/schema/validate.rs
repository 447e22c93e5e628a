//! From a stored document to settings that fulfil their schema, or all problems of it.

use std::collections::HashSet;

use serde_json::{Map as Object, Value};

use super::{
    frame::Frames,
    group::{State, stored},
    limits,
    place::At,
    problem::{LONGEST, SettingsCode, SettingsProblem, found},
    scalar::{self, Refusal},
    schema::Schema,
    settings::{Handle, HandleKind, Settings},
    shape::{Bounds, Group, List, Map, Pattern, Shape},
    timer,
};
use crate::{
    untrusted::{cut, short},
    wire::TargetKind,
};

impl Schema {
    /// Checks a stored document and completes it.
    ///
    /// Absent settings get their defaults, at any depth. A group that is required is there even if it isn't stored; one
    /// that isn't required and has no default is absent as a whole. A hidden setting is left out, whatever is stored.
    ///
    /// # Errors
    /// All problems, in the order of the schema, at most [`limits::PROBLEMS`] and one that says there are more.
    pub fn validate(&self, settings: &Value, target: TargetKind) -> Result<Settings, Vec<SettingsProblem>> {
        let mut walk = Walk::new(Some(&self.frames), target, Origin::Operator);
        let mut plain = None;
        if walk.fits(settings) {
            plain = match settings {
                Value::Object(object) => walk.frame(&self.frame, object, &At::ROOT),
                other => walk.wrong_type(&At::ROOT, "an object", other),
            };
        }
        match plain {
            Some(plain) if walk.problems.is_empty() => Ok(Settings::new(plain, walk.handles, walk.device_types)),
            _ => Err(walk.problems),
        }
    }
}

/// Who wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A default: the module's author can't choose among the operator's secrets and artifacts.
    Module,
    Operator,
}

/// What is wrong with a value on its own. Conditions, which depend on other settings, are left out of account.
/// `matching`: as [`limits::MATCHING`], what is left.
pub(super) fn alone(shape: &Shape, value: &Value, origin: Origin, matching: &mut usize) -> Vec<SettingsProblem> {
    let mut walk = Walk::new(None, TargetKind::Configuration, origin);
    walk.matching = *matching;
    if walk.fits(value) {
        walk.value(shape, value, &At::ALONE);
    }
    *matching = walk.matching;
    walk.problems
}

#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// Absent: conditions don't count.
    frames: Option<&'a Frames>,
    pub(super) target: &'static str,
    origin: Origin,
    /// The module's own settings, for conditions in items of lists and maps.
    pub(super) root: Option<Vec<State<'a>>>,
    problems: Vec<SettingsProblem>,
    handles: Vec<Handle>,
    device_types: Vec<(String, String)>,
    nodes: usize,
    bytes: usize,
    work: usize,
    matching: usize,
    pub(super) stopped: bool,
}

impl<'a> Walk<'a> {
    fn new(frames: Option<&'a Frames>, target: TargetKind, origin: Origin) -> Self {
        Self {
            frames,
            target: match target {
                TargetKind::Configuration => "configuration",
                TargetKind::Tag => "tag",
            },
            origin,
            root: None,
            problems: Vec::new(),
            handles: Vec::new(),
            device_types: Vec::new(),
            nodes: limits::NODES,
            bytes: limits::STRING_BYTES,
            work: limits::WORK,
            matching: limits::MATCHING,
            stopped: false,
        }
    }

    pub(super) fn refuse(&mut self, at: &At<'_>, code: SettingsCode, predicate: &str) {
        if self.stopped {
            return;
        }
        if self.problems.len() == limits::PROBLEMS {
            let message = format!("There are more problems than the {} shown.", limits::PROBLEMS);
            self.problems.push(SettingsProblem { pointer: String::new(), code: SettingsCode::More, message });
            self.stopped = true;
            return;
        }
        let end = if predicate.ends_with('?') { "" } else { "." };
        let message = cut(&format!("{} {predicate}{end}", at.subject()), LONGEST).into_owned();
        self.problems.push(SettingsProblem { pointer: at.pointer(), code, message });
    }

    fn refused<T>(&mut self, at: &At<'_>, code: SettingsCode, predicate: &str) -> Option<T> {
        self.refuse(at, code, predicate);
        None
    }

    pub(super) fn wrong_type<T>(&mut self, at: &At<'_>, expected: &str, value: &Value) -> Option<T> {
        self.refused(at, SettingsCode::WrongType, &format!("must be {expected}; found {}", found(value)))
    }

    pub(super) fn accept<T>(&mut self, at: &At<'_>, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(accepted) => Some(accepted),
            Err(Refusal { code, predicate }) => self.refused(at, code, &predicate),
        }
    }

    /// Whether the document keeps its bounds, found without recursion.
    fn fits(&mut self, document: &Value) -> bool {
        let (mut nodes, mut bytes) = (0, 0);
        let mut open = vec![(document, 1)];
        while let Some((value, depth)) = open.pop() {
            nodes += 1;
            match value {
                Value::String(text) => bytes += text.len(),
                Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
                Value::Object(entries) => {
                    bytes += entries.keys().map(String::len).sum::<usize>();
                    open.extend(entries.values().map(|entry| (entry, depth + 1)));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
            let limit = if nodes + open.len() > limits::NODES {
                format!("{} values", limits::NODES)
            } else if bytes > limits::STRING_BYTES {
                format!("{} bytes of text", limits::STRING_BYTES)
            } else if depth > limits::DEPTH {
                format!("{} lists and objects within each other", limits::DEPTH)
            } else {
                continue;
            };
            self.refuse(&At::ROOT, SettingsCode::TooLarge, &format!("must have at most {limit}"));
            return false;
        }
        true
    }

    /// Counts what goes into the result: defaults can make it much larger than what is stored.
    pub(super) fn charge(&mut self, nodes: usize, bytes: usize, work: usize) -> bool {
        let (Some(nodes), Some(bytes), Some(work)) =
            (self.nodes.checked_sub(nodes), self.bytes.checked_sub(bytes), self.work.checked_sub(work))
        else {
            let predicate = format!(
                "must have at most {} values, {} bytes of text and {} comparisons by conditions once defaults are filled \
                 in; remove items from lists or maps",
                limits::NODES,
                limits::STRING_BYTES,
                limits::WORK
            );
            self.refuse(&At::ROOT, SettingsCode::TooLarge, &predicate);
            self.stopped = true;
            return false;
        };
        (self.nodes, self.bytes, self.work) = (nodes, bytes, work);
        true
    }

    /// Counts what matching a text takes.
    fn matching(&mut self, pattern: &Pattern, bytes: usize) -> bool {
        // What is longer isn't matched at all.
        let cost = pattern.size.saturating_mul(bytes.min(limits::MATCHED_BYTES));
        if let Some(left) = self.matching.checked_sub(cost) {
            self.matching = left;
            return true;
        }
        let predicate = format!(
            "must have less text that is matched with patterns: bytes of text times bytes of the compiled pattern come to \
             more than {}; remove items from lists or maps",
            limits::MATCHING
        );
        self.refuse(&At::ROOT, SettingsCode::TooLarge, &predicate);
        self.stopped = true;
        false
    }

    pub(super) fn value(&mut self, shape: &'a Shape, value: &'a Value, at: &At<'_>) -> Option<Value> {
        if self.stopped || !self.charge(1, value.as_str().map_or(0, str::len), 0) {
            return None;
        }
        if value.is_null() {
            return self.refused(at, SettingsCode::Null, "is null; remove the key to unset it");
        }
        match shape {
            Shape::List(list) => self.list(list, value, at),
            Shape::Map(map) => self.map(map, value, at),
            Shape::Group(group) => self.group_alone(group, value, at),
            Shape::SystemdTimer => timer::check(self, value, at),
            Shape::Secret(_) | Shape::Artifact => {
                self.accept(at, scalar::check(shape, value))?;
                self.handle(shape, value, at)
            }
            Shape::DeviceType => {
                self.accept(at, scalar::check(shape, value))?;
                let pointer = self.pointer(at)?;
                self.device_types.push((pointer, value.as_str()?.to_owned()));
                Some(value.clone())
            }
            _ => {
                if let (Some(pattern), Some(text)) = (shape.pattern(), value.as_str())
                    && !self.matching(pattern, text.len())
                {
                    return None;
                }
                self.accept(at, scalar::check(shape, value))?;
                Some(value.clone())
            }
        }
    }

    /// It is kept, with the keys of all maps around the value.
    fn pointer(&mut self, at: &At<'_>) -> Option<String> {
        let pointer = at.pointer();
        self.charge(0, pointer.len(), 0).then_some(pointer)
    }

    fn handle(&mut self, shape: &Shape, value: &Value, at: &At<'_>) -> Option<Value> {
        if self.origin == Origin::Module {
            let predicate =
                format!("is the name of {} {}: only the operator chooses one", article(shape), shape.name());
            return self.refused(at, SettingsCode::Choice, &predicate);
        }
        let kind = if matches!(shape, Shape::Artifact) { HandleKind::Artifact } else { HandleKind::Secret };
        let pointer = self.pointer(at)?;
        self.handles.push(Handle {
            handle: format!("{}:{}", shape.name(), self.handles.len()),
            kind,
            value: value.as_str()?.to_owned(),
            pointer,
            secret: if let Shape::Secret(secret) = shape { Some(secret.clone()) } else { None },
        });
        Some(value.clone())
    }

    /// A group on its own: conditions can't be evaluated.
    fn group_alone(&mut self, group: &'a Group, value: &'a Value, at: &At<'_>) -> Option<Value> {
        let Value::Object(object) = value else { return self.wrong_type(at, "an object", value) };
        self.known_keys(group, object, at);
        for setting in group.settings() {
            let here = at.setting(setting);
            match stored(object, setting) {
                Some(value) => drop(self.value(&setting.shape, value, &here)),
                None => {
                    let implied = setting.default.is_some() || matches!(*setting.shape, Shape::Group(_));
                    if setting.required && !implied && setting.conditions.is_empty() {
                        self.missing(&here, setting);
                    }
                }
            }
        }
        None
    }

    fn item(&mut self, shape: &'a Shape, item_type: u32, value: &'a Value, at: &At<'_>) -> Option<Value> {
        match (shape, value, self.frames.and_then(|frames| frames.get(&item_type))) {
            (Shape::Group(_), Value::Object(object), Some(frame)) => self.frame(frame, object, at),
            _ => self.value(shape, value, at),
        }
    }

    fn list(&mut self, list: &'a List, value: &'a Value, at: &At<'_>) -> Option<Value> {
        let Value::Array(items) = value else { return self.wrong_type(at, "a list", value) };
        self.count(&list.items, items.len(), "items", at);
        let mut result = Vec::with_capacity(items.len());
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            let here = at.item(index);
            let checked = self.item(&list.item, list.item_type, item, &here);
            if self.stopped {
                return None;
            }
            let Some(checked) = checked else { continue };
            if let Some(key) = &list.unique_by {
                let value = if key.is_empty() { Some(&checked) } else { checked.get(key) };
                if let Some(value) = value
                    && !seen.insert(identity(value))
                {
                    self.duplicate(key, value, is_secret(&list.item, key), &here);
                }
            }
            result.push(checked);
        }
        Some(Value::Array(result))
    }

    fn duplicate(&mut self, key: &str, value: &Value, secret: bool, at: &At<'_>) {
        let what = if secret { "a value".to_owned() } else { found(value) };
        let predicate = if key.is_empty() {
            format!("repeats an earlier item: {what} may stand there once")
        } else {
            format!("repeats an earlier item: only one may have {what} as its `{key}`")
        };
        self.refuse(at, SettingsCode::Duplicate, &predicate);
    }

    fn map(&mut self, map: &'a Map, value: &'a Value, at: &At<'_>) -> Option<Value> {
        let Value::Object(entries) = value else { return self.wrong_type(at, "an object", value) };
        self.count(&map.items, entries.len(), "entries", at);
        let mut sorted: Vec<_> = entries.iter().collect();
        // The order of an object's keys means nothing, so it must not reach the module.
        sorted.sort_unstable_by_key(|(key, _)| key.as_str());
        let mut result = Object::with_capacity(entries.len());
        for (key, entry) in sorted {
            let here = at.entry(key);
            if !self.charge(0, key.len(), 1) || !self.matching(&map.key_pattern, key.len()) {
                return None;
            }
            if key.len() > limits::KEY_BYTES || key.contains('\0') || !map.key_pattern.regex.is_match(key) {
                let predicate = format!(
                    "has a key that is not allowed: it must match the pattern `{}` and have at most {} bytes",
                    short(map.key_pattern.as_str()),
                    limits::KEY_BYTES
                );
                self.refuse(&here, SettingsCode::Key, &predicate);
            }
            let checked = self.item(&map.item, map.item_type, entry, &here);
            if self.stopped {
                return None;
            }
            if let Some(checked) = checked {
                result.insert(key.clone(), checked);
            }
        }
        Some(Value::Object(result))
    }

    fn count(&mut self, bounds: &Bounds<usize>, count: usize, noun: &str, at: &At<'_>) {
        if !bounds.contain(&count) {
            let predicate = format!("must have {} {noun}; found {count}", scalar::range(bounds));
            self.refuse(at, SettingsCode::Items, &predicate);
        }
    }
}

/// Equal for single values that are the same.
fn identity(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}"),
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            // Integers are written without a fraction; adding zero makes -0 the same as 0.
            Some(float) => (float + 0.0).to_string(),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn is_secret(item: &Shape, key: &str) -> bool {
    match item {
        Shape::Group(group) => group.get(key).is_some_and(|setting| matches!(*setting.shape, Shape::Secret(_))),
        item => matches!(item, Shape::Secret(_)),
    }
}

fn article(shape: &Shape) -> &'static str {
    if matches!(shape, Shape::Artifact) { "an" } else { "a" }
}
