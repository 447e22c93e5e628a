//! Descriptions that contradict themselves or name what isn't there, texts that would do something to a terminal, and
//! what a module says of somebody's settings.

use serde_json::Value;
use thymis_controller::project::FailureKind;
use thymis_core::{
    id::ModuleName,
    instance,
    schema::Descriptor,
    wire::{self, TargetKind},
};
use thymis_tests::guest::{Guest, request};

use super::{
    installed::{descriptor, granted, setting},
    suite::{Case, Ended, Stage, case},
    together::together,
    values::extra,
};

pub(crate) const CASES: &[Case] = &[
    case("a type of a sixth shape", |stage| described_with(stage, types(), &|first| store8(&load_at(first, 36), 5))),
    case("a condition with a fourth effect", |stage| {
        let effect = |first: &str| {
            let setting = format!("(i32.load offset=4 (i32.add (i32.const 20) {}))", load_at(first, 36));
            store8(&format!("(i32.add (i32.const 8) (i32.load offset=56 {setting}))"), 3)
        };
        described_with(stage, conditional("a", "true"), &effect)
    }),
    case("a description that counts how often it was given", |stage| {
        let mut guest = Guest::default();
        let modules = guest.value(&vec![descriptor()]);
        let name = format!("(i32.load (i32.load {modules}))");
        let count = format!("(i32.store8 {name} (i32.add (i32.load8_u {name}) (i32.const 1))) {modules}");
        Ended::of(|| {
            let component = stage.load(&guest.describe(count))?;
            let names = [(); 3].map(|()| component.describe().map(|all| all.answer[0].name.clone()));
            let [first, second, third] = names;
            let first = first?;
            assert_eq!((&first, &first), (&second?, &third?));
            Ok(format!("it is `{first}` every time"))
        })
    }),
    case("a description that depends on what was generated before", |stage| {
        let guest = Guest::default();
        let mut guest = guest.items("(global $asked (mut i32) (i32.const 0))");
        let (none, one) = (guest.value(&Vec::<wire::Descriptor>::new()), guest.value(&vec![descriptor()]));
        let guest = guest
            .generate("(global.set $asked (i32.const 1)) (i32.const 1024)")
            .describe(format!("(if (result i32) (global.get $asked) (then {none}) (else {one}))"));
        Ended::of(|| {
            let component = stage.load(&guest)?;
            assert!(component.generate(&request("{}"))?.answer.is_ok());
            Ok(format!("{} module, as before", component.describe()?.answer.len()))
        })
    }),
    case("a module that nobody described", |stage| {
        Ended::of(|| {
            let modules = Descriptor::check_all(stage.load(&Guest::echo())?.describe()?.answer).unwrap();
            let name: ModuleName = "device".parse().unwrap();
            assert!(instance::find(&modules, &name).is_none());
            let known = modules.iter().map(|module| module.name.to_string()).collect();
            Ok(FailureKind::NoModule { module: "stranger/device".parse().unwrap(), known }.to_string())
        })
    }),
    case("two modules of one name", |stage| stage.describe(&Guest::describing(&[descriptor(), descriptor()]))),
    case("a module that was another one of its component", |stage| {
        let other = wire::Descriptor { name: "other".into(), ..with_extra("formerly", r#"["module"]"#) };
        stage.describe(&Guest::describing(&[descriptor(), other]))
    }),
    case("two modules that were the same one", |stage| {
        let other = wire::Descriptor { name: "other".into(), ..with_extra("formerly", r#"["old"]"#) };
        stage.describe(&Guest::describing(&[with_extra("formerly", r#"["old"]"#), other]))
    }),
    case("names that no module can have", |stage| {
        let names = ["", "../x", "a\nb", "x */ y", "Module", "m\u{43e}dule", "self", "-a", "a;b", "${x}", "a\u{202e}b"];
        let modules = names.map(|name| wire::Descriptor { name: name.into(), ..descriptor() });
        stage.describe(&Guest::describing(&modules))
    }),
    case("names that no earlier module can have", |stage| {
        described(stage, with_extra("formerly", r#"["../x", "Old", "a.b c", "a;b"]"#))
    }),
    case("a setting that is there twice", |stage| described(stage, with_settings(vec![key("a"), key("b"), key("a")]))),
    case("a setting that was another one", |stage| {
        let was = wire::Setting { extra: vec![extra("formerly", r#"["a"]"#)], ..key("b") };
        described(stage, with_settings(vec![key("a"), was]))
    }),
    case("keys that no setting can have", |stage| {
        let keys = ["", "a.b", "a/b", "a\nb", "1a", "\u{1b}[2Ja", "_type", "ä", "a b"];
        described(stage, with_settings(keys.map(key).into()))
    }),
    case("a choice that is there twice", |stage| {
        let choice = |value: &str| wire::Choice { value: value.into(), label: vec![] };
        described(stage, with_type(wire::Shape::Select(vec![choice("x"), choice("y"), choice("x")])))
    }),
    case("a property that is there twice", |stage| {
        described(
            stage,
            wire::Descriptor { extra: vec![extra("multiple", "true"), extra("multiple", "false")], ..descriptor() },
        )
    }),
    case("a language that is there twice", |stage| {
        described(stage, wire::Descriptor { label: vec![text_in("en", "One"), text_in("en", "Two")], ..descriptor() })
    }),
    case("properties that aren't JSON", |stage| {
        let values = ["", "yes", "{", "tr", "\"\u{1b}[31m", "1 2"];
        together(values.map(|value| described(stage, with_extra("multiple", value))))
    }),
    case("constraints of another type", |stage| {
        let constraints =
            [("min", "\"1\""), ("min", "1.5"), ("min", "1e999"), ("max", "[]"), ("max", "18446744073709551616")];
        together(constraints.map(|(key, value)| {
            let type_ =
                wire::SettingType { shape: wire::Shape::Scalar("int".into()), constraints: vec![extra(key, value)] };
            described(
                stage,
                wire::Descriptor { types: vec![type_, group(vec![key_of("a", 0)])], settings: 1, ..descriptor() },
            )
        }))
    }),
    case("types that aren't there, or not before their user", |stage| {
        let shapes: [fn(u32) -> wire::Shape; 3] =
            [wire::Shape::List, wire::Shape::Map, |id| wire::Shape::Group(vec![key_of("a", id)])];
        let ids = [0, 1, 2, u32::MAX];
        together(shapes.iter().flat_map(|shape| ids.map(|id| described(stage, with_type(shape(id))))))
    }),
    case("settings of a type that isn't there", |stage| {
        together([5, u32::MAX].map(|settings| described(stage, wire::Descriptor { settings, ..descriptor() })))
    }),
    case("settings that are no group", |stage| described(stage, wire::Descriptor { settings: 0, ..descriptor() })),
    case("a default that the setting's own type refuses", |stage| {
        let lie = wire::Setting { default: Some("{\"_type\":\"override\"}".into()), ..key("a") };
        described(stage, with_settings(vec![lie]))
    }),
    case("a default with a key that is there twice", |stage| {
        let twice = wire::Setting { default: Some(r#"{"a":"x","a":"y"}"#.into()), ..key_of("outer", 1) };
        let types = vec![scalar("string"), group(vec![key_of("a", 0)]), group(vec![twice])];
        described(stage, wire::Descriptor { types, settings: 2, ..descriptor() })
    }),
    case("conditions on settings that aren't there", |stage| {
        let places = ["/c", "/a/b", "../a", "", "/", "a\u{1b}[31m"];
        together(places.map(|place| described(stage, conditional(place, "true"))))
    }),
    case("a setting that is visible where it is visible", |stage| described(stage, conditional("a", "true"))),
    case("a condition on a value that can't be", |stage| {
        together(["\"maybe\"", "[true]", "nope"].map(|value| described(stage, conditional("b", value))))
    }),
    case("labels with colours, newlines and a bell", |stage| {
        let lies = ["\u{1b}[31mred", "two\nlines", "\u{7}", "\u{9b}31m", "a\0b"];
        together(
            lies.map(|text| described(stage, wire::Descriptor { label: vec![text_in("en", text)], ..descriptor() })),
        )
    }),
    case("languages that are none", |stage| {
        together(
            ["", "EN", "en_US", "\u{1b}[31m", "english please"]
                .map(|locale| described(stage, wire::Descriptor { label: vec![text_in(locale, "a")], ..descriptor() })),
        )
    }),
    case("labels that turn around what stands beside them", |stage| {
        described(
            stage,
            wire::Descriptor { label: vec![text_in("en", "\u{202e}evil\u{200b}\u{2066}")], ..descriptor() },
        )
    }),
    case("a condition on something of the future", |stage| described(stage, conditional("@owner", "true"))),
    case("a kind of value with colours in its name", |stage| {
        described(stage, with_type(wire::Shape::Scalar("int\u{1b}[31m\u{202e}".into())))
    }),
    // What it says of settings
    case("problems with settings that aren't there, in colour", |stage| {
        let problems = [
            problem(Some("/nothing/of/the/kind"), "wrong"),
            problem(Some("~2"), "wrong"),
            problem(Some("/a\u{1b}[31m\u{202e}"), "\u{1b}]8;;https://evil.example\u{7}click\u{1b}]8;;\u{7}"),
            problem(Some(&"/a".repeat(10_000)), &"b".repeat(10_000)),
            wire::Problem { setting: None, message: vec![] },
            wire::Problem { setting: None, message: vec![text_in("\u{1b}[31m", "in another language\nerror: fine")] },
        ];
        granted("").generate(stage, Guest::refusing(&problems))
    }),
    case("a refusal without a single problem", |stage| granted("").generate(stage, Guest::refusing(&[]))),
    case("migrated settings that are no object", |stage| {
        let deep = "[".repeat(200) + &"]".repeat(200);
        let answers = [
            "",
            "null",
            "[]",
            "\"text\"",
            "{} {}",
            "{\"user\":1",
            "{\"user\":NaN}",
            deep.as_str(),
            "{\"a\":\"\\ud800\"}",
        ];
        together(answers.map(|answer| migrated(stage, answer)))
    }),
    case("migrated settings nested too deeply", |stage| {
        migrated(stage, &format!("{{\"user\":{}{}}}", "[".repeat(127), "]".repeat(127)))
    }),
    case("migrated settings of other types", |stage| {
        migrated(stage, r#"{"user":1,"users":"alice","password":["db"],"file":{},"evil":"${x}","\u001b[31m":1}"#)
    }),
    case("migrated settings with a key that is there twice", |stage| {
        migrated(stage, r#"{"user":"alice","user":"root"}"#)
    }),
];

fn store8(address: &str, byte: u8) -> String {
    format!("(i32.store8 {address} (i32.const {byte}))")
}

fn load(address: &str) -> String {
    format!("(i32.load {address})")
}

fn load_at(address: &str, offset: u32) -> String {
    format!("(i32.load offset={offset} {address})")
}

/// Describes this after something was done to it: `lie` gets the address of the first descriptor.
fn described_with(stage: &Stage, descriptor: wire::Descriptor, lie: &dyn Fn(&str) -> String) -> Ended {
    let mut guest = Guest::default();
    let modules = guest.value(&vec![descriptor]);
    let lie = lie(&load(&modules));
    stage.describe(&guest.describe(format!("{lie} {modules}")))
}

fn described(stage: &Stage, descriptor: wire::Descriptor) -> Ended {
    stage.describe(&Guest::describing(&[descriptor]))
}

/// What becomes of settings that a module says it migrated.
fn migrated(stage: &Stage, answer: &str) -> Ended {
    let mut guest = Guest::describing(&[descriptor()]);
    let answer = guest.value(&Ok::<_, Vec<wire::Problem>>(answer.to_owned()));
    Ended::of(|| {
        let component = stage.load(&guest.migrate(answer))?;
        let module = Descriptor::check_all(component.describe()?.answer).unwrap().remove(0);
        let settings = component.migrate("module", 1, "{}")?.answer.unwrap();
        let Some(settings) = serde_json::from_str(&settings).ok().filter(Value::is_object) else {
            return Ok(FailureKind::Migrated.to_string());
        };
        Ok(match module.settings.validate(&settings, TargetKind::Configuration) {
            Ok(settings) => settings.json().to_string(),
            Err(problems) => FailureKind::Settings(problems).to_string(),
        })
    })
}

fn scalar(name: &str) -> wire::SettingType {
    wire::SettingType { shape: wire::Shape::Scalar(name.into()), constraints: vec![] }
}

fn group(settings: Vec<wire::Setting>) -> wire::SettingType {
    wire::SettingType { shape: wire::Shape::Group(settings), constraints: vec![] }
}

fn key(key: &str) -> wire::Setting {
    setting(key, 0)
}

fn key_of(key: &str, type_: u32) -> wire::Setting {
    setting(key, type_)
}

fn with_settings(settings: Vec<wire::Setting>) -> wire::Descriptor {
    wire::Descriptor { types: vec![scalar("string"), group(settings)], settings: 1, ..descriptor() }
}

fn types() -> wire::Descriptor {
    with_settings(vec![key("a")])
}

/// The first type is this, and a setting has it.
fn with_type(shape: wire::Shape) -> wire::Descriptor {
    let types = vec![wire::SettingType { shape, constraints: vec![] }, group(vec![key("a")])];
    wire::Descriptor { types, settings: 1, ..descriptor() }
}

/// With a setting `a` that is there where `place` has the value, and another one `b`.
fn conditional(place: &str, value: &str) -> wire::Descriptor {
    let test = wire::Test { setting: place.into(), any_of: vec![value.into()] };
    let condition = wire::Condition { when: vec![test], effect: wire::Effect::Visible };
    let settings = vec![wire::Setting { conditions: vec![condition], ..key("a") }, key("b")];
    wire::Descriptor { types: vec![scalar("bool"), group(settings)], settings: 1, ..descriptor() }
}

fn with_extra(key: &str, value: &str) -> wire::Descriptor {
    wire::Descriptor { extra: vec![extra(key, value)], ..descriptor() }
}

fn text_in(locale: &str, text: &str) -> wire::Translation {
    wire::Translation { locale: locale.into(), text: text.into() }
}

fn problem(setting: Option<&str>, text: &str) -> wire::Problem {
    wire::Problem { setting: setting.map(Into::into), message: vec![text_in("en", text)] }
}
