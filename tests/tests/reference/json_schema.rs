//! What the JSON Schema says, tried with a validator that knows nothing of Thymis.

use std::cell::Cell;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use thymis_core::{
    schema::{Descriptor, json_schema, json_schemas},
    wire::{self, TargetKind},
};

use crate::generated::{Tape, module};

fn schema(descriptor: &Descriptor) -> Value {
    json_schema(&format!("input/{}", descriptor.name).parse().unwrap(), descriptor)
}

/// The validator, once it is sure that the document is a schema.
#[track_caller]
pub(crate) fn validator(schema: &Value) -> jsonschema::Validator {
    if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
        panic!("{error} at {}\n{schema:#}", error.instance_path());
    }
    jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{error}\n{schema:#}"))
}

/// How often both said yes, and no.
fn agree(cases: u32, exact: bool) -> (usize, usize) {
    let (yes, no) = (Cell::new(0), Cell::new(0));
    let config = Config { cases, failure_persistence: None, max_global_rejects: 1 << 20, ..Config::default() };
    let tape = proptest::collection::vec(any::<u32>(), 0..400);
    let outcome = TestRunner::new(config).run(&tape, |numbers| {
        let Some((descriptor, documents)) = module(&mut Tape::new(&numbers, exact), 8) else {
            return Err(TestCaseError::reject("no module"));
        };
        let schema = schema(&descriptor);
        let validator = validator(&schema);
        for document in documents {
            let host =
                [TargetKind::Configuration, TargetKind::Tag].map(|kind| descriptor.settings.validate(&document, kind));
            let host_accepts = host.iter().any(Result::is_ok);
            let valid = validator.is_valid(&document);
            let detail = || {
                let errors: Vec<String> = validator
                    .iter_errors(&document)
                    .map(|error| format!("{} {error}", error.instance_path()))
                    .collect();
                format!("{document:#}\nhost: {host:#?}\nschema: {errors:#?}\n{schema:#}")
            };
            prop_assert!(valid || !host_accepts, "refuses what the host accepts: {}", detail());
            prop_assert!(!exact || host_accepts || !valid, "accepts what the host refuses: {}", detail());
            let count = if host_accepts { &yes } else { &no };
            count.set(count.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    (yes.get(), no.get())
}

#[test]
fn what_the_host_accepts_fulfils_the_schema() {
    let (yes, no) = agree(1024, false);
    println!("{yes} accepted, {no} refused");
    assert!(yes > 500 && no > 500, "{yes} accepted, {no} refused");
}

#[test]
fn without_what_json_schema_can_not_tell_both_agree() {
    let (yes, no) = agree(1024, true);
    println!("{yes} accepted, {no} refused");
    assert!(yes > 500 && no > 500, "{yes} accepted, {no} refused");
}

fn extras(value: &Value) -> Vec<wire::Extra> {
    let entries = value.as_object().unwrap().iter();
    entries.map(|(key, value)| wire::Extra { key: key.clone(), value: value.to_string() }).collect()
}

fn texts(text: &str) -> wire::Localized {
    let translation = |locale: &str, text: String| wire::Translation { locale: locale.to_owned(), text };
    vec![translation("en", text.to_owned()), translation("de", format!("{text} (de)"))]
}

/// A module with one setting of each given type.
fn of_types(types: &[(wire::Shape, Value)]) -> wire::Descriptor {
    let mut table: Vec<wire::SettingType> = types
        .iter()
        .map(|(shape, limits)| wire::SettingType { shape: shape.clone(), constraints: extras(limits) })
        .collect();
    let settings = (0..types.len() as u32).map(|type_| wire::Setting {
        key: format!("s{type_}"),
        type_,
        label: texts("Label"),
        description: texts("Description"),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    });
    let settings = settings.collect();
    table.push(wire::SettingType { shape: wire::Shape::Group(settings), constraints: Vec::new() });
    wire::Descriptor {
        name: "rich".to_owned(),
        schema_version: 3,
        label: texts("Rich"),
        description: Vec::new(),
        category: texts("Category"),
        settings: (table.len() - 1) as u32,
        types: table,
        extra: extras(
            &json!({ "icon": "<svg/>", "icon-dark": "<svg/>", "multiple": true, "formerly": ["poor", "a.b.Rich"] }),
        ),
    }
}

/// Every keyword there is.
pub(crate) fn rich() -> wire::Descriptor {
    let scalar = |kind: &str| wire::Shape::Scalar(kind.to_owned());
    let choice = wire::Choice { value: "a".to_owned(), label: texts("A") };
    let mut descriptor = of_types(&[
        (scalar("string"), json!({ "pattern": "\\d+" })),
        (scalar("code"), json!({ "language": "python" })),
        (scalar("secret"), json!({ "secret-kinds": ["file"], "secret-processing": ["none"], "secret-in-image": true })),
        (wire::Shape::List(0), json!({ "unique-by": "" })),
        (wire::Shape::Map(1), json!({ "key-pattern": "[a-z]+" })),
        (wire::Shape::Select(vec![choice]), json!({})),
    ]);
    let Some(wire::SettingType { shape: wire::Shape::Group(settings), .. }) = descriptor.types.last_mut() else {
        panic!()
    };
    settings[0].extra = extras(&json!({ "formerly": ["old"] }));
    let test = wire::Test { setting: "s5".to_owned(), any_of: vec!["\"a\"".to_owned()] };
    settings[0].conditions.push(wire::Condition { when: vec![test], effect: wire::Effect::Visible });
    descriptor
}

#[test]
fn patterns_mean_the_same_or_are_left_out() {
    let pattern = |source: &str| {
        let string = wire::Shape::Scalar("text".to_owned());
        Descriptor::check(of_types(&[(string, json!({ "pattern": source }))])).unwrap()
    };
    let texts = [
        "",
        "a",
        "b",
        "ab",
        "aab",
        "abc",
        "-",
        "]",
        "a]",
        "}",
        "{",
        "a{2}",
        "/",
        "a/b",
        "&",
        "~",
        "^",
        "$",
        "a^",
        "\n",
        "a\nb",
        "\r",
        "\u{2028}",
        "ä",
        "𝕏",
        "𝕏𝕏",
        "https://a.b",
        "a.b",
        "aXb",
        "10",
        "0.5",
        "#",
        " ",
        "'",
        "\t",
        "\\",
        "ß",
        "A",
    ];
    for source in [
        "",
        "a|b",
        "a|",
        "(a|b)+",
        "(?:ab)*c?",
        "[a-c]{1,2}",
        "[^a]",
        "[^a-c]+",
        "a{2}",
        "a{1,}b",
        ".",
        ".*",
        "a.b",
        "a\\.b",
        "[-a]",
        "[a-]",
        "[\\]a]+",
        "[^^]",
        "[\\^a]",
        "a]",
        "}",
        "\\{",
        "https?://.+",
        "[a-z/~]+",
        "[a&]",
        "\\-",
        "\\#",
        "\\/",
        "^a$",
        "a+?b",
        "[\\n\\r\\t]",
        "\\n",
        "𝕏",
        "[𝕏ä]{2}",
        "\\\\",
        "[\\\\.]",
        "()a",
        "'",
        "[0-9]+(?:\\.[0-9]+)?",
    ] {
        let descriptor = pattern(source);
        let schema = schema(&descriptor);
        assert!(schema["properties"]["s0"]["pattern"].as_str().unwrap().starts_with("^(?:"), "{source}");
        let validator = validator(&schema);
        for text in texts {
            let settings = json!({ "s0": text });
            let host = descriptor.settings.validate(&settings, TargetKind::Tag).is_ok();
            assert_eq!(validator.is_valid(&settings), host, "{source:?} {text:?}");
        }
    }
    for source in [
        "\\d+",
        "\\w",
        "\\s",
        "\\bx",
        "(?i)a",
        "(?P<n>a)",
        "(?<n>a)",
        "[[:alpha:]]",
        "[a&&b]",
        "[a--b]",
        "[a~~b]",
        "[]a]",
        "\\x41",
        "\\pL",
        "\\u{41}",
        "[\\d]",
        "\\Aa\\z",
        "a**",
        "(?s:.)",
    ] {
        let schema = schema(&pattern(source));
        assert_eq!(schema["properties"]["s0"]["x-thymis-pattern"], source);
        assert_eq!(schema["properties"]["s0"]["pattern"], "^[^\\u0000]*$", "{source}");
    }
}

#[test]
fn one_document_has_every_module_under_its_own_name() {
    let rich = Descriptor::check(rich()).unwrap();
    let ids = ["a/rich".parse().unwrap(), "b/rich".parse().unwrap()];
    let all = json_schemas(ids.iter().map(|id| (id, &rich)));
    validator(&all);
    assert_eq!(all["$defs"]["a/rich"], json_schema(&ids[0], &rich));
    // Referring to one from outside.
    let resource = jsonschema::Resource::from_contents(all);
    let registry = jsonschema::Registry::new().add("urn:thymis:modules", resource).unwrap().prepare().unwrap();
    let user = json!({ "$ref": "urn:thymis:module:b/rich" });
    let validator = jsonschema::options().with_registry(&registry).build(&user).unwrap();
    assert!(validator.is_valid(&json!({ "s5": "a", "s0": "12" })));
    assert!(!validator.is_valid(&json!({ "s5": "z" })));
}
