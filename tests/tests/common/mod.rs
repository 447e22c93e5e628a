//! The real program, and real components of the example modules.

#![allow(dead_code, reason = "each test uses a part")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
};

use serde_json::Value;
use tempfile::TempDir;
use thymis_tests::Program;

/// The checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The program in a folder, with a cache of its own.
pub(crate) struct Thymis {
    cache: TempDir,
    folder: PathBuf,
}

impl Thymis {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { cache: TempDir::new().unwrap(), folder: folder.to_owned() }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(Program::path())
            .args(arguments)
            .current_dir(&self.folder)
            .env("XDG_CACHE_HOME", self.cache.path())
            .env("CARGO_TARGET_DIR", Program::modules_target())
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Standard output of a command that succeeds.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// What a command says that ends with exit code 1.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        said
    }
}

/// The component of an example module.
pub(crate) fn component(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one = BUILDING.lock().unwrap();
    let folder = checkout().join("example-modules").join(name);
    let built = Thymis::new(&folder).json(&["module", "build", "."]);
    built["file"].as_str().unwrap().into()
}

/// Copies an example module to a folder in which it stands alone.
pub(crate) fn standalone(name: &str, place: &Path) {
    copy(&checkout().join("example-modules").join(name), place);
    let manifest = place.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace("../../sdk", "vendor/thymis-sdk");
    fs::write(manifest, text + "\n[workspace]\nexclude = [\"vendor\"]\n").unwrap();
    Thymis::new(place).done(&["module", "sdk"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_name().to_str() {
            Some("modules" | "target" | "Cargo.lock") => {}
            _ if entry.file_type().unwrap().is_dir() => copy(&entry.path(), &target),
            _ => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

/// Makes a git repository of a folder, or a commit of what changed there.
pub(crate) fn commit(folder: &Path) {
    let repository = git2::Repository::init(folder).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = git2::Signature::now("Test", "test@example.org").unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &author, &author, "Test", &tree, &parents).unwrap();
}
