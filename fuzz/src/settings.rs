use serde_json::{Map, Value, json};
use thymis_core::{
    schema::{Descriptor, json_schema},
    wire::{Choice, Condition, Effect, Extra, Setting, SettingType, Shape, TargetKind, Test, Translation},
};

use crate::{decode::Bytes, shown};

const SCALARS: [&str; 12] = [
    "bool",
    "int",
    "float",
    "string",
    "text",
    "code",
    "path",
    "package",
    "device-type",
    "artifact",
    "secret",
    "systemd-timer",
];
const KEYS: [&str; 5] = ["a", "b", "name", "x-y", "Z_1"];
const CHOICES: [&str; 6] = ["a", "b", "", "x y", "${x}", "\u{202e}"];
const SUBJECTS: [&str; 6] = ["/a", "/b/a", "name", "@target", "/", "@"];
const PATTERNS: [&str; 6] = [".*", "(?s).*", "[a-z]*", "a|b", "(?s).{0,3}", "("];

/// A module's description and settings for it: what is validated validates to itself.
pub fn settings(bytes: &[u8]) {
    let mut maker = Maker { bytes: Bytes(bytes), types: Vec::new() };
    let descriptor = maker.descriptor();
    let root = descriptor.settings;
    let descriptors = match Descriptor::check_all(vec![descriptor]) {
        Ok(descriptors) => descriptors,
        Err(problems) => return problems.iter().for_each(|problem| shown::fit(&problem.to_string())),
    };
    let stored = maker.value(root, 0);
    for descriptor in &descriptors {
        assert!(json_schema(&"own/module".parse().unwrap(), descriptor).is_object());
        for target in [TargetKind::Configuration, TargetKind::Tag] {
            let once = match descriptor.settings.validate(&stored, target) {
                Ok(once) => once,
                Err(problems) => {
                    problems.iter().for_each(|problem| shown::fit(&problem.to_string()));
                    continue;
                }
            };
            let twice = descriptor.settings.validate(once.plain(), target).unwrap();
            assert_eq!(once, twice);
            assert_eq!(once.json().to_string(), twice.json().to_string());
            for handle in once.handles() {
                assert_eq!(once.resolve(&handle.handle), Some(handle));
                assert_eq!(once.plain().pointer(&handle.pointer), Some(&json!(handle.value)));
                assert_eq!(once.json().pointer(&handle.pointer), Some(&json!(handle.handle)));
            }
        }
    }
}

struct Maker<'a> {
    bytes: Bytes<'a>,
    types: Vec<SettingType>,
}

