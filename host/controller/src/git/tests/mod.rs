//! With the real `git` and the real `nix`.

mod fetch;
mod project;
mod snapshot;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use thymis_core::reference::FlakeReference;

use super::{FetchError, Fetched, Store};

/// A repository made by the `git` program, and a store.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(fixture.repository()).unwrap();
        fixture.git(&["init", "--quiet", "--initial-branch=main"]);
        fixture
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        git(&self.repository(), arguments)
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything; answers the commit.
    pub(super) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(super) fn url(&self, query: &str) -> FlakeReference {
        format!("git+file://{}{query}", self.repository().display()).parse().unwrap()
    }

    pub(super) fn store(&self) -> Store {
        Store::new(self.folder.path().join("store"))
    }

    pub(super) fn fetch(&self, query: &str) -> Result<Fetched, FetchError> {
        self.store().fetch(&self.url(query), &mut |_| ControlFlow::Continue(()))
    }
}

pub(super) fn git(folder: &Path, arguments: &[&str]) -> String {
    run(Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.org")])
        .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@example.org")]))
}

pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// An error with its causes, as a person sees it.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
