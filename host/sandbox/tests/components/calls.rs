//! What a module can and can't do while it runs: real components, most of them hostile.

use super::guest::{Guest, echo, raw_exprs, request};
use thymis_core::wire::Expr;
use thymis_sandbox::{Component, Error, Limits, Sandbox};

fn load(guest: &Guest, limits: Limits) -> Component {
    Sandbox::new(limits, None).unwrap().load(&guest.component(), false).unwrap()
}

/// The message of the fault that `generate` ends in.
fn fault(guest: &Guest, limits: Limits) -> String {
    match load(guest, limits).generate(&request("{}")).unwrap_err() {
        error @ Error::ModuleFault(_) => error.to_string(),
        other => panic!("not the module's fault: {other}"),
    }
}

fn quick() -> Limits {
    Limits::default().with_generate_fuel(2_000_000)
}

#[test]
fn settings_go_in_and_a_configuration_comes_out() {
    let component = load(&echo(), Limits::default());
    let described = component.describe().unwrap();
    assert_eq!((described[0].name.as_str(), described[0].schema_version), ("echo", 3));
    let outcome = component.generate(&request(r#"{"a":"ä"}"#)).unwrap();
    assert_eq!(outcome.answer.unwrap().exprs, [Expr::Raw(r#"{"a":"ä"}"#.into())]);
    assert_eq!((outcome.usage.output_bytes, outcome.usage.memory_bytes), (10, 4 << 16));
    assert!(outcome.usage.fuel > 0);
    assert_eq!(component.migrate("echo", 1, "{}").unwrap().answer.unwrap(), "{}");
}

#[test]
fn calls_share_nothing_and_use_the_same_fuel() {
    // Counts its calls in memory, and answers with the count as the length of a string.
    let guest = Guest::generating(&format!(
        "(i32.store (i32.const 268) (i32.add (i32.load (i32.const 268)) (i32.const 1))) {}",
        raw_exprs("(i32.const 1)")
    ));
    let component = load(&guest, Limits::default());
    let first = component.generate(&request("{}")).unwrap();
    let second = component.generate(&request("{}")).unwrap();
    assert_eq!(first, second);
    assert_eq!(first.answer.unwrap().exprs, [Expr::Raw("\0".into())]);
}

#[test]
fn more_threads_than_slots_wait_for_each_other() {
    let component = load(&echo(), Limits::default().with_concurrent_calls(2));
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
fn endless_loops_run_out_of_fuel_wherever_they_are() {
    insta::assert_snapshot!(
        fault(&Guest::generating("(loop $l (br $l)) (unreachable)"), quick()),
        @"`generate` used up its fuel: the limit `generate_fuel` is 2000000 instructions; look for an endless loop, or do less work in one call"
    );
    let start = Guest { items: "(func $s (loop $l (br $l))) (start $s)".into(), ..Guest::default() };
    assert!(fault(&start, quick()).contains("used up its fuel"));
    let realloc = Guest { realloc: "(loop $l (br $l)) (unreachable)", ..Guest::default() };
    assert!(fault(&realloc, quick()).contains("used up its fuel"));
}

#[test]
fn where_the_fuel_is_not_the_bound_the_deadline_is_and_other_calls_go_on() {
    let guest = Guest::generating("(loop $l (br $l)) (unreachable)");
    let limits = Limits::default().with_deadline_ms(50).with_generate_fuel(1 << 60);
    let sandbox = Sandbox::new(limits, None).unwrap();
    let (slow, other) =
        (sandbox.load(&guest.component(), false).unwrap(), sandbox.load(&echo().component(), false).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            insta::assert_snapshot!(
                slow.generate(&request("{}")).unwrap_err(),
                @"`generate` took too long, twice, the second time alone: the limit `deadline_ms` is 50 ms; do less work in one call"
            );
        });
        for _ in 0..20 {
            other.generate(&request("{}")).unwrap();
        }
    });
}

#[test]
fn filling_memory_costs_fuel_by_its_size() {
    let fill = "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x1ffffff)) (br $l)) (unreachable)";
    let guest = Guest { pages: 512, ..Guest::generating(fill) };
    assert!(fault(&guest, quick()).contains("used up its fuel"));
}

#[test]
fn memory_and_tables_are_bounded() {
    let grow = "(loop $l (drop (memory.grow (i32.const 16))) (br $l)) (unreachable)";
    insta::assert_snapshot!(
        fault(&Guest::generating(grow), quick()),
        @"`generate` asked for too much: the limit `memory_bytes` is 67108864, and 67371008 was asked for; make the module use or return less"
    );
    let table = Guest {
        items: "(table $t 1 funcref)".into(),
        ..Guest::generating("(loop $l (drop (table.grow $t (ref.null func) (i32.const 5000))) (br $l)) (unreachable)")
    };
    assert!(fault(&table, quick()).contains("the limit `table_elements` is 20000, and 20001 was asked for"));
}

#[test]
fn recursion_on_a_thread_with_a_small_stack_traps_and_does_not_abort() {
    let guest = Guest::generating("(call $generate (i32.add (local.get $request) (i32.const 1)))");
    let component = load(&guest, Limits::default());
    let message = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || component.generate(&request("{}")).unwrap_err().to_string())
        .unwrap()
        .join()
        .unwrap();
    insta::assert_snapshot!(
        message,
        @"`generate` recursed too deeply: the limit `stack_bytes` is 1048576; look for an endless recursion"
    );
}

#[test]
fn loading_works_on_a_thread_with_a_small_stack() {
    let load = || load(&echo(), Limits::default()).describe().unwrap().len();
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(load).unwrap();
    assert_eq!(thread.join().unwrap(), 1);
}

#[test]
fn answers_are_bounded_in_bytes_and_in_number() {
    let string_of = |bytes: u32| Guest {
        pages: 128,
        ..Guest::generating(&format!(
            "(i32.store (i32.const 264) (i32.const 65536)) (i32.store (i32.const 268) (i32.const {bytes})) {}",
            raw_exprs("(i32.const 1)")
        ))
    };
    insta::assert_snapshot!(
        fault(&string_of(2 << 20), quick()),
        @"`generate` asked for too much: the limit `string_bytes` is 1048576, and 2097152 was asked for; make the module use or return less"
    );
    insta::assert_snapshot!(
        fault(&string_of(5 << 20), quick()),
        @"`generate` failed at the border to the host: too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted (one crossing may take 4194304 bytes, the limit `hostcall_fuel`)"
    );
    // Zeroes are expressions `null`.
    let many = |count: u32| Guest {
        pages: 512,
        ..Guest::generating(&format!(
            "(i32.store (i32.const 1028) (i32.const 65536)) (i32.store (i32.const 1032) (i32.const {count})) (i32.const 1024)"
        ))
    };
    assert!(fault(&many(60_000), quick()).contains("the limit `exprs` is 50000, and 60000 was asked for"));
    assert!(fault(&many(1_000_000), quick()).contains("`hostcall_fuel`"));
    // All strings are the same few bytes of the guest: small there, large here.
    let same = "(local $i i32)
        (loop $l
            (i32.store8 (i32.add (i32.const 4096) (local.get $i)) (i32.const 9))
            (i32.store (i32.add (i32.const 4104) (local.get $i)) (i32.const 65536))
            (i32.store (i32.add (i32.const 4108) (local.get $i)) (i32.const 900000))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 24))) (i32.const 96))))
        (i32.store (i32.const 1028) (i32.const 4096)) (i32.store (i32.const 1032) (i32.const 4)) (i32.const 1024)";
    let same = Guest { pages: 32, ..Guest::generating(same) };
    assert!(fault(&same, quick()).contains("the limit `output_bytes` is 3145728, and 3600000 was asked for"));
}

