//! Write [Thymis](https://thymis.io) modules in Rust: settings in, NixOS configuration out.
//!
//! A module is a struct of [`Settings`] with one function, [`Module::generate`], that fills a [`Config`]. What stands on
//! the right-hand side of an option is an [`Expr`]: plain values convert into it, and [`nix`] has the rest. [`export!`]
//! makes a component of one or more modules; [`testing`] renders them without a host.
//!
//! ```
//! use thymis_sdk::prelude::*;
//!
//! /// Greets whoever logs in.
//! #[derive(Settings)]
//! struct Greeting {
//!     /// What to say.
//!     #[setting(default = "Hello", label(de = "Gruß"), max_length = 100)]
//!     text: String,
//! }
//!
//! impl Module for Greeting {
//!     fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
//!         config.set("users.motd", self.text);
//!         Ok(())
//!     }
//! }
//!
//! thymis_sdk::export!(Greeting);
//!
//! # fn main() {
//! let rendered = thymis_sdk::testing::render::<Greeting>(json!({}));
//! assert_eq!(rendered.value("users.motd"), json!("Hello"));
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

// The derive macros name this crate from outside; its own tests use them too.
extern crate self as thymis_sdk;

mod component;
mod config;
mod context;
mod export;
mod expr;
mod flatten;
mod localized;
mod macros;
mod memory;
mod module;
mod path;
mod problem;

pub mod escape;
pub mod nix;
pub mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[doc(hidden)]
pub mod wit;

pub use component::Component;
#[doc(hidden)]
pub use component::Entry;
pub use config::{Config, Placement};
pub use context::{Context, Target};
#[doc(hidden)]
pub use export::install;
pub use expr::Expr;
pub use localized::Localized;
#[doc(hidden)]
pub use macros::{placeholders, well_formed};
pub use module::Module;
pub use path::{IntoPath, Path};
pub use problem::{Problem, Problems};
pub use serde_json::{Value as Json, json};
pub use settings::{
    Artifact, Choice, Code, DevicePath, DeviceType, PackageName, Secret, Settings, SystemdTimer, Text, TimerKind,
};
pub use thymis_sdk_derive::{Choice, Settings};

/// What a module's source needs: `use thymis_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Artifact, Choice, Code, Config, Context, DevicePath, DeviceType, Expr, Json, Localized, Module, PackageName,
        Problem, Problems, Secret, Settings, SystemdTimer, Target, Text, TimerKind, attrs, escape, json, list, nix,
        path, text,
    };
}
