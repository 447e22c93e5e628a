//! Answers within the bounds of the sandbox that are cheap to give: what becomes of them stays small too, and so does what is
//! said of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use serde_json::{Value, json};
use thymis_core::{
    authority::Authority,
    conflict::{self, Fact, Origin, TargetId},
    expr::{Configuration, Trust},
    grant::Accepted,
    id::ModuleId,
    instance::{self, AnswerError, Rendered},
    manifest::Manifest,
    permission::{Access, Permission},
    schema::{Descriptor, Settings, json_schema, limits},
    wire::{self, *},
};

/// Longest text of an error, in bytes.
const MESSAGE: usize = 64 << 10;

fn origin(tag: &str) -> Arc<Origin> {
    let module: ModuleId = "x/hostile".parse().unwrap();
    Arc::new(Origin { target: TargetId::Tag(tag.parse().unwrap()), instance: (&module.name).into(), module })
}

fn extras(extras: Value) -> Vec<Extra> {
    let extra = |(key, value): (&String, &Value)| Extra { key: key.clone(), value: value.to_string() };
    extras.as_object().unwrap().iter().map(extra).collect()
}

fn setting(key: &str, type_: u32) -> Setting {
    Setting {
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

fn with_default(key: &str, type_: u32, default: &Value) -> Setting {
    Setting { default: Some(default.to_string()), ..setting(key, type_) }
}

fn scalar(kind: &str, constraints: Value) -> SettingType {
    SettingType { shape: Shape::Scalar(kind.to_owned()), constraints: extras(constraints) }
}

fn shape(shape: Shape) -> SettingType {
    SettingType { shape, constraints: Vec::new() }
}

fn descriptor(name: &str, mut types: Vec<SettingType>, settings: Vec<Setting>) -> wire::Descriptor {
    types.push(shape(Shape::Group(settings)));
    wire::Descriptor {
        name: name.to_owned(),
        schema_version: 1,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        settings: types.len() as u32 - 1,
        types,
        extra: Vec::new(),
    }
}

fn settings(types: Vec<SettingType>, settings: Vec<Setting>, stored: Value) -> Settings {
    let descriptor = Descriptor::check(descriptor("m", types, settings)).unwrap();
    descriptor.settings.validate(&stored, TargetKind::Configuration).unwrap()
}

fn refused(descriptors: Vec<wire::Descriptor>) -> String {
    let problems = Descriptor::check_all(descriptors).unwrap_err();
    assert!(problems.len() < 2 * limits::PROBLEMS, "{}", problems.len());
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn option(pattern: &str) -> Accepted {
    let access = Access::Option { pattern: pattern.parse().unwrap(), force: false };
    Permission { access, reason: "r".to_owned() }.into()
}

fn sets(path: Vec<String>, value: u32, strength: Strength) -> Definition {
    Definition { path, value, strength }
}

fn path(segments: &[&str]) -> Vec<String> {
    segments.iter().map(|segment| (*segment).to_owned()).collect()
}

fn answer(exprs: Vec<Expr>, definitions: Vec<Definition>) -> wire::Configuration {
    wire::Configuration { exprs, definitions, ..wire::Configuration::default() }
}

fn render(
    answer: wire::Configuration,
    settings: &Settings,
    permissions: Option<&[Accepted]>,
) -> Result<Rendered, AnswerError> {
    let authority = permissions.map(|permissions| Authority { permissions });
    instance::render(answer, &origin("t"), 80, settings, authority, Trust::External)
}

fn error(answer: wire::Configuration, settings: &Settings, permissions: Option<&[Accepted]>) -> String {
    let error = render(answer, settings, permissions).unwrap_err().to_string();
    assert!(error.len() < MESSAGE, "{}", error.len());
    error
}

fn none() -> Settings {
    settings(Vec::new(), Vec::new(), json!({}))
}

/// Sets in each other, with many values in the innermost.
fn deep(segments: usize, depth: usize, leaves: u32) -> wire::Configuration {
    let mut exprs = vec![Expr::Bool(true); leaves as usize];
    exprs.push(Expr::Attrs((0..leaves).map(|n| Attr { name: format!("n{n:x}"), value: n }).collect()));
    for _ in 0..depth {
        exprs.push(Expr::Attrs(vec![Attr { name: "a".to_owned(), value: exprs.len() as u32 - 1 }]));
    }
    let value = exprs.len() as u32 - 1;
    answer(exprs, vec![sets(vec!["a".to_owned(); segments], value, Strength::Override)])
}

#[test]
fn options_far_below_have_no_more_names_than_are_allowed() {
    insta::assert_snapshot!(error(deep(32, 45, 40_000), &none(), None), @"
    its answer is refused:
      - the definitions: its options, written out one by one, have 3120000 names, 400000 are allowed: nest less deeply, or set fewer
    ");
    let many = render(deep(3, 2, 49_000), &none(), Some(&[option("a")])).unwrap();
    assert_eq!(many.facts.len(), 49_000);
}

#[test]
fn long_settings_in_patterns_are_read_once() {
    let long = Value::from("x".repeat(60_000));
    let given = settings(vec![scalar("text", json!({}))], vec![with_default("s", 0, &long)], json!({}));
    let permissions: Vec<Accepted> = (0..256).map(|n| option(&format!("a.{{settings.s}}.n{n}"))).collect();
    let definitions = (0..10_000).map(|id| sets(path(&["a", "x", "n1"]), id, Strength::Merge)).collect();
    let error = error(answer(vec![Expr::Null; 10_000], definitions), &given, Some(&permissions));
    assert!(error.starts_with("it is denied:\n  - it sets `a.x.n1`, which no permission"), "{error}");
}

#[test]
fn what_is_denied_or_refused_ten_thousand_times_is_told_briefly() {
    let long = "\u{1b}".repeat(250);
    let of = |n: usize| {
        let definition =
            |id: usize| sets(vec![format!("n{id}"), long.clone(), long.clone()], id as u32, Strength::Force);
        answer(vec![Expr::Null; n], (0..n).map(definition).collect())
    };
    let denied = error(of(6_000), &none(), Some(&[]));
    assert!(denied.ends_with("\n  - and more"), "{denied}");
    assert!(error(of(25), &none(), Some(&[])).ends_with("\n  - and 5 more"));

    let mut exprs = vec![Expr::Null; 40_000];
    let attrs = |start: u32| (0..4).map(|n| Attr { name: format!("__{n}{long}"), value: start + n }).collect();
    exprs.extend((0..10_000).map(|n| Expr::Attrs(attrs(4 * n))));
    // Longer than any real answer's text: the bounds of the sandbox are not these.
    let definitions = (0..10_000).map(|n| sets(path(&["a"]), 40_000 + n, Strength::Merge)).collect();
    let refused = error(answer(exprs, definitions), &none(), None);
    assert!(refused.ends_with("\n  - and more"), "{refused}");
}

#[test]
fn a_deep_leaf_that_is_denied_is_told_briefly() {
    let harmless = json!({ "class": "harmless", "kind": "option", "value": "a", "reason": "r" });
    let mut exprs = vec![Expr::Null];
    for _ in 0..46 {
        exprs.push(Expr::Attrs(vec![Attr { name: "\u{1b}".repeat(1_000), value: exprs.len() as u32 - 1 }]));
    }
    let value = exprs.len() as u32 - 1;
    let permissions = [serde_json::from_value(harmless).unwrap()];
    let denied = error(answer(exprs, vec![sets(path(&["a"]), value, Strength::Merge)]), &none(), Some(&permissions));
    assert!(denied.len() < 2_000 && denied.contains("what was accepted at most harmless"), "{denied}");
}

#[test]
fn short_handles_for_long_paths_are_bounded_together() {
    let given = settings(vec![scalar("secret", json!({}))], vec![setting("s", 0)], json!({ "s": "one" }));
    let of = |count: u32| {
        let mut exprs =
            vec![Expr::Ref(Reference { root: "secret".to_owned(), path: path(&["secret:0"]) }); count as usize];
        exprs.push(Expr::List((0..count).collect()));
        let mut answer = answer(exprs, vec![sets(path(&["a"]), count, Strength::Merge)]);
        let (owner, group) = ("root".to_owned(), "root".to_owned());
        let path = format!("/{}", "\"".repeat(500));
        answer.secrets = vec![Placement { secret: "secret:0".to_owned(), path, owner, group, mode: 0o400 }];
        answer
    };
    insta::assert_snapshot!(error(of(49_000), &given, None), @"
    its answer is refused:
      - the definitions: its references to secrets and artifacts, written out, take 24549000 bytes, 4194304 are allowed: refer to them less often
    ");
    assert!(render(of(8_000), &given, None).unwrap().section.len() < 10 << 20);
}

#[test]
fn an_answer_is_printed_in_a_few_times_its_size() {
    let message = "\u{1b}".repeat(1_000_000);
    let mut checks = answer(Vec::new(), Vec::new());
    checks.checks = vec![Check { fatal: true, holds: None, message }; 3];
    assert!(render(checks, &none(), None).unwrap().section.len() < 7 * 3_000_000 + 1_000);
    let mut exprs = vec![Expr::Null; 49_900];
    exprs.push(Expr::List((0..49_900).collect()));
    for _ in 0..46 {
        exprs.push(Expr::Attrs(vec![Attr { name: "a".to_owned(), value: exprs.len() as u32 - 1 }]));
    }
    let value = exprs.len() as u32 - 1;
    let deep = answer(exprs, vec![sets(path(&["a"]), value, Strength::Merge)]);
    assert!(render(deep, &none(), None).unwrap().section.len() < 120 * 49_900);
}

#[test]
fn fifty_thousand_raw_expressions_are_parsed_together() {
    let of = |text: &str, count: u32| {
        let mut exprs = vec![Expr::Raw(text.to_owned()); count as usize];
        exprs.push(Expr::List((0..count).collect()));
        answer(exprs, vec![sets(path(&["a"]), count, Strength::Merge)])
    };
    assert!(render(of("1", 49_000), &none(), None).unwrap().uses_raw);
    assert!(error(of("1 +", 3), &none(), None).contains("expression 0: this isn't one Nix expression"));
    let row = "a ".repeat(2_000);
    assert!(render(of(&row, 3), &none(), None).is_ok());
    insta::assert_snapshot!(error(of(&row, 16), &none(), None), @"
    its answer is refused:
      - expression 4: this isn't one Nix expression: its expressions take longer to parse than a row of 4000 words and signs, which is the limit for all raw Nix together: give parts of long ones names with `let`, and set operators off with blanks
    ");
}

#[test]
fn a_value_that_many_sets_replace_is_told_of_once() {
    let facts = |tag: &str| -> Vec<Fact> {
        let (mut exprs, mut definitions) = (Vec::new(), Vec::new());
        for depth in 1..32 {
            exprs.push(Expr::Null);
            exprs.push(Expr::Attrs(vec![Attr { name: format!("z{depth}"), value: exprs.len() as u32 - 1 }]));
            definitions.push(sets(vec!["a".to_owned(); depth], exprs.len() as u32 - 1, Strength::Override));
        }
        for n in 0..3_000 {
            exprs.push(Expr::Null);
            let path = vec!["a".to_owned(); 31].into_iter().chain([format!("{tag}{n}")]).collect();
            definitions.push(sets(path, exprs.len() as u32 - 1, Strength::Merge));
        }
        let checked = Configuration::check(answer(exprs, definitions), Trust::External).unwrap();
        conflict::facts(&checked.definitions, 80, &origin(tag))
    };
    let all: Vec<Fact> = ["s", "t", "u", "v"].iter().flat_map(|tag| facts(tag)).collect();
    let (conflicts, dropped) = conflict::compare(&all);
    assert_eq!((conflicts.len(), dropped.len()), (0, 4 * 3_000));
    assert!(dropped.iter().all(|dropped| dropped.winning_path.to_string() == "a" && dropped.winner != dropped.dropped));
}

#[test]
fn a_thousand_values_for_one_option_are_told_briefly() {
    let exprs =
        (0..10_000).map(|n| Expr::Text(vec![Part::Literal(format!("{n}{}", "\u{e0001}".repeat(50)))])).collect();
    let definitions = (0..10_000).map(|id| sets(path(&["a"]), id, Strength::Merge)).collect();
    let checked = Configuration::check(answer(exprs, definitions), Trust::External).unwrap();
    let (conflicts, _) = conflict::compare(&conflict::facts(&checked.definitions, 80, &origin("t")));
    assert_eq!(conflicts.len(), 64);
}

/// Names that are alike, so that it is work to find which one was meant.
fn alike(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("{}{:06}", "a".repeat(56), n * 7))
}

#[test]
fn the_same_mistake_made_ten_thousand_times_is_one_problem() {
    let wrong = format!("{}zzzzzz", "a".repeat(56));
    let choices = alike(300).map(|value| Choice { value, label: Vec::new() }).collect();
    let any_of = vec![json!(wrong).to_string(); 256];
    let test = Test { setting: "a".to_owned(), any_of };
    let mut b = setting("b", 0);
    b.conditions = vec![Condition { when: vec![test; 8], effect: Effect::Visible }; 4];
    let text = refused(vec![descriptor("m", vec![shape(Shape::Select(choices))], vec![setting("a", 0), b])]);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.starts_with("module `m`, setting `/b`: a value that `a` is compared with is wrong: It must be one of")
    );
    assert!(text.len() < 4_000);
}

#[test]
fn defaults_that_are_wrong_everywhere_are_not_all_looked_into() {
    let inner = alike(300).map(|key| setting(&key, 0)).collect();
    let wrong: serde_json::Map<String, Value> =
        (0..800).map(|n| (format!("{}z{n:05}", "a".repeat(56)), json!(1))).collect();
    let wrong = Value::Object(wrong);
    let outer = (0..40).map(|n| with_default(&format!("d{n}"), 1, &wrong)).collect();
    let types = vec![scalar("int", json!({})), shape(Shape::Group(inner))];
    let text = refused(vec![descriptor("m", types, outer)]);
    assert!(text.len() < 40_000, "{}", text.len());
}

#[test]
fn values_of_all_defaults_of_a_component_are_bounded_together() {
    let list = Value::from(vec![0; 19_000]);
    let types = || vec![scalar("int", json!({})), shape(Shape::List(0))];
    let module = |name: &str| descriptor(name, types(), vec![with_default("d", 1, &list)]);
    assert!(Descriptor::check_all(vec![module("one")]).is_ok());
    insta::assert_snapshot!(refused(vec![module("one"), module("two")]), @"module `two`, setting `/d`: the default has too many values: at most 32768 are allowed in all defaults, examples, conditions and constraints of the modules of a component");
}

#[test]
fn shared_types_are_counted_for_all_modules_of_a_component() {
    let module = |name: &str| {
        let mut types = vec![scalar("int", json!({}))];
        for type_ in 0..11 {
            types.push(shape(Shape::Group(vec![setting("a", type_), setting("b", type_)])));
        }
        descriptor(name, types, vec![setting("a", 11), setting("b", 11)])
    };
    assert_eq!(Descriptor::check_all(vec![module("one")]).unwrap().len(), 1);
    insta::assert_snapshot!(refused(vec![module("one"), module("two")]), @"module `two`: has more than 8192 settings or 65536 compared values, counting shared types at every use, together with the other modules of its component");
}

#[test]
fn patterns_of_all_modules_are_bounded_together() {
    let module = |name: String, patterns: usize| {
        let types = (0..patterns).map(|n| scalar("string", json!({ "pattern": format!("\\w{{18}}{n}") }))).collect();
        descriptor(&name, types, (0..patterns).map(|n| setting(&format!("s{n}"), n as u32)).collect())
    };
    assert!(Descriptor::check_all(vec![module("m".to_owned(), 12)]).is_ok());
    let text = refused((0..4).map(|n| module(format!("m{n}"), 6)).collect());
    insta::assert_snapshot!(text.lines().next().unwrap(), @"module `m2`, setting `/s3`: `pattern` is too much: the regular expressions of all modules of a component may have 16777216 bytes compiled");
    // Ordinary ones are small.
    let ordinary =
        ["[A-Za-z0-9._-]{0,127}", "[a-z0-9-]{1,63}", "[\\w.+-]+@[\\w-]+\\.[\\w.-]+", "https?://[^/]{1,255}/.*"];
    let types = (0..64).map(|n| scalar("string", json!({ "pattern": ordinary[n % 3] }))).collect();
    let settings = (0..64).map(|n| setting(&format!("s{n}"), n)).collect();
    assert!(Descriptor::check_all(vec![descriptor("m", types, settings)]).is_ok());
}

#[test]
fn slow_patterns_are_matched_with_little_text() {
    let slow = json!({ "pattern": "[ab]*a[ab]{0,3000}" });
    let types = || vec![scalar("text", slow.clone()), shape(Shape::List(0))];
    let text = "ab".repeat(1_500);
    let of = |count: usize| Value::from(vec![text.clone(); count]);
    insta::assert_snapshot!(refused(vec![descriptor("m", types(), vec![with_default("l", 1, &of(20))])]), @"module `m`, setting `/l`: the default is wrong: The settings must have less text that is matched with patterns: bytes of text times bytes of the compiled pattern come to more than 4294967296; remove items from lists or maps.");
    let good = Descriptor::check(descriptor("m", types(), vec![setting("l", 1)])).unwrap();
    let validate = |count: usize| good.settings.validate(&json!({ "l": of(count) }), TargetKind::Configuration);
    assert!(validate(1).is_ok());
    assert!(validate(20).unwrap_err()[0].message.contains("less text that is matched with patterns"));
    // Usual patterns are no trouble.
    let types = vec![scalar("string", json!({ "pattern": "[a-z0-9-]{1,63}" })), shape(Shape::List(0))];
    settings(types, vec![setting("l", 1)], json!({ "l": vec!["some-host-name"; 15_000] }));
}

#[test]
fn keys_of_maps_are_counted_for_every_place_that_is_kept() {
    let mut types = vec![scalar("device-type", json!({})), shape(Shape::List(0))];
    let mut value = json!(vec!["a"; 10_000]);
    for type_ in 1..14 {
        types.push(SettingType { shape: Shape::Map(type_), constraints: extras(json!({ "key-pattern": "~*" })) });
        value = json!({ "~".repeat(250): value });
    }
    let text = refused(vec![descriptor("m", types, vec![with_default("d", 14, &value)])]);
    assert!(text.contains("must have at most 20000 values, 1048576 bytes of text"), "{text}");
}

#[test]
fn nested_mistakes_under_long_keys_are_told_briefly() {
    let mut types = vec![scalar("int", json!({}))];
    let mut wrong = json!("x");
    for type_ in 0..12 {
        types.push(SettingType { shape: Shape::Map(type_), constraints: extras(json!({ "key-pattern": ".*" })) });
        wrong = json!({ "\u{e0001}".repeat(60): wrong });
    }
    let settings: Vec<Setting> = (0..10).map(|n| with_default(&format!("d{n}"), 12, &wrong)).collect();
    let text = refused((0..64).map(|n| descriptor(&format!("m{n}"), types.clone(), settings.clone())).collect());
    assert!(text.len() < 400_000, "{}", text.len());

    let good = Descriptor::check(descriptor("m", types, vec![setting("d", 12)])).unwrap();
    let mut stored = json!({ "k".repeat(900_000): vec![1; 200] });
    for _ in 0..11 {
        stored = json!({ "a": stored });
    }
    let problems = good.settings.validate(&json!({ "d": stored }), TargetKind::Configuration).unwrap_err();
    assert!(problems.iter().all(|problem| problem.pointer.len() < 1_000 && problem.message.len() < 2_010));
}

#[test]
fn a_json_schema_says_as_much_of_earlier_keys_as_there_is_room_for() {
    let with_former = |n: usize, key: &str| {
        let former: Vec<String> = (0..32).map(|k| format!("k{n}x{k}{key}")).collect();
        let allowed = Condition { when: Vec::new(), effect: Effect::Allowed(vec!["1".to_owned()]) };
        let extra = extras(json!({ "formerly": former }));
        Setting { extra, conditions: vec![allowed; 32], ..setting(&format!("s{n}"), 0) }
    };
    let settings = (0..100).map(|n| with_former(n, &"y".repeat(200))).collect();
    let descriptor = Descriptor::check(descriptor("m", vec![scalar("int", json!({}))], settings)).unwrap();
    let schema = json_schema(&"x/m".parse().unwrap(), &descriptor);
    assert!(schema.to_string().len() < 16 << 20, "{}", schema.to_string().len());
    assert_eq!(schema["properties"]["s99"]["x-thymis-conditions"].as_array().unwrap().len(), 32);
}

#[test]
fn samples_of_lists_of_lists_are_no_larger_than_settings_may_be() {
    let mut types = vec![scalar("int", json!({}))];
    for type_ in 0..14 {
        types.push(SettingType { shape: Shape::List(type_), constraints: extras(json!({ "min-items": 64 })) });
    }
    let checked = Descriptor::check(descriptor("m", types, vec![setting("d", 14), setting("e", 1)])).unwrap();
    let samples = checked.settings.samples(50).list;
    assert!(samples.iter().any(|sample| sample.settings["e"].as_array().is_some_and(|items| items.len() == 64)));
}

#[test]
fn a_manifest_is_refused_in_a_few_words() {
    let head = "manifest = 1\n[repository]\nname = \"x\"\nversion = \"1\"\ndescription = \"d\"\n";
    for text in [
        format!("\"{}\" = 1\n{head}", "\\u001b".repeat(35_000)),
        format!("manifest = 1\nrepository = \"{}\"\n", "\\u001b".repeat(35_000)),
        format!("{head}[x-other]\na = 1\n[\"{}\"]\n", "\\u001b".repeat(35_000)),
        format!("{head}{}", "[[component]]\nfile = \"a.wasm\"\nwit = \"0.1\"\n".repeat(5_000)),
        format!("a = {}", "[".repeat(200_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
    ] {
        let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 8_000, "{}", error.len());
    }
}

#[test]
fn the_deepest_answers_fit_on_a_small_stack() {
    let deepest = || {
        let mut exprs = vec![Expr::Text(vec![Part::Literal("x".to_owned())])];
        for _ in 0..23 {
            let arguments = vec![exprs.len() as u32 - 1];
            exprs.push(Expr::Call(Call { function: "toString".to_owned(), arguments }));
            exprs.push(Expr::Text(vec![Part::Embed(exprs.len() as u32 - 1)]));
        }
        let value = exprs.len() as u32 - 1;
        render(answer(exprs, vec![sets(path(&["a"]), value, Strength::Override)]), &none(), None).unwrap();
        render(deep(32, 46, 10), &none(), Some(&[option("a")])).unwrap();
        let mut types = vec![scalar("int", json!({}))];
        let mut value = json!(1);
        for type_ in 0..14 {
            types.push(shape(Shape::List(type_)));
            value = json!([value]);
        }
        settings(types, vec![setting("d", 14)], json!({ "d": value }));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for default in [nested(126), nested(30_000)] {
            let deep = Setting { default: Some(default), ..setting("d", 0) };
            refused(vec![descriptor("m", vec![scalar("int", json!({}))], vec![deep])]);
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(deepest).unwrap().join().unwrap();
}
