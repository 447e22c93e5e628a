//! What the benchmarks measure on: real components in real repositories, and projects of any size.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};
use serde_json::json;
use tempfile::TempDir;
use thymis_controller::{
    author,
    project::{Host, Project, State},
};
use thymis_core::{id::ConfigurationId, wire};

/// Repositories with components, in a folder that lives as long as this value.
#[derive(Debug)]
pub(crate) struct World {
    folder: TempDir,
    host: Arc<Host>,
    repositories: Vec<(&'static str, PathBuf)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let host = Arc::new(Host::with_cache(&folder.path().join("cache/thymis")).unwrap());
        let repositories =
            [("temperature", example("temperature-logger")), ("web", example("web-app")), ("greeter", greeter())]
                .into_iter()
                .map(|(input, source)| {
                    author::build(&source).unwrap();
                    let repository = folder.path().join(input);
                    for file in ["README.md", "flake.nix", "thymis.toml", "module.nix", "app/server.py"] {
                        if source.join(file).exists() {
                            copy(&source.join(file), &repository.join(file));
                        }
                    }
                    for component in fs::read_dir(source.join("modules")).unwrap() {
                        let component = component.unwrap();
                        copy(&component.path(), &repository.join("modules").join(component.file_name()));
                    }
                    commit(&repository);
                    (input, repository)
                })
                .collect();
        Self { folder, host, repositories }
    }

    /// A project with the four modules in each of its configurations.
    pub(crate) fn project(&self, configurations: usize) -> Project {
        let root = self.folder.path().join(format!("project-{configurations}"));
        let project = Project::init(&root, Arc::clone(&self.host)).unwrap();
        for (input, repository) in &self.repositories {
            self.add(&project, input, repository);
            project.accept_input(&input.parse().unwrap(), None, None).unwrap();
        }
        for number in 0..configurations {
            configure(&project, number, 60);
        }
        project
    }

    /// The same with what stands for nixpkgs and thymis, so that Nix can evaluate it.
    pub(crate) fn evaluable(&self, configurations: usize) -> Project {
        let project = self.project(configurations);
        for input in ["nixpkgs", "thymis"] {
            let repository = self.folder.path().join(input);
            if !repository.exists() {
                copy_folder(&fixture(input), &repository);
                commit(&repository);
            }
            self.add(&project, input, &repository);
        }
        project
    }

    fn add(&self, project: &Project, input: &str, repository: &Path) {
        let url = format!("git+file://{}", repository.display());
        project.add_input(&input.parse().unwrap(), &url, false, &mut |_| ControlFlow::Continue(())).unwrap();
    }

    /// Another project with the same files and history. It stays: where a folder was just removed, some file systems take
    /// long for the next.
    pub(crate) fn copy_of(&self, project: &Project) -> Project {
        let root = (0..).map(|number| project.root().with_extension(number.to_string()));
        let root = root.into_iter().find(|root| !root.exists()).unwrap();
        let status = Command::new("cp").arg("-a").arg(project.root()).arg(&root).status().unwrap();
        assert!(status.success());
        Project::open(&root, Arc::clone(&self.host)).unwrap()
    }

    /// A call of the program in a project, with the caches of this value.
    pub(crate) fn thymis(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thymis"));
        command.args(arguments).current_dir(project.root());
        command.env_clear().env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    /// The project's state, and the same with one setting of one configuration changed.
    pub(crate) fn states(project: &Project) -> [State; 2] {
        [60, 61].map(|interval| {
            configure(project, 0, interval);
            project.state().unwrap()
        })
    }
}

pub(crate) fn configure(project: &Project, number: usize, interval: u32) {
    let id: ConfigurationId = format!("device-{number}").parse().unwrap();
    let configuration = json!({
        "modules": [
            { "module": "thymis/device", "settings": { "device_type": "generic-x86_64", "device_name": id.as_str() } },
            { "module": "temperature/temperature-logger", "settings": { "interval": interval, "unit": "celsius" } },
            { "module": "web/web-app", "settings": { "greeting": format!("I am {id}"), "open_firewall": true } },
            { "module": "greeter/greeter", "settings": { "name": id.as_str() } },
        ],
    });
    let folder = project.root().join("state/configurations");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{id}.json")), configuration.to_string()).unwrap();
}

/// A use of the temperature logger.
pub(crate) fn request() -> wire::Request {
    wire::Request {
        name: "temperature-logger".to_owned(),
        instance: "temperature-logger".to_owned(),
        settings: json!({ "log_file": "/var/log/t.log", "interval": 60, "unit": "celsius" }).to_string(),
        target: wire::Target {
            kind: wire::TargetKind::Configuration,
            id: "device".to_owned(),
            device_type: Some("generic-x86_64".to_owned()),
            system: Some("x86_64-linux".to_owned()),
        },
        context: Vec::new(),
    }
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-modules").join(name)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

/// The template's module. What was compiled for it is kept from one run to the next.
fn greeter() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("greeter");
    let (kept, new) = (folder.join("target"), folder.with_extension("target"));
    let _ = fs::rename(&kept, &new);
    let _ = fs::remove_dir_all(&folder);
    author::new(&folder, &"greeter".parse().unwrap()).unwrap();
    let _ = fs::rename(&new, &kept);
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() { copy_folder(&from, &to) } else { copy(&from, &to) }
    }
}

fn commit(folder: &Path) {
    let repository = Repository::init_opts(folder, RepositoryInitOptions::new().initial_head("main")).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], IndexAddOption::FORCE, None).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = Signature::now("Bench", "bench@example.org").unwrap();
    repository.commit(Some("HEAD"), &author, &author, "Bench", &tree, &[]).unwrap();
}
