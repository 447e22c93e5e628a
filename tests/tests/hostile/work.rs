//! Answers within the sandbox's bounds that would still be too much: for what checks them, for who prints them, for Nix.

use thymis_core::{
    expr::{Configuration, Trust},
    instance::AnswerError,
    wire::{self, Expr},
};
use thymis_tests::guest::Guest;

use super::suite::{Case, Ended, case};
use super::values::*;

pub(crate) const CASES: &[Case] = &[
    case("an expression nested 100,000 deep", |stage| {
        stage.generate(&answering(nested(100_000, Expr::Null, |id| Expr::List(vec![id]))))
    }),
    case("lists nested 40,000 deep", |stage| {
        stage.generate(&answering(nested(40_000, Expr::Null, |id| Expr::List(vec![id]))))
    }),
    case("sets nested 10,000 deep", |stage| {
        let set = |value| Expr::Attrs(vec![wire::Attr { name: "a".into(), value }]);
        stage.generate(&answering(nested(10_000, Expr::Null, set)))
    }),
    case("texts nested 40,000 deep", |stage| {
        stage.generate(&answering(nested(40_000, Expr::Text(vec![]), |id| Expr::Text(vec![wire::Part::Embed(id)]))))
    }),
    case("calls nested 40,000 deep", |stage| {
        let call = |id| Expr::Call(wire::Call { function: "not".into(), arguments: vec![id] });
        stage.generate(&answering(nested(40_000, Expr::Bool(true), call)))
    }),
    case("100,000 levels, past the sandbox", |_| {
        refused(configuration(nested(100_000, Expr::Null, |id| Expr::List(vec![id]))))
    }),
    case("raw Nix nested 100,000 deep", |stage| stage.generate(&answering(vec![Expr::Raw("[".repeat(100_000))]))),
    case("raw Nix nested 7,500 deep", |stage| {
        stage.generate(&answering(vec![Expr::Raw("(".repeat(7_500) + "1" + &")".repeat(7_500))]))
    }),
    case("raw Nix with one operator after the other", |stage| {
        stage.generate(&answering(vec![Expr::Raw("1".to_owned() + &"+1".repeat(100_000))]))
    }),
    case("types nested 4,000 deep", |stage| stage.describe(&types(4_000, wire::Shape::List))),
    case("groups that double 30 times", |stage| {
        let twice = |id| {
            let member = |key: &str| wire::Setting { key: key.into(), type_: id, ..setting() };
            wire::Shape::Group(vec![member("a"), member("b")])
        };
        stage.describe(&types(30, twice))
    }),
    case("groups that double 13 times", |stage| {
        let twice = |id| {
            let member = |key: &str| wire::Setting { key: key.into(), type_: id, ..setting() };
            wire::Shape::Group(vec![member("a"), member("b")])
        };
        stage.describe(&types(13, twice))
    }),
    case("a default nested 30,000 deep", |stage| {
        let default = Some("[".repeat(30_000) + &"]".repeat(30_000));
        stage.describe(&with_settings(vec![wire::Setting { default, ..setting() }]))
    }),
    case("a pattern that is a million states", |stage| stage.describe(&pattern("(((a{1,100}){1,100}){1,100}){1,100}"))),
    case("a pattern nested 500 deep", |stage| {
        stage.describe(&pattern(&format!("{}a{}", "(".repeat(500), ")".repeat(500))))
    }),
    case("an option's path of 90,000 segments", |stage| stage.generate(&defining(vec!["a".into(); 90_000]))),
    case("names of a kilobyte below 30 others", |stage| {
        // Sets within each other, each of which adds a long name to the paths of all options below it.
        let set = |value| Expr::Attrs(vec![wire::Attr { name: "a".repeat(1000), value }]);
        let leaves = (0..1_000).map(|value| wire::Attr { name: format!("{value}"), value }).collect();
        let mut exprs = vec![Expr::Null; 1_000];
        exprs.push(Expr::Attrs(leaves));
        exprs.extend((1_000..1_030).map(set));
        stage.generate(&answering(exprs))
    }),
    case("64 modules with 63 long patterns each", |stage| {
        let module = |index| wire::Descriptor { name: format!("m{index}"), ..patterns(r"\\w{20}", 63) };
        stage.describe(&Guest::describing(&(0..64).map(module).collect::<Vec<_>>()))
    }),
    case("3,000 settings that are shown by one another", |stage| {
        let shown = |index| {
            let test = wire::Test { setting: format!("a{}", (index + 1) % 3_000), any_of: vec!["1".into()] };
            let conditions = vec![wire::Condition { when: vec![test], effect: wire::Effect::Visible }];
            wire::Setting { key: format!("a{index}"), conditions, ..setting() }
        };
        stage.describe(&with_settings((0..3_000).map(shown).collect()))
    }),
    case("4,000 settings of one name", |stage| stage.describe(&with_settings(vec![setting(); 4_000]))),
    case("40,000 pieces of raw Nix", |stage| {
        let mut exprs = vec![Expr::Raw("1".into()); 40_000];
        exprs.push(Expr::List((0..40_000).collect()));
        stage.generate(&answering(exprs))
    }),
    case("10,000 definitions, each of which is refused", |stage| {
        let definition = |value| wire::Definition {
            path: vec!["imports".into(), "a".into()],
            value,
            strength: wire::Strength::Merge,
        };
        stage.generate(&Guest::answering(&wire::Configuration {
            definitions: (0..10_000).map(definition).collect(),
            ..configuration(vec![Expr::Null; 10_000])
        }))
    }),
    case("20,000 attributes of one name", |stage| {
        let mut exprs = vec![Expr::Null; 20_000];
        exprs.push(Expr::Attrs((0..20_000).map(|value| wire::Attr { name: "a".into(), value }).collect()));
        stage.generate(&answering(exprs))
    }),
    case("15,000 texts, each of which may end a path of the Nix store", |stage| {
        let mut exprs = vec![Expr::Ref(wire::Reference { root: "system".into(), path: vec![] }); 15_000];
        let parts = |id| [wire::Part::Literal("/nix/stor".into()), wire::Part::Embed(id)];
        exprs.push(Expr::Text((0..15_000).flat_map(parts).collect()));
        stage.generate(&answering(exprs))
    }),
];

