//! A repository that serves Thymis 0.9 and this one at once.

use std::{fs, process::Command};

use serde_json::{Value, json};
use thymis_tests::World;

use super::{Release, Upstream};

/// Both find the module by its class: package, file, class.
const CLASS: &str = "temperature_logger.logger.TemperatureLogger";
const PACKAGE: &str = "temperature_logger";
const PYTHON: &str = r#"import thymis_controller.modules.modules as modules


class TemperatureLogger(modules.Module):
    display_name = "Temperature logger"

    log_file = modules.Setting(display_name="Log file", type="string", default="/var/log/temperature.log")
    interval = modules.Setting(display_name="Interval", type="int", default=60)

    def write_nix_settings(self, f, path, module_settings, priority, project):
        pass
"#;

fn release() -> Release {
    Release::saying("moved").formerly(CLASS)
}

fn both(world: &World) -> Upstream {
    let upstream = Upstream::releasing(world, "logger", &release());
    upstream.write(&format!("{PACKAGE}/__init__.py"), "");
    upstream.write(&format!("{PACKAGE}/logger.py"), PYTHON);
    upstream.commit("For Thymis 0.9, too");
    upstream
}

/// A project of Thymis 0.9 that uses the class, and says where the repository is.
fn imported(world: &World, repositories: Value) -> Value {
    let device = json!({ "type": "thymis_controller.modules.thymis.ThymisDevice",
        "settings": { "device_type": "raspberry-pi-4", "device_name": "greenhouse" } });
    let logger = json!({ "type": CLASS, "settings": { "log_file": "/var/log/temps.log", "interval": 120 } });
    let state = json!({ "version": "0.0.9", "repositories": repositories, "tags": [],
        "configs": [{ "displayName": "Greenhouse", "identifier": "greenhouse", "tags": [], "modules": [device, logger] }] });
    let old = world.path().join("old");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("state.json"), state.to_string()).unwrap();
    let from = ["init", "project", "--json", "--from-thymis", old.to_str().unwrap()];
    world.thymis_in(world.path(), &from).done().json()["report"].clone()
}

#[test]
fn a_project_that_moves_finds_the_module_by_its_class() {
    let world = World::empty();
    let upstream = both(&world);
    let report = imported(&world, json!({}));
    assert_eq!(report["missing-modules"][0]["module"], CLASS, "{report}");
    for (name, repository) in World::inputs().into_iter().take(2) {
        world.add(name, repository).done();
    }
    assert!(world.thymis(&["generate"]).refused().contains(CLASS));
    world.thymis(&["input", "add", "logger", &upstream.url()]).done();
    let refused = world.thymis(&["generate"]).refused();
    assert!(refused.contains(CLASS) && refused.contains("`logger`: awaiting-grant"), "{refused}");
    world.thymis(&["input", "accept", "logger", "--yes"]).done();
    world.thymis(&["generate"]).done();
    let host = world.read("hosts/greenhouse.nix");
    assert!(host.contains("\"moved\"") && host.contains("logger/temperature-logger"), "{host}");
    world.thymis(&["commit", "--message", "Moved"]).done();
    // Under its class it is in use as much as under its name.
    assert!(world.thymis(&["input", "remove", "logger"]).refused().contains("configuration `greenhouse`"));
    world.thymis(&["input", "rename", "logger", "probes"]).done();
    world.thymis(&["generate"]).done();
    assert!(world.read("hosts/greenhouse.nix").contains("probes/temperature-logger"));
}

#[test]
fn a_repository_of_the_old_project_is_an_input_already() {
    let world = World::empty();
    let upstream = both(&world);
    let url = upstream.url();
    let report = imported(&world, json!({ "logger": { "url": url } }));
    assert_eq!((&report["inputs"], &report["missing-repositories"]), (&json!(1), &json!([])), "{report}");
    for (name, repository) in World::inputs().into_iter().take(2) {
        world.add(name, repository).done();
    }
    // It is known by its address alone until it is pinned.
    let add = format!("thymis input add --replace logger {url}");
    let refused = world.thymis(&["input", "update", "logger"]);
    assert!(refused.stderr.contains("thymis input add --replace logger"), "{}", refused.stderr);
    let add: Vec<&str> = add.split(' ').skip(1).collect();
    world.thymis(&add).done();
    world.thymis(&["input", "accept", "logger", "--yes"]).done();
    world.thymis(&["generate"]).done();
    assert!(world.read("hosts/greenhouse.nix").contains("\"moved\""));
}

#[test]
fn python_beside_the_component_changes_nothing() {
    let world = World::empty();
    let (with, without) = (both(&world), Upstream::releasing(&world, "without", &release()));
    let test = |upstream: &Upstream| {
        let answer = world.thymis_in(&world.home(), &["input", "test", &upstream.url(), "--json"]).done().json();
        let contents = &answer["contents"];
        [&answer["status"], &answer["modules"], &contents["terms"], &contents["repository"]].map(Clone::clone)
    };
    assert_eq!(test(&with), test(&without));
}

#[test]
fn the_package_is_where_thymis_0_9_looks_and_is_python() {
    let world = World::empty();
    let upstream = both(&world);
    // The one imports every package at the top of a repository, and a class by the path of its file.
    let (file, class) = CLASS.rsplit_once('.').unwrap();
    let file = upstream.path().join(file.replace('.', "/")).with_extension("py");
    assert!(upstream.path().join(PACKAGE).join("__init__.py").is_file() && file.is_file());
    let program = "import ast, sys\ntree = ast.parse(open(sys.argv[1]).read())\n\
                   print([one.name for one in tree.body if isinstance(one, ast.ClassDef)])";
    let Ok(output) = Command::new("python3").args(["-I", "-c", program]).arg(&file).output() else {
        return thymis_tests::skipped("the package is Python", "there is no python3");
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("['{class}']"));
}
