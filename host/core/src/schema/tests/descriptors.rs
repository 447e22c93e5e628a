//! What a module may say about itself.

use std::time::Instant;

use super::*;

#[test]
fn all_problems_of_a_description_come_at_once_in_words() {
    let mut t = Types::default();
    let flag = t.limited("bool", json!({ "min": 1 }));
    let int = t.limited("int", json!({ "min": 9, "max": 1, "soft-max": 3 }));
    let small = t.limited("int", json!({ "max": 5 }));
    let broken = t.limited("string", json!({ "pattern": "a)|(?:b", "max-length": -1 }));
    let future = t.scalar("hologram");
    let choices = t.select(&["a", "a"]);
    let none = t.select(&[]);
    let map = t.map(small, json!({}));
    let users = t.group(vec![setting("name", small)]);
    let list = t.list(users, json!({ "unique-by": "nmae" }));
    let mut descriptor = t.descriptor(vec![
        setting("flag", flag),
        setting("int", int),
        setting("small", small).default(json!(6)).with(|s| s.example = Some("\"x\"".to_owned())),
        setting("broken", broken),
        setting("future", future),
        setting("choices", choices),
        setting("none", none),
        setting("map", map),
        setting("list", list),
        setting("small", flag),
        setting("1st", small),
        setting("forward", 99),
        setting("lost", small).visible("smal", json!(1)).visible("/list/name", json!(1)).visible("@device", json!(1)),
        setting("never", small).visible("small", json!("x")).visible("@target", json!("host")),
        setting("json", small)
            .with(|s| s.default = Some("{".to_owned()))
            .with(|s| s.extra = extras(json!({ "colour": 1 }))),
    ]);
    descriptor.name = "My Module".to_owned();
    descriptor.extra = extras(json!({ "multiple": "yes", "sound": "beep" }));
    insta::assert_snapshot!(refused(descriptor), @r#"
    module `My Module`: `My Module` can't be the name of a module: allowed are a-z, 0-9 and, between them, `-`
    module `My Module`: property `multiple` must be true or false; found "yes"
    module `My Module`: property `sound` is not known here: the module was made for a newer Thymis; update Thymis or use an older version of the module
    module `My Module`, setting `/flag`: constraint `min` doesn't belong to `bool`; it has none
    module `My Module`, setting `/int`: `min` is 9 and `max` is 1: no value fulfils both
    module `My Module`, setting `/int`: constraint `soft-max` is not known here: the module was made for a newer Thymis; update Thymis or use an older version of the module
    module `My Module`, setting `/broken`: `pattern` is not a regular expression of at most 1048576 bytes compiled: unopened group; it is `a)|(?:b`
    module `My Module`, setting `/broken`: constraint `max-length` must be a whole number from 0; found -1
    module `My Module`, setting `/future`: the kind of value `hologram` is not known here: the module was made for a newer Thymis; update Thymis or use an older version of the module
    module `My Module`, setting `/choices`: has the choice `a` twice
    module `My Module`, setting `/none`: a select needs at least one choice
    module `My Module`, setting `/map`: a map needs the constraint `key-pattern`: what its keys must look like
    module `My Module`, setting `/list`: `unique-by` names `nmae`, which is not a setting of the items; did you mean `name`?
    module `My Module`, setting `/small`: another setting of the group has the same key
    module `My Module`: the key `1st` must be a letter and then letters, digits, `_` or `-`, at most 64 in all
    module `My Module`, setting `/forward`: names type 99, which doesn't stand before it in the table of types
    module `My Module`, setting `/lost`: the subject of a condition `@device` is not known here: the module was made for a newer Thymis; update Thymis or use an older version of the module
    module `My Module`, setting `/json`: property `colour` is not known here: the module was made for a newer Thymis; update Thymis or use an older version of the module
    module `My Module`, setting `/json`: the default is not JSON: EOF while parsing an object at line 1 column 1; it is `{`
    module `My Module`, setting `/small`: the default is wrong: It must be at most 5; found 6.
    module `My Module`, setting `/small`: the example is wrong: It must be an integer; found "x".
    module `My Module`, setting `/lost`: a condition names `smal`, but there is no setting `smal`; did you mean `small`?
    module `My Module`, setting `/lost`: a condition names `/list/name`, but `list` is a list: a path leads through groups only
    module `My Module`, setting `/never`: a value that `small` is compared with is wrong: It must be an integer; found "x".
    module `My Module`, setting `/never`: `@target` is "configuration" or "tag", never "host"
    "#);
}

#[test]
fn what_is_from_the_future_is_told_from_what_is_wrong() {
    let mut t = Types::default();
    let future = t.scalar("hologram");
    let problems = Descriptor::check(t.descriptor(vec![setting("x", future)])).unwrap_err();
    assert!(problems.iter().all(SchemaProblem::is_incompatible));
    let mut t = Types::default();
    let wrong = t.limited("int", json!({ "max-items": 1 }));
    let problems = Descriptor::check(t.descriptor(vec![setting("x", wrong)])).unwrap_err();
    assert!(!problems.iter().any(SchemaProblem::is_incompatible));
}

#[test]
fn conditions_in_a_circle_are_refused() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let inner = t.group(vec![setting("x", flag)]);
    insta::assert_snapshot!(t.refused(vec![
        setting("a", flag).visible("b", json!(true)),
        setting("b", flag).visible("/g/x", json!(true)),
        setting("g", inner).visible("a", json!(true)),
    ]), @"module `logger`: conditions depend on each other in a circle: `/a` → `/b` → `/g/x` → `/g` → `/a`");
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let item = t.group(vec![setting("x", flag).visible("x", json!(true))]);
    let list = t.list(item, json!({}));
    assert!(t.refused(vec![setting("list", list)]).contains("`/x` → `/x`"));
}

