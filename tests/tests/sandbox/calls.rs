//! What a module gets and gives.

use thymis_core::wire::{self, Expr};
use thymis_sandbox::{Component, Error, Limits, Sandbox};
use thymis_tests::guest::{Guest, request};

fn load(guest: &Guest, limits: Limits) -> Component {
    Sandbox::new(limits, None).unwrap().load(&guest.component(), false).unwrap()
}

/// The message of the fault that `generate` ends in.
fn fault(guest: &Guest) -> String {
    match load(guest, Limits::default()).generate(&request("{}")).unwrap_err() {
        error @ Error::ModuleFault(_) => error.to_string(),
        other => panic!("not the module's fault: {other}"),
    }
}

#[test]
fn settings_go_in_and_a_configuration_comes_out() {
    let component = load(&Guest::echo(), Limits::default());
    let described = component.describe().unwrap().answer;
    assert_eq!((described[0].name.as_str(), described[0].schema_version), ("echo", 3));
    let outcome = component.generate(&request(r#"{"a":"ä"}"#)).unwrap();
    assert_eq!(outcome.answer.unwrap().exprs, [Expr::Raw(r#"{"a":"ä"}"#.into())]);
    assert_eq!((outcome.usage.output_bytes, outcome.usage.memory_bytes), (10, 5 << 16));
    assert!(outcome.usage.fuel > 0);
    assert_eq!(component.migrate("echo", 1, "{}").unwrap().answer.unwrap(), "{}");
}

#[test]
fn every_form_of_an_answer_arrives_as_it_was_given() {
    let text = |text: &str| vec![wire::Part::Literal(text.into()), wire::Part::Embed(7)];
    let configuration = wire::Configuration {
        exprs: vec![
            Expr::Null,
            Expr::Bool(true),
            Expr::Int(i64::MIN),
            Expr::Float(-0.5),
            Expr::Text(text("ä")),
            Expr::List(vec![1, u32::MAX]),
            Expr::Attrs(vec![wire::Attr { name: "name".into(), value: 3 }]),
            Expr::Ref(wire::Reference { root: "pkgs".into(), path: vec!["hello".into(), String::new()] }),
            Expr::Call(wire::Call { function: "lib.mkIf".into(), arguments: vec![1, 2] }),
            Expr::Raw("{ }".into()),
        ],
        definitions: [wire::Strength::Merge, wire::Strength::Override, wire::Strength::Fallback, wire::Strength::Force]
            .map(|strength| wire::Definition { path: vec!["a".into(), "b".into()], value: 4, strength })
            .into(),
        imports: vec![9],
        secrets: vec![wire::Placement {
            secret: "handle".into(),
            path: "/run/key".into(),
            owner: "root".into(),
            group: "wheel".into(),
            mode: 0o400,
        }],
        checks: vec![
            wire::Check { fatal: true, holds: None, message: "no".into() },
            wire::Check { fatal: false, holds: Some(1), message: "maybe".into() },
        ],
    };
    let answer = |guest: &Guest| load(guest, Limits::default()).generate(&request("{}")).unwrap().answer;
    assert_eq!(answer(&Guest::answering(&configuration)), Ok(configuration));

    let message = vec![wire::Translation { locale: "en".into(), text: "wrong".into() }];
    let problems = vec![
        wire::Problem { setting: None, message: message.clone() },
        wire::Problem { setting: Some("/a".into()), message },
    ];
    assert_eq!(answer(&Guest::refusing(&problems)), Err(problems));
}

#[test]
fn every_form_of_a_description_arrives_as_it_was_given() {
    let localized = |text: &str| vec![wire::Translation { locale: "de".into(), text: text.into() }];
    let extra = || vec![wire::Extra { key: "x-mine".into(), value: "[1]".into() }];
    let test = wire::Test { setting: "a".into(), any_of: vec!["1".into(), "2".into()] };
    let setting = wire::Setting {
        key: "a".into(),
        type_: 1,
        label: localized("label"),
        description: localized("description"),
        required: true,
        default: Some("1".into()),
        example: None,
        conditions: [wire::Effect::Visible, wire::Effect::Required, wire::Effect::Allowed(vec!["3".into()])]
            .map(|effect| wire::Condition { when: vec![test.clone()], effect })
            .into(),
        extra: extra(),
    };
    let choice = wire::Choice { value: "one".into(), label: localized("eins") };
    let descriptor = wire::Descriptor {
        name: "all".into(),
        schema_version: 7,
        label: localized("all"),
        description: vec![],
        category: localized("category"),
        types: [
            wire::Shape::Scalar("int".into()),
            wire::Shape::Select(vec![choice]),
            wire::Shape::List(0),
            wire::Shape::Map(1),
            wire::Shape::Group(vec![setting]),
        ]
        .map(|shape| wire::SettingType { shape, constraints: extra() })
        .into(),
        settings: 4,
        extra: extra(),
    };
    let descriptors = vec![descriptor.clone(), wire::Descriptor { name: "second".into(), ..descriptor }];
    assert_eq!(load(&Guest::describing(&descriptors), Limits::default()).describe().unwrap().answer, descriptors);
}

#[test]
fn more_threads_than_slots_wait_for_each_other() {
    let component = load(&Guest::echo(), Limits::default().with_concurrent_calls(2));
    std::thread::scope(|scope| {
        for index in 0..8 {
            let component = component.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    let answer = component.generate(&request(&index.to_string())).unwrap().answer.unwrap();
                    assert_eq!(answer.exprs, [Expr::Raw(index.to_string())]);
                }
            });
        }
    });
}

#[test]
fn loading_works_on_a_thread_with_a_small_stack() {
    let load = || load(&Guest::echo(), Limits::default()).describe().unwrap().answer.len();
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(load).unwrap();
    assert_eq!(thread.join().unwrap(), 1);
}

const PANICKED: &str =
    r#"(import "thymis:module/diagnostics@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))"#;

#[test]
fn a_panic_reaches_its_author_with_message_and_place_and_without_escapes() {
    let guest = Guest::generating(
        "(call $panicked (i32.const 512) (i32.const 22) (i32.const 600) (i32.const 14)) (unreachable)",
    )
    .imports(PANICKED)
    .items(r#"(data (i32.const 512) "no such unit: \1b[31m`K`") (data (i32.const 600) "src/lib.rs:7:9")"#);
    insta::assert_snapshot!(fault(&guest), @r"`generate` panicked at src/lib.rs:7:9: no such unit: \u{1b}[31m`K`");
}

#[test]
fn a_panic_without_end_is_cut() {
    let guest = Guest::generating(
        "(memory.fill (i32.const 0) (i32.const 0x61) (i32.const 200000))
         (call $panicked (i32.const 0) (i32.const 200000) (i32.const 0) (i32.const 4)) (unreachable)",
    )
    .imports(PANICKED);
    let kept = Limits::default().diagnostics_bytes as usize;
    let told = fault(&guest);
    assert!(told.len() < kept + 200 && told.ends_with("aa…"), "{} bytes", told.len());
}

#[test]
fn diagnostics_change_no_outcome() {
    let once =
        Guest::generating("(call $panicked (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 1024)")
            .imports(PANICKED);
    assert!(load(&once, Limits::default()).generate(&request("{}")).unwrap().answer.is_ok());
}

#[test]
fn traps_are_told_in_words() {
    insta::assert_snapshot!(fault(&Guest::generating("(unreachable)")), @"`generate` trapped: wasm `unreachable` instruction executed");
    insta::assert_snapshot!(
        fault(&Guest::generating("(i32.div_u (i32.const 1) (i32.const 0))")),
        @"`generate` trapped: integer divide by zero"
    );
}
