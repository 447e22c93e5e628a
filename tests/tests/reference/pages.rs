//! Names and numbers in `docs/` are those of the program.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::json;
use thymis_core::{
    expr::{Configuration, Trust, function},
    manifest::Manifest,
    schema::{Descriptor, JSON_SCHEMA_PREFIX, Shape, json_schema},
    wire,
};
use thymis_sandbox::{Limit, Limits};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page(name: &str) -> String {
    fs::read_to_string(checkout().join("docs").join(name)).unwrap()
}

/// A row of a table that begins with the name, as `| ```name`` | … |`.
fn row<'p>(page: &'p str, name: &str) -> &'p str {
    let found = page
        .lines()
        .find(|line| line.starts_with('|') && line[1..].split('|').next().unwrap().contains(&format!("`{name}`")));
    found.unwrap_or_else(|| panic!("no row for `{name}`"))
}

/// What stands in backticks in a message of the program.
fn quoted(message: &str) -> BTreeSet<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn descriptor(kind: &str, constraints: serde_json::Value) -> Result<Descriptor, String> {
    let extra =
        |(key, value): (&String, &serde_json::Value)| wire::Extra { key: key.clone(), value: value.to_string() };
    let type_ = wire::SettingType {
        shape: wire::Shape::Scalar(kind.to_owned()),
        constraints: constraints.as_object().unwrap().iter().map(extra).collect(),
    };
    let list = wire::SettingType { shape: wire::Shape::List(0), constraints: Vec::new() };
    let setting = wire::Setting {
        key: "key".to_owned(),
        type_: 0,
        label: Vec::new(),
        description: Vec::new(),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    };
    let group = wire::SettingType { shape: wire::Shape::Group(vec![setting]), constraints: Vec::new() };
    let descriptor = wire::Descriptor {
        name: "module".to_owned(),
        schema_version: 0,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        types: vec![type_, list, group],
        settings: 2,
        extra: Vec::new(),
    };
    Descriptor::check(descriptor).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn every_shape_and_constraint_has_a_row() {
    let settings = page("settings.md");
    for kind in [
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
    ] {
        let checked = descriptor(kind, json!({})).unwrap();
        match checked.settings.get("key").unwrap().shape.as_ref() {
            // A shape that isn't here belongs into the page, too.
            Shape::Bool
            | Shape::Int(_)
            | Shape::Float(_)
            | Shape::String(_)
            | Shape::Text(_)
            | Shape::Code(_)
            | Shape::Path(_)
            | Shape::Package
            | Shape::DeviceType
            | Shape::Artifact
            | Shape::Secret(_)
            | Shape::SystemdTimer => {}
            Shape::Select(_) | Shape::Group(_) | Shape::List(_) | Shape::Map(_) => unreachable!(),
        }
        let row = row(&settings, kind);
        // The program lists what the shape has.
        let message = descriptor(kind, json!({ "unique-by": 1 })).unwrap_err();
        let (_, allowed) = message.split_once(';').unwrap();
        for constraint in quoted(allowed) {
            assert!(row.contains(&format!("`{constraint}`")), "{kind}: {constraint}");
            assert!(settings.matches(&format!("`{constraint}`")).count() > 1, "{constraint}");
        }
    }
    for name in ["select", "group", "list", "map", "min-items", "unique-by", "key-pattern"] {
        row(&settings, name);
    }
}

#[test]
fn every_keyword_of_json_schema_has_a_row() {
    let settings = page("settings.md");
    let documented: BTreeSet<&str> = settings.split('`').filter(|text| text.starts_with(JSON_SCHEMA_PREFIX)).collect();
    let rich = thymis_core::schema::Descriptor::check(crate::json_schema::rich()).unwrap();
    // The program adds it to whole documents.
    let mut used = BTreeSet::from(["x-thymis-device-types"]);
    let text = json_schema(&"a/rich".parse().unwrap(), &rich).to_string();
    used.extend(text.split('"').filter(|text| text.starts_with(JSON_SCHEMA_PREFIX) && *text != JSON_SCHEMA_PREFIX));
    let documented: BTreeSet<&str> = documented.into_iter().filter(|text| *text != JSON_SCHEMA_PREFIX).collect();
    assert_eq!(used, documented);
}

/// What the program says to an answer with one expression.
fn refusal(expr: wire::Expr) -> String {
    let definition = wire::Definition { path: vec!["a".to_owned()], value: 0, strength: wire::Strength::Merge };
    let answer = wire::Configuration { exprs: vec![expr], definitions: vec![definition], ..Default::default() };
    Configuration::check(answer, Trust::External).unwrap_err()[0].kind.to_string()
}

#[test]
fn every_option_of_a_class_has_a_place() {
    let manifest = page("manifest.md");
    let source = include_str!("../../../host/core/src/option/class.rs");
    let listed = source.lines().filter_map(|line| line.strip_prefix("    (\"")?.split_once("\", Class::"));
    let mut found = 0;
    for (option, class) in listed {
        let number = ["WholeDevice", "Root", "Accounts", "Network", "Hardware", "Harmless"]
            .iter()
            .position(|name| class.starts_with(name))
            .unwrap();
        let row = manifest.lines().find(|line| line.starts_with(&format!("| {} |", number + 1))).unwrap();
        assert!(row.contains(&format!("`{option}`")), "{option} {class}");
        found += 1;
    }
    assert!(found > 100);
}

#[test]
fn every_function_and_reference_has_a_row() {
    let interface = page("module-interface.md");
    let unknown = refusal(wire::Expr::Call(wire::Call { function: "unknown".to_owned(), arguments: Vec::new() }));
    let (_, names) = unknown.split_once("known are ").unwrap();
    let names: BTreeSet<&str> = names.split(", ").collect();
    assert!(names.len() > 20);
    let (_, functions) = interface.split_once("## Functions").unwrap();
    for name in names {
        let function = function(name).unwrap();
        let row = row(functions, name);
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`'])).collect();
        let [_, arguments, result, template] = cells[..] else { panic!("{row}") };
        assert_eq!(arguments.split(", ").count(), function.arguments.len(), "{row}");
        assert_eq!(result, format!("{:?}", function.result).to_lowercase());
        assert_eq!(template, function.template);
    }
    let unknown = refusal(wire::Expr::Ref(wire::Reference { root: "unknown".to_owned(), path: Vec::new() }));
    let (_, roots) = unknown.split_once("known are ").unwrap();
    for root in roots.split(", ") {
        row(&interface, root);
    }
}

#[test]
fn every_limit_has_its_value() {
    let interface = page("module-interface.md");
    for Limit { name, value, ceiling, .. } in Limits::default().all() {
        assert!(
            row(&interface, name).contains(&format!("| {value} | {ceiling} |")),
            "{name} is {value}, at most {ceiling}"
        );
    }
}

#[test]
fn every_key_and_permission_of_a_manifest_has_a_row() {
    let manifest = page("manifest.md");
    let example = manifest.split("```").nth(1).unwrap().strip_prefix("toml\n").unwrap();
    Manifest::parse(example.as_bytes()).unwrap();
    for table in ["[repository]\n", "[[component]]\n", "[[component.permission]]\n", "[[device-type]]\n"] {
        let message = Manifest::parse(example.replace(table, &format!("{table}unknown = 1\n")).as_bytes()).unwrap_err();
        let message = message.to_string();
        let (_, keys) = message.split_once("expected").unwrap_or_else(|| panic!("{message}"));
        for key in quoted(keys) {
            assert!(row(&manifest, &key).matches('|').count() > 3, "{key}");
        }
    }
    let message = Manifest::parse(example.replace("\"option\"", "\"unknown\"").as_bytes()).unwrap_err().to_string();
    let (_, kinds) = message.split_once("known are ").unwrap();
    for kind in kinds.split(", ") {
        assert!(row(&manifest, kind).matches('|').count() == 5, "{kind}");
    }
}

#[test]
fn links_lead_somewhere() {
    let docs = checkout().join("docs");
    let mut broken = Vec::new();
    for folder in [docs.clone(), docs.join("projects")] {
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = link.split('#').next().unwrap();
                let outside = link.starts_with("https://") || link.starts_with("http://");
                if !outside && !target.is_empty() && !folder.join(target).exists() {
                    broken.push(format!("{}: {link}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
