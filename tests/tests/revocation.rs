//! What was revoked stays so, whatever the project's history says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;

use thymis_tests::{Example, World};

const REASON: &str = "it mines coins";

fn revoked() -> World {
    let world = World::generated();
    world.thymis(&["input", "revoke", "temperature", "--reason", REASON]).done();
    world
}

#[test]
fn a_revoked_input_is_used_nowhere_and_cannot_be_accepted_again() {
    let world = revoked();
    let listed = world.thymis(&["input", "list", "--json"]).done().json();
    let temperature = listed.as_array().unwrap().iter().find(|input| input["name"] == "temperature").unwrap();
    assert_eq!(temperature["status"], "failed");
    assert!(temperature["detail"].as_str().unwrap().ends_with(REASON), "{temperature}");
    let refused = world.thymis(&["generate"]).refused();
    assert!(refused.contains("temperature/temperature-logger") && refused.contains(REASON), "{refused}");
    let refused = world.thymis(&["commit", "--message", "Again"]).refused();
    assert!(refused.starts_with("`temperature` is revoked"), "{refused}");
    // A work tree that doesn't say so is no way around it.
    let lock = world.read("modules.lock");
    world.write("modules.lock", r#"{ "version": 1, "inputs": {} }"#);
    assert!(world.thymis(&["commit", "--message", "Again"]).refused().contains("(modules.lock)"));
    world.write("modules.lock", lock);
    let refused = world.thymis(&["input", "accept", "temperature", "--yes"]).refused();
    assert!(refused.starts_with("`temperature` can't be used: sha256:"), "{refused}");
    // The other input goes on.
    assert!(world.thymis(&["modules", "web/web-app"]).code == 0);
}

#[test]
fn a_restored_lock_undoes_no_revocation() {
    let world = World::generated();
    let lock = world.read("modules.lock");
    world.thymis(&["input", "revoke", "temperature", "--reason", REASON]).done();
    // Pinned anew: another entry of the lock, the same component.
    let url = format!("git+file://{}", Example::TemperatureLogger.repository().display());
    world.thymis(&["input", "add", "--replace", "temperature", &url]).done();
    assert!(world.thymis(&["input", "accept", "temperature", "--yes"]).refused().contains(REASON));
    world.write("modules.lock", lock);
    assert!(world.thymis(&["generate"]).refused().contains(REASON));
}

#[test]
fn a_mistake_in_the_state_does_not_hold_up_a_revocation() {
    let world = World::generated();
    world.write("state/tags/core.json", "{");
    world.thymis(&["input", "revoke", "temperature", "--reason", REASON]).done();
}

#[test]
fn a_component_is_revoked_by_its_digest_from_anywhere() {
    let world = World::generated();
    let shown = world.thymis(&["input", "show", "temperature", "--json"]).done().json();
    let component = shown["terms"]["components"].as_object().unwrap().values().next().unwrap();
    let digest = component["digest"].as_str().unwrap();
    world.thymis_in(std::path::Path::new("/"), &["input", "revoke", digest, "--reason", REASON]).done();
    assert!(world.thymis(&["generate"]).refused().contains(&format!("{digest} was revoked: {REASON}")));
    let listed = world.thymis(&["input", "revoked", "--json"]).done().json();
    assert_eq!(listed["digests"][digest]["reason"], REASON);
}

#[test]
fn revocations_that_cannot_be_read_stop_everything() {
    let world = revoked();
    let listed = world.thymis(&["input", "revoke", "sha256:0", "--json"]);
    assert_eq!(listed.code, 2, "{}", listed.stderr);
    let file = world.home().join(".local/state/thymis/revoked.json");
    fs::write(&file, "{}").unwrap();
    let refused = world.thymis(&["generate"]).refused();
    assert!(refused.starts_with("without the revocations nothing may be used"), "{refused}");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/nowhere/revoked.json", &file).unwrap();
    assert!(world.thymis(&["generate"]).refused().starts_with("the revocations in "));
}
