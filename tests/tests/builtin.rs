//! A module is the same module wherever it runs: linked into the program or compiled to a component, built here or there,
//! and its answers are those that Thymis 0.9 gave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use serde_json::{Map, Value, json};
use thymis_controller::{
    module::{Module, Native},
    project::{Catalogue, Generator, Host, Parsed, State},
};
use thymis_core::{
    digest::Digest,
    grant::Lock,
    state::{Configuration, Project, Tag},
    wire,
};
use thymis_sandbox::{Limits, Sandbox};
use thymis_tests::{Fixtures, Lib, Nix};

use common::{Thymis, checkout, component, standalone};

/// The same crate twice.
struct Pair {
    native: Module,
    isolated: Module,
    name: &'static str,
}

impl Pair {
    fn of(name: &'static str, native: thymis_sdk::Component) -> Self {
        let sandbox = Sandbox::new(Limits::default(), None).unwrap();
        let bytes = fs::read(component(name)).unwrap();
        Self {
            native: Module::Native(Native::new(native, Limits::default())),
            isolated: Module::Component(sandbox.load(&bytes, false).unwrap()),
            name,
        }
    }

    /// Both answer alike; what they answer.
    fn ask(&self, request: &wire::Request) -> wire::Answer {
        let native = self.native.generate(request).unwrap().answer;
        assert_eq!(native, self.isolated.generate(request).unwrap().answer, "{request:?}");
        native
    }

    fn set(&self, settings: impl ToString + Clone) -> wire::Answer {
        let _ = self.ask(&request(self.name, settings.clone(), wire::TargetKind::Tag, None));
        self.ask(&request(self.name, settings, wire::TargetKind::Configuration, Some("https://controller.example.org")))
    }

