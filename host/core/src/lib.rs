//! The pure part of the Thymis controller: no I/O, no async.
//!
//! Data flows one way. The edge hands in text and [`wire`] tables. [`schema`], [`expr`], [`manifest`], [`grant`] and
//! [`state`] parse them into types that can't hold a bad value; [`authority`] asks whether the grant covers an answer,
//! [`nix`] prints it, [`conflict`] compares what the modules of one device set. [`instance`] is the line through them.
//! [`consent`] keeps who accepted what, [`revocation`] and [`advisory`] what nobody may use any more. [`output`] is what
//! the flake of an input offers.
//! [`evaluation`] reads what Nix says of the result. [`thymis`] reads and writes the state of projects of Thymis 0.9. [`reference`] is where an input is fetched from.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod advisory;
pub mod authority;
pub mod conflict;
pub mod consent;
pub mod digest;
pub mod evaluation;
pub mod expr;
pub mod grant;
pub mod id;
pub mod instance;
pub mod json;
pub mod leaf;
pub mod manifest;
pub mod nix;
pub mod nix_version;
pub mod option;
pub mod output;
pub mod permission;
pub mod reference;
pub mod revocation;
pub mod schema;
pub mod secret;
pub mod state;
pub mod store_path;
pub mod thymis;
pub mod untrusted;
pub mod wire;
