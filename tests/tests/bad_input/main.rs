//! Whatever is wrong with what comes from outside, the program refuses with exit code 1, says what and the way out, and
//! changes nothing on disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod disk;
mod foreign;
mod grants;
mod killed;
mod repositories;
mod settings;
mod state;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use regex::Regex;
use serde_json::{Value, json};
use thymis_tests::{Disk, Example, World, commit, git, skipped};

/// What a command says that is refused and changes nothing.
#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let before = Disk::visible(&world.project());
    let said = world.thymis(arguments).refused();
    before.assert_same(&Disk::visible(&world.project()));
    told(world, &said)
}

/// Without what differs from run to run.
fn told(world: &World, said: &str) -> String {
    static FILTERS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let filters = FILTERS.get_or_init(|| {
        let temporary = regex::escape(std::env::temp_dir().to_str().unwrap());
        [
            (format!("{temporary}/thymis-fixture-([a-z-]+)-[0-9a-f]{{40}}"), "/fixtures/$1"),
            ("sha256:[0-9a-f]{64}".to_owned(), "sha256:DIGEST"),
            ("sha256-[A-Za-z0-9+/]{43}=".to_owned(), "sha256-NAR"),
            (r"\b[0-9a-f]{40}\b".to_owned(), "REVISION"),
            (r"\b[0-9a-f]{10}\b".to_owned(), "REVISION"),
        ]
        .map(|(pattern, to)| (Regex::new(&pattern).unwrap(), to))
        .into()
    });
    let said = said.replace(world.path().to_str().unwrap(), "/world");
    filters.iter().fold(said, |said, (pattern, to)| pattern.replace_all(&said, *to).into_owned())
}

/// A world with an input that has changes nobody accepted: what adding it says.
fn added(change: impl FnOnce(&Path)) -> String {
    let world = World::with_inputs();
    let repository = world.own(Example::TemperatureLogger);
    change(&repository);
    commit(&repository);
    refused(&world, &["input", "add", "bad", &format!("git+file://{}", repository.display())])
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What adding says with a change of the manifest.
fn manifest(from: &str, to: &str) -> String {
    added(|repository| edit(&repository.join("thymis.toml"), from, to))
}

/// What adding says with another component.
fn component(bytes: &[u8]) -> String {
    added(|repository| fs::write(repository.join(Example::TemperatureLogger.file()), bytes).unwrap())
}

fn text_component(text: &str) -> String {
    component(&wat::parse_str(text).unwrap())
}

/// What generating says with one configuration `lobby`, of which this is the state.
fn configured(state: &Value) -> String {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let world = World::copy_of(TEMPLATE.get_or_init(|| {
        let world = World::with_inputs();
        world.add("picky", Example::Picky.repository()).done();
        world.thymis(&["input", "accept", "picky", "--yes"]).done();
        world.thymis(&["modules"]).done();
        world.kept()
    }));
    world.write("state/configurations/lobby.json", state.to_string());
    refused(&world, &["generate"])
}

fn using(module: &str, settings: Value) -> String {
    configured(&json!({ "modules": [{ "module": module, "settings": settings }] }))
}
