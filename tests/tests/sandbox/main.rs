//! Real components through the sandbox's public interface: what is loaded and called, in which words it fails. What a module
//! does on purpose is in `hostile`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cache;
mod calls;
mod loading;
mod native;
