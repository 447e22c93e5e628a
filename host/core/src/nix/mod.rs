//! The printer: the one place that writes Nix.
//!
//! It takes checked types only, quotes every string and name, and puts everything compound into parentheses, so what it
//! writes has one reading. `raw` text was parsed before and is printed in parentheses of its own.

mod atom;
mod blame;
mod expr;
mod flake;
mod module;
pub mod raw;

pub use atom::{name, string};
pub use blame::{Blame, BlameError};
pub use expr::{Printer, is_per_system};
pub use flake::{FlakeInput, flake, flake_with};
pub use module::{Section, device, host, section, tag, unavailable};
