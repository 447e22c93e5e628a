//! A person works on a project with git and Nix by hand: clones, builds, commits, merges, rebases; and `thymis generate`
//! makes the generated files right whatever git did to them. What `docs/by-hand.md` tells is done here, line by line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::Path};

use serde_json::{Value, json};
use thymis_tests::{Person, Team, server::HttpServer};

const TOPLEVEL: &str = ".#nixosConfigurations.office-display.config.system.build.toplevel";
const DISPLAY: &str = "state/configurations/office-display.json";

/// What people do to the sample project.
trait Member {
    fn device(&self, id: &str);
    fn port(&self, port: u16);
    fn shown_port(&self) -> String;
    fn assert_right(&self);
    fn names(&self) -> Vec<String>;
}

impl Member for Person {
    /// A device that only has a name.
    fn device(&self, id: &str) {
        let settings = json!({ "device_type": "generic-x86_64", "device_name": id, "nix_state_version": "25.11" });
        let device = json!({ "modules": [{ "module": "thymis/device", "settings": settings }] });
        self.write(&format!("state/configurations/{id}.json"), device.to_string());
    }

    fn port(&self, port: u16) {
        let mut state: Value = serde_json::from_str(&self.read(DISPLAY)).unwrap();
        state["modules"][1]["settings"]["port"] = json!(port);
        self.write(DISPLAY, format!("{state:#}\n"));
    }

    /// What Nix evaluates in the clone.
    #[track_caller]
    fn shown_port(&self) -> String {
        let option = ".#nixosConfigurations.office-display.config.services.web-app.port";
        self.done(&format!("nix eval {option}")).trim().to_owned()
    }

    /// Everything that is committed is generated, and nothing else is.
    #[track_caller]
    fn assert_right(&self) {
        assert_eq!(self.done("git status --porcelain"), "");
        self.done("thymis generate");
        self.done("thymis generate --check");
        assert_eq!(self.done("git status --porcelain"), "", "{}", self.done("git diff"));
    }

    fn names(&self) -> Vec<String> {
        let names = self.done("nix eval --json .#nixosConfigurations --apply builtins.attrNames");
        serde_json::from_str(&names).unwrap()
    }
}

#[test]
fn a_clone_builds_with_plain_nix_and_another_machine_generates_the_same_bytes() {
    let team = Team::new();
    let ada = team.person("ada");
    ada.done("git clone git@git.example.org:team/fleet.git");
    ada.done("cd fleet");
    // Before `thymis` was ever run here.
    assert_eq!(ada.shown_port(), "8090");
    ada.done(&format!("nix build --option allow-import-from-derivation false {TOPLEVEL}"));
    let built: Value = serde_json::from_str(&ada.read("result")).unwrap();
    assert_eq!(built["services"]["web-app"]["port"], 8090);
    ada.done("rm result");

    let before = ada.done("git ls-files --stage");
    ada.done("thymis generate");
    ada.assert_right();
    assert_eq!(ada.done("git ls-files --stage"), before);

    // By another way, with another cache.
    let server = HttpServer::start(&team.servers().join("team"));
    let bob = team.person("bob");
    bob.done(&format!("git clone {} fleet", server.url("fleet.git").strip_prefix("git+").unwrap()));
    bob.done("cd fleet");
    bob.done("rm -r hosts tags hosts.json flake.nix");
    bob.done("thymis generate");
    bob.assert_right();
    assert_eq!(bob.done("git ls-files --stage"), before);
}

#[test]
fn own_commits_and_those_of_thymis_follow_each_other() {
    let team = Team::new();
    let ada = team.member("ada");
    ada.write("README.md", "Our fleet\n");
    ada.write("own/extra.nix", "{ }\n");
    ada.port(9001);
    ada.done("thymis generate");
    ada.done("git add --all && git commit --quiet -m 'By hand'");
    assert_eq!(
        ada.done("thymis commit -m nothing").trim(),
        "Nothing to commit: the branch has everything that was generated"
    );
    ada.port(9002);
    ada.write("own/extra.nix", "{ a = 1; }\n");
    ada.done("thymis generate");
    ada.done("thymis commit -m 'By thymis'");
    assert_eq!(ada.done("git status --porcelain"), " M own/extra.nix\n");
    ada.done("git commit --quiet --all -m 'By hand again'");
    assert_eq!(ada.done("git log -4 --format=%s"), "By hand again\nBy thymis\nBy hand\nFirst\n");
    ada.done("git push --quiet");

    let bob = team.member("bob");
    bob.assert_right();
    assert_eq!(bob.shown_port(), "9002");
    assert_eq!(bob.read("own/extra.nix"), "{ a = 1; }\n");
    bob.device("hall");
    bob.done("thymis generate && thymis commit -m Hall && git push --quiet");
    ada.done("git pull --quiet");
    ada.assert_right();
    assert!(ada.names().contains(&"hall".to_owned()));
}

