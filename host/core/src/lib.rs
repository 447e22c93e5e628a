//! The pure part of the Thymis controller: no I/O, no async.
//!
//! Data flows one way. The edge hands in text and [`wire`] tables; [`schema`], [`expr`], [`manifest`], [`permission`] and
//! [`state`] parse them into types that can't hold a bad value; [`generate`] joins them into the files of a project.

pub mod digest;
pub mod untrusted;
pub mod wire;
