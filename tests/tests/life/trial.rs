//! `input test`: what a repository would be, before anything is changed.

use std::fs;

use serde_json::{Value, json};
use thymis_tests::{Disk, Output, World, guest::Guest};

use super::{Release, Upstream, release::FILE};

/// Imports one function of WASI.
const WASI: &str = "package test:guest;
package wasi:cli@0.2.6 { interface environment { initial-cwd: func() -> option<string>; } }
world of-wasi { include thymis:module/module-provider@0.1.0; import wasi:cli/environment@0.2.6; }
";
const IMPORT: &str = r#"(import "wasi:cli/environment@0.2.6" "initial-cwd" (func (param i32)))"#;

fn test(world: &World, url: &str) -> Output {
    // There is no project, and none is needed.
    world.thymis_in(&world.home(), &["input", "test", url, "--json"])
}

fn tested(upstream: &Upstream, world: &World) -> Value {
    test(world, &upstream.url()).done().json()
}

#[test]
fn it_tells_what_adding_would_bring() {
    let world = World::empty();
    let upstream = Upstream::releasing(&world, "logger", &Release::saying("first").module("fan-control"));
    upstream.git(&["branch", "next"]);
    upstream.git(&["tag", "v1"]);
    let answer = tested(&upstream, &world);
    assert_eq!(answer["url"], upstream.url());
    assert_eq!(answer["revision"], upstream.head());
    assert_eq!(answer["reference"], "refs/heads/main");
    assert_eq!((&answer["refs"]["branches"], &answer["refs"]["tags"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["status"], "awaiting-grant");
    assert_eq!(answer["name"], "logger");
    assert_eq!(answer["error"], Value::Null);
    assert_eq!(answer["modules"], json!([{ "file": FILE, "modules": ["temperature-logger", "fan-control"] }]));
    assert_eq!(answer["contents"]["repository"]["name"], "temperature-logger");
    assert_eq!(answer["contents"]["terms"]["components"][FILE]["permissions"][0]["class"], "root", "{answer}");

    let told = world.thymis_in(&world.home(), &["input", "test", &upstream.url()]).done().stdout;
    let url = upstream.url();
    for part in ["Reachable", "main", "next", "v1", "fan-control", &format!("thymis input add logger '{url}'")] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    // Names that turn text around don't.
    upstream.git(&["branch", "turned\u{202e}around"]);
    let told = world.thymis_in(&world.home(), &["input", "test", &upstream.url()]).done().stdout;
    assert!(told.contains("turned") && !told.contains('\u{202e}'), "{told}");
    // A branch is looked at, not the default one.
    upstream.touch("Newer");
    let answer = test(&world, &upstream.url_of("next")).done().json();
    assert_eq!(answer["reference"], "refs/heads/next");
    assert_ne!(answer["revision"], upstream.head());
}

#[test]
fn it_changes_nothing() {
    let world = World::generated();
    let upstream = Upstream::releasing(&world, "logger", &Release::saying("first"));
    let caches = world.home().join("cache/thymis/repositories");
    let before = [world.project(), caches.clone()].map(|folder| Disk::of(&folder));
    world.thymis(&["input", "test", &upstream.url()]).done();
    world.thymis(&["input", "test", &upstream.url_of("gone")]).refused();
    for (disk, folder) in before.iter().zip([world.project(), caches]) {
        disk.assert_same(&Disk::of(&folder));
    }
    assert!(!world.home().join(".local/state").exists());
}

#[test]
fn what_is_wrong_with_the_contents_is_an_answer() {
    let world = World::empty();
    let good = Release::saying("first");
    let changed = |name: &str, change: &dyn Fn(&Upstream)| {
        let upstream = Upstream::releasing(&world, name, &good);
        change(&upstream);
        upstream.commit("Changed");
        tested(&upstream, &world)
    };
    let without = |file: &'static str| move |upstream: &Upstream| fs::remove_file(upstream.path().join(file)).unwrap();
    let with = |file: &'static str, text: &'static str| move |upstream: &Upstream| upstream.write(file, text);
    let told = |answer: &Value, status: &str, part: &str| {
        assert_eq!(answer["status"], status, "{answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(part) && !error.contains('\u{1b}'), "{part} is not in {error}");
        assert!(answer.get("contents").is_none(), "{answer}");
    };
    told(&changed("no-flake", &without("flake.nix")), "no-flake", "has no flake.nix");
    told(&changed("no-readme", &without("README.md")), "no-readme", "no README.md");
    told(&changed("no-words", &with("README.md", "Nothing.")), "no-magic-string", "contains thymis modules");
    told(&changed("no-manifest", &with("thymis.toml", "manifest = 1\n\u{1b}[31m")), "bad-manifest", "thymis.toml");
    told(&changed("no-component", &without(FILE)), "bad-manifest", FILE);
    told(&changed("no-wasm", &with(FILE, "nonsense")), "incompatible", FILE);
    // No manifest: a flake that is used as such.
    let plain = changed("plain", &without("thymis.toml"));
    assert_eq!((&plain["status"], &plain["modules"]), (&json!("loaded"), &json!([])));
}

#[test]
fn components_that_do_not_answer_are_told_by_file() {
    let world = World::empty();
    let upstream = Upstream::releasing(&world, "broken", &Release::saying("first"));
    upstream.write(FILE, Guest::default().describe("(unreachable)").component());
    upstream.commit("Broken");
    let answer = tested(&upstream, &world);
    assert_eq!(answer["status"], "awaiting-grant");
    assert_eq!(answer["modules"][0]["file"], FILE);
    assert!(!answer["modules"][0]["error"].as_str().unwrap().is_empty(), "{answer}");

    // It may ask for WASI: what it has is told without granting that. One that takes WASI unasked isn't.
    let guest = Guest::describing(&[]).imports(IMPORT).component_of("of-wasi", WASI);
    let asking = Upstream::releasing(&world, "asking", &Release::saying("first").asking("wasi", ""));
    asking.write(FILE, &guest);
    asking.commit("WASI");
    let answer = tested(&asking, &world);
    assert_eq!((&answer["status"], &answer["modules"][0]["modules"]), (&json!("awaiting-grant"), &json!([])));
    let taking = Upstream::releasing(&world, "taking", &Release::saying("first"));
    taking.write(FILE, &guest);
    taking.commit("WASI");
    let answer = tested(&taking, &world);
    assert!(answer["error"].as_str().unwrap().contains("wasi"), "{answer}");
}

#[test]
fn what_cannot_be_reached_is_refused_with_the_reason() {
    let world = World::empty();
    let upstream = Upstream::empty(&world, "empty");
    let refused = test(&world, &upstream.url()).refused();
    assert!(refused.contains("has no commits yet"), "{refused}");
    let refused = test(&world, &format!("{}/nowhere", upstream.url())).refused();
    assert!(refused.contains("there is no folder at"), "{refused}");
    let refused = test(&world, "ftp://example.org/x").refused();
    assert!(refused.contains("git+https:"), "{refused}");
}