#[test]
fn nix_sees_a_new_device_once_git_knows_it() {
    let team = Team::new();
    let ada = team.member("ada");
    ada.device("hall");
    ada.done("thymis generate");
    let drv = "nix eval --raw .#nixosConfigurations.hall.config.system.build.toplevel.drvPath";
    assert!(ada.fails(drv).contains("hosts/hall.nix"));
    ada.done("git add --all");
    ada.done(drv);
}

/// Two people who each add a device: `hosts.json` conflicts. Answers the one whose turn it is.
fn both_add_a_device(team: &Team) -> Person {
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    bob.device("hall");
    bob.done("thymis generate && git add --all && git commit --quiet -m Hall && git push --quiet");
    ada.device("roof");
    ada.done("thymis generate && thymis commit -m Roof");
    assert!(ada.fails("git push").contains("rejected"));
    ada
}

#[track_caller]
fn assert_has_both(ada: &Person, team: &Team) {
    ada.assert_right();
    ada.done("git push --quiet");
    ada.port(9003);
    ada.done("thymis generate && thymis commit -m Port && git push --quiet");
    let carol = team.member("carol");
    carol.assert_right();
    assert_eq!(carol.names(), ["greenhouse-north", "greenhouse-south", "hall", "office-display", "roof"]);
    assert_eq!(carol.shown_port(), "9003");
}

#[test]
fn a_merge_with_a_conflict_in_generated_files_is_made_right() {
    let team = Team::new();
    let ada = both_add_a_device(&team);
    assert!(ada.fails("git pull --no-rebase").contains("CONFLICT (content): Merge conflict in hosts.json"));
    ada.done("git checkout HEAD -- hosts.json");
    ada.done("thymis generate");
    ada.done("git add --all && git commit --quiet --no-edit");
    assert_eq!(ada.done("git rev-list --parents -1 HEAD").split_whitespace().count(), 3);
    assert_has_both(&ada, &team);
}

#[test]
fn a_rebase_with_a_conflict_in_generated_files_is_made_right() {
    let team = Team::new();
    let ada = both_add_a_device(&team);
    assert!(ada.fails("git pull --rebase").contains("hosts.json"));
    ada.done("git checkout HEAD -- hosts.json");
    ada.done("thymis generate");
    ada.done("git add --all && git rebase --continue");
    assert_eq!(ada.done("git log -3 --format=%s"), "Roof\nHall\nFirst\n");
    assert_has_both(&ada, &team);
}

#[test]
fn with_attributes_git_leaves_conflicts_in_generated_files_to_thymis() {
    let team = Team::new();
    let ada = both_add_a_device(&team);
    ada.write(".git/info/attributes", "hosts.json -merge\nhosts/* -merge\ntags/* -merge\n");
    assert!(ada.fails("git pull --no-rebase").contains("hosts.json"));
    assert!(!ada.read("hosts.json").contains("<<<<"));
    ada.done("thymis generate");
    ada.done("git add --all && git commit --quiet --no-edit");
    assert_has_both(&ada, &team);
}

#[test]
fn a_conflict_in_the_state_is_named_and_settled_by_a_person() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    bob.port(9100);
    bob.done("thymis generate && thymis commit -m Bob && git push --quiet");
    ada.port(9200);
    ada.done("thymis generate && thymis commit -m Ada");
    ada.fails("git pull --no-rebase");
    let said = ada.fails("thymis generate");
    assert!(said.contains(DISPLAY) && said.contains("conflict markers of a git merge"), "{said}");
    ada.done(&format!("git checkout --theirs -- {DISPLAY}"));
    ada.done("git checkout HEAD -- hosts/office-display.nix");
    ada.done("thymis generate");
    ada.done("git add --all && git commit --quiet --no-edit");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9100");
}

