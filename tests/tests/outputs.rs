//! What flakes offer: found out when an input is accepted, kept in the lock, and held against what modules refer to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};
use thymis_core::wire;
use thymis_tests::{Answer, Example, Fixtures, Lib, Output, World, commit, git, guest::Guest};

/// A project with the inputs `nixpkgs` and `thymis`, and repositories beside it.
struct Stage(World);

impl std::ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Stage {
    fn new() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        Self(World::copy_of(TEMPLATE.get_or_init(|| {
            let world = World::empty();
            world.thymis_in(world.path(), &["init", "project"]).done();
            world.add("nixpkgs", Fixtures::nixpkgs(Lib::Small, "").unwrap()).done();
            world.add("thymis", Fixtures::thymis()).done();
            world.kept()
        })))
    }

    /// With the input `sensor`, whose flake has these outputs: it is accepted, but not generated from.
    fn with_sensor(outputs: &str) -> Self {
        let stage = Self::new();
        let repository = stage.sensor(outputs);
        stage.0.add("sensor", &repository).done();
        stage.thymis(&["input", "accept", "sensor", "--yes"]).done();
        stage
    }

    /// Writes the repository of [`guest`] anew.
    fn sensor(&self, outputs: &str) -> PathBuf {
        static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
        let folder = self.path().join("sensor");
        fs::create_dir_all(folder.join("modules")).unwrap();
        fs::write(folder.join("modules/sensor.wasm"), COMPONENT.get_or_init(guest)).unwrap();
        fs::write(folder.join("README.md"), "This repository contains thymis modules.").unwrap();
        fs::write(folder.join("thymis.toml"), MANIFEST).unwrap();
        self.flake("sensor", &format!("outputs = {{ self, ... }}: {outputs};"))
    }

    /// Writes the flake of a repository anew.
    fn flake(&self, name: &str, contents: &str) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("flake.nix"), format!("{{ {contents} }}\n")).unwrap();
        if !folder.join(".git").exists() {
            git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        }
        commit(&folder);
        folder
    }

    /// What is listed of an input that has no modules, with these outputs.
    #[track_caller]
    fn listed(&self, outputs: &str) -> Value {
        let repository = self.flake("plain", &format!("outputs = {{ self, ... }}: {outputs};"));
        let url = format!("git+file://{}", repository.display());
        self.thymis(&["input", "add", "plain", &url, "--replace"]).done();
        let shown = self.thymis(&["--json", "input", "show", "plain"]).done().json();
        assert_eq!(shown["outputs"], self.locked("plain"));
        self.locked("plain")
    }

    fn locked(&self, name: &str) -> Value {
        let lock: Value = serde_json::from_str(&self.read("modules.lock")).unwrap();
        lock["inputs"][name]["outputs"].clone()
    }

    fn device(&self, id: &str, device_type: &str, more: Value, tags: &[&str]) {
        let device = json!({ "module": "thymis/device", "settings": { "device_type": device_type } });
        let modules: Vec<Value> = [device].into_iter().chain(more.as_array().unwrap().iter().cloned()).collect();
        let state = json!({ "tags": tags, "modules": modules });
        self.write(&format!("state/configurations/{id}.json"), state.to_string());
    }

    /// The program where there is git, and no `nix`.
    fn without_nix(&self, arguments: &[&str]) -> Output {
        let folder = self.path().join("bin");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            let git = Output::of(Command::new("sh").args(["-c", "command -v git"])).done().stdout;
            symlink(git.trim(), folder.join("git")).unwrap();
        }
        Output::of(self.command(arguments).env("PATH", folder))
    }
}

const MANIFEST: &str = r#"manifest = 1

[repository]
name = "sensor"
version = "1.0.0"
description = "Measures"

[[device-type]]
id = "probe"
label = "Probe"
system = "aarch64-linux"
output = "nixosModules.probe"
image-formats = ["sd-card-image"]

[[component]]
file = "modules/sensor.wasm"
wit = "0.1"

[[component.permission]]
kind = "option"
value = "services.sensor"
reason = "Is what it is for."

