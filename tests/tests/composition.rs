//! What the modules of a configuration and its tags come to together: through the command line and real Nix.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;

use serde_json::{Value, json};
use thymis_tests::{Example, World};

fn world(configuration: Value, tags: &[(&str, Value)]) -> World {
    let world = World::with_inputs();
    world.write("state/configurations/lobby.json", configuration.to_string());
    for (id, tag) in tags {
        world.write(&format!("state/tags/{id}.json"), tag.to_string());
    }
    world
}

fn tag(priority: u32, modules: Value) -> Value {
    json!({ "priority": priority, "modules": modules })
}

/// Options of the configuration `lobby`.
#[track_caller]
fn values(world: &World, options: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["--json", "eval", "lobby"].into_iter().chain(options.iter().copied()).collect();
    let values = world.thymis(&arguments).done().json();
    options.iter().map(|option| values[*option].clone()).collect()
}

fn nix(text: &str) -> Value {
    json!({ "module": "thymis/custom-nix", "settings": { "settings": text } })
}

#[test]
fn what_is_meant_to_merge_merges_across_tags_the_configuration_and_nixos() {
    let web = |port: u16| json!({ "module": "web/web-app", "settings": { "port": port, "open_firewall": true } });
    let world = world(
        json!({ "tags": ["one", "two"], "modules": [
            web(8081), nix("networking.firewall.allowedTCPPorts = [ 22 ];\nenvironment.systemPackages = [ pkgs.hello ];"),
        ] }),
        &[
            (
                "one",
                tag(
                    90,
                    json!([nix(
                        "networking.firewall.allowedTCPPorts = [ 443 ];\nenvironment.systemPackages = [ pkgs.jq ];"
                    )]),
                ),
            ),
            (
                "two",
                tag(
                    95,
                    json!([{ "module": "thymis/localization", "settings": { "time_servers": [{ "server": "a" }] } }]),
                ),
            ),
        ],
    );
    world.thymis(&["generate"]).done();
    let ports = &values(&world, &["networking.firewall.allowedTCPPorts", "environment.systemPackages"]);
    let mut numbers: Vec<i64> = ports[0].as_array().unwrap().iter().map(|port| port.as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [22, 443, 8081]);
    assert_eq!(ports[1].as_array().unwrap().len(), 2, "{}", ports[1]);
}

#[test]
fn a_configuration_wins_over_its_tags_and_tags_by_their_priority() {
    let kiosk = |url: &str| json!({ "module": "thymis/networking", "settings": { "wifi_ssid": url } });
    let all = |own: Value| {
        world(
            json!({ "tags": ["weak", "strong"], "modules": own }),
            &[("weak", tag(95, json!([kiosk("weak")]))), ("strong", tag(85, json!([kiosk("strong")])))],
        )
    };
    for (own, wins) in [(json!([kiosk("own")]), "own"), (json!([]), "strong")] {
        let world = all(own);
        world.thymis(&["generate"]).done();
        assert_eq!(values(&world, &["thymis.config.wifi-ssid"]), [json!(wins)]);
    }
}

#[test]
fn a_disagreement_of_equal_priority_names_both_and_the_ways_out() {
    let ssid = |text: &str| json!([{ "module": "thymis/networking", "settings": { "wifi_ssid": text } }]);
    let world = world(
        json!({ "tags": ["one", "two"], "modules": [] }),
        &[("one", tag(90, ssid("a"))), ("two", tag(90, ssid("b")))],
    );
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - configuration `lobby`: `thymis.config.wifi-ssid` is set to "a" by `thymis/networking` in tag `one` and to "b" by `thymis/networking` in tag `two`, both with priority 90. Give one of the two targets a stronger (lower) priority, set the option in the configuration itself, or remove one of the two modules
    With --keep-going, the others are generated and these say why they are not
    "#);
    // The configuration settles it.
    world.write(
        "state/configurations/lobby.json",
        json!({ "tags": ["one", "two"], "modules": ssid("own") }).to_string(),
    );
    world.thymis(&["generate"]).done();
    assert_eq!(values(&world, &["thymis.config.wifi-ssid"]), [json!("own")]);
    // So does agreement.
    world.write("state/configurations/lobby.json", json!({ "tags": ["one", "two"] }).to_string());
    world.write("state/tags/two.json", tag(90, ssid("a")).to_string());
    world.thymis(&["generate"]).done();
}

#[test]
fn a_module_that_may_is_used_twice() {
    let script = |instance: Option<&str>, text: &str| {
        let mut one = json!({ "module": "thymis/bash", "settings": { "script": text } });
        if let Some(instance) = instance {
            one["instance"] = instance.into();
        }
        one
    };
    let world = world(
        json!({ "tags": ["core"], "modules": [script(None, "echo one"), script(Some("second"), "echo two")] }),
        &[("core", tag(90, json!([script(None, "echo tag")])))],
    );
    world.thymis(&["generate"]).done();
    let texts = values(
        &world,
        &[
            "systemd.services.thymis-bash-service-hosts-lobby.script",
            "systemd.services.thymis-bash-service-hosts-lobby-second.script",
            "systemd.services.thymis-bash-service-tags-core.script",
        ],
    );
    assert_eq!(texts, [json!("echo one\n"), json!("echo two\n"), json!("echo tag\n")]);

    world.write(
        "state/configurations/lobby.json",
        json!({ "modules": [script(None, "echo one"), script(None, "echo two")] }).to_string(),
    );
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"state/configurations/lobby.json: two modules are the instance `bash`; give each an `instance` of its own"#);
}

