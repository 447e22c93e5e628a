//! What settings may be, in words.

use thymis_core::{
    schema::{Bounds, Condition, Effect, Localized, Secret, Shape, Subject, Text},
    untrusted::short,
};

/// The language that the user's environment asks for, as a BCP 47 tag.
pub(super) fn locale() -> String {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let named = named.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let tag = named.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
    if tag.is_empty() || tag == "C" || tag == "POSIX" { "en".to_owned() } else { tag }
}

pub(super) fn text(localized: &Localized, locale: &str) -> String {
    short(localized.get(locale).unwrap_or_default())
}

/// The type's name, and of what it is a list or map.
pub(super) fn kind(shape: &Shape) -> String {
    match shape {
        Shape::List(list) => format!("list of {}", kind(&list.item)),
        Shape::Map(map) => format!("map of {}", kind(&map.item)),
        single => single.name().to_owned(),
    }
}

/// What the type demands; of lists and maps also what it demands of each item.
pub(super) fn constraints(shape: &Shape, locale: &str) -> Vec<String> {
    match shape {
        Shape::Int(bounds) => range(bounds).into_iter().collect(),
        Shape::Float(bounds) => range(bounds).into_iter().collect(),
        Shape::String(constraints) | Shape::Text(constraints) | Shape::Path(constraints) => text_of(constraints),
        Shape::Code(code) => {
            let language = code.language.iter().map(|language| format!("in the language {}", short(language)));
            language.chain(text_of(&code.text)).collect()
        }
        Shape::Secret(of) => secret(of),
        Shape::Select(choices) => {
            let choices = choices.iter().map(|choice| {
                let value = format!("\"{}\"", short(&choice.value));
                let label = text(&choice.label, locale);
                if label.is_empty() || label == choice.value { value } else { format!("{value} ({label})") }
            });
            vec![format!("one of {}", choices.collect::<Vec<_>>().join(", "))]
        }
        Shape::List(list) => {
            let unique = list.unique_by.as_deref().map(|key| match key {
                "" => "no two the same".to_owned(),
                key => format!("no two with the same `{}`", short(key)),
            });
            let items = range(&list.items).map(|range| format!("{range} items"));
            items.into_iter().chain(unique).chain(of_each(&list.item, locale)).collect()
        }
        Shape::Map(map) => {
            let keys = format!("keys match `{}`", short(map.key_pattern.as_str()));
            let entries = range(&map.items).map(|range| format!("{range} entries"));
            std::iter::once(keys).chain(entries).chain(of_each(&map.item, locale)).collect()
        }
        Shape::Bool | Shape::Package | Shape::DeviceType | Shape::Artifact | Shape::SystemdTimer | Shape::Group(_) => {
            Vec::new()
        }
    }
}

fn of_each(item: &Shape, locale: &str) -> Option<String> {
    let constraints = constraints(item, locale);
    (!constraints.is_empty()).then(|| format!("each {}", constraints.join(", ")))
}

fn range<T: std::fmt::Display>(bounds: &Bounds<T>) -> Option<String> {
    match (&bounds.min, &bounds.max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("at least {min}")),
        (None, Some(max)) => Some(format!("at most {max}")),
        (None, None) => None,
    }
}

fn text_of(constraints: &Text) -> Vec<String> {
    let length = range(&constraints.length).map(|range| format!("{range} characters"));
    let pattern = constraints.pattern.as_ref().map(|pattern| format!("matches `{}`", short(pattern.as_str())));
    length.into_iter().chain(pattern).collect()
}

fn secret(secret: &Secret) -> Vec<String> {
    let names = |what: &str, names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| short(name)).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let image = secret.in_image.then(|| "may be part of an image".to_owned());
    [names("of the kind", &secret.kinds), names("processed by", &secret.processing), image]
        .into_iter()
        .flatten()
        .collect()
}

/// A sentence's worth of one condition.
pub(super) fn condition(condition: &Condition) -> String {
    let values = |values: &[serde_json::Value]| {
        values.iter().map(|value| short(&value.to_string())).collect::<Vec<_>>().join(" or ")
    };
    let tests = condition.when.iter().map(|test| match &test.subject {
        Subject::Target => {
            let kinds: Vec<&str> = test.any_of.iter().filter_map(serde_json::Value::as_str).collect();
            format!("used in a {}", kinds.join(" or "))
        }
        Subject::Sibling(key) => format!("`{}` is {}", short(key), values(&test.any_of)),
        Subject::Absolute(path) => format!("`/{}` is {}", short(&path.join("/")), values(&test.any_of)),
    });
    let tests = tests.collect::<Vec<_>>().join(" and ");
    let effect = match &condition.effect {
        Effect::Visible => "only".to_owned(),
        Effect::Required => "required".to_owned(),
        Effect::Allowed(allowed) => values(allowed),
    };
    if tests.is_empty() { effect } else { format!("{effect} if {tests}") }
}
