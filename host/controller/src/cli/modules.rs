use serde_json::{Value, json};
use thymis_core::{
    id::ModuleId,
    schema::{Effect, JSON_SCHEMA_PREFIX, Setting, Shape, json_schema, json_schemas},
    untrusted,
};

use super::{
    Answer, Context,
    style::{BOLD, DIM, RESET, of_class},
    words,
};
use crate::project::{Catalogue, Loaded};

#[derive(Debug, thiserror::Error)]
#[error("there is no module `{wanted}`; there are {known}")]
struct NoModule {
    wanted: ModuleId,
    known: String,
}

pub(super) fn modules(context: &Context, wanted: Option<&ModuleId>, schema: bool) -> Answer {
    let project = context.project()?;
    let state = project.state()?;
    let catalogue = Catalogue::load(&context.host, &state.project, &project.lock()?)?;
    let modules: Vec<&Loaded> = match wanted {
        None => catalogue.modules.values().map(AsRef::as_ref).collect(),
        Some(wanted) => {
            let known = || catalogue.modules.keys().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            vec![catalogue.find(wanted).ok_or_else(|| NoModule { wanted: wanted.clone(), known: known() })?]
        }
    };
    if schema {
        let mut document = match (wanted, modules.as_slice()) {
            (Some(_), [loaded]) => json_schema(&loaded.id, &loaded.descriptor),
            _ => json_schemas(modules.iter().map(|loaded| (&loaded.id, &loaded.descriptor))),
        };
        // They belong to the project, not to a module.
        if let Some(keywords) = document.as_object_mut() {
            keywords.insert(format!("{JSON_SCHEMA_PREFIX}device-types"), device_types(&catalogue));
        }
        println!("{}", untrusted::json(&serde_json::to_string_pretty(&document)?));
        return Ok(());
    }
    if context.json(&modules.iter().map(|loaded| as_json(loaded)).collect::<Vec<_>>())? {
        return Ok(());
    }
    let asks = modules.iter().any(|loaded| loaded.descriptor.settings.settings().any(is_device_type));
    for loaded in modules {
        print(loaded);
    }
    if asks {
        anstream::println!("{BOLD}Device types{RESET}");
        for (id, kind) in &catalogue.device_types {
            let label = untrusted::short(&kind.label);
            anstream::println!("  {id:<24} {label:<24} {:<16} {DIM}from {}{RESET}", kind.system, kind.input);
        }
    }
    Ok(())
}

fn is_device_type(setting: &Setting) -> bool {
    matches!(*setting.shape, Shape::DeviceType)
}

fn device_types(catalogue: &Catalogue) -> Value {
    let kinds = catalogue.device_types.iter().map(|(id, kind)| {
        let value = json!({ "label": kind.label, "system": kind.system, "image-formats": kind.image_formats, "input": kind.input });
        (id.to_string(), value)
    });
    Value::Object(kinds.collect())
}

fn as_json(loaded: &Loaded) -> Value {
    let descriptor = &loaded.descriptor;
    json!({
        "module": loaded.id.to_string(),
        "label": descriptor.label.get("en"),
        "description": descriptor.description.get("en"),
        "multiple": descriptor.multiple,
        "schema-version": descriptor.schema_version,
        "settings": descriptor.settings.settings().map(setting).collect::<Vec<_>>(),
        "permissions": loaded.permissions,
        "component": loaded.component,
        "grant": loaded.grant,
    })
}

fn setting(setting: &Setting) -> Value {
    json!({
        "key": setting.key,
        "type": shape(&setting.shape),
        "label": setting.label.get("en"),
        "description": setting.description.get("en"),
        "required": setting.required,
        "default": setting.default,
        "example": setting.example,
    })
}

fn shape(of: &Shape) -> Value {
    let name = of.name();
    match of {
        Shape::Select(choices) => {
            json!({ "kind": name, "choices": choices.iter().map(|choice| &choice.value).collect::<Vec<_>>() })
        }
        Shape::Group(group) => json!({ "kind": name, "settings": group.settings().map(setting).collect::<Vec<_>>() }),
        Shape::List(list) => json!({ "kind": name, "items": shape(&list.item) }),
        Shape::Map(map) => json!({ "kind": name, "items": shape(&map.item) }),
        _ => json!({ "kind": name }),
    }
}

/// A module with its settings and permissions.
fn print(loaded: &Loaded) {
    let descriptor = &loaded.descriptor;
    let description = words::text(&descriptor.description, &words::locale());
    anstream::println!("{BOLD}{}{RESET}  {description}", loaded.id);
    settings(descriptor.settings.settings());
    permissions(loaded);
}

/// A line for each setting, and what it may be below it; settings of groups, lists and maps are indented below theirs.
pub(super) fn settings<'a>(settings: impl Iterator<Item = &'a Setting>) {
    let locale = words::locale();
    for setting in settings {
        line(setting, 1, &locale);
    }
}

fn line(setting: &Setting, depth: usize, locale: &str) {
    let note = match (&setting.default, setting.required) {
        (Some(default), _) => format!("default {}", untrusted::short(&default.to_string())),
        (None, true) => "required".to_owned(),
        (None, false) => "optional".to_owned(),
    };
    let texts = [words::text(&setting.label, locale), words::text(&setting.description, locale)];
    let texts = texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let key = format!("{}{}", "  ".repeat(depth), setting.key);
    anstream::println!("{key:<26} {:<14} {note:<30} {DIM}{texts}{RESET}", words::kind(&setting.shape));
    let indent = "  ".repeat(depth + 2);
    let constraints = words::constraints(&setting.shape, locale).join(", ");
    if !constraints.is_empty() {
        anstream::println!("{indent}{DIM}{constraints}{RESET}");
    }
    let (visible, others): (Vec<_>, Vec<_>) =
        setting.conditions.iter().partition(|condition| matches!(condition.effect, Effect::Visible));
    let visible: Vec<String> = visible.into_iter().map(words::condition).collect();
    // One of them is enough.
    let visible = (!visible.is_empty()).then(|| visible.join(", or "));
    for condition in visible.into_iter().chain(others.into_iter().map(words::condition)) {
        anstream::println!("{indent}{DIM}{condition}{RESET}");
    }
    if let Some(example) = &setting.example {
        anstream::println!("{indent}{DIM}for example {}{RESET}", untrusted::short(&example.to_string()));
    }
    below(&setting.shape, depth + 1, locale);
}

fn below(shape: &Shape, depth: usize, locale: &str) {
    match shape {
        Shape::Group(group) => group.settings().for_each(|setting| line(setting, depth, locale)),
        Shape::List(list) => below(&list.item, depth, locale),
        Shape::Map(map) => below(&map.item, depth, locale),
        _ => {}
    }
}

fn permissions(loaded: &Loaded) {
    for accepted in &loaded.permissions {
        let colour = of_class(accepted.class);
        anstream::println!(
            "  {colour}{:<26}{RESET} {:<44} {DIM}{}{RESET}",
            accepted.class.meaning(),
            untrusted::line(&accepted.permission.access.to_string()),
            untrusted::short(&accepted.permission.reason)
        );
    }
}

/// All modules with their permissions.
pub(super) fn summary(catalogue: &Catalogue) {
    anstream::println!("{BOLD}Modules{RESET}");
    for loaded in catalogue.modules.values() {
        let origin = if loaded.is_built_in() { "built in" } else { "accepted" };
        anstream::println!("  {BOLD}{}{RESET} {DIM}{origin}{RESET}", loaded.id);
        if !loaded.is_built_in() {
            permissions(loaded);
        }
    }
}
