//! What happens to somebody's settings.

use std::time::Instant;

use super::*;

#[test]
fn defaults_are_filled_in_at_any_depth() {
    let checked = good(&rich(), json!({ "hosts": { "a": { "users": [{ "name": "bob" }] } } }));
    insta::assert_snapshot!(checked, @r#"{"mode":"manual","hosts":{"a":{"users":[{"name":"bob","admin":false}],"port":22}},"server":{"url":"local","port":8080}}"#);
}

#[test]
fn an_optional_group_is_absent_as_a_whole_and_complete_when_it_is_there() {
    assert_eq!(good(&rich(), json!({})).get("proxy"), None);
    assert_eq!(good(&rich(), json!({ "proxy": { "url": "abc" } }))["proxy"], json!({ "url": "abc", "port": 8080 }));
    insta::assert_snapshot!(bad(&rich(), json!({ "proxy": {} })),
        @"/proxy/url: `url` is missing: it needs a value (string).");
}

#[test]
fn a_required_group_is_there_even_if_it_is_not_stored() {
    let mut t = Types::default();
    let port = t.scalar("int");
    let inner = t.group(vec![setting("port", port).default(json!(1))]);
    let strict = t.group(vec![setting("port", port).required()]);
    let descriptor = t.check(vec![setting("a", inner).required(), setting("b", strict).required()]);
    assert_eq!(good(&descriptor, json!({ "b": { "port": 2 } })), json!({ "a": { "port": 1 }, "b": { "port": 2 } }));
    insta::assert_snapshot!(bad(&descriptor, json!({})), @"/b/port: `port` is missing: it needs a value (int).");
}

#[test]
fn all_problems_come_at_once_in_words() {
    let problems = bad(
        &rich(),
        json!({
            "mode": "manul", "port": 70000, "ratio": "much", "notes": "a\u{0}b", "path": "/var/../etc", "package": "a b",
            "timer": { "timer_type": "realtime", "on_calender": [] }, "token": "pass word!", "prot": 1, "wholly-else": 2,
            "users": [{ "name": "bob" }, { "name": "bob" }, { "name": "X", "admin": 1 }, {}],
            "hosts": { "A": null, "b": { "port": 1.0, "files": { "x": "../y" } } }, "server": { "port": null, "url": "x\u{1b}[31m" }
        }),
    );
    insta::assert_snapshot!(problems, @r#"
    /prot: `prot` is not a setting; did you mean `port`?
    /wholly-else: `wholly-else` is not a setting; there are `mode`, `port`, `ratio`, `notes`, `code`, `path`, `package`, `timer`, …; remove it.
    /mode: Mode (`mode`) must be one of "off", "manual", "automatic"; found "manul"; did you mean "manual"?
    /port: Port of the server (`port`) must be at least 1 and at most 65535; found 70000.
    /ratio: `ratio` must be a number; found "much".
    /path: `path` must be an absolute path such as `/var/lib/app`, without `..`; found "/var/../etc".
    /package: `package` must be the name of a package in nixpkgs such as `curl` or `python3Packages.requests`; found "a b".
    /timer/on_calender: `on_calender` of `timer` is not a part of a timer; did you mean `on_calendar`?
    /timer: `timer` needs `on_calendar`, such as ["daily"].
    /token: API token (`token`) must be the name of a secret of the project: 1 to 128 of A-Z, a-z, 0-9, `.`, `_`, `-`; what was found is not shown.
    /users: Users (`users`) must have at most 3 items; found 4.
    /users/1: Item 2 of Users (`users`) repeats an earlier item: only one may have "bob" as its `name`.
    /users/2/name: `name` must have at least 2 and at most 8 characters; found 1.
    /users/2/admin: `admin` must be true or false; found 1.
    /users/3/name: `name` is missing: it needs a value (string).
    /hosts/A: Entry `A` of Hosts (`hosts`) has a key that is not allowed: it must match the pattern `[a-z/~]+` and have at most 256 bytes.
    /hosts/A: Entry `A` of Hosts (`hosts`) is null; remove the key to unset it.
    /hosts/b/files/x: Entry `x` of `files` must be the name of a file in the project's `artifacts`, such as `nginx.conf`, without `.` and `..`; found "../y".
    /hosts/b/port: `port` must be an integer; found 1.0.
    /server/url: `url` must match the pattern `[a-z]+`; found "x\u{1b}[31m".
    /server/port: `port` is null; remove the key to unset it.
    "#);
}

#[test]
fn unset_is_an_absent_key_and_empty_values_are_values() {
    let descriptor = rich();
    let empty = json!({ "users": [], "hosts": {}, "code": "", "ratio": 0 });
    let checked = good(&descriptor, empty.clone());
    for (key, value) in empty.as_object().unwrap() {
        assert_eq!(&checked[key], value);
    }
    assert!(bad(&descriptor, json!({ "code": null })).contains("is null; remove the key to unset it"));
}

#[test]
fn empty_values_are_not_replaced_by_defaults() {
    let mut t = Types::default();
    let (string, int, flag) = (t.scalar("string"), t.scalar("int"), t.scalar("bool"));
    let (list, map) = (t.list(int, json!({})), t.map(int, json!({ "key-pattern": "a" })));
    let descriptor = t.check(vec![
        setting("string", string).default(json!("x")).required(),
        setting("int", int).default(json!(1)),
        setting("flag", flag).default(json!(true)),
        setting("list", list).default(json!([1])),
        setting("map", map).default(json!({ "a": 1 })),
    ]);
    let empty = json!({ "string": "", "int": 0, "flag": false, "list": [], "map": {} });
    assert_eq!(good(&descriptor, empty.clone()), empty);
    insta::assert_snapshot!(bad(&descriptor, json!({ "list": [null], "map": { "a": null }, "string": null })), @r"
    /string: `string` is null; remove the key to unset it.
    /list/0: Item 1 of `list` is null; remove the key to unset it.
    /map/a: Entry `a` of `map` is null; remove the key to unset it.
    ");
}

#[test]
fn lengths_count_unicode_scalar_values() {
    let mut t = Types::default();
    let string = t.limited("string", json!({ "min-length": 2, "max-length": 2 }));
    let descriptor = t.check(vec![setting("string", string)]);
    for two in ["ab", "𝕏ä", "e\u{301}"] {
        good(&descriptor, json!({ "string": two }));
    }
    assert!(bad(&descriptor, json!({ "string": "𝕏" })).contains("found 1"));
}

#[test]
fn integers_are_integers_of_64_bits_and_floats_take_them() {
    let mut t = Types::default();
    let (int, float) = (t.scalar("int"), t.scalar("float"));
    let descriptor = t.check(vec![setting("i", int), setting("f", float)]);
    for i in [i64::MIN, 0, i64::MAX] {
        good(&descriptor, json!({ "i": i, "f": i }));
    }
    for wrong in [json!(1.0), json!(i64::MAX as u64 + 1), json!("1"), json!(true)] {
        assert!(bad(&descriptor, json!({ "i": wrong })).starts_with("/i: `i` must be"));
    }
}

#[test]
fn a_hidden_setting_is_unset_whatever_is_stored_and_has_no_default() {
    let mut t = Types::default();
    let (flag, int) = (t.scalar("bool"), t.limited("int", json!({ "min": 1 })));
    let descriptor = t.check(vec![
        // Written before what they depend on: the order of evaluation is not that of the list.
        setting("c", int).visible("b", json!(7)).required(),
        setting("b", int).visible("a", json!(true)).default(json!(7)),
        setting("a", flag).default(json!(false)),
    ]);
    assert_eq!(good(&descriptor, json!({ "b": -5, "c": "nonsense" })), json!({ "a": false }));
    assert_eq!(good(&descriptor, json!({ "a": true, "c": 2 })), json!({ "c": 2, "b": 7, "a": true }));
    assert!(bad(&descriptor, json!({ "a": true })).contains("/c: `c` is missing"));
}

#[test]
fn what_is_inside_a_hidden_group_equals_nothing() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let group = t.group(vec![setting("on", flag).default(json!(true))]);
    let descriptor = t.check(vec![
        setting("all", flag).default(json!(true)),
        setting("group", group).required().visible("all", json!(true)),
        setting("x", flag).default(json!(true)).visible("/group/on", json!(true)),
    ]);
    assert_eq!(good(&descriptor, json!({})), json!({ "all": true, "group": { "on": true }, "x": true }));
    assert_eq!(good(&descriptor, json!({ "all": false, "group": { "on": true } })), json!({ "all": false }));
}

#[test]
fn items_look_at_their_own_siblings_and_at_the_module() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let item = t.group(vec![
        setting("own", flag).default(json!(false)),
        setting("a", flag).default(json!(true)).visible("own", json!(true)),
        setting("b", flag).default(json!(true)).visible("/global", json!(true)),
    ]);
    let items = t.list(item, json!({}));
    let descriptor = t.check(vec![setting("items", items), setting("global", flag).default(json!(false))]);
    assert_eq!(
        good(&descriptor, json!({ "items": [{}, { "own": true }] }))["items"],
        json!([{ "own": false }, { "own": true, "a": true }])
    );
    assert_eq!(
        good(&descriptor, json!({ "items": [{}], "global": true }))["items"],
        json!([{ "own": false, "b": true }])
    );
}

#[test]
fn several_visible_conditions_are_alternatives_and_the_tests_of_one_are_not() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let descriptor = t.check(vec![
        setting("a", flag),
        setting("b", flag),
        setting("c", flag),
        setting("x", flag)
            .when(wire::Effect::Visible, &[("a", json!(true)), ("b", json!(true))])
            .visible("c", json!(true))
            .default(json!(true)),
    ]);
    let shown = |settings| good(&descriptor, settings).get("x").is_some();
    assert!(shown(json!({ "a": true, "b": true })));
    assert!(shown(json!({ "c": true })));
    assert!(!shown(json!({ "a": true, "b": false })));
    assert!(!shown(json!({})));
}

