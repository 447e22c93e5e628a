//! Runs modules compiled to WebAssembly components with nothing but what the WIT package allows.
//!
//! [`inspect`] reads a component's imports and exports without compiling it; [`Sandbox::load`] compiles it (or takes it
//! from the authenticated cache) and [`Component`] calls it, each call in a fresh instance under every bound of
//! [`Limits`]. Errors say whose fault it is. [`lift!`] is the one checked way from generated types to
//! [`thymis_core::wire`], shared with modules that are linked natively.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod bindings;
mod cache;
mod call;
mod compile;
mod component;
mod engine;
mod executor;
mod fault;
mod inspect;
mod lift;
mod limits;
mod metrics;
mod said;
mod slots;
mod state;
mod wasi;
pub mod worker;

#[doc(hidden)]
pub use thymis_core::wire;

pub use call::{Outcome, Usage};
pub use compile::{CompileBound, CompileError, Compiler, InProcess};
pub use component::{Component, Sandbox};
pub use executor::Executor;
pub use fault::{Denied, Error, FaultKind, HostFault, Incompatible, ModuleFault};
pub use inspect::{Inspection, inspect};
pub use lift::Budget;
pub use limits::{Limit, LimitError, LimitExceeded, Limits};
pub use metrics::{Metrics, MetricsKey};
