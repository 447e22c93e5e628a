//! A module is the same module wherever it runs: linked into the program or compiled to a component, built here or there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{fs, path::Path};

use serde_json::{Value, json};
use thymis_controller::module::{Module, Native};
use thymis_core::{digest::Digest, schema::Descriptor, wire};
use thymis_sandbox::{Limits, Sandbox};

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
        let folder = if BUILT_IN.contains(&name) { format!("built-in/{name}") } else { name.to_owned() };
        let bytes = fs::read(component(&folder)).unwrap();
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
        assert_eq!(self.native.describe().unwrap().answer, self.isolated.describe().unwrap().answer);
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

/// Samples of settings for each module.
const SAMPLES: usize = 400;

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

const BUILT_IN: [&str; 10] = [
    "bash",
    "containers",
    "custom-nix",
    "device",
    "files",
    "kiosk",
    "localization",
    "networking",
    "python",
    "security",
];

fn native(name: &str) -> thymis_sdk::Component {
    match name {
        "bash" => thymis_module_bash::thymis_modules(),
        "containers" => thymis_module_containers::thymis_modules(),
        "custom-nix" => thymis_module_custom_nix::thymis_modules(),
        "device" => thymis_module_device::thymis_modules(),
        "files" => thymis_module_files::thymis_modules(),
        "kiosk" => thymis_module_kiosk::thymis_modules(),
        "localization" => thymis_module_localization::thymis_modules(),
        "networking" => thymis_module_networking::thymis_modules(),
        "python" => thymis_module_python::thymis_modules(),
        "security" => thymis_module_security::thymis_modules(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_built_in_module_is_the_same_native_and_isolated() {
    for name in BUILT_IN {
        let pair = Pair::of(name, native(name));
        pair.describe_and_migrate_alike();
        pair.nonsense_is_answered_alike();
        let descriptors = Descriptor::check_all(pair.native.describe().unwrap().answer).unwrap();
        let [descriptor] = descriptors.as_slice() else { panic!("{name} has {} modules", descriptors.len()) };
        assert_eq!(descriptor.name.as_str(), name);
        let mut asked = 0;
        for sample in descriptor.settings.samples(SAMPLES).list {
            // What the host refuses never gets there; what it accepts has its defaults and handles.
            if let Ok(settings) = descriptor.settings.validate(&sample.settings, sample.target) {
                let _ = pair.set(settings.json());
                asked += 1;
            }
        }
        assert!(asked > 5, "{name}: {asked}");
        for text in TEXTS {
            let every = descriptor.settings.settings().map(|setting| (setting.key.clone(), Value::from(text)));
            let _ = pair.set(Value::Object(every.collect()));
        }
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
    for bytes in [&built[0], &fs::read(component("built-in/device")).unwrap()] {
        for path in of_machine {
            let path = format!("{}/", path.display());
            let found = bytes.windows(path.len()).position(|window| window == path.as_bytes());
            let told = found.map(|at| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 120)]).into_owned());
            assert_eq!(told, None, "{path} stands in a component");
        }
    }
}
