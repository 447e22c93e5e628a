//! `thymis modules`, with the modules of the program and real components.

use std::fs;

use serde_json::Value;
use thymis_tests::{Fixtures, Program, World};

use crate::json_schema::validator;

#[test]
fn the_program_prints_the_schema_of_every_module() {
    let world = World::with_inputs();
    let all = world.thymis(&["modules", "--schema"]).done().json();
    validator(&all);
    let schemas = all["$defs"].as_object().unwrap();
    for id in ["thymis/device", "temperature/temperature-logger", "web/web-app"] {
        let mut one = world.thymis(&["modules", "--schema", id]).done().json();
        let device_types = one.as_object_mut().unwrap().remove("x-thymis-device-types").unwrap();
        assert_eq!(device_types["raspberry-pi-4"]["system"], "aarch64-linux");
        assert_eq!(device_types, all["x-thymis-device-types"]);
        assert_eq!(one, schemas[id]);
        assert_eq!(one["$id"], format!("urn:thymis:module:{id}"));
    }
    let mut defaults = 0;
    for (id, schema) in schemas {
        validator(schema);
        for (key, property) in schema["properties"].as_object().unwrap() {
            if let Some(default) = property.get("default") {
                defaults += 1;
                assert_ne!(*default, Value::Null, "{id} {key}");
            }
        }
    }
    assert!(defaults > 5);

    // What the tests' own project stores fulfils them.
    let mut checked = 0;
    for folder in ["configurations", "tags"] {
        for file in fs::read_dir(Fixtures::folder().join("project/state").join(folder)).unwrap() {
            let state: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
            for module in state["modules"].as_array().unwrap() {
                let schema = &schemas[module["module"].as_str().unwrap()];
                if let Err(error) = validator(schema).validate(&module["settings"]) {
                    panic!("{module:#} {error}");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 5);
}

#[test]
fn modules_are_shown_in_the_language_of_the_environment() {
    let world = World::with_inputs();
    let shown = |locale: &str| {
        let mut command = Program::command(&world.home());
        let output = command.env("LANG", locale).args(["modules", "thymis/device"]).current_dir(world.project());
        String::from_utf8(output.output().unwrap().stdout).unwrap()
    };
    let schema = world.thymis(&["modules", "--schema", "thymis/device"]).done().json();
    let label = |locale: &str| {
        let mut properties = schema["properties"].as_object().unwrap().values();
        properties.find_map(|property| property["x-thymis-title"].get(locale)).and_then(Value::as_str)
    };
    let english = label("en").unwrap();
    assert!(shown("C.UTF-8").contains(english) && shown("").contains(english));
    if let Some(german) = label("de") {
        assert!(shown("de_DE.UTF-8").contains(german));
    }
}
