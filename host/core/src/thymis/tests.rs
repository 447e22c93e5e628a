//! Rules of normalising, one test each, on a small schema; and what is true of any settings.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    id::{ModuleId, PythonClass},
    schema::Descriptor,
    wire,
};

/// A module with a setting of each kind.
fn descriptor() -> Descriptor {
    let mut types: Vec<wire::SettingType> = Vec::new();
    let mut add = |shape, constraints: Value| {
        let entries = constraints.as_object().unwrap().iter();
        let constraints = entries.map(|(key, value)| wire::Extra { key: key.clone(), value: value.to_string() });
        types.push(wire::SettingType { shape, constraints: constraints.collect() });
        u32::try_from(types.len() - 1).unwrap()
    };
    let scalar = |name: &str| wire::Shape::Scalar(name.to_owned());
    let choices = |values: &[&str]| {
        let choice = |value: &&str| wire::Choice { value: (*value).to_owned(), label: Vec::new() };
        wire::Shape::Select(values.iter().map(choice).collect())
    };
    let setting = |key: &str, type_| wire::Setting {
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
    let volume = add(scalar("int"), json!({ "min": 0, "max": 100 }));
    let ratio = add(scalar("float"), json!({ "max": 1.5 }));
    let mut settings = vec![setting("volume", volume), setting("ratio", ratio)];
    settings.push(setting("on", add(scalar("bool"), json!({}))));
    settings.push(setting("name", add(scalar("string"), json!({}))));
    settings.push(setting("mode", add(choices(&["a", "b"]), json!({}))));
    settings.push(setting("format", add(choices(&["", "b"]), json!({}))));
    settings.push(setting("password", add(scalar("secret"), json!({}))));
    settings.push(setting("file", add(scalar("artifact"), json!({}))));
    settings.push(setting("timer", add(scalar("systemd-timer"), json!({}))));
    let item = add(wire::Shape::Group(settings.clone()), json!({}));
    settings.push(setting("items", add(wire::Shape::List(item), json!({}))));
    settings.push(setting("numbers", add(wire::Shape::List(volume), json!({}))));
    settings.push(setting("map", add(wire::Shape::Map(volume), json!({ "key-pattern": "[a-z~/]+" }))));
    let root = add(wire::Shape::Group(settings), json!({}));
    let descriptor = wire::Descriptor {
        name: "all".to_owned(),
        schema_version: 1,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        types,
        settings: root,
        extra: Vec::new(),
    };
    Descriptor::check(descriptor).unwrap()
}

fn settings(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Settings afterwards, and what is told.
fn normal(value: Value) -> (Value, Vec<String>) {
    let found = normalise(&descriptor().settings, settings(value));
    (Value::Object(found.settings), found.changes.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn silently(from: Value, to: Value) {
    assert_eq!(normal(from), (to, Vec::new()));
}

#[test]
fn null_and_blanks_are_unset() {
    let keys = ["volume", "ratio", "on", "mode", "password", "file", "timer"];
    for blank in [json!(null), json!("")] {
        silently(keys.iter().map(|key| ((*key).to_owned(), blank.clone())).collect::<Map<_, _>>().into(), json!({}));
    }
    silently(json!({ "name": null, "items": null, "map": null }), json!({}));
    silently(json!({ "name": "", "format": "" }), json!({ "name": "", "format": "" }));
    silently(
        json!({ "items": [null, { "volume": "", "name": "", "on": null }, {}], "numbers": [1, "", null], "map": { "a": null, "b": "" } }),
        json!({ "items": [{ "name": "" }, {}], "numbers": [1], "map": {} }),
    );
}

#[test]
fn numbers_and_switches_are_read_from_text() {
    silently(
        json!({ "volume": " 40 ", "ratio": "0.5", "on": "true", "numbers": ["1", 2.0, "3.0"] }),
        json!({ "volume": 40, "ratio": 0.5, "on": true, "numbers": [1, 2, 3] }),
    );
    silently(json!({ "on": "false", "ratio": 1 }), json!({ "on": false, "ratio": 1 }));
}

#[test]
fn numbers_out_of_range_become_the_nearest_and_that_is_told() {
    assert_eq!(
        normal(json!({ "volume": 250, "ratio": "2", "items": [{ "volume": -1 }] })),
        (
            json!({ "volume": 100, "ratio": 1.5, "items": [{ "volume": 0 }] }),
            vec![
                "`/volume`: 250 became 100, the nearest number that the module allows".to_owned(),
                "`/ratio`: 2 became 1.5, the nearest number that the module allows".to_owned(),
                "`/items/0/volume`: -1 became 0, the nearest number that the module allows".to_owned(),
            ]
        )
    );
}

#[test]
fn unknown_settings_are_dropped_and_that_is_told() {
    let (left, told) = normal(json!({ "hostname": "secret?", "items": [{ "x/y": 1 }], "map": { "a~b": 101 } }));
    assert_eq!(left, json!({ "items": [{}], "map": { "a~b": 100 } }));
    assert_eq!(told[0], "`/hostname` was dropped: the module has no such setting");
    assert!(told[1].starts_with("`/items/0/x~1y` was dropped") && told[2].starts_with("`/map/a~0b`: 101 became"));
    assert!(!told.concat().contains("secret?"), "values that nobody knows aren't quoted");
}

#[test]
fn what_cannot_be_read_stays_for_generating_to_refuse() {
    let odd = json!({ "volume": "loud", "ratio": "1,5", "on": "perhaps", "mode": "c", "items": {}, "map": [], "timer": 5,
        "numbers": [[], "x"], "name": { "a": null } });
    silently(odd.clone(), odd);
}

#[test]
fn timers_lose_what_is_no_part_and_blanks() {
    silently(
        json!({ "timer": { "type": "systemd-timer", "timer_type": "realtime", "on_calendar": ["daily", "", null],
            "persistent": "true", "accuracy_sec": "", "on_boot_sec": null, "randomized_delay_sec": "5s" } }),
        json!({ "timer": { "timer_type": "realtime", "on_calendar": ["daily"], "persistent": true, "randomized_delay_sec": "5s" } }),
    );
    silently(
        json!({ "timer": { "on_calendar": ["daily"] } }),
        json!({ "timer": { "on_calendar": ["daily"], "timer_type": "realtime" } }),
    );
    let (left, told) = normal(json!({ "timer": { "timer_type": "continuous", "colour": 1 } }));
    assert_eq!(left, json!({ "timer": { "timer_type": "continuous" } }));
    assert_eq!(told, ["`/timer/colour` was dropped: a timer has no such part"]);
}

#[test]
fn a_timer_without_a_time_is_a_service_as_in_thymis() {
    for timer in
        [json!({}), json!({ "timer_type": "realtime", "on_calendar": [""] }), json!({ "timer_type": "monotonic" })]
    {
        let (left, told) = normal(json!({ "timer": timer }));
        assert_eq!(left["timer"]["timer_type"], "continuous");
        assert!(told[0].contains("became `continuous`"), "{told:?}");
    }
    let kept = json!({ "timer": { "timer_type": "realtime", "accuracy_sec": "1min" } });
    silently(kept.clone(), kept);
}

#[test]
fn secrets_are_found_at_any_depth() {
    let [a, b] = ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"];
    let found = normalise(&descriptor().settings, settings(json!({ "password": a, "items": [{ "password": b }] })));
    assert_eq!(found.secrets, [a, b]);
}

#[test]
fn what_is_no_id_of_a_secret_may_be_the_secret() {
    let (left, told) = normal(json!({ "password": "S3cret_Passw0rd" }));
    assert_eq!((left, told), (json!({}), vec!["`/password` was dropped: it is not the id of a secret".to_owned()]));
}

#[test]
fn what_thymis_took_for_another_type_becomes_it() {
    let (left, told) = normal(json!({ "name": 8080, "on": 1, "volume": 50.7 }));
    assert_eq!(left, json!({ "name": "8080", "on": true, "volume": 50 }));
    assert_eq!(told.len(), 1, "{told:?}");
    let (left, _) = normal(json!({ "name": "a\r\n" }));
    assert_eq!(left, json!({ "name": "a" }));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9. ]{0,4}|true|daily|realtime|monotonic".prop_map(Value::from),
    ];
    let key = "volume|ratio|on|name|mode|format|password|file|timer|items|numbers|map|timer_type|on_calendar|type|x";
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn normalising_twice_is_normalising_once(value in any_value()) {
        let Value::Object(object) = value else { return Ok(()) };
        let schema = descriptor().settings;
        let once = normalise(&schema, object);
        let twice = normalise(&schema, once.settings.clone());
        prop_assert_eq!(&twice.settings, &once.settings);
        prop_assert!(twice.changes.is_empty(), "{:?}", twice.changes);
    }
}

fn parse(state: &str) -> String {
    Document::parse("state.json", state.as_bytes()).unwrap_err().to_string()
}

#[test]
fn states_that_are_none_are_refused_with_their_place() {
    insta::assert_snapshot!(parse("{}"), @r#"state.json: there is no "version": it is not the state.json of a Thymis project"#);
    insta::assert_snapshot!(parse(r#"{"version": "0.1.0"}"#),
        @"state.json: the state has version 0.1.0, and versions 0.0.1 to 0.0.9 can be read: update this program, or export the state with the Thymis that wrote it in an older version");
    insta::assert_snapshot!(parse(r#"{"version": "0.0.9", "tags": {}}"#),
        @"state.json: `tags` must be a list; found an object. Correct it there, and import again");
    insta::assert_snapshot!(parse(r#"{"version": "0.0.9", "configs": [{"displayName": "a", "identifier": 5}]}"#),
        @"state.json: `configs/0/identifier` must be a text; found 5. Correct it there, and import again");
    insta::assert_snapshot!(parse(r#"{"version": "0.0.9", "tags": [{"displayName": "a", "identifier": "a", "priority": 1.5}]}"#),
        @"state.json: `tags/0/priority` must be a whole number; found 1.5. Correct it there, and import again");
    assert!(parse("[1]").contains("an object is expected") || parse("[1]").contains("invalid type"));
    assert!(parse(&"[".repeat(100_000)).contains("recursion limit"));
    assert!(parse(r#"{"version": "0.0.9", "version": "0.0.8"}"#).contains("there twice"));
}

/// A controller without modules, for which any text is an address.
struct Bare;

impl Host for Bare {
    fn module(&self, _: &PythonClass) -> Option<(ModuleId, &Descriptor)> {
        None
    }
    fn descriptor(&self, _: &ModuleId) -> Option<&Descriptor> {
        None
    }
    fn address(&self, text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }
}

fn imported(state: &Value) -> Imported {
    import(Document::parse("state.json", state.to_string().as_bytes()).unwrap(), &Bare).unwrap()
}

#[test]
fn what_inputs_follow_is_taken_over_and_written_back() {
    let follows = json!({
        "nixpkgs": "nixpkgs", "thymis": "My.Utils", "flake-utils": "My.Utils", "deep": "My.Utils/systems",
        "a/b": "My.Utils", "own": "sensors", "lost": "nowhere", "gone": "no url", "": "My.Utils",
    });
    let state = json!({ "version": "0.0.9", "repositories": {
        "sensors": { "url": "git+https://a", "inputs_follows": follows },
        "My.Utils": { "url": "git+https://b", "inputs_follows": { "nixpkgs": "nixpkgs" } },
        "plain": { "url": "git+https://c", "inputs_follows": { "utils": "My.Utils" } },
        "no url": { "inputs_follows": { "utils": "My.Utils" } },
    } });
    let first = imported(&state);
    let project = serde_json::to_value(&first.project).unwrap();
    assert_eq!(project["inputs"]["sensors"]["follows"], json!({ "flake-utils": "my-utils", "thymis": "my-utils" }));
    assert_eq!(project["inputs"]["plain"]["follows"], json!({ "utils": "my-utils" }));
    assert_eq!(project["thymis-repositories"].get("plain"), None);
    assert_eq!(project["thymis-repositories"]["my-utils"], json!({ "inputs-follows": { "nixpkgs": "nixpkgs" } }));
    let told: Vec<String> =
        first.report.dropped.iter().map(|one| format!("{}: {} ({})", one.place, one.what, one.why)).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    input `sensors`: that its `` follows `my-utils` (the name of an input is 1 to 128 bytes without control and invisible characters; write it as the flake does; it is kept without an effect)
    input `sensors`: that its `a/b` follows `my-utils` (only inputs that its own flake names can; add the one before the `/` to the project, and say there what it follows; it is kept without an effect)
    input `sensors`: that its `deep` follows `my-utils/systems` (an input can't follow an input of another: add that one as an input; it is kept without an effect)
    input `sensors`: that its `gone` follows `no-url` (the project has no such input; add it with `thymis input add`, or choose another; it is kept without an effect)
    input `sensors`: that its `lost` follows `nowhere` (the project has no such input; add it with `thymis input add`, or choose another; it is kept without an effect)
    input `sensors`: that its `own` follows `sensors` (that is the input itself; choose another; it is kept without an effect)
    ");

    first.files().unwrap();
    let exported = export(&first.project, [], [], &|_| None).state;
    let written = &exported["repositories"];
    assert_eq!(written["sensors"]["inputs_follows"].as_object().unwrap().len(), follows.as_object().unwrap().len());
    assert_eq!(written["plain"]["inputs_follows"], json!({ "utils": "my-utils" }));
    assert_eq!(imported(&exported).project, first.project);
}
