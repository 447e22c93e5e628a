//! An author's first ten minutes with the real program: a new repository, its tests, a component, and what the program
//! says where something is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};

use common::{Thymis, checkout, commit};

/// A folder that the next run makes anew.
fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    place
}

/// What `thymis module new my-logger` makes, built.
fn repository() -> &'static Path {
    static REPOSITORY: OnceLock<PathBuf> = OnceLock::new();
    REPOSITORY.get_or_init(|| {
        let place = place("new");
        let said = Thymis::new(&place).done(&["module", "new", "my-logger"]);
        assert!(said.contains("cargo test") && said.contains("thymis module build"), "{said}");
        let repository = place.join("my-logger");
        Thymis::new(&repository).done(&["module", "build"]);
        repository
    })
}

/// The same with two modules, of which one panics at a certain greeting and the other sets more than `thymis.toml` allows.
fn faulty() -> &'static Path {
    static FAULTY: OnceLock<PathBuf> = OnceLock::new();
    FAULTY.get_or_init(|| {
        let place = place("faulty");
        let thymis = Thymis::new(&place);
        thymis.done(&["module", "new", "my-logger"]);
        let repository = place.join("my-logger");
        let source = repository.join("src/lib.rs");
        let text = fs::read_to_string(&source).unwrap();
        let text = text.replace(
            "        config.set(\"users.motd\", text);\n",
            "        assert!(self.greeting != \"Bye\", \"nobody says {:?} at login\", self.greeting);\n        config.set(\"users.motd\", text);\n",
        );
        let text = text.replace("export!(MyLogger);", "export!(MyLogger, Second);")
            + r#"
/// A second module.
#[derive(Settings)]
pub struct Second {
    /// Opens a port.
    port: u16,
}

impl Module for Second {
    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        config.merge("networking.firewall.allowedTCPPorts", [self.port]).force("services.openssh.enable", false);
        Ok(())
    }
}
"#;
        fs::write(source, text).unwrap();
        thymis.done(&["module", "build", "my-logger"]);
        repository
    })
}

/// Runs a module of a repository with settings: the arguments.
fn run(repository: &Path, settings: &Value, more: &[&str]) -> (Thymis, Vec<String>) {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let file = repository.with_file_name(format!("settings-{number}.json"));
    fs::write(&file, settings.to_string()).unwrap();
    let mut arguments = vec!["module", "run", "modules/my_logger.wasm", "--settings", file.to_str().unwrap()];
    arguments.extend(more);
    (Thymis::new(repository), arguments.into_iter().map(str::to_owned).collect())
}