    fn describe_and_migrate_alike(&self) {
        assert_eq!(self.native.describe().unwrap(), self.isolated.describe().unwrap());
        for (name, version, settings) in [
            (self.name, 0, r#"{"a":[1,null,"ü\u0001"],"b":1e300}"#),
            (self.name, 7, "[]"),
            (self.name, 1, "{"),
            ("other", 1, "{}"),
        ] {
            let native = self.native.migrate(name, version, settings).unwrap();
            assert_eq!(native, self.isolated.migrate(name, version, settings).unwrap(), "{name} {version} {settings}");
        }
    }

    /// Settings that the host would have refused, and requests that it doesn't make.
    fn nonsense_is_answered_alike(&self) {
        let deep = "[".repeat(300);
        for settings in [
            "",
            "{",
            "null",
            "[]",
            "3",
            r#""text""#,
            "{\"x\":1,\"x\":2}",
            "1e999",
            "{\"device_name\":\"\\ud800\"}",
            &deep,
        ] {
            assert!(self.set(settings).is_err() || settings.starts_with("{\"x"), "{settings}");
        }
        let unknown = request("no-such-module", json!({}), wire::TargetKind::Configuration, None);
        assert!(self.ask(&unknown).is_err());
        let mut context = request(self.name, json!({}), wire::TargetKind::Configuration, Some("\"\\\u{202e}${x}\n"));
        context.context.push(wire::Extra { key: "from-the-future".to_owned(), value: "not JSON".to_owned() });
        let _ = self.ask(&context);
    }
}

fn request(name: &str, settings: impl ToString, kind: wire::TargetKind, url: Option<&str>) -> wire::Request {
    let of_configuration = |text: &str| (kind == wire::TargetKind::Configuration).then(|| text.to_owned());
    wire::Request {
        name: name.to_owned(),
        instance: name.to_owned(),
        settings: settings.to_string(),
        target: wire::Target {
            kind,
            id: "target".to_owned(),
            device_type: of_configuration("generic-x86_64"),
            system: of_configuration("x86_64-linux"),
        },
        context: url
            .map(|url| wire::Extra { key: "controller-url".to_owned(), value: Value::from(url).to_string() })
            .into_iter()
            .collect(),
    }
}

/// What people paste into fields.
const TEXTS: [&str; 9] = [
    "",
    " ",
    "plain",
    "q\"u'o`t\\e ${x} ''${y} $${z}",
    "line\nline\r\n\ttab\u{0}\u{1b}[31m",
    "/nix/store/aaaa",
    "ünï©ødé 𝕏 \u{202e}\u{feff}",
    "true",
    "{\"_type\":\"override\"}",
];

#[test]
fn the_device_is_the_same_native_and_isolated() {
    let pair = Pair::of("device", thymis_module_device::thymis_modules());
    pair.describe_and_migrate_alike();
    pair.nonsense_is_answered_alike();

    let types = ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "generic-x86_64", "generic-aarch64"];
    let formats = ["", "sd-card-image", "usb-stick-installer", "qcow", "nixos-vm"];
    let or_none = |values: &[&'static str]| -> Vec<Option<&'static str>> {
        values.iter().copied().map(Some).chain([None]).collect()
    };
    for device_type in or_none(&types) {
        for image_format in or_none(&formats) {
            for version in [None, Some("25.11")] {
                let mut settings = json!({});
                let values =
                    [("device_type", device_type), ("image_format", image_format), ("nix_state_version", version)];
                for (key, value) in values {
                    if let Some(value) = value {
                        settings[key] = value.into();
                    }
                }
                assert!(pair.set(&settings).is_ok(), "{settings}");
            }
        }
    }
    for text in TEXTS {
        assert!(pair.set(json!({ "device_name": text, "agent_controller_url": text })).is_ok());
        // No choice: the module's own problems, the same in both.
        let problems = pair.set(json!({ "device_type": text, "image_format": [text], "device_name": 1 })).unwrap_err();
        assert!(problems.len() >= 3, "{problems:?}");
    }
}

#[test]
fn the_temperature_logger_is_the_same_native_and_isolated() {
    let pair = Pair::of("temperature-logger", temperature_logger::thymis_modules());
    pair.describe_and_migrate_alike();
    pair.nonsense_is_answered_alike();
    for text in TEXTS {
        let _ = pair.set(json!({ "log_file": text, "interval": 1, "unit": "celsius" }));
        let _ = pair.set(json!({ "log_file": format!("/var/{text}"), "interval": 86_400, "unit": "fahrenheit" }));
    }
    for interval in [json!(0), json!(-1), json!(u64::MAX), json!(1.5), json!(1e300), json!("60"), json!(null)] {
        assert!(pair.set(json!({ "log_file": "/a", "interval": interval, "unit": "kelvin" })).is_err());
    }
}

#[test]
fn the_web_app_is_the_same_native_and_isolated() {
    let pair = Pair::of("web-app", web_app::thymis_modules());
    pair.describe_and_migrate_alike();
    pair.nonsense_is_answered_alike();
    for text in TEXTS {
        for open in [true, false] {
            assert!(pair.set(json!({ "greeting": text, "port": 8080, "open_firewall": open })).is_ok());
        }
    }
    for port in [json!(0), json!(65_535), json!(65_536), json!(-1), json!("80")] {
        let _ = pair.set(json!({ "greeting": "x", "port": port, "open_firewall": true }));
    }
}

/// Nobody has to trust whoever built it: the same sources give the same bytes, which tell nothing of the builder's machine.
#[test]
fn a_component_is_the_same_bytes_wherever_it_is_built() {
    let world = tempfile::TempDir::new().unwrap();
    let places = ["here", "some/other place/deeper"].map(|place| world.path().join(place));
    let built = places.each_ref().map(|place| {
        standalone("temperature-logger", place);
        let built = Thymis::new(world.path()).json(&["module", "build", place.to_str().unwrap()]);
        let bytes = fs::read(place.join("modules/temperature_logger.wasm")).unwrap();
        assert_eq!(built["digest"], json!(Digest::of(&bytes)));
        bytes
    });
    assert!(built[0] == built[1], "built in two folders, the component differs");

    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let of_machine = [Path::new(&home), Path::new(&cargo), checkout(), world.path()];
    for bytes in [&built[0], &fs::read(component("device")).unwrap()] {
        for path in of_machine {
            let path = format!("{}/", path.display());
            let found = bytes.windows(path.len()).position(|window| window == path.as_bytes());
            let told = found.map(|at| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 120)]).into_owned());
            assert_eq!(told, None, "{path} stands in a component");
        }
    }
}

