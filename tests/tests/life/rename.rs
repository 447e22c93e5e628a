//! `input rename`: another name, and nothing else.

use std::process::Command;

use serde_json::{Value, json};
use thymis_tests::Program;

use super::{Life, Release, life::NAME};

const NEW: &str = "probes";

fn rename(life: &Life) -> Value {
    life.input("rename", &[NEW]).done().json()
}

/// With the new name instead of the old one.
fn named(text: &str) -> String {
    text.replace(&format!("{NAME}/temperature-logger"), &format!("{NEW}/temperature-logger"))
        .replace(&format!("\"{NAME}\""), &format!("\"{NEW}\""))
}

#[test]
fn what_used_it_goes_on_as_before() {
    let life = Life::new();
    let (before, grant) = (life.generated(), life.entry());
    let answer = rename(&life);
    assert_eq!((&answer["renamed"], &answer["to"]), (&json!(NAME), &json!(NEW)));
    let users = ["configuration `greenhouse-south`", "tag `core`", "tag `greenhouses`"];
    assert_eq!((&answer["users"], &answer["by-hand"]), (&json!(users), &json!([])), "{answer}");

    let lock: Value = serde_json::from_str(&life.read("modules.lock")).unwrap();
    assert_eq!((&lock["inputs"][NEW], lock["inputs"].get(NAME)), (&grant, None));
    let after = life.generated();
    for (file, text) in before.iter().filter(|(file, _)| file.ends_with(".nix")) {
        assert_eq!(named(text), after[file], "{file}");
    }
    let lock: Value = serde_json::from_str(&after["flake.lock"]).unwrap();
    let was: Value = serde_json::from_str(&before["flake.lock"]).unwrap();
    assert_eq!(lock["nodes"][NEW], was["nodes"][NAME]);
    assert!(!life.read("flake.nix").contains(NAME));
    life.thymis(&["commit", "--message", "Renamed"]).done();

    // It moves on under the new name, and its past is known there.
    life.upstream.release(&Release::saying("second"));
    life.thymis(&["input", "update", NEW]).done();
    life.thymis(&["input", "rollback", NEW]).done();
    life.assert_says("first");
    let log = life.thymis(&["input", "log", NEW, "--json"]).done().json();
    let actions: Vec<String> = log["records"].as_array().unwrap().iter().map(|one| action(&one["record"])).collect();
    let expected = ["added", "accepted", "renamed", "updated", "rolled-back"];
    assert_eq!(actions[actions.len() - expected.len()..], expected);
}

fn action(record: &Value) -> String {
    match &record["action"] {
        Value::String(action) => action.clone(),
        other => other.as_object().unwrap().keys().next().unwrap().clone(),
    }
}

#[test]
fn nix_text_that_names_it_is_told() {
    let life = Life::new();
    let file = "state/tags/core.json";
    let mut tag: Value = serde_json::from_str(&life.read(file)).unwrap();
    let settings = json!({ "settings": format!("{{ inputs, ... }}: {{ imports = [ inputs.{NAME}.x ]; }}") });
    tag["modules"].as_array_mut().unwrap().push(json!({ "module": "thymis/custom-nix", "settings": settings }));
    life.write(file, tag.to_string());
    let text = life.thymis(&["input", "rename", NAME, NEW]).done().stdout;
    assert!(text.contains("change by hand") && text.contains("tag `core`"), "{text}");
    assert!(life.read(file).contains(&format!("inputs.{NAME}.x")), "nobody's text is changed");
}

#[test]
fn text_that_only_resembles_it_is_not_told() {
    let life = Life::new();
    let file = "state/tags/core.json";
    let mut tag: Value = serde_json::from_str(&life.read(file)).unwrap();
    let settings = json!({ "settings": "{ inputs, ... }: { imports = [ inputs.temperatures.x ]; }" });
    tag["modules"].as_array_mut().unwrap().push(json!({ "module": "thymis/custom-nix", "settings": settings }));
    life.write(file, tag.to_string());
    assert_eq!(rename(&life)["by-hand"], json!([]));
}

#[test]
fn names_that_are_taken_or_needed_are_refused() {
    let life = Life::new();
    let before = [life.read("modules.lock"), life.read("state/project.json"), life.read("consent.jsonl")];
    let refused = |old: &str, new: &str| life.thymis(&["input", "rename", old, new]).refused();
    assert!(refused(NAME, "web").contains("there is an input `web` already"));
    assert!(refused(NAME, NAME).contains("there is an input `temperature` already"));
    assert!(
        refused(NAME, "nixpkgs").contains("`nixpkgs` is the name of an input that the generated flake itself uses")
    );
    assert!(
        refused("thymis", "other").contains("`thymis` is the name of an input that the generated flake itself uses")
    );
    assert!(refused("nothing", NEW).contains("there is no input `nothing`"));
    assert_eq!(life.thymis(&["input", "rename", NAME, "Not A Name"]).code, 2);
    assert_eq!([life.read("modules.lock"), life.read("state/project.json"), life.read("consent.jsonl")], before);
}

#[test]
fn killed_on_the_way_it_works_and_the_same_command_finishes() {
    let life = Life::new();
    let core = "state/tags/core.json";
    let mut tag: Value = serde_json::from_str(&life.read(core)).unwrap();
    let comment = format!("# {}\n", "long".repeat(250));
    let text = comment.repeat(200) + "{ ... }: { }";
    let long = json!({ "module": "thymis/custom-nix", "settings": { "settings": text } });
    tag["modules"].as_array_mut().unwrap().push(long);
    life.write(core, tag.to_string());
    life.assert_says("first");
    // The kernel ends it when it comes to that file.
    let killed = Command::new("sh")
        .args(["-c", r#"ulimit -f 64 && exec "$@""#, "sh"])
        .arg(Program::path())
        .args(["input", "rename", NAME, NEW])
        .current_dir(life.project())
        .env_clear()
        .env("HOME", life.home())
        .env("XDG_CACHE_HOME", life.home().join("cache"))
        .output()
        .unwrap();
    assert_ne!(killed.status.code(), Some(0), "{killed:?}");
    for file in ["modules.lock", "state/project.json"] {
        let value: Value = serde_json::from_str(&life.read(file)).unwrap();
        assert_eq!(value["inputs"][NEW], value["inputs"][NAME], "{file}");
    }
    assert!(life.read("state/configurations/greenhouse-south.json").contains(NEW), "it was on its way");
    assert!(life.read(core).contains(NAME), "and didn't arrive");
    life.assert_says("first");

    rename(&life);
    life.assert_says("first");
    for file in ["modules.lock", "flake.lock", "state/project.json", core, "state/configurations/greenhouse-south.json"]
    {
        assert!(!life.read(file).contains(&format!("\"{NAME}")), "{file}");
    }
    assert_eq!(life.read("consent.jsonl").matches("\"renamed\"").count(), 1);
    life.thymis(&["commit", "--message", "Renamed"]).done();
}