[[component.permission]]
kind = "output"
value = "packages.full"
reason = "Measures everything."

[[component.permission]]
kind = "output"
value = "packages.lite"
reason = "Measures a little."

[[component.permission]]
kind = "output"
value = "nixosModules.service"
reason = "Runs it."
"#;

/// A module whose setting `flavour` chooses what it takes from its flake: the package `full` or `lite`, or the NixOS
/// module `service`.
fn guest() -> Vec<u8> {
    let choice = |value: &str| wire::Choice { value: value.into(), label: vec![] };
    let shape = |shape| wire::SettingType { shape, constraints: vec![] };
    let flavour = wire::Setting {
        key: "flavour".into(),
        type_: 0,
        label: vec![],
        description: vec![],
        required: false,
        default: Some("\"full\"".into()),
        example: None,
        conditions: vec![],
        extra: vec![],
    };
    let descriptor = wire::Descriptor {
        name: "sensor".into(),
        schema_version: 1,
        label: vec![],
        description: vec![],
        category: vec![],
        types: vec![
            shape(wire::Shape::Select(["full", "lite", "service"].map(choice).into())),
            shape(wire::Shape::Group(vec![flavour])),
        ],
        settings: 1,
        extra: vec![],
    };
    let package = |name: &str| {
        let mut answer = Answer::default();
        let package = answer.reference("output", &["packages", name]);
        answer.define(&["services", "sensor", "package"], package, wire::Strength::Override);
        wire::Answer::Ok(answer.0)
    };
    let mut service = Answer::default();
    let module = service.reference("output", &["nixosModules", "service"]);
    service.0.imports.push(module);
    let mut guest = Guest::describing(&[descriptor]);
    let [full, lite] = ["full", "lite"].map(|name| guest.value(&package(name)));
    let service = guest.value(&wire::Answer::Ok(service.0));
    // `{"flavour":"` is twelve bytes long.
    let letter = "(i32.load8_u offset=12 (i32.load offset=16 (local.get $request)))";
    let is = |first: char| format!("(i32.eq {letter} (i32.const {}))", u32::from(first));
    let (is_full, is_lite) = (is('f'), is('l'));
    let generate = format!(
        "(if (result i32) {is_full} (then {full}) (else (if (result i32) {is_lite} (then {lite}) (else {service}))))"
    );
    guest.generate(generate).component()
}

fn sensor(flavour: &str) -> Value {
    json!({ "module": "sensor/sensor", "settings": { "flavour": flavour } })
}

/// Both packages on both systems.
const COMPLETE: &str = r#"{
  packages = builtins.listToAttrs (map (name: { inherit name; value = { full = "full on ${name}"; lite = "lite on ${name}"; }; }) [ "x86_64-linux" "aarch64-linux" ]);
  nixosModules.service = { services.sensor.enable = true; };
  nixosModules.probe = { hardware.deviceType = "probe"; };
}"#;

