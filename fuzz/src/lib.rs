//! What must hold for any bytes. Each body takes the bytes of one input and panics where something doesn't hold.
//!
//! libFuzzer looks for such inputs (`fuzz_targets/`); an ordinary test runs every body over its corpus, and over
//! mutations of it that are the same each time.

#[cfg(feature = "host")]
mod component;
mod decode;
mod manifest;
#[cfg(feature = "host")]
mod reference;
mod settings;
mod shown;
mod state;
mod table;

#[cfg(feature = "host")]
pub use component::component;
pub use manifest::manifest;
#[cfg(feature = "host")]
pub use reference::reference;
pub use settings::settings;
pub use state::state;
pub use table::table;

/// Every body, by the name of its folder in `corpus/`.
#[cfg(feature = "host")]
pub const BODIES: [(&str, fn(&[u8])); 6] = [
    ("component", component),
    ("manifest", manifest),
    ("reference", reference),
    ("settings", settings),
    ("state", state),
    ("table", table),
];
