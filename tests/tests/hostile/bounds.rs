//! One more than there may be, of everything that an answer consists of, and names without end.

use thymis_core::wire::{self, Expr};
use thymis_tests::guest::Guest;

use super::suite::{Case, Stage, case};
use super::values::*;

pub(crate) const CASES: &[Case] = &[
    // Of a component
    case("a file of 48 MiB and a byte", |stage| {
        stage.loading(&[b"\0asm".as_slice(), &vec![0; (48 << 20) - 3]].concat())
    }),
    case("machine code of more than a megabyte", |_| {
        let limits = Stage::limits().with_artifact_bytes(1 << 20);
        let items = "(func (param i64) (result i64) (i64.mul (local.get 0) (local.get 0)))".repeat(4_000);
        Stage::generate_within(limits, &Guest::default().items(items))
    }),
    case("257 things imported", |stage| stage.loading(&externs(|index| format!(r#"(import "i{index}" (func))"#)))),
    case("257 things exported", |stage| {
        stage.loading(&externs(|index| format!(r#"(instance $i{index}) (export "e{index}" (instance $i{index}))"#)))
    }),
    // Names and paths
    case("a module's name of a megabyte", |stage| {
        stage.describe(&described(wire::Descriptor { name: megabyte(), ..descriptor() }))
    }),
    case("a setting's key of a megabyte", |stage| {
        stage.describe(&with_settings(vec![wire::Setting { key: megabyte(), ..setting() }]))
    }),
    case("a scalar's name of a megabyte", |stage| stage.describe(&with_shape(wire::Shape::Scalar(megabyte())))),
    case("a locale of a megabyte", |stage| {
        let label = vec![wire::Translation { locale: megabyte(), text: String::new() }];
        stage.describe(&described(wire::Descriptor { label, ..descriptor() }))
    }),
    case("a name of an extra of a megabyte", |stage| stage.describe(&with_extras(vec![extra(&megabyte(), "1")]))),
    case("an attribute's name of a megabyte", |stage| {
        stage.generate(&answering(vec![Expr::Null, Expr::Attrs(vec![wire::Attr { name: megabyte(), value: 0 }])]))
    }),
    case("a function's name of a megabyte", |stage| {
        stage.generate(&answering(vec![Expr::Call(wire::Call { function: megabyte(), arguments: vec![] })]))
    }),
    case("a reference's root of a megabyte", |stage| {
        stage.generate(&answering(vec![Expr::Ref(wire::Reference { root: megabyte(), path: vec![] })]))
    }),
    case("a segment of a path of a megabyte", |stage| stage.generate(&defining(vec![megabyte()]))),
    case("a path of a secret of two megabytes", |stage| {
        stage.generate(&placing(vec![wire::Placement { path: "/a".repeat(1 << 20), ..placement() }]))
    }),
    case("an owner of a megabyte", |stage| {
        stage.generate(&placing(vec![wire::Placement { owner: megabyte(), ..placement() }]))
    }),
    case("a message of two megabytes", |stage| {
        let check = wire::Check { fatal: true, holds: None, message: "a".repeat(2 << 20) };
        stage.generate(&Guest::answering(&wire::Configuration { checks: vec![check], ..Default::default() }))
    }),
    case("a pointer to a setting of two megabytes", |stage| {
        stage.generate(&Guest::refusing(&[wire::Problem { setting: Some("/a".repeat(1 << 20)), message: vec![] }]))
    }),
    case("an icon of 100 MB, as it says", |stage| stage.describe(&icon_of("100000000"))),
    case("an icon of 60 MB", |stage| stage.describe(&icon_of("60000000"))),
    case("an icon of 2 MB", |stage| stage.describe(&with_extras(vec![extra("icon", &"i".repeat(2 << 20))]))),
    case("an icon of 900 KB", |stage| {
        stage.describe(&with_extras(vec![extra("icon", &format!("\"{}\"", "i".repeat(900_000)))]))
    }),
    // One more than there may be
    case("65 modules", |stage| stage.describe(&Guest::describing(&vec![descriptor(); 65]))),
    case("4,097 types", |stage| {
        let scalar = wire::SettingType { shape: wire::Shape::Scalar("int".into()), constraints: vec![] };
        stage.describe(&described(wire::Descriptor { types: vec![scalar; 4_097], ..descriptor() }))
    }),
    case("4,097 settings", |stage| stage.describe(&with_settings(vec![setting(); 4_097]))),
    case("10,001 choices", |stage| {
        let choice = wire::Choice { value: "a".into(), label: vec![] };
        stage.describe(&with_shape(wire::Shape::Select(vec![choice; 10_001])))
    }),
    case("50,001 translations", |stage| {
        stage.describe(&described(wire::Descriptor { description: vec![translation(); 50_001], ..descriptor() }))
    }),
    case("10,001 conditions", |stage| {
        let condition = wire::Condition { when: vec![], effect: wire::Effect::Visible };
        stage.describe(&with_settings(vec![wire::Setting { conditions: vec![condition; 10_001], ..setting() }]))
    }),
    case("10,001 tests in one condition", |stage| {
        let test = wire::Test { setting: "a".into(), any_of: vec![] };
        stage.describe(&conditional(wire::Condition { when: vec![test; 10_001], effect: wire::Effect::Visible }))
    }),
    case("10,001 values in one test", |stage| {
        let test = wire::Test { setting: "a".into(), any_of: vec!["1".into(); 10_001] };
        stage.describe(&conditional(wire::Condition { when: vec![test], effect: wire::Effect::Visible }))
    }),
    case("10,001 allowed values", |stage| {
        let effect = wire::Effect::Allowed(vec!["1".into(); 10_001]);
        stage.describe(&conditional(wire::Condition { when: vec![], effect }))
    }),
    case("10,001 extras of a module", |stage| stage.describe(&with_extras(vec![extra("x-a", "1"); 10_001]))),
    case("10,001 constraints", |stage| {
        let constraints = vec![extra("x-a", "1"); 10_001];
        let types = vec![wire::SettingType { shape: wire::Shape::Scalar("int".into()), constraints }];
        stage.describe(&described(wire::Descriptor { types, ..descriptor() }))
    }),
    case("50,001 expressions", |stage| stage.generate(&answering(vec![Expr::Null; 50_001]))),
    case("100,001 items of a list", |stage| stage.generate(&answering(vec![Expr::List(vec![0; 100_001])]))),
    case("100,001 parts of a text", |stage| {
        stage.generate(&answering(vec![Expr::Text(vec![wire::Part::Embed(0); 100_001])]))
    }),
    case("100,001 attributes", |stage| {
        let attribute = wire::Attr { name: String::new(), value: 0 };
        stage.generate(&answering(vec![Expr::Attrs(vec![attribute; 100_001])]))
    }),
    case("100,001 arguments", |stage| {
        stage.generate(&answering(vec![Expr::Call(wire::Call { function: "f".into(), arguments: vec![0; 100_001] })]))
    }),
    case("100,001 segments of a reference", |stage| {
        let path = vec![String::new(); 100_001];
        stage.generate(&answering(vec![Expr::Ref(wire::Reference { root: "pkgs".into(), path })]))
    }),
    case("10,001 definitions", |stage| {
        let definition = wire::Definition { path: vec![], value: 0, strength: wire::Strength::Merge };
        let definitions = vec![definition; 10_001];
        stage.generate(&Guest::answering(&wire::Configuration { definitions, ..Default::default() }))
    }),
    case("100,001 segments of a path", |stage| stage.generate(&defining(vec![String::new(); 100_001]))),
    case("257 imports", |stage| {
        stage.generate(&Guest::answering(&wire::Configuration { imports: vec![0; 257], ..Default::default() }))
    }),
    case("257 secrets", |stage| stage.generate(&placing(vec![placement(); 257]))),
    case("1,025 checks", |stage| {
        let checks = vec![wire::Check { fatal: false, holds: None, message: "a".into() }; 1_025];
        stage.generate(&Guest::answering(&wire::Configuration { checks, ..Default::default() }))
    }),
    case("1,025 problems", |stage| {
        stage.generate(&Guest::refusing(&vec![wire::Problem { setting: None, message: vec![] }; 1_025]))
    }),
    case("1,025 problems with settings to migrate", |stage| {
        let mut guest = Guest::default();
        let answer = guest.value(&wire::Answer::Err(vec![wire::Problem { setting: None, message: vec![] }; 1_025]));
        // The tag of a configuration's result is one of four bytes, as is that of a text's.
        stage.migrate(&guest.migrate(answer))
    }),
];

/// A component of 257 of something.
fn externs(one: impl Fn(usize) -> String) -> Vec<u8> {
    let all: String = (0..257).map(one).collect();
    wat::parse_str(format!("(component {all})")).unwrap()
}

/// The icon is as long as it says, in 64 MiB of memory.
fn icon_of(bytes: &str) -> Guest {
    let mut guest = Guest::default().pages(1024);
    let modules = guest.value(&vec![wire::Descriptor { extra: vec![extra("icon", "i")], ..descriptor() }]);
    // A module's extras stand behind 48 other bytes, the length of the first one's value behind 12.
    let extras = format!("(i32.load offset=48 (i32.load {modules}))");
    guest.describe(format!("(i32.store offset=12 {extras} (i32.const {bytes})) {modules}"))
}

fn conditional(condition: wire::Condition) -> Guest {
    with_settings(vec![wire::Setting { conditions: vec![condition], ..setting() }])
}

fn placing(secrets: Vec<wire::Placement>) -> Guest {
    Guest::answering(&wire::Configuration { secrets, ..Default::default() })
}

fn placement() -> wire::Placement {
    wire::Placement {
        secret: "s".into(),
        path: "/run/s".into(),
        owner: "root".into(),
        group: "root".into(),
        mode: 0o400,
    }
}

fn megabyte() -> String {
    "a".repeat(1 << 20)
}
