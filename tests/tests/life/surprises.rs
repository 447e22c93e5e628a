//! What becomes of a repository that nobody announced: each time a status and a sentence, while everything goes on being
//! generated, also where no copy of the repository is left.

use std::fs;

use serde_json::Value;

use super::{Life, Release, Upstream, life::texts};

/// Everything is generated as before.
#[track_caller]
fn goes_on(life: &Life) {
    let before = life.files();
    life.assert_says("first");
    assert_eq!(life.files(), before);
}

/// The same on a machine that has no copy of the repository yet, where the server still has the commit.
#[track_caller]
fn goes_on_elsewhere(life: &Life) {
    goes_on(life);
    life.forget_repositories();
    goes_on(life);
}

/// The one reason why an update waits.
#[track_caller]
fn reason(answer: &Value) -> &str {
    assert_eq!(answer["result"], "waits", "{answer}");
    let [reason] = texts(&answer["reasons"])[..] else { panic!("{answer}") };
    reason
}

#[test]
fn a_branch_that_was_force_pushed_waits() {
    let life = Life::served(|_| {}, "");
    life.upstream.git(&["commit", "--quiet", "--amend", "--message", "Rewritten"]);
    let waits = life.update();
    assert_eq!(reason(&waits), "its history doesn't contain the present revision: it was rewritten (force-pushed)");
    assert_eq!(waits["changes"]["history"]["relation"], "unrelated");
    assert_eq!(life.show()["next"]["shown"]["status"], "awaiting-grant");
    assert_eq!(waits["status"], "awaiting-grant", "the same as of an update that asks for more");
    goes_on_elsewhere(&life);
    // Its old commits may be swept away: the update still is what it was.
    life.accept();
    life.upstream.git(&["reflog", "expire", "--expire=now", "--all"]);
    life.upstream.git(&["gc", "--quiet", "--prune=now"]);
    life.assert_says("first");
    assert_eq!(life.update()["result"], "current");
}

#[test]
fn a_commit_that_was_swept_away_goes_on_from_its_copy() {
    let life = Life::new();
    life.upstream.git(&["commit", "--quiet", "--amend", "--message", "Rewritten"]);
    life.upstream.git(&["reflog", "expire", "--expire=now", "--all"]);
    life.upstream.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(life.update()["result"], "waits");
    goes_on(&life);
    // Without a copy there is nothing: that is said, with the input.
    life.forget_repositories();
    let refused = life.thymis(&["generate"]).refused();
    assert!(refused.contains("temperature") && refused.contains("doesn't have the commit"), "{refused}");
}

#[test]
fn another_history_under_the_same_address_waits() {
    let life = Life::new();
    fs::remove_dir_all(life.upstream.path()).unwrap();
    Upstream::releasing(&life.world, "logger", &Release::saying("stranger"));
    assert!(reason(&life.update()).contains("its history doesn't contain the present revision"));
    goes_on(&life);
}

#[test]
fn an_older_revision_waits() {
    let life = Life::at(|upstream| drop(upstream.touch("Second")), Upstream::url);
    life.upstream.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let waits = life.update();
    assert_eq!(reason(&waits), "it goes back to an older revision, which the present one contains");
    assert_eq!(waits["changes"]["history"]["relation"], "older");
    goes_on(&life);
}

#[test]
fn a_branch_that_vanished_is_named() {
    let life = Life::served(|upstream| drop(upstream.git(&["branch", "stable"])), "?ref=stable");
    life.upstream.git(&["branch", "--quiet", "-D", "stable"]);
    let (answer, told) = life.failing_update();
    for text in [answer["error"].as_str().unwrap(), &told] {
        assert!(text.contains("has no ref `refs/heads/stable`"), "{text}");
        assert!(text.contains("main"), "what there is: {text}");
    }
    assert_eq!(answer["status"], "failed");
    goes_on_elsewhere(&life);
}

