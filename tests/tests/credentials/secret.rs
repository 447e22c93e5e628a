//! What must appear nowhere.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use thymis_tests::{commit, git, server::Rule};

/// A table of a credentials file.
pub(crate) fn credential(repository: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect();
    format!("[[credential]]\nrepository = {repository:?}\n{fields}\n")
}

/// Lets in who sends this token.
pub(crate) fn bearer(token: &str) -> Rule {
    Rule::Token { authorization: format!("Bearer {token}") }
}

/// Lets in who sends this name and token.
pub(crate) fn basic(user: &str, token: &str) -> Rule {
    Rule::Token { authorization: format!("Basic {}", base64(&format!("{user}:{token}"))) }
}

pub(crate) fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for digit in 0..4 {
            let value = (number >> (18 - 6 * digit)) & 63;
            encoded.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    encoded
}

/// The middle line of a private key's file.
pub(crate) fn middle(key: &str) -> String {
    let lines: Vec<&str> = key.trim().lines().collect();
    lines[lines.len() / 2].to_owned()
}

/// Fails where one of the secrets is in a file below a folder, also in what git has packed.
#[track_caller]
pub(crate) fn assert_in_no_file(folder: &Path, secrets: &[String]) {
    let mut found = Vec::new();
    search(folder, secrets, &mut found);
    assert!(found.is_empty(), "a secret was written to {found:?}");
}

pub(crate) fn holds(bytes: &[u8], secrets: &[String]) -> bool {
    secrets.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

fn search(folder: &Path, secrets: &[String], found: &mut Vec<String>) {
    if folder.join("objects").is_dir() && folder.join("HEAD").is_file() && holds(&objects(folder), secrets) {
        found.push(format!("the objects of {}", folder.display()));
    }
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            search(&path, secrets, found);
        } else if kind.is_file() && is_small(&path) && holds(&fs::read(&path).unwrap(), secrets) {
            found.push(path.display().to_string());
        }
    }
}

/// Compiled components take megabytes.
fn is_small(path: &Path) -> bool {
    path.extension().is_none_or(|extension| extension != "cwasm")
}

/// Every object of a repository, unpacked.
fn objects(repository: &Path) -> Vec<u8> {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "--git-dir"])
        .arg(repository)
        .args(["cat-file", "--batch-all-objects", "--batch"])
        .stderr(Stdio::null())
        .output();
    output.unwrap().stdout
}

#[test]
fn what_is_searched_for_is_found_in_files_and_in_packs() {
    let folder = tempfile::TempDir::new().unwrap();
    let secrets = ["SECRET".to_owned()];
    let found = || {
        let mut found = Vec::new();
        search(folder.path(), &secrets, &mut found);
        found.len()
    };
    git(folder.path(), &["init", "--quiet"]);
    fs::write(folder.path().join("file"), "a SECRET in a file").unwrap();
    assert_eq!(found(), 1);
    commit(folder.path());
    git(folder.path(), &["gc", "--quiet"]);
    fs::remove_file(folder.path().join("file")).unwrap();
    assert_eq!(found(), 1);
    assert_eq!(base64("reader:SECRET"), "cmVhZGVyOlNFQ1JFVA==");
}
