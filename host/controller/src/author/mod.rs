//! For module authors: new repositories, components, and a look at what a module answers.

mod build;
mod run;
mod template;

pub use build::{BuildError, Built, build};
pub use run::{Component, Run, RunError, inspect, run};
pub use template::{NewError, new, write_sdk};
