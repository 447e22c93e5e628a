//! `input remove`: only what nothing uses.

use serde_json::{Value, json};

use super::{Life, life::NAME};

#[test]
fn what_is_used_stays_and_its_users_are_named() {
    let life = Life::new();
    let before = life.read("state/project.json");
    let refused = life.thymis(&["input", "remove", NAME]).refused();
    for part in ["configuration `greenhouse-south`", "tag `core`", "tag `greenhouses`", "remove its modules there"] {
        assert!(refused.contains(part), "{part} is not in {refused}");
    }
    assert_eq!(life.read("state/project.json"), before);

    for file in ["tags/core", "tags/greenhouses", "configurations/greenhouse-south"] {
        let file = format!("state/{file}.json");
        let mut state: Value = serde_json::from_str(&life.read(&file)).unwrap();
        let modules = state["modules"].as_array_mut().unwrap();
        modules.retain(|one| !one["module"].as_str().unwrap().starts_with(NAME));
        life.write(&file, state.to_string());
    }
    assert_eq!(life.input("remove", &[]).done().json(), json!({ "removed": NAME }));
    let files = life.generated();
    assert!(!files["flake.lock"].contains("logger") && !life.read("modules.lock").contains(NAME));
    life.thymis(&["commit", "--message", "Removed"]).done();
    // Another one of this name has no past.
    life.thymis(&["input", "add", NAME, &life.upstream.url()]).done();
    assert!(life.thymis(&["input", "rollback", NAME]).refused().contains("nothing is known of an earlier revision"));
}

#[test]
fn what_every_configuration_is_made_with_stays() {
    let life = Life::new();
    let refused = life.thymis(&["input", "remove", "nixpkgs"]).refused();
    assert!(refused.contains("is used by all 3 configurations") && refused.contains("--replace nixpkgs"), "{refused}");
}
