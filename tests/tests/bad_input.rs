//! Whatever is wrong with what comes from outside, the program refuses with exit code 1, says what and the way out, and
//! changes nothing on disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use regex::Regex;
use serde_json::{Value, json};
use thymis_tests::{Disk, Example, World, commit, git};

/// What a command says that is refused and changes nothing.
#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let before = Disk::visible(&world.project());
    let said = world.thymis(arguments).refused();
    before.assert_same(&Disk::visible(&world.project()));
    told(world, &said)
}

/// Without what differs from run to run.
fn told(world: &World, said: &str) -> String {
    static FILTERS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let filters = FILTERS.get_or_init(|| {
        let temporary = regex::escape(std::env::temp_dir().to_str().unwrap());
        [
            (format!("{temporary}/thymis-fixture-([a-z-]+)-[0-9a-f]{{40}}"), "/fixtures/$1"),
            ("sha256:[0-9a-f]{64}".to_owned(), "sha256:DIGEST"),
            ("sha256-[A-Za-z0-9+/]{43}=".to_owned(), "sha256-NAR"),
            (r"\b[0-9a-f]{40}\b".to_owned(), "REVISION"),
            (r"\b[0-9a-f]{10}\b".to_owned(), "REVISION"),
        ]
        .map(|(pattern, to)| (Regex::new(&pattern).unwrap(), to))
        .into()
    });
    let said = said.replace(world.path().to_str().unwrap(), "/world");
    filters.iter().fold(said, |said, (pattern, to)| pattern.replace_all(&said, *to).into_owned())
}

