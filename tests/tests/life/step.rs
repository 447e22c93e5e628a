//! `input pin` and `unpin`: where an input is left, and let go again.

use serde_json::json;

use super::{Life, Release, life::texts};

const MORE: &str = "users.users.root";

#[test]
fn pinned_where_it_is_it_stays_until_unpinned() {
    let life = Life::new();
    let first = life.revision();
    let pinned = life.input("pin", &[]).done().json();
    assert_eq!((&pinned["result"], &pinned["to"]), (&json!("held"), &json!(first)), "{pinned}");
    let second = life.upstream.release(&Release::saying("second"));
    assert_eq!(life.update()["result"], "held");
    let told = life.thymis(&["input", "update"]).done().stdout;
    assert!(told.contains("temperature is pinned at") && told.contains("thymis input unpin temperature"), "{told}");
    assert!(life.thymis(&["input", "list"]).done().stdout.contains("updates leave it there"));
    life.assert_says("first");
    // Twice is once.
    let lock = life.read("modules.lock");
    life.input("pin", &[]).done();
    assert_eq!(life.read("modules.lock"), lock);

    life.input("unpin", &[]).done();
    assert_eq!(life.update()["to"], second);
    life.assert_says("second");
}

#[test]
fn another_revision_is_pinned_at_once_where_it_asks_for_nothing_more() {
    let life = Life::new();
    let second = life.upstream.release(&Release::saying("second"));
    life.upstream.release(&Release::saying("third"));
    let moved = life.input("pin", &[&second]).done().json();
    assert_eq!((&moved["result"], &moved["to"]), (&json!("moved"), &json!(second)), "{moved}");
    assert_eq!(moved["changes"]["effect"]["files"], 3, "{moved}");
    life.assert_says("second");
    assert_eq!(life.update()["result"], "held");
}

#[test]
fn an_older_revision_that_was_accepted_is_pinned_at_once_and_another_waits() {
    let life = Life::at(
        |upstream| {
            upstream.release(&Release::saying("second"));
        },
        super::Upstream::url,
    );
    let (second, never) = (life.revision(), life.upstream.git(&["rev-parse", "HEAD~1"]).trim().to_owned());
    let waits = life.input("pin", &[&never]).done().json();
    assert_eq!(waits["result"], "waits", "{waits}");
    assert_eq!(texts(&waits["reasons"]), ["it goes back to an older revision, which the present one contains"]);
    life.assert_says("second");
    life.accept();
    life.assert_says("first");
    assert_eq!(life.entry()["held"], true);
    // Both were accepted by now.
    assert_eq!(life.input("pin", &[&second]).done().json()["result"], "moved");
    assert_eq!(life.input("pin", &[&never]).done().json()["result"], "moved");
    life.assert_says("first");
}

#[test]
fn a_revision_that_asks_for_more_waits_and_is_taken_to_the_pin() {
    let life = Life::new();
    let second = life.upstream.release(&Release::saying("second").asking("option", MORE));
    life.upstream.release(&Release::saying("third").asking("option", MORE));
    let waits = life.input("pin", &[&second]).done().json();
    assert_eq!((&waits["result"], &waits["to"]), (&json!("waits"), &json!(second)), "{waits}");
    life.assert_says("first");
    life.accept();
    life.assert_says("second");
    assert_eq!(life.update()["result"], "held");
}

#[test]
fn pinning_dismisses_an_update_that_waits() {
    let life = Life::new();
    let before = life.generated();
    life.upstream.release(&Release::saying("second").asking("option", MORE));
    assert_eq!(life.update()["result"], "waits");
    life.input("pin", &[]).done();
    let entry = life.entry();
    assert_eq!((entry.get("next"), &entry["held"]), (None, &json!(true)));
    assert_eq!(life.update()["result"], "held");
    assert_eq!(life.generated(), before);
    // Once let go, it is asked again.
    life.input("unpin", &[]).done();
    assert_eq!(life.update()["result"], "waits");
}

#[test]
fn what_is_no_revision_of_the_repository_is_refused() {
    let life = Life::new();
    let before = life.read("modules.lock");
    let refused = life.thymis(&["input", "pin", "temperature", &"0123".repeat(10)]).refused();
    assert!(refused.contains("doesn't have the commit 0123"), "{refused}");
    assert_eq!(life.thymis(&["input", "pin", "temperature", "main"]).code, 2);
    assert!(life.thymis(&["input", "pin", "nothing"]).refused().contains("there is no input `nothing`"));
    assert_eq!(life.read("modules.lock"), before);
}