#[test]
fn answers_that_are_no_answers_are_the_modules_fault() {
    let dangling =
        "(i32.store (i32.const 1028) (i32.const -16)) (i32.store (i32.const 1032) (i32.const 9)) (i32.const 1024)";
    assert!(fault(&Guest::generating(dangling), quick()).starts_with("`generate` "));
    let not_utf8 = format!(
        "(i32.store (i32.const 2048) (i32.const -1)) (i32.store (i32.const 264) (i32.const 2048))
         (i32.store (i32.const 268) (i32.const 4)) {}",
        raw_exprs("(i32.const 1)")
    );
    insta::assert_snapshot!(
        fault(&Guest::generating(&not_utf8), quick()),
        @"`generate` failed at the border to the host: invalid utf-8 sequence of 1 bytes from index 0 (one crossing may take 4194304 bytes, the limit `hostcall_fuel`)"
    );
    assert!(
        fault(&Guest::generating("(i32.store8 (i32.const 1024) (i32.const 7)) (i32.const 1024)"), quick())
            .starts_with("`generate` ")
    );
}

const PANICKED: &str =
    r#"(import "thymis:module/diagnostics@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))"#;

#[test]
fn a_panic_reaches_its_author_with_message_and_place_and_without_escapes() {
    let guest = Guest {
        imports: PANICKED,
        items: r#"(data (i32.const 512) "no such unit: \1b[31m`K`") (data (i32.const 600) "src/lib.rs:7:9")"#.into(),
        ..Guest::generating(
            "(call $panicked (i32.const 512) (i32.const 22) (i32.const 600) (i32.const 14)) (unreachable)",
        )
    };
    insta::assert_snapshot!(fault(&guest, quick()), @r"`generate` panicked at src/lib.rs:7:9: no such unit: \u{1b}[31m`K`");
}

#[test]
fn a_panic_message_without_end_is_cut() {
    let guest = Guest {
        imports: PANICKED,
        ..Guest::generating(
            "(memory.fill (i32.const 0) (i32.const 0x61) (i32.const 200000))
             (call $panicked (i32.const 0) (i32.const 200000) (i32.const 0) (i32.const 200000)) (unreachable)",
        )
    };
    assert!(fault(&guest, quick()).len() < 20_000);
}

#[test]
fn diagnostics_change_no_outcome_and_have_totals_of_their_own() {
    let once = Guest {
        imports: PANICKED,
        ..Guest::generating("(call $panicked (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 1024)")
    };
    assert!(load(&once, quick()).generate(&request("{}")).unwrap().answer.is_ok());
    let endless = Guest {
        imports: PANICKED,
        ..Guest::generating(
            "(loop $l (call $panicked (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 9)) (br $l)) (unreachable)",
        )
    };
    assert!(fault(&endless, quick()).contains("the limit `diagnostics_calls` is 16, and 17 was asked for"));
}

#[test]
fn traps_are_told_in_words() {
    insta::assert_snapshot!(fault(&Guest::generating("(unreachable)"), quick()), @"`generate` trapped: wasm `unreachable` instruction executed");
    insta::assert_snapshot!(
        fault(&Guest::generating("(i32.div_u (i32.const 1) (i32.const 0))"), quick()),
        @"`generate` trapped: integer divide by zero"
    );
}
