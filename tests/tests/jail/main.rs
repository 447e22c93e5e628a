//! What a hostile flake does to `nix` when an operator runs the program: nothing that the flake has no business with is told,
//! asked, run, written or kept busy, and what is said about it is plain text.
//!
//! A case is Nix text that one configuration evaluates through its own custom Nix. `stage` puts what it is after onto the
//! machine, calls the program and looks at what became of it. Where Nix alone would do what the text wants, the case says
//! so, and a test calls Nix alone.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bell;
mod bombs;
mod case;
mod check;
mod elsewhere;
mod environment;
mod files;
mod locking;
mod machine;
mod network;
mod outputs;
mod private;
mod references;
mod scenery;
mod stage;
mod store;
mod trees;
mod watch;
mod words;

use std::{collections::HashSet, fs};

use case::{Case, refused};
use stage::Stage;
use thymis_tests::Disk;

const GROUPS: &[(&str, &[Case])] = &[
    ("bombs", bombs::CASES),
    ("elsewhere", elsewhere::CASES),
    ("environment", environment::CASES),
    ("files", files::CASES),
    ("network", network::CASES),
    ("references", references::CASES),
    ("store", store::CASES),
    ("words", words::CASES),
];

#[test]
fn repositories_and_folders_elsewhere_on_the_machine() {
    Stage::new(elsewhere::CASES).evaluate();
}

#[test]
fn environment_and_settings_of_who_evaluates() {
    Stage::new(environment::CASES).evaluate();
}

#[test]
fn files_of_the_machine() {
    Stage::new(files::CASES).evaluate();
}

#[test]
fn evaluations_without_end() {
    Stage::new(bombs::CASES).evaluate();
}

#[test]
fn requests() {
    Stage::new(network::CASES).evaluate();
}

#[test]
fn references_that_are_not_locked() {
    Stage::new(references::CASES).evaluate();
}

#[test]
fn the_store_and_what_is_built() {
    Stage::new(store::CASES).evaluate();
}

#[test]
fn words_that_reach_the_terminal() {
    Stage::new(words::CASES).evaluate();
}

#[test]
fn what_evaluation_writes_is_gone_after_it() {
    let stage = Stage::new(&[]);
    let name = format!("left-{}", std::process::id());
    let home = Disk::of(&stage.world.home().join(".config"));
    let drv = format!("(derivation {{ system = \"x\"; builder = \"x\"; name = \"{name}\"; }}).drvPath");
    stage.configure("lobby", &format!("attack.value = \"${{builtins.toFile \"{name}\" \"x\"}} ${{{drv}}}\";"));
    stage.world.thymis(&["generate"]).done();
    let said = stage.thymis(&["eval", "lobby", "attack.value"]).done().stdout;
    assert!(said.contains(&name), "{said}");
    for entry in fs::read_dir("/nix/store").unwrap() {
        let entry = entry.unwrap().file_name();
        assert!(!entry.to_string_lossy().contains(&name), "{entry:?}");
    }
    home.assert_same(&Disk::of(&stage.world.home().join(".config")));
}

/// NixOS imports a path, so a module may be something built.
#[test]
fn modules_that_are_built_are_not_imported() {
    let stage = Stage::new(&[]);
    stage.generate();
    for (id, nix) in [
        ("package", "imports = [ inputs.evil.packages.x86_64-linux.default.outPath ];"),
        ("file", "imports = [ \"${inputs.evil.packages.x86_64-linux.default}/module.nix\" ];"),
        ("outside", "imports = [ /etc/nixos/configuration.nix ];"),
        ("link", "imports = [ \"${inputs.evil}/links/outside/flake.nix\" ];"),
    ] {
        stage.configure(id, nix);
        stage.world.thymis(&["generate"]).done();
        let mut wrong = Vec::new();
        let output = stage.thymis(&["eval", id, "attack.value"]);
        stage.plain(&output, |what| wrong.push(what));
        stage.untouched(&mut wrong);
        assert!(output.code == 1 && wrong.is_empty(), "{id}: {output:?} {wrong:?}");
    }
}

/// Values that are printed for a person, who didn't ask for JSON.
#[test]
fn values_are_printed_as_what_they_are() {
    let stage = Stage::new(VALUES);
    stage.generate();
    let mut wrong = Vec::new();
    for case in VALUES {
        for form in [&["eval"] as &[&str], &["--json", "eval"]] {
            let output = stage.thymis(&[form, &[&case.id(), "attack.value"]].concat());
            stage.plain(&output, |what| wrong.push(format!("{}: {what}", case.name)));
        }
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const VALUES: &[Case] = &[
    refused("a text", "red", &[]),
    refused("a name", "{ ${red} = 1; }", &[]),
    refused("a list of texts", "[ red [ red ] ]", &[]),
    refused("a text of several lines", r#""x\nerror: y\n${red}""#, &[]),
    refused("half a letter", r#"builtins.substring 0 1 "ä""#, &[]),
    refused("a package", r#"derivation { inherit system; name = "x"; builder = red; }"#, &[]),
    refused("a function", "x: red", &[]),
];

#[test]
fn what_nix_alone_would_do() {
    for (_, cases) in GROUPS {
        Stage::new(cases).evaluate_with_nix_alone();
    }
}

#[test]
fn there_are_many_cases_and_each_has_a_name_of_its_own() {
    let names: Vec<String> = GROUPS.iter().flat_map(|(_, cases)| *cases).map(Case::id).collect();
    assert!(names.len() >= 80, "{} cases", names.len());
    let mut seen = HashSet::new();
    let twice: Vec<_> = names.into_iter().filter(|name| !seen.insert(name.clone())).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
