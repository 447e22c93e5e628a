//! The keywords of types other than groups.

use serde_json::{Value, json};

use super::{Keywords, PREFIX, ecma::ecma};
use crate::schema::{
    shape::{Bounds, Choice, List, Map, Secret, Shape, Text},
    timer,
};

/// Neither Nix's strings nor the device's files can hold NUL.
const LINES: &str = r"^[^\u0000]*$";
const LINE: &str = r"^[^\n\r\u0000]*$";
/// Absolute, without `..`.
const PATH: &str = r"^(?![^\n\r]*/\.\.(?:/|$))/[^\n\r\u0000]*$";
const PACKAGE: &str = r"^[0-9A-Za-z_][0-9A-Za-z_'+-]*(?:\.[0-9A-Za-z_][0-9A-Za-z_'+-]*){0,15}$";
/// Relative, without `.`, `..`, backslashes and control characters.
const ARTIFACT: &str =
    r"^(?!\.{1,2}(?:/|$))[^/\\\u0000-\u001f\u007f-\u009f]+(?:/(?!\.{1,2}(?:/|$))[^/\\\u0000-\u001f\u007f-\u009f]+)*$";
/// Of these some are reserved besides.
const DEVICE_TYPE: &str = r"^[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?$";
const SECRET: &str = r"^[0-9A-Za-z._-]{1,128}$";
/// Not only white space, as Unicode has it.
const NOT_BLANK: &str = r"[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// Whether the keywords are as short as a reference to them.
pub(super) fn is_short(shape: &Shape) -> bool {
    match shape {
        Shape::Bool | Shape::Int(_) | Shape::Float(_) | Shape::Package | Shape::DeviceType | Shape::Artifact => true,
        Shape::String(text) | Shape::Text(text) | Shape::Path(text) => text.pattern.is_none(),
        _ => false,
    }
}

/// Types without others in them; groups, lists and maps have none of these keywords.
pub(super) fn single(shape: &Shape) -> Keywords {
    match shape {
        Shape::Bool => keywords(json!({ "type": "boolean" })),
        Shape::Int(range) => bounded("integer", ["minimum", "maximum"], range),
        Shape::Float(range) => bounded("number", ["minimum", "maximum"], range),
        Shape::String(constraints) => text(constraints, LINE),
        Shape::Text(constraints) => text(constraints, LINES),
        Shape::Code(code) => {
            let mut keywords = text(&code.text, LINES);
            if let Some(language) = &code.language {
                keywords.insert(format!("{PREFIX}language"), language.as_str().into());
            }
            keywords
        }
        Shape::Path(constraints) => text(constraints, PATH),
        Shape::Package => keywords(json!({ "type": "string", "pattern": PACKAGE })),
        Shape::DeviceType => keywords(json!({ "type": "string", "pattern": DEVICE_TYPE })),
        Shape::Artifact => keywords(json!({ "type": "string", "pattern": ARTIFACT })),
        Shape::Secret(of) => secret(of),
        Shape::SystemdTimer => systemd_timer(),
        Shape::Select(choices) => {
            keywords(json!({ "type": "string", "oneOf": choices.iter().map(choice).collect::<Vec<_>>() }))
        }
        Shape::Group(_) | Shape::List(_) | Shape::Map(_) => Keywords::new(),
    }
}

fn keywords(value: Value) -> Keywords {
    if let Value::Object(keywords) = value { keywords } else { Keywords::new() }
}

fn bounded<T: Copy + Into<Value>>(kind: &str, [min, max]: [&str; 2], bounds: &Bounds<T>) -> Keywords {
    let mut keywords = keywords(json!({ "type": kind }));
    for (key, bound) in [(min, bounds.min), (max, bounds.max)] {
        if let Some(bound) = bound {
            keywords.insert(key.to_owned(), bound.into());
        }
    }
    keywords
}

fn text(constraints: &Text, form: &str) -> Keywords {
    let mut keywords = bounded("string", ["minLength", "maxLength"], &constraints.length);
    let own = constraints.pattern.as_ref();
    if let Some(pattern) = own {
        keywords.insert(format!("{PREFIX}pattern"), pattern.as_str().into());
    }
    match own.and_then(|pattern| ecma(pattern.as_str())) {
        Some(pattern) => {
            keywords.insert("pattern".to_owned(), pattern.into());
            keywords.insert("allOf".to_owned(), json!([{ "pattern": form }]));
        }
        None => {
            keywords.insert("pattern".to_owned(), form.into());
        }
    }
    keywords
}

fn secret(secret: &Secret) -> Keywords {
    let mut keywords = keywords(json!({ "type": "string", "pattern": SECRET }));
    for (key, names) in [("secret-kinds", &secret.kinds), ("secret-processing", &secret.processing)] {
        if !names.is_empty() {
            keywords.insert(format!("{PREFIX}{key}"), json!(names));
        }
    }
    keywords.insert(format!("{PREFIX}secret-in-image"), secret.in_image.into());
    keywords
}

fn choice(choice: &Choice) -> Value {
    let mut keywords = keywords(json!({ "const": choice.value }));
    if let Some(label) = choice.label.get("en") {
        keywords.insert("title".to_owned(), label.into());
        keywords.insert(format!("{PREFIX}title"), json!(choice.label));
    }
    Value::Object(keywords)
}

fn systemd_timer() -> Keywords {
    let set = |key: &str| json!({ "properties": { key: { "pattern": NOT_BLANK } }, "required": [key] });
    let line = || json!({ "type": "string", "pattern": LINE });
    let calendars = json!({ "type": "array", "items": line(), "maxItems": timer::CALENDARS });
    let properties: Keywords = timer::KEYS
        .into_iter()
        .map(|key| {
            let keywords = match key {
                "timer_type" => json!({ "enum": timer::TYPES }),
                "on_calendar" => calendars.clone(),
                "persistent" => json!({ "type": "boolean" }),
                _ => line(),
            };
            (key.to_owned(), keywords)
        })
        .collect();
    let is = |kind: &str| json!({ "properties": { "timer_type": { "const": kind } } });
    let not_blank = json!({ "properties": { "on_calendar": { "contains": { "pattern": NOT_BLANK } } }, "required": ["on_calendar"] });
    let triggers: Vec<Value> = timer::TRIGGERS.into_iter().map(set).collect();
    keywords(json!({
        "type": "object",
        "properties": properties,
        "required": ["timer_type"],
        "additionalProperties": false,
        "allOf": [
            { "if": is("realtime"), "then": not_blank },
            { "if": is("monotonic"), "then": { "anyOf": triggers } },
        ],
    }))
}

pub(super) fn list(list: &List, item: Keywords) -> Keywords {
    let mut keywords = bounded("array", ["minItems", "maxItems"], &list.items);
    keywords.insert("items".to_owned(), Value::Object(item));
    if let Some(key) = &list.unique_by {
        keywords.insert(format!("{PREFIX}unique-by"), key.as_str().into());
        if key.is_empty() {
            keywords.insert("uniqueItems".to_owned(), true.into());
        }
    }
    keywords
}

pub(super) fn map(map: &Map, item: Keywords) -> Keywords {
    let mut keywords = bounded("object", ["minProperties", "maxProperties"], &map.items);
    keywords.insert(format!("{PREFIX}key-pattern"), map.key_pattern.as_str().into());
    if let Some(pattern) = ecma(map.key_pattern.as_str()) {
        keywords.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
    keywords.insert("additionalProperties".to_owned(), Value::Object(item));
    keywords
}
