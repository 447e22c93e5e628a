//! What a newer revision of a repository may do: nothing that wasn't accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::PathBuf};

use serde_json::Value;
use thymis_tests::{Example, World, commit, git};

const MORE: &str = r#"
[[component.permission]]
kind = "option"
value = "users.users.root"
reason = "Trust me."
"#;

/// A generated project whose input `temperature` is a repository that may be changed.
fn world() -> (World, PathBuf) {
    let world = World::generated();
    let repository = world.own(Example::TemperatureLogger);
    let url = format!("git+file://{}", repository.display());
    world.thymis(&["input", "add", "--replace", "temperature", &url]).done();
    world.thymis(&["input", "accept", "temperature", "--yes"]).done();
    world.thymis(&["generate"]).done();
    (world, repository)
}

fn append(repository: &std::path::Path, file: &str, text: &str) {
    let path = repository.join(file);
    fs::write(&path, fs::read_to_string(&path).unwrap() + text).unwrap();
    commit(repository);
}

fn update(world: &World) -> Value {
    world.thymis(&["input", "update", "temperature", "--json"]).done().json()[0].clone()
}

fn generated(world: &World) -> String {
    world.thymis(&["generate"]).done();
    ["hosts/greenhouse-south.nix", "tags/core.nix", "flake.lock"].map(|file| world.read(file)).join("\n")
}

#[test]
fn what_asks_for_nothing_more_moves_flake_and_component_together() {
    let (world, repository) = world();
    assert_eq!(update(&world)["result"], "current");
    append(&repository, "README.md", "More words.\n");
    let updated = update(&world);
    assert_eq!(updated["result"], "moved");
    let revision = updated["to"].as_str().unwrap();
    assert_ne!(updated["from"], updated["to"]);
    assert!(generated(&world).contains(revision), "the flake is at the new revision");
    let lock: Value = serde_json::from_str(&world.read("modules.lock")).unwrap();
    assert_eq!(lock["inputs"]["temperature"]["pin"]["revision"], revision);
}

