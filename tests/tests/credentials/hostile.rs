//! Servers that never end, or break off: each is given up on in a sentence, and nothing is left of it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use thymis_tests::{
    Disk,
    server::{HttpServer, Rule},
};

use crate::{
    Site, User,
    processes::{Process, leftovers},
};

const LIMITS: [&str; 8] = [
    "--limit",
    "fetch_stall_seconds=2",
    "--limit",
    "fetch_total_seconds=5",
    "--limit",
    "fetch_bytes=4_000_000",
    "--limit",
    "fetch_memory_bytes=200_000_000",
];

/// What is said of each of these servers, to whom looks, adds and updates; nothing is changed or left.
fn told(rules: &[(Rule, &str, &str)]) {
    thread::scope(|scope| {
        for (rule, status, words) in rules {
            scope.spawn(move || {
                let (site, user) = (Site::new(), User::new());
                let server = HttpServer::start(site.path());
                let (kept, url) = (server.url("two"), server.url("one"));
                user.thymis(&["input", "add", "kept", &kept]).done();
                let before = (Disk::of(&user.world.project()), leftovers(&user));
                site.commit("two", "More.\n");
                for repository in ["one", "two"] {
                    server.rule(repository, rule.clone());
                }
                user.assert_refused_with(&url, &LIMITS, status, words);
                let added = user.thymis(&[&["input", "add", "one", &url], &LIMITS[..]].concat()).refused();
                assert!(added.starts_with(&format!("{status}: ")) && added.contains(words), "{rule:?}: {added}");
                let output = user.thymis(&[&["input", "update", "kept", "--json"], &LIMITS[..]].concat());
                let answer = output.json()[0].clone();
                assert_eq!((output.code, &answer["status"]), (1, &(*status).into()), "{rule:?}: {answer}");
                assert!(answer["error"].as_str().unwrap().contains(words), "{rule:?}: {answer}");
                before.0.assert_same(&Disk::of(&user.world.project()));
                assert_eq!(leftovers(&user), before.1, "{rule:?}");
                Process::assert_none(&user);
            });
        }
    });
}

#[test]
fn answers_that_are_refusals() {
    told(&[
        (Rule::Status(403), "unauthorized", "none was given for it"),
        (Rule::Status(404), "unreachable", "doesn't exist"),
        (Rule::Status(410), "unreachable", "doesn't exist"),
        (Rule::Status(429), "unreachable", "the status 429; try again later"),
        (Rule::Status(500), "unreachable", "the status 500; try again later"),
    ]);
}

#[test]
fn answers_that_come_too_slowly() {
    told(&[
        (Rule::Hang, "unreachable", "sent too little for 2 seconds"),
        (Rule::Drip, "unreachable", "sent too little for 2 seconds"),
    ]);
}

#[test]
fn answers_without_end() {
    told(&[
        (Rule::Endless, "failed", "more than 4000000 bytes received"),
        // It announces more objects than may come.
        (Rule::EndlessPack, "failed", "more than 5000000 git objects"),
    ]);
}

#[test]
fn an_answer_that_breaks_off() {
    told(&[(Rule::CutPack, "unreachable", "can't be reached")]);
}

#[test]
fn a_list_of_refs_without_end_takes_no_more_memory_than_is_allowed() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    server.rule("one", Rule::EndlessRefs);
    let (most, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                for process in Process::of(&user).into_iter().filter(Process::fetches) {
                    most.fetch_max(process.memory(), Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut command = user.command(&["input", "test", &server.url("one"), "--verbose", "--json"]);
        command.args(["--limit", "fetch_stall_seconds=30", "--limit", "fetch_memory_bytes=100_000_000"]);
        let said = thymis_tests::Output::of(&mut command);
        over.store(true, Ordering::SeqCst);
        let said = said.refused();
        assert!(said.starts_with("failed: ") && said.contains("--limit fetch_memory_bytes"), "{said}");
    });
    let most = most.into_inner();
    assert!((1..=100_000_000).contains(&most), "{most}");
    assert_eq!(leftovers(&user), Vec::<String>::new());
    Process::assert_none(&user);
}

#[test]
fn a_pack_without_end_is_given_up_on_at_a_number_of_bytes() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    server.rule("one", Rule::EndlessPack);
    let more = ["--limit", "fetch_objects=20_000_000", "--limit", "fetch_bytes=4_000_000"];
    user.assert_refused_with(&server.url("one"), &more, "failed", "more than 4000000 bytes received");
    // Its list of objects alone takes more than this.
    let more = [&more[..], &["--limit", "fetch_memory_bytes=50_000_000"]].concat();
    user.assert_refused_with(&server.url("one"), &more, "failed", "--limit fetch_memory_bytes");
    assert_eq!(leftovers(&user), Vec::<String>::new());
}

#[test]
fn a_server_that_always_says_something_is_given_up_on_in_the_end() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    server.rule("one", Rule::Endless);
    let more = ["--limit", "fetch_total_seconds=2", "--limit", "fetch_bytes=1_000_000_000_000"];
    user.assert_refused_with(&server.url("one"), &more, "unreachable", "--limit fetch_total_seconds");
    assert_eq!(leftovers(&user), Vec::<String>::new());
    Process::assert_none(&user);
}
