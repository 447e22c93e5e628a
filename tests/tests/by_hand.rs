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

#[test]
fn a_check_says_that_all_is_well_where_somebody_else_generated() {
    let team = Team::new();
    let (ada, bob) = (team.person("ada"), team.member("bob"));
    ada.done("git clone git@git.example.org:team/fleet.git");
    ada.done("cd fleet");
    ada.done("thymis generate --check");

    bob.port(9100);
    bob.done("thymis generate && thymis commit -m Bob && git push --quiet");
    ada.done("thymis generate");
    ada.done("git pull --quiet");
    ada.done("thymis generate --check");
    ada.done("git switch --quiet --detach HEAD~1");
    ada.done("thymis generate --check");

    // Nothing that is generated comes from it.
    let state = ada.read(DISPLAY);
    ada.write(DISPLAY, format!("{state}\n"));
    assert!(ada.fails("thymis generate --check").contains("the state or the inputs were changed"));
    ada.write(DISPLAY, state.replace("8090", "9200"));
    ada.done("git commit --quiet --all -m 'Not generated'");
    assert!(ada.fails("thymis generate --check").contains("would write hosts/office-display.nix"));
}

#[test]
fn conflict_markers_in_generated_files_are_nobodys_work() {
    let team = Team::new();
    let ada = both_add_a_device(&team);
    assert!(ada.fails("git pull --no-rebase").contains("Merge conflict in hosts.json"));
    assert!(ada.read("hosts.json").contains("<<<<<<<"));
    // Everywhere else a person's own work is.
    let generated = ada.read("hosts/roof.nix");
    ada.write("hosts/roof.nix", "{ }");
    let said = ada.fails("thymis generate");
    assert!(said.contains("`hosts/roof.nix` was edited by hand") && !said.contains("hosts.json"), "{said}");
    ada.write("hosts/roof.nix", generated);
    ada.done("thymis generate");
    ada.done("git add --all && git commit --quiet --no-edit");
    assert_has_both(&ada, &team);
}

#[test]
fn what_git_merged_is_made_anew_where_the_state_says_something_else() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    bob.port(9100);
    bob.device("hall");
    bob.done("thymis generate && thymis commit -m Bob && git push --quiet");
    ada.device("roof");
    ada.done("thymis generate && thymis commit -m Ada");
    ada.fails("git pull --no-rebase");
    // Taken from the other side without a conflict, and not wanted.
    ada.port(9200);
    ada.done("rm state/configurations/hall.json");
    ada.done("thymis generate && git add --all && git commit --quiet --no-edit");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9200");
    assert!(!ada.names().contains(&"hall".to_owned()));
}

#[test]
fn thymis_does_not_commit_into_what_git_has_begun() {
    let team = Team::new();
    let ada = both_add_a_device(&team);
    let refused = |finish: &str| {
        let before = ada.done("git rev-parse HEAD") + &ada.done("git ls-files --stage");
        let said = ada.fails("thymis commit -m Roof");
        assert!(said.contains(finish), "{said}");
        assert_eq!(ada.done("git rev-parse HEAD") + &ada.done("git ls-files --stage"), before);
    };
    ada.fails("git pull --no-rebase");
    refused("git add --all && git commit");
    ada.done("thymis generate");
    refused("git add --all && git commit");
    ada.done("git merge --abort");
    ada.fails("git pull --rebase");
    ada.done("thymis generate");
    refused("git rebase --continue");
    ada.done("git rebase --abort");
    ada.fails("git cherry-pick origin/main");
    refused("git cherry-pick --continue");
    ada.done("git cherry-pick --abort");
    ada.done("git bisect start HEAD HEAD~1");
    refused("git bisect reset");
    ada.done("git bisect reset");
    // A stash is put back without a word about it in the git folder.
    ada.port(9100);
    ada.done("git stash --quiet");
    ada.port(9200);
    ada.done("thymis generate && thymis commit -m Port");
    ada.fails("git stash pop");
    refused("git add --all");
    ada.done(&format!("git checkout --ours -- {DISPLAY} && thymis generate && git add --all"));
    ada.assert_right();
}

#[test]
fn input_commands_leave_what_was_pulled() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    bob.device("hall");
    bob.port(9100);
    bob.done("thymis generate && thymis commit -m Hall && git push --quiet");
    ada.done("git pull --quiet");
    ada.done("thymis input pin web");
    assert_eq!(ada.done("git status --porcelain"), " M consent.jsonl\n M modules.lock\n");
    assert!(ada.fails("thymis commit -m Pin").contains("thymis generate"));
    ada.done("thymis generate && thymis commit -m Pin");
    ada.assert_right();
    assert_eq!(ada.shown_port(), "9100");
    ada.done("git push --quiet");

    // In a clone in which nothing was generated yet.
    let carol = team.person("carol");
    carol.done("git clone git@git.example.org:team/fleet.git");
    carol.done("cd fleet");
    carol.done("thymis input unpin web");
    assert_eq!(carol.done("git status --porcelain"), " M consent.jsonl\n M modules.lock\n");
    assert!(carol.fails("thymis commit -m Unpin").contains("thymis generate"));
    carol.done("thymis generate && thymis commit -m Unpin");
    carol.assert_right();
}

