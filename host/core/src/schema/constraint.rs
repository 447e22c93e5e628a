//! Open forms: keys with JSON values, read as typed constraints.

use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    budget::Budget,
    limits,
    problem::{Problems, SchemaCode, found},
    shape::{Bounds, Pattern, Text},
};
use crate::{untrusted::short, wire};

/// Every constraint of any shape. One that isn't here is from the future; one that is here may stand at the wrong shape.
const CONSTRAINTS: [&str; 13] = [
    "min",
    "max",
    "pattern",
    "min-length",
    "max-length",
    "language",
    "secret-kinds",
    "secret-processing",
    "secret-in-image",
    "min-items",
    "max-items",
    "unique-by",
    "key-pattern",
];

pub(super) fn json(problems: &mut Problems, place: &str, what: &str, text: &str) -> Option<Value> {
    if text.len() > limits::JSON_BYTES {
        let message = format!("{what} has {} bytes; at most {} are allowed", text.len(), limits::JSON_BYTES);
        problems.push(place, SchemaCode::Limit, message);
        return None;
    }
    let value = serde_json::from_str(text)
        .map_err(|error| {
            let message = format!("{what} is not JSON: {}; it is `{}`", short(&error.to_string()), short(text));
            problems.push(place, SchemaCode::Constraint, message);
        })
        .ok()?;
    if problems.budget.json(&value) {
        return Some(value);
    }
    let message = format!(
        "{what} has too many values: at most {} are allowed in all defaults, examples, conditions and constraints of the \
         modules of a component",
        limits::JSON_VALUES
    );
    problems.push(place, SchemaCode::Limit, message);
    None
}

