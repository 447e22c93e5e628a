//! The log's chain: a line that was changed, removed or moved is found, and then nothing is accepted.

use serde_json::json;

use super::{Life, Release};

const FILE: &str = "consent.jsonl";

/// With an update that waits to be accepted.
fn waiting() -> Life {
    let life = Life::new();
    life.upstream.release(&Release::saying("second").asking("option", "users.users.root"));
    assert_eq!(life.update()["result"], "waits");
    life
}

#[test]
fn tampering_is_found_by_the_line_and_stops_every_acceptance() {
    let life = waiting();
    let good = life.read(FILE);
    let lines: Vec<&str> = good.lines().collect();
    assert!(lines.len() >= 6, "{good}");
    let text = |lines: &[&str]| lines.join("\n") + "\n";
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    changed[2] = changed[2].replacen("\"at\":1", "\"at\":2", 1);
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let removed = [&lines[..2], &lines[3..]].concat();
    let marked = [&lines[..4], &["<<<<<<< ours"], &lines[4..], &["=======", ">>>>>>> theirs"]].concat();
    let cases = [
        (text(&changed), 4, "the line before it isn't the one"),
        (text(&removed), 3, "the line before it isn't the one"),
        (text(&swapped), 3, "the line before it isn't the one"),
        (text(&lines[1..]), 1, "the line before it isn't the one"),
        (text(&marked), 5, "conflict markers"),
        (good[..good.len() - 20].to_owned(), lines.len(), "cut off"),
        (text(&[&lines[..3], &["nonsense"]].concat()), 4, "this is no record"),
    ];
    let before = [life.read("modules.lock"), life.read("state/project.json")];
    for (bad, line, part) in cases {
        life.write(FILE, &bad);
        let refused = life.thymis(&["input", "log"]).refused();
        assert!(refused.starts_with(&format!("{FILE}, line {line}: ")) && refused.contains(part), "{refused}");
        for command in [
            &["accept", "temperature", "--yes"][..],
            &["update", "temperature"],
            &["rollback", "temperature"],
            &["pin", "temperature"],
            &["rename", "temperature", "probes"],
            &["add", "other", &life.upstream.url()],
        ] {
            let told = life.thymis(&[&["input"], command].concat());
            assert!(told.code == 1 && told.stderr.contains(&format!("line {line}")), "{command:?}: {told:?}");
        }
        assert_eq!(
            ([life.read("modules.lock"), life.read("state/project.json")], life.read(FILE)),
            (before.clone(), bad)
        );
    }
    life.write(FILE, &good);
    life.assert_says("first");
    life.accept();
    life.assert_says("second");
}

#[test]
fn an_end_that_was_cut_off_is_found_by_whoever_knows_it() {
    let life = Life::new();
    let head = life.thymis(&["input", "log", "--json"]).done().json()["head"].as_str().unwrap().to_owned();
    life.thymis(&["input", "log", "--contains", &head]).done();
    let good = life.read(FILE);
    let lines: Vec<&str> = good.lines().collect();
    life.write(FILE, lines[..lines.len() - 1].join("\n") + "\n");
    life.thymis(&["input", "log"]).done();
    let refused = life.thymis(&["input", "log", "--contains", &head]).refused();
    assert!(refused.contains(&head) && refused.contains("cut off"), "{refused}");
    // Begun anew it has no line of before.
    std::fs::remove_file(life.project().join(FILE)).unwrap();
    life.thymis(&["input", "log", "--contains", &head]).refused();
    life.write(FILE, &good);
    life.input("pin", &[]).done();
    life.thymis(&["input", "log", "--contains", &head, "--json"]).done();
    assert_ne!(life.thymis(&["input", "log", "--json"]).done().json()["head"], json!(head));
}

#[test]
fn a_broken_log_holds_up_no_revocation() {
    let life = Life::new();
    life.write(FILE, "nonsense\n");
    life.input("revoke", &["--reason", "it mines coins"]).done();
    assert!(life.thymis(&["generate"]).refused().contains("it mines coins"));
}

#[test]
fn a_log_that_is_broken_or_gone_replaces_none_in_the_history() {
    let life = Life::new();
    life.thymis(&["commit", "--message", "First"]).done();
    let good = life.read(FILE);
    let changed = good.replacen("\"at\":1", "\"at\":2", 1);
    for bad in [Some(changed), None] {
        match &bad {
            Some(bad) => life.write(FILE, bad),
            None => std::fs::remove_file(life.project().join(FILE)).unwrap(),
        }
        // They may refuse, or leave the log alone.
        let told = [&["generate"][..], &["commit", "--message", "Again"]].map(|command| life.thymis(command));
        assert!(life.git(&["show", "HEAD:consent.jsonl"]) == good, "{told:?}");
        life.git(&["checkout", "--quiet", "HEAD", "--", FILE]);
        life.assert_says("first");
    }
}

#[test]
fn what_is_not_accepted_in_the_log_is_asked_again() {
    let life = waiting();
    life.accept();
    life.input("rollback", &[]).done();
    life.input("unpin", &[]).done();
    // Without its line, nobody accepted what asks for more.
    let good = life.read(FILE);
    let lines: Vec<&str> = good.lines().collect();
    let accepted = lines.iter().rposition(|line| line.contains("\"accepted\"")).unwrap();
    life.write(FILE, lines[..accepted].join("\n") + "\n");
    assert_eq!(life.update()["result"], "waits");
}

#[test]
fn what_was_undone_by_hand_is_not_committed() {
    let life = waiting();
    life.thymis(&["generate"]).done();
    life.thymis(&["commit", "--message", "Before"]).done();
    life.accept();
    life.thymis(&["generate"]).done();
    life.git(&["checkout", "--quiet", "HEAD", "--", "."]);
    let refused = life.thymis(&["commit", "--message", "Undone"]).refused();
    assert!(refused.contains("(modules.lock)"), "{refused}");
}