#[test]
fn a_commit_does_not_undo_what_was_pulled() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    // As another version of the program generates it: from the same state.
    let line = "\n# Another version\n";
    bob.write("hosts/office-display.nix", bob.read("hosts/office-display.nix") + line);
    bob.done("git commit --quiet --all -m Bob && git push --quiet");
    ada.done("git pull --quiet");
    assert!(ada.fails("thymis commit -m Nothing").contains("hosts/office-display.nix"));
    assert!(ada.read("hosts/office-display.nix").ends_with(line));
    assert_eq!(ada.done("git log -1 --format=%s"), "Bob\n");
}

/// Where both changed inputs and git stopped in the middle of a merge; whose turn it is.
fn both_change_inputs(team: &Team, ada: Person, change: &str) -> Person {
    let bob = team.member("bob");
    let others = team.flake("others");
    bob.done(&format!("thymis input add others {others} && thymis generate && thymis commit -m Others"));
    bob.done("git push --quiet");
    ada.done(&format!("{change} && git add --all && git commit --quiet -m Ada"));
    assert!(ada.fails("git pull --no-rebase").contains("Merge conflict in consent.jsonl"));
    ada
}

const INPUTS: &str = "consent.jsonl modules.lock flake.lock flake.nix state/project.json";

#[test]
fn a_merge_of_two_sides_that_changed_inputs_is_settled_with_either_log() {
    let team = Team::new();
    let add = format!("thymis input add tools {}", team.flake("tools"));
    let ada = both_change_inputs(&team, team.member("ada"), &format!("{add} && thymis generate"));
    ada.done(&format!("git checkout MERGE_HEAD -- {INPUTS}"));
    ada.done(&add);
    ada.done("thymis generate && git add --all && git commit --quiet --no-edit");
    ada.assert_right();
    let list = ada.done("thymis input list");
    assert!(list.contains("tools") && list.contains("others"), "{list}");
    assert!(ada.done("thymis input log").contains("The chain is whole"));
}

#[test]
fn a_revocation_of_one_side_outlasts_a_merge_with_the_other_sides_log() {
    let team = Team::new();
    let ada = both_change_inputs(&team, team.member("ada"), "thymis input revoke web --reason 'It was stolen'");
    ada.done(&format!("git checkout MERGE_HEAD -- {INPUTS}"));
    assert!(!ada.read("consent.jsonl").contains("It was stolen"));
    ada.done("thymis input pin others");
    ada.done("git add --all && git commit --quiet --no-edit && git push --quiet");
    let carol = team.person("carol");
    carol.done("git clone git@git.example.org:team/fleet.git");
    carol.done("cd fleet");
    let log = carol.done("thymis input log");
    assert_eq!(log.matches("It was stolen").count(), 1, "{log}");
    assert!(log.contains("The chain is whole"), "{log}");
}

#[test]
fn a_merge_does_not_cut_the_log_that_both_sides_had() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    let log = bob.read("consent.jsonl");
    let cut = log.trim_end().rsplit_once('\n').unwrap().0;
    for text in [format!("{cut}\n"), String::new()] {
        bob.done("git switch --quiet --detach main");
        bob.write("consent.jsonl", text);
        bob.done("git commit --quiet --all -m Cut && git push --quiet --force origin HEAD:refs/heads/cut");
        ada.done("git fetch --quiet && git merge --quiet --no-commit --no-ff origin/cut");
        assert_ne!(ada.read("consent.jsonl"), log);
        assert!(ada.fails("thymis generate").contains("lacks lines that the branch has"));
        ada.done("git checkout HEAD -- consent.jsonl && thymis generate");
        ada.done("git merge --abort");
    }
}

#[test]
fn a_removal_here_and_a_change_there_is_settled_by_the_state() {
    let team = Team::new();
    let (ada, bob) = (team.member("ada"), team.member("bob"));
    bob.port(9100);
    bob.done("thymis generate && thymis commit -m Bob && git push --quiet");
    ada.done(&format!("rm {DISPLAY} && thymis generate && thymis commit -m Gone"));
    ada.fails("git pull --no-rebase");
    ada.done(&format!("git rm --quiet {DISPLAY}"));
    ada.done("thymis generate && git add --all && git commit --quiet --no-edit");
    ada.assert_right();
    assert!(!ada.names().contains(&"office-display".to_owned()));
}

#[test]
fn what_was_not_committed_goes_with_git_stash() {
    let team = Team::new();
    let ada = team.member("ada");
    ada.device("hall");
    ada.port(9100);
    ada.done("thymis generate && git stash --quiet --include-untracked");
    ada.assert_right();
    ada.done("git stash pop --quiet");
    ada.done("thymis generate && thymis generate --check");
    ada.done("thymis commit -m Hall");
    ada.assert_right();
}

#[test]
fn links_of_nix_build_stay_out_of_a_new_project() {
    let team = Team::new();
    let ada = team.person("ada");
    ada.done("thymis init house");
    ada.done("cd house");
    ada.done("ln -s /nix/store/x result && ln -s /nix/store/x result-dev");
    ada.write("artifacts/result", "An artifact");
    ada.done("thymis generate && thymis commit -m House");
    assert_eq!(ada.done("git status --porcelain"), "");
    let files = ada.done("git ls-files");
    assert!(files.contains(".gitignore\n") && files.contains("artifacts/result\n"), "{files}");
    assert!(!files.lines().any(|file| file.starts_with("result")), "{files}");
    // From now on it is a file like others.
    ada.write(".gitignore", "own\n");
    ada.write("state/tags/core.json", "{}");
    ada.done("thymis generate && thymis commit -m Core");
    assert_eq!(ada.done("git status --porcelain"), " M .gitignore\n?? result\n?? result-dev\n");
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
