use super::*;

/// The rules of Thymis 0.9's schema, field by field.
#[track_caller]
fn fits_thymis(state: &Value) {
    let text = |value: &Value| assert!(value.is_string(), "{value}");
    let optional = |value: &Value| assert!(value.is_string() || value.is_null(), "{value}");
    assert_eq!(state["version"], "0.0.9");
    for repository in state["repositories"].as_object().unwrap().values() {
        optional(&repository["url"]);
        optional(&repository["follows"]);
        repository["inputs_follows"].as_object().unwrap().values().for_each(text);
        optional(&repository["api_key_secret"]);
        assert!(repository["api_key_secret"].as_str().is_none_or(|id| id.len() == 36));
    }
    for (list, is_tag) in [("tags", true), ("configs", false)] {
        for target in state[list].as_array().unwrap() {
            text(&target["displayName"]);
            text(&target["identifier"]);
            assert_eq!(target["priority"].is_i64(), is_tag);
            assert_eq!(target["tags"].is_array(), !is_tag);
            for module in target["modules"].as_array().unwrap() {
                text(&module["type"]);
                assert!(module["settings"].is_object());
            }
        }
    }
}

/// All files of a project's state.
fn files(world: &World) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["state", "state/configurations", "state/tags"] {
        for entry in fs::read_dir(world.project().join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let path = Path::new(folder).join(entry.file_name());
                found.push((path, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_exported_and_imported_again_is_the_same_project() {
    let odd = json!({ "version": "0.0.9",
        "repositories": { "A.b": { "url": "path:/x", "follows": "c/d", "inputs_follows": { "n": "A.b/n" },
            "api_key_secret": "5f0f5a6e-6a2b-4a55-9f0f-0a1c7d9b4c11" }, "c": { "url": null } },
        "tags": [{ "displayName": "T", "identifier": "T!", "priority": 1, "modules": [{ "type": BASH, "settings": {} }] }],
        "configs": [{ "displayName": "ü", "identifier": "ü", "tags": ["T!"], "modules": [
            { "type": "x.Y", "settings": { "a": [null, ""] } }, { "type": BASH, "settings": { "script": "x", "packages": [] } },
            { "type": "x.Y", "settings": {} }, { "type": BASH, "settings": { "timer_config": {} } }] }] });
    let sample: Value = serde_json::from_str(&fs::read_to_string(sample()).unwrap()).unwrap();
    for state in [odd, sample] {
        let (first, _) = imported(&state);
        let exported = first.thymis(&["export"]).done();
        assert_eq!(exported.stderr, "");
        fits_thymis(&exported.json());
        let (second, report) = imported(&exported.json());
        assert_eq!(files(&second), files(&first));
        assert_eq!((&report["changed"], &report["dropped"], &report["renamed"]), (&json!([]), &json!([]), &json!([])));
        assert_eq!(second.thymis(&["export"]).done().json(), exported.json());
    }
}

#[test]
fn the_sample_comes_back_with_its_classes() {
    let (world, _) = imported(&serde_json::from_str(&fs::read_to_string(sample()).unwrap()).unwrap());
    world.thymis(&["export", "out.json"]).done();
    let state: Value = serde_json::from_str(&world.read("out.json")).unwrap();
    let original: Value = serde_json::from_str(&fs::read_to_string(sample()).unwrap()).unwrap();
    for one in original["configs"].as_array().unwrap() {
        let exported =
            state["configs"].as_array().unwrap().iter().find(|other| other["identifier"] == one["identifier"]);
        let classes = |of: &Value| {
            of["modules"].as_array().unwrap().iter().map(|module| module["type"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(classes(exported.unwrap()), classes(one));
        assert_eq!(exported.unwrap()["tags"], one["tags"]);
    }
    assert_eq!(state["repositories"]["signage"]["api_key_secret"], "5f0f5a6e-6a2b-4a55-9f0f-0a1c7d9b4c11");
}

#[test]
fn modules_that_thymis_cannot_read_are_named() {
    let (world, _) = imported(&newest(json!([])));
    let modules = json!({ "modules": [{ "module": "sensors/heat", "settings": { "a": 1 } }] });
    world.write("state/configurations/a.json", modules.to_string());
    let exported = world.thymis(&["export"]).done();
    assert!(exported.stderr.contains("`sensors/heat`, used by configuration `a`"), "{}", exported.stderr);
    fits_thymis(&exported.json());
    let (again, _) = imported(&exported.json());
    assert_eq!(state(&again, "state/configurations/a.json")["modules"], modules["modules"]);
}

#[test]
fn what_thymis_would_ignore_is_told() {
    let world = World::empty();
    let old = old(&world, &newest(json!([configuration("a", json!([]))])));
    init(&world, &old).done();
    let timer = json!({ "timer_type": "monotonic", "on_active_sec": "1min" });
    let modules = json!([
        { "module": "thymis/networking", "settings": { "wifi_ssid": "x", "wifi_password_secret": "wifi" } },
        { "module": "thymis/bash", "settings": { "timer_config": timer } },
    ]);
    world.write("state/configurations/a.json", json!({ "modules": modules }).to_string());
    let said = world.thymis(&["export"]).done().stderr;
    for setting in ["wifi_password_secret", "on_active_sec"] {
        assert!(said.contains("Thymis 0.9 ignores configuration `a`") && said.contains(setting), "{said}");
    }
}
