//! What is loaded, what is refused, and in which words.

use thymis_sandbox::{Error, Limits, Sandbox, inspect};
use thymis_tests::guest::{Guest, encode, request};
use wit_parser::Resolve;

fn refusal(bytes: &[u8]) -> String {
    inspect(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn an_inspection_lists_imports_exports_and_the_version() {
    let bytes = Guest::echo().component();
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
        refusal(&Guest::echo().core()),
        @"this is a core WebAssembly module, not a component; run `thymis module build`"
    );
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let bytes = Guest::echo().component();
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
        @"the component exports version `0.2.0` of `thymis:module/module`, and this host supports 0.1; build it on an SDK of that version, or use a host that supports its own"
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
    let guest = Guest::default().imports(r#"(import "acme:host/files@1.0.0" "delete" (func))"#);
    let package = "package acme:host@1.0.0; interface files { delete: func(); }
        world w { include thymis:module/module-provider@0.1.0; import files; }";
    insta::assert_snapshot!(
        refusal(&guest.component_of("w", package)),
        @"the component imports `acme:host/files@1.0.0`, which no module may; a module imports nothing but `thymis:module/diagnostics`, and WASI where its manifest declares it"
    );
}

#[test]
fn a_permission_that_nothing_uses_changes_nothing() {
    let sandbox = Sandbox::new(Limits::default(), None).unwrap();
    let (with, without) = (
        sandbox.load(&Guest::echo().component(), true).unwrap(),
        sandbox.load(&Guest::echo().component(), false).unwrap(),
    );
    assert_eq!(with.generate(&request("{}")).unwrap(), without.generate(&request("{}")).unwrap());
}