/// A world with an input that has changes nobody accepted: what adding it says.
fn added(change: impl FnOnce(&Path)) -> String {
    let world = World::with_inputs();
    let repository = world.own(Example::TemperatureLogger);
    change(&repository);
    commit(&repository);
    refused(&world, &["input", "add", "bad", &format!("git+file://{}", repository.display())])
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What adding says with a change of the manifest.
fn manifest(from: &str, to: &str) -> String {
    added(|repository| edit(&repository.join("thymis.toml"), from, to))
}

/// What adding says with another component.
fn component(bytes: &[u8]) -> String {
    added(|repository| fs::write(repository.join(Example::TemperatureLogger.file()), bytes).unwrap())
}

fn text_component(text: &str) -> String {
    component(&wat::parse_str(text).unwrap())
}

/// Says what generating says with one configuration `lobby`, of which this is the state.
fn configured(state: &Value) -> String {
    let world = World::with_inputs();
    world.add("picky", Example::Picky.repository()).done();
    world.thymis(&["input", "accept", "picky", "--yes"]).done();
    world.write("state/configurations/lobby.json", state.to_string());
    refused(&world, &["generate"])
}

fn using(module: &str, settings: Value) -> String {
    configured(&json!({ "modules": [{ "module": module, "settings": settings }] }))
}

mod repositories {
    use super::*;

    #[test]
    fn not_a_git_repository() {
        let world = World::with_inputs();
        let folder = world.path().join("plain");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("flake.nix"), "{ outputs = _: { }; }").unwrap();
        let add = |path: &str| refused(&world, &["input", "add", "x", &format!("git+file://{path}")]);
        insta::assert_snapshot!(add(folder.to_str().unwrap()), @"");
        insta::assert_snapshot!(add(folder.join("none").to_str().unwrap()), @"");
        insta::assert_snapshot!(add(folder.join("flake.nix").to_str().unwrap()), @"");
        insta::assert_snapshot!(refused(&world, &["input", "add", "x", "./plain"]), @"");
    }

    #[test]
    fn an_empty_repository() {
        let world = World::with_inputs();
        let folder = world.path().join("empty");
        fs::create_dir(&folder).unwrap();
        git(&folder, &["init", "--quiet"]);
        insta::assert_snapshot!(refused(&world, &["input", "add", "x", &format!("git+file://{}", folder.display())]), @"");
    }

    #[test]
    fn a_manifest_without_the_marker() {
        insta::assert_snapshot!(added(|repository| fs::write(repository.join("README.md"), "# Modules").unwrap()), @"");
        insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("README.md")).unwrap()), @"");
    }

    #[test]
    fn no_flake() {
        insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("flake.nix")).unwrap()), @"");
    }

    #[test]
    fn a_manifest_with_unknown_keys() {
        insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"0.1\"\ncolour = \"red\""), @"");
        insta::assert_snapshot!(manifest("manifest = 1", "manifest = 1\nmanifests = 2"), @"");
        insta::assert_snapshot!(manifest("reason = ", "froce = true\nreason = "), @"");
    }

    #[test]
    fn a_manifest_of_an_unknown_version() {
        insta::assert_snapshot!(manifest("manifest = 1", "manifest = 2\nnew-key = 1"), @"");
        insta::assert_snapshot!(manifest("manifest = 1", ""), @"");
        insta::assert_snapshot!(manifest("minimum-host = \"0.1\"", "minimum-host = \"9.0\""), @"");
    }

    #[test]
    fn a_manifest_with_a_bad_permission() {
        let permission =
            |line: &str| manifest("kind = \"option\"\nvalue = \"systemd.services.temperature-logger\"", line);
        insta::assert_snapshot!(permission("kind = \"root\"\nvalue = \"x\""), @"");
        insta::assert_snapshot!(permission("kind = \"option\""), @"");
        insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"*\""), @"");
        insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"services..x\""), @"");
        insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"imports\""), @"");
        insta::assert_snapshot!(permission("kind = \"source\"\nvalue = \"../x\""), @"");
        insta::assert_snapshot!(permission("kind = \"output\"\nvalue = \"packages.x\"\nforce = true"), @"");
        insta::assert_snapshot!(manifest("reason = \"Runs the logger as a service.\"", ""), @"");
    }

    #[test]
    fn a_component_that_is_missing() {
        insta::assert_snapshot!(added(|repository| fs::remove_dir_all(repository.join("modules")).unwrap()), @"");
    }

    #[test]
    fn a_component_that_is_not_webassembly() {
        insta::assert_snapshot!(component(b"#!/bin/sh\n"), @"");
        insta::assert_snapshot!(component(b""), @"");
    }

    #[test]
    fn a_component_that_is_truncated() {
        let bytes = Example::TemperatureLogger.component();
        let said = component(&bytes[..bytes.len() / 2]);
        insta::assert_snapshot!(said.replace(&(bytes.len() / 2).to_string(), "HALF"), @"");
        assert!(component(&bytes[..bytes.len() - 1]).contains("truncated"));
    }

    #[test]
    fn a_core_module_instead_of_a_component() {
        insta::assert_snapshot!(text_component("(module)"), @"");
    }

    #[test]
    fn a_component_of_another_wit_version() {
        insta::assert_snapshot!(
            text_component(r#"(component (instance $i) (export "thymis:module/module@9.0.0" (instance $i)))"#),
            @""
        );
        insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"9.0\""), @"");
    }

    #[test]
    fn a_component_of_another_interface() {
        insta::assert_snapshot!(
            text_component(r#"(component (instance $i) (export "other:package/thing@0.1.0" (instance $i)))"#),
            @""
        );
    }

    #[test]
    fn a_component_that_imports_what_it_may_not() {
        let importing = |name: &str| {
            text_component(&format!(
                r#"(component (import "{name}" (instance))
                    (instance $i) (export "thymis:module/module@0.1.0" (instance $i)))"#
            ))
        };
        insta::assert_snapshot!(importing("evil:host/files@1.0.0"), @"");
        insta::assert_snapshot!(importing("wasi:sockets/tcp@0.2.0"), @"");
    }

    #[test]
    fn a_module_that_its_repository_has_no_more() {
        let world = World::with_inputs();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        let replace = ["input", "add", "--replace", "temperature", url.as_str()];
        world.copy_state();
        world.thymis(&["generate"]).done();
        let manifest = fs::read_to_string(repository.join("thymis.toml")).unwrap();
        fs::write(repository.join("thymis.toml"), &manifest[..manifest.find("[[component]]").unwrap()]).unwrap();
        commit(&repository);
        world.thymis(&replace).done();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        world.thymis(&["input", "accept", "temperature", "--yes"]).done();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }
}

mod grants {
    use super::*;

    /// A generated project whose `temperature` is a repository of its own.
    fn world() -> (World, PathBuf) {
        let world = World::generated();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        world.thymis(&["input", "add", "--replace", "temperature", &url]).done();
        world.thymis(&["input", "accept", "temperature", "--yes"]).done();
        world.thymis(&["generate"]).done();
        (world, repository)
    }

    fn replace(world: &World, files: &[&str], from: &str, to: &str) {
        for file in files {
            edit(&world.project().join(file), from, to);
        }
    }

    /// The entry of `temperature` in `modules.lock`.
    fn entry(world: &World) -> Value {
        serde_json::from_str::<Value>(&world.read("modules.lock")).unwrap()["inputs"]["temperature"].clone()
    }

