//! Shared by the tests: real Nix, the fixture repositories, tables as a module returns them.
//!
//! A check that needs something that this machine lacks says so through [`skipped`] and returns early.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answer;
mod fixtures;
mod nix;
mod skipped;

pub use answer::Answer;
pub use fixtures::{Fixtures, Lib};
pub use nix::Nix;
pub use skipped::{real_lib, skipped};
