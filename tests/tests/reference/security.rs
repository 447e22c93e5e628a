//! What SECURITY.md names is there: files, tests, groups of attacks.

use std::{fs, path::Path};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text() -> String {
    fs::read_to_string(checkout().join("SECURITY.md")).unwrap()
}

/// The name of a file or folder of this repository, as far as `word` begins with one.
fn file(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(['`', '(', '[']);
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && !"/_-.".contains(c)).unwrap_or(word.len());
    let word = word[..end].trim_end_matches('.');
    ["tests/", "host/", "docs/", "fuzz/"].iter().any(|folder| word.starts_with(folder)).then_some(word)
}

#[test]
fn files_are_there() {
    let text = text();
    let named: Vec<&str> = text.split_whitespace().filter_map(file).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(checkout().join(name).exists(), "{name}");
    }
}

#[test]
fn tests_are_there() {
    let text = text();
    let mut found = 0;
    for (before, after) in text.match_indices("` in tests/").map(|(at, _)| (&text[..at], &text[at + 5..])) {
        let test = before.rsplit('`').next().unwrap();
        let code = fs::read_to_string(checkout().join(file(after).unwrap())).unwrap();
        assert!(code.contains(&format!("fn {test}()")), "{test}");
        found += 1;
    }
    assert!(found > 0);
}

#[test]
fn groups_of_attacks_and_fuzz_bodies_are_there() {
    let text = text();
    for (introduction, folder) in [("hostile: ", "tests/tests/hostile/"), ("fuzz: ", "fuzz/corpus/")] {
        let lists: Vec<&str> =
            text.split(introduction).skip(1).map(|rest| rest.split([';', '|']).next().unwrap()).collect();
        assert!(!lists.is_empty(), "{introduction}");
        for name in lists.iter().flat_map(|list| list.split(", ")) {
            let place = checkout().join(folder).join(name.trim());
            assert!(place.exists() || place.with_extension("rs").exists(), "{introduction}{name}");
        }
    }
}
