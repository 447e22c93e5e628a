//! Guests written as core WebAssembly text and made real components by `wit-component`.

use std::path::Path;
use std::sync::LazyLock;

use thymis_core::wire;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

use crate::lower::{Lower, Memory};

/// Address of zeroes: an empty list, and an empty configuration.
pub const EMPTY: &str = "(i32.const 1024)";

/// A loop without end.
pub const ENDLESS: &str = "(loop $l (br $l)) (unreachable)";

/// Where values lie that a guest answers with. Whatever a guest's text stores itself lies below, or in pages of its own.
const VALUES: u32 = 1 << 16;

/// The WIT package that guests are built against.
const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/v0.1");

/// One guest. Fields are WebAssembly text; those of functions are their bodies.
#[derive(Debug, Clone)]
pub struct Guest {
    imports: String,
    items: String,
    pages: u32,
    describe: String,
    migrate: String,
    generate: String,
    /// Run after the host has read the answer of `generate`.
    after: String,
    realloc: String,
    values: Memory,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: String::new(),
            items: String::new(),
            pages: 4,
            describe: EMPTY.into(),
            // ok(settings)
            migrate: "(i32.store (i32.const 4) (local.get 3)) (i32.store (i32.const 8) (local.get 4)) (i32.const 0)"
                .into(),
            generate: EMPTY.into(),
            after: String::new(),
            realloc: "(global.set $bump (i32.and (i32.add (global.get $bump) (i32.const 7)) (i32.const -8)))
                      (global.get $bump)
                      (global.set $bump (i32.add (global.get $bump) (local.get $size)))"
                .into(),
            values: Memory::at(VALUES),
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $field:ident)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, text: impl Into<String>) -> Self {
            self.$field = text.into();
            self
        }
    )*};
}

impl Guest {
    /// Answers the settings that it got, as one expression `raw`.
    #[must_use]
    pub fn echo() -> Self {
        let descriptor = wire::Descriptor {
            name: "echo".into(),
            schema_version: 3,
            label: vec![],
            description: vec![],
            category: vec![],
            types: vec![wire::SettingType { shape: wire::Shape::Group(vec![]), constraints: vec![] }],
            settings: 0,
            extra: vec![],
        };
        Self::describing(&[descriptor]).generate(format!(
            "(i32.store (i32.const 264) (i32.load offset=16 (local.get $request)))
             (i32.store (i32.const 268) (i32.load offset=20 (local.get $request)))
             {}",
            raw_exprs("(i32.const 1)")
        ))
    }

    /// With this body of `generate`.
    #[must_use]
    pub fn generating(body: impl Into<String>) -> Self {
        Self::default().generate(body)
    }

    /// Answers every request with this configuration.
    #[must_use]
    pub fn answering(configuration: &wire::Configuration) -> Self {
        Self::default().answer(&Ok(configuration.clone()))
    }

    /// Finds these problems with all settings.
    #[must_use]
    pub fn refusing(problems: &[wire::Problem]) -> Self {
        Self::default().answer(&Err(problems.to_vec()))
    }

    /// Has these modules.
    #[must_use]
    pub fn describing(descriptors: &[wire::Descriptor]) -> Self {
        Self::default().modules(descriptors)
    }

    /// With these modules.
    #[must_use]
    pub fn modules(mut self, descriptors: &[wire::Descriptor]) -> Self {
        self.describe = self.value(&descriptors.to_vec());
        self
    }

    /// With this answer of `generate`.
    #[must_use]
    pub fn answer(mut self, answer: &wire::Answer) -> Self {
        self.generate = self.value(answer);
        self
    }

    /// Puts a value into the guest's memory; the constant that is its address.
    pub fn value(&mut self, value: &impl Lower) -> String {
        format!("(i32.const {})", self.values.put(value))
    }

    /// Memory has at least so many pages from the start.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    texts! {
        /// Imports, before everything else.
        imports
        /// Functions, data, tables, a start section.
        items
        describe
        migrate
        /// May use `$request`, the address of the request.
        generate
        after
        /// May use `$size`.
        realloc
    }

    /// The core module.
    #[must_use]
    pub fn core(&self) -> Vec<u8> {
        let Self { imports, items, pages, describe, migrate, generate, after, realloc, values } = self;
        let (pages, bump) = if values.bytes().is_empty() {
            (*pages, 8192)
        } else {
            ((*pages).max(values.end().div_ceil(1 << 16) + 3), values.end())
        };
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(r#"(func (export "cabi_post_thymis:module/module@0.1.0#generate") (param i32) {after})"#)
        };
        let values = escaped(values.bytes());
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $bump (mut i32) (i32.const {bump}))
                (data (i32.const {VALUES}) "{values}")
                {items}
                (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) {realloc})
                (func $describe (export "thymis:module/module@0.1.0#describe") (result i32) {describe})
                (func $migrate (export "thymis:module/module@0.1.0#migrate") (param i32 i32 i32 i32 i32) (result i32)
                    {migrate})
                (func $generate (export "thymis:module/module@0.1.0#generate") (param $request i32) (result i32)
                    {generate})
                {after})"#
        );
        wat::parse_str(text).unwrap()
    }

    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        self.component_of("module-provider", "")
    }

    /// A component of a world in a package of its own that may use `thymis:module`.
    #[must_use]
    pub fn component_of(&self, world: &str, package: &str) -> Vec<u8> {
        static THYMIS: LazyLock<(Resolve, PackageId)> = LazyLock::new(|| {
            let mut resolve = Resolve::default();
            let (id, _) = resolve.push_path(Path::new(WIT)).unwrap();
            (resolve, id)
        });
        let (mut resolve, mut id) = THYMIS.clone();
        if !package.is_empty() {
            id = resolve.push_str("test.wit", package).unwrap();
        }
        let world = resolve.select_world(&[id], Some(world)).unwrap();
        encode(self.core(), &resolve, world)
    }
}

/// Makes a core module a component of a world.
#[must_use]
pub fn encode(mut core: Vec<u8>, resolve: &Resolve, world: wit_parser::WorldId) -> Vec<u8> {
    embed_component_metadata(&mut core, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&core).unwrap().encode().unwrap()
}

/// A section of a component's bytes.
#[must_use]
pub fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], number(body.len()).as_slice(), body].concat()
}

/// A number as WebAssembly writes it: seven bits a byte.
#[must_use]
pub fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// An answer whose first expression, at address 256, is `raw`; its string is stored at 264 and 268.
#[must_use]
pub fn raw_exprs(count: &str) -> String {
    format!(
        "(i32.store8 (i32.const 256) (i32.const 9))
         (i32.store (i32.const 1028) (i32.const 256))
         (i32.store (i32.const 1032) {count})
         (i32.const 1024)"
    )
}

/// What guests are asked.
#[must_use]
pub fn request(settings: &str) -> wire::Request {
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

/// Bytes in a text of WebAssembly.
fn escaped(bytes: &[u8]) -> String {
    static WRITTEN: LazyLock<Vec<String>> = LazyLock::new(|| {
        let written = |byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).into(),
            _ => format!("\\{byte:02x}"),
        };
        (0..=u8::MAX).map(written).collect()
    });
    bytes.iter().map(|byte| WRITTEN[usize::from(*byte)].as_str()).collect()
}