#[test]
fn what_asks_for_more_waits_while_the_old_version_works() {
    let (world, repository) = world();
    let before = generated(&world);
    append(&repository, "thymis.toml", MORE);
    let updated = update(&world);
    assert_eq!(updated["result"], "waits");
    let reason = updated["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("`modules/temperature_logger.wasm` asks for option users.users.root: "), "{reason}");
    assert_eq!(generated(&world), before);
    // Again changes nothing, and a restart of everything neither.
    assert_eq!(update(&world)["result"], "waits");
    fs::remove_dir_all(world.home().join("cache")).unwrap();
    assert_eq!(generated(&world), before);

    let shown = world.thymis(&["input", "show", "temperature", "--json"]).done().json();
    assert_eq!(shown["status"], "loaded");
    assert!(shown["next"]["reasons"][0].as_str().unwrap().contains("users.users.root"));
    let listed = world.thymis(&["input", "list", "--json"]).done().json();
    let listed = listed.as_array().unwrap().iter().find(|input| input["name"] == "temperature").unwrap();
    assert_eq!(listed["next"], updated["to"]);
    // What is accepted is what was shown, not what has the repository by then.
    let digest = shown["next"]["shown"]["digest"].as_str().unwrap();
    world.thymis(&["input", "accept", "temperature", "--digest", digest]).done();
    assert!(generated(&world).contains(updated["to"].as_str().unwrap()));
    assert_eq!(update(&world)["result"], "current");
}

#[test]
fn an_update_that_is_withdrawn_leaves_nothing() {
    let (world, repository) = world();
    let before = world.read("modules.lock");
    append(&repository, "thymis.toml", MORE);
    assert_eq!(update(&world)["result"], "waits");
    git(&repository, &["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(update(&world)["result"], "current");
    assert_eq!(world.read("modules.lock"), before);
}

#[test]
fn a_rewritten_history_waits() {
    let (world, repository) = world();
    append(&repository, "README.md", "More words.\n");
    assert_eq!(update(&world)["result"], "moved");
    let before = generated(&world);
    for (rewrite, why) in [
        (&["reset", "--quiet", "--hard", "HEAD~1"][..], "it goes back to an older revision"),
        (&["commit", "--quiet", "--amend", "-m", "Another"], "it was rewritten (force-pushed)"),
    ] {
        git(&repository, rewrite);
        let updated = update(&world);
        assert_eq!(updated["result"], "waits", "{rewrite:?}");
        assert!(updated["reasons"][0].as_str().unwrap().contains(why), "{updated}");
        assert_eq!(generated(&world), before);
    }
}

#[test]
fn an_input_that_fails_stays_as_it_was_and_holds_up_no_other() {
    let (world, repository) = world();
    let before = generated(&world);
    fs::write(repository.join("thymis.toml"), "nonsense").unwrap();
    commit(&repository);
    let output = world.thymis(&["input", "update", "temperature", "web", "--json"]);
    assert_eq!(output.code, 1);
    let answers = output.json();
    assert!(answers[0]["error"].as_str().unwrap().contains("thymis.toml"), "{answers}");
    assert_eq!(answers[1]["result"], "current");
    assert_eq!(generated(&world), before);
}

#[test]
fn what_changes_more_than_the_code_waits() {
    let (world, repository) = world();
    let before = generated(&world);
    let reason = |change: &dyn Fn()| {
        change();
        commit(&repository);
        let updated = update(&world);
        assert_eq!(updated["result"], "waits");
        assert_eq!(generated(&world), before);
        git(&repository, &["reset", "--quiet", "--hard", "HEAD~1"]);
        updated["reasons"][0].as_str().unwrap().to_owned()
    };
    let flake = repository.join("flake.nix");
    let text = fs::read_to_string(&flake).unwrap();
    let other = text.replacen('{', "{ inputs.evil.url = \"git+https://evil.example/x\";", 1);
    let input = reason(&|| fs::write(&flake, &other).unwrap());
    assert_eq!(input, "its flake has another input, `evil`");
    let plain = reason(&|| fs::remove_file(repository.join("thymis.toml")).unwrap());
    assert!(plain.starts_with("it has no modules any more"), "{plain}");
}

#[test]
fn another_url_an_edited_grant_and_a_revoked_one_move_nothing() {
    let (world, repository) = world();
    append(&repository, "README.md", "More words.\n");

    let project = world.read("state/project.json");
    world.write("state/project.json", project.replace("/temperature-logger", "/fork"));
    let output = world.thymis(&["input", "update", "temperature"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("what was accepted is for one URL"), "{}", output.stderr);
    world.write("state/project.json", project);

    let lock = world.read("modules.lock");
    let edited = lock.replace("systemd.services.temperature-logger", "systemd.services.*");
    assert_ne!(lock, edited);
    world.write("modules.lock", edited);
    world.git(&["add", "modules.lock"]);
    world.git(&["commit", "--quiet", "-m", "Edited"]);
    let waits = update(&world);
    assert!(
        waits["reasons"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains("isn't one that was given")),
        "{waits}"
    );
    world.write("modules.lock", lock);
    world.git(&["commit", "--quiet", "-am", "Restored"]);

    world.thymis(&["input", "revoke", "temperature"]).done();
    let output = world.thymis(&["input", "update", "temperature"]);
    assert!(output.stderr.contains("was revoked"), "{}", output.stderr);
}

#[test]
fn configurations_of_other_inputs_are_not_committed() {
    let (world, repository) = world();
    append(&repository, "README.md", "More words.\n");
    assert_eq!(update(&world)["result"], "moved");
    let commit = || world.thymis(&["commit", "--message", "Updated"]);
    assert!(commit().refused().starts_with("the inputs were changed after the configurations were generated"));
    world.thymis(&["generate"]).done();
    commit().done();
}

#[test]
fn what_is_named_is_accepted_also_beside_an_update_that_waits() {
    let (world, repository) = world();
    append(&repository, "thymis.toml", MORE);
    assert_eq!(update(&world)["result"], "waits");
    let shown = world.thymis(&["input", "show", "temperature", "--json"]).done().json();
    let (present, next) = (shown["revision"].as_str().unwrap(), &shown["next"]["shown"]["revision"]);
    world.thymis(&["input", "accept", "temperature", "--yes", "--revision", present]).done();
    let again = world.thymis(&["input", "show", "temperature", "--json"]).done().json();
    assert_eq!((again["revision"].as_str().unwrap(), &again["next"]["shown"]["revision"]), (present, next));
}
