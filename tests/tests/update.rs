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
    assert!(shown["next"]["more"][0].as_str().unwrap().contains("users.users.root"));
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
    for rewrite in [&["reset", "--quiet", "--hard", "HEAD~1"][..], &["commit", "--quiet", "--amend", "-m", "Another"]] {
        git(&repository, rewrite);
        let updated = update(&world);
        assert_eq!(updated["result"], "waits", "{rewrite:?}");
        assert!(updated["reasons"][0].as_str().unwrap().contains("it was rewritten, or goes back"), "{updated}");
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
