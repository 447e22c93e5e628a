//! Shared by the tests: real Nix, the fixture repositories, tables as a module returns them, the program itself with
//! repositories and projects to use it on.
//!
//! A check that needs something that this machine lacks says so through [`skipped`] and returns early.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answer;
mod disk;
mod fixtures;
pub mod guest;
mod lower;
mod modules;
mod nix;
mod project;
pub mod repository;
pub mod server;
mod skipped;
mod team;

pub use answer::Answer;
pub use disk::Disk;
pub use fixtures::{Fixtures, Lib, commit, copy, git};
pub use modules::{Example, Program};
pub use nix::Nix;
pub use project::{Output, World};
pub use skipped::{real_lib, skipped};
pub use team::{Person, Team};