#[test]
fn a_default_branch_under_another_name_goes_on_and_is_told() {
    let life = Life::new();
    life.upstream.git(&["branch", "--quiet", "-m", "main", "trunk"]);
    let newest = life.upstream.release(&Release::saying("second"));
    let moved = life.update();
    assert_eq!((&moved["result"], &moved["to"]), (&"moved".into(), &newest.into()), "{moved}");
    assert_eq!(texts(&moved["changes"]["default-branch"]), ["refs/heads/main", "refs/heads/trunk"]);
    assert_eq!(life.entry()["branch"], "refs/heads/trunk");
    life.assert_says("second");
}

#[test]
fn a_default_branch_under_another_name_is_told_without_a_new_commit_too() {
    let life = Life::new();
    life.upstream.git(&["branch", "--quiet", "-m", "main", "trunk"]);
    let told = life.thymis(&["input", "update", "temperature"]).done().stdout;
    assert!(told.contains("refs/heads/trunk"), "{told}");
    goes_on(&life);
    assert_eq!(life.update()["result"], "current");
}

#[test]
fn a_tag_that_was_moved_waits_also_forwards() {
    let tag = |upstream: &Upstream| drop(upstream.git(&["tag", "--force", "v1"]));
    let life = Life::served(tag, "?ref=refs/tags/v1");
    assert_eq!(life.update()["result"], "current");
    life.upstream.release(&Release::saying("second"));
    assert_eq!(life.update()["result"], "current", "a tag stays where it is");
    tag(&life.upstream);
    assert_eq!(reason(&life.update()), "the tag `v1` was moved to another commit: tags are meant to stay");
    goes_on_elsewhere(&life);
    life.upstream.git(&["tag", "--delete", "v1"]);
    let (answer, _) = life.failing_update();
    assert!(answer["error"].as_str().unwrap().contains("has no ref `refs/tags/v1`"), "{answer}");
    goes_on_elsewhere(&life);
}

#[test]
fn a_tag_is_asked_for_by_its_full_name() {
    let life = Life::new();
    life.upstream.git(&["tag", "v1"]);
    let add = ["input", "add", "other", &life.upstream.url_of("v1")];
    let refused = life.thymis(&add).refused();
    assert!(refused.contains("write `?ref=refs/tags/v1`"), "{refused}");
}

#[test]
fn a_repository_that_was_deleted_is_unreachable() {
    let life = Life::new();
    fs::remove_dir_all(life.upstream.path()).unwrap();
    let (answer, told) = life.failing_update();
    assert_eq!(answer["status"], "unreachable", "{answer}");
    assert!(told.contains("temperature") && told.contains("there is no folder at"), "{told}");
    goes_on(&life);
    // What depends on no server goes on: leaving it there, and committing.
    life.input("pin", &[]).done();
    life.thymis(&["commit", "--message", "Pinned"]).done();
}

#[test]
fn a_repository_that_lost_its_commits_says_so() {
    let life = Life::new();
    fs::remove_dir_all(life.upstream.path()).unwrap();
    Upstream::empty(&life.world, "logger");
    let (answer, told) = life.failing_update();
    assert!(told.contains("has no commits yet"), "{told}");
    assert_eq!(answer["status"], "failed");
    goes_on(&life);
}

#[test]
fn what_is_refused_takes_nothing_away() {
    let life = Life::new();
    let present = life.revision();
    life.upstream.git(&["checkout", "--quiet", "--orphan", "other"]);
    life.upstream.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{present},sub")]);
    life.upstream.git(&["commit", "--quiet", "--message", "With a submodule"]);
    life.upstream.git(&["branch", "--force", "main", "other"]);
    life.upstream.git(&["reflog", "expire", "--expire=now", "--all"]);
    life.upstream.git(&["gc", "--quiet", "--prune=now"]);
    for _ in 0..2 {
        let (answer, _) = life.failing_update();
        assert!(answer["error"].as_str().unwrap().contains("is a submodule"), "{answer}");
        life.assert_says("first");
    }
}

#[test]
fn a_server_brings_nothing_back_that_was_left_behind() {
    let life = Life::new();
    life.upstream.release(&Release::saying("second"));
    assert_eq!(life.update()["result"], "moved");
    life.upstream.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    // It was accepted once, and only the operator goes back there.
    assert_eq!(reason(&life.update()), "it goes back to an older revision, which the present one contains");
    life.assert_says("second");
}
