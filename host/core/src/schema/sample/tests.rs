//! Samples keep their word: what they say is right is right, and the other way round.

use serde_json::json;

use super::super::{Descriptor, Expected, Schema};
use crate::wire::{self, TargetKind};

fn setting(key: &str, type_: u32, change: impl FnOnce(&mut wire::Setting)) -> wire::Setting {
    let mut setting = wire::Setting {
        key: key.to_owned(),
        type_,
        label: Vec::new(),
        description: Vec::new(),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    };
    change(&mut setting);
    setting
}

fn type_(shape: wire::Shape, constraints: &[(&str, &str)]) -> wire::SettingType {
    let extra = |(key, value): &(&str, &str)| wire::Extra { key: (*key).to_owned(), value: (*value).to_owned() };
    wire::SettingType { shape, constraints: constraints.iter().map(extra).collect() }
}

fn when(subject: &str, value: &str, effect: wire::Effect) -> wire::Condition {
    let test = wire::Test { setting: subject.to_owned(), any_of: vec![value.to_owned()] };
    wire::Condition { when: vec![test], effect }
}

fn schema() -> Descriptor {
    let scalar = |name: &str| wire::Shape::Scalar(name.to_owned());
    let choice = |value: &str| wire::Choice { value: value.to_owned(), label: Vec::new() };
    let required = |setting: &mut wire::Setting| setting.required = true;
    let types = vec![
        type_(scalar("int"), &[("min", "3"), ("max", "7")]),
        type_(scalar("string"), &[("pattern", "\"[a-z]+\""), ("max-length", "12")]),
        type_(scalar("secret"), &[]),
        type_(scalar("systemd-timer"), &[]),
        type_(wire::Shape::Select(vec![choice("dhcp"), choice("static")]), &[]),
        type_(wire::Shape::Group(vec![setting("name", 1, required), setting("password", 2, |_| {})]), &[]),
        type_(wire::Shape::List(5), &[("min-items", "1"), ("max-items", "3"), ("unique-by", "\"name\"")]),
        type_(wire::Shape::Map(0), &[("key-pattern", "\"[a-z0-9]+\"")]),
        type_(scalar("text"), &[]),
        type_(
            wire::Shape::Group(vec![
                setting("level", 0, |setting| setting.default = Some("5".to_owned())),
                setting("mode", 4, |_| {}),
                setting("address", 1, |setting| {
                    setting.conditions.push(when("mode", "\"static\"", wire::Effect::Visible));
                    setting.conditions.push(when("mode", "\"static\"", wire::Effect::Required));
                }),
                setting("users", 6, |_| {}),
                setting("ports", 7, |_| {}),
                setting("when", 3, |_| {}),
                setting("note", 8, |_| {}),
                setting("here", 8, |setting| {
                    setting.conditions.push(when("@target", "\"tag\"", wire::Effect::Visible));
                }),
                setting("must", 1, required),
            ]),
            &[],
        ),
    ];
    let settings = 9;
    let descriptor = wire::Descriptor {
        name: "sampled".to_owned(),
        schema_version: 1,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        types,
        settings,
        extra: Vec::new(),
    };
    Descriptor::check(descriptor).unwrap()
}

fn named<'a>(samples: &'a super::Samples, name: &str) -> &'a super::Sample {
    let names = || samples.list.iter().map(|sample| sample.name.as_str()).collect::<Vec<_>>().join("\n");
    samples.list.iter().find(|sample| sample.name == name).unwrap_or_else(|| panic!("{name} is not among\n{}", names()))
}

#[test]
fn every_sample_is_what_it_says() {
    let descriptor = schema();
    let schema: &Schema = &descriptor.settings;
    let samples = schema.samples(1000);
    assert_eq!((samples.left_out, samples.contradictions.as_slice()), (0, &[][..]));
    for sample in &samples.list {
        let valid = schema.validate(&sample.settings, sample.target);
        assert_eq!(valid.is_ok(), sample.expected != Expected::Refusal, "{sample:?}: {valid:?}");
    }
}

#[test]
fn bounds_conditions_and_containers_are_on_both_sides() {
    let descriptor = schema();
    let samples = descriptor.settings.samples(1000);
    let any = |holds: &dyn Fn(&serde_json::Value) -> bool| samples.list.iter().any(|one| holds(&one.settings));
    for value in [3, 7] {
        assert!(any(&|settings| settings["level"] == json!(value)));
    }
    for name in ["/level: min - 1", "/level: max + 1", "/mode: no choice", "/must: missing", "/users: 0 items"] {
        assert_eq!(named(&samples, name).expected, Expected::Refusal, "{name}");
    }
    // What is only visible beside another setting, or on a tag, gets that.
    assert!(any(&|settings| settings["mode"] == "static" && settings["address"] == "another"));
    assert_eq!(named(&samples, "/here: lines").target, TargetKind::Tag);
    assert_eq!(named(&samples, "/address: condition 2 holds, missing").expected, Expected::Refusal);
    let users = &named(&samples, "/users: 2 items").settings["users"];
    assert_ne!(users[0]["name"], users[1]["name"]);
    assert_eq!(named(&samples, "/users: an item twice").expected, Expected::Refusal);
    for kind in ["realtime", "monotonic", "continuous"] {
        assert_eq!(named(&samples, &format!("/when: {kind}")).settings["when"]["timer_type"], json!(kind));
    }
}

#[test]
fn the_same_samples_come_each_time_and_not_more_than_were_asked_for() {
    let descriptor = schema();
    let (one, two) = (descriptor.settings.samples(50), descriptor.settings.samples(50));
    assert_eq!((one.list.len(), &one.list), (50, &two.list));
    assert!(one.left_out > 0);
    // The first tell most: each setting's usual values are among them.
    for key in ["level", "mode", "address", "users", "ports", "when", "note", "here"] {
        assert!(one.list.iter().any(|sample| sample.settings.get(key).is_some()), "{key}");
    }
}
