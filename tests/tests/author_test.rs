//! `thymis module test`, `thymis module permissions`, and what accepting says about permissions that nothing used: the real
//! program with components that are right, and with components that are wrong in one way each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::{Value, json};

use common::{Thymis, checkout, commit};

fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author_test").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    place
}

/// A repository with a component of these modules, built, that asks for these options.
fn repository(name: &str, source: &str, options: &[&str]) -> PathBuf {
    let place = place(name);
    let thymis = Thymis::new(&place);
    thymis.done(&["module", "new", "tried"]);
    let repository = place.join("tried");
    fs::write(repository.join("src/lib.rs"), format!("use thymis_sdk::prelude::*;\n{source}")).unwrap();
    permit(&repository, options);
    thymis.done(&["module", "build", "tried"]);
    repository
}

fn permit(repository: &Path, options: &[&str]) {
    let path = repository.join("thymis.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mut text = text.split("[[component.permission]]").next().unwrap().to_owned();
    for option in options {
        text += &format!("\n[[component.permission]]\nkind = \"option\"\nvalue = '{option}'\nreason = \"Is tried.\"\n");
    }
    fs::write(path, text).unwrap();
}

/// The example module's component and manifest, in a folder of their own.
fn example(name: &str, to: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| ["temperature-logger", "web-app"].into_iter().for_each(|name| drop(common::component(name))));
    let (from, to) = (checkout().join("example-modules").join(name), place(to));
    fs::create_dir(to.join("modules")).unwrap();
    let file = format!("modules/{}.wasm", name.replace('-', "_"));
    for file in ["thymis.toml", "README.md", "flake.nix", file.as_str()] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to
}

