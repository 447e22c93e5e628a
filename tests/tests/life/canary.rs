//! One repository as two inputs: some devices try a revision before the others get it.

use serde_json::{Value, json};

use super::{Life, Release, life::NAME};

const CANARY: &str = "canary";

/// The tag `greenhouses` uses the input `canary`, which is the same repository.
fn life() -> Life {
    let life = Life::new();
    life.thymis(&["input", "add", CANARY, &life.upstream.url()]).done();
    life.thymis(&["input", "accept", CANARY, "--yes"]).done();
    let file = "state/tags/greenhouses.json";
    let text = life.read(file).replace(&format!("{NAME}/"), &format!("{CANARY}/"));
    life.write(file, text);
    life
}

fn says(life: &Life, core: &str, greenhouses: &str) {
    let files = life.generated();
    for (file, says) in [("tags/core.nix", core), ("tags/greenhouses.nix", greenhouses)] {
        assert!(files[file].contains(&format!("\"{says}\"")), "{file}: {}", files[file]);
    }
}

#[test]
fn each_is_pinned_and_updated_by_itself() {
    let life = life();
    let first = life.revision();
    says(&life, "first", "first");
    let second = life.upstream.release(&Release::saying("second"));
    let answer = life.thymis(&["input", "update", CANARY, "--json"]).done().json()[0].clone();
    assert_eq!(answer["result"], "moved");
    assert_eq!(answer["changes"]["effect"]["file-names"], json!(["tags/greenhouses.nix"]));
    assert_eq!(answer["changes"]["effect"]["configurations"], 2);
    says(&life, "first", "second");
    let lock: Value = serde_json::from_str(&life.read("flake.lock")).unwrap();
    assert_eq!(lock["nodes"][NAME]["locked"]["rev"], first);
    assert_eq!(lock["nodes"][CANARY]["locked"]["rev"], second);
    life.thymis(&["commit", "--message", "A canary"]).done();

    // The other follows, and what was accepted for this address counts for it.
    assert_eq!(life.update()["to"], second);
    says(&life, "second", "second");
    life.thymis(&["input", "rollback", CANARY]).done();
    says(&life, "second", "first");
    assert_eq!(life.thymis(&["input", "update", "--json"]).done().json().as_array().unwrap().len(), 5);
}

#[test]
fn more_is_accepted_for_one_and_is_no_surprise_in_the_other() {
    let life = life();
    life.upstream.release(&Release::saying("second").asking("option", "users.users.root"));
    let both = life.thymis(&["input", "update", NAME, CANARY, "--json"]).done().json();
    assert_eq!((&both[0]["result"], &both[1]["result"]), (&json!("waits"), &json!("waits")));
    life.thymis(&["input", "accept", CANARY, "--yes"]).done();
    says(&life, "first", "second");
    assert!(life.entry()["next"].is_object(), "the other still waits: {}", life.entry());
    life.accept();
    says(&life, "second", "second");
    // One goes, the other stays.
    assert!(life.thymis(&["input", "remove", CANARY]).refused().contains("tag `greenhouses`"));
}

#[test]
fn the_name_of_the_other_is_taken() {
    let life = life();
    let before = [life.read("modules.lock"), life.read("state/project.json")];
    // Both are at one revision: what is there under both names isn't one input.
    let refused = life.thymis(&["input", "rename", NAME, CANARY]).refused();
    assert!(refused.contains("there is an input `canary` already"), "{refused}");
    assert_eq!([life.read("modules.lock"), life.read("state/project.json")], before);
}

#[test]
fn a_name_that_was_its_own_once_is_taken_all_the_same() {
    let life = Life::new();
    life.thymis(&["input", "rename", NAME, CANARY]).done();
    life.thymis(&["input", "rename", CANARY, NAME]).done();
    life.thymis(&["input", "add", CANARY, &life.upstream.url()]).done();
    let before = [life.read("modules.lock"), life.read("state/project.json")];
    let refused = life.thymis(&["input", "rename", NAME, CANARY]).refused();
    assert!(refused.contains("there is an input `canary` already"), "{refused}");
    assert_eq!([life.read("modules.lock"), life.read("state/project.json")], before);
}

#[test]
fn what_was_accepted_for_one_moves_no_other() {
    let life = life();
    life.upstream.release(&Release::saying("second").asking("option", "users.users.root"));
    assert_eq!(life.thymis(&["input", "update", CANARY, "--json"]).done().json()[0]["result"], "waits");
    life.thymis(&["input", "accept", CANARY, "--yes"]).done();
    assert_eq!(life.update()["result"], "waits", "only now it hears of it");
    says(&life, "first", "second");
}
