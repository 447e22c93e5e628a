use super::*;

#[test]
fn the_sample_is_taken_over_and_all_but_the_unknown_module_is_generated() {
    let world = World::empty();
    let report = init(&world, &sample()).done().json()["report"].clone();
    for (what, count) in [("configurations", 3), ("tags", 3), ("inputs", 2), ("artifacts", 0), ("modules", 13)] {
        assert_eq!(report[what], count, "{what}");
    }
    let class = "temperature_logger.temperature_logger.TemperatureLoggerModule";
    assert_eq!(report["missing-modules"], json!([{ "module": class, "used-by": ["configuration `greenhouse`"] }]));
    let secrets: Vec<&str> =
        report["secrets"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(secrets.contains(&"5f0f5a6e-6a2b-4a55-9f0f-0a1c7d9b4c11"), "{secrets:?}");
    assert_eq!(report["missing-repositories"], json!([]));

    let project = state(&world, "state/project.json");
    assert_eq!(project["inputs"]["signage"]["url"], "git+https://github.com/acme/signage?ref=v2");
    assert_eq!(project["inputs"]["temperature"]["url"], "git+https://git.example.org/acme/temperature-logger");
    assert_eq!(project["thymis-repositories"]["temperature"]["inputs-follows"]["nixpkgs"], "nixpkgs");
    let greenhouse = state(&world, "state/configurations/greenhouse.json");
    assert_eq!(greenhouse["display-name"], "Greenhouse");
    let modules: Vec<&Value> = greenhouse["modules"].as_array().unwrap().iter().map(|one| &one["module"]).collect();
    assert_eq!(modules, ["thymis/device", "thymis/bash", "thymis/python", class]);
    assert_eq!(greenhouse["modules"][3]["settings"], json!({ "log_file": "/var/log/temps.log", "interval": 120 }));
    let lobby = state(&world, "state/configurations/lobby-display.json");
    assert_eq!(lobby["tags"], json!(["display", "core", "location-a"]));
    assert_eq!(state(&world, "state/tags/location-a.json")["priority"], 100);

    fs::create_dir(world.project().join("artifacts")).unwrap();
    world.write("artifacts/nginx.conf", "events {}\n");
    let said = world.thymis(&["generate"]).refused();
    assert!(said.contains("configuration `greenhouse`: no module here was `temperature_logger.temperature"), "{said}");
    assert!(said.contains("thymis input add"), "{said}");
    let generated = world.thymis(&["generate", "--keep-going", "--json"]).done().json();
    let of_greenhouse = generated["failures"]["configuration `greenhouse`"].to_string();
    assert!(of_greenhouse.contains(class), "{generated}");
    for host in ["lobby-display", "edge-server", "greenhouse"] {
        assert!(world.project().join(format!("hosts/{host}.nix")).exists(), "{host}");
    }
    let said = world.thymis(&["why", "greenhouse", "networking.hostName"]).refused();
    assert!(said.contains(class), "{said}");
    world.thymis(&["modules"]).done();
    world.thymis(&["commit", "--message", "Taken over"]).done();
}

#[test]
fn people_read_what_became_of_their_project() {
    let world = World::empty();
    let old = old(
        &world,
        &json!({ "version": "0.0.9", "tags": [], "repositories": {
            "My.Repo": { "url": "hg+https://example.org/x" } },
        "configs": [configuration("kiosk.berlin", json!([{ "type": "a.b.C", "settings": {} }]))] }),
    );
    let said =
        world.thymis_in(world.path(), &["init", "project", "--from-thymis", old.to_str().unwrap()]).done().stdout;
    for part in [
        "1 configuration, 0 tags",
        "configuration `kiosk.berlin` is `kiosk-berlin`",
        "input `My.Repo` is `my-repo`",
        "a.b.C, used by configuration `kiosk-berlin`",
        "my-repo: ",
        "thymis generate --keep-going --controller-url",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn built_in_modules_alone_need_no_inputs_and_the_controllers_url_is_kept() {
    let device = json!([{ "type": DEVICE, "settings": { "device_type": "raspberry-pi-4", "device_name": "" } }]);
    let (world, report) = imported(&newest(json!([configuration("alpha", device)])));
    assert_eq!(report["modules"], 1);
    let project = world.project();
    let url = "https://controller.example.org";
    let generate = ["generate", "--project", project.to_str().unwrap(), "--controller-url", url];
    world.thymis_in(world.path(), &generate).done();
    assert!(world.read("hosts/alpha.nix").contains(url));
    assert_eq!(state(&world, "state/project.json")["controller-url"], url);
    world.thymis(&["generate", "--check"]).done();
    world.thymis(&["commit", "--message", "First"]).done();

    for bad in ["controller.example.org", "https://", "https:///x", "ftp://x", "https://a b", "https://a\n"] {
        assert_eq!(world.thymis(&["generate", "--controller-url", bad]).code, 2, "{bad}");
    }
    // What is refused changes nothing, the address neither.
    world.write("state/configurations/beta.json", json!({ "modules": [{ "module": "a.b.C" }] }).to_string());
    world.thymis(&["generate", "--controller-url", "https://other.example.org"]).refused();
    assert_eq!(state(&world, "state/project.json")["controller-url"], url);
}

#[test]
fn identifiers_are_made_valid_and_what_names_them_follows() {
    let tag = |identifier: &str, priority: i64| json!({ "displayName": identifier, "identifier": identifier, "priority": priority, "modules": [] });
    let mut berlin = configuration("kiosk.berlin", json!([]));
    berlin["tags"] = json!(["Über.all", "über-all", "gone", "Über.all"]);
    let state_ = json!({ "version": "0.0.9", "repositories": {},
        "tags": [tag("Über.all", 5000), tag("über-all", 20)],
        "configs": [berlin, configuration("kiosk-berlin", json!([])), configuration("../../x", json!([])), configuration("self", json!([]))] });
    let (world, report) = imported(&state_);
    assert_eq!(state(&world, "state/configurations/kiosk-berlin-2.json")["tags"], json!(["ueber-all", "ueber-all-2"]));
    assert_eq!(state(&world, "state/configurations/kiosk-berlin-2.json")["display-name"], "kiosk.berlin");
    assert_eq!(state(&world, "state/tags/ueber-all.json")["priority"], 999);
    assert_eq!(state(&world, "state/tags/ueber-all-2.json")["priority"], 51);
    for id in ["kiosk-berlin", "x", "self-2"] {
        assert!(world.project().join(format!("state/configurations/{id}.json")).exists(), "{id}");
    }
    assert_eq!(report["renamed"].as_array().unwrap().len(), 5);
    assert_eq!(report["changed"].as_array().unwrap().len(), 2);
    let dropped: Vec<&str> =
        report["dropped"].as_array().unwrap().iter().map(|one| one["why"].as_str().unwrap()).collect();
    assert_eq!(dropped, ["there is no such tag", "it is listed twice"]);
    world.thymis(&["generate"]).done();
    assert!(world.project().join("hosts/kiosk-berlin-2.nix").exists());
}

#[test]
fn a_module_that_is_used_twice_gets_instances() {
    let script = |text: &str| json!({ "type": BASH, "settings": { "script": text } });
    let missing = json!({ "type": "x.y.SomeThingModule", "settings": { "a": null } });
    let modules = json!([script("one"), missing, script("two"), missing, script("three")]);
    let (world, _) = imported(&newest(json!([configuration("a", modules)])));
    let modules = state(&world, "state/configurations/a.json")["modules"].clone();
    let instances: Vec<&Value> = modules.as_array().unwrap().iter().map(|one| &one["instance"]).collect();
    assert_eq!(json!(instances), json!([null, null, "bash-2", "some-thing-2", "bash-3"]));
    assert_eq!(modules[1]["settings"], json!({ "a": null }), "what nobody knows is kept as it is");
    assert_eq!(modules[4]["settings"]["script"], "three");
}

#[test]
fn classes_in_a_state_stand_for_modules() {
    let (world, _) = imported(&newest(json!([configuration("a", json!([]))])));
    let device = json!({ "module": DEVICE, "settings": { "device_type": "raspberry-pi-4" } });
    world.write("state/configurations/a.json", json!({ "modules": [device] }).to_string());
    world.thymis(&["generate"]).done();
    assert!(world.read("hosts/a.nix").contains("thymis/device"));
    let again = json!({ "module": "thymis/device", "settings": {} });
    world.write("state/configurations/a.json", json!({ "modules": [device, again] }).to_string());
    assert!(world.thymis(&["generate"]).refused().contains("used 2 times"));
    let bash = [json!({ "module": BASH }), json!({ "module": "thymis/bash" })];
    world.write("state/configurations/a.json", json!({ "modules": bash }).to_string());
    world.thymis(&["generate"]).refused();
}

#[test]
fn repositories_become_inputs_or_are_kept() {
    let key = "5f0f5a6e-6a2b-4a55-9f0f-0a1c7d9b4c11";
    let repositories = json!({
        "thymis": { "url": "github:thymis-io/thymis/v0.9" },
        "nixpkgs": { "url": null, "follows": "thymis/nixpkgs" },
        "Other.One": { "url": "git+https://user:hunter2@git.example.org/x.git", "inputs_follows": { "nixpkgs": "nixpkgs" } },
        "Nix.Pkgs": { "url": "hg+https://example.org/y", "api_key_secret": key, "follows": "Other.One/z" },
        "gl": { "url": "gitlab:group%2Fsub/name/main", "api_key_secret": "the-token-itself" },
        "archive": { "url": "https://example.org/x.tar.gz" },
        "none": {},
    });
    let (world, report) = imported(&json!({ "version": "0.0.9", "repositories": repositories }));
    let text = world.read("state/project.json");
    assert!(!text.contains("hunter2") && !text.contains("the-token-itself"), "{text}");
    assert!(!report.to_string().contains("hunter2") && !report.to_string().contains("the-token-itself"), "{report}");
    let project = state(&world, "state/project.json");
    let urls: Vec<(&str, &str)> = project["inputs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, input)| (name.as_str(), input["url"].as_str().unwrap()))
        .collect();
    assert_eq!(
        urls,
        [
            ("gl", "git+https://gitlab.com/group/sub/name?ref=main"),
            ("other-one", "git+https://git.example.org/x.git"),
            ("thymis", "git+https://github.com/thymis-io/thymis?ref=v0.9"),
        ]
    );
    let kept = &project["thymis-repositories"];
    assert_eq!(
        kept["nix-pkgs"],
        json!({ "url": "hg+https://example.org/y", "follows": "other-one/z", "api-key-secret": key })
    );
    assert_eq!(kept["nixpkgs"], json!({ "follows": "thymis/nixpkgs" }));
    let missing: Vec<&str> =
        report["missing-repositories"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(missing.len(), 4, "{missing:?}");
    assert_eq!(report["secrets"], json!([{ "id": key, "used-by": ["input `nix-pkgs`"] }]));
    world.thymis(&["generate"]).done();
    world.thymis(&["input", "remove", "other-one"]).done();
    assert!(state(&world, "state/project.json")["thymis-repositories"].get("other-one").is_none());
}

#[test]
fn settings_are_told_where_they_changed() {
    let device = json!([{ "type": DEVICE, "settings": { "device_name": null, "hostname": "x", "device_type": "" } }]);
    let (world, report) = imported(&newest(json!([configuration("a", device)])));
    let modules = state(&world, "state/configurations/a.json")["modules"].clone();
    assert_eq!(modules[0]["settings"], json!({}));
    assert_eq!(report["dropped"][0]["place"], "configuration `a`, `thymis/device`, setting `/hostname`");
}
