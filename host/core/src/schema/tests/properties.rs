//! What holds for any document and any table.

use proptest::prelude::*;

use super::*;

fn json_value() -> impl Strategy<Value = Value> {
    let keys = "name|admin|password|files|users|port|mode|hosts|url|token|timer|proxy|server|x|[a-z/~]{1,3}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..70_000i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "manual|off|curl|/a|abc|.{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Mostly right, so that it passes often.
fn plausible() -> impl Strategy<Value = Value> {
    let name = || "[a-z]{2,8}";
    let user = (name(), any::<Option<bool>>(), any::<bool>()).prop_map(|(name, admin, secret)| {
        let mut user = json!({ "name": name });
        if let Some(admin) = admin {
            user["admin"] = admin.into();
        }
        if secret || admin == Some(true) {
            user["password"] = "p".into();
        }
        user
    });
    let users = proptest::collection::vec(user, 0..3);
    let host = (users, proptest::collection::hash_map("[a-z]{1,2}", "[a-z]{1,3}", 0..3))
        .prop_map(|(users, files)| json!({ "users": users, "files": files }));
    let hosts = proptest::collection::hash_map("[a-z/~]{1,3}", host, 0..4);
    (hosts, proptest::option::of(1..70_000i64), "manual|off", proptest::option::of(name()), ".{0,9}").prop_map(
        |(hosts, port, mode, url, notes)| {
            let mut all = json!({ "hosts": hosts, "mode": mode, "notes": notes, "token": "t" });
            if let Some(port) = port {
                all["port"] = port.into();
            }
            if let Some(url) = url {
                all["proxy"] = json!({ "url": url });
            }
            all
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_document_makes_validation_panic(value in json_value()) {
        thread_local!(static RICH: Descriptor = rich());
        RICH.with(|descriptor| {
            for target in [TargetKind::Configuration, TargetKind::Tag] {
                if let Err(problems) = descriptor.settings.validate(&value, target) {
                    for problem in problems.iter().filter(|problem| problem.code != SettingsCode::More) {
                        assert!(problem.pointer.is_empty() || problem.pointer.starts_with('/'));
                        assert!(problem.message.len() < 4096 && !problem.message.contains(char::is_control));
                    }
                }
            }
        });
    }

    #[test]
    fn what_was_validated_validates_to_itself(value in plausible()) {
        thread_local!(static RICH: Descriptor = rich());
        RICH.with(|descriptor| {
            let once = descriptor.settings.validate(&value, TargetKind::Tag);
            prop_assume!(once.is_ok());
            let once = once.unwrap();
            let twice = descriptor.settings.validate(once.plain(), TargetKind::Tag).unwrap();
            prop_assert_eq!(&once, &twice);
            prop_assert_eq!(once.json().to_string(), twice.json().to_string());
            Ok(())
        })?;
    }

    #[test]
    fn no_table_makes_the_check_panic(
        shapes in proptest::collection::vec((0..8u8, 0..12u32, 0..12u32, any::<bool>()), 1..10),
        root in 0..12u32,
        subject in "[a-c]|/[a-c]|/[a-c]/[a-c]|@target|.{0,4}",
    ) {
        let mut t = Types::default();
        for (shape, first, second, flag) in shapes {
            match shape {
                0 => t.list(first, json!({ "unique-by": "a" })),
                1 => t.map(first, json!({ "key-pattern": "a" })),
                2 => t.scalar("bool"),
                3 => t.select(&["a"]),
                _ => t.group(vec![
                    setting("a", first).visible(&subject, json!(flag)),
                    setting("b", second).default(json!(flag)).visible("a", json!(true)),
                ]),
            };
        }
        let mut descriptor = t.descriptor(Vec::new());
        descriptor.settings = root;
        if let Ok(descriptor) = Descriptor::check(descriptor) {
            let _ = descriptor.settings.validate(&json!({ "a": {}, "b": true }), TargetKind::Tag);
        }
    }
}
