//! Settings as Thymis 0.9 stores them, in the form that a module's schema describes.
//!
//! Thymis writes `""` and `null` for what nobody set, and numbers as its forms left them. What can't be read as the schema
//! asks stays as it is: generating then says what is wrong with it.

use serde_json::{Map, Number, Value};

use super::{import::is_uuid, report::quoted};
use crate::{
    json::pointer_part,
    schema::{Bounds, Schema, Setting, Shape, timer},
    untrusted::cut,
};

/// Longest key that is told, in bytes.
const MAX_KEY: usize = 256;
/// The name of the setting's type, which Thymis's forms store among a timer's parts.
const TIMER_TYPE: &str = "type";
/// Settings with what was done to them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Normalised {
    pub settings: Map<String, Value>,
    /// What a person might miss. That `""` is unset and `"7"` is 7 is not told.
    pub changes: Vec<Change>,
    /// The ids of secrets.
    pub secrets: Vec<String>,
}

/// What was done to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer.
    pub pointer: String,
    /// As people read them; `None`: it was dropped.
    pub values: Option<(String, String)>,
    pub why: String,
}

/// Doing it again changes nothing.
#[must_use]
pub fn normalise(schema: &Schema, settings: Map<String, Value>) -> Normalised {
    let mut walk = Walk::default();
    let settings = walk.group(&|key| schema.named(key), settings);
    Normalised { settings, changes: walk.changes, secrets: walk.secrets }
}

#[derive(Default)]
struct Walk {
    path: Vec<String>,
    changes: Vec<Change>,
    secrets: Vec<String>,
}

impl Walk {
    fn below(&mut self, key: impl ToString, value: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        self.path.push(key.to_string());
        let value = value(self);
        self.path.pop();
        value
    }

    fn change(&mut self, values: Option<(String, String)>, why: impl Into<String>) {
        // A key may be as long as the file, and stands in the pointers of all below it.
        let pointer = self.path.iter().map(|key| format!("/{}", pointer_part(&cut(key, MAX_KEY)))).collect();
        self.changes.push(Change { pointer, values, why: why.into() });
    }

