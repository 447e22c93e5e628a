//! Answers that aren't what they seem: forms that the interface doesn't have, expressions that aren't there, and what
//! would differ from call to call.

use serde_json::json;
use thymis_core::wire::{self, Expr, Part, Strength};
use thymis_tests::{
    Answer,
    guest::{Guest, raw_exprs, request},
};

use super::{
    installed::granted,
    suite::{Case, Ended, Stage, case},
    together::together,
};

pub(crate) const CASES: &[Case] = &[
    // Forms that the interface doesn't have
    case("an expression of an eleventh kind", |stage| altered(stage, store8(&in_exprs(0), 10))),
    case("an expression of the last kind there is room for", |stage| altered(stage, store8(&in_exprs(0), 255))),
    case("a part of a text of a third kind", |stage| altered(stage, store8(&load(&in_exprs(24 + 8)), 2))),
    case("a fifth strength", |stage| altered(stage, store8(&format!("(i32.add (i32.const 12) {DEFINITIONS})"), 4))),
    case("an answer that is neither good nor bad", |stage| altered(stage, store8(ANSWER, 2))),
    case("a condition that is neither there nor absent", |stage| {
        altered(stage, store8(&format!("(i32.add (i32.const 4) {CHECKS})"), 2))
    }),
    case("bools that are 2 and 255", |stage| {
        let lies = store8(&in_exprs(8), 255) + &store8(CHECKS, 2);
        same_as(stage, altered_guest(&lies), altered_guest(""))
    }),
    case("a problem whose setting is neither there nor absent", |stage| {
        let mut guest = Guest::default();
        let answer = guest.value(&wire::Answer::Err(vec![wire::Problem { setting: None, message: vec![] }]));
        stage.generate(&guest.generate(format!("{} {answer}", store8(&format!("(i32.load offset=4 {answer})"), 2))))
    }),
    case("a text with half of a pair of surrogates", |stage| bytes(stage, r"\ed\a0\80")),
    case("a text with a NUL of two bytes", |stage| bytes(stage, r"\c0\80")),
    case("a text beyond the last character of Unicode", |stage| bytes(stage, r"\f4\90\80\80")),
    // Ids, for every place where one stands
    case("definitions of expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.define(&["services", "x"], id, Strength::Merge);
        })
    }),
    case("lists of expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.list([id]);
        })
    }),
    case("attributes of expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.attrs(&[("a", id)]);
        })
    }),
    case("texts around expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.push(Expr::Text(vec![Part::Embed(id)]));
        })
    }),
    case("calls on expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.call("toString", [id]);
        })
    }),
    case("imports of expressions that aren't there", |stage| ids(stage, &|answer, id| answer.0.imports.push(id))),
    case("checks of expressions that aren't there", |stage| {
        ids(stage, &|answer, id| {
            answer.check(true, Some(id), "a");
        })
    }),
    case("one expression in two places of an answer", |stage| {
        together(["list", "definition", "import", "check"].map(|place| {
            granted("option services.x\noutput nixosModules").answer(stage, |answer| {
                let id = answer.reference("output", &["nixosModules", "a"]);
                answer.define(&["services", "x"], id, Strength::Merge);
                match place {
                    "list" => drop(answer.list([id])),
                    "definition" => drop(answer.define(&["services", "x", "y"], id, Strength::Merge)),
                    "import" => answer.0.imports.push(id),
                    _ => drop(answer.check(true, Some(id), "a")),
                }
            })
        }))
    }),
    case("an answer of expressions that nobody takes", |stage| {
        granted("").answer(stage, |answer| {
            let raw = answer.text("builtins.abort");
            answer.list([raw]);
        })
    }),
    // The same place twice
    case("one option twice in an answer", |stage| {
        granted("option services.x").answer(stage, |answer| {
            for (value, strength) in [("one", Strength::Merge), ("two", Strength::Override)] {
                let value = answer.text(value);
                answer.define(&["services", "x"], value, strength);
            }
        })
    }),
    case("an option and one below it", |stage| {
        granted("option services.x").answer(stage, |answer| {
            let values = [answer.data(&json!({ "y": 1 })), answer.push(Expr::Int(2))];
            answer.define(&["services", "x"], values[0], Strength::Merge);
            answer.define(&["services", "x", "y"], values[1], Strength::Merge);
        })
    }),
    case("an attribute that is there twice", |stage| {
        granted("option services.x").answer(stage, |answer| {
            let values = [answer.push(Expr::Int(1)), answer.push(Expr::Int(2))];
            let set = answer.attrs(&[("y", values[0]), ("y", values[1])]);
            answer.define(&["services", "x"], set, Strength::Merge);
        })
    }),
    // Equal requests, unequal answers
    case("the bits of a float that is no number", |stage| {
        repeated(stage, "(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))")
    }),
    case("the bits of a float that is no number and was made of another", |stage| {
        repeated(stage, "(i64.reinterpret_f64 (f64.sqrt (f64.reinterpret_i64 (i64.const 0x7ff4000000000001))))")
    }),
    case("the sign of a float that is no number", |stage| {
        repeated(stage, "(i64.reinterpret_f64 (f64.mul (f64.const -0) (f64.const inf)))")
    }),
    case("the bits of a vector that is no number", |stage| {
        repeated(
            stage,
            "(i64x2.extract_lane 0 (f32x4.sub (v128.const f32x4 inf inf inf inf) (v128.const f32x4 inf inf inf inf)))",
        )
    }),
    case("memory that nobody wrote", |stage| {
        repeated(stage, "(i64.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)))")
    }),
    case("memory that was just made", |stage| {
        repeated(stage, "(i64.load (i32.mul (memory.grow (i32.const 100)) (i32.const 65536)))")
    }),
    case("elements of a table that nobody set", |stage| {
        repeated(stage, "(i64.extend_i32_u (ref.is_null (table.get $t (i32.const 999))))")
    }),
    case("a local that nobody set", |stage| repeated(stage, "(local.get $nothing)")),
    case("where the request lies", |stage| repeated(stage, "(i64.extend_i32_u (local.get $request))")),
];

