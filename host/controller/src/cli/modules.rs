use serde_json::{Value, json};
use thymis_core::{
    id::ModuleId,
    schema::{Setting, Shape},
    untrusted,
};

use super::{
    Answer, Context,
    style::{BOLD, DIM, RESET, of_class},
};
use crate::project::{Catalogue, Loaded};

#[derive(Debug, thiserror::Error)]
#[error("there is no module `{wanted}`; there are {known}")]
struct NoModule {
    wanted: ModuleId,
    known: String,
}

pub(super) fn modules(context: &Context, wanted: Option<&ModuleId>) -> Answer {
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
    if context.json(&modules.iter().map(|loaded| as_json(loaded)).collect::<Vec<_>>())? {
        return Ok(());
    }
    for loaded in modules {
        print(loaded);
    }
    Ok(())
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
    let text = |localized: &thymis_core::schema::Localized| untrusted::short(localized.get("en").unwrap_or_default());
    anstream::println!("{BOLD}{}{RESET}  {}", loaded.id, text(&descriptor.description));
    settings(descriptor.settings.settings());
    permissions(loaded);
}

/// A line for each setting; those of groups, lists and maps are indented below theirs.
pub(super) fn settings<'a>(settings: impl Iterator<Item = &'a Setting>) {
    for setting in settings {
        line(setting, 1);
    }
}

fn line(setting: &Setting, depth: usize) {
    let note = match (&setting.default, setting.required) {
        (Some(default), _) => format!("default {}", untrusted::short(&default.to_string())),
        (None, true) => "required".to_owned(),
        (None, false) => "optional".to_owned(),
    };
    let description = untrusted::short(setting.description.get("en").unwrap_or_default());
    let key = format!("{}{}", "  ".repeat(depth), setting.key);
    anstream::println!("{key:<26} {:<14} {note:<30} {DIM}{description}{RESET}", setting.shape.name());
    below(&setting.shape, depth + 1);
}

fn below(shape: &Shape, depth: usize) {
    match shape {
        Shape::Select(choices) => {
            let values: Vec<String> =
                choices.iter().map(|choice| untrusted::short(&format!("{:?}", choice.value))).collect();
            anstream::println!("{}{DIM}one of {}{RESET}", "  ".repeat(depth), values.join(", "));
        }
        Shape::Group(group) => group.settings().for_each(|setting| line(setting, depth)),
        Shape::List(list) => below(&list.item, depth),
        Shape::Map(map) => below(&map.item, depth),
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
