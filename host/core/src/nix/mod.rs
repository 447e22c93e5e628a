//! The printer: the one place that writes Nix.
//!
//! It takes checked types only, quotes every string and name, and puts everything compound into parentheses, so what it
//! writes has one reading. `raw` text was parsed before and is printed in parentheses of its own.

mod atom;
mod expr;
mod flake;
mod module;
pub mod raw;

pub use atom::{name, string};
pub use expr::{Printer, is_per_system};
pub use flake::{FlakeInput, flake};
pub use module::{Section, device, host, section, tag, unavailable};