// The address of the answer in `altered`, and what it points to.
const ANSWER: &str = "(i32.const 65536)";
const DEFINITIONS: &str = "(i32.load offset=12 (i32.const 65536))";
const CHECKS: &str = "(i32.load offset=36 (i32.const 65536))";

fn store8(address: &str, byte: u8) -> String {
    format!("(i32.store8 {address} (i32.const {byte}))")
}

fn load(address: &str) -> String {
    format!("(i32.load {address})")
}

fn in_exprs(offset: u32) -> String {
    format!("(i32.add (i32.const {offset}) (i32.load offset=4 {ANSWER}))")
}

/// Answers with a bool, a text, a definition and a check, after this was done to them.
fn altered_guest(lies: &str) -> Guest {
    let mut answer = Answer::default();
    let (holds, value) = (answer.push(Expr::Bool(true)), answer.text("a"));
    answer.define(&["services", "x"], value, Strength::Merge).check(true, Some(holds), "a");
    let mut guest = Guest::default();
    let address = guest.value(&Ok::<_, Vec<wire::Problem>>(answer.0));
    assert_eq!(address, ANSWER);
    guest.generate(format!("{lies} {ANSWER}"))
}

fn altered(stage: &Stage, lies: String) -> Ended {
    granted("option services.x").generate(stage, altered_guest(&lies))
}

fn same_as(stage: &Stage, one: Guest, other: Guest) -> Ended {
    let ended = granted("option services.x").generate(stage, one);
    assert_eq!(ended, granted("option services.x").generate(stage, other));
    ended
}

/// Answers with a text of these bytes.
fn bytes(stage: &Stage, bytes: &str) -> Ended {
    let length = bytes.len() / 3;
    stage.generate(
        &Guest::generating(format!(
            "(i32.store (i32.const 264) (i32.const 512)) (i32.store (i32.const 268) (i32.const {length})) {}",
            raw_exprs("(i32.const 1)")
        ))
        .items(format!(r#"(data (i32.const 512) "{bytes}")"#)),
    )
}

/// Names expressions that aren't there, or that aren't there yet.
fn ids(stage: &Stage, name: &dyn Fn(&mut Answer, u32)) -> Ended {
    together(
        [0, 1, 2, 1 << 31, u32::MAX].map(|id| granted("option services.x").answer(stage, |answer| name(answer, id))),
    )
}

/// Answers with an integer, asked several times.
fn repeated(stage: &Stage, integer: &str) -> Ended {
    let mut guest = Guest::default();
    let answer =
        guest.value(&wire::Answer::Ok(wire::Configuration { exprs: vec![Expr::Int(0)], ..Default::default() }));
    let guest = guest
        .generate(format!("(local $nothing i64) (i64.store offset=8 (i32.load offset=4 {answer}) {integer}) {answer}"))
        .items("(table $t 1000 funcref)");
    Ended::of(|| {
        let component = stage.load(&guest)?;
        let first = component.generate(&request("{}"))?;
        for _ in 0..20 {
            assert_eq!(component.generate(&request("{}"))?, first);
        }
        Ok(match &first.answer.unwrap().exprs[0] {
            Expr::Int(bits) => format!("it is 0x{bits:x} every time"),
            other => panic!("{other:?}"),
        })
    })
}
