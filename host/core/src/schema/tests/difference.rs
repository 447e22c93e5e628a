use super::*;

fn between(old: Descriptor, new: Descriptor) -> String {
    Difference::between(&[old], &[new]).to_string().trim_end().to_owned()
}

/// The settings of two groups, made by the same types.
fn settings(old: fn(&mut Types) -> Vec<wire::Setting>, new: fn(&mut Types) -> Vec<wire::Setting>) -> String {
    let make = |settings: fn(&mut Types) -> Vec<wire::Setting>| {
        let mut types = Types::default();
        let settings = settings(&mut types);
        types.check(settings)
    };
    between(make(old), make(new))
}

fn module(name: &str, formerly: Value) -> Descriptor {
    let descriptor = wire::Descriptor { name: name.to_owned(), ..Types::default().descriptor(Vec::new()) };
    Descriptor::check(wire::Descriptor { extra: extras(json!({ "formerly": formerly })), ..descriptor }).unwrap()
}

#[test]
fn a_module_is_no_change_to_itself() {
    let difference = Difference::between(&[rich()], &[rich()]);
    assert!(difference.is_empty());
    assert_eq!(difference.to_string(), "");
}

#[test]
fn labels_descriptions_and_examples_are_no_changes() {
    let changed = settings(
        |t| vec![setting("a", t.limited("code", json!({ "language": "nix" }))).label("A")],
        |t| {
            let a = setting("a", t.limited("code", json!({ "language": "python" }))).label("Other");
            vec![a.with(|a| {
                a.description = text("d");
                a.example = Some("\"x\"".to_owned());
            })]
        },
    );
    assert_eq!(changed, "");
}

