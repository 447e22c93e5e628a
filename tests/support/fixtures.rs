use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::real_lib;

/// Which `lib` evaluates modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lib {
    /// The fixture's own.
    Small,
    /// That of nixpkgs.
    Real,
}

/// What stands in `tests/fixtures`, as folders and as git repositories with one commit, made once per process.
///
/// Commits have a fixed date and author, so they have the same id everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Fixtures;

impl Fixtures {
    /// The folder `tests/fixtures` itself.
    #[must_use]
    pub fn folder() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
    }

    /// The repository that stands for nixpkgs; `None` (and a skipped check) where there is no real lib.
    #[must_use]
    pub fn nixpkgs(lib: Lib, check: &str) -> Option<&'static Path> {
        static SMALL: OnceLock<PathBuf> = OnceLock::new();
        static REAL: OnceLock<PathBuf> = OnceLock::new();
        match lib {
            Lib::Small => Some(SMALL.get_or_init(|| Self::repository("nixpkgs", None))),
            Lib::Real => {
                let folder = real_lib(check)?;
                Some(REAL.get_or_init(|| Self::repository("nixpkgs", Some(&folder))))
            }
        }
    }

    /// The repository that stands for Thymis' own flake.
    #[must_use]
    pub fn thymis() -> &'static Path {
        static THYMIS: OnceLock<PathBuf> = OnceLock::new();
        THYMIS.get_or_init(|| Self::repository("thymis", None))
    }

    /// Nix text: `{ lib, nixosSystem, pkgs }` of a lib, without a repository or a flake around it.
    #[must_use]
    pub fn nixos(lib: Lib, check: &str) -> Option<String> {
        let nixpkgs = Self::folder().join("nixpkgs");
        let nixpkgs = nixpkgs.display();
        let (folder, real) = match lib {
            Lib::Small => (Self::folder().join("nixpkgs/lib"), false),
            Lib::Real => (real_lib(check)?, true),
        };
        Some(format!(
            "(rec {{ lib = import {}; nixosSystem = import {nixpkgs}/nixos.nix {{ inherit lib; real = {real}; }}; pkgs = import {nixpkgs}/packages.nix {{ inherit lib; system = \"x86_64-linux\"; }}; }})",
            folder.display(),
        ))
    }

    /// Copies a folder of the fixtures into a new repository. Its place is named after the commit, so that the next
    /// process finds it there.
    fn repository(name: &str, real_lib: Option<&Path>) -> PathBuf {
        let work = tempfile::TempDir::new().unwrap();
        copy(&Self::folder().join(name), work.path());
        if let Some(lib) = real_lib {
            copy(lib, &work.path().join("real-lib"));
        }
        placed(name, work)
    }
}

/// Makes a repository of a folder, with everything in it in one commit, in a place that is named after that commit.
pub(crate) fn placed(name: &str, work: tempfile::TempDir) -> PathBuf {
    git(work.path(), &["init", "--quiet", "--initial-branch=main"]);
    let commit = commit(work.path());
    let place = std::env::temp_dir().join(format!("thymis-fixture-{name}-{commit}"));
    if !place.exists() {
        // Another process may be first: then its copy is as good.
        let _ = fs::rename(work.keep(), &place);
    }
    place
}

/// Commits everything in a repository's folder, also what it ignores; answers the commit.
pub fn commit(folder: &Path) -> String {
    git(folder, &["add", "--all", "--force"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message=Fixture"]);
    git(folder, &["rev-parse", "HEAD"]).trim().to_owned()
}

/// Copies a folder's contents. Modes are not kept.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // Contents only: files of the store can't be written.
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Runs git, with nobody's configuration and a fixed author and date; answers what it prints.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].iter().flat_map(|who| {
            [
                (format!("GIT_{who}_NAME"), "Fixture"),
                (format!("GIT_{who}_EMAIL"), "fixture@example.org"),
                (format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z"),
            ]
        }))
        .stdin(Stdio::null())
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
