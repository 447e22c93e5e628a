//! Inputs of inputs, with the real program, real Nix and servers on this machine: what `input lock` pins, from whom, what it
//! refuses, and that afterwards nothing needs a network or a credential.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alone;
mod follow;
mod pinned;
mod place;
mod private;
mod reach;
mod refused;

use place::{Flake, Place};
