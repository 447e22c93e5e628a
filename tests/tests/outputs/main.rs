//! What flakes offer: found out when an input is accepted, kept in the lock, and held against what modules refer to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod listed;
mod missing;
mod sensor;
mod stage;
