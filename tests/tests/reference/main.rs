//! What the documentation and `thymis modules --schema` say of settings, manifests and the interface is so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod catalogue;
mod generated;
mod json_schema;
mod pages;
mod security;