#[test]
fn a_module_that_may_not_is_refused_the_second_time() {
    let device = |instance: &str| json!({ "module": "thymis/device", "instance": instance, "settings": {} });
    let world = world(json!({ "modules": [device("a"), device("b")] }), &[]);
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `thymis/device` as `a` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
    - `thymis/device` as `b` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
    With --keep-going, the others are generated and these say why they are not
    "#);
}

#[test]
fn a_secret_goes_where_the_stronger_target_wants_it_and_its_value_is_nowhere() {
    let password = |secret: &str| json!([{ "module": "thymis/security", "settings": { "password_secret": secret } }]);
    let world =
        world(json!({ "tags": ["core"], "modules": password("own") }), &[("core", tag(90, password("shared")))]);
    world.thymis(&["generate"]).done();
    let placed: Value = serde_json::from_str(&world.read("hosts/lobby.secrets.json")).unwrap();
    assert_eq!(
        placed,
        json!([{
            "secret": "own", "path": "/run/thymis/root_password_hash", "owner": "root", "group": "root", "mode": "0400",
            "kinds": placed[0]["kinds"], "processing": placed[0]["processing"], "in-image": true,
            "by": "thymis/security in hosts/lobby.nix",
        }])
    );
    assert_eq!(values(&world, &["users.users.root.hashedPasswordFile"]), [json!("/run/thymis/root_password_hash")]);
    // Names of secrets aren't the device's business either.
    assert!(!world.read("hosts/lobby.nix").contains("own\""));

    world.write("state/tags/other.json", tag(90, password("another")).to_string());
    world.write("state/configurations/lobby.json", json!({ "tags": ["core", "other"] }).to_string());
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - configuration `lobby`: two secrets go to `/run/thymis/root_password_hash` or below it: one by `thymis/security` in tag `core`, another by `thymis/security` in tag `other`, with priority 90. Give one of the two targets a stronger (lower) priority, choose another path, or remove one of the two
    With --keep-going, the others are generated and these say why they are not
    "#);
}

#[test]
fn an_artifact_must_exist_and_reaches_the_device_alone() {
    let files = json!({ "module": "thymis/files", "settings": { "artifacts": [
        { "artifact": "web/größe 1.txt", "path": "/opt/a" },
    ] } });
    let world = world(json!({ "modules": [files] }), &[]);
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `thymis/files` in configuration `lobby`: there is no artifact `web/größe 1.txt`: put the file into artifacts/
    With --keep-going, the others are generated and these say why they are not
    "#);

    world.write("artifacts/web/größe 1.txt", "the content");
    world.write("artifacts/other.txt", "something else");
    world.thymis(&["generate"]).done();
    let rule = values(&world, &["systemd.tmpfiles.rules"])[0][0].as_str().unwrap().to_owned();
    let stored = rule.strip_prefix("C+ /opt/a - - - - ").unwrap();
    assert_eq!(fs::read_to_string(stored).unwrap(), "the content");
    assert!(fs::metadata(stored).unwrap().is_file());
}

/// As in Thymis: what a tag adds comes before what the configuration has, also where that is the operator's own Nix.
#[test]
fn lists_are_in_the_order_of_thymis() {
    let world = world(
        json!({ "tags": ["one", "two"], "modules": [
            nix("networking.timeServers = [ \"n\" ];"),
            { "module": "thymis/localization", "settings": { "time_servers": [{ "server": "l" }] } },
        ] }),
        &[
            ("one", tag(90, json!([nix("{ ... }: { networking.timeServers = [ \"t1\" ]; }")]))),
            ("two", tag(90, json!([nix("{ networking.timeServers = [ \"t2\" ]; }")]))),
        ],
    );
    world.thymis(&["generate"]).done();
    assert_eq!(values(&world, &["networking.timeServers"]), [json!(["t2", "t1", "l", "n"])]);
}

/// A second repository can't take over the devices of the first.
#[test]
fn a_device_type_of_two_inputs_is_neither_s() {
    let device = json!({ "module": "thymis/device", "settings": { "device_type": "acme-board-2" } });
    let world = world(json!({ "modules": [device] }), &[]);
    let repository = Example::CustomBoard.repository();
    world.add("board", repository).done();
    world.thymis(&["input", "accept", "board", "--yes"]).done();
    world.thymis(&["generate"]).done();
    assert!(world.read("hosts/lobby.nix").contains("inputs.board.nixosModules.acme-board-2"));

    world.add("aevil", repository).done();
    world.thymis(&["generate"]).done();
    world.thymis(&["input", "accept", "aevil", "--yes"]).done();
    insta::assert_snapshot!(world.thymis(&["generate"]).refused(), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `thymis/device` in configuration `lobby`: the device type `acme-board-2` is one of several inputs, `aevil` and `board`: remove all but one of them
    With --keep-going, the others are generated and these say why they are not
    "#);
}
