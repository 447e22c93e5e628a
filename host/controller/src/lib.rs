//! The controller.
pub mod git;