#[test]
fn a_default_can_not_choose_among_the_operators_secrets() {
    for kind in ["secret", "artifact"] {
        let mut t = Types::default();
        let secret = t.scalar(kind);
        let group = t.group(vec![setting("s", secret)]);
        let list = t.list(group, json!({}));
        let problems = t.refused(vec![
            setting("plain", secret).default(json!("root-password")),
            setting("deep", list).default(json!([{ "s": "root-password" }])),
        ]);
        assert_eq!(problems.matches("only the operator chooses one").count(), 2, "{problems}");
    }
}

#[test]
fn a_condition_can_not_ask_for_a_secret() {
    let mut t = Types::default();
    let (secret, flag) = (t.scalar("secret"), t.scalar("bool"));
    let problems = t.refused(vec![setting("s", secret), setting("x", flag).visible("s", json!("root-password"))]);
    assert!(problems.contains("neither secrets nor artifacts"), "{problems}");
}

#[test]
fn a_small_table_can_not_describe_a_huge_tree() {
    let mut t = Types::default();
    let mut type_ = t.scalar("bool");
    for _ in 0..14 {
        type_ = t.group((0..20).map(|n| setting(&format!("k{n}"), type_).required()).collect());
    }
    let start = Instant::now();
    assert!(t.refused(vec![setting("x", type_)]).contains("counting shared types at every use"));
    assert!(start.elapsed().as_secs() < 2);

    let mut t = Types::default();
    let mut type_ = t.scalar("bool");
    for _ in 0..3000 {
        type_ = t.list(type_, json!({}));
    }
    assert!(t.refused(vec![setting("x", type_)]).contains("at most 16 are allowed"));
}

