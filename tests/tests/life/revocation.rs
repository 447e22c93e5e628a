//! `input revoke` of a name or a digest: nothing of it is used, and only a revision that it doesn't concern is a way out.

use serde_json::json;

use super::{Life, Release, life::texts, release::FILE};

const REASON: &str = "it mines coins";

/// Moved from the release that says `first` to `second`.
fn second() -> Life {
    let life = Life::new();
    life.upstream.release(&Release::saying("second"));
    assert_eq!(life.update()["result"], "moved");
    life.assert_says("second");
    life
}

#[test]
fn by_name_the_grant_and_the_components_are_revoked_and_an_earlier_revision_is_not() {
    let life = second();
    let lock = life.read("modules.lock");
    let shown = life.show();
    let revoked = life.input("revoke", &["--reason", REASON]).done().json();
    let component = &shown["terms"]["components"][FILE]["digest"];
    assert_eq!(revoked["revoked"], json!([life.entry()["grant"]["digest"], component]));
    for command in [&["generate"][..], &["commit", "--message", "x"], &["input", "accept", "temperature", "--yes"]] {
        assert!(life.thymis(command).refused().contains(REASON), "{command:?}");
    }
    assert_eq!(life.show()["status"], "failed");
    life.write("modules.lock", lock);
    assert!(life.thymis(&["generate"]).refused().contains(REASON));

    let rolled = life.input("rollback", &[]).done().json();
    assert_eq!(rolled["result"], "moved", "it was accepted, and nothing of it is revoked: {rolled}");
    life.assert_says("first");
    life.thymis(&["commit", "--message", "Rolled back"]).done();
}

#[test]
fn by_digest_the_same_component_is_refused_at_every_revision() {
    let life = second();
    let digest = life.show()["terms"]["components"][FILE]["digest"].as_str().unwrap().to_owned();
    let touched = life.upstream.touch("The same component");
    life.thymis(&["input", "revoke", &digest, "--reason", REASON]).done();
    assert!(life.thymis(&["generate"]).refused().contains(REASON));
    let (answer, told) = life.failing_update();
    assert!(told.contains(REASON) && answer["error"].as_str().unwrap().contains(&digest), "{answer}");
    assert!(life.thymis(&["input", "pin", "temperature", &touched]).refused().contains(REASON));
    // What mends it waits for whoever accepts again.
    life.upstream.release(&Release::saying("mended"));
    let waits = life.update();
    assert_eq!((&waits["result"], texts(&waits["reasons"])), (&json!("waits"), vec!["what was accepted is revoked"]));
    life.accept();
    life.assert_says("mended");
}
