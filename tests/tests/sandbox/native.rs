//! The same lifting for modules that are linked natively: the types that `wit-bindgen` generates for module authors.

use exports::thymis::module::module as wit;
use thymis_core::wire;
use thymis_sandbox::{Budget, LimitExceeded, Limits};

wit_bindgen::generate!({ path: "../wit/v0.1", world: "module-provider" });

mod lifted {
    thymis_sandbox::lift!(super::exports::thymis::module::module);
}

fn configuration() -> wit::Configuration {
    wit::Configuration {
        exprs: vec![
            wit::Expr::Text(vec![wit::Part::Literal("a".into())]),
            wit::Expr::Ref(wit::Reference { root: "pkgs".into(), path: vec!["hello".into()] }),
        ],
        definitions: vec![wit::Definition {
            path: vec!["services".into(), "a".into()],
            value: 0,
            strength: wit::Strength::Override,
        }],
        imports: vec![1],
        secrets: vec![],
        checks: vec![],
    }
}

#[test]
fn a_native_answer_is_lifted_as_it_is() {
    let limits = Limits::default();
    let mut budget = Budget::new(&limits);
    let answer = lifted::answer(Ok(configuration()), &mut budget).unwrap().unwrap();
    assert_eq!(
        answer,
        wire::Configuration {
            exprs: vec![
                wire::Expr::Text(vec![wire::Part::Literal("a".into())]),
                wire::Expr::Ref(wire::Reference { root: "pkgs".into(), path: vec!["hello".into()] }),
            ],
            definitions: vec![wire::Definition {
                path: vec!["services".into(), "a".into()],
                value: 0,
                strength: wire::Strength::Override,
            }],
            imports: vec![1],
            ..wire::Configuration::default()
        }
    );
    assert_eq!(budget.output_bytes(), 19);
}

#[test]
fn native_answers_have_the_same_bounds() {
    let exceeds = |limits: Limits| lifted::answer(Ok(configuration()), &mut Budget::new(&limits)).unwrap_err();
    assert_eq!(exceeds(Limits::default().with_exprs(1)), LimitExceeded { limit: "exprs", allowed: 1, requested: 2 });
    assert_eq!(exceeds(Limits::default().with_segments(1)).limit, "segments");
    assert_eq!(exceeds(Limits::default().with_name_bytes(4)).limit, "name_bytes");
    assert_eq!(exceeds(Limits::default().with_output_bytes(18)).limit, "output_bytes");
}

#[test]
fn a_request_arrives_whole() {
    let request = lifted::request(thymis_tests::guest::request("{}"));
    assert_eq!((request.name.as_str(), request.settings.as_str()), ("echo", "{}"));
    assert_eq!(
        (request.target.kind, request.target.device_type.as_deref()),
        (wit::TargetKind::Configuration, Some("generic"))
    );
    assert_eq!(request.context.len(), 1);
}
