//! A project of Thymis 0.9 is taken over with everything that it has; what can't be is named and kept; what is hostile is
//! refused and nothing is made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod artifacts;
mod export;
mod hostile;
mod sample;
mod versions;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use thymis_tests::{Fixtures, Output, World};

const DEVICE: &str = "thymis_controller.modules.thymis.ThymisDevice";
const BASH: &str = "thymis_controller.modules.bash.BashModule";

fn sample() -> PathBuf {
    Fixtures::folder().join("thymis-state/0.0.9.json")
}

/// Writes a state.json into the world's folder `old`.
fn old(world: &World, state: &Value) -> PathBuf {
    let folder = world.path().join("old");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("state.json"), state.to_string()).unwrap();
    folder
}

fn init(world: &World, old: &Path) -> Output {
    world.thymis_in(world.path(), &["init", "project", "--json", "--from-thymis", old.to_str().unwrap()])
}

/// A project made of a state, and the report.
fn imported(state: &Value) -> (World, Value) {
    let world = World::empty();
    let old = old(&world, state);
    let report = init(&world, &old).done().json()["report"].clone();
    (world, report)
}

/// What is said of a state of which no project is made.
#[track_caller]
fn refused(state: impl AsRef<[u8]>) -> String {
    let world = World::empty();
    let old = old(&world, &json!({}));
    fs::write(old.join("state.json"), state).unwrap();
    let said = init(&world, &old).refused();
    assert!(!world.project().exists(), "{said}");
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 2, "only the home and the old project are there");
    said.replace(world.path().to_str().unwrap(), "/world")
}

fn state(world: &World, file: &str) -> Value {
    serde_json::from_str(&world.read(file)).unwrap()
}

fn configuration(identifier: &str, modules: Value) -> Value {
    json!({ "displayName": identifier, "identifier": identifier, "tags": [], "modules": modules })
}

fn newest(configs: Value) -> Value {
    json!({ "version": "0.0.9", "repositories": {}, "tags": [], "configs": configs })
}