#[test]
fn what_git_merges_by_itself_is_what_is_generated() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    let core = "state/tags/core.json";
    bob.write(core, bob.read(core).replace("600", "601"));
    bob.done("thymis generate && thymis commit -m Bob && git push --quiet");
    ada.port(9300);
    ada.done("thymis generate && thymis commit -m Ada");
    ada.done("git pull --quiet --no-rebase --no-edit");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9300");
}

#[test]
fn branches_and_a_detached_head_have_what_is_theirs() {
    let team = Team::new();
    let ada = team.member("ada");
    ada.done("git switch --quiet -c experiment");
    ada.port(9400);
    ada.device("hall");
    ada.done("thymis generate && thymis commit -m Experiment");
    ada.done("git switch --quiet main");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "8090");
    ada.port(9500);
    ada.done("thymis generate && git commit --quiet --all -m Main");

    ada.done("git switch --quiet --detach experiment");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9400");
    ada.device("cellar");
    ada.done("thymis generate");
    let head = ada.done("git rev-parse HEAD");
    assert!(ada.fails("thymis commit -m Cellar").contains("git switch"));
    assert_eq!(ada.done("git rev-parse HEAD"), head);
    ada.done("git add --all && git commit --quiet -m Cellar && git switch --quiet -c cellar");
    ada.assert_right();
    ada.device("attic");
    ada.done("thymis generate && thymis commit -m Attic");
    assert_eq!(ada.done("git log -3 --format=%s cellar"), "Attic\nCellar\nExperiment\n");
    ada.done("git switch --quiet main");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9500");
}

/// The lines of the page, and the files that it writes, in its order.
enum Step {
    Run(String),
    Write(String, String),
}

fn page() -> Vec<Step> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/by-hand.md")).unwrap();
    let mut steps = Vec::new();
    let mut file = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("    ") {
            steps.push(Step::Run(command.to_owned()));
        } else if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            steps.push(Step::Write(file.take().expect("a file is named above"), block.join("\n") + "\n"));
        } else if let Some(named) = line.strip_suffix(":") {
            file = named.rsplit('`').nth(1).map(str::to_owned);
        }
    }
    steps
}

#[test]
fn the_page_is_followed() {
    let team = Team::new();
    let (ada, bob) = (team.person("ada"), team.member("bob"));
    team.flake("tools");
    let others = team.flake("others");
    for step in page() {
        let line = match step {
            Step::Write(file, text) => {
                ada.write(&file, text);
                continue;
            }
            Step::Run(line) => line,
        };
        let (command, remark) = line.split_once("  #").unwrap_or((&line, ""));
        let command = command.trim_end();
        if command == "git pull --rebase" {
            bob.done("git pull --quiet --rebase && thymis generate");
            if remark.contains("hosts.json") {
                bob.device("hall");
                ada.device("roof");
                ada.done("thymis generate && thymis commit -m Roof");
            } else if remark.contains("consent.jsonl") {
                bob.done(&format!("thymis input add others {others}"));
                ada.done("thymis input add tools git+https://git.example.org/tools");
                ada.done("thymis generate && thymis commit -m Tools");
            } else {
                bob.write("notes.md", "Bob's\n");
            }
            bob.done("thymis generate && git add --all && git commit --quiet -m Bob && git push --quiet");
        }
        if remark.contains("a conflict") {
            let said = ada.fails(command);
            let file = remark.rsplit(' ').next().unwrap();
            assert!(said.contains(&format!("Merge conflict in {file}")), "{said}");
        } else {
            ada.done(command);
        }
    }
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9000");
    assert!(ada.done("thymis input log").contains("The chain is whole"));
    let list = ada.done("thymis input list");
    assert!(list.contains("tools") && list.contains("others"), "{list}");
    let carol = team.member("carol");
    carol.assert_right();
    assert_eq!(carol.done("git ls-files --stage"), ada.done("git ls-files --stage"));
    assert_eq!(carol.done("thymis input log"), ada.done("thymis input log"));
}
