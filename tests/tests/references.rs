//! Real Nix reads what a reference is printed as, and reads it as what it says it is.
//!
//! `nix registry add` writes down how Nix reads a reference, and fetches nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, fs};

use proptest::{prelude::*, strategy::ValueTree as _, string::string_regex, test_runner::TestRunner};
use serde_json::{Value, json};
use thymis_core::reference::FlakeReference;
use thymis_tests::Nix;

const REV: &str = "0123456789abcdef0123456789abcdef01234567";

/// The attributes that Nix finds in these references, in their order.
fn read(texts: &[String]) -> Vec<Value> {
    let nix = Nix::new();
    let file = nix.folder().join("registry.json");
    for (number, text) in texts.iter().enumerate() {
        let output = nix
            .command("nix")
            .args(["registry", "add", "--registry", file.to_str().unwrap(), &format!("x{number}"), text])
            .output()
            .unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let registry: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let flakes = registry["flakes"].as_array().unwrap();
    let of = |number| flakes.iter().find(|flake| flake["from"]["id"] == format!("x{number}")).unwrap()["to"].clone();
    (0..texts.len()).map(of).collect()
}

fn attributes(text: &str) -> Value {
    let reference: FlakeReference = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    json!(reference.nix_attributes())
}

fn agree(texts: &[String]) {
    for (text, nix) in texts.iter().zip(read(texts)) {
        assert_eq!(nix, attributes(text), "{text}");
    }
}

fn printed(text: &str) -> String {
    text.parse::<FlakeReference>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

#[test]
fn nix_reads_what_is_written_as_it_is_read_here() {
    let texts = [
        "github:o/r",
        "github:O_1/r.x-y_z/",
        "github:o/r.git",
        "github:o/.github/main",
        "github:o/r/feature/x",
        "github:o/r/feature/x/",
        "github:o/r?ref=feature/x",
        "github:o/r/refs/tags/v1",
        "github:o/r/v1.0_x-",
        "github:o/r/REV",
        "github:o/r/x/REV",
        "github:o/r?rev=REV",
        "github:o/r?dir=",
        "github:o/r?host=git.example.org&dir=a/b",
        "github:o/r/main?host=git.example.org&dir=a/b",
        "gitlab:g/p",
        "gitlab:g%2Fs/p",
        "gitlab:g%2Fs%2Ft/p/main?host=git.example.org",
        "gitlab:g%2Fs/p/REV?dir=x",
        "gitlab:g/s/p",
        "sourcehut:~o/r",
        "sourcehut:~o_x/r.y/main",
        "sourcehut:~o/r?host=git.example.org&rev=REV",
        "git+https://h/x",
        "git+https://h.example/x.git?ref=main",
        "git+https://h.example/digit.git",
        "git+https://h:8443/x?rev=REV",
        "git+https://h/x?ref=main&rev=REV",
        "git+https://h/x?ref=main&rev=REV&dir=sub",
        "git+https://h/x?dir=.a/b-c/d_e",
        "git+https://h/x?ref=refs/tags/@scope/package@1.0",
        "git+https://h/x?ref=a@b+c",
        "git+https://h/x?ref=@a",
        "git+https://h/x?ref=+a",
        "git+https://h/x?ref=_a",
        "git+https://h/x@y/~z",
        "git+http://127.0.0.1:8000/x",
        "git+http://example.org/x",
        "git+ssh://git@h/x",
        "git+ssh://u.n_x-1@h:2222/x?ref=v1",
        "git+ssh://h/~u/x.git?dir=d",
        "git+file:///x",
        "git+file:///x@y/~z/.w?ref=refs/heads/main",
    ];
    agree(&texts.map(|text| text.replace("REV", REV)));
}

/// Default ports and hosts, capital letters of hosts, trailing slashes, and the two spellings that Nix doesn't have.
#[test]
fn nix_reads_the_canonical_spelling_of_others() {
    let texts = [
        "https://example.org/o/r.git?ref=main",
        "https://GitHub.example.org:443/o/r.git/",
        "git@example.org:o/r.git",
        "example.org:/srv/r.git?dir=x",
        "git+ssh://git@Host:22/x",
        "git+http://H:80/x/",
        "git+file:///x//",
        "github:o/r?host=GitHub.com",
        "gitlab:g%2fs/p?host=Git.Example.org",
        "github:o/r?dir=x/",
    ]
    .map(printed);
    agree(&texts);
}

/// The query starts with `&`.
fn spelled() -> impl Strategy<Value = String> {
    let name = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,5}";
    let host = "[a-z0-9]{1,4}([.][a-z0-9]{1,4}){0,2}";
    let path = "(/[a-zA-Z0-9._~@][a-zA-Z0-9._~@-]{0,5}){1,3}";
    let dir = format!("(&dir={name}(/{name}){{0,2}})?");
    let forge = format!(
        "(github:{name}/{name}|gitlab:{name}(%2[Ff]{name}){{0,2}}/{name}|sourcehut:~{name}/{name})(&host={host})?\
         (&ref=[a-zA-Z0-9][a-zA-Z0-9._/-]{{0,8}}|&rev=[0-9a-f]{{40}})?{dir}"
    );
    let git = format!(
        "git[+](file://|(https?://|ssh://({name}@)?){host}(:[1-9][0-9]{{3}})?){path}\
         (&ref=(refs/[a-z]{{1,4}}/)?[a-zA-Z0-9._+@/-]{{1,8}})?(&rev=[0-9a-f]{{40}})?{dir}"
    );
    prop_oneof![string_regex(&forge).unwrap(), string_regex(&git).unwrap()]
}

#[test]
fn nix_reads_generated_ones_alike() {
    let mut runner = TestRunner::deterministic();
    let strategy = spelled();
    let texts = std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current());
    let parsed = texts.take(1000).filter_map(|text| text.replacen('&', "?", 1).parse::<FlakeReference>().ok());
    let printed: BTreeSet<String> = parsed.map(|reference| reference.to_string()).take(100).collect();
    assert!(printed.len() > 90, "{}", printed.len());
    agree(&Vec::from_iter(printed));
}
