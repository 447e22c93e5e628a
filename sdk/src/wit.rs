//! The generated types of the WIT package, used natively too.
#![allow(missing_debug_implementations, clippy::all, clippy::pedantic, clippy::restriction)]

pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "module-provider",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "thymis_sdk::wit::bindings",
    });
}

pub use bindings::export_component;
pub use bindings::exports::thymis::module::module::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use bindings::thymis::module::diagnostics;
