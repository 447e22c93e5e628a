//! Components that look like others, have something else under the right name, or are put together in ways that no tool
//! would.

use thymis_tests::guest::{ENDLESS, Guest, encode, request, section};
use wit_parser::Resolve;

use super::{
    suite::{Case, Ended, Stage, case, summary},
    together::together,
};

pub(crate) const CASES: &[Case] = &[
    // Names that look like others
    case("the module's interface, twice", |stage| {
        stage.loading(&text(&exported(&["thymis:module/module@0.1.0", "thymis:module/module@0.1.1"])))
    }),
    case("the module's interface, twice under one name", |stage| {
        stage.loading(&text(&exported(&["thymis:module/module@0.1.0", "thymis:module/module@0.1.0"])))
    }),
    case("versions that look like the supported one", |stage| {
        let versions = [
            "",
            "@",
            "@0.1",
            "@0.1.",
            "@0.1.99999999999",
            "@0.1.0-evil",
            "@0.1.0+evil",
            "@0.1.0 ",
            "@00.1.0",
            "@0.1.\u{661}",
            "@v0.1.0",
            "@0.1.0\u{1b}[31m",
        ];
        together(versions.map(|version| stage.loading(&text(&exported(&[&format!("thymis:module/module{version}")])))))
    }),
    case("interfaces that look like the module's", |stage| {
        let names = [
            "Thymis:Module/Module@0.1.0",
            "thymis:m\u{43e}dule/module@0.1.0",
            " thymis:module/module@0.1.0",
            "thymis:module/modules@0.1.0",
            "thymis:module/module/evil@0.1.0",
            "evil:thymis:module/module@0.1.0",
            "module",
            "\u{1b}[2Jthymis",
        ];
        together(names.map(|name| stage.loading(&text(&exported(&[name])))))
    }),
    case("imports that look like those a module may have", |stage| {
        let names = [
            "thymis:module/diagnostics@0.2.0",
            "thymis:module/diagnostics-evil@0.1.0",
            "Wasi:cli/exit@0.2.0",
            "wasi-evil:a/b",
            "thymis:module/diagnostics@0.1.0\u{202e}",
            "thymis:module/host@0.1.0",
        ];
        together(names.map(|name| stage.loading(&around(&format!(r#"(import "{name}" (instance))"#)))))
    }),
    case("an import that begins like WASI, without its permission", |stage| {
        stage.loading(&around(r#"(import "wasi:evil/host@6.6.6" (instance))"#))
    }),
    case("an import that begins like WASI, with its permission", |stage| {
        let component = around(r#"(import "wasi:evil/host@6.6.6" (instance (export "run" (func))))"#);
        Ended::of(|| stage.sandbox.load(&component, true).map(|_| "it is loaded".into()))
    }),
    // Something else under the right name
    case("a function in the place of the module", |stage| {
        stage.loading(&text(&format!("{FUNCTION} {}", export("func $f"))))
    }),
    case("a type in the place of the module", |stage| {
        stage.loading(&text(&format!("(type $t (func)) {}", export("type $t"))))
    }),
    case("a component in the place of the module", |stage| {
        stage.loading(&text(&format!("(component $c) {}", export("component $c"))))
    }),
    case("a core module in the place of the module", |stage| {
        stage.loading(&text(&format!("(core module $m) {}", export("core module $m"))))
    }),
    case("a module without functions", |stage| stage.loading(&text(&exported(&["thymis:module/module@0.1.0"])))),
    case("a module without `generate`", |stage| {
        stage.loading(&other(
            "type json = string; migrate: func(a: string, b: u32, c: json) -> json;",
            "migrate",
            "(param i32 i32 i32 i32 i32) (result i32)",
        ))
    }),
    case("`describe` with a parameter more", |stage| {
        stage.loading(&other("describe: func(evil: u32) -> list<string>;", "describe", "(param i32) (result i32)"))
    }),
    case("`describe` without a result", |stage| stage.loading(&other("describe: func();", "describe", ""))),
    case("a start function of the component", |stage| stage.loading(&around(&format!("{FUNCTION} (start $f)")))),
    case("imports of modules, components, functions, types and values", |stage| {
        let kinds = ["(core module)", "(component)", "(func)", "(type (sub resource))", "(value u32)"];
        together(kinds.map(|kind| stage.loading(&around(&format!(r#"(import "evil" {kind})"#)))))
    }),
    case("a component in the place of the diagnostics", |stage| {
        stage.loading(&around(r#"(import "thymis:module/diagnostics@0.1.0" (component))"#))
    }),
    case("diagnostics with a function that there isn't", |stage| {
        stage.loading(&around(
            r#"(import "thymis:module/diagnostics@0.1.0" (instance (export "read" (func (param "file" string)))))"#,
        ))
    }),
    case("diagnostics with other parameters", |stage| {
        stage.loading(&around(
            r#"(import "thymis:module/diagnostics@0.1.0" (instance (export "panicked" (func (param "message" u32)))))"#,
        ))
    }),
    // What a component can do beside its functions
    case("a start function that traps", |stage| {
        stage.generate(&Guest::default().items("(func $s unreachable) (start $s)"))
    }),
    case("data beyond the memory", |stage| {
        stage.generate(&Guest::default().items(r#"(data (i32.const 0xfffffff0) "overlong, as it goes on")"#))
    }),
    case("elements beyond the table", |stage| {
        stage.generate(&Guest::default().items("(table 1 funcref) (elem (i32.const 7) func $generate)"))
    }),
    case("diagnostics from the start function, about memory that isn't there", |stage| {
        stage.generate(
            &Guest::default()
                .imports(
                    r#"(import "thymis:module/diagnostics@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))"#,
                )
                .items(
                    "(func $s (call $panicked (i32.const -1) (i32.const 9) (i32.const 0) (i32.const 9))) (start $s)",
                ),
        )
    }),
    case("a component that calls itself", |stage| {
        let itself = r#"(core func $g (canon lower (func $f))) (core module $u (import "" "g" (func $g))
            (func $s (call $g)) (start $s))
            (core instance (instantiate $u (with "" (instance (export "g" (func $g))))))"#;
        called(stage, &around(&format!("{FUNCTION} {itself}")))
    }),
    case("components that give each other texts", |stage| called(stage, &texts())),
    case("a resource whose destructor doesn't end", |stage| called(stage, &around(&resource(ENDLESS, DROPPED)))),
    case("a resource whose destructor traps", |stage| called(stage, &around(&resource("(unreachable)", DROPPED)))),
    case("resources without end", |stage| {
        called(stage, &around(&resource("", "(loop $l (drop (call $new (i32.const 1))) (br $l))")))
    }),
    case("a resource that is dropped twice", |stage| {
        called(
            stage,
            &around(&resource(
                "",
                "(drop (call $new (i32.const 1))) (call $drop (i32.const 1)) (call $drop (i32.const 1))",
            )),
        )
    }),
    case("a resource that there isn't", |stage| called(stage, &around(&resource("", "(call $drop (i32.const 77))")))),
    case("streams, futures, tasks and waiting", |stage| {
        let uses = [
            "(type (stream u8))",
            "(type (future u8))",
            "(type (func async))",
            "(core func (canon task.cancel))",
            "(core func (canon backpressure.inc))",
            "(core func (canon subtask.drop))",
            "(core func (canon waitable-set.new))",
            "(core func (canon context.get i32 0))",
            "(core func (canon error-context.drop))",
            "(core func (canon thread.yield))",
        ];
        together(uses.map(|uses| stage.loading(&around(uses))))
    }),
    case("threads of components", |stage| {
        let uses = [
            "(core func (canon thread.available_parallelism))",
            "(core func (canon thread.index))",
            "(core type (shared (func)))",
        ];
        together(uses.map(|uses| stage.loading(&around(uses))))
    }),
    case("types of the garbage collector between components", |stage| {
        stage.loading(&around("(core module (type (array (mut i8))) (func (result (ref null 0)) (ref.null 0)))"))
    }),
    case("maps, and lists of a fixed length", |stage| {
        together(["(type (list u8 4))", "(type (map string u8))"].map(|uses| stage.loading(&around(uses))))
    }),
];

const FUNCTION: &str = "(core module $m (func (export \"f\"))) (core instance $e (instantiate $m)) \
                        (func $f (canon lift (core func $e \"f\")))";

/// Makes a resource and drops it.
const DROPPED: &str = "(call $drop (call $new (i32.const 1)))";

/// A component in text.
pub(crate) fn text(items: &str) -> Vec<u8> {
    let plain = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\n');
    let escaped = |c: char| if plain(c) { c.to_string() } else { c.escape_unicode().to_string() };
    let items: String = items.chars().map(escaped).collect();
    wat::parse_str(format!("(component {items})")).unwrap_or_else(|error| panic!("{error}"))
}

/// A component that has a good guest in it, and exports what that does, with items between the two.
pub(crate) fn around(items: &str) -> Vec<u8> {
    holding(&Guest::default().component(), &format!("{items} (instance $i (instantiate 0))"))
}

/// A component that has another one in it, its first, and exports what an instance `$i` does.
fn holding(inner: &[u8], items: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"\x04\x08\0asm\x0d\0\x01\0";
    let outer = text(&format!(
        r#"(component) {items}
           (alias export $i "thymis:module/module@0.1.0" (instance $module))
           (export "thymis:module/module@0.1.0" (instance $module))"#
    ));
    let at = outer.windows(PLACE.len()).position(|window| window == PLACE).unwrap();
    [&outer[..at], &section(4, inner), &outer[at + PLACE.len()..]].concat()
}

/// A guest that gives a text of its memory to a component with another memory, where texts are written in another way.
fn texts() -> Vec<u8> {
    let package = "package evil:evil; interface host { take: func(text: string); }
        world w { include thymis:module/module-provider@0.1.0; import host; }";
    let guest = Guest::generating("(call $take (i32.const 0) (i32.const 1000)) (i32.const 1024)")
        .imports(r#"(import "evil:evil/host" "take" (func $take (param i32 i32)))"#);
    let host = r#"(component $host
        (core module $m (memory (export "memory") 1) (func (export "take") (param i32 i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
        (core instance $e (instantiate $m))
        (func (export "take") (param "text" string) (canon lift (core func $e "take") (memory (core memory $e "memory"))
            (realloc (core func $e "realloc")) string-encoding=utf16)))
        (instance $host (instantiate $host)) (instance $i (instantiate 0 (with "evil:evil/host" (instance $host))))"#;
    holding(&guest.component_of("w", package), host)
}

/// Exports of an empty instance.
fn exported(names: &[&str]) -> String {
    let exports: String = names.iter().map(|name| format!(r#"(export "{name}" (instance $i))"#)).collect();
    format!("(instance $i) {exports}")
}

fn export(what: &str) -> String {
    format!(r#"(export "thymis:module/module@0.1.0" ({what}))"#)
}

/// A component whose `module` has these functions.
fn other(functions: &str, name: &str, type_: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package =
        format!("package thymis:module@0.1.0; interface module {{ {functions} }} world w {{ export module; }}");
    let id = resolve.push_str("other.wit", &package).unwrap();
    let world = resolve.select_world(&[id], None).unwrap();
    let core = format!(
        r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
            (func (export "thymis:module/module@0.1.0#{name}") {type_} (unreachable)))"#
    );
    encode(wat::parse_str(core).unwrap(), &resolve, world)
}

/// A resource with a destructor, and a start function that makes and drops some.
fn resource(destructor: &str, uses: &str) -> String {
    format!(
        r#"(core module $d (func (export "drop") (param i32) {destructor})) (core instance $d (instantiate $d))
           (type $r (resource (rep i32) (dtor (core func $d "drop"))))
           (core func $new (canon resource.new $r)) (core func $drop (canon resource.drop $r))
           (core module $user (import "" "new" (func $new (param i32) (result i32)))
               (import "" "drop" (func $drop (param i32)))
               (func $s {uses}) (start $s))
           (core instance (instantiate $user (with "" (instance
               (export "new" (func $new)) (export "drop" (func $drop))))))"#
    )
}

fn called(stage: &Stage, component: &[u8]) -> Ended {
    Ended::of(|| Ok(summary(&stage.sandbox.load(component, false)?.generate(&request("{}"))?.answer)))
}