fn all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// The report of one module that fails.
fn failing(repository: &Path) -> Value {
    let output = Thymis::new(repository).run(&["module", "test", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passed"], json!(false));
    report["modules"][0].clone()
}

fn values(permissions: &Value) -> Vec<String> {
    let one = |one: &Value| format!("{} {}", one["kind"].as_str().unwrap(), one["value"].as_str().unwrap_or_default());
    let mut values: Vec<String> = permissions.as_array().unwrap().iter().map(one).collect();
    values.sort();
    values
}

#[test]
fn good_modules_pass_and_their_snapshots_tell_what_changes() {
    let repository = example("temperature-logger", "good");
    let thymis = Thymis::new(&repository);
    let report = thymis.json(&["module", "test"]);
    let module = &report["modules"][0];
    assert!(module["generated"].as_u64().unwrap() > 15 && module["refused"].as_u64().unwrap() > 8, "{report}");
    assert_eq!(module["untried"], json!([]));
    let snapshot = repository.join("tests/snapshots/temperature-logger/defaults.nix");
    let text = fs::read_to_string(&snapshot).unwrap();
    all_in(&text, &["systemd.services", "INTERVAL"]);

    // Nothing changed: nothing is written.
    assert_eq!(thymis.json(&["module", "test"])["modules"][0]["snapshots"]["written"], json!([]));
    fs::write(&snapshot, text.replace("\"always\"", "\"never\"")).unwrap();
    let output = thymis.run(&["module", "test"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    all_in(&said, &["defaults.nix", "--update"]);
    let changed: Vec<&str> = said.lines().map(str::trim).filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(changed.len(), 2, "{said}");
    assert!(changed[0].starts_with('-') && changed[0].contains("never"), "{said}");
    assert!(changed[1].starts_with('+') && changed[1].contains("always"), "{said}");
    thymis.done(&["module", "test", "--update"]);
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), text);
}

#[test]
fn two_runs_say_the_same() {
    let repository = example("web-app", "same");
    let thymis = Thymis::new(&repository);
    thymis.done(&["module", "test"]);
    assert_eq!(thymis.done(&["module", "test", "--json"]), thymis.done(&["module", "test", "--json"]));
}

#[test]
fn cases_of_the_author_are_tried_too() {
    let repository = example("web-app", "own");
    fs::create_dir_all(repository.join("tests/settings")).unwrap();
    fs::write(repository.join("tests/settings/open.json"), json!({ "open_firewall": true }).to_string()).unwrap();
    let thymis = Thymis::new(&repository);
    thymis.done(&["module", "test"]);
    all_in(
        &fs::read_to_string(repository.join("tests/snapshots/web-app/open.nix")).unwrap(),
        &["allowedTCPPorts", "8080"],
    );
    fs::write(repository.join("tests/settings/wrong.json"), json!({ "port": 0 }).to_string()).unwrap();
    let failures = failing(&repository)["failures"].clone();
    assert_eq!((failures.as_array().unwrap().len(), &failures[0]["case"]), (1, &json!("wrong")));
    all_in(failures[0]["what"].as_str().unwrap(), &["/port", "at least 1"]);
}

#[test]
fn the_faults_of_a_module_are_found_with_the_settings_that_cause_them() {
    let repository = repository(
        "faulty",
        r#"
/// Is wrong at its edges.
#[derive(Settings)]
pub struct Faulty {
    #[setting(min = 1, max = 9, default = 3)]
    level: u32,
    /// Becomes the name of a service.
    unit: Option<String>,
    #[setting(example = "refused")]
    word: Option<String>,
    #[setting(default = false)]
    open: bool,
}

impl Module for Faulty {
    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let shares = [1; 8];
        config.set("services.faulty.level", shares[self.level as usize - 1]);
        if let Some(unit) = self.unit {
            config.set(path!["services", "faulty", "units", unit, "enable"], true);
        }
        if self.word.is_some_and(|word| word == "refused") {
            return Err(Problem::at("word", "is no word").into());
        }
        if self.open {
            config.set("networking.firewall.enable", false);
        }
        Ok(())
    }
}

thymis_sdk::export!(Faulty);
"#,
        &["services.faulty"],
    );
    let report = failing(&repository);
    let failures = report["failures"].as_array().unwrap();
    let of =
        |case: &str| failures.iter().find(|failure| failure["case"] == case).unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(of("/level: max")["settings"], json!({ "level": 9 }));
    all_in(of("/level: max")["what"].as_str().unwrap(), &["panicked", "src/lib.rs", "index"]);
    all_in(of("/unit: empty")["what"].as_str().unwrap(), &["0 bytes"]);
    all_in(of("examples")["what"].as_str().unwrap(), &["is no word", "example"]);
    all_in(of("/open: true")["what"].as_str().unwrap(), &["[[component.permission]]", "networking.firewall.enable"]);

    // What is printed is ready for `run`, which says the same.
    let file = repository.with_file_name("settings.json");
    fs::write(&file, of("/level: max")["settings"].to_string()).unwrap();
    let arguments = ["module", "run", "modules/tried.wasm", "--settings", file.to_str().unwrap()];
    all_in(&Thymis::new(&repository).refused(&arguments), &["panicked", "src/lib.rs"]);

    // What nobody asked for is listed.
    let needed = Thymis::new(&repository).json(&["module", "permissions"]);
    assert_eq!(values(&needed[0]["missing"]), ["option networking.firewall.enable"]);
}

#[test]
fn an_example_that_breaks_its_own_constraint_is_named() {
    let repository = repository(
        "contradiction",
        r#"
/// Contradicts itself.
#[derive(Settings)]
pub struct Contradiction {
    mode: Option<Mode>,
    #[setting(example = "by hand", visible_if(mode = [Mode::Manual]), allowed(values = ["automatic"], when(mode = [Mode::Manual])))]
    how: Option<String>,
}

#[derive(Choice)]
enum Mode {
    Manual,
    Off,
}

impl Module for Contradiction {
    fn generate(self, _context: &Context, _config: &mut Config) -> Result<(), Problems> {
        let _ = (self.mode.map(|mode| mode.value()), self.how);
        Ok(())
    }
}

thymis_sdk::export!(Contradiction);
"#,
        &[],
    );
    let report = failing(&repository);
    all_in(&report["failures"].to_string(), &["the example of `/how`", "automatic"]);
}

#[test]
fn a_repository_without_components_is_told_how_to_build() {
    let place = place("unbuilt");
    for command in ["test", "permissions"] {
        all_in(&Thymis::new(&place).refused(&["module", command]), &["thymis module build"]);
    }
}

#[test]
fn the_manifests_of_the_examples_are_found_by_trying() {
    for (name, file) in [("temperature-logger", "found-logger"), ("web-app", "found-app")] {
        let repository = example(name, file);
        let thymis = Thymis::new(&repository);
        let found = &thymis.json(&["module", "permissions"])[0];
        let manifest =
            thymis_core::manifest::Manifest::parse(&fs::read(repository.join("thymis.toml")).unwrap()).unwrap();
        let written = serde_json::to_value(&manifest.components[0].permissions).unwrap();
        assert_eq!(values(&found["permissions"]), values(&written));
        assert_eq!((&found["unused"], &found["missing"]), (&json!([]), &json!([])));

        // What is printed is what a manifest holds.
        let text = thymis.done(&["module", "permissions"]);
        let whole = fs::read_to_string(repository.join("thymis.toml")).unwrap();
        let head = whole.split("[[component.permission]]").next().unwrap();
        let parsed = thymis_core::manifest::Manifest::parse(format!("{head}{text}").as_bytes()).unwrap();
        assert_eq!(values(&serde_json::to_value(&parsed.components[0].permissions).unwrap()), values(&written));
    }
}

const FOLLOWING: &str = r#"
/// Names things after its settings.
#[derive(Settings)]
pub struct Following {
    #[setting(pattern = "[a-z][a-z0-9-]*", max_length = 30)]
    user: String,
    #[setting(key_pattern = "[a-z0-9]+")]
    sites: Option<std::collections::BTreeMap<String, bool>>,
    /// Stands in no name.
    #[setting(default = "logger")]
    other: String,
}

impl Module for Following {
    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        config.set(path!["users", "users", self.user.as_str(), "isNormalUser"], true);
        config.set(path!["systemd", "services", format!("follow-{}", self.user), "script"], "true");
        config.set("systemd.services.logger.description", self.other);
        for (site, on) in self.sites.into_iter().flatten() {
            config.set(path!["networking", "interfaces", site, "useDHCP"], on);
        }
        Ok(())
    }
}

