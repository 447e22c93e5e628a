//! The whole line as a user goes it, with the real program: from repositories with components to option values that real
//! Nix evaluates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};
use thymis_tests::{Disk, Example, Fixtures, Nix, World, commit, git};

fn all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// Values that Nix evaluates, by option.
fn eval(world: &World, configuration: &str, options: &[&str]) -> Value {
    world.thymis(&[&["--json", "eval", configuration], options].concat()).done().json()
}

/// An output of the project's flake, at the commit that was generated last.
fn output(world: &World, attribute: &str) -> Result<Value, String> {
    let draft = world.git(&["rev-parse", "refs/thymis/draft"]);
    let folder = world.project();
    Nix::shared().eval_flake(&format!(
        "git+file://{}?ref=refs/thymis/draft&rev={}#{attribute}",
        folder.display(),
        draft.trim()
    ))
}

fn write(world: &World, file: &str, state: &Value) {
    world.write(file, serde_json::to_vec_pretty(state).unwrap());
}

#[test]
fn from_nothing_to_devices_that_nix_evaluates() {
    let world = World::empty();
    all_in(&world.thymis_in(world.path(), &["init", "project"]).done().stdout, &["Made a project", "thymis generate"]);
    for (name, repository) in World::inputs() {
        let said = world.add(name, repository).done().stdout;
        let head = git(repository, &["rev-parse", "HEAD"]);
        all_in(&said, &["Added", name, head.trim()]);
        if ["temperature", "web"].contains(&name) {
            all_in(&said, &["awaiting-grant", &format!("thymis input accept {name}")]);
        }
    }
    all_in(
        &world.thymis(&["input", "list"]).done().stdout,
        &["nixpkgs", "loaded", "temperature", "awaiting-grant", "nobody accepted its permissions yet"],
    );

    let shown = world.thymis(&["input", "show", "web"]).done().stdout;
    let position = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} is not in:\n{shown}"));
    assert!(position("controls the whole device") < position("can run code as root"), "{shown}");
    assert!(position("can run code as root") < position("changes the network"), "{shown}");
    all_in(&shown, &["Opens the port when the operator asks for it.", "nothing enforces it"]);
    let digest = shown.lines().find_map(|line| line.trim().strip_prefix("digest")).unwrap().trim();

    // Nobody is there to be asked: naming the digest is what a script does.
    all_in(&world.thymis(&["input", "accept", "web"]).refused(), &["--digest", digest]);
    let accepted = world.thymis(&["input", "accept", "web", "--digest", digest]).done().stdout;
    all_in(&accepted, &["Accepted", "revision", digest]);
    world.thymis(&["input", "accept", "temperature", "--yes"]).done();
    assert!(!world.thymis(&["input", "list"]).done().stdout.contains("awaiting"));
    all_in(
        &world.thymis(&["modules"]).done().stdout,
        &["thymis/device", "temperature/temperature-logger", "web/web-app", "open_firewall"],
    );

    world.copy_state();
    let generated = world.thymis(&["generate"]).done().stdout;
    all_in(
        &generated,
        &["hosts/office-display.nix", "tags/core.nix", "Generated 6 files", "Runs the logger as a service."],
    );
    all_in(&world.thymis(&["commit", "-m", "Three devices"]).done().stdout, &["Committed"]);
    assert_eq!(world.git(&["log", "--format=%s"]), "Three devices\n");
    let said = world.thymis(&["eval", "office-display", "services.web-app.port", "services.nginx.enable"]).done();
    assert_eq!(said.stdout, "services.web-app.port = 8090\nservices.nginx.enable is not set\n");
}