impl Maker<'_> {
    fn descriptor(&mut self) -> thymis_core::wire::Descriptor {
        for _ in 0..=self.bytes.below(10) {
            let type_ = self.type_();
            self.types.push(type_);
        }
        let group = Shape::Group(self.settings());
        self.types.push(SettingType { shape: group, constraints: Vec::new() });
        let settings = u32::try_from(self.types.len()).unwrap() - 1;
        thymis_core::wire::Descriptor {
            name: "module".to_owned(),
            schema_version: 1,
            label: self.localized(),
            description: self.localized(),
            category: Vec::new(),
            types: self.types.clone(),
            settings: if self.bytes.once_in(64) { self.id() } else { settings },
            extra: Vec::new(),
        }
    }

    fn id(&mut self) -> u32 {
        // One too many, once in a while.
        let end = self.types.len() + usize::from(self.bytes.once_in(64));
        u32::try_from(self.bytes.below(end)).unwrap()
    }

    fn type_(&mut self) -> SettingType {
        let (shape, kinds): (Shape, &[&str]) = match self.bytes.below(8) {
            _ if self.types.is_empty() => (Shape::Scalar("bool".to_owned()), &[]),
            0..3 => {
                let scalar = if self.bytes.once_in(64) { "colour" } else { self.bytes.pick(&SCALARS) };
                let kinds: &[&str] = match scalar {
                    "int" | "float" => &["min", "max"],
                    "string" | "text" | "path" => &["pattern", "min-length", "max-length"],
                    "code" => &["language", "pattern"],
                    "secret" => &["secret-kinds", "secret-processing", "secret-in-image"],
                    _ => &[],
                };
                (Shape::Scalar(scalar.to_owned()), kinds)
            }
            3 => {
                let from = self.bytes.below(CHOICES.len());
                let choice = |value: &&str| Choice { value: (*value).to_owned(), label: Vec::new() };
                let odd = self.bytes.once_in(16).then(|| Choice { value: self.bytes.text(), label: Vec::new() });
                (Shape::Select(CHOICES[from..].iter().map(choice).chain(odd).collect()), &[])
            }
            4 => (Shape::List(self.id()), &["min-items", "max-items", "unique-by"]),
            5 => (Shape::Map(self.id()), &["key-pattern", "max-items"]),
            _ => (Shape::Group(self.settings()), &[]),
        };
        let constraints = kinds.iter().filter_map(|key| self.constraint(key, &shape)).collect();
        SettingType { shape, constraints }
    }

    fn constraint(&mut self, key: &str, shape: &Shape) -> Option<Extra> {
        if key != "key-pattern" && !self.bytes.once_in(4) || self.bytes.once_in(64) {
            return None;
        }
        let value = match (key, shape) {
            ("pattern" | "key-pattern", _) => self.bytes.pick(&PATTERNS).into(),
            ("unique-by", Shape::List(item)) => match self.types.get(*item as usize).map(|type_| &type_.shape) {
                Some(Shape::Group(_)) => self.bytes.pick(&KEYS).into(),
                _ => "".into(),
            },
            ("language", _) => "nix".into(),
            ("secret-kinds" | "secret-processing", _) => {
                json!([self.bytes.pick(&["single_line", "mkpasswd-yescrypt"])])
            }
            ("secret-in-image", _) => true.into(),
            ("max" | "max-length" | "max-items", _) => (3 + self.bytes.below(8)).into(),
            _ => self.bytes.below(4).into(),
        };
        Some(Extra { key: key.to_owned(), value: value.to_string() })
    }

    fn settings(&mut self) -> Vec<Setting> {
        let mut settings = Vec::new();
        for key in &KEYS[..self.bytes.below(KEYS.len() + 1)] {
            let key = if self.bytes.once_in(64) { self.bytes.text() } else { (*key).to_owned() };
            let setting = self.setting(key, &settings);
            settings.push(setting);
        }
        settings
    }

    fn setting(&mut self, key: String, before: &[Setting]) -> Setting {
        let type_ = self.id();
        let extra = match self.bytes.once_in(8) {
            true => vec![Extra { key: "formerly".to_owned(), value: json!([self.bytes.text()]).to_string() }],
            false => Vec::new(),
        };
        Setting {
            key,
            type_,
            label: self.localized(),
            description: self.localized(),
            required: self.bytes.once_in(6),
            default: self.bytes.once_in(6).then(|| self.value(type_, 0).to_string()),
            example: self.bytes.once_in(16).then(|| self.value(type_, 0).to_string()),
            conditions: if self.bytes.once_in(4) { vec![self.condition(type_, before)] } else { Vec::new() },
            extra,
        }
    }

    fn localized(&mut self) -> Vec<Translation> {
        if !self.bytes.once_in(16) {
            return Vec::new();
        }
        vec![Translation { locale: self.bytes.pick(&["en", "de", "pt-BR", "?"]).to_owned(), text: self.bytes.text() }]
    }

    fn condition(&mut self, type_: u32, before: &[Setting]) -> Condition {
        let effect = match self.bytes.below(3) {
            0 => Effect::Visible,
            1 => Effect::Required,
            _ => Effect::Allowed(vec![self.value(type_, 0).to_string()]),
        };
        let (setting, value) = match before.get(self.bytes.below(KEYS.len())) {
            Some(sibling) => (sibling.key.clone(), self.value(sibling.type_, 0)),
            None => {
                let type_ = self.id();
                (self.bytes.pick(&SUBJECTS).to_owned(), self.value(type_, 0))
            }
        };
        let value = if setting == "@target" { "tag".into() } else { value };
        Condition { when: vec![Test { setting, any_of: vec![value.to_string()] }], effect }
    }

    /// A value of that type, mostly.
    fn value(&mut self, id: u32, depth: usize) -> Value {
        let Some(type_) = self.types.get(id as usize).filter(|_| depth < 8) else { return Value::Null };
        if self.bytes.once_in(64) {
            return self.any();
        }
        match type_.shape.clone() {
            Shape::Scalar(name) => self.scalar(&name),
            Shape::Select(choices) => {
                let choice = choices.get(self.bytes.below(choices.len()));
                choice.map_or(Value::Null, |choice| choice.value.as_str().into())
            }
            Shape::List(item) => (0..self.bytes.below(4)).map(|_| self.value(item, depth + 1)).collect(),
            Shape::Map(item) => {
                let entries = (0..self.bytes.below(4)).map(|_| (self.bytes.text(), self.value(item, depth + 1)));
                Value::Object(entries.collect::<Vec<_>>().into_iter().collect())
            }
            Shape::Group(settings) => {
                let mut object = Map::new();
                for setting in settings {
                    if self.bytes.once_in(2) {
                        object.insert(setting.key, self.value(setting.type_, depth + 1));
                    }
                }
                if self.bytes.once_in(64) {
                    object.insert(self.bytes.text(), Value::Null);
                }
                Value::Object(object)
            }
        }
    }

    fn scalar(&mut self, name: &str) -> Value {
        match name {
            "bool" => self.bytes.once_in(2).into(),
            "int" => self.bytes.below(10).into(),
            "float" if self.bytes.once_in(4) => f64::from_bits(self.bytes.number().cast_unsigned()).into(),
            "float" => (self.bytes.below(10) as f64 / 2.0).into(),
            "path" => format!("/{}", self.bytes.text()).into(),
            "systemd-timer" => self.timer(),
            "secret" | "artifact" | "package" | "device-type" if !self.bytes.once_in(16) => "x".into(),
            _ => self.bytes.text().into(),
        }
    }

    fn timer(&mut self) -> Value {
        let mut timer = json!({ "persistent": true, "on_calendar": ["daily"], "on_boot_sec": self.bytes.text() });
        timer["timer_type"] = self.bytes.pick(&["realtime", "continuous", "monotonic", "x"]).into();
        if self.bytes.once_in(32) {
            timer[self.bytes.text()] = self.any();
        }
        timer
    }

    fn any(&mut self) -> Value {
        match self.bytes.below(6) {
            0 => Value::Null,
            1 => self.bytes.number().into(),
            2 => u64::MAX.into(),
            3 => json!([[], {}]),
            4 => json!({ "a": 1 }),
            _ => self.bytes.text().into(),
        }
    }
}
