use super::*;

#[test]
fn a_setting_is_missing() {
    insta::assert_snapshot!(using("picky/picky", json!({})), @"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/name`: Name (`name`) is missing: it needs a value (string).
    With --keep-going, the others are generated and these say why they are not
    ");
}

#[test]
fn settings_of_the_wrong_type() {
    insta::assert_snapshot!(using("picky/picky", json!({ "name": 5, "level": "5", "reason": [] })), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/name`: Name (`name`) must be one line of text; found 5.
      - `/level`: Level (`level`) must be an integer; found "5".
      - `/reason`: Reason (`reason`) must be one line of text; found a list of 0 items.
    With --keep-going, the others are generated and these say why they are not
    "#);
    insta::assert_snapshot!(using("picky/picky", json!({ "name": null })), @"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/name`: Name (`name`) is null; remove the key to unset it.
    With --keep-going, the others are generated and these say why they are not
    ");
}

#[test]
fn a_setting_out_of_range() {
    insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 10 })), @"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/level`: Level (`level`) must be at least 1 and at most 9; found 10.
    With --keep-going, the others are generated and these say why they are not
    ");
    insta::assert_snapshot!(using("temperature/temperature-logger", json!({ "interval": -1, "unit": "kelvin" })), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `temperature/temperature-logger` in configuration `lobby`: settings are wrong:
      - `/interval`: Interval (`interval`) must be at least 1 and at most 86400; found -1.
      - `/unit`: Unit (`unit`) must be one of "celsius", "fahrenheit"; found "kelvin".
    With --keep-going, the others are generated and these say why they are not
    "#);
}

#[test]
fn an_unknown_setting() {
    insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "nmae": "b" })), @"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/nmae`: `nmae` is not a setting; did you mean `name`?
    With --keep-going, the others are generated and these say why they are not
    ");
}

#[test]
fn a_condition_is_violated() {
    insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 9 })), @"
    one configuration or tag can't be generated; nothing was changed:
    - `picky/picky` in configuration `lobby`: settings are wrong:
      - `/reason`: Reason (`reason`) is missing: it needs a value (string).
    With --keep-going, the others are generated and these say why they are not
    ");
    let device = json!({ "device_type": "raspberry-pi-4", "image_format": "qcow" });
    insta::assert_snapshot!(using("thymis/device", device), @r#"
    one configuration or tag can't be generated; nothing was changed:
    - `thymis/device` in configuration `lobby`: settings are wrong:
      - `/image_format`: Image format (`image_format`) must be one of "", "sd-card-image" beside the other settings; found "qcow".
    With --keep-going, the others are generated and these say why they are not
    "#);
}

#[test]
fn a_module_that_nobody_has() {
    insta::assert_snapshot!(using("temperature/humidity-logger", json!({})), @"
    one configuration or tag can't be generated; nothing was changed:
    - `temperature/humidity-logger` in configuration `lobby`: the input `temperature` has no module `humidity-logger` (it has temperature-logger): it may have been removed in this revision; remove it here too, or go back to an older revision
    With --keep-going, the others are generated and these say why they are not
    ");
    insta::assert_snapshot!(using("nowhere/logger", json!({})), @"
    one configuration or tag can't be generated; nothing was changed:
    - `nowhere/logger` in configuration `lobby`: there is no input `nowhere`: add its repository with `thymis input add nowhere URL`, or remove the module
    With --keep-going, the others are generated and these say why they are not
    ");
    insta::assert_snapshot!(using("thymis/nothing", json!({})), @"
    one configuration or tag can't be generated; nothing was changed:
    - `thymis/nothing` in configuration `lobby`: the input `thymis` has no module `nothing` (it has bash, containers, custom-nix, device, files, kiosk, localization, networking, python, security): it may have been removed in this revision; remove it here too, or go back to an older revision
    With --keep-going, the others are generated and these say why they are not
    ");
    insta::assert_snapshot!(using("nixpkgs/nothing", json!({})), @"
    one configuration or tag can't be generated; nothing was changed:
    - `nixpkgs/nothing` in configuration `lobby`: the input `nixpkgs` has no module `nothing`: it may have been removed in this revision; remove it here too, or go back to an older revision
    With --keep-going, the others are generated and these say why they are not
    ");
}

#[test]
fn two_overrides_of_one_scalar() {
    let world = World::with_inputs();
    for (tag, port) in [("east", 1), ("west", 2)] {
        let state = json!({ "modules": [{ "module": "web/web-app", "settings": { "port": port } }] });
        world.write(&format!("state/tags/{tag}.json"), state.to_string());
    }
    world.write("state/configurations/lobby.json", json!({ "tags": ["east", "west"] }).to_string());
    insta::assert_snapshot!(refused(&world, &["generate"]), @"
    one configuration or tag can't be generated; nothing was changed:
    - configuration `lobby`: `services.web-app.port` is set to 1 by `web/web-app` in tag `east` and to 2 by `web/web-app` in tag `west`, both with priority 90. Give one of the two targets a stronger (lower) priority, set the option in the configuration itself, or remove one of the two modules
    With --keep-going, the others are generated and these say why they are not
    ");
    // The way out that it names.
    let own = json!({ "tags": ["east", "west"], "modules": [{ "module": "web/web-app", "settings": { "port": 3 } }] });
    world.write("state/configurations/lobby.json", own.to_string());
    world.thymis(&["generate"]).done();
}

#[test]
fn a_module_that_may_be_used_once_is_used_twice() {
    let one = |instance: &str| json!({ "module": "web/web-app", "instance": instance });
    insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("b")] })), @"
    one configuration or tag can't be generated; nothing was changed:
    - `web/web-app` as `a` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
    - `web/web-app` as `b` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
    With --keep-going, the others are generated and these say why they are not
    ");
    insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("a")] })), @"state/configurations/lobby.json: two modules are the instance `a`; give each an `instance` of its own");
}

#[test]
fn all_problems_are_told_at_once() {
    let world = World::with_inputs();
    for (id, settings) in [("one", json!({ "interval": 0, "unti": 1 })), ("two", json!({ "unit": 5 }))] {
        let state = json!({ "modules": [{ "module": "temperature/temperature-logger", "settings": settings }] });
        world.write(&format!("state/configurations/{id}.json"), state.to_string());
    }
    insta::assert_snapshot!(refused(&world, &["generate"]), @r#"
    2 configurations and tags can't be generated; nothing was changed:
    - `temperature/temperature-logger` in configuration `one`: settings are wrong:
      - `/unti`: `unti` is not a setting; did you mean `unit`?
      - `/interval`: Interval (`interval`) must be at least 1 and at most 86400; found 0.
    - `temperature/temperature-logger` in configuration `two`: settings are wrong:
      - `/unit`: Unit (`unit`) must be one of "celsius", "fahrenheit"; found 5.
    With --keep-going, the others are generated and these say why they are not
    "#);
}
