//! What is loaded, what is refused, and in which words.

use std::fs;
use std::path::Path;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use thymis_sandbox::{CompileError, Compiler, Error, InProcess, Limits, Sandbox, inspect};
use wit_parser::Resolve;

use super::guest::{EMPTY, Guest, echo, encode, request};

fn refusal(bytes: &[u8]) -> String {
    inspect(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn an_inspection_lists_imports_exports_and_the_version() {
    let bytes = echo().component();
    let inspection = inspect(&bytes, &Limits::default()).unwrap();
    assert_eq!(inspection.version, "0.1.0");
    assert_eq!(inspection.exports, ["thymis:module/module@0.1.0"]);
    assert_eq!(inspection.imports, [] as [&str; 0]);
    assert_eq!(inspection.bytes, bytes.len() as u64);
}

#[test]
fn what_is_no_component_is_told_apart() {
    insta::assert_snapshot!(refusal(b"#!/bin/sh"), @r"this is not WebAssembly: it doesn't start with `\0asm`");
    insta::assert_snapshot!(refusal(b""), @r"this is not WebAssembly: it doesn't start with `\0asm`");
    insta::assert_snapshot!(
        refusal(&echo().core()),
        @"this is a core WebAssembly module, not a component; run `thymis module build`"
    );
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let bytes = echo().component();
    insta::assert_snapshot!(
        refusal(&bytes[..200]),
        @"the component is truncated: it ends after 200 bytes, in the middle of a section"
    );
    let sandbox = Sandbox::new(Limits::default(), None).unwrap();
    let exports_end = (0..bytes.len()).find(|&end| inspect(&bytes[..end], &Limits::default()).is_ok()).unwrap();
    for end in (0..exports_end).step_by(17) {
        assert!(matches!(sandbox.load(&bytes[..end], false), Err(Error::Incompatible(_))), "{end}");
    }
}

/// A component of a world in another package.
fn other(package: &str, core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let id = resolve.push_str("other.wit", package).unwrap();
    let world = resolve.select_world(&[id], None).unwrap();
    encode(wat::parse_str(core).unwrap(), &resolve, world)
}

#[test]
fn other_interfaces_and_versions_are_refused_by_name() {
    insta::assert_snapshot!(
        refusal(&other(
            "package acme:greeter@1.0.0; interface hello { hi: func(); } world w { export hello; }",
            r#"(module (func (export "acme:greeter/hello@1.0.0#hi")))"#,
        )),
        @"the component exports no `thymis:module/module`, but `acme:greeter/hello@1.0.0`; build it on the Thymis SDK, or against the WIT package `thymis:module`"
    );
    insta::assert_snapshot!(
        refusal(&other(
            "package thymis:module@0.2.0; interface module { hi: func(); } world w { export module; }",
            r#"(module (func (export "thymis:module/module@0.2.0#hi")))"#,
        )),
        @"the component exports version 0.2.0 of `thymis:module/module`, and this host supports 0.1; use an SDK of that version, or a host that supports 0.2.0"
    );
}

#[test]
fn the_right_name_with_other_types_is_refused() {
    let bytes = other(
        "package thymis:module@0.1.0; interface module { describe: func() -> u32; } world w { export module; }",
        r#"(module (func (export "thymis:module/module@0.1.0#describe") (result i32) (i32.const 0)))"#,
    );
    let error = Sandbox::new(Limits::default(), None).unwrap().load(&bytes, false).unwrap_err().to_string();
    assert!(error.starts_with("the component doesn't fit the WIT package 0.1: "), "{error}");
}

#[test]
fn forbidden_imports_are_refused_by_name() {
    let guest = Guest { imports: r#"(import "acme:host/files@1.0.0" "delete" (func))"#, ..Guest::default() };
    let package = "package acme:host@1.0.0; interface files { delete: func(); }
        world w { include thymis:module/module-provider@0.1.0; import files; }";
    insta::assert_snapshot!(
        refusal(&guest.component_of("w", package)),
        @"the component imports `acme:host/files@1.0.0`, which no module may; a module imports nothing but `thymis:module/diagnostics`, and WASI where its manifest declares it"
    );
}

#[test]
fn memory_that_is_too_large_from_the_start_is_refused() {
    insta::assert_snapshot!(
        refusal(&Guest { pages: 2000, ..Guest::default() }.component()),
        @"the component is too large: the limit `memory_bytes` is 67108864, and 131072000 was asked for"
    );
}

#[test]
fn what_the_engine_is_not_made_for_is_refused() {
    let sandbox = Sandbox::new(Limits::default(), None).unwrap();
    for (feature, generate) in [
        (
            "relaxed SIMD",
            "(drop (f32x4.relaxed_madd (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))",
        ),
        ("tail calls", "(return_call $generate (local.get 0))"),
    ] {
        let guest = Guest::generating(&format!("{generate} {EMPTY}"));
        let result = sandbox.load(&guest.component(), false);
        assert!(matches!(result, Err(Error::Incompatible(_))), "{feature}");
    }
    let memories = Guest { items: "(memory 1) (memory 1)".into(), ..Guest::default() };
    assert!(matches!(sandbox.load(&memories.component(), false), Err(Error::Incompatible(_))));
}

#[test]
fn nesting_is_bounded_before_anything_recurses_into_it() {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let section = |id: u8, body: &[u8]| {
        let mut bytes = vec![id];
        let mut length = body.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(body);
        bytes
    };
    let component = (0..20).fold(HEADER.to_vec(), |inner, _| [HEADER, section(4, &inner).as_slice()].concat());
    insta::assert_snapshot!(
        refusal(&component),
        @"the component is too large: the limit `nesting` is 8, and 9 was asked for"
    );
    // A component type of a component type of …: three bytes a level.
    let types = |levels: usize| {
        let body = [b"\x01".as_slice(), &b"\x41\x01\x01".repeat(levels), b"\x41\x00"].concat();
        [HEADER, &section(7, &body)].concat()
    };
    assert!(refusal(&types(1_000_000)).contains("the limit `type_section_bytes` is 65536"));
    // What passes overflows no stack, neither the compiler's nor that of a small thread.
    let deepest = types(21_840);
    assert!(refusal(&deepest).contains("exports no"));
    let bytes = [echo().component().as_slice(), &deepest[HEADER.len()..]].concat();
    let load = move || Sandbox::new(Limits::default(), None).unwrap().load(&bytes, false).map(drop);
    let loaded = std::thread::Builder::new().stack_size(256 << 10).spawn(load).unwrap().join().unwrap();
    assert!(matches!(loaded, Ok(()) | Err(Error::Incompatible(_))), "{loaded:?}");
}

/// Counts what it compiles.
struct Counting(InProcess, Arc<AtomicUsize>);

impl Compiler for Counting {
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.compile(bytes)
    }
}

/// How often a new process compiles the component.
fn compilations(cache: &Path) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let sandbox =
        Sandbox::with_compiler(Limits::default(), Some(cache.into()), |it| Arc::new(Counting(it, count.clone())))
            .unwrap();
    let component = sandbox.load(&echo().component(), false).unwrap();
    assert!(component.generate(&request("{}")).unwrap().answer.is_ok());
    count.load(Ordering::SeqCst)
}

#[test]
fn a_component_is_compiled_once_and_a_spoilt_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert_eq!((compilations(&cache), compilations(&cache)), (1, 0));
    let entry = fs::read_dir(&cache)
        .unwrap()
        .map(|it| it.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "component"))
        .unwrap();
    let genuine = fs::read(&entry).unwrap();
    for spoilt in [&b"planted"[..], &genuine[..genuine.len() / 2], &genuine[32..], &[]] {
        fs::write(&entry, spoilt).unwrap();
        assert_eq!((compilations(&cache), compilations(&cache)), (1, 0));
    }
    // Another machine's or user's cache: whole and authenticated, with another key.
    let stranger = tempfile::tempdir().unwrap();
    assert_eq!(compilations(&stranger.path().join("cache")), 1);
    fs::copy(stranger.path().join("cache").join(entry.file_name().unwrap()), &entry).unwrap();
    assert_eq!((compilations(&cache), compilations(&cache)), (1, 0));
}
