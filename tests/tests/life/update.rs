//! `input update` moves flake and component together, and asks where somebody has to be asked.

use serde_json::json;
use thymis_tests::Disk;

use super::{
    Life, Release,
    life::{USERS, assert_all_targets, texts},
    release::{FILE, OPTION},
};

const MORE: &str = "users.users.root";

#[test]
fn what_asks_for_nothing_more_moves_by_itself() {
    let life = Life::new();
    assert_eq!(life.update()["result"], "current");
    let newest = life.upstream.release(&Release::saying("second"));
    let before = life.revision();
    let moved = life.update();
    assert_eq!(
        (&moved["result"], &moved["from"], &moved["to"]),
        (&json!("moved"), &json!(before), &json!(newest)),
        "{moved}"
    );
    assert_eq!(moved["reasons"], json!([]));
    life.assert_says("second");
    assert!(life.read("flake.lock").contains(&newest) && !life.read("flake.lock").contains(&before));
    assert_eq!(life.revision(), newest);
}

#[test]
fn what_asks_for_more_waits_changes_nothing_and_is_accepted_as_it_was_shown() {
    let life = Life::new();
    let before = life.generated();
    let newest = life.upstream.release(&Release::saying("second").asking("option", MORE));
    let waits = life.update();
    assert_eq!((&waits["result"], &waits["to"]), (&json!("waits"), &json!(newest)));
    assert_eq!(waits["changes"]["gained"][0]["permission"]["value"], MORE, "{waits}");
    let [reason] = texts(&waits["reasons"])[..] else { panic!("{waits}") };
    assert!(reason.starts_with(&format!("`{FILE}` asks for option {MORE}: ")), "{reason}");
    assert_eq!(life.generated(), before);
    life.thymis(&["generate", "--check"]).done();

    // Whoever looks later is told the same, and looking changes nothing.
    let disk = Disk::visible(&life.project());
    let shown = life.show();
    assert_eq!(shown["next"]["changes"], waits["changes"]);
    assert_eq!(shown["next"]["reasons"], waits["reasons"]);
    let told = life.thymis(&["input", "show", "temperature"]).done().stdout;
    assert!(told.contains("An update waits") && told.contains("3 files on 3 configurations of 3"), "{told}");
    disk.assert_same(&Disk::visible(&life.project()));

    // What the repository has by then isn't what is accepted.
    life.upstream.release(&Release::saying("third").asking("option", "networking.hostName"));
    let digest = shown["next"]["shown"]["digest"].as_str().unwrap();
    life.input("accept", &["--digest", digest]).done();
    assert_eq!(life.revision(), newest);
    life.assert_says("second");
    assert_eq!(life.entry().get("next"), None);
}

#[test]
fn each_update_that_waits_replaces_the_one_before() {
    let life = Life::new();
    life.upstream.release(&Release::saying("second").asking("option", MORE));
    assert_eq!(life.update()["result"], "waits");
    // The newest asks for nothing more: nobody has to accept what was in between.
    let newest = life.upstream.release(&Release::saying("third"));
    assert_eq!(life.update()["result"], "moved");
    assert_eq!((life.revision(), life.entry().get("next").cloned()), (newest, None));
    life.assert_says("third");
}

#[test]
fn less_is_asked_for_without_a_question_and_told() {
    let life = Life::new();
    let shed = Release::saying("second").asking("option", MORE);
    life.upstream.release(&shed);
    life.update();
    life.accept();
    life.upstream.release(&Release::saying("third"));
    let moved = life.update();
    assert_eq!(moved["result"], "moved");
    assert_eq!(moved["changes"]["lost"][0]["permission"]["value"], MORE, "{moved}");
    assert_eq!(moved["changes"]["gained"], json!([]));
    // To have it again needs a new acceptance, unless these very bytes had it.
    life.upstream.release(&Release::saying("fourth").asking("option", MORE));
    assert_eq!(life.update()["result"], "waits");
}

#[test]
fn what_it_sets_without_asking_is_broken_and_told_so() {
    let life = Life::new();
    // The manifest lets go of the option that the component goes on to set.
    let manifest = Release::saying("second").manifest().replace(OPTION, "systemd.services.other");
    life.upstream.write("thymis.toml", manifest);
    life.upstream.commit("Another option");
    let waits = life.update();
    assert_eq!(waits["result"], "waits");
    let broken = &waits["changes"]["effect"]["broken"];
    assert_all_targets(broken);
    assert_eq!(texts(broken).iter().filter(|why| why.contains(OPTION)).count(), USERS.len(), "{broken}");
    life.assert_says("first");
}