#[test]
fn values_can_be_limited_by_others_and_by_the_target() {
    let mut t = Types::default();
    let (mode, size) = (t.select(&["small", "large"]), t.scalar("int"));
    let limit = wire::Effect::Allowed(vec!["1".to_owned(), "2".to_owned()]);
    let descriptor = t.check(vec![
        setting("mode", mode),
        setting("size", size).when(limit, &[("mode", json!("small"))]),
        setting("host", size).visible("@target", json!("configuration")).default(json!(1)),
    ]);
    good(&descriptor, json!({ "mode": "large", "size": 3 }));
    insta::assert_snapshot!(bad(&descriptor, json!({ "mode": "small", "size": 3 })),
        @"/size: `size` must be one of 1, 2 beside the other settings; found 3.");
    let tag = descriptor.settings.validate(&json!({}), TargetKind::Tag).unwrap();
    assert_eq!((tag.json(), good(&descriptor, json!({}))), (&json!({}), json!({ "host": 1 })));
}

#[test]
fn a_module_sees_handles_in_place_of_secrets_and_artifacts_at_any_depth() {
    let stored = json!({
        "token": "main", "users": [{ "name": "bob", "admin": true, "password": "bobs" }],
        "hosts": { "a/~": { "files": { "b": "x/b.conf", "a": "a.conf" } } }
    });
    let settings = rich().settings.validate(&stored, TargetKind::Configuration).unwrap();
    let seen = settings.json().to_string();
    assert_eq!(settings.json()["token"], "secret:0");
    assert_eq!(settings.json()["users"][0]["password"], "secret:1");
    assert_eq!(settings.json()["hosts"]["a/~"]["files"], json!({ "a": "artifact:2", "b": "artifact:3" }));
    assert!(!seen.contains("main") && !seen.contains("bobs") && !seen.contains(".conf"), "{seen}");
    assert_eq!(settings.plain()["users"][0]["password"], "bobs");
    let handle = settings.resolve("artifact:3").unwrap();
    assert_eq!((handle.value.as_str(), handle.pointer.as_str()), ("x/b.conf", "/hosts/a~1~0/files/b"));
    for forged in ["secret:3", "secret:9", "secret:", "bobs", "secret:01", ""] {
        assert!(settings.resolve(forged).is_none(), "{forged}");
    }
}

