//! `input rollback`: back to what worked, at once and without a question where it was accepted.

use serde_json::json;

use super::{Life, Release, life::texts};

/// At the release that says `third`, all three accepted; the three revisions.
fn third() -> (Life, [String; 3]) {
    third_of(Life::new())
}

fn third_of(life: Life) -> (Life, [String; 3]) {
    let first = life.revision();
    let [second, third] = ["second", "third"].map(|says| {
        let revision = life.upstream.release(&Release::saying(says));
        assert_eq!(life.update()["result"], "moved");
        revision
    });
    (life, [first, second, third])
}

#[test]
fn it_goes_to_the_one_before_again_and_again_and_forward_without_a_question() {
    let life = Life::new();
    let (first, generated) = (life.revision(), life.generated());
    let second = life.upstream.release(&Release::saying("second").asking("option", "users.users.root"));
    assert_eq!(life.update()["result"], "waits");
    life.accept();
    let third = life.upstream.release(&Release::saying("third").asking("option", "users.users.root"));
    assert_eq!(life.update()["result"], "moved");

    let rolled = life.input("rollback", &[]).done().json();
    assert_eq!((&rolled["result"], &rolled["from"], &rolled["to"]), (&json!("moved"), &json!(third), &json!(second)));
    assert_eq!(rolled["changes"]["history"]["relation"], "older", "{rolled}");
    life.assert_says("second");
    let rolled = life.input("rollback", &[]).done().json();
    assert_eq!((&rolled["result"], &rolled["to"]), (&json!("moved"), &json!(first)), "{rolled}");
    assert_eq!(life.generated(), generated, "to the byte, with the flake's pin");
    let refused = life.thymis(&["input", "rollback", "temperature"]).refused();
    assert!(refused.starts_with("nothing is known of an earlier revision"), "{refused}");
    assert_eq!(life.update()["result"], "held");

    life.input("unpin", &[]).done();
    let forward = life.update();
    assert_eq!((&forward["result"], &forward["to"]), (&json!("moved"), &json!(third)), "{forward}");
    life.assert_says("third");
}

#[test]
fn a_revision_is_named_and_what_was_never_accepted_waits() {
    let (life, [first, _, third]) = third();
    assert_eq!(life.input("rollback", &[&first]).done().json()["result"], "moved");
    life.assert_says("first");
    assert_eq!(life.input("rollback", &[&third]).done().json()["result"], "moved");

    let skipped = life.upstream.release(&Release::saying("skipped"));
    let newest = life.upstream.release(&Release::saying("newest"));
    life.input("unpin", &[]).done();
    assert_eq!(life.update()["to"], newest);
    let waits = life.input("rollback", &[&skipped]).done().json();
    assert_eq!(waits["result"], "waits", "{waits}");
    assert_eq!(texts(&waits["reasons"]), ["it goes back to an older revision, which the present one contains"]);
    life.assert_says("newest");
    life.accept();
    life.assert_says("skipped");
}

#[test]
fn what_was_accepted_is_had_again_though_nothing_is_here_and_the_branch_is_gone() {
    let life = Life::served(|_| {}, "");
    let generated = life.generated();
    let (life, [first, ..]) = third_of(life);
    life.upstream.git(&["checkout", "--quiet", "--orphan", "other"]);
    life.upstream.commit("Unrelated");
    life.upstream.git(&["branch", "--quiet", "-D", "main"]);
    life.upstream.git(&["branch", "--quiet", "-m", "main"]);
    life.forget_repositories();
    let rolled = life.input("rollback", &[&first]).done().json();
    assert_eq!(rolled["result"], "moved", "{rolled}");
    assert_eq!(life.generated(), generated);
}

#[test]
fn what_is_revoked_is_not_gone_back_to() {
    let (life, [first, second, _]) = third();
    let advisory = json!({ "version": 1, "advisories": [
        { "id": "TEST-1", "summary": "it leaks", "revisions": [second] }] });
    life.write("../advisories.json", advisory.to_string());
    life.thymis(&["input", "revoke", "--advisories", "../advisories.json"]).done();
    let before = life.read("modules.lock");
    for arguments in [&[][..], &[second.as_str()]] {
        let answer = life.input("rollback", arguments);
        assert!(answer.clone().refused().contains("TEST-1"), "{answer:?}");
        assert_eq!(life.read("modules.lock"), before);
    }
    // The one before that is fine.
    assert_eq!(life.input("rollback", &[&first]).done().json()["result"], "moved");
    life.assert_says("first");
}

#[test]
fn an_input_without_a_past_says_so() {
    let life = Life::new();
    let refused = life.thymis(&["input", "rollback", "temperature"]).refused();
    assert_eq!(refused, "nothing is known of an earlier revision of `temperature`: name one");
}

#[test]
fn what_was_left_by_pinning_an_earlier_one_is_not_gone_back_to() {
    let (life, [first, second, third]) = third();
    let pinned = life.input("pin", &[&second]).done().json();
    assert_eq!((&pinned["result"], &pinned["from"]), (&json!("moved"), &json!(third)));
    assert_eq!(life.input("rollback", &[]).done().json()["to"], first);
}
