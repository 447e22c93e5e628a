//! `thymis why` names what a value comes from: module, instance, target, settings, component, grant; and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::{Value, json};

use common::{Thymis, commit};

const SOURCE: &str = r#"//! Settings of every form, and options that depend on some of them.

use std::collections::BTreeMap;

use thymis_sdk::prelude::*;

#[derive(Choice)]
enum Mode {
    Fast,
    Slow,
}

#[derive(Settings)]
struct Server {
    host: String,
    #[setting(default = 80)]
    port: u16,
}

#[derive(Settings)]
struct Peer {
    name: String,
    #[setting(default = 1)]
    weight: u32,
    #[setting(default = Mode::Fast)]
    mode: Mode,
}

#[derive(Settings)]
pub struct Probe {
    #[setting(default = "Hi", min_length = 2)]
    greeting: String,
    #[setting(default = 3)]
    unused: u32,
    #[setting(default = Mode::Fast)]
    mode: Mode,
    server: Option<Server>,
    #[setting(default = [])]
    peers: Vec<Peer>,
    #[setting(key_pattern = "[a-z/]+")]
    limits: Option<BTreeMap<String, u32>>,
    logo: Option<Artifact>,
}

impl Module for Probe {
    const MULTIPLE: bool = true;

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        let _ = self.unused;
        config.set("users.motd", self.greeting);
        let mut probe = config.at("services.probe");
        probe.set("enable", true).set("mode", self.mode).set_some("device", context.device_type());
        if let Some(server) = self.server {
            probe.set("server", attrs! { "host" => server.host, "port" => server.port });
        }
        probe.merge("names", self.peers.iter().map(|peer| peer.name.clone()).collect::<Vec<_>>());
        for peer in self.peers {
            probe.set(["weights".to_owned(), peer.name.clone()], peer.weight);
            probe.set(["modes".to_owned(), peer.name], peer.mode);
        }
        for (name, limit) in self.limits.unwrap_or_default() {
            probe.set(["limits".to_owned(), name], limit);
        }
        probe.set_some("logo", self.logo.as_ref().map(nix::artifact));
        Ok(())
    }
}

thymis_sdk::export!(Probe);
"#;

const PERMISSIONS: &str = r#"
[[component.permission]]
kind = "option"
value = "services.probe"
reason = "Is what it is for."

[[component.permission]]
kind = "artifact"
reason = "Shows a logo."
"#;

/// A project in which `lobby` uses the probe twice, and its tag `all` once.
fn project() -> &'static Path {
    static PROJECT: OnceLock<PathBuf> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("why");
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        let thymis = Thymis::new(&place);
        thymis.done(&["module", "new", "probe"]);
        let repository = place.join("probe");
        fs::write(repository.join("src/lib.rs"), SOURCE).unwrap();
        let manifest = fs::read_to_string(repository.join("thymis.toml")).unwrap() + PERMISSIONS;
        fs::write(repository.join("thymis.toml"), manifest).unwrap();
        thymis.done(&["module", "build", "probe"]);
        commit(&repository);

        thymis.done(&["init", "fleet"]);
        let fleet = place.join("fleet");
        let thymis = Thymis::new(&fleet);
        thymis.done(&["input", "add", "own", &format!("git+file://{}", repository.display())]);
        thymis.done(&["input", "accept", "own", "--yes"]);
        let lobby = json!({ "tags": ["all"], "modules": [
            { "module": "thymis/device", "settings": { "device_type": "raspberry-pi-4", "device_name": "Lobby" } },
            { "module": "own/probe", "instance": "first", "settings": {
                "greeting": "Own", "mode": "slow", "server": { "host": "a" }, "limits": { "cpu/x": 2, "io": 3 },
                "peers": [{ "name": "one" }, { "name": "two", "weight": 5 }], "logo": "logo.png",
            } },
        ] });
        let all = json!({ "modules": [{ "module": "own/probe", "settings": { "greeting": "Everyone" } }] });
        let broken = json!({ "modules": [{ "module": "nowhere/thing", "settings": {} }] });
        for (file, state) in [("configurations/lobby", lobby), ("tags/all", all), ("configurations/broken", broken)] {
            let file = fleet.join(format!("state/{file}.json"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, state.to_string()).unwrap();
        }
        fleet
    })
}

fn why(option: &str) -> Vec<Value> {
    serde_json::from_value(Thymis::new(project()).json(&["why", "lobby", option])).unwrap()
}