#[test]
fn a_secret_pasted_where_its_name_belongs_is_not_repeated() {
    for value in [json!("hunter2 is secret"), json!(["hunter2"]), json!({ "hunter2": 1 }), json!("hunter2\n")] {
        let message = bad(&rich(), json!({ "token": value }));
        assert!(message.contains("must be the name of a secret") && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn values_are_found_by_dotted_path() {
    let settings = rich().settings.validate(&json!({ "token": "t" }), TargetKind::Configuration).unwrap();
    assert_eq!(settings.get("server.port"), Some(&json!(8080)));
    assert_eq!(settings.get("token"), Some(&json!("t")));
    assert_eq!(settings.get("server.nothing"), None);
}

#[test]
fn a_value_stored_under_an_earlier_key_counts() {
    assert_eq!(good(&rich(), json!({ "prt": 5 }))["port"], 5);
    insta::assert_snapshot!(bad(&rich(), json!({ "prt": 5, "port": 6 })),
        @"/prt: `prt` is now called `port`, which is set too: remove the earlier one.");
}

#[test]
fn text_that_breaks_its_form_is_refused() {
    let mut t = Types::default();
    let types: Vec<u32> =
        ["string", "path", "package", "artifact", "secret", "text"].map(|kind| t.scalar(kind)).to_vec();
    let settings = ["string", "path", "package", "artifact", "secret", "text"];
    let descriptor = t.check(settings.iter().zip(types).map(|(key, type_)| setting(key, type_)).collect());
    let cases: [(&str, &[&str], &[&str]); 6] = [
        ("string", &["", "ä b", "${x}''"], &["a\nb", "a\r", "\0"]),
        ("path", &["/", "/a/..b", "/a b"], &["", "a", "../a", "/..", "/a/../b", "/a\n", "/\0"]),
        (
            "package",
            &["curl", "python3Packages.requests", "_7zz"],
            &["", ".", "a.", ".a", "a..b", "a b", "a;b", "${a}", "a\n"],
        ),
        ("artifact", &["a", "a/b.txt", "..a"], &["", "/a", "a/", "a//b", "..", "a/../b", ".", "a\\b", "a\nb"]),
        ("secret", &["a", "5f0f5a6e-6a2b_x.Y"], &["", "a b", "a/b", "ä", "a\n"]),
        ("text", &["", "a\nb\r\n\t"], &["\0"]),
    ];
    for (key, good_ones, bad_ones) in cases {
        for value in good_ones {
            good(&descriptor, json!({ key: value }));
        }
        for value in bad_ones {
            assert!(descriptor.settings.validate(&json!({ key: value }), TargetKind::Tag).is_err(), "{key} {value:?}");
        }
    }
}

#[test]
fn timers_as_thymis_stores_them_are_accepted() {
    let mut t = Types::default();
    let timer = t.scalar("systemd-timer");
    let descriptor = t.check(vec![setting("timer", timer)]);
    for timer in [
        json!({ "timer_type": "realtime", "on_calendar": ["*-*-* 06:00:00", ""], "persistent": true }),
        json!({ "timer_type": "realtime", "on_calendar": ["daily"], "accuracy_sec": "1min", "randomized_delay_sec": "30s", "on_boot_sec": "9min" }),
        json!({ "timer_type": "monotonic", "on_boot_sec": "1min", "on_unit_active_sec": "5min" }),
        json!({ "timer_type": "continuous" }),
    ] {
        assert_eq!(good(&descriptor, json!({ "timer": timer })), json!({ "timer": timer }));
    }
    for timer in [
        json!({}),
        json!("daily"),
        json!({ "timer_type": "sometimes" }),
        json!({ "timer_type": "realtime" }),
        json!({ "timer_type": "realtime", "on_calendar": [" "] }),
        json!({ "timer_type": "realtime", "on_calendar": "daily" }),
        json!({ "timer_type": "realtime", "on_calendar": ["a\nExecStart=x"] }),
        json!({ "timer_type": "monotonic", "on_calendar": ["daily"] }),
        json!({ "timer_type": "monotonic", "on_boot_sec": 5 }),
        json!({ "timer_type": "continuous", "persistent": null }),
        json!({ "timer_type": "continuous", "else": 1 }),
    ] {
        assert!(bad(&descriptor, json!({ "timer": timer })).contains("timer"), "{timer}");
    }
}

#[test]
fn uniqueness_sees_defaults_and_equal_numbers() {
    let mut t = Types::default();
    let (float, int) = (t.scalar("float"), t.scalar("int"));
    let item = t.group(vec![setting("port", int).default(json!(80))]);
    let (numbers, ports) = (t.list(float, json!({ "unique-by": "" })), t.list(item, json!({ "unique-by": "port" })));
    let descriptor = t.check(vec![setting("numbers", numbers), setting("ports", ports)]);
    insta::assert_snapshot!(bad(&descriptor, json!({ "numbers": [1, 2.5, 1.0], "ports": [{}, { "port": 81 }, { "port": 80 }] })), @r"
    /numbers/2: Item 3 of `numbers` repeats an earlier item: 1.0 may stand there once.
    /ports/2: Item 3 of `ports` repeats an earlier item: only one may have 80 as its `port`.
    ");
}

#[test]
fn the_document_has_bounds() {
    let mut t = Types::default();
    let lines = t.scalar("text");
    let list = t.list(lines, json!({}));
    let descriptor = t.check(vec![setting("list", list)]);
    let many = vec!["x"; limits::NODES];
    assert!(bad(&descriptor, json!({ "list": many })).contains("at most 20000 values"));
    assert!(bad(&descriptor, json!({ "list": ["x".repeat(limits::STRING_BYTES)] })).contains("1048576 bytes"));
    let mut deep = json!(1);
    for _ in 0..limits::DEPTH {
        deep = json!([deep]);
    }
    assert!(bad(&descriptor, deep).contains("within each other"));
    let wrong = bad(&descriptor, json!({ "list": vec![1; 5000] }));
    assert_eq!(wrong.lines().count(), limits::PROBLEMS + 1);
}

#[test]
fn defaults_can_not_make_a_small_document_large() {
    let mut t = Types::default();
    let lines = t.scalar("text");
    let big = t.group(vec![setting("text", lines).default(json!("x".repeat(60_000)))]);
    let list = t.list(big, json!({}));
    let descriptor = t.check(vec![setting("list", list)]);
    let start = Instant::now();
    assert!(bad(&descriptor, json!({ "list": vec![json!({}); 5000] })).contains("once defaults are filled"));
    assert!(start.elapsed().as_secs() < 2);
}

#[test]
fn ten_settings_validate_in_microseconds() {
    let mut t = Types::default();
    let (string, int) = (t.limited("string", json!({ "pattern": "[a-z]+" })), t.scalar("int"));
    let settings = (0..10).map(|n| setting(&format!("setting-{n}"), if n % 2 == 0 { string } else { int })).collect();
    let descriptor = t.check(settings);
    let stored: Value =
        (0..10).map(|n| (format!("setting-{n}"), if n % 2 == 0 { json!("abc") } else { json!(n) })).collect();
    let start = Instant::now();
    for _ in 0..1000 {
        descriptor.settings.validate(&stored, TargetKind::Tag).unwrap();
    }
    let each = start.elapsed() / 1000;
    println!("{each:?} for ten settings");
    // Unoptimised and beside other work: only a change of kind should fail.
    assert!(each.as_micros() < 1000, "{each:?}");
}
