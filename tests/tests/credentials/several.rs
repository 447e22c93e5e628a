//! Several fetches at once, and one that is killed.

use std::process::Stdio;

use thymis_tests::server::{HttpServer, Rule};

use crate::{
    Site, User,
    processes::{Process, leftovers, wait},
};

#[test]
fn one_that_hangs_holds_up_no_other() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    for name in Site::NAMES {
        user.thymis(&["input", "add", name, &server.url(name)]).done();
    }
    let commits = Site::NAMES.map(|name| site.commit(name, "More.\n"));
    server.rule("two", Rule::Hang);
    let output = user.thymis(&["input", "update", "--json", "--limit", "fetch_stall_seconds=3"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let answers = output.json();
    let of = |name: &str| answers.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    for (name, commit) in Site::NAMES.iter().zip(&commits) {
        match *name {
            "two" => {
                assert_eq!(of(name)["status"], "unreachable");
                assert!(of(name)["error"].as_str().unwrap().contains("sent too little for 3 seconds"), "{answers}");
            }
            _ => assert_eq!((&of(name)["result"], &of(name)["to"]), (&"moved".into(), &commit.as_str().into())),
        }
    }
    let lock: serde_json::Value = serde_json::from_str(&user.world.read("modules.lock")).unwrap();
    let pinned = |name: &str| lock["inputs"][name]["pin"]["revision"].as_str().unwrap().to_owned();
    assert_eq!((pinned("one"), pinned("three")), (commits[0].clone(), commits[2].clone()));
    assert_ne!(pinned("two"), commits[1]);
    Process::assert_none(&user);

    // In words, which stop at nothing either.
    let output = user.thymis(&["input", "update", "--limit", "fetch_stall_seconds=1"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stdout.contains("one is current") && output.stdout.contains("three is current"),
        "{}",
        output.stdout
    );
    assert!(output.stderr.contains("can't be updated: two: unreachable: "), "{}", output.stderr);
}

#[test]
fn a_fetch_ends_with_the_program_and_the_next_one_clears_up() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    user.thymis(&["input", "add", "one", &server.url("one")]).done();
    let (lock, before) = (user.world.read("modules.lock"), leftovers(&user));
    let commit = site.commit("one", "More.\n");
    server.rule("one", Rule::EndlessPack);
    // As many as the server announces.
    let mut command = user.command(&["input", "update", "--limit", "fetch_objects=20_000_000"]);
    let mut program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Process::fetching(&user);
    wait(|| (leftovers(&user) != before).then_some(()), "no pack arrives");
    program.kill().unwrap();
    program.wait().unwrap();
    Process::assert_none(&user);
    assert_eq!(user.world.read("modules.lock"), lock);

    server.rule("one", Rule::Open);
    let updated = user.thymis(&["input", "update", "--json"]).done().json();
    assert_eq!((&updated[0]["result"], &updated[0]["to"]), (&"moved".into(), &commit.as_str().into()));
    let junk = |path: &String| !path.contains("/pack/pack-") && !path.contains("/refs/thymis/kept/");
    let junk: Vec<String> = leftovers(&user).into_iter().filter(junk).filter(|path| !before.contains(path)).collect();
    assert_eq!(junk, Vec::<String>::new());
}