/// The settings of the configuration's own use on which the option depends.
fn settings(option: &str) -> Vec<String> {
    let sources = why(option);
    let own = sources.iter().find(|source| source["instance"] == "first" && source["option"] == option);
    let own = own.unwrap_or_else(|| panic!("{option}: {sources:#?}"));
    own["settings"].as_array().unwrap().iter().map(|used| used["setting"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_that_has_a_part_in_a_value_is_named_the_winner_first() {
    let sources = why("users.motd");
    let modules = Thymis::new(project()).json(&["modules", "own/probe"]);
    assert_eq!(sources.len(), 2, "{sources:#?}");
    for (source, instance, target, text, priority, wins) in [
        (&sources[0], "first", "configuration `lobby`", "Own", 80, true),
        (&sources[1], "probe", "tag `all`", "Everyone", 90, false),
    ] {
        assert_eq!(
            source,
            &json!({
                "option": "users.motd", "value": format!("\"{text}\""), "target": target,
                "module": "own/probe", "instance": instance,
                "strength": "override", "priority": priority, "wins": wins, "all-tried": true,
                "settings": [{ "setting": "/greeting", "value": text, "default": false }],
                "component": modules[0]["component"], "grant": modules[0]["grant"],
                "permission": source["permission"], "reason": "Shows the greeting at login.",
            })
        );
        assert!(source["component"].as_str().is_some_and(|digest| digest.len() > 40));
        assert!(source["permission"].as_str().is_some_and(|permission| permission.contains("users.motd")));
    }
}

#[test]
fn a_person_reads_the_same() {
    let said = Thymis::new(project()).done(&["why", "lobby", "services.probe.server.port"]);
    for part in [
        "services.probe.server.port",
        "own/probe as `first` in configuration `lobby`",
        "/server/port = 80 (the module's default)",
        "component",
        "grant",
        "Is what it is for.",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

#[test]
fn the_settings_that_matter_are_named_and_no_others() {
    for (option, expected) in [
        ("users.motd", &["/greeting"] as &[&str]),
        ("services.probe.enable", &[]),
        ("services.probe.mode", &["/mode"]),
        ("services.probe.server.host", &["/server/host"]),
        ("services.probe.server.port", &["/server/port"]),
        ("services.probe.names", &["/peers/0/name", "/peers/1/name"]),
        ("services.probe.weights.one", &["/peers/0/name", "/peers/0/weight"]),
        ("services.probe.modes.two", &["/peers/1/name", "/peers/1/mode"]),
        ("services.probe.limits.\"cpu/x\"", &["/limits/cpu~1x"]),
        ("services.probe.limits.io", &["/limits/io"]),
        ("services.probe.logo", &["/logo"]),
    ] {
        assert_eq!(settings(option), expected, "{option}");
    }
}

#[test]
fn a_default_is_called_one() {
    let default = |option: &str| why(option)[0]["settings"][0]["default"].clone();
    assert_eq!(default("services.probe.server.port"), true);
    assert_eq!(default("services.probe.server.host"), false);
}

#[test]
fn a_part_of_a_path_means_everything_below_it() {
    let options = |option: &str| -> Vec<String> {
        why(option).iter().map(|source| source["option"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(options("services.probe.server"), ["services.probe.server.host", "services.probe.server.port"]);
    let all = options("services.probe");
    assert!(all.len() > 10 && all.is_sorted(), "{all:?}");
    // What is set as a whole is meant by each of its parts.
    assert_eq!(options("services.probe.names.deeper").first().map(String::as_str), Some("services.probe.names"));
}

#[test]
fn a_module_is_asked_as_for_the_device() {
    let source = &why("services.probe.device")[0];
    assert_eq!(source["value"], "\"raspberry-pi-4\"");
}

#[test]
fn a_built_in_module_has_no_component_and_no_grant() {
    let source = &why("thymis.config.device-name")[0];
    assert_eq!(source["module"], "thymis/device");
    assert_eq!(source["settings"], json!([{ "setting": "/device_name", "value": "Lobby", "default": false }]));
    assert_eq!((&source["component"], &source["grant"]), (&Value::Null, &Value::Null));
    let said = Thymis::new(project()).done(&["why", "lobby", "thymis.config.device-name"]);
    assert!(said.contains("built in"), "{said}");
}

#[test]
fn what_nobody_sets_is_refused_in_words() {
    let thymis = Thymis::new(project());
    let said = thymis.refused(&["why", "lobby", "services.nginx.enable"]);
    assert!(
        said.contains("`lobby`") && said.contains("`services.nginx.enable`") && said.contains("NixOS's own"),
        "{said}"
    );
    let said = thymis.refused(&["why", "no-such", "users.motd"]);
    assert!(said.contains("there is no configuration `no-such`") && said.contains("`lobby`"), "{said}");
    let said = thymis.refused(&["why", "broken", "users.motd"]);
    assert!(said.contains("nowhere") && said.contains("thymis input add"), "{said}");
    assert_eq!(thymis.run(&["why", "lobby", "users..motd"]).status.code(), Some(2));
}
