//! What both benchmarks measure on: real components in real repositories, and projects of any size.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
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
        let host = Arc::new(Host::with_cache(&folder.path().join("cache")).unwrap());
        let repositories =
            [("temperature", example("temperature-logger")), ("web", example("web-app")), ("greeter", greeter())]
                .into_iter()
                .map(|(input, source)| {
                    author::build(&source).unwrap();
                    let repository = folder.path().join(input);
                    for file in ["README.md", "flake.nix", "thymis.toml"] {
                        copy(&source.join(file), &repository.join(file));
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
            let input = input.parse().unwrap();
            let url = format!("git+file://{}", repository.display());
            project.add_input(&input, &url, false, &mut |_| ControlFlow::Continue(())).unwrap();
            project.accept_input(&input, None, None).unwrap();
        }
        for number in 0..configurations {
            configure(&project, number, 60);
        }
        project
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

fn commit(folder: &Path) {
    let repository = Repository::init_opts(folder, RepositoryInitOptions::new().initial_head("main")).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], IndexAddOption::FORCE, None).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = Signature::now("Bench", "bench@example.org").unwrap();
    repository.commit(Some("HEAD"), &author, &author, "Bench", &tree, &[]).unwrap();
}
