//! What is pinned: inputs of inputs at the servers of the project's own inputs.

use std::fs;

use serde_json::{Value, json};
use thymis_tests::{Fixtures, Lib, git, server::bare_clone};

use crate::{Flake, Place, place::archive};

#[test]
fn inputs_of_inputs_are_pinned_and_then_need_no_network() {
    let mut place = Place::new();
    let old = place.flake("deep", &Flake::new());
    place.flake("helper", &Flake::new().on("deep", &place.url("deep")));
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    // Its author locked it.
    place.flake("locked", &Flake::new().on("helper", &place.url("helper")));
    place.nix(&["flake", "lock"], &place.site("locked")).done();
    place.files("locked", &[]);
    let new = place.files("deep", &[("flake.nix", "{ outputs = _: { word = \"newer\"; }; }")]);
    for name in ["sensors", "locked"] {
        place.add(name);
    }
    let done = place.lock();
    assert_eq!(done, json!({ "pinned": ["locked/helper", "sensors/helper"], "fetched": 3 }));
    for (input, revision) in [("sensors", &new), ("locked", &old)] {
        let node = place.node(&[input, "helper", "deep"]);
        assert_eq!(node["locked"]["rev"], **revision);
        assert_eq!(node["locked"]["lastModified"], 1_767_225_600);
        assert!(node["locked"]["narHash"].as_str().unwrap().starts_with("sha256-"));
    }
    assert_eq!(place.node(&["sensors"])["locked"]["url"], place.url("sensors").strip_prefix("git+").unwrap());

    // Once more, for nothing.
    let (lock, asked) = (place.world.read("flake.lock"), place.server().requests().len());
    let said = place.thymis(&["input", "lock"]).done().stdout;
    assert_eq!(said, "Everything is pinned\n");
    assert_eq!((place.world.read("flake.lock"), place.server().requests().len()), (lock, asked));

    place.stop();
    let both = "\"${inputs.sensors.word} ${inputs.locked.word}\"";
    assert_eq!(place.says(both), json!("sensors(helper(newer)) locked(helper(deep))"));
    place.thymis(&["check", "--again"]).done();
    assert_eq!(place.thymis(&["--json", "input", "lock"]).done().json()["fetched"], 0);
}

#[test]
fn archives_and_mere_files_are_inputs_of_inputs() {
    let mut place = Place::new();
    place.flake("words", &Flake::new());
    git(&place.site("words"), &["branch", "other"]);
    place.files("words", &[("word", "master")]);
    archive(&place, "data");
    let archived = place.url("data.tar.gz").strip_prefix("git+").unwrap().to_owned();
    let (words, attributes) = (place.url("words"), place.url("words").replacen("git+", "", 1));
    let flake = Flake::new()
        .on_files("archive", &format!("url = \"{archived}\";"))
        .on_files("attributes", &format!("type = \"git\"; url = \"{attributes}\"; ref = \"other\";"))
        .on_files("branch", &format!("url = \"{words}?ref=refs/heads/other\";"))
        .on_files("files", &format!("url = \"{words}\";"));
    place.flake("sensors", &flake);
    place.flake("above", &Flake::new().on("sensors", &place.url("sensors")));
    place.add("above");
    assert_eq!(place.lock()["pinned"], json!(["above/sensors"]));
    let locked = place.node(&["above", "sensors", "archive"]);
    assert_eq!((&locked["flake"], &locked["locked"]["type"]), (&json!(false), &json!("tarball")));
    place.stop();
    assert_eq!(place.says("inputs.above.word"), json!("above(sensors(archived words words master))"));
}

#[test]
fn what_an_update_does_not_touch_stays_as_it_was() {
    let place = Place::new();
    for name in ["one", "two"] {
        let deep = format!("{name}-deep");
        place.flake(&deep, &Flake::new());
        place.flake(name, &Flake::new().on("deep", &place.url(&deep)));
        place.add(name);
    }
    place.lock();
    let nodes = |input: &str| -> Vec<(String, Value)> {
        let nodes = place.flake_lock()["nodes"].as_object().unwrap().clone();
        nodes.into_iter().filter(|(name, _)| name.starts_with(input)).collect()
    };
    let (before, asked) = (nodes("two"), asked_for(&place, "two-deep"));
    assert_eq!(before.len(), 2);
    for name in ["one", "one-deep", "two-deep"] {
        place.files(name, &[("more", "")]);
    }
    place.thymis(&["input", "update"]).done();
    assert_eq!(nodes("two"), before);
    assert_eq!(place.lock()["pinned"], json!(["one/deep"]));
    assert_eq!(nodes("two"), before);
    assert_eq!(asked_for(&place, "two-deep"), asked);
    let newest = git(&place.site("one-deep"), &["rev-parse", "HEAD"]);
    assert_eq!(place.node(&["one", "deep"])["locked"]["rev"], newest.trim());
}

