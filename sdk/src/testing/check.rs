//! The part of the host's checks that needs neither regular expressions nor conditions.

use crate::{
    Json, Problem,
    settings::{Effect, Field, Place, Shape, Type},
};

/// Settings that don't exist, and constraints that don't hold. Types and absence are found when the module reads them.
pub(super) fn problems(type_: &Type, settings: &Json) -> Vec<Problem> {
    let mut problems = Vec::new();
    value(type_, settings, &Place::ROOT, &mut problems);
    problems
}

fn value(type_: &Type, json: &Json, at: &Place<'_>, problems: &mut Vec<Problem>) {
    if json.is_null() {
        problems.push(Problem::at(at.pointer(), "is null; leave the key out to unset it"));
    }
    match (&type_.shape, json) {
        (Shape::Group(fields), Json::Object(object)) => {
            for (key, json) in object {
                match fields.iter().find(|field| field.key == *key) {
                    Some(field) => value(&field.type_, json, &at.key(key), problems),
                    None => problems.push(Problem::at(at.key(key).pointer(), "is not a setting")),
                }
            }
            problems.extend(fields.iter().filter_map(|field| must_be_set(field, object, at)));
        }
        (Shape::List(item), Json::Array(items)) => {
            size(type_, ["min-items", "max-items"], "items", items.len(), at, problems);
            items.iter().enumerate().for_each(|(index, json)| value(item, json, &at.index(index), problems));
        }
        (Shape::Map(item), Json::Object(entries)) => {
            size(type_, ["min-items", "max-items"], "items", entries.len(), at, problems);
            entries.iter().for_each(|(key, json)| value(item, json, &at.key(key), problems));
        }
        (Shape::Scalar(_), Json::String(text)) => {
            size(type_, ["min-length", "max-length"], "characters", text.chars().count(), at, problems);
        }
        (Shape::Scalar(_), Json::Number(number)) => {
            if let Some(number) = number.as_f64() {
                range(type_, ["min", "max"], "", number, at, problems);
            }
        }
        _ => {}
    }
}

/// An optional setting that a condition on its siblings requires.
fn must_be_set(field: &Field, group: &serde_json::Map<String, Json>, at: &Place<'_>) -> Option<Problem> {
    let holds = field.conditions.iter().any(|(when, effect)| {
        *effect == Effect::Required
            && when.iter().all(|test| group.get(&test.subject).is_some_and(|value| test.any_of.contains(value)))
    });
    (holds && !group.contains_key(&field.key)).then(|| Problem::at(at.key(&field.key).pointer(), "is missing"))
}

#[allow(clippy::cast_precision_loss, reason = "lengths in tests are small")]
fn size(type_: &Type, keys: [&str; 2], unit: &str, size: usize, at: &Place<'_>, problems: &mut Vec<Problem>) {
    range(type_, keys, unit, size as f64, at, problems);
}

fn range(type_: &Type, [min, max]: [&str; 2], unit: &str, found: f64, at: &Place<'_>, problems: &mut Vec<Problem>) {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let bound = |key: &str| type_.constraints.iter().find(|(present, _)| *present == key)?.1.as_f64();
    if let Some(min) = bound(min).filter(|min| found < *min) {
        problems.push(Problem::at(at.pointer(), format!("must be at least {min}{unit}; found {found}")));
    }
    if let Some(max) = bound(max).filter(|max| found > *max) {
        problems.push(Problem::at(at.pointer(), format!("must be at most {max}{unit}; found {found}")));
    }
}