#[test]
fn what_a_flake_has_is_found_when_it_is_added_locked_and_shown() {
    let stage = Stage::new();
    let listed = stage.listed(
        r#"{
  packages.x86_64-linux = { default = throw "not looked at"; tool = 1; };
  packages.aarch64-linux = { };
  apps.x86_64-linux.run = throw "not looked at";
  checks.x86_64-linux.test = 1;
  devShells.x86_64-linux.default = 1;
  legacyPackages.x86_64-linux = throw "not looked at";
  formatter.x86_64-linux = 1;
  nixosModules = { default = throw "not looked at"; other = { }; };
  nixosModule = { };
  overlays.default = _: _: { };
  overlay = _: _: { };
  nixosConfigurations.box = throw "not looked at";
  lib.twice = x: x + x;
  version = "1";
  derivation = { outPath = "/x"; name = throw "not looked at"; };
  list = [ 1 ];
}"#,
    );
    assert_eq!(
        listed,
        json!({
            "packages": { "x86_64-linux": ["default", "tool"], "aarch64-linux": [] },
            "apps": { "x86_64-linux": ["run"] },
            "checks": { "x86_64-linux": ["test"] },
            "devShells": { "x86_64-linux": ["default"] },
            "legacyPackages": { "x86_64-linux": null },
            "formatter": ["x86_64-linux"],
            "nixosModules": ["default", "other"],
            "nixosModule": [],
            "overlays": ["default"],
            "overlay": null,
            "nixosConfigurations": ["box"],
            "lib": ["twice"],
            "version": null,
            "derivation": null,
            "list": null,
        })
    );
    let shown = stage.thymis(&["input", "show", "plain"]).done().stdout;
    let lines: Vec<&str> = shown.lines().filter(|line| line.trim_start().starts_with("output ")).map(str::trim).collect();
    for line in [
        "output    packages.x86_64-linux default, tool",
        "output    legacyPackages.x86_64-linux",
        "output    nixosModules         default, other",
        "output    version",
    ] {
        assert!(lines.contains(&line), "{line:?} is not among {lines:#?}");
    }
    // What adds it shows it, too.
    let url = format!("git+file://{}", stage.path().join("plain").display());
    let added = stage.thymis(&["input", "add", "plain", &url, "--replace"]).done().stdout;
    assert!(added.contains("nixosModules         default, other"), "{added}");
    // No module refers to nixpkgs' own outputs.
    assert_eq!(stage.locked("nixpkgs"), Value::Null);
    assert_eq!(stage.locked("thymis")["nixosModules"].as_array().unwrap().len(), 9);
}

