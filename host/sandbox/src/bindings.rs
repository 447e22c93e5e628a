//! Generated from the WIT package, one module per released version.
#![allow(unreachable_pub, missing_debug_implementations, clippy::all, clippy::indexing_slicing, clippy::expect_used)]

pub(crate) mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "module-provider",
        imports: { default: trappable },
        exports: { default: async },
    });
}