    fn group<'a>(
        &mut self,
        named: &dyn Fn(&str) -> Option<&'a Setting>,
        settings: Map<String, Value>,
    ) -> Map<String, Value> {
        let normal = |(key, value): (String, Value)| {
            let setting = named(&key);
            let value = self.below(&key, |walk| match setting {
                Some(setting) => walk.value(&setting.shape, value),
                None => {
                    walk.change(None, "the module has no such setting");
                    None
                }
            });
            Some((key, value?))
        };
        settings.into_iter().filter_map(normal).collect()
    }

    /// `None`: unset.
    fn value(&mut self, shape: &Shape, value: Value) -> Option<Value> {
        match (shape, value) {
            (_, Value::Null) => None,
            (Shape::String(_), value) => Some(self.line(text_of(value))),
            (Shape::Text(_) | Shape::Code(_), value) => Some(text_of(value)),
            (Shape::Select(choices), Value::String(text)) => {
                let is_choice = choices.iter().any(|choice| choice.value == text);
                (is_choice || !text.is_empty()).then_some(Value::String(text))
            }
            (_, Value::String(text)) if text.is_empty() => None,
            (Shape::Bool, value) => Some(switch(value)),
            (Shape::Int(bounds), value) => Some(match integer(&value).or_else(|| self.truncated(&value)) {
                Some(number) => self.within(*bounds, number, Value::from),
                None => value,
            }),
            (Shape::Float(bounds), value) => Some(match float(&value) {
                Some(number) => self.float_within(*bounds, number, value),
                None => value,
            }),
            (Shape::Secret(_), Value::String(id)) if is_uuid(&id) => {
                self.secrets.push(id.clone());
                Some(Value::String(id))
            }
            // It may be the secret itself, so it is neither kept nor shown.
            (Shape::Secret(_), _) => {
                self.change(None, "it is not the id of a secret");
                None
            }
            (Shape::SystemdTimer, Value::Object(timer)) => Some(Value::Object(self.timer(timer))),
            (Shape::Group(group), Value::Object(settings)) => {
                Some(Value::Object(self.group(&|key| group.named(key), settings)))
            }
            (Shape::List(list), Value::Array(items)) => {
                let items = items.into_iter().enumerate();
                let normal = |(index, item)| self.below(index, |walk| walk.value(&list.item, item));
                Some(Value::Array(items.filter_map(normal).collect()))
            }
            (Shape::Map(map), Value::Object(entries)) => {
                let normal = |(key, value): (String, Value)| {
                    let value = self.below(&key, |walk| walk.value(&map.item, value));
                    Some((key, value?))
                };
                Some(Value::Object(entries.into_iter().filter_map(normal).collect()))
            }
            (_, value) => Some(value),
        }
    }

    /// Thymis's forms store a line break that was pasted with the text.
    fn line(&mut self, value: Value) -> Value {
        let Some(text) = value.as_str().filter(|text| text.ends_with(['\n', '\r'])) else { return value };
        let line = text.trim_end_matches(['\n', '\r']).to_owned();
        self.change(
            Some((quoted(&value), quoted(&Value::from(line.as_str())))),
            "one line has no line break at its end",
        );
        line.into()
    }

    /// Thymis cuts fractions off.
    fn truncated(&mut self, value: &Value) -> Option<i64> {
        let whole = integer(&Value::from(value.as_f64()?.trunc()))?;
        self.change(Some((value.to_string(), whole.to_string())), "the module takes whole numbers");
        Some(whole)
    }

    fn within<T: PartialOrd + Copy + std::fmt::Display>(
        &mut self,
        bounds: Bounds<T>,
        number: T,
        to_value: impl Fn(T) -> Value,
    ) -> Value {
        let nearest = match bounds {
            Bounds { min: Some(min), .. } if number < min => min,
            Bounds { max: Some(max), .. } if number > max => max,
            _ => return to_value(number),
        };
        self.change(Some((number.to_string(), nearest.to_string())), "the nearest number that the module allows");
        to_value(nearest)
    }

    fn float_within(&mut self, bounds: Bounds<f64>, number: f64, present: Value) -> Value {
        // A number keeps its spelling: 1 stays 1.
        let keep = |kept: f64| match &present {
            Value::Number(_) if kept.total_cmp(&number).is_eq() => present.clone(),
            _ => Number::from_f64(kept).map_or(Value::Null, Value::Number),
        };
        self.within(bounds, number, keep)
    }

    fn timer(&mut self, timer: Map<String, Value>) -> Map<String, Value> {
        let mut normal = Map::new();
        // `null` is a kind that Thymis doesn't know: it makes no timer.
        let no_kind = timer.get("timer_type").is_some_and(Value::is_null);
        for (key, value) in timer {
            let value = match (key.as_str(), value) {
                (TIMER_TYPE, _) => None,
                (part, value) if !timer::KEYS.contains(&part) => {
                    if !value.is_null() {
                        self.below(part, |walk| {
                            walk.change(None, "a timer has no such part");
                            None
                        });
                    }
                    None
                }
                ("persistent", value) => set(value).map(switch),
                (_, Value::Array(items)) => Some(Value::Array(items.into_iter().filter_map(set).collect())),
                (_, value) => set(value),
            };
            normal.extend(value.map(|value| (key, value)));
        }
        if no_kind {
            normal.insert("timer_type".to_owned(), "continuous".into());
        }
        // The kind that Thymis takes where none is stored.
        let kind = normal.entry("timer_type").or_insert_with(|| "realtime".into()).clone();
        if let Some(kind) = kind.as_str().filter(|kind| never_fires(kind, &normal)) {
            self.change(
                Some((format!("`{kind}`"), "`continuous`".to_owned())),
                "a timer that says no time: Thymis runs the service all the time",
            );
            normal.insert("timer_type".to_owned(), "continuous".into());
        }
        normal
    }
}

/// Whether Thymis makes no timer of it.
fn never_fires(kind: &str, timer: &Map<String, Value>) -> bool {
    let calendars = match timer.get("on_calendar") {
        Some(Value::Array(items)) => !items.is_empty(),
        other => other.is_some(),
    };
    let has = |parts: &[&str]| parts.iter().any(|part| timer.contains_key(*part));
    let kept = has(&["accuracy_sec", "randomized_delay_sec"]);
    match kind {
        "realtime" => !calendars && !kept && timer.get("persistent") != Some(&Value::Bool(true)),
        "monotonic" => !has(&timer::TRIGGERS) && !kept,
        _ => false,
    }
}

/// What somebody set.
fn set(value: Value) -> Option<Value> {
    (!value.is_null() && value.as_str() != Some("")).then_some(value)
}

fn switch(value: Value) -> Value {
    match (value.as_str(), value.as_u64()) {
        (Some("true" | "True" | "yes" | "on" | "1"), _) | (_, Some(1)) => Value::Bool(true),
        (Some("false" | "False" | "no" | "off" | "0"), _) | (_, Some(0)) => Value::Bool(false),
        _ => value,
    }
}

/// Thymis pastes numbers where text is expected.
fn text_of(value: Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        value => value,
    }
}

/// A whole number, however it is written.
pub(super) fn integer(value: &Value) -> Option<i64> {
    /// Above it, floats skip whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let text = value.as_str().map(str::trim);
    if let Some(number) = text.and_then(|text| text.parse().ok()) {
        return Some(number);
    }
    let number = float(value)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

fn float(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}

/// What was done, in a few words.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let setting = quoted(&Value::from(self.pointer.as_str()));
        match &self.values {
            Some((from, to)) => write!(f, "{setting}: {from} became {to}, {}", self.why),
            None => write!(f, "{setting} was dropped: {}", self.why),
        }
    }
}
