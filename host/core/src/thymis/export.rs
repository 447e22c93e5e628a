use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::migrate::NEWEST;
use crate::{
    id::{ConfigurationId, ModuleId, ModuleRef, PythonClass, TagId},
    state::{Configuration, Project, Tag, Use},
};

/// A project as Thymis 0.9 stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    pub state: Value,
    /// Modules that it can't load, with the configurations and tags that use them.
    pub unreadable: BTreeMap<ModuleId, BTreeSet<String>>,
    /// Settings that it ignores, each with where it stands.
    pub ignored: Vec<String>,
}

/// Settings of built-in modules that Thymis 0.9 doesn't have: class and key.
const NEWER: [(&str, &str); 2] = [
    ("thymis_controller.modules.networking.NetworkingModule", "wifi_password_secret"),
    ("thymis_controller.modules.kiosk.Kiosk", "vnc_password_secret"),
];
/// Parts of timers that it doesn't have.
const NEWER_PARTS: [&str; 3] = ["on_startup_sec", "on_active_sec", "on_unit_inactive_sec"];

/// The `state.json` of a project. `class` is what a module was in Thymis 0.9.
///
/// Names of instances have no place there: their order does.
#[must_use]
pub fn export<'a>(
    project: &Project,
    configurations: impl IntoIterator<Item = (&'a ConfigurationId, &'a Configuration)>,
    tags: impl IntoIterator<Item = (&'a TagId, &'a Tag)>,
    class: &dyn Fn(&ModuleId) -> Option<PythonClass>,
) -> Exported {
    let mut exporter = Exporter { class, unreadable: BTreeMap::new(), ignored: Vec::new() };
    let tags: Vec<Value> = tags
        .into_iter()
        .map(|(id, tag)| {
            json!({
                "displayName": tag.display_name.as_deref().unwrap_or(id.as_str()),
                "identifier": id,
                "priority": tag.priority,
                "modules": exporter.modules(&format!("tag `{id}`"), &tag.modules),
            })
        })
        .collect();
    let configs: Vec<Value> = configurations
        .into_iter()
        .map(|(id, configuration)| {
            json!({
                "displayName": configuration.display_name.as_deref().unwrap_or(id.as_str()),
                "identifier": id,
                "modules": exporter.modules(&format!("configuration `{id}`"), &configuration.modules),
                "tags": configuration.tags,
            })
        })
        .collect();
    let state = json!({
        "version": NEWEST,
        "repositories": repositories(project),
        "tags": tags,
        "configs": configs,
    });
    Exported { state, unreadable: exporter.unreadable, ignored: exporter.ignored }
}

fn repositories(project: &Project) -> BTreeMap<String, Value> {
    let names: BTreeSet<_> = project.inputs.keys().chain(project.thymis_repositories.keys()).collect();
    let one = |name| {
        let mut kept = project.thymis_repositories.get(name).cloned().unwrap_or_default();
        let input = project.inputs.get(name);
        let follows = input.into_iter().flat_map(|input| &input.follows);
        kept.inputs_follows.extend(follows.map(|(own, target)| (own.clone(), target.to_string())));
        json!({
            "url": input.map(|input| input.url.clone()).or(kept.url),
            "follows": kept.follows,
            "inputs_follows": kept.inputs_follows,
            "api_key_secret": kept.api_key_secret,
        })
    };
    names.into_iter().map(|name| (name.to_string(), one(name))).collect()
}

struct Exporter<'a> {
    class: &'a dyn Fn(&ModuleId) -> Option<PythonClass>,
    unreadable: BTreeMap<ModuleId, BTreeSet<String>>,
    ignored: Vec<String>,
}

impl Exporter<'_> {
    fn modules(&mut self, target: &str, uses: &[Use]) -> Vec<Value> {
        let mut module = |one: &Use| {
            let class = self.class(target, &one.module);
            self.ignored.extend(ignored(&class, one).map(|setting| format!("{target}, `{class}`: `{setting}`")));
            json!({ "type": class, "settings": one.settings })
        };
        uses.iter().map(&mut module).collect()
    }

    fn class(&mut self, target: &str, module: &ModuleRef) -> String {
        let id = match module {
            ModuleRef::Python(class) => return class.to_string(),
            ModuleRef::Id(id) => id,
        };
        (self.class)(id).map_or_else(
            || {
                self.unreadable.entry(id.clone()).or_default().insert(target.to_owned());
                id.to_string()
            },
            |class| class.to_string(),
        )
    }
}

/// The settings of one use that Thymis 0.9 doesn't have.
fn ignored<'a>(class: &'a str, one: &'a Use) -> impl Iterator<Item = &'static str> + 'a {
    let newer = NEWER.into_iter().filter(move |(of, key)| *of == class && one.settings.contains_key(*key));
    let timer = one.settings.get("timer_config").and_then(Value::as_object);
    let parts = NEWER_PARTS.into_iter().filter(move |part| timer.is_some_and(|timer| timer.contains_key(*part)));
    newer.map(|(_, key)| key).chain(parts)
}
