//! Settings that Thymis 0.9 stored mean on a device what they meant there, minus its mistakes: through the command line
//! and real Nix, compared by values.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use regex::Regex;
use serde_json::{Map, Value, json};
use thymis_tests::{Fixtures, Nix, World, real_lib};

const CONTROLLER: &str = "https://controller.example.org";
/// A device for tags that no configuration of the case has.
const BYSTANDER: &str = "golden-bystander";

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(Fixtures::folder().join("golden/cases.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["cases"].as_array().unwrap().clone()
}

#[test]
fn every_case_has_the_values_of_thymis() {
    let real = real_lib("golden cases with nixpkgs' own lib");
    let small = Fixtures::folder().join("nixpkgs/lib");
    let cases = cases();
    assert_eq!(cases.len(), 48);
    let waiting = Mutex::new(cases.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().unwrap().next() else { break };
                    let generated = Generated::of(case);
                    for lib in [Some(small.as_path()), real.as_deref()].into_iter().flatten() {
                        if let Err(failure) = generated.compare(case, lib) {
                            let told = format!("{} ({}): {failure}", case["id"], case["note"]);
                            failures.lock().unwrap().push(told);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n\n"));
}

/// A case as a project, imported from Thymis's state and generated.
struct Generated {
    world: World,
    configuration: String,
}

impl Generated {
    fn of(case: &Value) -> Self {
        let world = World::empty();
        let old = world.path().join("old");
        fs::create_dir(&old).unwrap();
        let mut configuration = None;
        let mut tags: BTreeMap<String, Value> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let mut own = Vec::new();
        for module in case["modules"].as_array().unwrap() {
            let stored = json!({ "type": module["type"], "settings": module["settings"] });
            let id = module["identifier"].as_str().unwrap().to_owned();
            artifacts(&module["settings"], &old);
            if module["target"] == "tag" {
                if !order.contains(&id) {
                    order.push(id.clone());
                }
                let tag = tags.entry(id.clone()).or_insert_with(
                    || json!({ "displayName": id, "identifier": id, "priority": module["priority"], "modules": [] }),
                );
                tag["modules"].as_array_mut().unwrap().push(stored);
            } else {
                configuration = Some(id);
                own.push(stored);
            }
        }
        let configuration = configuration.unwrap_or_else(|| BYSTANDER.to_owned());
        let state = json!({
            "version": "0.0.9",
            "repositories": {},
            "tags": tags.into_values().collect::<Vec<_>>(),
            "configs": [{
                "displayName": configuration, "identifier": configuration, "tags": order, "modules": own,
            }],
        });
        fs::write(old.join("state.json"), state.to_string()).unwrap();
        world.thymis_in(world.path(), &["init", "project", "--from-thymis", "old"]).done();
        let generate = ["generate", "--project", "project", "--controller-url", CONTROLLER];
        world.thymis_in(world.path(), &generate).done();
        Self { world, configuration: configuration.replace('.', "-") }
    }

    fn compare(&self, case: &Value, lib: &Path) -> Result<(), String> {
        let mut found = evaluate(&self.files(case), &self.world.project(), lib)?;
        let mut expected = case["expected"].clone();
        artifacts_by_content(&mut found);
        if let Some(secrets) = expected.as_object_mut().unwrap().remove("secrets") {
            self.compare_secrets(&secrets)?;
        }
        if let Some(present) = expected.as_object_mut().unwrap().remove("present") {
            expected.as_object_mut().unwrap().remove("option_paths");
            kiosk(&mut expected, &mut found, &present)?;
        }
        expected.as_object_mut().unwrap().entry("built").or_insert_with(|| json!({}));
        lists_of_one(&mut expected);
        lists_of_one(&mut found);
        if found == expected {
            return Ok(());
        }
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        Err(format!("{}\n-- expected\n{}\n-- found\n{}", lib.display(), text(&expected), text(&found)))
    }

    /// The configuration, and the tags that it imports: the stubs know the words of these files.
    fn files(&self, case: &Value) -> Vec<PathBuf> {
        let tags = case["modules"].as_array().unwrap().iter().filter(|module| module["target"] == "tag");
        let tags = tags.map(|module| format!("tags/{}.nix", module["identifier"].as_str().unwrap()));
        let own = format!("hosts/{}.nix", self.configuration);
        std::iter::once(own).chain(tags).map(|file| self.world.project().join(file)).collect()
    }

    /// Who nobody named is root, and what nobody set is 0400.
    fn compare_secrets(&self, expected: &Value) -> Result<(), String> {
        let file = format!("hosts/{}.secrets.json", self.configuration);
        let found: Value = serde_json::from_str(&self.world.read(&file)).unwrap();
        let mut expected = expected.clone();
        for secret in expected.as_array_mut().unwrap() {
            for (key, usual) in [("owner", "root"), ("group", "root"), ("mode", "0400")] {
                if secret[key].as_str().is_none_or(str::is_empty) {
                    secret[key] = usual.into();
                }
            }
        }
        let keys = ["secret", "path", "owner", "group", "mode"];
        let found: Vec<Value> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|secret| keys.iter().map(|key| ((*key).to_owned(), secret[*key].clone())).collect())
            .collect();
        let same = expected == Value::Array(found.clone());
        if same { Ok(()) } else { Err(format!("secrets: expected {expected}, found {found:?}")) }
    }
}

/// Every artifact that settings name, with its own name as content.
fn artifacts(settings: &Value, old: &Path) {
    for item in settings["artifacts"].as_array().into_iter().flatten() {
        if let Some(name) = item["artifact"].as_str().filter(|name| !name.is_empty()) {
            let path = old.join("artifacts").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
}

fn evaluate(files: &[PathBuf], project: &Path, lib: &Path) -> Result<Value, String> {
    let list: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let output = Nix::shared()
        .command("nix-instantiate")
        .args(["--eval", "--strict", "--json", "--read-write-mode"])
        .arg(Fixtures::folder().join("golden/eval.nix"))
        .env("NIXPKGS_LIB", lib)
        .env("EVAL_FILES", list.join("\n"))
        .env("EVAL_ROOT", project)
        .output()
        .unwrap();
    if !output.status.success() {
        let generated: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        return Err(format!("{}\n{}", String::from_utf8_lossy(&output.stderr), generated.join("\n")));
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// An artifact is a file of its own in the store: shown as the artifact whose content it has.
fn artifacts_by_content(value: &mut Value) {
    match value {
        Value::String(text) => {
            let stored = Regex::new("/nix/store/[0-9a-z]{32}-[0-9a-zA-Z+._?=-]+").unwrap();
            let replaced = stored.replace_all(text, |path: &regex::Captures<'_>| {
                format!("/self/artifacts/{}", fs::read_to_string(&path[0]).unwrap())
            });
            *text = replaced.into_owned();
        }
        Value::Array(items) => items.iter_mut().for_each(artifacts_by_content),
        Value::Object(items) => items.values_mut().for_each(artifacts_by_content),
        _ => {}
    }
}

/// systemd takes one calendar expression for a list of one.
fn lists_of_one(value: &mut Value) {
    if let Some(timers) = value.pointer_mut("/options/systemd/timers").and_then(Value::as_object_mut) {
        for timer in timers.values_mut() {
            if let Some(calendar) = timer.pointer_mut("/timerConfig/OnCalendar").filter(|calendar| calendar.is_string())
            {
                *calendar = json!([calendar.take()]);
            }
        }
    }
}

/// How the kiosk works may differ: what Thymis sets has to be set alike, but for what NixOS has renamed.
fn kiosk(expected: &mut Value, found: &mut Value, present: &Value) -> Result<(), String> {
    for path in present.as_array().unwrap() {
        let segments: Vec<&str> = path.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        if segments.iter().try_fold(&found["options"], |value, name| value.get(name)).is_none() {
            return Err(format!("{segments:?} is not set"));
        }
    }
    let options = expected["options"].as_object_mut().unwrap();
    // Since NixOS 25.05 the sound server is a service.
    if let Some(hardware) = options.remove("hardware") {
        let services = options["services"].as_object_mut().unwrap();
        services.insert("pulseaudio".to_owned(), json!({ "enable": hardware["pulseaudio"]["enable"] }));
    }
    *found = json!({ "imports": found["imports"], "options": restricted(&found["options"], &expected["options"]), "built": {} });
    Ok(())
}

/// What of a value stands at places that another one has.
fn restricted(value: &Value, to: &Value) -> Value {
    match (value, to) {
        (Value::Object(value), Value::Object(to)) => {
            let common = to.iter().filter_map(|(name, to)| Some((name.clone(), restricted(value.get(name)?, to))));
            Value::Object(common.collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}
