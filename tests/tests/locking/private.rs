//! Private repositories: the program has a token for each, Nix never has one.

use serde_json::json;

use crate::{Flake, Place};

const SECRETS: [&str; 2] = ["SECRET-of-the-first", "SECRET-of-the-second"];

#[test]
fn two_private_inputs_of_one_host_have_a_token_each() {
    let mut place = Place::new();
    place.flake("utils", &Flake::new());
    for (name, token) in ["one", "two"].into_iter().zip(SECRETS) {
        place.flake(name, &Flake::new().on("utils", &place.url("utils")));
        place.token(name, token);
        place.credential(name, token);
        place.add(name);
    }
    place.surround(SECRETS[0]);
    assert_eq!(place.lock()["pinned"], json!(["one/utils", "two/utils"]));
    place.assert_nix_had_no_credential();
    let both = "\"${inputs.one.word} ${inputs.two.word}\"";
    place.stop();
    assert_eq!(place.says(both), json!("one(utils) two(utils)"));
    place.thymis(&["check", "--again"]).done();
}

#[test]
fn a_private_input_of_an_input_is_refused_by_name_until_the_project_has_it() {
    let mut place = Place::new();
    place.flake("utils", &Flake::new());
    place.flake("secret-lib", &Flake::new().on("utils", &place.url("utils")));
    place.flake("sensors", &Flake::new().on("secret-lib", &place.url("secret-lib")));
    for (name, token) in ["sensors", "secret-lib"].into_iter().zip(SECRETS) {
        place.token(name, token);
        place.credential(name, token);
    }
    place.add("sensors");
    let said = place.refuses_to_lock(&[]);
    for words in ["`sensors → secret-lib`", &place.url("secret-lib"), "has no credential", "thymis input add"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("SECRET"), "{said}");

    // Whoever names a private input doesn't get it by that.
    place.add("secret-lib");
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("it is your private input `secret-lib`"), "{said}");
    assert!(said.contains("`thymis input follow sensors secret-lib secret-lib`"), "{said}");
    place.thymis(&["input", "follow", "sensors", "secret-lib", "secret-lib"]).done();
    let said = place.thymis(&["input", "lock"]).done().stdout;
    assert!(said.contains("Pinned secret-lib/utils"), "{said}");
    assert!(place.world.read("flake.nix").contains("sensors.inputs.secret-lib.follows = \"secret-lib\";"));
    assert!(place.world.read("state/project.json").contains("follows"));
    place.assert_nix_had_no_credential();
    place.stop();
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(secret-lib(utils))"));
}

#[test]
fn one_behind_a_public_one_is_had_when_the_project_has_both() {
    let mut place = Place::new();
    place.flake("secret-lib", &Flake::new());
    place.flake("helper", &Flake::new().on("lib", &place.url("secret-lib")));
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    place.token("secret-lib", SECRETS[0]);
    place.credential("secret-lib", SECRETS[0]);
    place.add("sensors");
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → helper → lib`") && said.contains("what leads there too"), "{said}");
    // Who is around has no say.
    place.surround(SECRETS[0]);
    assert_eq!(place.refuses_to_lock(&[]), said);
    for name in ["secret-lib", "helper"] {
        place.add(name);
    }
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`helper → lib`") && said.contains("`thymis input follow helper lib secret-lib`"), "{said}");
    place.thymis(&["input", "follow", "helper", "lib", "secret-lib"]).done();
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → helper → lib`") && said.contains("thymis input follow"), "{said}");
    place.thymis(&["input", "follow", "sensors", "helper", "helper"]).done();
    assert_eq!(place.lock()["pinned"], json!([]));
    place.assert_nix_had_no_credential();
    place.stop();
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(helper(secret-lib))"));
}

/// Whose lock already says what it is, so that Nix needs it for nothing but its files.
#[test]
fn one_that_the_author_locked_is_refused_by_name_too() {
    let place = Place::new();
    place.flake("secret-lib", &Flake::new());
    place.flake("helper", &Flake::new().on("lib", &place.url("secret-lib")));
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    place.nix(&["flake", "lock"], &place.site("sensors")).done();
    place.files("sensors", &[]);
    place.token("secret-lib", SECRETS[0]);
    place.add("sensors");
    let said = place.refuses_to_lock(&[]);
    let address = format!("`sensors → helper → lib` is {}: ", place.url("secret-lib"));
    assert!(said.contains(&address) && said.contains("has no credential"), "{said}");
}

#[test]
fn another_branch_is_not_the_same_input() {
    let place = Place::new();
    place.flake("lib", &Flake::new());
    thymis_tests::git(&place.site("lib"), &["branch", "other"]);
    place.files("lib", &[("flake.nix", "{ outputs = _: { word = \"newer\"; }; }")]);
    place.thymis(&["input", "add", "lib", &format!("{}?ref=other", place.url("lib"))]).done();
    place.flake("sensors", &Flake::new().on("lib", &place.url("lib")));
    place.add("sensors");
    let done = place.lock();
    assert_eq!(done["pinned"], json!(["sensors/lib"]));
    assert_eq!(place.says("\"${inputs.sensors.word} ${inputs.lib.word}\""), json!("sensors(newer) lib"));
    // Unless a person says so.
    place.thymis(&["input", "follow", "sensors", "lib", "lib"]).done();
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(lib)"));
}

/// A lock names files by a hash, which anybody may know who has seen the lock of the project.
#[test]
fn files_of_a_private_input_are_not_had_by_their_hash() {
    let place = Place::new();
    place.flake("secret", &Flake::new());
    place.token("secret", SECRETS[0]);
    place.credential("secret", SECRETS[0]);
    place.add("secret");
    place.flake("innocent", &Flake::new());
    place.flake("sensors", &Flake::new().on("x", &place.url("innocent")));
    let mut locked = place.node(&["secret"]);
    for part in ["locked", "original"] {
        locked[part]["url"] = json!(place.url("innocent").strip_prefix("git+").unwrap());
    }
    let lock = json!({ "root": "root", "version": 7, "nodes": { "root": { "inputs": { "x": "x" } }, "x": locked } });
    place.files("sensors", &[("flake.lock", &lock.to_string())]);
    place.add("sensors");
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → x`") && said.contains("another repository"), "{said}");
}
