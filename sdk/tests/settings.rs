//! What `#[derive(Settings)]` declares and how it reads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_debug_implementations)]

use std::collections::BTreeMap;

use thymis_sdk::{prelude::*, testing, wit};

#[derive(Choice, Clone, Debug, PartialEq)]
enum Mode {
    Dhcp,
    /// Fixed address
    #[choice(value = "fixed", label(de = "Feste Adresse"))]
    Static,
}

#[derive(Settings, Debug)]
struct Peer {
    /// Where it is.
    host: String,
    #[setting(default = 80)]
    port: u16,
}

/// Everything
/// at once.
///
/// Really.
#[derive(Settings, Debug)]
#[allow(dead_code)]
pub struct Everything {
    #[setting(default = Mode::Dhcp, formerly = "kind")]
    mode: Mode,
    #[setting(label = "IP address", label(de = "IP-Adresse"), pattern = "[0-9.]+", max_length = 15, example = "10.0.0.1",
        visible_if(mode = Mode::Static, "@target" = "configuration"), required_if(mode = Mode::Static))]
    address: Option<String>,
    #[setting(default = 1.5, min = 0.5, allowed(values = [1.5, 2.5], when(mode = Mode::Dhcp)))]
    ratio: f64,
    #[setting(default = [], max_items = 2, unique_by = "host")]
    peers: Vec<Peer>,
    #[setting(default = ["a"], items(min_length = 1))]
    tags: Vec<String>,
    first: Option<Peer>,
    labels: Option<BTreeMap<String, u8>>,
    #[setting(secret_kinds = ["file"], secret_in_image = false)]
    key: Option<Secret>,
    #[setting(language = "python", default = "")]
    script: Code,
    #[setting(key = "type", default = false)]
    r#type: bool,
    timer: Option<SystemdTimer>,
    group: Option<PackageName>,
}

impl Module for Everything {
    const MULTIPLE: bool = true;

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        config.set(path!["environment", context.instance()], format!("{self:?}"));
        Ok(())
    }
}

thymis_sdk::export!(Everything);

fn descriptor() -> wit::Descriptor {
    thymis_modules().describe().remove(0)
}

fn setting(key: &str) -> (wit::Setting, wit::SettingType) {
    let descriptor = descriptor();
    let wit::Shape::Group(settings) = &descriptor.types[descriptor.settings as usize].shape else { panic!("no group") };
    let setting = settings.iter().find(|setting| setting.key == key).unwrap().clone();
    let type_ = descriptor.types[setting.type_ as usize].clone();
    (setting, type_)
}

