use std::fs;

use serde_json::{Value, json};
use thymis_tests::{Fixtures, commit, git};

use super::{
    sensor::{COMPLETE, sensor},
    stage::{Stage, refused},
};

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

#[test]
fn a_missing_output_is_named_with_module_setting_and_what_is_there() {
    let stage = Stage::with_sensor("{ packages.x86_64-linux.lite = 1; nixosModules.servce = { }; }");
    for (settings, told) in [
        (
            json!({}),
            "`sensor/sensor` in configuration `lobby`: `services.sensor.package` needs an output that `sensor` doesn't have at revision REV: the flake has no `packages.x86_64-linux.full`; there is `lite`. The setting `/flavour` = \"full\" (the module's default) leads there",
        ),
        (
            json!({ "flavour": "service" }),
            "`sensor/sensor` in configuration `lobby`: `imports` needs an output that `sensor` doesn't have at revision REV: the flake has no `nixosModules.service`; did you mean `servce`? There is `servce`. The setting `/flavour` = \"service\" leads there",
        ),
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
    assert!(
        said.contains(
            "`thymis/device` in configuration `lobby`: `imports` needs an output that `thymis` doesn't have at revision"
        ),
        "{said}"
    );
    assert!(said.contains("the flake has no `nixosModules.thymis-image-qcow`"), "{said}");
    assert!(said.contains("The setting `/image_format` = \"qcow\" leads there"), "{said}");
    replace("{ nixosModules = { thymis-image-qcow = { }; }; }");
    let said = refused(&stage);
    assert!(said.contains("the device type needs an output that `thymis` doesn't have"), "{said}");
    replace(
        "{ nixosModules = { thymis-image-qcow = { }; thymis-device-generic-x86_64 = { hardware.own = true; }; }; }",
    );
    stage.thymis(&["generate"]).done();
    let found = stage.thymis(&["--json", "eval", "lobby", "hardware.own"]).done().json();
    assert_eq!(found["hardware.own"], true);
    // So does an own nixpkgs.
    let nixpkgs = stage.path().join("nixpkgs");
    thymis_tests::copy(&Fixtures::folder().join("nixpkgs"), &nixpkgs);
    let module = fs::read_to_string(nixpkgs.join("nixos.nix")).unwrap();
    fs::write(
        nixpkgs.join("nixos.nix"),
        module
            .replace("_file = \"the fixture nixpkgs\";", "_file = \"own\"; config.seen.own = true;")
            .replacen("config = {", "config = { seen.own = true;", 1)
            .replace("config.seen.own = true;\n", "\n"),
    )
    .unwrap();
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