/// The entries of one open form. Take what is known, then [`Extras::finish`].
#[derive(Debug)]
pub(super) struct Extras<'a> {
    problems: &'a mut Problems,
    place: &'a str,
    what: &'static str,
    entries: IndexMap<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Extras<'a> {
    /// `what`: a constraint, a property.
    pub(super) fn read(problems: &'a mut Problems, place: &'a str, what: &'static str, extras: &[wire::Extra]) -> Self {
        let mut entries = IndexMap::new();
        if problems.within(place, &format!("entries of the form {what}"), extras.len(), limits::EXTRAS) {
            for wire::Extra { key, value } in extras.iter().filter(|extra| !extra.key.starts_with("x-")) {
                if entries.contains_key(key) {
                    problems.push(place, SchemaCode::Duplicate, format!("{what} `{}` stands there twice", short(key)));
                } else if let Some(value) = json(problems, place, &format!("{what} `{}`", short(key)), value) {
                    entries.insert(key.clone(), value);
                }
            }
        }
        Self { problems, place, what, entries, known: Vec::new() }
    }

    fn wrong(&mut self, message: String) {
        self.problems.push(self.place, SchemaCode::Constraint, message);
    }

    /// A value that `read` accepts, or a problem that says what is `expected`.
    fn take<T>(&mut self, key: &'static str, expected: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.known.push(key);
        let value = self.entries.shift_remove(key)?;
        let taken = read(&value);
        if taken.is_none() {
            self.wrong(format!("{} `{key}` must be {expected}; found {}", self.what, found(&value)));
        }
        taken
    }

    fn bounds<T: PartialOrd + std::fmt::Display>(
        &mut self,
        [min, max]: [&'static str; 2],
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Bounds<T> {
        let bounds = Bounds { min: self.take(min, expected, &read), max: self.take(max, expected, &read) };
        if let Bounds { min: Some(least), max: Some(most) } = &bounds
            && least > most
        {
            self.wrong(format!("`{min}` is {least} and `{max}` is {most}: no value fulfils both"));
        }
        bounds
    }

    pub(super) fn integers(&mut self) -> Bounds<i64> {
        self.bounds(["min", "max"], "an integer of 64 bits", Value::as_i64)
    }

    pub(super) fn floats(&mut self) -> Bounds<f64> {
        self.bounds(["min", "max"], "a number", Value::as_f64)
    }

    fn counts(&mut self, keys: [&'static str; 2]) -> Bounds<usize> {
        self.bounds(keys, "a whole number from 0", |value| value.as_u64().and_then(|count| count.try_into().ok()))
    }

    pub(super) fn items(&mut self) -> Bounds<usize> {
        self.counts(["min-items", "max-items"])
    }

    pub(super) fn text(&mut self) -> Text {
        Text { pattern: self.pattern("pattern"), length: self.counts(["min-length", "max-length"]) }
    }

    pub(super) fn string(&mut self, key: &'static str, limit: usize) -> Option<String> {
        self.take(key, &format!("a string of at most {limit} bytes"), |value| {
            value.as_str().filter(|text| text.len() <= limit && !text.contains('\0')).map(str::to_owned)
        })
    }

    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.take(key, "true or false", Value::as_bool).unwrap_or_default()
    }

    pub(super) fn names(&mut self, key: &'static str) -> Vec<String> {
        let expected =
            format!("a list of at most {} names of 1 to {} characters", limits::NAMES, limits::FORMER_NAME_LENGTH);
        let read = |value: &Value| {
            let list = value.as_array().filter(|list| list.len() <= limits::NAMES)?;
            list.iter().map(|name| name.as_str().filter(|name| is_former_name(name)).map(str::to_owned)).collect()
        };
        self.take(key, &expected, read).unwrap_or_default()
    }

    /// Names of a closed list.
    pub(super) fn known_names(&mut self, key: &'static str, what: &str, known: &[&str]) -> Vec<String> {
        let names = self.names(key);
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            self.problems.unknown(self.place, what, name);
        }
        names
    }

    pub(super) fn pattern(&mut self, key: &'static str) -> Option<Pattern> {
        let source = self.string(key, limits::PATTERN_BYTES)?;
        match compile(&source, &mut self.problems.budget) {
            Ok(Some((regex, size))) => Some(Pattern { source, regex, size }),
            Ok(None) => {
                let message = format!(
                    "`{key}` is too much: the regular expressions of all modules of a component may have {} bytes compiled",
                    limits::PATTERNS_COMPILED_BYTES
                );
                self.problems.push(self.place, SchemaCode::Limit, message);
                None
            }
            Err(error) => {
                self.wrong(format!(
                    "`{key}` is not a regular expression of at most {} bytes compiled: {}; it is `{}`",
                    limits::PATTERN_COMPILED_BYTES,
                    short(error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")),
                    short(&source)
                ));
                None
            }
        }
    }

    pub(super) fn required_pattern(&mut self, key: &'static str) -> Option<Pattern> {
        if !self.entries.contains_key(key) {
            self.wrong(format!("a map needs the constraint `{key}`: what its keys must look like"));
        }
        self.pattern(key)
    }

    /// Whatever was not taken is a problem. `owner` is what the entries belong to.
    pub(super) fn finish(mut self, owner: &str) {
        for key in std::mem::take(&mut self.entries).into_keys() {
            if CONSTRAINTS.contains(&key.as_str()) {
                let known = match self.known.as_slice() {
                    [] => "it has none".to_owned(),
                    known => format!("allowed are `{}`", known.join("`, `")),
                };
                self.wrong(format!("{} `{key}` doesn't belong to {owner}; {known}", self.what));
            } else {
                self.problems.unknown(self.place, self.what, &key);
            }
        }
    }
}

fn is_former_name(text: &str) -> bool {
    (1..=limits::FORMER_NAME_LENGTH).contains(&text.len()) && !text.contains(char::is_control)
}

/// Bytes in memory of a class such as `\w` or, without regard to case, `[^a]`, while the source is read.
const CLASS_BYTES: usize = 16 << 10;
/// Bytes of compiled patterns, from cheap ones to the limit.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, limits::PATTERN_COMPILED_BYTES];

/// The expression and its size; `None` where there is no room for it.
fn compile(source: &str, budget: &mut Budget) -> Result<Option<(Regex, usize)>, regex::Error> {
    let build = |text: &str, size| {
        RegexBuilder::new(text).size_limit(size).dfa_size_limit(limits::PATTERN_COMPILED_BYTES).nest_limit(32).build()
    };
    let is_class = |pair: &&[u8]| matches!(pair, [b'\\', b] if b.is_ascii_alphabetic()) || pair.first() == Some(&b'[');
    if !budget.compile(CLASS_BYTES * source.as_bytes().windows(2).filter(is_class).count()) {
        return Ok(None);
    }
    // The source is read alone first, so that it can't close the group that anchors it.
    if let Err(error @ regex::Error::Syntax(_)) = build(source, 0) {
        return Err(error);
    }
    for size in SIZES {
        if !budget.has_room(size) {
            return Ok(None);
        }
        match build(&format!("^(?:{source})$"), size) {
            Err(regex::Error::CompiledTooBig(_)) if size < limits::PATTERN_COMPILED_BYTES => {}
            other => {
                budget.compile(size);
                return other.map(|regex| Some((regex, size)));
            }
        }
    }
    Ok(None)
}