    #[test]
    fn the_revision_differs_from_the_grant() {
        let (world, repository) = world();
        let old = entry(&world)["pin"]["revision"].as_str().unwrap().to_owned();
        let new = commit(&repository);
        replace(&world, &["modules.lock"], &old, &new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        // The same contents, so only the grant tells that nobody accepted that revision.
        replace(&world, &["flake.lock"], &old, &new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        // One that was never there.
        replace(&world, &["modules.lock", "flake.lock"], &new, &"0".repeat(40));
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn the_nar_hash_differs_from_the_grant() {
        let (world, _) = world();
        let old = entry(&world)["pin"]["nar-hash"].as_str().unwrap().to_owned();
        let new = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        replace(&world, &["modules.lock"], &old, new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        replace(&world, &["flake.lock"], &old, new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        insta::assert_snapshot!(refused(&world, &["input", "accept", "temperature", "--yes"]), @"");
    }

    #[test]
    fn a_digest_differs_from_the_grant() {
        for (pointer, says) in [
            ("/grant/digest", "the grant in modules.lock was given for other contents"),
            ("/grant/manifest", "the grant in modules.lock was given for other contents"),
            (
                "/grant/components/modules~1temperature_logger.wasm/digest",
                "the grant in modules.lock was given for other contents",
            ),
        ] {
            let (world, _) = world();
            let old = entry(&world).pointer(pointer).unwrap().as_str().unwrap().to_owned();
            replace(&world, &["modules.lock"], &old, &format!("sha256:{}", "0".repeat(64)));
            let said = refused(&world, &["generate"]);
            assert!(said.contains(says) && said.contains("thymis input accept temperature"), "{said}");
        }
        // Nor does writing more permissions into the lock grant them.
        let (world, _) = world();
        replace(&world, &["modules.lock"], "systemd.services.temperature-logger", "systemd");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn the_url_differs_from_the_grant() {
        let (world, repository) = world();
        let other = world.path().join("other");
        fs::rename(&repository, &other).unwrap();
        replace(&world, &["state/project.json"], repository.to_str().unwrap(), other.to_str().unwrap());
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn the_repository_changed_between_being_shown_and_being_accepted() {
        let world = World::with_inputs();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        let add = |replace: &[&str]| {
            world.thymis(&[&["--json", "input", "add", "mine", &url], replace].concat()).done().json()
        };
        let seen = add(&[]);
        edit(&repository.join("thymis.toml"), "value = \"systemd.services.temperature-logger\"", "value = \"systemd\"");
        commit(&repository);
        // Somebody else pins it anew.
        add(&["--replace"]);
        let (revision, digest) = (seen["revision"].as_str().unwrap(), seen["digest"].as_str().unwrap());
        insta::assert_snapshot!(refused(&world, &["input", "accept", "mine", "--yes", "--revision", revision]), @"");
        insta::assert_snapshot!(refused(&world, &["input", "accept", "mine", "--digest", digest]), @"");
        let list = world.thymis(&["--json", "input", "list"]).done().json();
        assert_eq!((&list[0]["name"], &list[0]["status"]), (&json!("mine"), &json!("awaiting-grant")));
    }

    #[test]
    fn the_lock_holds_conflict_markers() {
        for (file, position) in [("modules.lock", "  \"inputs\""), ("flake.lock", "  \"nodes\"")] {
            let world = World::generated();
            replace(&world, &[file], position, &format!("<<<<<<< HEAD\n=======\n>>>>>>> other\n{position}"));
            let said = refused(&world, &["generate"]);
            assert!(said.contains(file), "{said}");
            insta::allow_duplicates! {
                insta::assert_snapshot!(said.replace(file, "LOCK"), @"");
            }
        }
    }

    #[test]
    fn the_lock_holds_an_input_twice() {
        let world = World::generated();
        replace(&world, &["modules.lock"], "\"nixpkgs\": {\n", "\"temperature\": {\n");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn the_locks_disagree() {
        let world = World::generated();
        let revision = git(Example::WebApp.repository(), &["rev-parse", "HEAD"]);
        replace(&world, &["flake.lock"], revision.trim(), &"1".repeat(40));
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        let world = World::generated();
        replace(&world, &["flake.lock"], "\"web\": \"web\"", "\"web\": [\"temperature\"]");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn the_lock_is_gone_or_of_a_newer_version() {
        let world = World::generated();
        replace(&world, &["modules.lock"], "\"version\": 1", "\"version\": 2");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        fs::remove_file(world.project().join("modules.lock")).unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }
}

mod settings {
    use super::*;

    #[test]
    fn a_setting_is_missing() {
        insta::assert_snapshot!(using("picky/picky", json!({})), @"");
    }

    #[test]
    fn settings_of_the_wrong_type() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": 5, "level": "5", "reason": [] })), @"");
        insta::assert_snapshot!(using("picky/picky", json!({ "name": null })), @"");
    }

    #[test]
    fn a_setting_out_of_range() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 10 })), @"");
        insta::assert_snapshot!(using("temperature/temperature-logger", json!({ "interval": -1, "unit": "kelvin" })), @"");
    }

    #[test]
    fn an_unknown_setting() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "nmae": "b" })), @"");
    }

    #[test]
    fn a_condition_is_violated() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 9 })), @"");
        let device = json!({ "device_type": "raspberry-pi-4", "image_format": "qcow" });
        insta::assert_snapshot!(using("thymis/device", device), @"");
    }

    #[test]
    fn a_module_that_nobody_has() {
        insta::assert_snapshot!(using("temperature/humidity-logger", json!({})), @"");
        insta::assert_snapshot!(using("nowhere/logger", json!({})), @"");
        insta::assert_snapshot!(using("thymis/nothing", json!({})), @"");
        insta::assert_snapshot!(using("nixpkgs/nothing", json!({})), @"");
    }

    #[test]
    fn two_overrides_of_one_scalar() {
        let world = World::with_inputs();
        for (tag, port) in [("east", 1), ("west", 2)] {
            let state = json!({ "modules": [{ "module": "web/web-app", "settings": { "port": port } }] });
            world.write(&format!("state/tags/{tag}.json"), state.to_string());
        }
        world.write("state/configurations/lobby.json", json!({ "tags": ["east", "west"] }).to_string());
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        // The way out that it names.
        let own =
            json!({ "tags": ["east", "west"], "modules": [{ "module": "web/web-app", "settings": { "port": 3 } }] });
        world.write("state/configurations/lobby.json", own.to_string());
        world.thymis(&["generate"]).done();
    }

    #[test]
    fn a_module_that_may_be_used_once_is_used_twice() {
        let one = |instance: &str| json!({ "module": "web/web-app", "instance": instance });
        insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("b")] })), @"");
        insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("a")] })), @"");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let world = World::with_inputs();
        for (id, settings) in [("one", json!({ "interval": 0, "unti": 1 })), ("two", json!({ "unit": 5 }))] {
            let state = json!({ "modules": [{ "module": "temperature/temperature-logger", "settings": settings }] });
            world.write(&format!("state/configurations/{id}.json"), state.to_string());
        }
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }
}