#[test]
fn the_device_gives_the_values_of_thymis() {
    let golden: Value =
        serde_json::from_slice(&fs::read(Fixtures::folder().join("golden-device.json")).unwrap()).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let host = Host::with_cache(folder.path()).unwrap();
    let mut project = Project::new();
    project.controller_url = Some(golden["controller-url"].as_str().unwrap().to_owned());
    let catalogue = Catalogue::load(&host, &project, &Lock::new()).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let mut state = State {
            project: Arc::new(project.clone()),
            configurations: Default::default(),
            tags: Default::default(),
            files: Default::default(),
        };
        for module in case["modules"].as_array().unwrap() {
            let mut target = json!({ "modules": [{ "module": "thymis/device", "settings": module["settings"] }] });
            let id = module["identifier"].as_str().unwrap();
            if module["target"] == "tag" {
                target["priority"] = module["priority"].clone();
                let tag: Tag = serde_json::from_value(target).unwrap();
                state.tags.insert(id.parse().unwrap(), parsed(tag));
            } else {
                let configuration: Configuration = serde_json::from_value(target).unwrap();
                state.configurations.insert(id.parse().unwrap(), parsed(configuration));
            }
        }
        let generation = Generator::new().generate(&state, &catalogue, &BTreeSet::new());
        assert!(generation.failures.is_empty(), "{}: {:?}", case["id"], generation.failures);
        let files: Vec<_> = generation
            .files
            .iter()
            .filter(|(path, _)| path.ends_with(".nix"))
            .map(|(path, text)| Nix::shared().file(&format!("{}/{path}", case["id"].as_str().unwrap()), text))
            .collect();
        for lib in [Lib::Small, Lib::Real] {
            let Some(values) = evaluated(lib, &files) else { continue };
            assert_eq!(values, case["expected"], "{} with {lib:?}", case["id"]);
        }
    }
}

fn parsed<T>(value: T) -> Parsed<T> {
    Parsed { value: Arc::new(value), digest: Digest::of(b"") }
}

/// Values and imports of generated files, with modules of `inputs` that only tell their names.
fn evaluated(lib: Lib, files: &[std::path::PathBuf]) -> Option<Value> {
    let nixos = Fixtures::nixos(lib, "golden values of the built-in device")?;
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let text = format!(
        "let
          inherit ({nixos}) nixosSystem;
          golden = builtins.fromJSON (builtins.readFile {});
          names = builtins.concatMap (case: case.expected.imports) golden.cases;
          recorded = name: {{ name = builtins.substring 27 (-1) name; value = {{ recorded = [ name ]; }}; }};
          inputs.thymis.nixosModules = builtins.listToAttrs (map recorded names);
        in (nixosSystem {{ modules = [ {} ]; specialArgs = {{ inherit inputs; }}; }}).values",
        Fixtures::folder().join("golden-device.json").display(),
        files.join(" ")
    );
    let mut values = match Nix::shared().eval(&text).unwrap() {
        Value::Object(values) => values,
        other => panic!("{other}"),
    };
    let mut imports: Vec<String> =
        values.remove("recorded").map(|names| serde_json::from_value(names).unwrap()).unwrap_or_default();
    imports.sort();
    // What the fixture says by itself.
    values.remove("nixpkgs");
    if let Some(Value::Object(system)) = values.get_mut("system") {
        system.remove("build");
    }
    values.retain(|_, value| *value != Value::Object(Map::new()));
    Some(json!({ "options": values, "imports": imports }))
}
