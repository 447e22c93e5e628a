//! What an update answers: commits, modules, settings, and what would be generated otherwise.

use std::fs;

use serde_json::json;
use thymis_tests::{Example, World, commit, copy};

use super::{
    Life, Release,
    life::{USERS, assert_all_targets, texts},
};

#[test]
fn commits_are_counted_and_the_newest_named_newest_first() {
    let life = Life::new();
    let commits: Vec<String> = (0..25).map(|number| life.upstream.touch(&format!("Change {number}"))).collect();
    let changes = life.update()["changes"].clone();
    assert_eq!((&changes["history"]["relation"], &changes["history"]["count"]), (&json!("newer"), &json!(25)));
    let newest = changes["history"]["newest"].as_array().unwrap();
    let told: Vec<&str> = newest.iter().map(|commit| commit["revision"].as_str().unwrap()).collect();
    assert_eq!(told, commits.iter().rev().take(20).collect::<Vec<_>>());
    assert_eq!(newest[0]["summary"], "Change 24");
    assert_eq!(changes["effect"]["files"], 0, "{changes}");
}

#[test]
fn nothing_in_a_message_reaches_the_terminal() {
    let life = Life::new();
    life.upstream.touch("\u{1b}]0;title\u{7}\u{1b}[31mred \u{202e}back\n\nThe rest");
    life.upstream.touch(&"long ".repeat(2000));
    let told = life.thymis(&["input", "update", "temperature"]).done().stdout;
    assert!(told.chars().all(|one| one == '\n' || !one.is_control() && one != '\u{202e}'), "{told:?}");
    assert!(told.contains("title") && told.contains("red") && !told.contains("The rest"), "{told}");
    assert!(told.lines().all(|line| line.len() < 400), "{told}");
}

#[test]
fn modules_that_come_go_and_are_renamed_are_named() {
    let life = Life::new();
    life.upstream.release(&Release::saying("first").module("fan-control"));
    let changes = |life: &Life| life.update()["changes"]["modules"]["changes"].clone();
    assert_eq!(changes(&life), json!([{ "module": "fan-control", "change": "added", "required": "never" }]));
    life.upstream.release(&Release::saying("first"));
    assert_eq!(changes(&life), json!([{ "module": "fan-control", "change": "removed" }]));
    life.upstream.release(&Release::saying("first").renamed("thermometer"));
    let renamed = life.update()["changes"].clone();
    let expected = json!([{ "module": "thermometer", "change": "renamed", "from": "temperature-logger" }]);
    assert_eq!(renamed["modules"]["changes"], expected);
    assert_eq!(renamed["effect"]["broken"], json!([]), "the former name goes on: {renamed}");
    life.assert_says("first");
}

#[test]
fn a_module_that_is_gone_breaks_what_used_it() {
    let life = Life::new();
    let mut other = Release::saying("second").renamed("thermometer");
    other = other.without("unit").module("fan-control");
    life.upstream.release(&other.not_formerly());
    let told = life.thymis(&["input", "update", "temperature"]).done().stdout;
    assert!(told.contains("temperature-logger: the module is gone"), "{told}");
    let broken = told.lines().filter_map(|line| line.trim().strip_prefix("can't be generated any more: "));
    assert_all_targets(&json!(broken.collect::<Vec<_>>()));
    life.thymis(&["generate"]).refused();
}

#[test]
fn settings_that_change_are_named_and_those_that_must_be_given_break() {
    let life = Life::new();
    life.upstream.release(&Release::saying("first").setting("probe", true).setting("place", false));
    let moved = life.update();
    let expected = [("probe", "always"), ("place", "never")].map(|(key, required)| {
        json!({ "module": "temperature-logger", "setting": key, "change": "added", "required": required })
    });
    assert_eq!(moved["changes"]["modules"]["changes"], json!(expected));
    let effect = &moved["changes"]["effect"];
    assert_all_targets(&effect["broken"]);
    let named = texts(&effect["broken"]).iter().filter(|why| why.contains("`probe` is missing")).count();
    assert_eq!(named, USERS.len(), "{effect}");
    // Going back to what can be generated is told, too.
    life.upstream.release(&Release::saying("first"));
    let effect = life.update()["changes"]["effect"].clone();
    assert_all_targets(&effect["mended"]);
    assert_eq!(effect["broken"], json!([]), "{effect}");
    life.assert_says("first");
}

