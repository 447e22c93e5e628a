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
}

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
    let mut exporter = Exporter { class, unreadable: BTreeMap::new() };
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
    Exported { state, unreadable: exporter.unreadable }
}

fn repositories(project: &Project) -> BTreeMap<String, Value> {
    let names: BTreeSet<_> = project.inputs.keys().chain(project.thymis_repositories.keys()).collect();
    let one = |name| {
        let kept = project.thymis_repositories.get(name).cloned().unwrap_or_default();
        json!({
            "url": project.inputs.get(name).map(|input| input.url.clone()).or(kept.url),
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
}

impl Exporter<'_> {
    fn modules(&mut self, target: &str, uses: &[Use]) -> Vec<Value> {
        uses.iter().map(|one| json!({ "type": self.class(target, &one.module), "settings": one.settings })).collect()
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
