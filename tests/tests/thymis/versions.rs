use super::*;

/// The same project as each version stores it.
fn stored(version: usize) -> Value {
    let typed = |value: Value| if version < 6 { json!({ "type": "string", "value": value }) } else { value };
    let package = match version {
        1 => "app.models.modules.thymis",
        2..6 => "thymis_controller.models.modules.thymis",
        _ => "thymis_controller.modules.thymis",
    };
    let device = format!("{package}.ThymisDevice");
    let modules = |settings: Value| {
        let mut settings: serde_json::Map<String, Value> =
            settings.as_object().unwrap().iter().map(|(key, value)| (key.clone(), typed(value.clone()))).collect();
        let mut modules = Vec::new();
        if let Some(timezone) = settings.remove("timezone").filter(|_| version >= 9) {
            let class = "thymis_controller.modules.localization.LocalizationModule";
            modules.push(json!({ "type": class, "settings": { "timezone": timezone } }));
        } else if version < 9 {
            settings.insert("timezone".to_owned(), typed(json!("Europe/Berlin")));
        }
        modules.insert(0, json!({ "type": device, "settings": settings }));
        Value::from(modules)
    };
    let mut tag = json!({ "priority": 90, "modules": [] });
    let mut config = json!({ "displayName": "Front Door",
        "modules": modules(json!({ "device_name": "front", "timezone": "Europe/Berlin" })) });
    tag[if version == 1 { "name" } else { "displayName" }] = json!("All Doors");
    config["tags"] = json!([if version < 5 { "All Doors" } else { "all-doors" }]);
    if version > 1 {
        tag["identifier"] = json!("all-doors");
        config["identifier"] = json!("front-door");
    }
    if version < 7 {
        config[if version == 1 { "hostname" } else { "targetHost" }] = json!("10.0.0.7");
    }
    let mut state = json!({ "version": format!("0.0.{version}"), "tags": [tag] });
    state[if version < 8 { "devices" } else { "configs" }] = json!([config]);
    if version > 2 {
        state["repositories"] = json!({ "own": { "url": "git+https://git.example.org/own" } });
    }
    if version > 3 {
        state["repositories"]["own"]["inputs_follows"] = json!({});
    }
    state
}

#[test]
fn every_version_becomes_the_same_project() {
    let of = |version| {
        let (world, report) = imported(&stored(version));
        assert_eq!(report["version"], format!("0.0.{version}"));
        let dropped = report["dropped"].as_array().unwrap();
        assert_eq!(dropped.len(), usize::from(version < 7), "{version}: {dropped:?}");
        let configuration = state(&world, "state/configurations/front-door.json");
        assert_eq!(configuration["tags"], json!(["all-doors"]), "{version}");
        assert_eq!(configuration["display-name"], "Front Door");
        assert_eq!(configuration["modules"][0]["settings"], json!({ "device_name": "front" }), "{version}");
        let inputs = state(&world, "state/project.json")["inputs"].as_object().unwrap().len();
        assert_eq!(inputs, usize::from(version > 2));
        (configuration, state(&world, "state/tags/all-doors.json"))
    };
    let newest = of(9);
    assert_eq!(newest.0["modules"][1]["module"], "thymis/localization");
    for version in 1..9 {
        assert_eq!(of(version), newest, "0.0.{version}");
    }
}
