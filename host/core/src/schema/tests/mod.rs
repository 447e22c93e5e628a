//! A small language to write tables in, and what is tested with it.

mod descriptors;
mod difference;
mod json_schema;
mod properties;
mod settings;

use serde_json::{Value, json};

use super::*;
use crate::wire::{self, TargetKind};

fn text(text: &str) -> wire::Localized {
    vec![wire::Translation { locale: "en".to_owned(), text: text.to_owned() }]
}

fn extras(value: Value) -> Vec<wire::Extra> {
    let entries = value.as_object().unwrap().iter();
    entries.map(|(key, value)| wire::Extra { key: key.clone(), value: value.to_string() }).collect()
}

fn setting(key: &str, type_: u32) -> wire::Setting {
    wire::Setting {
        key: key.to_owned(),
        type_,
        label: Vec::new(),
        description: Vec::new(),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    }
}

trait Build: Sized {
    fn with(self, change: impl FnOnce(&mut wire::Setting)) -> wire::Setting;
    fn required(self) -> wire::Setting {
        self.with(|setting| setting.required = true)
    }
    fn default(self, value: Value) -> wire::Setting {
        self.with(|setting| setting.default = Some(value.to_string()))
    }
    fn label(self, label: &str) -> wire::Setting {
        self.with(|setting| setting.label = text(label))
    }
    fn when(self, effect: wire::Effect, tests: &[(&str, Value)]) -> wire::Setting {
        let test = |(setting, value): &(&str, Value)| wire::Test {
            setting: (*setting).to_owned(),
            any_of: vec![value.to_string()],
        };
        self.with(|setting| setting.conditions.push(wire::Condition { when: tests.iter().map(test).collect(), effect }))
    }
    fn visible(self, subject: &str, value: Value) -> wire::Setting {
        self.when(wire::Effect::Visible, &[(subject, value)])
    }
}

impl Build for wire::Setting {
    fn with(mut self, change: impl FnOnce(&mut wire::Setting)) -> wire::Setting {
        change(&mut self);
        self
    }
}

#[derive(Default)]
struct Types(Vec<wire::SettingType>);

impl Types {
    fn add(&mut self, shape: wire::Shape, constraints: Value) -> u32 {
        self.0.push(wire::SettingType { shape, constraints: extras(constraints) });
        (self.0.len() - 1) as u32
    }
    fn scalar(&mut self, kind: &str) -> u32 {
        self.limited(kind, json!({}))
    }
    fn limited(&mut self, kind: &str, constraints: Value) -> u32 {
        self.add(wire::Shape::Scalar(kind.to_owned()), constraints)
    }
    fn group(&mut self, settings: Vec<wire::Setting>) -> u32 {
        self.add(wire::Shape::Group(settings), json!({}))
    }
    fn list(&mut self, item: u32, constraints: Value) -> u32 {
        self.add(wire::Shape::List(item), constraints)
    }
    fn map(&mut self, item: u32, constraints: Value) -> u32 {
        self.add(wire::Shape::Map(item), constraints)
    }
    fn select(&mut self, values: &[&str]) -> u32 {
        let choice = |value: &&str| wire::Choice { value: (*value).to_owned(), label: Vec::new() };
        self.add(wire::Shape::Select(values.iter().map(choice).collect()), json!({}))
    }
    fn descriptor(mut self, settings: Vec<wire::Setting>) -> wire::Descriptor {
        let settings = self.group(settings);
        wire::Descriptor {
            name: "logger".to_owned(),
            schema_version: 1,
            label: text("Logger"),
            description: Vec::new(),
            category: Vec::new(),
            types: self.0,
            settings,
            extra: Vec::new(),
        }
    }
    fn check(self, settings: Vec<wire::Setting>) -> Descriptor {
        Descriptor::check(self.descriptor(settings)).unwrap()
    }
    fn refused(self, settings: Vec<wire::Setting>) -> String {
        refused(self.descriptor(settings))
    }
}

fn refused(descriptor: wire::Descriptor) -> String {
    let problems = Descriptor::check(descriptor).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn good(descriptor: &Descriptor, settings: Value) -> Value {
    let settings = descriptor.settings.validate(&settings, TargetKind::Configuration);
    settings.unwrap_or_else(|problems| panic!("{problems:#?}")).json().clone()
}

fn bad(descriptor: &Descriptor, settings: Value) -> String {
    let problems = descriptor.settings.validate(&settings, TargetKind::Configuration).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Every shape and every constraint, nested.
fn rich() -> Descriptor {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let port = t.limited("int", json!({ "min": 1, "max": 65535 }));
    let ratio = t.limited("float", json!({ "min": 0, "max": 1.5 }));
    let name = t.limited("string", json!({ "pattern": "[a-z]+", "min-length": 2, "max-length": 8 }));
    let lines = t.scalar("text");
    let code = t.limited("code", json!({ "language": "python" }));
    let path = t.scalar("path");
    let package = t.scalar("package");
    let artifact = t.scalar("artifact");
    let secret = t.limited("secret", json!({ "secret-kinds": ["single_line"], "secret-in-image": false, "x-hint": 1 }));
    let timer = t.scalar("systemd-timer");
    let mode = t.select(&["off", "manual", "automatic"]);
    let user = t.group(vec![
        setting("name", name).required(),
        setting("admin", flag).default(json!(false)),
        setting("password", secret)
            .visible("admin", json!(true))
            .when(wire::Effect::Required, &[("admin", json!(true))]),
    ]);
    let users = t.list(user, json!({ "unique-by": "name", "max-items": 3 }));
    let files = t.map(artifact, json!({ "key-pattern": "[a-z.]+" }));
    let host =
        t.group(vec![setting("files", files), setting("users", users), setting("port", port).default(json!(22))]);
    let hosts = t.map(host, json!({ "key-pattern": "[a-z/~]+", "max-items": 4 }));
    let proxy = t.group(vec![setting("url", name).required(), setting("port", port).default(json!(8080))]);
    t.check(vec![
        setting("mode", mode).default(json!("manual")).label("Mode"),
        setting("port", port).label("Port of the server").with(|s| s.extra = extras(json!({ "formerly": ["prt"] }))),
        setting("ratio", ratio),
        setting("notes", lines).visible("mode", json!("manual")),
        setting("code", code),
        setting("path", path),
        setting("package", package),
        setting("timer", timer),
        setting("token", secret).label("API token"),
        setting("users", users).label("Users"),
        setting("hosts", hosts).label("Hosts"),
        setting("proxy", proxy).label("Proxy"),
        setting("server", proxy).default(json!({ "url": "local" })),
    ])
}
