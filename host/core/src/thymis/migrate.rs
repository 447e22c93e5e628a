//! From one version of the state to the next, as Thymis 0.9 does it. What isn't as a step expects is left for
//! [`super::document`] to refuse.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::report::{Dropped, quoted};

type Object = Map<String, Value>;

/// All versions that can be read, oldest first.
pub const VERSIONS: [&str; 9] = ["0.0.1", "0.0.2", "0.0.3", "0.0.4", "0.0.5", "0.0.6", "0.0.7", "0.0.8", NEWEST];
/// The version that is written.
pub const NEWEST: &str = "0.0.9";

/// From the version of that index in [`VERSIONS`], to the next.
const STEPS: [fn(&mut Object, &mut Vec<Dropped>); 8] = [
    identifiers,
    repositories,
    follows,
    tags_by_identifier,
    plain_settings,
    no_target_hosts,
    configurations,
    split_device_module,
];

const DEVICE: &str = "thymis_controller.modules.thymis.ThymisDevice";

/// Settings that the device module once had, and the modules that have them now.
const MOVED: [(&str, &[&str]); 4] = [
    (
        "thymis_controller.modules.networking.NetworkingModule",
        &["wifi_ssid", "wifi_password", "wifi_auth", "wifi_auth_protocols", "static_networks", "nameservers"],
    ),
    ("thymis_controller.modules.localization.LocalizationModule", &["timezone", "time_servers"]),
    (
        "thymis_controller.modules.security.SecurityAccessModule",
        &["password_secret", "authorized_keys", "security_pki_certificates"],
    ),
    ("thymis_controller.modules.files.FilesModule", &["secrets", "artifacts"]),
];

/// Brings a state of the version with that index in [`VERSIONS`] to the newest; answers what is lost on the way.
pub(super) fn migrate(state: &mut Object, version: usize) -> Vec<Dropped> {
    let mut dropped = Vec::new();
    for step in STEPS.iter().skip(version) {
        step(state, &mut dropped);
    }
    dropped
}

/// To 0.0.2: tags and devices are known by identifiers, not by names.
fn identifiers(state: &mut Object, _: &mut Vec<Dropped>) {
    for tag in objects(state, "tags") {
        rename(tag, "name", "displayName");
        identify(tag);
    }
    for device in objects(state, "devices") {
        identify(device);
        rename(device, "hostname", "targetHost");
    }
    module_prefix(state, "app.", "thymis_controller.");
}

fn identify(target: &mut Object) {
    if let Some(name) = target.get("displayName").and_then(Value::as_str) {
        let identifier = name.to_lowercase().replace(' ', "-");
        target.insert("identifier".to_owned(), identifier.into());
    }
}

/// To 0.0.3: a project has repositories.
fn repositories(state: &mut Object, _: &mut Vec<Dropped>) {
    state.entry("repositories").or_insert_with(|| Object::new().into());
}

/// To 0.0.4: inputs of a repository can follow others.
fn follows(state: &mut Object, _: &mut Vec<Dropped>) {
    let repositories = state.get_mut("repositories").and_then(Value::as_object_mut);
    for repository in repositories.into_iter().flat_map(Object::values_mut).filter_map(Value::as_object_mut) {
        repository.entry("inputs_follows").or_insert_with(|| Object::new().into());
    }
}

/// To 0.0.5: devices name tags by identifier.
fn tags_by_identifier(state: &mut Object, _: &mut Vec<Dropped>) {
    // Where two tags have one name, the later one was meant.
    let identifiers: HashMap<String, Value> = objects(state, "tags")
        .filter_map(|tag| Some((tag.get("displayName")?.as_str()?.to_owned(), tag.get("identifier")?.clone())))
        .collect();
    for device in objects(state, "devices") {
        let Some(tags) = device.get_mut("tags").and_then(Value::as_array_mut) else { continue };
        for tag in tags {
            if let Some(identifier) = tag.as_str().and_then(|name| identifiers.get(name)) {
                *tag = identifier.clone();
            }
        }
    }
}