/// What the core says to an answer that no sandbox has looked at.
fn refused(configuration: wire::Configuration) -> Ended {
    match Configuration::check(configuration, Trust::External) {
        Ok(_) => Ended::harmless("it is accepted"),
        Err(refusals) => AnswerError::Refused(refusals).into(),
    }
}

/// Expressions within each other.
fn nested(depth: u32, innermost: Expr, around: impl Fn(u32) -> Expr) -> Vec<Expr> {
    [innermost].into_iter().chain((0..depth).map(around)).collect()
}

fn pattern(pattern: &str) -> Guest {
    described(patterns(pattern, 1))
}

/// A module with so many texts that each must match a pattern, of which no two are the same.
fn patterns(pattern: &str, count: u32) -> wire::Descriptor {
    let text = |index| wire::SettingType {
        shape: wire::Shape::Scalar("string".into()),
        constraints: vec![extra("pattern", &format!("\"{pattern}{}\"", "b".repeat(index as usize)))],
    };
    let member = |index| wire::Setting { key: format!("a{index}"), type_: index, ..setting() };
    let group = wire::Shape::Group((0..count).map(member).collect());
    let types = (0..count).map(text).chain([wire::SettingType { shape: group, constraints: vec![] }]).collect();
    wire::Descriptor { types, settings: count, ..descriptor() }
}

/// Types, each made of the one before; the last one is the module's only setting.
fn types(count: u32, shape: impl Fn(u32) -> wire::Shape) -> Guest {
    let scalar = [wire::Shape::Scalar("int".into())].into_iter();
    let last = wire::Shape::Group(vec![wire::Setting { type_: count, ..setting() }]);
    let shapes = scalar.chain((0..count).map(shape)).chain([last]);
    let types = shapes.map(|shape| wire::SettingType { shape, constraints: vec![] }).collect();
    described(wire::Descriptor { types, settings: count + 1, ..descriptor() })
}