#[test]
fn an_output_that_cannot_be_evaluated_hides_no_other() {
    let stage = Stage::new();
    let build = r#"(derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; })"#;
    let there = r#"nixosModules.default = { }; packages.x86_64-linux.a = 1;"#;
    for (output, expected) in [
        (r#"checks = throw "x";"#, json!({ "checks": null })),
        (r#"apps.x86_64-linux = throw "x"; apps.aarch64-linux.run = 1;"#, json!({ "apps": { "x86_64-linux": null, "aarch64-linux": ["run"] } })),
        (r#"lib = assert false; { };"#, json!({ "lib": null })),
        // These end all of the evaluation.
        (r#"lib = abort "x";"#, json!({ "lib": null })),
        (r#"lib = let x = x; in x; overlays = { }.missing;"#, json!({ "lib": null, "overlays": null })),
        (&format!("lib = import {build};"), json!({ "lib": null })),
        (&format!("apps.x86_64-linux = import {build}; apps.aarch64-linux.run = 1;"), json!({ "apps": null })),
        ("lib = let f = n: 1 + f n; in f 0;", json!({ "lib": null })),
    ] {
        let mut all = json!({ "nixosModules": ["default"], "packages": { "x86_64-linux": ["a"] } });
        all.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        assert_eq!(stage.listed(&format!("{{ {there} {output} }}")), all, "{output}");
    }
}

#[test]
fn names_are_bounded_in_number_length_and_letters() {
    let stage = Stage::new();
    let escape = r#"${builtins.fromJSON "\"\\u001b[31m\\u202e\""}"#;
    for (outputs, expected) in [
        (format!(r#"{{ lib."{escape}" = 1; overlays."a b" = 1; nixosModules."ü" = 1; templates."" = 1; bundlers."{escape}".a = 1; apps.a."{escape}" = 1; apps.b.x = 1; }}"#),
            json!({ "lib": null, "overlays": null, "nixosModules": null, "templates": null, "bundlers": null, "apps": { "a": null, "b": ["x"] } })),
        (format!(r#"{{ "{escape}" = 1; "a b" = 1; "a.b" = 1; lib = {{ }}; }}"#), json!({ "lib": [], "*": null })),
        (r#"{ lib.${builtins.concatStringsSep "" (builtins.genList (_: "x") 129)} = 1; overlays."\${x}\"" = 1; }"#.to_owned(),
            json!({ "lib": null, "overlays": ["${x}\""] })),
        (format!("{{ lib = {MANY}; overlays.default = 1; packages = {MANY}; apps.x86_64-linux = {MANY}; apps.aarch64-linux.a = 1; }}"),
            json!({ "lib": null, "overlays": ["default"], "packages": null, "apps": { "x86_64-linux": null, "aarch64-linux": ["a"] } })),
    ] {
        assert_eq!(stage.listed(&outputs), expected, "{outputs}");
        let shown = stage.thymis(&["input", "show", "plain"]).done().stdout;
        assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.len() < 4_000, "{shown}");
    }
    let listed = stage.listed(MANY);
    assert_eq!((listed.as_object().unwrap().len(), &listed["*"]), (65, &Value::Null));
    assert!(stage.read("modules.lock").len() < 16_000);
    assert!(stage.thymis(&["input", "show", "plain"]).done().stdout.contains("and others"));
}

/// A hundred thousand names.
const MANY: &str = r#"(builtins.listToAttrs (builtins.genList (n: { name = "n${toString n}"; value = { }; }) 100000))"#;

#[test]
fn outputs_that_depend_on_inputs_are_found_once_these_are_here() {
    let stage = Stage::new();
    let dependency = stage.flake("dependency", "outputs = _: { names.left = { }; };");
    let dependency = format!("git+file://{}", dependency.display());
    let outer = stage.flake(
        "outer",
        &format!(
            r#"inputs.dep.url = "{dependency}"; inputs.nixpkgs.url = "github:NixOS/nixpkgs";
               outputs = {{ self, dep, nixpkgs }}: {{
                 nixosModules = dep.names; fixture = nixpkgs.fixture; packages.x86_64-linux.x = 1; lib = self.nixosModules;
               }};"#
        ),
    );
    let added = stage.0.add("outer", &outer).done();
    assert!(added.stderr.contains("it isn't known which outputs the flake of `outer` has"), "{}", added.stderr);
    assert!(added.stderr.contains("`thymis input lock` looks again"), "{}", added.stderr);
    assert_eq!(stage.locked("outer"), Value::Null);
    stage.0.add("utils", &stage.path().join("dependency")).done();
    stage.thymis(&["input", "follow", "outer", "dep", "utils"]).done();
    stage.thymis(&["input", "lock"]).done();
    let with = |name: &str| json!({ "nixosModules": [name], "fixture": ["lib"], "packages": { "x86_64-linux": ["x"] }, "lib": [name] });
    assert_eq!(stage.locked("outer"), with("left"));

    // All that follows is in the flake, and what is followed is what is evaluated.
    stage.thymis(&["generate"]).done();
    let flake = stage.read("flake.nix");
    for line in ["outer.inputs.dep.follows = \"utils\";", "outer.inputs.nixpkgs.follows = \"nixpkgs\";"] {
        assert!(flake.contains(line), "{line} is not in {flake}");
    }
    stage.flake("dependency", "outputs = _: { names.right = { }; };");
    stage.thymis(&["input", "update", "utils"]).done();
    stage.thymis(&["input", "lock"]).done();
    assert_eq!(stage.locked("outer"), with("right"));
}

#[test]
fn an_update_and_a_way_back_look_again() {
    let stage = Stage::new();
    let repository = stage.sensor(COMPLETE);
    stage.0.add("sensor", &repository).done();
    assert_eq!(stage.locked("sensor"), Value::Null, "nobody accepted it");
    stage.thymis(&["input", "accept", "sensor", "--yes"]).done();
    let both = json!(["full", "lite"]);
    assert_eq!(stage.locked("sensor")["packages"]["x86_64-linux"], both);
    stage.device("lobby", "generic-x86_64", json!([sensor("lite")]), &[]);
    stage.thymis(&["generate"]).done();
    let found = stage.thymis(&["--json", "eval", "lobby", "services.sensor.package"]).done().json();
    assert_eq!(found["services.sensor.package"], "lite on x86_64-linux");

    stage.sensor(&COMPLETE.replace("lite = \"", "light = \""));
    stage.thymis(&["input", "update", "sensor"]).done();
    assert_eq!(stage.locked("sensor")["packages"]["x86_64-linux"], json!(["full", "light"]));
    let revision = git(&stage.path().join("sensor"), &["rev-parse", "--short=10", "HEAD"]);
    let said = stage.thymis(&["generate"]).refused();
    for part in [
        "`sensor/sensor` in configuration `lobby`: `services.sensor.package` needs an output that `sensor` doesn't have",
        revision.trim(),
        "the flake has no `packages.x86_64-linux.lite`; there are `full`, `light`. The setting `/flavour` = \"lite\" leads there",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    stage.thymis(&["input", "rollback", "sensor"]).done();
    assert_eq!(stage.locked("sensor")["packages"]["x86_64-linux"], both);
    stage.thymis(&["generate"]).done();
    stage.thymis(&["input", "rename", "sensor", "probe"]).done();
    assert_eq!(stage.locked("probe")["packages"]["x86_64-linux"], both);
}

#[test]
fn without_nix_everything_goes_on_and_what_is_known_is_checked() {
    let stage = Stage::new();
    let repository = stage.sensor(&COMPLETE.replace("lite = \"", "light = \""));
    stage.without_nix(&["input", "add", "sensor", &format!("git+file://{}", repository.display())]).done();
    let accepted = stage.without_nix(&["input", "accept", "sensor", "--yes"]).done();
    let warned = "it isn't known which outputs the flake of `sensor` has, so generating won't check them";
    assert!(accepted.stderr.contains(warned), "{}", accepted.stderr);
    assert_eq!(stage.locked("sensor"), Value::Null);
    stage.device("lobby", "generic-x86_64", json!([sensor("lite")]), &[]);
    stage.without_nix(&["generate"]).done();
    let said = stage.without_nix(&["check"]).refused();
    assert!(said.contains("nix"), "{said}");

    stage.thymis(&["input", "lock"]).done();
    let said = stage.without_nix(&["generate"]).refused();
    assert!(said.contains("the flake has no `packages.x86_64-linux.lite`"), "{said}");
    stage.device("lobby", "generic-x86_64", json!([sensor("full")]), &[]);
    stage.without_nix(&["generate"]).done();
}

/// The message of the only thing that is wrong.
#[track_caller]
fn refused(stage: &Stage) -> String {
    let said = stage.thymis(&["generate"]).refused();
    let lines: Vec<&str> = said.lines().skip(1).filter(|line| line.starts_with("- ")).collect();
    let lines = lines.join("\n");
    let sensor = stage.path().join("sensor");
    if sensor.exists() { lines.replace(git(&sensor, &["rev-parse", "--short=10", "HEAD"]).trim(), "REV") } else { lines }
}

#[test]
fn a_missing_output_is_named_with_module_setting_and_what_is_there() {
    let stage = Stage::with_sensor("{ packages.x86_64-linux.lite = 1; nixosModules.servce = { }; }");
    for (settings, told) in [
        (json!({}), "`sensor/sensor` in configuration `lobby`: `services.sensor.package` needs an output that `sensor` doesn't have at revision REV: the flake has no `packages.x86_64-linux.full`; there is `lite`. The setting `/flavour` = \"full\" (the module's default) leads there"),
        (json!({ "flavour": "service" }), "`sensor/sensor` in configuration `lobby`: `imports` needs an output that `sensor` doesn't have at revision REV: the flake has no `nixosModules.service`; did you mean `servce`? There is `servce`. The setting `/flavour` = \"service\" leads there"),
    ] {
        let used = json!([{ "module": "sensor/sensor", "settings": settings }]);
        stage.device("lobby", "generic-x86_64", used.clone(), &[]);
        assert_eq!(refused(&stage), format!("- {told}"));
        // In a tag, too.
        stage.device("lobby", "generic-x86_64", json!([]), &["all"]);
        stage.write("state/tags/all.json", json!({ "modules": used }).to_string());
        assert_eq!(refused(&stage), format!("- {}", told.replace("configuration `lobby`", "tag `all`")));
        fs::remove_file(stage.project().join("state/tags/all.json")).unwrap();
    }
    stage.device("lobby", "generic-x86_64", json!([sensor("lite")]), &[]);
    stage.thymis(&["generate"]).done();
}

#[test]
fn an_output_for_one_system_serves_the_devices_of_that_system() {
    let stage = Stage::with_sensor("{ packages = { x86_64-linux.full = \"here\"; aarch64-linux = { }; }; }");
    stage.write("state/tags/all.json", json!({ "modules": [sensor("full")] }).to_string());
    stage.device("big", "generic-x86_64", json!([]), &["all"]);
    stage.device("small", "raspberry-pi-4", json!([]), &["all"]);
    assert_eq!(
        refused(&stage),
        "- `sensor/sensor` in tag `all`: `services.sensor.package` needs an output that `sensor` doesn't have at revision REV: the flake has no `packages.aarch64-linux.full`; nothing is there. The setting `/flavour` = \"full\" leads there"
    );
    let output = stage.thymis(&["generate", "--keep-going"]);
    assert!(output.stdout.contains("hosts/big.nix"), "{}{}", output.stdout, output.stderr);
    let found = stage.thymis(&["--json", "eval", "big", "services.sensor.package"]).done().json();
    assert_eq!(found["services.sensor.package"], "here");
    let said = stage.thymis(&["eval", "small", "services.sensor.package"]).refused();
    assert!(said.contains("the flake has no `packages.aarch64-linux.full`"), "{said}");
    let checked = stage.thymis(&["--json", "check"]).json();
    assert_eq!(checked["configurations"]["big"]["status"], "ok");
    assert_eq!(checked["configurations"]["small"]["cause"], "not-generated");
    // A device of no system is none that lacks it.
    stage.write("state/configurations/small.json", json!({ "tags": ["all"] }).to_string());
    stage.thymis(&["generate"]).done();
}

#[test]
fn a_device_type_needs_its_nixos_module() {
    let stage = Stage::with_sensor("{ nixosModules.prob = { }; }");
    stage.device("lobby", "probe", json!([]), &[]);
    assert_eq!(
        refused(&stage),
        "- configuration `lobby`: the device type needs an output that `sensor` doesn't have at revision REV: the flake has no `nixosModules.probe`; did you mean `prob`? There is `prob`"
    );
    stage.sensor(COMPLETE);
    stage.thymis(&["input", "update", "sensor"]).done();
    stage.thymis(&["generate"]).done();
    let found = stage.thymis(&["--json", "eval", "lobby", "hardware.deviceType"]).done().json();
    assert_eq!(found["hardware.deviceType"], "probe");
}

#[test]
fn what_built_in_modules_take_from_thymis_is_checked_in_an_own_one() {
    let stage = Stage::new();
    let image = json!({ "device_type": "generic-x86_64", "image_format": "qcow" });
    let state = json!({ "modules": [{ "module": "thymis/device", "settings": image }] });
    stage.write("state/configurations/lobby.json", state.to_string());
    stage.thymis(&["generate"]).done();
    let replace = |outputs: &str| {
        let own = stage.flake("own", &format!("outputs = _: {outputs};"));
        let url = format!("git+file://{}", own.display());
        stage.thymis(&["input", "add", "thymis", &url, "--replace"]).done();
    };
    replace("{ nixosModules.thymis-device-generic-x86_64 = { hardware.own = true; }; }");
    let said = refused(&stage);
    assert!(said.contains("`thymis/device` in configuration `lobby`: `imports` needs an output that `thymis` doesn't have at revision"), "{said}");
    assert!(said.contains("the flake has no `nixosModules.thymis-image-qcow`"), "{said}");
    assert!(said.contains("The setting `/image_format` = \"qcow\" leads there"), "{said}");
    replace("{ nixosModules = { thymis-image-qcow = { }; }; }");
    let said = refused(&stage);
    assert!(said.contains("the device type needs an output that `thymis` doesn't have"), "{said}");
    replace("{ nixosModules = { thymis-image-qcow = { }; thymis-device-generic-x86_64 = { hardware.own = true; }; }; }");
    stage.thymis(&["generate"]).done();
    let found = stage.thymis(&["--json", "eval", "lobby", "hardware.own"]).done().json();
    assert_eq!(found["hardware.own"], true);
    // So does an own nixpkgs.
    let nixpkgs = stage.path().join("nixpkgs");
    thymis_tests::copy(&Fixtures::folder().join("nixpkgs"), &nixpkgs);
    let module = fs::read_to_string(nixpkgs.join("nixos.nix")).unwrap();
    fs::write(nixpkgs.join("nixos.nix"), module.replace("_file = \"the fixture nixpkgs\";", "_file = \"own\"; config.seen.own = true;").replacen("config = {", "config = { seen.own = true;", 1).replace("config.seen.own = true;\n", "\n")).unwrap();
    git(&nixpkgs, &["init", "--quiet", "--initial-branch=main"]);
    commit(&nixpkgs);
    stage.thymis(&["input", "add", "nixpkgs", &format!("git+file://{}", nixpkgs.display()), "--replace"]).done();
    stage.thymis(&["generate"]).done();
    let found = stage.thymis(&["--json", "eval", "lobby", "seen.own"]).done().json();
    assert_eq!(found["seen.own"], true);
}

#[test]
fn a_lock_that_says_otherwise_is_no_way_around() {
    let stage = Stage::with_sensor("{ packages.x86_64-linux.full = 1; }");
    stage.device("lobby", "generic-x86_64", json!([sensor("lite")]), &[]);
    let forge = |outputs: Value| {
        let mut lock: Value = serde_json::from_str(&stage.read("modules.lock")).unwrap();
        lock["inputs"]["sensor"]["outputs"] = outputs;
        stage.write("modules.lock", lock.to_string());
        // As it comes from somebody else's branch.
        stage.git(&["add", "modules.lock"]);
        stage.git(&["commit", "--quiet", "--allow-empty", "--message=Forged"]);
    };
    let honest = stage.locked("sensor");
    let names = |count: usize| (0..count).map(|n| format!("n{n:05}")).collect::<Vec<_>>();
    let kinds: serde_json::Map<String, Value> = names(65).into_iter().map(|name| (name, Value::Null)).collect();
    for outputs in [
        json!({ "lib": ["\u{1b}[31m"] }),
        json!({ "lib\n": null }),
        json!({ "lib": names(5000) }),
        json!({ "lib": ["x".repeat(129)] }),
        json!({ "*": ["x"] }),
        Value::Object(kinds),
        json!({ "lib": true }),
        json!([]),
    ] {
        forge(outputs);
        let said = stage.thymis(&["generate"]).refused();
        assert!(said.contains("modules.lock") && !said.contains("by hand") && !said.contains('\u{1b}'), "{said}");
    }
    // One that hides what is missing: Nix misses it.
    forge(json!({ "packages": { "x86_64-linux": ["full", "lite"] } }));
    stage.thymis(&["generate"]).done();
    let checked = stage.thymis(&["--json", "check"]);
    assert_eq!(checked.code, 1);
    let found = &checked.json()["configurations"]["lobby"];
    assert_eq!(found["cause"], "missing-output", "{found}");
    assert!(found["message"].as_str().unwrap().contains("'lite' missing"), "{found}");
    // One that hides what is there.
    forge(json!({}));
    assert!(refused(&stage).contains("the flake has no `packages`; nothing is there"));
    stage.thymis(&["input", "lock"]).done();
    assert_eq!(stage.locked("sensor"), honest);
}

#[test]
fn example_repositories_have_what_their_modules_refer_to() {
    let stage = Stage::new();
    stage.0.add("web", Example::WebApp.repository()).done();
    stage.thymis(&["input", "accept", "web", "--yes"]).done();
    assert_eq!(
        stage.locked("web"),
        json!({ "packages": { "x86_64-linux": ["default"], "aarch64-linux": ["default"] }, "nixosModules": ["default"] })
    );
    assert!(Path::new(&stage.project()).join("modules.lock").exists());
}
