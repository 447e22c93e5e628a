//! `thymis check`: every configuration through the command line and real Nix, some of which can't be evaluated.
//!
//! Options that nobody declares are checked by nobody, and most of NixOS is missing from the fixture. What is said of
//! declared options is nixpkgs' own lib's to say: there the tests ask for more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod apart;
mod many;
mod outside;
mod shown;
mod stage;