/// To 0.0.6: settings are values, without their types beside them; modules moved.
fn plain_settings(state: &mut Object, _: &mut Vec<Dropped>) {
    module_prefix(state, "thymis_controller.models.modules.", "thymis_controller.modules.");
    modules(state, |module| {
        let settings = module.get_mut("settings").and_then(Value::as_object_mut);
        for setting in settings.into_iter().flat_map(Object::values_mut) {
            if let Some(value) = setting.get_mut("value").map(Value::take) {
                *setting = value;
            }
        }
    });
}

/// To 0.0.7: devices have no fixed addresses.
fn no_target_hosts(state: &mut Object, dropped: &mut Vec<Dropped>) {
    for device in objects(state, "devices") {
        if let Some(host) = device.shift_remove("targetHost") {
            let name = device.get("identifier").map(quoted).unwrap_or_default();
            dropped.push(Dropped::new(
                format!("configuration {name}"),
                format!("the address {}", quoted(&host)),
                "devices report to the controller by themselves",
            ));
        }
    }
}

/// To 0.0.8: what a device should be is a configuration.
fn configurations(state: &mut Object, _: &mut Vec<Dropped>) {
    rename(state, "devices", "configs");
}

/// To 0.0.9: the device module is several.
fn split_device_module(state: &mut Object, _: &mut Vec<Dropped>) {
    for list in ["configs", "tags"] {
        for target in objects(state, list) {
            if let Some(modules) = target.get_mut("modules").and_then(Value::as_array_mut) {
                split(modules);
            }
        }
    }
}

/// Moves settings to the first module that has them now, or to a new one at the end.
fn split(modules: &mut Vec<Value>) {
    let is = |module: &Value, class: &str| module.get("type").and_then(Value::as_str) == Some(class);
    let mut moved: Vec<(&str, Object)> = Vec::new();
    for device in modules.iter_mut().filter(|module| is(module, DEVICE)) {
        let Some(settings) = device.get_mut("settings").and_then(Value::as_object_mut) else { continue };
        let keys: Vec<String> = settings.keys().cloned().collect();
        for key in keys {
            let Some((class, _)) = MOVED.iter().find(|(_, keys)| keys.contains(&key.as_str())) else { continue };
            let Some(value) = settings.shift_remove(&key) else { continue };
            match moved.iter_mut().find(|(of, _)| of == class) {
                Some((_, settings)) => drop(settings.insert(key, value)),
                None => moved.push((class, Object::from_iter([(key, value)]))),
            }
        }
    }
    for (class, settings) in moved {
        match modules.iter_mut().find(|module| is(module, class)).and_then(Value::as_object_mut) {
            Some(module) => {
                let present = module.entry("settings").or_insert_with(|| Object::new().into());
                if let Some(present) = present.as_object_mut() {
                    present.extend(settings);
                }
            }
            None => modules.push(serde_json::json!({ "type": class, "settings": settings })),
        }
    }
}

fn rename(object: &mut Object, from: &str, to: &str) {
    if let Some(value) = object.shift_remove(from) {
        object.insert(to.to_owned(), value);
    }
}

/// The objects of a list in the state.
fn objects<'a>(state: &'a mut Object, list: &str) -> impl Iterator<Item = &'a mut Object> {
    let items = state.get_mut(list).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Every module of a tag or device, of versions before 0.0.8.
fn modules(state: &mut Object, mut change: impl FnMut(&mut Object)) {
    for list in ["tags", "devices"] {
        for target in objects(state, list) {
            objects(target, "modules").for_each(&mut change);
        }
    }
}

fn module_prefix(state: &mut Object, from: &str, to: &str) {
    modules(state, |module| {
        let renamed = module.get("type").and_then(Value::as_str).and_then(|class| class.strip_prefix(from));
        if let Some(renamed) = renamed.map(|rest| format!("{to}{rest}")) {
            module.insert("type".to_owned(), renamed.into());
        }
    });
}
