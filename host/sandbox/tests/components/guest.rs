//! Guests written as core WebAssembly text and made real components by `wit-component`.

use std::path::Path;

use thymis_core::wire;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// One guest. Each field is WebAssembly text.
pub(crate) struct Guest {
    /// Imports, before everything else.
    pub(crate) imports: &'static str,
    /// Functions, data, a start section.
    pub(crate) items: String,
    pub(crate) pages: u32,
    pub(crate) describe: &'static str,
    /// May use `$request`, the address of the request.
    pub(crate) generate: String,
    pub(crate) realloc: &'static str,
}

/// Address of zeroes: an empty list, and an empty configuration.
pub(crate) const EMPTY: &str = "(i32.const 1024)";

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: "",
            items: String::new(),
            pages: 4,
            describe: EMPTY,
            generate: EMPTY.into(),
            realloc: "(global.set $bump
                        (i32.and (i32.add (global.get $bump) (i32.const 7)) (i32.const -8)))
                      (global.get $bump)
                      (global.set $bump (i32.add (global.get $bump) (local.get $size)))",
        }
    }
}

impl Guest {
    pub(crate) fn generating(generate: &str) -> Self {
        Self { generate: generate.into(), ..Self::default() }
    }

    pub(crate) fn core(&self) -> Vec<u8> {
        let Self { imports, items, pages, describe, generate, realloc } = self;
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $bump (mut i32) (i32.const 8192))
                {items}
                (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) {realloc})
                (func (export "thymis:module/module@0.1.0#describe") (result i32) {describe})
                (func (export "thymis:module/module@0.1.0#migrate") (param i32 i32 i32 i32 i32) (result i32)
                    ;; ok(settings)
                    (i32.store (i32.const 4) (local.get 3))
                    (i32.store (i32.const 8) (local.get 4))
                    (i32.const 0))
                (func $generate (export "thymis:module/module@0.1.0#generate") (param $request i32) (result i32)
                    {generate}))"#
        );
        wat::parse_str(text).unwrap()
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        self.component_of("module-provider", "")
    }

    /// A component of a world in a package of its own that may use `thymis:module`.
    pub(crate) fn component_of(&self, world: &str, package: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (mut id, _) = resolve.push_path(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1"))).unwrap();
        if !package.is_empty() {
            id = resolve.push_str("test.wit", package).unwrap();
        }
        let world = resolve.select_world(&[id], Some(world)).unwrap();
        encode(self.core(), &resolve, world)
    }
}

pub(crate) fn encode(mut core: Vec<u8>, resolve: &Resolve, world: wit_parser::WorldId) -> Vec<u8> {
    embed_component_metadata(&mut core, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&core).unwrap().encode().unwrap()
}

/// Answers with one expression `raw`: the settings that it got.
pub(crate) fn echo() -> Guest {
    Guest {
        items: r#"(data (i32.const 512)
            "\48\02\00\00\04\00\00\00" "\03\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"
            "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00" "\00\00\00\00\00\00\00\00")
            (data (i32.const 584) "echo")
            (data (i32.const 600) "\00\02\00\00\01\00\00\00")"#
            .into(),
        describe: "(i32.const 600)",
        generate: format!(
            "(i32.store (i32.const 264) (i32.load offset=16 (local.get $request)))
             (i32.store (i32.const 268) (i32.load offset=20 (local.get $request)))
             {}",
            raw_exprs("(i32.const 1)")
        ),
        ..Guest::default()
    }
}

/// An answer whose first expression, at address 256, is `raw`; its string is stored at 264 and 268.
pub(crate) fn raw_exprs(count: &str) -> String {
    format!(
        "(i32.store8 (i32.const 256) (i32.const 9))
         (i32.store (i32.const 1028) (i32.const 256))
         (i32.store (i32.const 1032) {count})
         (i32.const 1024)"
    )
}

pub(crate) fn request(settings: &str) -> wire::Request {
    wire::Request {
        name: "echo".into(),
        instance: "a".into(),
        settings: settings.into(),
        target: wire::Target {
            kind: wire::TargetKind::Configuration,
            id: "device".into(),
            device_type: Some("generic".into()),
            system: None,
        },
        context: vec![wire::Extra { key: "controller-url".into(), value: "\"https://example.org\"".into() }],
    }
}
