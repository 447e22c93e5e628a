//! Components that are broken, or hold too much of one thing.

use thymis_tests::guest::{Guest, number, section};

use super::{
    imitations::{around, text},
    suite::{Case, case},
    together::together,
};

pub(crate) const CASES: &[Case] = &[
    // No component, or not all of one
    case("nothing at all", |stage| stage.loading(b"")),
    case("a script", |stage| stage.loading(b"#!/bin/sh\nrm -rf /\n")),
    case("a header without anything", |stage| stage.loading(b"\0asm\x0d\0\x01\0")),
    case("a header of a version of the future", |stage| {
        together(
            [b"\0asm\x0e\0\x01\0", b"\0asm\x0d\0\x02\0", b"\0asm\x02\0\0\0", b"\0asm\xff\xff\xff\xff"]
                .map(|it| stage.loading(it)),
        )
    }),
    case("half of a header", |stage| stage.loading(b"\0asm\x0d")),
    case("a core module", |stage| stage.loading(&Guest::echo().core())),
    case("a core module for WASI, as an adapter would take it", |stage| {
        stage.loading(
            &wat::parse_str(
                r#"(module (import "wasi_snapshot_preview1" "path_open" (func (param i32) (result i32)))
                    (memory (export "memory") 1) (func (export "_start")))"#,
            )
            .unwrap(),
        )
    }),
    case("a component that exports nothing", |stage| stage.loading(&text(""))),
    case("a component, and a second one behind it", |stage| {
        stage.loading(&[Guest::echo().component(), Guest::echo().component()].concat())
    }),
    case("a component with a byte behind it", |stage| stage.loading(&[Guest::echo().component(), vec![0]].concat())),
    case("a component that says it is longer than it is", |stage| {
        stage.loading(&[Guest::echo().component(), vec![0], number(1000)].concat())
    }),
    case("a component that says it is longer than an address", |stage| {
        stage.loading(&[Guest::echo().component().as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat())
    }),
    case("a number with more bytes than it needs, and one with more than it may have", |stage| {
        let guest = Guest::echo().component();
        let custom = |length: &[u8]| stage.loading(&[guest.as_slice(), &[0], length, b"\x01a"].concat());
        assert_eq!(custom(&[0x82, 0x80, 0x80, 0x80, 0]).to_string(), "No effect: it is loaded");
        custom(&[0x82, 0x80, 0x80, 0x80, 0x80, 0])
    }),
    case("a section that nobody knows", |stage| {
        stage.loading(&[Guest::echo().component(), section(99, b"a")].concat())
    }),
    case("a section whose items are more than it holds", |stage| {
        stage.loading(&[Guest::echo().component(), section(11, &[0xff, 0xff, 0x03])].concat())
    }),
    case("a function whose body says it is longer than its section", |stage| {
        stage.loading(&with(&section(1, b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x7f\0\x0b")))
    }),
    case("a function whose body ends before it is over", |stage| {
        stage.loading(&with(&section(1, b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x41")))
    }),
    // Too much of one thing
    case("a component whose last section is a core module", |stage| {
        stage.loading(&[Guest::echo().component(), section(1, b"\0asm\x01\0\0\0")].concat())
    }),
    case("components nested 10 deep", |stage| stage.loading(&with(&nested(10)))),
    case("components nested 5,000 deep", |stage| stage.loading(&with(&nested(5_000)))),
    case("types nested 21,000 deep", |stage| stage.loading(&with(&types(21_000)))),
    case("types nested 21,000 deep, on a thread with a stack of 256 KiB", |stage| {
        let load = || stage.loading(&with(&types(21_000)));
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            thread.spawn_scoped(scope, load).unwrap().join().unwrap()
        })
    }),
    case("types nested 30,000 deep", |stage| stage.loading(&with(&types(30_000)))),
    case("a thousand instances of components", |stage| {
        stage.loading(&around(&format!("(component $empty) {}", "(instance (instantiate $empty))".repeat(1000))))
    }),
    case("instances of components, doubled 8 times", |stage| stage.loading(&around(&doubled(8)))),
    case("instances of components, doubled 12 times", |stage| stage.loading(&around(&doubled(12)))),
    case("tuples of tuples, doubled 30 times", |stage| {
        let double = |index: usize| format!("(type $t{} (tuple $t{index} $t{index}))", index + 1);
        stage.loading(&around(&format!("(type $t0 (tuple u8 u8)) {}", (0..30).map(double).collect::<String>())))
    }),
    case("options of options, 1,000 times", |stage| {
        let option = |index: usize| format!("(type $t{} (option $t{index}))", index + 1);
        stage.loading(&around(&format!("(type $t0 (option u8)) {}", (0..1_000).map(option).collect::<String>())))
    }),
    case("100,000 imports", |stage| {
        let import = |index: usize| [&[0], named(&format!("a{index}")).as_slice(), &[1, 0]].concat();
        let imports = (0..100_000).flat_map(import);
        stage.loading(&with(&section(10, &number(100_000).into_iter().chain(imports).collect::<Vec<_>>())))
    }),
    case("100,000 exports", |stage| {
        let export = |index: usize| [&[0], named(&format!("a{index}")).as_slice(), &[1, 0, 0]].concat();
        let exports = (0..100_000).flat_map(export);
        stage.loading(&with(&section(11, &number(100_000).into_iter().chain(exports).collect::<Vec<_>>())))
    }),
    case("a custom section of 40 MB", |stage| {
        stage.loading(&with(&section(0, &[named("a"), vec![0; 40 << 20]].concat())))
    }),
    case("a custom section of 60 MB", |stage| {
        stage.loading(&with(&section(0, &[named("a"), vec![0; 60 << 20]].concat())))
    }),
    case("100,000 custom sections", |stage| stage.loading(&with(&section(0, b"\x01a").repeat(100_000)))),
    case("names of functions of 1 MB that would colour a terminal", |stage| {
        let name = "\u{1b}[31m\u{202e}".repeat(100_000);
        let names = section(1, &[vec![1, 0], named(&name)].concat());
        let core = [b"\0asm\x01\0\0\0".to_vec(), section(0, &[named("name"), names].concat())].concat();
        stage.loading(&with(&section(1, &core)))
    }),
    case("a function with 50,000 locals, and one with more", |stage| {
        let locals =
            |count: usize| stage.loading(&around(&format!("(core module (func (local{})))", " i32".repeat(count))));
        assert_eq!(locals(50_000).to_string(), "No effect: it is loaded");
        locals(50_001)
    }),
    case("a jump to 1,000 places", |stage| {
        let targets = "0 ".repeat(1_000);
        stage.loading(&around(&format!("(core module (func (param i32) (block (br_table {targets} (local.get 0)))))")))
    }),
    case("blocks nested 50,000 deep", |stage| {
        stage.loading(&with_core(&[[0x02, 0x40].repeat(50_000), vec![0x0b; 50_000]].concat()))
    }),
    case("a name of a megabyte for an export", |stage| {
        stage.loading(&around(&format!(r#"(export "{}" (instance $i))"#, "a".repeat(1 << 20))))
    }),
];

/// A good guest with these sections behind it, and behind them a custom one.
fn with(sections: &[u8]) -> Vec<u8> {
    [Guest::echo().component().as_slice(), sections, &section(0, b"\x01a")].concat()
}

/// A core module with a function of this body beside a good guest.
fn with_core(body: &[u8]) -> Vec<u8> {
    let function = [&[0], body, &[0x0b]].concat();
    let code = section(10, &[vec![1], number(function.len()), function].concat());
    let core = [b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec(), code].concat();
    with(&section(1, &core))
}

fn named(name: &str) -> Vec<u8> {
    [number(name.len()).as_slice(), name.as_bytes()].concat()
}

/// Components within each other.
fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(Vec::new(), |inner, _| section(4, &[b"\0asm\x0d\0\x01\0".as_slice(), &inner].concat()))
}

/// A type of a component that has a type of a component, and so on.
fn types(depth: usize) -> Vec<u8> {
    section(7, &[vec![1], [0x41, 1, 1].repeat(depth), vec![0x41, 0]].concat())
}

/// An instance of a component that has two instances of one that has two, and so on.
fn doubled(times: usize) -> String {
    let component = |index: usize| {
        let twice = "(instance (instantiate $c))".repeat(2);
        format!("(component (alias outer 1 {index} (component $c)) {twice})")
    };
    let all: String = (1..=times).map(component).collect();
    format!(
        "(component (core module $m) (core instance (instantiate $m))) {all} (instance (instantiate {}))",
        times + 1
    )
}