#[test]
fn the_values_are_those_of_the_settings_by_priority() {
    let world = World::generated();
    let options = [
        "thymis.config.device-name",
        "nixpkgs.hostPlatform",
        "systemd.services.temperature-logger.environment.INTERVAL",
        "services.web-app.port",
        "services.web-app.greeting",
        "systemd.services.web-app.environment.GREETING",
        "system.build.imageKind",
    ];
    // The logger is in the configuration (80), the tag `greenhouses` (85) and the tag `core` (90).
    for (configuration, values) in [
        (
            "greenhouse-north",
            json!(["greenhouse-north", "aarch64-linux", "300", 8080, "Greenhouses", "Greenhouses", "sd-card-image"]),
        ),
        (
            "greenhouse-south",
            json!(["greenhouse-south", "aarch64-linux", "60", 8080, "Greenhouses", "Greenhouses", "sd-card-image"]),
        ),
        (
            "office-display",
            json!([
                "office-display",
                "x86_64-linux",
                "600",
                8090,
                "Welcome to the \"Greenhouses\": it's ${warm} in here",
                "Welcome to the \"Greenhouses\": it's ${warm} in here",
                "usb-stick-installer"
            ]),
        ),
    ] {
        let found = eval(&world, configuration, &options);
        for (option, value) in options.iter().zip(values.as_array().unwrap()) {
            assert_eq!(&found[option], value, "{configuration} {option}: {found}");
        }
    }
}

#[test]
fn the_package_of_a_setting_is_the_output_of_its_flake() {
    let world = World::generated();
    let [nixpkgs, .., web] = World::inputs().map(|(_, repository)| format!("git+file://{}", repository.display()));
    for (configuration, system) in [("greenhouse-north", "aarch64-linux"), ("office-display", "x86_64-linux")] {
        let own = Nix::shared()
            .command("nix")
            .args(["eval", "--raw", "--no-write-lock-file", "--override-input", "nixpkgs", &nixpkgs])
            .arg(format!("{web}#packages.{system}.default"))
            .output()
            .unwrap();
        assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stderr));
        let package = String::from_utf8(own.stdout).unwrap();
        assert!(package.starts_with("/nix/store/"), "{package}");
        let found = eval(
            &world,
            configuration,
            &["services.web-app.package", "systemd.services.web-app.serviceConfig.ExecStart"],
        );
        assert_eq!(found["services.web-app.package"], package);
        assert_eq!(found["systemd.services.web-app.serviceConfig.ExecStart"], format!("{package}/bin/web-app"));
    }
}

