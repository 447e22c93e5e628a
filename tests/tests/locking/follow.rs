//! Inputs of inputs that are another input of the project because somebody said so.

use serde_json::json;
use thymis_tests::Disk;

use crate::{Flake, Place};

/// A project with `sensors`, whose inputs `a` and `b` are nowhere, and with `utils` and `more`.
fn place() -> Place {
    let place = Place::new();
    for name in ["utils", "more"] {
        place.flake(name, &Flake::new());
        place.add(name);
    }
    place.flake("sensors", &Flake::new().on("a", "github:nobody/a").on("b", "path:/etc"));
    place.add("sensors");
    place
}

fn lines(place: &Place) -> Vec<String> {
    let text = place.world.read("flake.nix");
    text.lines().map(str::trim).filter(|line| line.contains(".follows")).map(str::to_owned).collect()
}

#[test]
fn inputs_follow_what_they_are_told_to() {
    let mut place = place();
    place.refuses_to_lock(&[]);
    place.thymis(&["input", "follow", "sensors", "a", "utils"]).done();
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → b` is path:/etc") && !said.contains("sensors → a"), "{said}");
    let said = place.thymis(&["input", "follow", "sensors", "b", "utils"]).done().stdout;
    assert!(said.contains("sensors/b follows utils"), "{said}");
    assert_eq!(lines(&place), ["sensors.inputs.a.follows = \"utils\";", "sensors.inputs.b.follows = \"utils\";"]);
    assert_eq!(place.lock(), json!({ "pinned": [], "fetched": 0 }));
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(utils utils)"));
    place.thymis(&["input", "follow", "sensors", "b", "more"]).done();
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(utils more)"));

    // Another revision of it, and other names.
    place.files("sensors", &[("more", "")]);
    place.thymis(&["input", "add", "--replace", "sensors", &place.url("sensors")]).done();
    place.files("sensors", &[("even-more", "")]);
    place.thymis(&["input", "update", "sensors"]).done();
    place.thymis(&["input", "rename", "utils", "tools"]).done();
    place.thymis(&["input", "rename", "sensors", "probes"]).done();
    assert_eq!(lines(&place), ["probes.inputs.a.follows = \"tools\";", "probes.inputs.b.follows = \"more\";"]);
    assert_eq!(place.lock()["pinned"], json!([]));
    place.stop();
    assert_eq!(place.says("inputs.probes.word"), json!("sensors(utils more)"));

    let before = Disk::visible(&place.world.project());
    let said = place.thymis(&["input", "remove", "tools"]).refused();
    assert!(said.contains("`a` of the input `probes`") && said.contains("thymis input follow"), "{said}");
    before.assert_same(&Disk::visible(&place.world.project()));
    place.thymis(&["input", "follow", "probes", "a", "more"]).done();
    place.thymis(&["input", "remove", "tools"]).done();
    place.thymis(&["input", "follow", "probes", "a"]).done();
    assert_eq!(lines(&place), ["probes.inputs.b.follows = \"more\";"]);
    assert!(!place.world.read("state/project.json").contains("\"a\""));
}

#[test]
fn what_can_not_follow_is_refused() {
    let place = place();
    let before = Disk::visible(&place.world.project());
    for (own, target, words) in [
        ("c", "utils", "it has a, b"),
        ("a", "nothing", "the project has no such input"),
        ("a", "sensors", "that is the input itself"),
        ("a/b", "utils", "only inputs that its own flake names"),
    ] {
        let said = place.thymis(&["input", "follow", "sensors", own, target]).refused();
        assert!(said.contains(words), "{said}");
    }
    assert!(place.thymis(&["input", "follow", "sensors", "c"]).refused().contains("it has a, b"));
    let said = place.thymis(&["input", "follow", "nothing", "a", "utils"]).refused();
    assert!(said.contains("there is no input `nothing`"), "{said}");
    before.assert_same(&Disk::visible(&place.world.project()));
}

/// A flake that has lost an input, which was said to follow.
#[test]
fn what_is_gone_can_be_taken_back() {
    let place = place();
    for own in ["a", "b"] {
        place.thymis(&["input", "follow", "sensors", own, "utils"]).done();
    }
    place.flake("sensors", &Flake::new().on("b", "path:/etc"));
    place.thymis(&["input", "update", "sensors"]).done();
    assert_eq!(lines(&place), ["sensors.inputs.b.follows = \"utils\";"]);
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(utils)"));
    place.thymis(&["input", "follow", "sensors", "a"]).done();
    assert!(!place.world.read("state/project.json").contains("\"a\""));
}

/// `nixpkgs` of an input is the project's unless somebody says otherwise.
#[test]
fn what_follows_by_itself_can_follow_another() {
    let place = Place::new();
    place.flake("small", &Flake::new());
    place.add("small");
    place.flake("sensors", &Flake::new().on("nixpkgs", "github:NixOS/nixpkgs"));
    place.add("sensors");
    assert_eq!(lines(&place), ["sensors.inputs.nixpkgs.follows = \"nixpkgs\";"]);
    place.thymis(&["input", "follow", "sensors", "nixpkgs", "small"]).done();
    assert_eq!(lines(&place), ["sensors.inputs.nixpkgs.follows = \"small\";"]);
    assert_eq!(place.says("inputs.sensors.word"), json!("sensors(small)"));
    place.thymis(&["input", "follow", "sensors", "nixpkgs"]).done();
    assert_eq!(lines(&place), ["sensors.inputs.nixpkgs.follows = \"nixpkgs\";"]);
}
