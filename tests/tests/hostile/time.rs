//! Attacks that would keep the host busy, and code that is there to be slow.

use thymis_tests::guest::{ENDLESS, Guest};

use super::suite::{Case, Ended, Stage, case};

pub(crate) const CASES: &[Case] = &[
    case("a loop in `generate`", |stage| stage.generate(&Guest::generating(ENDLESS))),
    case("a loop in `describe`", |stage| stage.describe(&Guest::default().describe(ENDLESS))),
    case("a loop in `migrate`", |stage| stage.migrate(&Guest::default().migrate(ENDLESS))),
    case("a loop in the start function", |stage| stage.generate(&Guest::default().items(START))),
    case("a loop in the start function, before `describe`", |stage| stage.describe(&Guest::default().items(START))),
    case("a loop in the allocator, when the request comes in", |stage| {
        stage.generate(&Guest::default().realloc(ENDLESS))
    }),
    case("a loop in the allocator, when settings to migrate come in", |stage| {
        stage.migrate(&Guest::default().realloc(ENDLESS))
    }),
    case("a loop after the answer was read", |stage| stage.generate(&Guest::default().after("(loop $l (br $l))"))),
    case("a trap after the answer was read", |stage| stage.generate(&Guest::default().after("(unreachable)"))),
    case("a loop that the fuel would allow", |_| {
        let limits = Stage::limits().with_deadline_ms(50).with_generate_fuel(1 << 60);
        Stage::generate_within(limits, &Guest::generating(ENDLESS))
    }),
    case("a loop in the start function that the fuel would allow", |_| {
        let limits = Stage::limits().with_deadline_ms(50).with_generate_fuel(1 << 60);
        Stage::generate_within(limits, &Guest::default().items(START))
    }),
    case("`memory.fill` of 32 MiB in a loop", |stage| {
        stage.generate(&looping("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x1ffffff))").pages(512))
    }),
    case("`memory.fill` of a size known at run time only, in a loop", |stage| {
        stage.generate(&looping("(memory.fill (i32.const 0) (i32.const 0) (i32.load (i32.const 1024)))").pages(512))
    }),
    case("`memory.copy` of 16 MiB in a loop", |stage| {
        stage.generate(&looping("(memory.copy (i32.const 1) (i32.const 0x1000000) (i32.const 0xfffff0))").pages(512))
    }),
    case("`memory.copy` onto itself in a loop", |stage| {
        stage.generate(&looping("(memory.copy (i32.const 0) (i32.const 1) (i32.const 0x1fffffe))").pages(512))
    }),
    case("`memory.init` in a loop", |stage| {
        let data = format!(r#"(data $d "{}")"#, "x".repeat(60_000));
        stage.generate(&looping("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 60000))").items(data))
    }),
    case("`data.drop` in a loop", |stage| stage.generate(&looping("(data.drop $d)").items(r#"(data $d "x")"#))),
    case("`memory.grow` by nothing in a loop", |stage| stage.generate(&looping("(drop (memory.grow (i32.const 0)))"))),
    case("`memory.grow` beyond the memory's own maximum in a loop", |stage| {
        stage.generate(&looping("(drop (memory.grow (i32.const 0x10000)))"))
    }),
    case("`table.fill` in a loop", |stage| {
        stage.generate(&looping("(table.fill $t (i32.const 0) (ref.null func) (i32.const 20000))").items(TABLE))
    }),
    case("`table.copy` in a loop", |stage| {
        stage.generate(&looping("(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 19999))").items(TABLE))
    }),
    case("`table.init` in a loop", |stage| {
        let elements = format!("{TABLE} (elem $e func {})", "$generate ".repeat(10_000));
        stage.generate(&looping("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 10000))").items(elements))
    }),
    case("`table.grow` by nothing in a loop", |stage| {
        stage.generate(&looping("(drop (table.grow $t (ref.null func) (i32.const 0)))").items(TABLE))
    }),
    case("`elem.drop` in a loop", |stage| stage.generate(&looping("(elem.drop $e)").items("(elem $e func $generate)"))),
    case("every element of a table touched for the first time", |stage| {
        // Tables are filled when they are read: that is the host's work.
        let items = format!(
            "(table $t 20000 funcref) (elem (i32.const 0) func {}) (func $touch (local $i i32)
                (loop $l (drop (table.get $t (local.get $i)))
                    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000)))))",
            "$generate ".repeat(20_000)
        );
        stage.generate(&looping("(call $touch)").items(items))
    }),
    case("diagnostics in a loop", |stage| {
        stage.generate(
            &looping("(call $panicked (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 9))").imports(PANICKED),
        )
    }),
    case("diagnostics of 3 MiB each, as often as they may be", |stage| {
        let say = "(call $panicked (i32.const 65536) (i32.const 3000000) (i32.const 0) (i32.const 9))".repeat(16);
        stage.generate(&Guest::generating(format!("{say} (i32.const 1024)")).imports(PANICKED).pages(64))
    }),
    case("functions that call each other twice, to a depth of 60", |stage| {
        let items = "(func $twice (param i32)
            (if (local.get 0) (then
                (call $twice (i32.sub (local.get 0) (i32.const 1)))
                (call $twice (i32.sub (local.get 0) (i32.const 1))))))";
        stage.generate(&Guest::generating("(call $twice (i32.const 60)) (i32.const 1024)").items(items))
    }),
    case("jumps through a table of 2,000 targets in a loop", |stage| {
        let (blocks, ends) = ("(block ".repeat(2000), ")".repeat(2000));
        let targets: String = (0..2000).map(|target| format!("{target} ")).collect();
        let jump = format!("(br_table {targets} (local.get $i))");
        let step = "(local.set $i (i32.rem_u (i32.add (local.get $i) (i32.const 769)) (i32.const 2000)))";
        stage.generate(&Guest::generating(format!(
            "(local $i i32) (loop $l {blocks} {jump} {ends} {step} (br $l)) (unreachable)"
        )))
    }),
    case("calls through a table in a loop", |stage| {
        let items = "(type $f (func)) (table $t 1 funcref) (elem (i32.const 0) $nothing) (func $nothing (type $f))";
        stage.generate(&looping("(call_indirect $t (type $f) (i32.const 0))").items(items))
    }),
    case("denormal floats in a loop", |stage| {
        stage.generate(&Guest::generating(
            "(local $x f64) (local.set $x (f64.const 0x1p-1030))
             (loop $l (local.set $x (f64.div (f64.mul (local.get $x) (f64.const 0.7)) (f64.const 0.7))) (br $l))
             (unreachable)",
        ))
    }),
    case("64-bit divisions in a loop", |stage| {
        stage.generate(&Guest::generating(
            "(local $x i64) (local.set $x (i64.const -1))
             (loop $l (local.set $x (i64.or (i64.const 3) (i64.div_u (i64.const -1) (local.get $x)))) (br $l))
             (unreachable)",
        ))
    }),
    case("square roots of vectors in a loop", |stage| {
        stage.generate(&Guest::generating(
            "(local $x v128)
             (loop $l (local.set $x (f64x2.sqrt (f64x2.add (local.get $x) (v128.const f64x2 2 3)))) (br $l))
             (unreachable)",
        ))
    }),
    case("stores to a page each in a loop", |stage| {
        stage.generate(
            &Guest::generating(
                "(local $i i32)
                 (loop $l (i32.store (local.get $i) (i32.const 1))
                     (local.set $i (i32.and (i32.add (local.get $i) (i32.const 4096)) (i32.const 0x3ffffff)))
                     (br $l)) (unreachable)",
            )
            .pages(1024),
        )
    }),
    case("threads", |stage| unmade(stage, "(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))", "")),
    case("waiting for another thread", |stage| {
        unmade(stage, "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))", "")
    }),
    case("exceptions", |stage| unmade(stage, "(throw $e)", "(tag $e)")),
    case("garbage collection", |stage| unmade(stage, "(drop (struct.new $s))", "(type $s (struct))")),
    case("typed function references", |stage| {
        unmade(
            stage,
            "(call_ref $f (ref.func $nothing))",
            "(type $f (func)) (func $nothing) (elem declare func $nothing)",
        )
    }),
    case("tail calls", |stage| unmade(stage, "(return_call $generate (local.get 0))", "")),
    case("relaxed SIMD", |stage| {
        let zero = "(v128.const i32x4 0 0 0 0)";
        unmade(stage, &format!("(drop (f32x4.relaxed_madd {zero} {zero} {zero}))"), "")
    }),
    case("wide arithmetic", |stage| unmade(stage, "(drop (drop (i64.mul_wide_u (i64.const 1) (i64.const 1))))", "")),
    case("a stack of its own", |stage| {
        unmade(stage, "(drop (cont.new $c (ref.null $f)))", "(type $f (func)) (type $c (cont $f))")
    }),
];

const START: &str = "(func $s (loop $l (br $l))) (start $s)";
const TABLE: &str = "(table $t 20000 funcref)";
const PANICKED: &str =
    r#"(import "thymis:module/diagnostics@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))"#;

fn looping(body: &str) -> Guest {
    Guest::generating(format!("(loop $l {body} (br $l)) (unreachable)"))
}

/// A guest with an instruction that this host isn't made for.
fn unmade(stage: &Stage, instruction: &str, items: &str) -> Ended {
    stage.loading(&Guest::generating(format!("{instruction} (i32.const 1024)")).items(items).component())
}