#[test]
fn a_flake_in_a_folder_has_inputs_too() {
    let mut place = Place::new();
    place.flake("helper", &Flake::new());
    let text = format!(
        "{{ inputs.helper.url = \"{}\"; outputs = i: {{ word = \"in ${{i.helper.word}}\"; }}; }}",
        place.url("helper")
    );
    place.files("mono", &[("a/b/flake.nix", &text), ("flake.nix", "{ outputs = _: { word = \"of no use\"; }; }")]);
    place.thymis(&["input", "add", "sensors", &format!("{}?dir=a/b", place.url("mono"))]).done();
    assert_eq!(place.lock()["pinned"], json!(["sensors/helper"]));
    place.stop();
    assert_eq!(place.says("inputs.sensors.word"), json!("in helper"));
}

fn asked_for(place: &Place, repository: &str) -> usize {
    let path = format!("/{repository}/");
    place.server().requests().iter().filter(|request| request.path.starts_with(&path)).count()
}

#[test]
fn ones_own_nixpkgs_and_thymis_are_what_inputs_of_these_names_are() {
    let mut place = Place::new();
    let sites = place.site("");
    bare_clone(Fixtures::nixpkgs(Lib::Small, "").unwrap(), &sites, "own/nixpkgs");
    bare_clone(Fixtures::thymis(), &sites, "own/thymis");
    for name in ["nixpkgs", "thymis"] {
        place.thymis(&["input", "add", "--replace", name, &place.url(&format!("own/{name}"))]).done();
    }
    let text = "{
  inputs.nixpkgs.url = \"github:NixOS/nixpkgs\";
  inputs.thymis.url = \"github:thymis-io/thymis\";
  outputs = i: { word = \"${i.nixpkgs.rev} ${i.thymis.rev}\"; };
}";
    place.files("sensors", &[("flake.nix", text)]);
    place.add("sensors");
    assert_eq!(place.lock(), json!({ "pinned": [], "fetched": 0 }));
    place.stop();
    let revision = |folder: &std::path::Path| git(folder, &["rev-parse", "HEAD"]).trim().to_owned();
    let revisions = ["nixpkgs", "thymis"].map(|name| revision(&sites.join("own").join(name)));
    assert_eq!(place.says("inputs.sensors.word"), json!(revisions.join(" ")));
}

/// A person clones the project: nothing is there but what the lock says.
#[test]
fn on_another_machine_what_is_pinned_is_fetched_again() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    place.add("sensors");
    place.lock();
    place.configure("lobby", "inputs.sensors.word");
    place.thymis(&["generate"]).done();
    let lock = place.world.read("flake.lock");
    place.files("helper", &[("more", "")]);
    fs::remove_dir_all(place.world.home().join("cache")).unwrap();
    place.thymis(&["eval", "lobby", "words.said"]).refused();
    assert_eq!(place.lock(), json!({ "pinned": [], "fetched": 1 }));
    assert_eq!(place.evaluated(), json!("sensors(helper)"));
    assert_eq!(place.world.read("flake.lock"), lock);
}

/// What is broken for one input is no reason to leave the others.
#[test]
fn an_input_whose_outputs_nobody_can_tell_is_pinned_like_others() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    let text = format!("{{ inputs.helper.url = \"{}\"; outputs = _: throw \"broken\"; }}", place.url("helper"));
    place.files("broken", &[("flake.nix", &text)]);
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    for name in ["broken", "sensors"] {
        place.add(name);
    }
    let said = place.thymis(&["--json", "input", "lock"]).done();
    assert_eq!(said.json()["pinned"], json!(["broken/helper", "sensors/helper"]));
    assert!(said.stderr.contains("WARN") && said.stderr.contains("offer"), "{}", said.stderr);
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(helper)"));
}