#[test]
fn files_and_configurations_are_counted() {
    let life = Life::new();
    life.upstream.release(&Release::saying("second"));
    let effect = life.update()["changes"]["effect"].clone();
    assert_eq!(effect["file-names"], json!(USERS));
    assert_eq!(
        (&effect["files"], &effect["configurations"], &effect["of-configurations"]),
        (&json!(3), &json!(3), &json!(3)),
        "{effect}"
    );
    assert_eq!((&effect["uses"], &effect["unknown"]), (&json!(0), &json!(null)), "{effect}");

    // In one tag alone, which three configurations have.
    for (file, modules) in [("tags/greenhouses", json!([])), ("configurations/greenhouse-south", device())] {
        let file = format!("state/{file}.json");
        let mut state: serde_json::Value = serde_json::from_str(&life.read(&file)).unwrap();
        state["modules"] = modules;
        life.write(&file, state.to_string());
    }
    life.upstream.release(&Release::saying("third"));
    let told = life.thymis(&["input", "update", "temperature"]).done().stdout;
    assert!(told.contains("1 file on 3 configurations of 3: tags/core.nix"), "{told}");
    // The tag on one configuration less.
    let file = "state/configurations/greenhouse-south.json";
    let mut state: serde_json::Value = serde_json::from_str(&life.read(file)).unwrap();
    state["tags"] = json!([]);
    life.write(file, state.to_string());
    life.upstream.release(&Release::saying("fourth"));
    let effect = life.update()["changes"]["effect"].clone();
    assert_eq!((&effect["files"], &effect["configurations"]), (&json!(1), &json!(2)), "{effect}");
}

fn device() -> serde_json::Value {
    let settings = json!({ "device_type": "raspberry-pi-3", "image_format": "sd-card-image",
        "device_name": "greenhouse-south", "nix_state_version": "25.11" });
    json!([{ "module": "thymis/device", "settings": settings }])
}

#[test]
fn a_state_that_cannot_be_read_is_an_answer() {
    let life = Life::new();
    life.upstream.release(&Release::saying("second"));
    life.write("state/tags/core.json", "{");
    let answer = life.input("update", &[]);
    assert!(answer.json()["error"].as_str().unwrap().contains("state/tags/core.json"), "{answer:?}");
    assert!(answer.refused().contains("state/tags/core.json"));
    assert_eq!(life.read("state/tags/core.json"), "{");
}

#[test]
fn a_flake_that_modules_read_counts_though_no_file_differs() {
    let world = World::generated();
    let repository = world.own(Example::WebApp);
    world.thymis(&["input", "add", "--replace", "web", &format!("git+file://{}", repository.display())]).done();
    world.thymis(&["input", "accept", "web", "--yes"]).done();
    let module = fs::read_to_string(repository.join("module.nix")).unwrap();
    fs::write(repository.join("module.nix"), module + "# Another service\n").unwrap();
    commit(&repository);
    let moved = world.thymis(&["input", "update", "web", "--json"]).done().json()[0].clone();
    let effect = &moved["changes"]["effect"];
    assert_eq!((&moved["result"], &effect["files"], &effect["uses"]), (&json!("moved"), &json!(0), &json!(3)));

    let nixpkgs = world.path().join("nixpkgs");
    copy(World::inputs()[0].1, &nixpkgs);
    world.thymis(&["input", "add", "--replace", "nixpkgs", &format!("git+file://{}", nixpkgs.display())]).done();
    fs::write(nixpkgs.join("newer"), "").unwrap();
    commit(&nixpkgs);
    let told = world.thymis(&["input", "update", "nixpkgs"]).done().stdout;
    assert!(told.contains("its flake is used by 3 configurations of 3"), "{told}");
}
