//! `input revoke --advisories FILE`: what others publish as bad.

use serde_json::{Value, json};
use thymis_tests::World;

use super::{Life, Release, Upstream, release::FILE};

const ID: &str = "TEST-2026-0001";

fn advisories(named: &Value) -> Value {
    let mut advisory = json!({ "id": ID, "summary": "it sends settings to a stranger" });
    advisory.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
    json!({ "version": 1, "advisories": [advisory] })
}

/// Revokes what they name; answers what is said.
fn revoke(world: &World, advisories: &Value) -> Value {
    world.write("../advisories.json", advisories.to_string());
    world.thymis(&["input", "revoke", "--advisories", "../advisories.json", "--json"]).done().json()
}

#[track_caller]
fn assert_unusable(world: &World) {
    for command in [&["generate"][..], &["commit", "--message", "x"]] {
        let refused = world.thymis(command).refused();
        assert!(refused.contains(ID), "{command:?}: {refused}");
    }
}

#[test]
fn a_component_is_named_wherever_it_is() {
    let life = Life::new();
    let first = life.show()["terms"]["components"][FILE]["digest"].clone();
    life.upstream.release(&Release::saying("second"));
    life.update();
    life.assert_says("second");
    let second = life.show()["terms"]["components"][FILE]["digest"].clone();
    assert_ne!(first, second);
    let told = revoke(&life, &advisories(&json!({ "digests": [second] })));
    assert_eq!((&told["new"], &told["inputs"][0]["name"]), (&json!(1), &json!("temperature")), "{told}");
    assert!(told["inputs"][0]["reason"].as_str().unwrap().starts_with(ID), "{told}");
    assert_unusable(&life);
    let again = revoke(&life, &advisories(&json!({ "digests": [second] })));
    assert_eq!(again["new"], 0);

    let rolled = life.input("rollback", &[]).done().json();
    assert_eq!(rolled["result"], "moved", "it was accepted, and nothing of it is revoked: {rolled}");
    life.assert_says("first");
    life.thymis(&["commit", "--message", "Rolled back"]).done();
}

#[test]
fn a_revision_is_named_and_a_lock_from_history_brings_nothing_back() {
    let life = Life::new();
    life.thymis(&["commit", "--message", "First"]).done();
    let first = life.revision();
    life.upstream.touch("Second");
    life.update();
    life.assert_says("first");
    life.thymis(&["commit", "--message", "Second"]).done();
    let told = revoke(&life, &advisories(&json!({ "revisions": [first] })));
    assert_eq!(told["inputs"], json!([]), "it isn't in use any more");
    life.assert_says("first");
    life.git(&["checkout", "--quiet", "HEAD~1", "--", "modules.lock", "flake.lock"]);
    let refused = life.thymis(&["generate"]).refused();
    assert!(refused.contains(ID), "{refused}");
    life.git(&["checkout", "--quiet", "HEAD", "--", "modules.lock", "flake.lock"]);
    life.assert_says("first");
}

#[test]
fn a_plain_flake_is_refused_by_its_revision() {
    let life = Life::new();
    let plain = Upstream::plain(&life.world, "plain");
    life.thymis(&["input", "add", "plain", &plain.url()]).done();
    life.generated();
    let told = revoke(&life, &advisories(&json!({ "revisions": [plain.head()] })));
    assert_eq!(told["inputs"][0]["name"], "plain");
    assert_unusable(&life);
    let bad = plain.head();
    plain.write("other", "");
    plain.commit("Mended");
    life.thymis(&["input", "update", "plain"]).done();
    life.assert_says("first");
    life.thymis(&["commit", "--message", "Mended"]).done();
    let refused = life.thymis(&["input", "pin", "plain", &bad]).refused();
    assert!(refused.contains(ID), "{refused}");
    plain.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let refused = life.thymis(&["input", "add", "--replace", "plain", &plain.url()]).refused();
    assert!(refused.contains(ID), "{refused}");
}

#[test]
fn files_that_cannot_be_used_revoke_nothing() {
    let world = World::generated();
    let digest = format!("sha256:{}", "0".repeat(64));
    let good = advisories(&json!({ "digests": [digest] }));
    let mut newer = good.clone();
    newer["version"] = json!(2);
    let mut unnamed = good.clone();
    unnamed["advisories"][0]["digests"] = json!([]);
    let mut escaped = good.clone();
    escaped["advisories"][0]["id"] = json!("a\u{1b}[31m");
    let cases = [
        ("nonsense".to_owned(), "advisories.json: "),
        (String::new(), "advisories.json: "),
        (newer.to_string(), "update Thymis"),
        (unnamed.to_string(), "names no digest and no revision"),
        (escaped.to_string(), "can't be the id of an advisory"),
        (format!("{good}{}", " ".repeat(64 << 20)), "bytes"),
    ];
    for (text, part) in cases {
        world.write("../advisories.json", &text);
        let refused = world.thymis(&["input", "revoke", "--advisories", "../advisories.json"]).refused();
        assert!(refused.contains(part) && !refused.contains('\u{1b}'), "{part} is not in {refused}");
    }
    assert!(world.thymis(&["input", "revoke", "--advisories", "../nowhere.json"]).refused().contains("nowhere.json"));
    assert_eq!(world.thymis(&["input", "revoked", "--json"]).done().json()["digests"], json!({}));
}
