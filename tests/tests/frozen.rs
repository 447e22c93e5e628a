//! What was released goes on working: `tests/fixtures/frozen` has a repository as it was compiled and written for each
//! released version of the Module interface and of the manifest. Its files never change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use thymis_core::{digest::Digest, schema::Descriptor};
use thymis_sandbox::{Limits, Sandbox};
use thymis_tests::{Fixtures, World, commit, copy, git};

const COMPONENT: &str = "modules/wide.wasm";

fn frozen(version: &str) -> PathBuf {
    Fixtures::folder().join("frozen").join(version)
}

/// The types of the interface, without comments.
fn interface() -> String {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(Fixtures::folder().join("../../wit/v0.1")).unwrap();
    let mut printer = wit_component::WitPrinter::default();
    printer.emit_docs(false);
    printer.print(&resolve, package, &[]).unwrap();
    printer.output.to_string()
}

#[test]
fn the_interface_0_1_has_the_types_it_was_released_with() {
    let released = fs::read_to_string(frozen("0.1").join("module.wit")).unwrap();
    assert_eq!(interface(), released, "wit/v0.1 is frozen: changes go into a new version beside it");
}

#[test]
fn a_component_of_0_1_loads_and_describes_itself_as_ever() {
    let bytes = fs::read(frozen("0.1").join("repository").join(COMPONENT)).unwrap();
    let component = Sandbox::new(Limits::default(), None).unwrap().load(&bytes, false).unwrap();
    let descriptors = Descriptor::check_all(component.describe().unwrap().answer).unwrap();
    let [wide] = descriptors.as_slice() else { panic!("{} modules", descriptors.len()) };
    let settings: Vec<String> =
        wide.settings.settings().map(|setting| format!("{}: {}", setting.key, setting.shape.name())).collect();
    insta::assert_snapshot!(settings.join("\n"), @r"
    name: string
    mode: select
    enabled: bool
    level: int
    ratio: float
    notes: text
    script: code
    place: path
    package: package
    device: device-type
    artifact: artifact
    secret: secret
    timer: systemd-timer
    reason: string
    kind: string
    first: group
    peers: list
    words: list
    numbers: map
    ");
    assert!(component.migrate("wide", 0, "{}").unwrap().answer.is_err());
    assert_eq!(component.migrate("wide", 2, "{}").unwrap().answer.unwrap(), r#"{"level":2}"#);
}

/// A project as somebody made it with that version: state, and what the device had.
#[test]
fn a_repository_of_0_1_gives_a_device_the_same_values() {
    let folder = frozen("0.1");
    let world = World::with_inputs();
    let repository = world.path().join("wide");
    copy(&folder.join("repository"), &repository);
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    commit(&repository);
    world.add("wide", &repository).done();
    world.thymis(&["input", "accept", "wide", "--yes"]).done();
    copy(&folder.join("project"), &world.project());
    world.thymis(&["generate"]).done();

    let options = ["services.wide", "environment.etc"];
    let values = world.thymis(&["--json", "eval", "board", options[0], options[1]]).done().json();
    let values = json!({
        "options": without_hashes(values),
        "secrets": serde_json::from_str::<Value>(&world.read("hosts/board.secrets.json")).unwrap(),
    });
    let released = fs::read_to_string(folder.join("values.json")).unwrap();
    let text = serde_json::to_string_pretty(&values).unwrap() + "\n";
    assert_eq!(text, released, "what a released module sets has changed");
}

/// Paths of the store end in a name and begin with a hash of what nixpkgs makes of it.
fn without_hashes(value: Value) -> Value {
    let hash = regex::Regex::new("/nix/store/[0-9a-z]{32}-").unwrap();
    serde_json::from_str(&hash.replace_all(&value.to_string(), "/nix/store/…-")).unwrap()
}

#[test]
fn nobody_changed_the_component() {
    let bytes = fs::read(frozen("0.1").join("repository").join(COMPONENT)).unwrap();
    insta::assert_snapshot!(Digest::of(&bytes), @"sha256:fc50cb2f548b7be26aca08a895c0dc4bca88882f1952cf255325a3684021db9c");
}