fn prints(repository: &Path, settings: &Value, more: &[&str]) -> String {
    let (thymis, arguments) = run(repository, settings, more);
    thymis.done(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn says(repository: &Path, settings: &Value, more: &[&str]) -> String {
    let (thymis, arguments) = run(repository, settings, more);
    thymis.refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn the_tests_of_a_new_repository_pass() {
    let output = Command::new("cargo")
        .args(["test", "--offline"])
        .current_dir(repository())
        .env("CARGO_TARGET_DIR", thymis_tests::Program::modules_target())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    all_in(&said, &["test names_are_greeted ... ok"]);
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("warning"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn building_says_what_came_out_and_inspecting_what_it_is() {
    let thymis = Thymis::new(repository());
    let built = thymis.json(&["module", "build"]);
    assert_eq!(built["modules"], json!(["my-logger"]));
    let inspected = thymis.json(&["module", "inspect", "modules/my_logger.wasm"]);
    assert_eq!(inspected["digest"], built["digest"]);
    assert_eq!(inspected["modules"], json!([{ "name": "my-logger", "settings": ["greeting", "name"] }]));
    for import in inspected["imports"].as_array().unwrap() {
        assert!(import.as_str().unwrap().starts_with("thymis:module/diagnostics"), "{import}");
    }
    let for_people = thymis.done(&["module", "inspect", "modules/my_logger.wasm"]);
    all_in(&for_people, &["my-logger", "Greets whoever logs in", "greeting", "default \"Hello\"", "What to say"]);
}

#[test]
fn running_prints_nix_in_which_settings_are_data() {
    let nix = prints(repository(), &json!({ "greeting": "Hi ${x} ''", "name": "\"; rm -rf" }), &[]);
    let parsed = rnix::Root::parse(&nix);
    assert_eq!(parsed.errors().len(), 0, "{nix}");
    all_in(&nix, &["users.motd", "lib.mkOverride 80", r#""Hi \${x} '', \"; rm -rf!""#]);
}

#[test]
fn all_that_is_wrong_with_settings_is_said_at_once() {
    let said = says(repository(), &json!({ "greeting": "x".repeat(201), "name": 5, "nome": "Ada" }), &[]);
    all_in(&said, &["/greeting", "200", "/name", "/nome"]);
    let missing =
        Thymis::new(repository()).refused(&["module", "run", "modules/my_logger.wasm", "--settings", "none.json"]);
    all_in(&missing, &["none.json"]);
    let file = repository().with_file_name("broken.json");
    fs::write(&file, "{\"greeting\": \"Hi\",\n  \"name\" }").unwrap();
    let said = Thymis::new(repository()).refused(&[
        "module",
        "run",
        "modules/my_logger.wasm",
        "--settings",
        file.to_str().unwrap(),
    ]);
    all_in(&said, &["broken.json", "line 2"]);
}

#[test]
fn a_panic_reaches_its_author_with_message_and_line() {
    let source = fs::read_to_string(faulty().join("src/lib.rs")).unwrap();
    let line = source.lines().position(|line| line.contains("assert!")).unwrap() + 1;
    let said = says(faulty(), &json!({ "greeting": "Bye" }), &["--module", "my-logger"]);
    all_in(&said, &["nobody says \"Bye\" at login", &format!("src/lib.rs:{line}:")]);
    // The next call knows nothing of it.
    prints(faulty(), &json!({ "greeting": "Hello" }), &["--module", "my-logger"]);
}

#[test]
fn a_missing_permission_is_spelled_out_as_the_lines_to_add() {
    let said = says(faulty(), &json!({ "port": 22 }), &["--module", "second"]);
    let lines = "[[component.permission]]\n    kind = \"option\"\n    value = \"networking.firewall.allowedTCPPorts\"\n    reason";
    all_in(&said, &[lines, "value = \"services.openssh.enable\"", "force = true"]);

    // With these lines, it is allowed.
    let granted = place("granted").join("my-logger");
    fs::create_dir_all(granted.join("modules")).unwrap();
    fs::copy(faulty().join("modules/my_logger.wasm"), granted.join("modules/my_logger.wasm")).unwrap();
    let block: Vec<&str> = said.lines().filter(|line| line.starts_with("    ")).collect();
    let manifest = fs::read_to_string(faulty().join("thymis.toml")).unwrap()
        + "\n"
        + &block.join("\n").replace('…', "Why not")
        + "\n";
    fs::write(granted.join("thymis.toml"), manifest).unwrap();
    all_in(&prints(&granted, &json!({ "port": 22 }), &["--module", "second"]), &["allowedTCPPorts", "22"]);
}

#[test]
fn a_component_may_hold_several_modules() {
    all_in(&says(faulty(), &json!({}), &[]), &["--module", "`my-logger`", "`second`"]);
    all_in(&says(faulty(), &json!({}), &["--module", "third"]), &["third", "`my-logger`", "`second`"]);
    all_in(&prints(faulty(), &json!({}), &["--module", "my-logger"]), &["users.motd"]);
    all_in(&says(faulty(), &json!({}), &["--module", "second"]), &["/port"]);
}

#[test]
fn a_name_that_cannot_be_used_makes_nothing() {
    let place = place("names");
    let thymis = Thymis::new(&place);
    let long = "x".repeat(300);
    for name in ["My_Logger", "../up", "a b", "-a", "a-", "let", "", long.as_str()] {
        let output = thymis.run(&["module", "new", "--", name]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for name in ["9lives", "match", "thymis-sdk", "core"] {
        all_in(&thymis.refused(&["module", "new", name]), &[name, "Rust crate"]);
    }
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    let place = place("existing");
    fs::create_dir(place.join("mine")).unwrap();
    fs::write(place.join("mine/precious"), "text").unwrap();
    all_in(&Thymis::new(&place).refused(&["module", "new", "mine"]), &["mine", "is there already"]);
    assert_eq!(fs::read_dir(place.join("mine")).unwrap().count(), 1);
    let said = Thymis::new(&place).refused(&["module", "build", "mine"]);
    all_in(&said, &["Cargo.toml", "thymis module new"]);
}

#[test]
fn the_names_of_types_that_the_source_uses_are_left_alone() {
    let place = place("types");
    Thymis::new(&place).done(&["module", "new", "option"]);
    let source = fs::read_to_string(place.join("option/src/lib.rs")).unwrap();
    all_in(&source, &["pub struct OptionModule", "name: Option<String>", "export!(OptionModule)"]);
}

#[test]
fn a_committed_repository_is_an_input_that_generates() {
    let place = place("used");
    let (repository, project) = (place.join("my-logger"), place.join("fleet"));
    let copied = Command::new("cp").arg("-r").args([self::repository(), &repository]).status().unwrap();
    assert!(copied.success());
    commit(&repository);
    Thymis::new(&place).done(&["init", "fleet"]);
    let thymis = Thymis::new(&project);
    thymis.done(&["input", "add", "logger", &format!("git+file://{}", repository.display())]);
    thymis.done(&["input", "accept", "logger", "--yes"]);
    let configuration = json!({ "modules": [{ "module": "logger/my-logger", "settings": { "name": "Ada" } }] });
    fs::create_dir_all(project.join("state/configurations")).unwrap();
    fs::write(project.join("state/configurations/lobby.json"), configuration.to_string()).unwrap();
    thymis.done(&["generate"]);
    all_in(
        &fs::read_to_string(project.join("hosts/lobby.nix")).unwrap(),
        &["users.motd", "Hello, Ada!", "logger/my-logger"],
    );
}

/// Thymis's tutorial.
#[test]
fn the_temperature_logger_takes_at_most_45_lines() {
    let source = fs::read_to_string(checkout().join("example-modules/temperature-logger/src/lib.rs")).unwrap();
    assert!(source.lines().count() <= 45, "{} lines", source.lines().count());
}