mod state {
    use super::*;

    const BAD: [&str; 6] = ["a/b", "..", "a b", "let", "Ü", "-a"];

    #[test]
    fn identifiers_of_arguments() {
        let world = World::with_inputs();
        let before = Disk::visible(&world.project());
        let long = "x".repeat(300);
        for bad in BAD.into_iter().chain([long.as_str(), "self", ""]) {
            for arguments in [
                vec!["input", "add", "--", bad, "git+file:///x"],
                vec!["input", "show", "--", bad],
                vec!["why", "--", bad, "a.b"],
                vec!["modules", "--", bad],
            ] {
                // `self` names a flake, not a device.
                if bad == "self" && arguments[0] != "input" {
                    continue;
                }
                let output = world.thymis(&arguments);
                assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
                assert!(output.stderr.len() < 1000, "{}", output.stderr);
            }
        }
        before.assert_same(&Disk::visible(&world.project()));
        insta::assert_snapshot!(world.thymis(&["input", "show", "a/b"]).stderr, @"");
        insta::assert_snapshot!(world.thymis(&["input", "show", "let"]).stderr, @"");
        insta::assert_snapshot!(world.thymis(&["input", "show", &long]).stderr, @"");
    }

    #[test]
    fn identifiers_in_the_state() {
        let long = "x".repeat(300);
        let told = |state: Value| configured(&state);
        for bad in BAD.into_iter().chain([long.as_str(), ""]) {
            let said = told(json!({ "tags": [bad] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
            let said = told(json!({ "modules": [{ "module": format!("web/{bad}") }] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
            let said = told(json!({ "modules": [{ "module": "web/web-app", "instance": bad }] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
        }
        insta::assert_snapshot!(told(json!({ "tags": ["../x"] })), @"");
        insta::assert_snapshot!(told(json!({ "tags": ["let"] })), @"");
        insta::assert_snapshot!(told(json!({ "tags": [long] })), @"");
        insta::assert_snapshot!(told(json!({ "modules": [{ "module": "web" }] })), @"");
    }

    #[test]
    fn identifiers_as_names_of_files() {
        for name in ["a b", "let", "Ü", "..", "-a", "A"] {
            let world = World::with_inputs();
            world.write(&format!("state/configurations/{name}.json"), "{}");
            let said = refused(&world, &["generate"]);
            assert!(said.contains("state/configurations/") && said.contains(".json"), "{said}");
        }
        let world = World::with_inputs();
        world.write("state/tags/in.json", "{}");
        world.write(&format!("state/configurations/{}.json", "x".repeat(250)), "{}");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn a_file_that_is_truncated() {
        let world = World::generated();
        for file in ["state/project.json", "state/configurations/office-display.json", "state/tags/core.json"] {
            let text = world.read(file);
            for length in [0, 1, text.len() / 2, text.len() - 2] {
                world.write(file, &text[..length]);
                let said = refused(&world, &["generate"]);
                assert!(said.contains(file) && said.contains("git checkout"), "{length}: {said}");
            }
            world.write(file, text);
        }
        let file = "state/tags/core.json";
        world.write(file, &world.read(file)[..40]);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn a_project_of_a_newer_version() {
        let world = World::generated();
        edit(&world.project().join("state/project.json"), "\"version\": 1", "\"version\": 2, \"new\": true");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        insta::assert_snapshot!(refused(&world, &["input", "list"]), @"");
    }

    #[test]
    fn settings_of_a_newer_version() {
        let newer = json!({ "module": "web/web-app", "schema-version": 99, "settings": { "new": 1 } });
        insta::assert_snapshot!(configured(&json!({ "modules": [newer] })), @"");
    }

    #[test]
    fn a_file_that_is_not_utf_8() {
        let world = World::generated();
        world.write("state/tags/core.json", b"{ \"display-name\": \"\xff\" }");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn a_file_with_a_key_twice_or_an_unknown_one_or_no_object() {
        let world = World::generated();
        let mut told = |text: &str| {
            world.write("state/tags/core.json", text);
            refused(&world, &["generate"])
        };
        insta::assert_snapshot!(told("{ \"priority\": 80, \"priority\": 70 }"), @"");
        insta::assert_snapshot!(told("{ \"modul\": [] }"), @"");
        insta::assert_snapshot!(told("[]"), @"");
        insta::assert_snapshot!(told("{ \"priority\": 5 }"), @"");
    }

    #[test]
    fn a_tag_that_is_not_there() {
        insta::assert_snapshot!(configured(&json!({ "tags": ["nobody"] })), @"");
    }

    #[test]
    fn a_file_that_is_a_link() {
        let world = World::generated();
        let file = world.project().join("state/tags/core.json");
        fs::rename(&file, world.path().join("core.json")).unwrap();
        std::os::unix::fs::symlink(world.path().join("core.json"), &file).unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }
}

mod foreign {
    use super::*;

    #[test]
    fn edits_in_generated_files() {
        let world = World::generated();
        edit(&world.project().join("hosts/office-display.nix"), "8090", "8091");
        edit(&world.project().join("flake.nix"), "Generated by Thymis", "Mine");
        fs::write(world.project().join("tags/core.nix"), "{ }\n").unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        insta::assert_snapshot!(refused(&world, &["generate", "--keep-going", "--check"]), @"");
        let state = "state/configurations/office-display.json";
        edit(&world.project().join(state), "8090", "9000");
        refused(&world, &["generate"]);

        // The way out that it names.
        for file in ["hosts/office-display.nix", "flake.nix", "tags/core.nix"] {
            fs::remove_file(world.project().join(file)).unwrap();
        }
        world.thymis(&["generate"]).done();
        assert!(world.read("hosts/office-display.nix").contains("9000"));
        assert!(world.read("flake.nix").contains("Generated by Thymis"));
    }

    #[test]
    fn a_file_where_a_generated_one_is_to_be() {
        let world = World::generated();
        world.write("hosts/lobby.nix", "{ }\n");
        world.thymis(&["generate"]).done();
        world.write("state/configurations/lobby.json", "{}");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
    }

    #[test]
    fn a_link_in_place_of_a_folder() {
        let world = World::generated();
        let elsewhere = world.path().join("elsewhere");
        fs::rename(world.project().join("hosts"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, world.project().join("hosts")).unwrap();
        edit(&world.project().join("state/configurations/office-display.json"), "8090", "9000");
        let before = Disk::of(&elsewhere);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"");
        before.assert_same(&Disk::of(&elsewhere));
    }

    #[test]
    fn a_folder_that_is_used() {
        let world = World::generated();
        insta::assert_snapshot!(refused(&world, &["init", "."]), @"");
    }
}
