//! Attacks that would use up the host's memory: with what a guest is made of, what it takes for itself, and texts and lists
//! of any length.

use thymis_core::wire::Expr;
use thymis_sandbox::Limits;
use thymis_tests::guest::{Guest, number, raw_exprs, request, section};

use super::suite::{Case, Ended, Stage, case, summary};
use super::values::{configuration, defining};

pub(crate) const CASES: &[Case] = &[
    // What a guest takes for itself
    case("memory, page by page", |stage| stage.generate(&looping("(drop (memory.grow (i32.const 1)))"))),
    case("memory, 4 GiB at once", |stage| stage.generate(&looping("(drop (memory.grow (i32.const 65500)))"))),
    case("memory in the start function", |stage| {
        stage.generate(&Guest::default().items("(func $s (drop (memory.grow (i32.const 2000)))) (start $s)"))
    }),
    case("memory in the allocator", |stage| {
        stage.generate(&Guest::default().realloc("(drop (memory.grow (i32.const 600))) (i32.const 8192)"))
    }),
    case("memory after the answer was read", |stage| {
        stage.generate(&Guest::default().after("(drop (memory.grow (i32.const 2000)))"))
    }),
    case("memory from the start", |stage| stage.loading(&Guest::default().pages(2000).component())),
    case("4 GiB of memory from the start", |stage| stage.loading(&Guest::default().pages(65536).component())),
    case("memory of 40 MiB in each of two instances", |stage| {
        called(stage, &beside(&Guest::default(), "(module (memory 640))", 2))
    }),
    case("memory that grows in another instance", |stage| {
        let grows = "(module (memory 1) (func $s (drop (memory.grow (i32.const 1023)))) (start $s))";
        called(stage, &beside(&Guest::default(), grows, 1))
    }),
    case("three memories", |stage| called(stage, &beside(&Guest::default(), "(module (memory 1))", 2))),
    case("two memories in one module", |stage| stage.loading(&Guest::default().items("(memory 1)").component())),
    case("a memory of 64-bit addresses", |stage| {
        called(stage, &beside(&Guest::default(), "(module (memory i64 1))", 1))
    }),
    case("a memory with pages of one byte", |stage| {
        called(stage, &beside(&Guest::default(), "(module (memory 1 (pagesize 1)))", 1))
    }),
    case("a memory that threads share", |stage| {
        called(stage, &beside(&Guest::default(), "(module (memory 1 1 shared))", 1))
    }),
    case("all of the memory touched, in a call that succeeds", |stage| {
        stage.generate(
            &Guest::generating(
                "(local $i i32) (loop $l (i32.store (local.get $i) (i32.const -1))
                     (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4096)))
                         (i32.const 0x4000000))))
                 (i32.const 1024)",
            )
            .pages(1024),
        )
    }),
    case("a table that grows", |stage| {
        stage
            .generate(&looping("(drop (table.grow $t (ref.null func) (i32.const 5000)))").items("(table $t 1 funcref)"))
    }),
    case("a table from the start", |stage| stage.loading(&Guest::default().items("(table 20001 funcref)").component())),
    case("17 tables", |stage| called(stage, &Guest::default().items("(table 1 funcref)".repeat(17)).component())),
    case("16 tables, and two more in another instance", |stage| {
        let guest = Guest::default().items("(table 1 funcref)".repeat(16));
        called(stage, &beside(&guest, "(module (table 1 funcref) (table 1 funcref))", 1))
    }),
    case("65 instances", |stage| called(stage, &beside(&Guest::default(), "(module)", 64))),
    case("a thousand instances", |stage| called(stage, &beside(&Guest::default(), "(module)", 1000))),
    case("60 instances, each with a loop in its start function", |stage| {
        called(stage, &beside(&Guest::default(), "(module (func $s (loop $l (br $l))) (start $s))", 60))
    }),
    case("70,000 globals", |stage| {
        stage.loading(&Guest::default().items("(global i64 (i64.const 0))".repeat(70_000)).component())
    }),
    case("recursion in `generate`", |stage| stage.generate(&Guest::generating("(call $generate (local.get 0))"))),
    case("recursion in `describe`", |stage| stage.describe(&Guest::default().describe("(call $describe)"))),
    case("recursion in the start function", |stage| {
        stage.generate(&Guest::default().items("(func $s (call $s)) (start $s)"))
    }),
    case("recursion in the allocator", |stage| {
        stage.generate(
            &Guest::default().realloc("(call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))"),
        )
    }),
    case("recursion with 4 KB of locals in each frame", |stage| {
        let (locals, set) = ("i64 ".repeat(500), |index: usize| {
            format!("(local.set {} (i64.load (i32.const {})))", index + 1, index * 8)
        });
        let sets: String = (0..500).map(set).collect();
        let keeps: String =
            (0..500).map(|index| format!("(i64.store (i32.const {}) (local.get {}))", index * 8, index + 1)).collect();
        let items = format!("(func $r (param i32) (local {locals}) {sets} (call $r (local.get 0)) {keeps})");
        stage.generate(&Guest::generating("(call $r (i32.const 1)) (i32.const 1024)").items(items))
    }),
    case("recursion on a thread with a stack of 256 KiB", |stage| {
        let guest = Guest::generating("(call $generate (local.get 0))");
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            thread.spawn_scoped(scope, || stage.generate(&guest)).unwrap().join().unwrap()
        })
    }),
    // Texts and lists
    case("a text of 1 GB that isn't there", |stage| stage.generate(&text_at("4096", "1000000000"))),
    case("a text that goes around the end of the address space", |stage| stage.generate(&text_at("-16", "0x7fffffff"))),
    case("an empty text at no address", |stage| stage.generate(&text_at("-1", "0"))),
    case("a text of 2 MiB", |stage| stage.generate(&text_at("65536", "0x200000").pages(128))),
    case("a text of 60 MiB", |stage| stage.generate(&text_at("65536", "0x3c00000").pages(1024))),
    case("a text that isn't UTF-8", |stage| {
        stage.generate(&text_at("2048", "4").items(r#"(data (i32.const 2048) "\ff\fe\fd\fc")"#))
    }),
    case("a text that ends within a character", |stage| {
        stage.generate(&text_at("2048", "2").items(r#"(data (i32.const 2048) "a\c3\a4")"#))
    }),
    case("four texts that are the same megabyte", |stage| {
        stage.generate(&Guest::answering(&configuration(vec![Expr::Raw("a".repeat(900_000)); 4])))
    }),
    case("100,000 times the same text of 32 bytes", |stage| stage.generate(&defining(vec!["a".repeat(32); 100_000]))),
    case("a million times the same text", |_| Stage::generate_within(Limits::default(), &many(MILLION_ALIASES, 1024))),
    case("three million texts of one byte", |_| {
        Stage::generate_within(Limits::default(), &many(THREE_MILLION_TEXTS, 1024))
    }),
    case("50,000 times the same list of 100,000 items", |stage| stage.generate(&many(SAME_LIST, 64))),
    case("60,000 expressions that take nothing but their place", |stage| stage.generate(&list_of("65536", "60000"))),
    case("a million expressions that take nothing but their place", |stage| {
        stage.generate(&list_of("65536", "1000000"))
    }),
    case("4 billion expressions", |stage| stage.generate(&list_of("0", "-1"))),
    case("a list that goes around the end of the address space", |stage| stage.generate(&list_of("-8", "9"))),
    case("a list at an odd address", |stage| stage.generate(&list_of("4097", "1"))),
    case("an answer at no address", |stage| stage.generate(&Guest::generating("(i32.const -8)"))),
    case("an answer at an odd address", |stage| stage.generate(&Guest::generating("(i32.const 1025)"))),
    case("an answer that overlaps the end of the memory", |stage| {
        stage.generate(&Guest::generating("(i32.const 0x3fff8)"))
    }),
    case("a request at no address", |stage| stage.generate(&Guest::default().realloc("(i32.const -8)"))),
    case("a request at an odd address", |stage| stage.generate(&Guest::default().realloc("(i32.const 8193)"))),
    case("the request, all of it at one address", |stage| stage.generate(&Guest::echo().realloc("(i32.const 8192)"))),
    case("migrated settings of 2 MiB", |stage| {
        stage.migrate(
            &Guest::default()
                .migrate(
                    "(i32.store (i32.const 4) (i32.const 65536)) (i32.store (i32.const 8) (i32.const 0x200000))
                     (i32.const 0)",
                )
                .pages(64),
        )
    }),
    // What a component is made of
    case("20 components within each other", |stage| {
        let inner = |inner: Vec<u8>, _| [HEADER, section(4, &inner).as_slice()].concat();
        stage.loading(&(0..20).fold(HEADER.to_vec(), inner))
    }),
    case("a million types of components within each other", |stage| {
        stage.loading(&[Guest::echo().component(), component_types(1_000_000)].concat())
    }),
    case("20,000 types of components within each other, on a thread with a stack of 256 KiB", |stage| {
        // Three bytes each: as many as one section may hold. Nothing that reads them recurses on the caller's stack.
        let bytes = [Guest::echo().component(), component_types(21_840)].concat();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            thread.spawn_scoped(scope, || stage.loading(&bytes)).unwrap().join().unwrap()
        })
    }),
];

/// Definitions with one path of a million segments, all of them the same.
const MILLION_ALIASES: &str = "
    (loop $l
        (i32.store offset=0x20000 (local.get $i) (i32.const 0x10000))
        (i32.store offset=0x20004 (local.get $i) (i32.const 1))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 8000000))))
    (i32.store (i32.const 4096) (i32.const 0x20000)) (i32.store (i32.const 4100) (i32.const 1000000))
    (i32.store (i32.const 1036) (i32.const 4096)) (i32.store (i32.const 1040) (i32.const 1))";