#[test]
fn modules_are_new_gone_or_called_otherwise() {
    let old = [module("logger", json!([])), module("old", json!([])), module("gone", json!([]))];
    let new = [module("logger", json!([])), module("renamed", json!(["old"])), module("new", json!([]))];
    insta::assert_snapshot!(Difference::between(&old, &new), @r"
    renamed: the module was called `old`
    gone: the module is gone
    new: the module is new
    ");
    let turned = wire::Descriptor {
        schema_version: 3,
        extra: extras(json!({ "multiple": true })),
        ..Types::default().descriptor(Vec::new())
    };
    let turned = Descriptor::check(turned).unwrap();
    insta::assert_snapshot!(between(module("logger", json!([])), turned.clone()), @r"
    logger: the module has settings of version 3, before of version 1: stored settings have to be migrated
    logger: the module can be used more than once in a target now
    ");
    insta::assert_snapshot!(between(turned, module("logger", json!([]))), @r"
    logger: the module has settings of version 1, before of version 3: stored settings have to be migrated
    logger: the module can be used only once in a target now
    ");
}

#[test]
fn settings_are_new_gone_or_called_otherwise_at_any_depth() {
    let changed = settings(
        |t| {
            let flag = t.scalar("bool");
            let user = t.group(vec![setting("name", flag), setting("gone", flag)]);
            let (list, map) = (t.list(user, json!({})), t.map(flag, json!({ "key-pattern": "a" })));
            let host = t.group(vec![setting("users", list), setting("flags", map)]);
            vec![setting("host", host), setting("gone", user), setting("old", flag)]
        },
        |t| {
            let (flag, int) = (t.scalar("bool"), t.scalar("int"));
            let user = t.group(vec![setting("name", int), setting("must", flag).required()]);
            let optional = t.group(vec![setting("flag", flag)]);
            let (list, map) = (t.list(user, json!({})), t.map(int, json!({ "key-pattern": "b" })));
            let host = t.group(vec![setting("users", list), setting("flags", map)]);
            vec![
                setting("host", host),
                setting("now", flag).with(|now| now.extra = extras(json!({ "formerly": ["old"] }))),
                setting("new", flag),
                setting("defaulted", flag).required().default(json!(true)),
                setting("must", flag).required(),
                setting("shown", flag).required().visible("new", json!(true)),
                setting("must-sometimes", flag).when(wire::Effect::Required, &[("new", json!(true))]),
                setting("full", user).required(),
                setting("empty", optional).required(),
                setting("unused", user),
            ]
        },
    );
    insta::assert_snapshot!(changed, @r"
    logger: setting `host/users/*/name` is of kind int, before of kind bool
    logger: setting `host/users/*/gone` is gone
    logger: setting `host/users/*/must` is new and must be given
    logger: setting `host/flags/*` is of kind int, before of kind bool
    logger: setting `host/flags` has other bounds
    logger: setting `gone` is gone
    logger: setting `now` was called `old`
    logger: setting `new` is new
    logger: setting `defaulted` is new
    logger: setting `must` is new and must be given
    logger: setting `shown` is new and must be given in some cases
    logger: setting `must-sometimes` is new and must be given in some cases
    logger: setting `full` is new and must be given
    logger: setting `empty` is new
    logger: setting `unused` is new
    ");
}

#[test]
fn what_changes_of_a_setting_is_told_in_a_few_words() {
    let old = |t: &mut Types| {
        let unit = t.select(&["celsius", "kelvin"]);
        let int = t.limited("int", json!({ "min": 1 }));
        let text = t.limited("string", json!({ "pattern": "a" }));
        let secret = t.scalar("secret");
        let list = t.list(int, json!({}));
        vec![
            setting("unit", unit).default(json!("celsius")),
            setting("interval", int).default(json!(1)),
            setting("name", text),
            setting("token", secret),
            setting("list", list),
            setting("kind", int),
            setting("required", int).required(),
            setting("hidden", int).visible("kind", json!(1)),
        ]
    };
    let new = |t: &mut Types| {
        let unit = t.select(&["celsius", "fahrenheit\u{202e}"]);
        let int = t.limited("int", json!({ "min": 1, "max": 5 }));
        let text = t.limited("string", json!({ "pattern": "b" }));
        let secret = t.limited("secret", json!({ "secret-in-image": true, "secret-kinds": ["file"] }));
        let list = t.list(int, json!({ "max-items": 3 }));
        vec![
            setting("unit", unit).default(json!("fahrenheit\u{202e}")),
            setting("interval", int).required(),
            setting("name", text).default(json!("b")),
            setting("token", secret),
            setting("list", list),
            setting("kind", text),
            setting("required", int),
            setting("hidden", int).visible("kind", json!("b")),
        ]
    };
    insta::assert_snapshot!(settings(old, new), @r"
    logger: setting `unit` has another default
    logger: choice `kelvin` of `unit` is gone
    logger: choice `fahrenheit\u{202e}` of `unit` is new
    logger: setting `interval` has no default any more
    logger: setting `interval` must be given now
    logger: setting `interval` has other bounds
    logger: setting `name` has a default now
    logger: setting `name` has other bounds
    logger: setting `token` may be part of an image now
    logger: setting `token` has other bounds
    logger: setting `list/*` has other bounds
    logger: setting `list` has other bounds
    logger: setting `kind` is of kind string, before of kind int
    logger: setting `required` needn't be given any more
    logger: setting `required` has other bounds
    logger: setting `hidden` has other conditions
    logger: setting `hidden` has other bounds
    ");
    insta::assert_snapshot!(settings(new, old), @r"
    logger: setting `unit` has another default
    logger: choice `fahrenheit\u{202e}` of `unit` is gone
    logger: choice `kelvin` of `unit` is new
    logger: setting `interval` has a default now
    logger: setting `interval` needn't be given any more
    logger: setting `interval` has other bounds
    logger: setting `name` has no default any more
    logger: setting `name` has other bounds
    logger: setting `token` may not be part of an image any more
    logger: setting `token` has other bounds
    logger: setting `list/*` has other bounds
    logger: setting `list` has other bounds
    logger: setting `kind` is of kind int, before of kind string
    logger: setting `required` must be given now
    logger: setting `required` has other bounds
    logger: setting `hidden` has other conditions
    logger: setting `hidden` has other bounds
    ");
}

#[test]
fn changes_are_objects_for_programs() {
    let changed = |name: &'static str, kind: &str, required: bool| {
        let mut types = Types::default();
        let type_ = types.scalar(kind);
        types.check(vec![setting("a", type_), setting(name, type_).with(|setting| setting.required = required)])
    };
    let difference = Difference::between(&[changed("b", "int", false)], &[changed("c", "string", true)]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&difference).unwrap(), @r#"
    {
      "changes": [
        {
          "module": "logger",
          "setting": "a",
          "change": "kind",
          "from": "int",
          "to": "string"
        },
        {
          "module": "logger",
          "setting": "b",
          "change": "removed"
        },
        {
          "module": "logger",
          "setting": "c",
          "change": "added",
          "required": "always"
        }
      ],
      "more": 0,
      "complete": true
    }
    "#);
}

#[test]
fn many_changes_are_counted() {
    let make = |name: char| {
        let mut types = Types::default();
        let flag = types.scalar("bool");
        types.check((0..150).map(|number| setting(&format!("{name}{number}"), flag)).collect())
    };
    let difference = Difference::between(&[make('a')], &[make('b')]);
    assert_eq!((difference.changes.len(), difference.more, difference.complete), (limits::CHANGES, 100, true));
    assert!(difference.to_string().ends_with("\nchanges that are not listed: 100\n"));
}

#[test]
fn a_small_table_that_describes_a_huge_tree_is_not_compared_to_the_end() {
    let make = |leaf: &str| {
        let mut types = Types::default();
        let mut inner = types.scalar(leaf);
        for _ in 0..7 {
            let settings = (0..64).map(|number| setting(&format!("a{number}"), inner)).collect();
            let group = types.group(settings);
            inner = types.list(group, json!({}));
        }
        types.check(vec![setting("a", inner)])
    };
    let same = Difference::between(&[make("int")], &[make("int")]);
    assert!(!same.complete && !same.is_empty());
    let changed = Difference::between(&[make("int")], &[make("string")]);
    assert_eq!(changed.changes.len(), limits::CHANGES);
    assert!(!changed.complete && changed.more > 0);
}
