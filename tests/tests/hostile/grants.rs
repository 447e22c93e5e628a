//! Grants that were given for something else, or that somebody wrote, as the program meets them.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::json as value;
use thymis_core::{
    grant::{self, Accepted, Lock},
    json,
    option::Class,
    permission::{Access, Permission},
    wire,
};
use thymis_tests::{Answer, Disk, Example, World, commit, guest::Guest};

use super::{
    installed::descriptor,
    suite::{Case, Ended, case},
    values::extra,
};

pub(crate) const CASES: &[Case] = &[
    case("a repository that moves on and asks for more", |_| {
        let (world, repository) = world();
        let before = generated(&world);
        let asks = "value = \"systemd.services.temperature-logger\"";
        edit(&repository.join("thymis.toml"), asks, "value = \"systemd\"");
        fs::write(repository.join(Example::TemperatureLogger.file()), Guest::echo().component()).unwrap();
        commit(&repository);
        world.thymis(&["generate"]).done();
        assert_eq!(generated(&world), before);
        Ended::harmless("what was accepted generates the same")
    }),
    case("an update that asks for more, before anyone accepts it", |_| {
        let (world, repository) = world();
        let asks = "value = \"systemd.services.temperature-logger\"";
        edit(&repository.join("thymis.toml"), asks, "value = \"systemd\"");
        commit(&repository);
        world.thymis(&["input", "add", "--replace", "temperature", &url(&repository)]).done();
        refused(&world)
    }),
    case("a lock with more permissions, and with the digest that belongs to them", |_| {
        let (world, _) = world();
        relock(&world, |lock| {
            let entry = lock.inputs.get_mut(&"temperature".parse().unwrap()).unwrap();
            let grant = entry.grant.as_mut().unwrap();
            let component = grant.terms.components.values_mut().next().unwrap();
            let Accepted { permission, .. } = component.permissions[0].clone();
            let access = Access::Option { pattern: "systemd".parse().unwrap(), force: true };
            component.permissions.push(Permission { access, ..permission }.into());
            grant.digest = grant.terms.digest(&entry.pin);
        });
        refused(&world)
    }),
    case("a lock in which everything is harmless, with the digest that belongs to it", |_| {
        let (world, _) = world();
        relock(&world, |lock| {
            let entry = lock.inputs.get_mut(&"temperature".parse().unwrap()).unwrap();
            let grant = entry.grant.as_mut().unwrap();
            let component = grant.terms.components.values_mut().next().unwrap();
            component.permissions.iter_mut().for_each(|accepted| accepted.class = Class::Harmless);
            grant.digest = grant.terms.digest(&entry.pin);
        });
        refused(&world)
    }),
    case("the lock of another project, which accepted a repository of the same name", |_| {
        let ((mine, _), (other, _)) = (world(), world());
        for file in ["modules.lock", "flake.lock"] {
            mine.write(file, other.read(file));
        }
        let said = refused(&mine).to_string().replace(other.path().to_str().unwrap(), "/other");
        Ended::denied(said.trim_start_matches("Denied: "))
    }),
    case("modules that are called as built-in ones, as those of another input, and as what they were", |_| {
        let world = World::generated();
        let before = generated(&world);
        let modules = ["device", "temperature-logger", "evil"].map(|name| {
            let was = r#"["thymis_controller.modules.thymis.ThymisDevice", "web-app"]"#;
            let extra = if name == "evil" { vec![extra("formerly", was)] } else { vec![] };
            wire::Descriptor { name: name.into(), extra, ..descriptor() }
        });
        let guest = Guest::answering(&Answer::of(&["networking", "hostName"], &value!("evil")).0).modules(&modules);
        let repository = world.own(Example::TemperatureLogger);
        fs::write(repository.join(Example::TemperatureLogger.file()), guest.component()).unwrap();
        edit(&repository.join("thymis.toml"), "systemd.services.temperature-logger", "networking.hostName");
        commit(&repository);
        // Before those whose names it has.
        world.thymis(&["input", "add", "a", &url(&repository)]).done();
        world.thymis(&["input", "accept", "a", "--yes"]).done();
        world.thymis(&["generate"]).done();
        assert_eq!(generated(&world), before);
        let modules = world.thymis(&["--json", "modules"]).done().json();
        let names = modules.as_array().unwrap().iter().map(|module| module["module"].as_str().unwrap());
        let names: Vec<_> = names.filter(|name| name.starts_with("a/")).collect();
        Ended::harmless(format!("devices get the same; beside what was there, there are {}", names.join(", ")))
    }),
];

/// A project, and the repository of its input `temperature`, whose permissions were accepted.
fn world() -> (World, PathBuf) {
    let world = World::generated();
    let repository = world.own(Example::TemperatureLogger);
    world.thymis(&["input", "add", "--replace", "temperature", &url(&repository)]).done();
    world.thymis(&["input", "accept", "temperature", "--yes"]).done();
    world.thymis(&["generate"]).done();
    (world, repository)
}

fn url(repository: &Path) -> String {
    format!("git+file://{}", repository.display())
}

/// What devices get, by file.
fn generated(world: &World) -> Vec<(PathBuf, String)> {
    let files = ["hosts", "tags"].map(|folder| fs::read_dir(world.project().join(folder)).unwrap());
    let mut files: Vec<_> = files.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// What the program says of the first that it can't generate, while it changes nothing.
fn refused(world: &World) -> Ended {
    let before = Disk::visible(&world.project());
    let said = world.thymis(&["generate"]).refused().replace(world.path().to_str().unwrap(), "/world");
    before.assert_same(&Disk::visible(&world.project()));
    let digest = Regex::new("sha256:[0-9a-f]{64}").unwrap();
    Ended::denied(digest.replace_all(said.lines().nth(1).unwrap_or(&said), "sha256:DIGEST"))
}

/// Changes a text of a file.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Changes `modules.lock`.
fn relock(world: &World, change: impl FnOnce(&mut Lock)) {
    let mut lock = Lock::parse(world.read(grant::FILE).as_bytes()).unwrap();
    change(&mut lock);
    world.write(grant::FILE, json::write(&lock).unwrap());
}