/// A text of three million parts.
const THREE_MILLION_TEXTS: &str = "
    (loop $l
        (i32.store offset=0x20004 (local.get $i) (local.get $i))
        (i32.store offset=0x20008 (local.get $i) (i32.const 1))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 12))) (i32.const 36000000))))
    (i32.store8 (i32.const 4096) (i32.const 4))
    (i32.store (i32.const 4104) (i32.const 0x20000)) (i32.store (i32.const 4108) (i32.const 3000000))
    (i32.store (i32.const 1028) (i32.const 4096)) (i32.store (i32.const 1032) (i32.const 1))";

/// Expressions that are all one list.
const SAME_LIST: &str = "
    (loop $l
        (i32.store8 offset=0x200000 (local.get $i) (i32.const 5))
        (i32.store offset=0x200008 (local.get $i) (i32.const 0x20000))
        (i32.store offset=0x20000c (local.get $i) (i32.const 100000))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 24))) (i32.const 1200000))))
    (i32.store (i32.const 1028) (i32.const 0x200000)) (i32.store (i32.const 1032) (i32.const 50000))";

fn looping(body: &str) -> Guest {
    Guest::generating(format!("(loop $l {body} (br $l)) (unreachable)"))
}

/// A guest that fills its memory in a loop and answers with what then stands at 1024.
fn many(filling: &str, pages: u32) -> Guest {
    Guest::generating(format!("(local $i i32) {filling} (i32.const 1024)")).pages(pages)
}

