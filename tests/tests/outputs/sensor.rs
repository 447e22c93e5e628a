use serde_json::{Value, json};
use thymis_core::wire;
use thymis_tests::{Answer, guest::Guest};

pub(crate) const MANIFEST: &str = r#"manifest = 1

[repository]
name = "sensor"
version = "1.0.0"
description = "Measures"

[[device-type]]
id = "probe"
label = "Probe"
system = "aarch64-linux"
output = "nixosModules.probe"
image-formats = ["sd-card-image"]

[[component]]
file = "modules/sensor.wasm"
wit = "0.1"

[[component.permission]]
kind = "option"
value = "services.sensor"
reason = "Is what it is for."

[[component.permission]]
kind = "output"
value = "packages.full"
reason = "Measures everything."

[[component.permission]]
kind = "output"
value = "packages.lite"
reason = "Measures a little."

[[component.permission]]
kind = "output"
value = "nixosModules.service"
reason = "Runs it."
"#;

/// A module whose setting `flavour` chooses what it takes from its flake: the package `full` or `lite`, or the NixOS
/// module `service`.
pub(crate) fn guest() -> Vec<u8> {
    let choice = |value: &str| wire::Choice { value: value.into(), label: vec![] };
    let shape = |shape| wire::SettingType { shape, constraints: vec![] };
    let flavour = wire::Setting {
        key: "flavour".into(),
        type_: 0,
        label: vec![],
        description: vec![],
        required: false,
        default: Some("\"full\"".into()),
        example: None,
        conditions: vec![],
        extra: vec![],
    };
    let descriptor = wire::Descriptor {
        name: "sensor".into(),
        schema_version: 1,
        label: vec![],
        description: vec![],
        category: vec![],
        types: vec![
            shape(wire::Shape::Select(["full", "lite", "service"].map(choice).into())),
            shape(wire::Shape::Group(vec![flavour])),
        ],
        settings: 1,
        extra: vec![],
    };
    let package = |name: &str| {
        let mut answer = Answer::default();
        let package = answer.reference("output", &["packages", name]);
        answer.define(&["services", "sensor", "package"], package, wire::Strength::Override);
        wire::Answer::Ok(answer.0)
    };
    let mut service = Answer::default();
    let module = service.reference("output", &["nixosModules", "service"]);
    service.0.imports.push(module);
    let mut guest = Guest::describing(&[descriptor]);
    let [full, lite] = ["full", "lite"].map(|name| guest.value(&package(name)));
    let service = guest.value(&wire::Answer::Ok(service.0));
    // `{"flavour":"` is twelve bytes long.
    let letter = "(i32.load8_u offset=12 (i32.load offset=16 (local.get $request)))";
    let is = |first: char| format!("(i32.eq {letter} (i32.const {}))", u32::from(first));
    let (is_full, is_lite) = (is('f'), is('l'));
    let generate = format!(
        "(if (result i32) {is_full} (then {full}) (else (if (result i32) {is_lite} (then {lite}) (else {service}))))"
    );
    guest.generate(generate).component()
}

/// A use of it.
pub(crate) fn sensor(flavour: &str) -> Value {
    json!({ "module": "sensor/sensor", "settings": { "flavour": flavour } })
}

/// Both packages on both systems.
pub(crate) const COMPLETE: &str = r#"{
  packages = builtins.listToAttrs (map (name: { inherit name; value = { full = "full on ${name}"; lite = "lite on ${name}"; }; }) [ "x86_64-linux" "aarch64-linux" ]);
  nixosModules.service = { services.sensor.enable = true; };
  nixosModules.probe = { hardware.deviceType = "probe"; };
}"#;
