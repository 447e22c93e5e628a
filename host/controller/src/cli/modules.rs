use serde_json::{Value, json};
use thymis_core::{id::ModuleId, schema::Setting, untrusted};

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
        "type": setting.shape.name(),
        "label": setting.label.get("en"),
        "description": setting.description.get("en"),
        "required": setting.required,
        "default": setting.default,
        "example": setting.example,
    })
}

/// A module with its settings and permissions.
fn print(loaded: &Loaded) {
    let descriptor = &loaded.descriptor;
    let text = |localized: &thymis_core::schema::Localized| untrusted::short(localized.get("en").unwrap_or_default());
    anstream::println!("{BOLD}{}{RESET}  {}", loaded.id, text(&descriptor.description));
    settings(descriptor.settings.settings());
    permissions(loaded);
}

pub(super) fn settings<'a>(settings: impl Iterator<Item = &'a Setting>) {
    for setting in settings {
        let value = |value: &Value| untrusted::short(&value.to_string());
        let note = match (&setting.default, setting.required) {
            (Some(default), _) => format!("default {}", value(default)),
            (None, true) => "required".to_owned(),
            (None, false) => "optional".to_owned(),
        };
        let description = untrusted::short(setting.description.get("en").unwrap_or_default());
        anstream::println!("  {:<22} {:<14} {:<30} {DIM}{description}{RESET}", setting.key, setting.shape.name(), note);
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
