//! Repositories to serve.

use std::{fs, path::Path};

use tempfile::TempDir;
use thymis_tests::{commit, git};

/// A folder with the repositories `one`, `two` and `three`: flakes without modules, each of one commit.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) const NAMES: [&str; 3] = ["one", "two", "three"];

    pub(crate) fn new() -> Self {
        let site = Self { folder: TempDir::new().unwrap() };
        for name in Self::NAMES {
            site.make(name);
        }
        site
    }

    /// Makes another repository; its name may be a path.
    pub(crate) fn make(&self, name: &str) {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(folder.join("flake.nix"), "{ outputs = _: { }; }\n").unwrap();
        self.commit(name, "The first text.\n");
    }

    /// A further commit.
    pub(crate) fn commit(&self, name: &str, text: &str) -> String {
        let folder = self.path().join(name);
        fs::write(folder.join("file"), format!("{name}: {text}")).unwrap();
        commit(&folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}