/// Answers with one text `raw`, wherever that is.
fn text_at(pointer: &str, length: &str) -> Guest {
    Guest::generating(format!(
        "(i32.store (i32.const 264) (i32.const {pointer})) (i32.store (i32.const 268) (i32.const {length})) {}",
        raw_exprs("(i32.const 1)")
    ))
}

/// Answers with expressions, wherever they are.
fn list_of(pointer: &str, count: &str) -> Guest {
    Guest::generating(format!(
        "(i32.store (i32.const 1028) (i32.const {pointer})) (i32.store (i32.const 1032) (i32.const {count}))
         (i32.const 1024)"
    ))
    .pages(512)
}

/// A guest's component with a second core module in it, instantiated so many times.
fn beside(guest: &Guest, module: &str, instances: usize) -> Vec<u8> {
    let instance = [0, 1, 0].repeat(instances);
    [
        guest.component(),
        section(1, &wat::parse_str(module).unwrap()),
        section(2, &[number(instances), instance].concat()),
    ]
    .concat()
}

/// The first bytes of every component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// A section with a component type that holds a component type and so on.
fn component_types(levels: usize) -> Vec<u8> {
    section(7, &[b"\x01".as_slice(), &b"\x41\x01\x01".repeat(levels), b"\x41\x00"].concat())
}

fn called(stage: &Stage, component: &[u8]) -> Ended {
    Ended::of(|| Ok(summary(&stage.sandbox.load(component, false)?.generate(&request("{}"))?.answer)))
}