#[test]
fn patterns_match_whole_values_and_can_not_escape_their_anchors() {
    let check = |pattern: &str| {
        let mut t = Types::default();
        let string = t.limited("text", json!({ "pattern": pattern }));
        Descriptor::check(t.descriptor(vec![setting("x", string)]))
    };
    for pattern in ["a|b", "(?m)a|b", "a|(?m)b$"] {
        let descriptor = check(pattern).unwrap();
        good(&descriptor, json!({ "x": "b" }));
        for value in ["xb", "bx", "b\nc", "c\nb", "b\n"] {
            bad(&descriptor, json!({ "x": value }));
        }
    }
    for pattern in [
        "a)|(?:b",
        "(",
        "\\w{500}{500}",
        "(?x)a # ",
        "((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))",
    ] {
        assert!(check(pattern).is_err(), "{pattern}");
    }
    for pattern in ["\\w+", "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "\\p{L}{1,8}", "[0-9]{1,3}(\\.[0-9]{1,3}){3}"] {
        assert!(check(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn a_module_has_icons_for_light_and_dark_ground() {
    let mut descriptor = Types::default().descriptor(Vec::new());
    descriptor.extra = extras(json!({ "icon": "<svg>1</svg>", "icon-dark": "<svg>2</svg>" }));
    let checked = Descriptor::check(descriptor.clone()).unwrap();
    assert_eq!(checked.icon.as_deref(), Some("<svg>1</svg>"));
    assert_eq!(checked.icon_dark.as_deref(), Some("<svg>2</svg>"));
    descriptor.extra = extras(json!({ "icon": "x".repeat(limits::ICON_BYTES), "icon-dark": ["x"] }));
    let problems = refused(descriptor);
    assert!(problems.contains("`icon-dark` must be a string of at most 65536 bytes"), "{problems}");
}

#[test]
fn settings_keep_their_order() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let keys = ["z", "a", "m"];
    let descriptor = t.check(keys.map(|key| setting(key, flag).default(json!(true))).into());
    assert!(descriptor.settings.settings().map(|setting| setting.key.as_str()).eq(keys));
    assert_eq!(good(&descriptor, json!({ "m": true, "a": false })).to_string(), r#"{"z":true,"a":false,"m":true}"#);
}

#[test]
fn names_of_modules_are_unique_in_a_component() {
    let one = Types::default().descriptor(Vec::new());
    let mut former = one.clone();
    former.name = "other".to_owned();
    former.extra = extras(json!({ "formerly": ["logger"] }));
    assert!(Descriptor::check_all(vec![one.clone()]).is_ok());
    for pair in [vec![one.clone(), one.clone()], vec![one, former]] {
        assert!(Descriptor::check_all(pair).unwrap_err()[0].message.contains("called `logger`"));
    }
}

#[test]
fn texts_fall_back_to_the_language_and_then_to_english() {
    let mut descriptor = Types::default().descriptor(Vec::new());
    descriptor.label.push(wire::Translation { locale: "de".to_owned(), text: "Protokoll".to_owned() });
    let label = Descriptor::check(descriptor.clone()).unwrap().label;
    let got: Vec<_> = ["de", "de-AT", "fr"].map(|locale| label.get(locale)).into();
    assert_eq!(got, [Some("Protokoll"), Some("Protokoll"), Some("Logger")]);
    descriptor.label.push(wire::Translation { locale: "de".to_owned(), text: "\u{1b}[2J".to_owned() });
    descriptor.label.push(wire::Translation { locale: "../x".to_owned(), text: String::new() });
    assert_eq!(Descriptor::check(descriptor).unwrap_err().len(), 2);
}

#[test]
fn hostile_patterns_cost_little() {
    let mut t = Types::default();
    let nasty = ".*[ab].{300}[!-#]";
    let lines = t.limited("text", json!({ "pattern": nasty }));
    let most = t.limited("string", json!({ "pattern": "\\w{18}" }));
    let mut settings = vec![setting("x", lines), setting("k", most)];
    for n in 2..12 {
        settings.push(setting(&format!("k{n}"), t.limited("string", json!({ "pattern": "\\w{18}" }))));
    }
    let start = Instant::now();
    let descriptor = t.check(settings);
    println!("compiled in {:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 5);
    let start = Instant::now();
    bad(&descriptor, json!({ "x": "aébzzabéaza".repeat(limits::MATCHED_BYTES / 13) }));
    println!("matched in {:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 5);
}
