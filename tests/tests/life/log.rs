//! `input log`: who did what, when, and at which bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Life, Release, life::NAME};

fn log(life: &Life, arguments: &[&str]) -> Value {
    life.thymis(&[&["input", "log", "--json"], arguments].concat()).done().json()
}

/// The records of the input, newest last, with how many there were before the test did something.
fn records(life: &Life) -> Vec<Value> {
    log(life, &[NAME])["records"].as_array().unwrap().iter().map(|one| one["record"].clone()).collect()
}

#[test]
fn who_what_when_and_the_bytes() {
    let life = Life::new();
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    std::fs::write(life.home().join(".gitconfig"), "[user]\nname = Ann\nemail = ann@example.org\n").unwrap();
    life.upstream.release(&Release::saying("second").asking("option", "users.users.root"));
    life.update();
    life.accept();
    let record = records(&life).pop().unwrap();
    let entry = life.entry();
    assert_eq!(record["who"], "Ann <ann@example.org>");
    assert_eq!((&record["action"], &record["input"]), (&json!("accepted"), &json!(NAME)));
    assert_eq!(record["url"], entry["pin"]["url"]);
    assert_eq!(record["revision"], entry["pin"]["revision"]);
    assert_eq!(record["nar-hash"], entry["pin"]["nar-hash"]);
    assert_eq!(record["grant"], entry["grant"]["digest"]);
    assert!(record["at"].as_u64().unwrap() >= before, "{record}");

    let told = life.thymis(&["input", "log", NAME]).done().stdout;
    let grant = entry["grant"]["digest"].as_str().unwrap();
    for part in ["accepted at", "by Ann <ann@example.org>", grant, "The chain is whole"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    // A name that would disturb a terminal or the file doesn't.
    std::fs::write(life.home().join(".gitconfig"), "[user]\nname = \"A\u{1b}[31m\\nB\"\n").unwrap();
    life.input("pin", &[]).done();
    let told = life.thymis(&["input", "log", NAME]).done().stdout;
    assert!(told.chars().all(|one| one == '\n' || !one.is_control()), "{told:?}");
}

#[test]
fn every_command_leaves_its_line() {
    let life = Life::new();
    let begun = records(&life).len();
    let second = life.upstream.release(&Release::saying("second"));
    life.update();
    life.upstream.release(&Release::saying("third").asking("option", "users.users.root"));
    assert_eq!(life.update()["result"], "waits");
    life.input("pin", &[]).done();
    life.input("unpin", &[]).done();
    life.input("rollback", &[]).done();
    life.input("unpin", &[]).done();
    life.input("pin", &[&second]).done();
    life.input("rename", &["probes"]).done();
    life.thymis(&["input", "rename", "probes", NAME]).done();
    life.input("revoke", &["--reason", "a test"]).done();
    let actions: Vec<Value> = records(&life)[begun..].iter().map(|one| one["action"].clone()).collect();
    let expected = json!([
        "updated", "withdrawn", "held", "released", "rolled-back", "released", "updated",
        { "renamed": { "to": "probes" } }, { "renamed": { "to": NAME } }, { "revoked": { "reason": "a test" } }
    ]);
    assert_eq!(json!(actions), expected);

    // Looking leaves none, nor does what is refused.
    let count = log(&life, &[])["records"].as_array().unwrap().len();
    life.show();
    life.thymis(&["input", "update", "web"]).done();
    life.thymis(&["input", "test", &life.upstream.url()]).done();
    life.thymis(&["input", "remove", NAME]).refused();
    life.input("accept", &["--yes"]).refused();
    assert_eq!(log(&life, &[])["records"].as_array().unwrap().len(), count);
}

#[test]
fn it_goes_where_the_project_goes() {
    let life = Life::new();
    let text = life.read("consent.jsonl");
    assert_eq!(life.git(&["show", "refs/thymis/draft:consent.jsonl"]), text);
    life.thymis(&["commit", "--message", "Logged"]).done();
    assert_eq!(life.git(&["show", "HEAD:consent.jsonl"]), text);
    assert_eq!(life.git(&["status", "--porcelain", "--", "consent.jsonl", "modules.lock"]), "");
    life.input("pin", &[]).done();
    let longer = life.read("consent.jsonl");
    assert!(longer.starts_with(&text) && longer.lines().count() == text.lines().count() + 1, "{longer}");
    life.generated();
    life.thymis(&["commit", "--message", "Pinned"]).done();
    assert_eq!(life.git(&["show", "HEAD:consent.jsonl"]), longer);
}