fn constraints(key: &str) -> Vec<(String, String)> {
    setting(key).1.constraints.into_iter().map(|extra| (extra.key, extra.value)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn texts(localized: &wit::Localized) -> Vec<(&str, &str)> {
    localized.iter().map(|translation| (translation.locale.as_str(), translation.text.as_str())).collect()
}

#[test]
fn a_module_describes_itself_by_its_type() {
    let descriptor = descriptor();
    assert_eq!(descriptor.name, "everything");
    assert_eq!(texts(&descriptor.label), [("en", "Everything")]);
    assert_eq!(texts(&descriptor.description), [("en", "Everything at once.\n\nReally.")]);
    assert_eq!(descriptor.extra.len(), 1);
    assert_eq!((descriptor.extra[0].key.as_str(), descriptor.extra[0].value.as_str()), ("multiple", "true"));
}

#[test]
fn types_name_only_earlier_types() {
    for (index, type_) in descriptor().types.iter().enumerate() {
        let ids = match &type_.shape {
            wit::Shape::Group(settings) => settings.iter().map(|setting| setting.type_).collect(),
            wit::Shape::List(id) | wit::Shape::Map(id) => vec![*id],
            _ => Vec::new(),
        };
        assert!(ids.iter().all(|id| (*id as usize) < index));
    }
}

#[test]
fn labels_come_from_attributes_or_names() {
    assert_eq!(texts(&setting("address").0.label), [("en", "IP address"), ("de", "IP-Adresse")]);
    assert_eq!(texts(&setting("tags").0.label), [("en", "Tags")]);
    let wit::Shape::Select(choices) = setting("mode").1.shape else { panic!("no select") };
    let choices: Vec<_> = choices.iter().map(|choice| (choice.value.as_str(), texts(&choice.label))).collect();
    assert_eq!(
        choices,
        [("dhcp", vec![("en", "Dhcp")]), ("fixed", vec![("en", "Fixed address"), ("de", "Feste Adresse")])]
    );
}

#[test]
fn constraints_are_those_of_the_attributes_and_of_the_type() {
    assert_eq!(constraints("address"), pairs(&[("pattern", "\"[0-9.]+\""), ("max-length", "15")]));
    assert_eq!(constraints("ratio"), pairs(&[("min", "0.5")]));
    assert_eq!(constraints("peers"), pairs(&[("max-items", "2"), ("unique-by", "\"host\"")]));
    assert_eq!(constraints("key"), pairs(&[("secret-kinds", "[\"file\"]"), ("secret-in-image", "false")]));
    assert_eq!(constraints("script"), pairs(&[("language", "\"python\"")]));
    assert_eq!(constraints("labels")[0].0, "key-pattern");
    let (_, tags) = setting("tags");
    let wit::Shape::List(item) = tags.shape else { panic!("no list") };
    assert_eq!(descriptor().types[item as usize].constraints[0].key, "min-length");
}

#[test]
fn only_what_has_no_default_and_is_no_option_is_required() {
    let required = |key| setting(key).0.required;
    assert!(!required("mode") && !required("address") && !required("peers") && !required("first"));
    assert_eq!(setting("mode").0.default.as_deref(), Some("\"dhcp\""));
    assert_eq!(setting("tags").0.default.as_deref(), Some("[\"a\"]"));
    assert_eq!(setting("address").0.example.as_deref(), Some("\"10.0.0.1\""));
    assert_eq!(setting("mode").0.extra[0].value, "[\"kind\"]");
}

#[test]
fn conditions_are_passed_on() {
    let conditions = setting("address").0.conditions;
    assert!(matches!(conditions[0].effect, wit::Effect::Visible));
    let tests: Vec<_> = conditions[0].when.iter().map(|t| (t.setting.as_str(), t.any_of.clone())).collect();
    assert_eq!(tests, [("mode", vec!["\"fixed\"".to_owned()]), ("@target", vec!["\"configuration\"".to_owned()])]);
    assert!(matches!(conditions[1].effect, wit::Effect::Required));
    let wit::Effect::Allowed(values) = &setting("ratio").0.conditions[0].effect else { panic!("not allowed") };
    assert_eq!(*values, ["1.5", "2.5"]);
}

#[test]
fn absent_settings_get_their_defaults_in_items_too() {
    let rendered = testing::render::<Everything>(json!({ "peers": [{ "host": "a" }], "labels": { "x": 1 } }));
    let text = rendered.value("environment.everything").to_string();
    for part in ["mode: Dhcp", "port: 80", "first: None", "tags: [\\\"a\\\"]", "ratio: 1.5", "{\\\"x\\\": 1}"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn everything_wrong_is_found_at_once_and_where_it_is() {
    let settings = json!({
        "mode": "wifi", "address": 5, "peers": [{ "port": 70_000 }, 3], "labels": { "a/b": "x" },
        "timer": { "timer_type": "sometimes" }, "unknown": 1,
    });
    let problems = testing::refuse::<Everything>(settings.clone());
    assert_eq!(problems.iter().filter_map(|p| p.setting()).collect::<Vec<_>>(), ["/peers/0/port", "/unknown"]);

    let request = request("everything", &settings.to_string());
    let problems = thymis_modules().generate(request).unwrap_err();
    let places: Vec<_> = problems.iter().filter_map(|problem| problem.setting.as_deref()).collect();
    assert_eq!(
        places,
        ["/mode", "/address", "/peers/0/host", "/peers/0/port", "/peers/1", "/labels/a~1b", "/timer/timer_type"]
    );
    assert_eq!(problems[0].message[0].text, "must be one of \"dhcp\", \"fixed\"");
}

fn request(name: &str, settings: &str) -> wit::Request {
    wit::Request {
        name: name.to_owned(),
        instance: "i".to_owned(),
        settings: settings.to_owned(),
        target: wit::Target { kind: wit::TargetKind::Tag, id: "t".to_owned(), device_type: None, system: None },
        context: vec![wit::Extra { key: "broken".to_owned(), value: "{".to_owned() }],
    }
}

#[test]
fn no_json_makes_a_module_panic() {
    for settings in ["", "{", "null", "[]", "1e999", "{\"mode\":{}}", "{\"ratio\":\"NaN\"}", &"[".repeat(10_000)] {
        let problems = thymis_modules().generate(request("everything", settings)).unwrap_err();
        assert!(!problems.is_empty(), "{settings}");
    }
    assert!(thymis_modules().generate(request("other", "{}")).is_err());
    assert!(thymis_modules().generate(request("everything", "{}")).is_ok());
}

#[test]
fn migration_keeps_what_a_module_does_not_change() {
    assert_eq!(thymis_modules().migrate("everything", 0, "{\"a\":1}").unwrap(), "{\"a\":1}");
    assert!(thymis_modules().migrate("everything", 0, "{").is_err());
}
