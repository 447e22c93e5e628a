//! Inputs of inputs that are none: each is refused with the chain that led there, and nothing is changed.

use std::fs;

use serde_json::{Value, json};
use thymis_tests::Disk;

use crate::{Flake, Place};

const FOLDER: &str = "it names a folder";
const REGISTRY: &str = "decided by a registry";
const PUBLIC: &str = "only what everybody can fetch by https";
const OTHER: &str = "such inputs aren't supported";

/// An address in a flake.nix, what it is locked to, and why it is refused.
const ADDRESSES: [(&str, &str, &str); 8] = [
    ("path:/etc", r#"{ "type": "path", "path": "/etc" }"#, FOLDER),
    ("path:../..", r#"{ "type": "path", "path": "../.." }"#, FOLDER),
    ("path:./sub", r#"{ "type": "path", "path": "./sub" }"#, FOLDER),
    ("nixpkgs", r#"{ "type": "indirect", "id": "nixpkgs" }"#, REGISTRY),
    ("git+file:///srv/x", r#"{ "type": "git", "url": "file:///srv/x" }"#, PUBLIC),
    ("git+ssh://git@127.0.0.1/x", r#"{ "type": "git", "url": "ssh://git@127.0.0.1/x" }"#, PUBLIC),
    ("hg+https://127.0.0.1/x", r#"{ "type": "hg", "url": "https://127.0.0.1/x" }"#, OTHER),
    ("file:///etc/passwd.tar", r#"{ "type": "tarball", "url": "file:///etc/passwd.tar" }"#, PUBLIC),
];

/// Inputs `x0`, `x1` and so on.
fn named() -> impl Iterator<Item = (String, &'static str, Value, &'static str)> {
    ADDRESSES.iter().enumerate().map(|(number, (address, locked, why))| {
        let mut locked: Value = serde_json::from_str(locked).unwrap();
        locked["narHash"] = json!(format!("sha256-{}=", "A".repeat(43)));
        if matches!(locked["type"].as_str(), Some("git" | "hg")) {
            locked["rev"] = json!("1".repeat(40));
        }
        (format!("x{number}"), *address, locked, *why)
    })
}

#[track_caller]
fn assert_names_all(said: &str, chain: &str) {
    for (name, _, _, why) in named() {
        let begins = format!("- `{chain} → {name}` is ");
        let line = said.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn in_the_flake_of_an_input() {
    let place = Place::new();
    let flake = named().fold(Flake::new(), |flake, (name, address, ..)| flake.on(&name, address));
    place.flake("sensors", &flake);
    place.add("sensors");
    assert_names_all(&place.refuses_to_lock(&[]), "sensors");
}

#[test]
fn in_the_flake_of_an_input_of_an_input() {
    let place = Place::new();
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    place.flake("helper", &Flake::new());
    place.add("sensors");
    for (name, address, _, why) in named() {
        place.flake("helper", &Flake::new().on(&name, address));
        let said = place.refuses_to_lock(&[]);
        let begins = format!("- `sensors → helper → {name}` is ");
        assert!(said.contains(&begins) && said.contains(address) && said.contains(why), "{address}: {said}");
    }
}

#[test]
fn in_the_lock_of_an_input() {
    let place = Place::new();
    let innocent = place.url("innocent");
    place.flake("sensors", &named().fold(Flake::new(), |flake, (name, ..)| flake.on(&name, &innocent)));
    let original = json!({ "type": "git", "url": innocent.strip_prefix("git+").unwrap() });
    let mut lock = lock(&original);
    place.files("sensors", &[("flake.lock", &lock.to_string())]);
    place.add("sensors");
    assert_names_all(&place.refuses_to_lock(&[]), "sensors");
    // Of what it doesn't know, Nix doesn't say where that is.
    lock["nodes"]["x0"]["locked"]["type"] = json!("\u{1b}[31mred");
    place.files("sensors", &[("flake.lock", &lock.to_string())]);
    place.thymis(&["input", "update", "sensors"]).done();
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("- `sensors → x0` is \\u{1b}[31mred") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn in_the_lock_of_an_input_of_an_input() {
    let place = Place::new();
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    // Its flake.nix says nothing wrong.
    let innocent = place.url("innocent");
    place.flake("helper", &named().fold(Flake::new(), |flake, (name, ..)| flake.on(&name, &innocent)));
    let original = json!({ "type": "git", "url": innocent.strip_prefix("git+").unwrap() });
    place.files("helper", &[("flake.lock", &lock(&original).to_string())]);
    place.add("sensors");
    assert_names_all(&place.refuses_to_lock(&[]), "sensors → helper");
    assert!(!place.server().requests().iter().any(|request| request.path.starts_with("/innocent")));
}

/// A lock whose root has all of them as inputs.
fn lock(original: &Value) -> Value {
    let mut nodes = json!({ "root": { "inputs": {} } });
    for (name, _, locked, _) in named() {
        nodes["root"]["inputs"][&name] = json!(name);
        nodes[name] = json!({ "locked": locked, "original": original });
    }
    json!({ "nodes": nodes, "root": "root", "version": 7 })
}

#[test]
fn what_is_not_what_its_lock_says() {
    let place = Place::new();
    place.flake("sensors", &Flake::new().on("helper", &place.url("helper")));
    place.flake("deep", &Flake::new());
    place.flake("helper", &Flake::new().on("deep", &place.url("deep")));
    place.nix(&["flake", "lock"], &place.site("helper")).done();
    let lock = fs::read_to_string(place.site("helper").join("flake.lock")).unwrap();
    place.add("sensors");
    let mut lock: Value = serde_json::from_str(&lock).unwrap();
    lock["nodes"]["deep"]["locked"]["narHash"] = json!(format!("sha256-{}=", "A".repeat(43)));
    place.files("helper", &[("flake.lock", &lock.to_string())]);
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → helper → deep`") && said.contains("lock it anew"), "{said}");
}

#[test]
fn in_a_lock_that_was_edited() {
    let place = Place::new();
    let flake = named().fold(Flake::new(), |flake, (name, ..)| flake.on(&name, "github:nobody/nothing"));
    place.flake("sensors", &flake);
    place.add("sensors");
    let mut edited = place.flake_lock();
    for (name, _, locked, _) in named() {
        edited["nodes"]["sensors"]["inputs"][&name] = json!(name);
        edited["nodes"][name] =
            json!({ "locked": locked, "original": { "type": "github", "owner": "nobody", "repo": "nothing" } });
    }
    place.world.write("flake.lock", edited.to_string());
    assert_names_all(&place.refuses_to_lock(&[]), "sensors");
    let before = Disk::visible(&place.world.project());
    assert_names_all(&place.thymis(&["generate"]).refused(), "sensors");
    before.assert_same(&Disk::visible(&place.world.project()));
}

/// Nix would take them into its settings, and so run what the flake says.
#[test]
fn texts_of_a_lock_are_no_settings_of_nix() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    place.flake("sensors", &Flake::new().on("x", &place.url("helper")));
    let code = "{ outputs = _: { word = builtins.exec [ \"sh\" \"-c\" \"echo 1\" ]; }; }";
    for (part, text) in [
        ("repo", "r\nallow-unsafe-native-code-during-evaluation = true\nrestrict-eval = false\nallowed-uris ="),
        ("owner", "o https://127.0.0.1/"),
        ("repo", "r # "),
    ] {
        let mut locked = json!({
            "type": "github", "owner": "o", "repo": "r", "rev": "1".repeat(40), "lastModified": 1,
            "narHash": format!("sha256-{}=", "A".repeat(43)),
        });
        locked[part] = json!(text);
        let node = json!({ "locked": locked, "original": { "type": "git", "url": place.url("helper")[4..] } });
        let lock = json!({ "root": "root", "version": 7, "nodes": { "root": { "inputs": { "x": "x" } }, "x": node } });
        place.files("sensors", &[("flake.lock", &lock.to_string()), ("other/flake.nix", code)]);
        place.thymis(&["input", "add", "--replace", "sensors", &place.url("sensors")]);
        let said = place.refuses_to_lock(&[]);
        assert!(said.contains("`sensors → x`"), "{said}");
    }
    // As a colleague may have pushed it.
    let place = Place::new();
    place.flake("helper", &Flake::new());
    place.flake("sensors", &Flake::new().on("x", &place.url("helper")));
    place.add("sensors");
    place.lock();
    pulled(&place, |lock| {
        let mut lock: Value = serde_json::from_str(lock).unwrap();
        let nodes = lock["nodes"].as_object_mut().unwrap();
        let (_, below) = nodes.iter_mut().find(|(name, _)| name.contains('_')).unwrap();
        below["locked"]["host"] = json!("h\nallow-unsafe-native-code-during-evaluation = true");
        lock.to_string()
    });
    let said = place.thymis(&["generate"]).refused();
    assert!(said.contains("characters that addresses don't have"), "{said}");
}

/// Changes the lock as it comes from a remote.
fn pulled(place: &Place, change: impl Fn(&str) -> String) {
    let lock = place.world.read("flake.lock");
    let changed = change(&lock);
    assert_ne!(lock, changed);
    place.world.write("flake.lock", &changed);
    place.world.git(&["add", "--all"]);
    place.world.git(&["commit", "--quiet", "--message", "pulled"]);
}

/// Nix calls nodes as it likes, also by the names of the project's inputs.
#[test]
fn an_input_of_an_input_is_no_other_input_of_that_name() {
    let mut place = Place::new();
    place.flake("helper", &Flake::new());
    place.flake("sensors", &Flake::new().on("h", &place.url("helper")));
    place.add("sensors");
    place.lock();
    pulled(&place, |lock| lock.replace("sensors_helper", "zed").replace("sensors_h", "zed"));
    place.flake("zed", &Flake::new());
    place.add("zed");
    place.stop();
    assert_eq!(place.says("\"${inputs.sensors.word} ${inputs.zed.word}\""), json!("sensors(helper) zed"));
    let said = place.thymis(&["input", "add", "root", "github:nobody/helper"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
}
