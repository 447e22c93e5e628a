//! Real components, well-behaved and hostile, through the sandbox's public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod calls;
mod guest;
mod loading;
mod native;
mod wasi;