thymis_sdk::export!(Following);
"#;

#[test]
fn names_that_follow_settings_are_left_open_and_others_are_not() {
    let repository = repository("following", FOLLOWING, &["systemd.services.logger", "services.never"]);
    let found = &Thymis::new(&repository).json(&["module", "permissions"])[0];
    assert_eq!(
        values(&found["permissions"]),
        [
            // Not `networking.interfaces`, below which commands can run as root.
            "option networking.interfaces.*.useDHCP",
            "option systemd.services.follow-*.script",
            "option systemd.services.logger.description",
            "option users.users.{settings.user}.isNormalUser",
        ]
    );
    assert_eq!(found["unused"].as_array().unwrap().len(), 1);
    assert_eq!(found["unused"][0]["permission"]["value"], json!("services.never"));
    assert_eq!(found["missing"].as_array().unwrap().len(), 3);

    // With them, everything passes.
    permit(
        &repository,
        &[
            "networking.interfaces.*.useDHCP",
            "systemd.services.follow-*.script",
            "systemd.services.logger.description",
            "users.users.{settings.user}.isNormalUser",
        ],
    );
    Thymis::new(&repository).done(&["module", "test"]);
}

#[test]
fn accepting_points_out_what_nothing_used() {
    let place = place("accepted");
    let source = example("temperature-logger", "offered");
    let path = source.join("thymis.toml");
    let text = fs::read_to_string(&path).unwrap()
        + "\n[[component.permission]]\nkind = \"option\"\nvalue = \"services.openssh.ports\"\nreason = \"Perhaps.\"\n\
           [[component.permission]]\nkind = \"raw-nix\"\nreason = \"One never knows.\"\n";
    fs::write(path, text).unwrap();
    commit(&source);
    Thymis::new(&place).done(&["init", "fleet"]);
    let thymis = Thymis::new(&place.join("fleet"));
    thymis.done(&["input", "add", "logger", &format!("git+file://{}", source.display())]);
    let shown = thymis.done(&["input", "show", "logger"]);
    assert_eq!(shown.matches("nothing that was tried used it").count(), 2, "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let marked = |text: &str| {
        let line = lines.iter().position(|line| line.contains(text)).unwrap();
        lines[line + 1].contains("nothing that was tried used it")
    };
    assert!(marked("raw-nix") && marked("services.openssh.ports"), "{shown}");
    assert!(!marked("option systemd.services.temperature-logger"), "{shown}");
    let unused = &thymis.json(&["input", "show", "logger"])["unused"];
    let kinds: Vec<_> = unused.as_array().unwrap().iter().map(|one| one["permission"]["kind"].clone()).collect();
    assert_eq!(kinds, ["raw-nix", "option"]);
    assert_eq!(&thymis.json(&["input", "accept", "logger", "--yes"])["unused"], unused);
}

#[test]
fn a_module_that_never_ends_holds_nobody_up_and_nothing_is_said_about_it() {
    let repository = repository(
        "endless",
        r#"
/// Never ends.
#[derive(Settings)]
pub struct Endless {
    #[setting(default = 1)]
    step: u32,
}

impl Module for Endless {
    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let mut number = u64::from(self.step);
        while number != 0 {
            number = std::hint::black_box(number | 1);
        }
        config.set("services.endless.enable", true);
        Ok(())
    }
}

thymis_sdk::export!(Endless);
"#,
        &["services.endless"],
    );
    commit(&repository);
    let place = place("held");
    Thymis::new(&place).done(&["init", "fleet"]);
    let thymis = Thymis::new(&place.join("fleet"));
    thymis.done(&["input", "add", "endless", &format!("git+file://{}", repository.display())]);
    let before = std::time::Instant::now();
    let shown = thymis.done(&["input", "show", "endless"]);
    assert!(before.elapsed() < std::time::Duration::from_secs(60), "{:?}", before.elapsed());
    assert!(!shown.contains("nothing that was tried"), "{shown}");
}
