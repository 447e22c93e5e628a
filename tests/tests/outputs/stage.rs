use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command, sync::OnceLock};

use serde_json::{Value, json};
use thymis_tests::{Fixtures, Lib, Output, World, commit, git};

use super::sensor::{MANIFEST, guest};

/// A project with the inputs `nixpkgs` and `thymis`, and repositories beside it.
pub(crate) struct Stage(pub(crate) World);

impl std::ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        Self(World::copy_of(TEMPLATE.get_or_init(|| {
            let world = World::empty();
            world.thymis_in(world.path(), &["init", "project"]).done();
            world.add("nixpkgs", Fixtures::nixpkgs(Lib::Small, "").unwrap()).done();
            world.add("thymis", Fixtures::thymis()).done();
            world.kept()
        })))
    }

    /// With the input `sensor`, whose flake has these outputs: it is accepted, but not generated from.
    pub(crate) fn with_sensor(outputs: &str) -> Self {
        let stage = Self::new();
        let repository = stage.sensor(outputs);
        stage.0.add("sensor", &repository).done();
        stage.thymis(&["input", "accept", "sensor", "--yes"]).done();
        stage
    }

    /// Writes the repository of [`guest`] anew.
    pub(crate) fn sensor(&self, outputs: &str) -> PathBuf {
        static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
        let folder = self.path().join("sensor");
        fs::create_dir_all(folder.join("modules")).unwrap();
        fs::write(folder.join("modules/sensor.wasm"), COMPONENT.get_or_init(guest)).unwrap();
        fs::write(folder.join("README.md"), "This repository contains thymis modules.").unwrap();
        fs::write(folder.join("thymis.toml"), MANIFEST).unwrap();
        self.flake("sensor", &format!("outputs = {{ self, ... }}: {outputs};"))
    }

    /// Writes the flake of a repository anew.
    pub(crate) fn flake(&self, name: &str, contents: &str) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("flake.nix"), format!("{{ {contents} }}\n")).unwrap();
        if !folder.join(".git").exists() {
            git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        }
        commit(&folder);
        folder
    }

    /// What is listed of an input that has no modules, with these outputs.
    #[track_caller]
    pub(crate) fn listed(&self, outputs: &str) -> Value {
        let repository = self.flake("plain", &format!("outputs = {{ self, ... }}: {outputs};"));
        let url = format!("git+file://{}", repository.display());
        self.thymis(&["input", "add", "plain", &url, "--replace"]).done();
        let shown = self.thymis(&["--json", "input", "show", "plain"]).done().json();
        assert_eq!(shown["outputs"], self.locked("plain"));
        self.locked("plain")
    }

    pub(crate) fn locked(&self, name: &str) -> Value {
        let lock: Value = serde_json::from_str(&self.read("modules.lock")).unwrap();
        lock["inputs"][name]["outputs"].clone()
    }

    pub(crate) fn device(&self, id: &str, device_type: &str, more: Value, tags: &[&str]) {
        let device = json!({ "module": "thymis/device", "settings": { "device_type": device_type } });
        let modules: Vec<Value> = [device].into_iter().chain(more.as_array().unwrap().iter().cloned()).collect();
        let state = json!({ "tags": tags, "modules": modules });
        self.write(&format!("state/configurations/{id}.json"), state.to_string());
    }

    /// The program where there is git, and no `nix`.
    pub(crate) fn without_nix(&self, arguments: &[&str]) -> Output {
        let folder = self.path().join("bin");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            let git = Output::of(Command::new("sh").args(["-c", "command -v git"])).done().stdout;
            symlink(git.trim(), folder.join("git")).unwrap();
        }
        Output::of(self.command(arguments).env("PATH", folder))
    }
}

/// The message of the only thing that is wrong.
#[track_caller]
pub(crate) fn refused(stage: &Stage) -> String {
    let said = stage.thymis(&["generate"]).refused();
    let lines: Vec<&str> = said.lines().skip(1).filter(|line| line.starts_with("- ")).collect();
    let lines = lines.join("\n");
    let sensor = stage.path().join("sensor");
    if sensor.exists() {
        lines.replace(git(&sensor, &["rev-parse", "--short=10", "HEAD"]).trim(), "REV")
    } else {
        lines
    }
}