#[test]
fn lists_of_a_tag_and_of_a_configuration_are_merged() {
    let world = World::with_inputs();
    let web = |port: u16| json!([{ "module": "web/web-app", "settings": { "port": port, "open_firewall": true } }]);
    write(&world, "state/tags/open.json", &json!({ "modules": web(8080) }));
    write(&world, "state/configurations/lobby.json", &json!({ "tags": ["open"], "modules": web(8090) }));
    world.thymis(&["generate"]).done();
    let found = eval(&world, "lobby", &["networking.firewall.allowedTCPPorts", "services.web-app.port"]);
    let ports: BTreeSet<u64> = found["networking.firewall.allowedTCPPorts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port.as_u64().unwrap())
        .collect();
    assert_eq!(ports, BTreeSet::from([8080, 8090]));
    assert_eq!(found["services.web-app.port"], 8090);
}

/// A project whose configuration `lobby` uses a module twice itself and once in a tag, which imports a function each time.
fn picky() -> World {
    let world = World::with_inputs();
    world.add("picky", Example::Picky.repository()).done();
    world.thymis(&["input", "accept", "picky", "--yes"]).done();
    let one = |name: &str| json!({ "module": "picky/picky", "instance": name, "settings": { "name": name } });
    write(&world, "state/tags/all.json", &json!({ "modules": [one("third")] }));
    let lobby = json!({ "tags": ["all"], "modules": [one("first"), one("second")] });
    write(&world, "state/configurations/lobby.json", &lobby);
    world.thymis(&["generate"]).done();
    world
}

#[test]
fn instances_that_import_the_same_nixos_module_import_it_once() {
    let found = eval(&picky(), "lobby", &["seen.times", "services.picky"]);
    assert_eq!(found["seen.times"], json!(["once"]));
    assert_eq!(
        found["services.picky"],
        json!({
            "first": { "name": "first", "level": 1 },
            "second": { "name": "second", "level": 1 },
            "third": { "name": "third", "level": 1 },
        })
    );
}

#[test]
fn a_strangers_nixos_module_sees_the_inputs_of_the_devices_modules_and_no_others() {
    // The project has `temperature` and `web` too.
    let found = eval(&picky(), "lobby", &["seen.inputs"]);
    assert_eq!(found["seen.inputs"], json!(["nixpkgs", "picky", "thymis"]));
}

#[test]
fn generating_again_changes_no_byte_and_no_ref() {
    let world = World::generated();
    let before = Disk::of(&world.project());
    let said = world.thymis(&["generate"]).done();
    all_in(&said.stdout, &["Nothing changed", "6 files"]);
    before.assert_same(&Disk::of(&world.project()));
    let said = world.thymis(&["commit", "-m", "Again"]).done();
    all_in(&said.stdout, &["Nothing to commit"]);
    before.assert_same(&Disk::of(&world.project()));
}

#[test]
fn the_same_project_elsewhere_becomes_the_same_tree() {
    let world = World::generated();
    let other = World::with_inputs();
    other.copy_state();
    other.thymis(&["generate"]).done();
    let tree = |world: &World| world.git(&["rev-parse", "refs/thymis/draft^{tree}"]);
    assert_eq!(tree(&world), tree(&other));
}

#[test]
fn a_check_writes_nothing_and_says_what_would_change() {
    let world = World::generated();
    world.thymis(&["generate", "--check"]).done();

    let file = "state/configurations/office-display.json";
    world.write(file, world.read(file).replace("8090", "9000"));
    fs::remove_file(world.project().join("state/configurations/greenhouse-north.json")).unwrap();
    let before = Disk::of(&world.project());
    let said = world.thymis(&["generate", "--check"]);
    assert_eq!(said.code, 1);
    all_in(
        &said.stdout,
        &["would write hosts.json", "would write hosts/office-display.nix", "would remove hosts/greenhouse-north.nix"],
    );
    assert!(!said.stdout.contains("greenhouse-south.nix"), "{}", said.stdout);
    all_in(&said.stderr, &["3 of the generated files would change", "thymis generate"]);
    before.assert_same(&Disk::of(&world.project()));

    let answer = world.thymis(&["--json", "generate", "--check"]);
    assert_eq!(answer.code, 1);
    assert_eq!(answer.json()["changed"], true);
    assert_eq!(answer.json()["removed"], json!(["hosts/greenhouse-north.nix"]));
    before.assert_same(&Disk::of(&world.project()));

    world.thymis(&["generate"]).done();
    world.thymis(&["generate", "--check"]).done();
    assert!(!world.project().join("hosts/greenhouse-north.nix").exists());
}

#[test]
fn a_check_of_a_new_project_writes_nothing_either() {
    let world = World::with_inputs();
    world.copy_state();
    let before = Disk::of(&world.project());
    assert_eq!(world.thymis(&["generate", "--check"]).code, 1);
    before.assert_same(&Disk::of(&world.project()));
}

#[test]
fn a_check_notices_state_that_changes_no_generated_file() {
    let world = World::generated();
    let file = "state/configurations/office-display.json";
    world.write(file, world.read(file).replace("Office Display", "Office"));
    let said = world.thymis(&["generate", "--check"]);
    assert_eq!(said.code, 1);
    all_in(&said.stderr, &["the state", "thymis generate"]);
}

#[test]
fn every_command_answers_json_that_parses() {
    let world = World::generated();
    let outside = world.path().to_owned();
    let component = Example::WebApp.repository().join(Example::WebApp.file());
    let component = component.to_str().unwrap();
    fs::write(outside.join("settings.json"), r#"{ "port": 1 }"#).unwrap();
    let settings = outside.join("settings.json");
    let settings = settings.to_str().unwrap();
    let web = format!("git+file://{}", Example::WebApp.repository().display());

    let answer = |arguments: &[&str]| world.thymis(&[&["--json"], arguments].concat()).done().json();
    let listed = answer(&["input", "list"]);
    assert_eq!(listed[3]["name"], "web");
    assert_eq!(listed[3]["status"], "loaded");
    let shown = answer(&["input", "show", "web"]);
    assert_eq!(shown["terms"]["components"]["modules/web_app.wasm"]["permissions"][0]["class"], "whole-device");
    assert_eq!(answer(&["input", "accept", "web", "--yes"])["grant"]["digest"], shown["digest"]);
    assert_eq!(answer(&["input", "add", "again", &web])["status"], "awaiting-grant");
    assert_eq!(answer(&["input", "lock"])["pinned"], json!([]));
    assert_eq!(answer(&["input", "rename", "again", "twice"])["to"], "twice");
    assert_eq!(answer(&["input", "remove", "twice"])["removed"], "twice");
    assert_eq!(
        answer(&["input", "test", &web])["name"],
        listed[3]["url"].as_str().unwrap().rsplit('/').next().unwrap()
    );
    assert_eq!(answer(&["input", "pin", "web"])["result"], "held");
    assert_eq!(answer(&["input", "update", "web"])[0]["result"], "held");
    assert_eq!(answer(&["input", "unpin", "web"])["unpinned"], "web");
    assert_eq!(answer(&["input", "revoked"])["digests"], json!({}));
    let log = answer(&["input", "log"]);
    assert_eq!(log["head"], log["records"].as_array().unwrap().last().unwrap()["line"]);
    let modules = answer(&["modules"]);
    assert_eq!(modules.as_array().unwrap().len(), 12);
    assert_eq!(modules[11]["module"], "web/web-app");
    assert_eq!(answer(&["modules", "--schema"])["$defs"]["web/web-app"]["type"], "object");
    assert_eq!(answer(&["modules", "web/web-app"])[0]["settings"][1]["key"], "port");
    assert_eq!(answer(&["generate"])["files"], 6);
    assert_eq!(answer(&["generate", "--check"])["changed"], false);
    // The log.
    assert!(answer(&["commit", "-m", "x"])["commit"].is_string());
    assert_eq!(answer(&["commit", "-m", "x"]), json!({ "commit": null }));
    assert_eq!(answer(&["why", "office-display", "services.web-app.port"])[0]["value"], "8090");
    assert_eq!(answer(&["eval", "office-display", "no.such"]), json!({ "no.such": null }));
    assert_eq!(answer(&["module", "inspect", component])["modules"][0]["name"], "web-app");
    assert_eq!(answer(&["module", "run", component, "--settings", settings])["permitted"], true);
    let init = world.thymis_in(&outside, &["--json", "init", "other"]).done().json();
    assert_eq!(init["project"], "other");
    let new = world.thymis_in(&outside, &["--json", "module", "new", "own"]).done().json();
    assert_eq!(new["folder"], "own");
    let sdk = world.thymis_in(&outside, &["--json", "module", "sdk", "own"]).done().json();
    assert_eq!(sdk["folder"], "own/vendor/thymis-sdk");

    for arguments in [
        &["input", "show", "nobody"] as &[&str],
        &["input", "accept", "web"],
        &["why", "nobody", "a.b"],
        &["eval", "nobody", "a.b"],
        &["modules", "web/nothing"],
        &["module", "inspect", "nothing.wasm"],
    ] {
        let refused = world.thymis(&[&["--json"], arguments].concat());
        assert_eq!(refused.code, 1, "{arguments:?}");
        assert!(refused.json()["error"].as_str().is_some_and(|text| text.len() > 10), "{}", refused.stdout);
    }
}

#[test]
fn the_exit_code_says_done_refused_or_wrong_usage() {
    let world = World::generated();
    for (code, arguments) in [
        (0, &["--help"] as &[&str]),
        (0, &["input", "accept", "--help"]),
        (0, &["--version"]),
        (0, &["generate"]),
        (1, &["input", "show", "nobody"]),
        (1, &["why", "office-display", "services.nginx.enable"]),
        (1, &["init", "."]),
        (2, &[]),
        (2, &["generat"]),
        (2, &["generate", "--chek"]),
        (2, &["input", "add", "a/b", "git+file:///x"]),
        (2, &["eval", "office-display"]),
        (2, &["why", "office-display", "a..b"]),
        (2, &["commit"]),
    ] {
        assert_eq!(world.thymis(arguments).code, code, "{arguments:?}");
    }
    let elsewhere = World::empty();
    all_in(&elsewhere.thymis_in(elsewhere.path(), &["generate"]).refused(), &["is not a project", "thymis init"]);
    // From a folder inside, as cargo and git do.
    world.thymis_in(&world.project().join("state/tags"), &["generate", "--check"]).done();
    let project = world.project();
    world.thymis_in(world.path(), &["generate", "--check", "--project", project.to_str().unwrap()]).done();
}

#[test]
fn one_broken_configuration_says_why_and_the_others_go_on() {
    let world = World::generated();
    let broken = json!({ "tags": ["core"], "modules": [{ "module": "web/web-app", "settings": { "port": "${x}" } }] });
    write(&world, "state/configurations/broken.json", &broken);
    let before = Disk::visible(&world.project());
    all_in(&world.thymis(&["generate"]).refused(), &["web/web-app", "`broken`", "/port", "--keep-going"]);
    before.assert_same(&Disk::visible(&world.project()));

    let said = world.thymis(&["generate", "--keep-going"]).done().stdout;
    all_in(&said, &["can't be generated", "`broken`", "/port"]);
    assert_eq!(eval(&world, "office-display", &["services.web-app.port"])["services.web-app.port"], 8090);
    for why in [
        world.thymis(&["eval", "broken", "services.web-app.port"]).refused(),
        output(&world, "nixosConfigurations.broken.config").unwrap_err(),
    ] {
        all_in(&why, &["configuration broken can't be generated", "web/web-app", "/port"]);
    }
    let failures = output(&world, "thymisFailures").unwrap();
    assert_eq!(failures.as_object().unwrap().keys().collect::<Vec<_>>(), ["broken"]);
    all_in(failures["broken"].as_str().unwrap(), &["web/web-app", "/port"]);
    // Repaired, it is like the others.
    write(&world, "state/configurations/broken.json", &json!({ "tags": ["core"] }));
    world.thymis(&["generate"]).done();
    assert_eq!(output(&world, "thymisFailures"), Ok(json!({})));
    assert_eq!(eval(&world, "broken", &["services.web-app.port"])["services.web-app.port"], 8080);
}

#[test]
fn a_failing_tag_fails_every_configuration_with_it() {
    let world = World::generated();
    let tag = json!({ "priority": 85, "modules": [{ "module": "web/web-app", "settings": { "port": 0 } }] });
    write(&world, "state/tags/greenhouses.json", &tag);
    all_in(
        &world.thymis(&["generate"]).refused(),
        &["tag `greenhouses`", "configuration `greenhouse-north`", "configuration `greenhouse-south`"],
    );
    world.thymis(&["generate", "--keep-going"]).done();
    let failures = output(&world, "thymisFailures").unwrap();
    assert_eq!(failures.as_object().unwrap().keys().collect::<Vec<_>>(), ["greenhouse-north", "greenhouse-south"]);
    for why in failures.as_object().unwrap().values() {
        all_in(why.as_str().unwrap(), &["tag `greenhouses`", "web/web-app", "/port"]);
    }
    assert_eq!(eval(&world, "office-display", &["services.web-app.port"])["services.web-app.port"], 8090);
}

#[test]
fn a_repository_without_a_manifest_is_an_input_of_the_flake() {
    let world = World::generated();
    let plain = world.path().join("plain");
    fs::create_dir(&plain).unwrap();
    fs::write(plain.join("flake.nix"), "{ outputs = _: { answer = 42; }; }").unwrap();
    git(&plain, &["init", "--quiet"]);
    let revision = commit(&plain);
    all_in(&world.add("plain", &plain).done().stdout, &["loaded", "a flake without modules", &revision]);
    world.thymis(&["generate"]).done();
    world.thymis(&["generate", "--check"]).done();
    let draft = world.git(&["rev-parse", "refs/thymis/draft"]);
    let flake = format!("git+file://{}?ref=refs/thymis/draft&rev={}", world.project().display(), draft.trim());
    let answer = Nix::shared()
        .command("nix")
        .args(["eval", "--json", "--impure", "--expr"])
        .arg(format!("(builtins.getFlake \"{flake}\").inputs.plain.answer"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "42", "{}", String::from_utf8_lossy(&answer.stderr));
    all_in(&world.thymis(&["input", "accept", "plain", "--yes"]).refused(), &["`plain`", "nothing to accept"]);
}

#[test]
fn a_commit_holds_state_and_all_that_was_generated_and_the_work_tree_is_clean() {
    let world = World::generated();
    let files = world.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        [
            ".gitignore",
            "consent.jsonl",
            "flake.lock",
            "flake.nix",
            "hosts.json",
            "hosts/greenhouse-north.nix",
            "hosts/greenhouse-south.nix",
            "hosts/office-display.nix",
            "modules.lock",
            "state/configurations/greenhouse-north.json",
            "state/configurations/greenhouse-south.json",
            "state/configurations/office-display.json",
            "state/project.json",
            "state/tags/core.json",
            "state/tags/greenhouses.json",
            "tags/core.nix",
            "tags/greenhouses.nix",
        ]
    );
    for file in files.lines() {
        assert_eq!(world.git(&["show", &format!("HEAD:{file}")]), world.read(file), "{file}");
    }
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.git(&["fsck", "--strict"]);
    for file in fs::read_dir(Fixtures::folder().join("project/state/configurations")).unwrap() {
        let file = file.unwrap();
        let committed =
            world.git(&["show", &format!("HEAD:state/configurations/{}", file.file_name().to_str().unwrap())]);
        assert_eq!(committed, fs::read_to_string(file.path()).unwrap());
    }
}

#[test]
fn a_persons_own_files_stay_theirs() {
    let world = World::generated();
    world.write("README.md", "Our fleet");
    world.write("notes/staged.txt", "staged");
    world.git(&["add", "notes/staged.txt"]);
    let file = "state/configurations/office-display.json";
    world.write(file, world.read(file).replace("8090", "9000"));
    world.thymis(&["generate"]).done();
    world.thymis(&["commit", "-m", "Another port"]).done();
    assert_eq!(world.git(&["status", "--porcelain"]), "A  notes/staged.txt\n?? README.md\n");
    let changed = world.git(&["diff", "--name-only", "HEAD~", "HEAD"]);
    assert_eq!(changed, "hosts/office-display.nix\nstate/configurations/office-display.json\n");
}

#[test]
fn what_was_not_generated_is_not_committed() {
    let world = World::generated();
    let file = "state/tags/core.json";
    world.write(file, world.read(file).replace("600", "601"));
    all_in(&world.thymis(&["commit", "-m", "x"]).refused(), &[file, "thymis generate"]);
    let empty = World::empty();
    empty.thymis_in(empty.path(), &["init", "project"]).done();
    all_in(&empty.thymis(&["commit", "-m", "x"]).refused(), &["thymis generate"]);
}

#[test]
fn nix_takes_the_lock_as_it_is() {
    let world = World::generated();
    let head = world.git(&["rev-parse", "HEAD"]);
    let flake = format!("git+file://{}?rev={}", world.project().display(), head.trim());
    let nix = |arguments: &[&str]| {
        let output = Nix::shared().command("nix").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let metadata = nix(&["flake", "metadata", "--json", "--no-update-lock-file", &flake]);
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let lock: Value = serde_json::from_str(&world.read("flake.lock")).unwrap();
    assert_eq!(metadata["locks"], lock);

    // Nor would it write another one where it may.
    let clone = world.path().join("clone");
    let cloned = Command::new("git").args(["clone", "--quiet"]).arg(world.project()).arg(&clone).status().unwrap();
    assert!(cloned.success());
    nix(&["flake", "lock", clone.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(clone.join("flake.lock")).unwrap(), world.read("flake.lock"));
}

#[test]
fn a_repository_that_goes_on_changes_nothing_until_it_is_pinned_and_accepted_anew() {
    let world = World::with_inputs();
    let repository = world.own(Example::TemperatureLogger);
    world.thymis(&["input", "add", "--replace", "temperature", &format!("git+file://{}", repository.display())]).done();
    world.thymis(&["input", "accept", "temperature", "--yes"]).done();
    world.copy_state();
    world.thymis(&["generate"]).done();
    let generated = Disk::of(&world.project());

    let manifest = repository.join("thymis.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"1.0.0\"", "\"2.0.0\"");
    fs::write(manifest, text).unwrap();
    let new = commit(&repository);
    all_in(&world.thymis(&["generate"]).done().stdout, &["Nothing changed"]);
    generated.assert_same(&Disk::of(&world.project()));

    world.thymis(&["input", "add", "--replace", "temperature", &format!("git+file://{}", repository.display())]).done();
    all_in(
        &world.thymis(&["generate"]).refused(),
        &["temperature", "awaiting-grant", "thymis input accept temperature"],
    );
    world.thymis(&["input", "accept", "temperature", "--revision", &new, "--yes"]).done();
    world.thymis(&["generate"]).done();
    all_in(&world.thymis(&["input", "list"]).done().stdout, &["temperature-logger 2.0.0"]);
}
