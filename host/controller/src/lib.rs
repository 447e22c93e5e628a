//! The controller: from external repositories and state to the NixOS configurations of devices.
//!
//! Everything that the command line does is a call of this library.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod author;
pub mod builtin;
pub mod cli;
pub mod git;
pub mod input;
pub mod module;
pub mod nix;
pub mod project;
pub mod report;
mod system_calls;
pub mod why;
