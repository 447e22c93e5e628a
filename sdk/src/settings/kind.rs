//! Which constraints fit which types. An attribute that doesn't fit fails to compile on one of these:
//!
//! ```compile_fail,E0277
//! # use thymis_sdk::prelude::*;
//! #[derive(Settings)]
//! struct Wrong {
//!     #[setting(min_length = 1)] // belongs to a text
//!     port: u16,
//! }
//! ```
//!
//! So do a default or bound that is no value of the field's type:
//!
//! ```compile_fail,E0308
//! # use thymis_sdk::prelude::*;
//! #[derive(Settings)]
//! struct Wrong {
//!     #[setting(default = true)]
//!     port: u16,
//! }
//! ```

use std::collections::BTreeMap;

use super::{Code, DevicePath, Secret, Text, Value};

#[diagnostic::on_unimplemented(message = "`min` and `max` belong to a number, not to `{Self}`")]
pub trait Number {}

#[diagnostic::on_unimplemented(
    message = "`pattern`, `min_length` and `max_length` belong to a text (`String`, `Text`, `Code`, `DevicePath`), not to `{Self}`"
)]
pub trait Characters {}

#[diagnostic::on_unimplemented(message = "`language` belongs to `Code`, not to `{Self}`")]
pub trait Language {}

#[diagnostic::on_unimplemented(
    message = "`items`, `min_items` and `max_items` belong to a `Vec` or a `BTreeMap`, not to `{Self}`"
)]
pub trait Collection {
    type Item: Value;
}

#[diagnostic::on_unimplemented(message = "`unique_by` belongs to a `Vec`, not to `{Self}`")]
pub trait List {}

#[diagnostic::on_unimplemented(message = "`key_pattern` belongs to a `BTreeMap`, not to `{Self}`")]
pub trait Keyed {}

#[diagnostic::on_unimplemented(message = "`secret_…` belongs to a `Secret`, not to `{Self}`")]
pub trait Handle {}

macro_rules! kinds {
    ($($kind:ident: $($type:ty),*;)*) => { $($(impl $kind for $type {})*)* };
}

kinds! {
    Number: u8, u16, u32, i8, i16, i32, i64, f32, f64;
    Characters: String, Text, Code, DevicePath;
    Language: Code;
    Handle: Secret;
}

impl<T: Value> Collection for Vec<T> {
    type Item = T;
}
impl<T: Value> List for Vec<T> {}
impl<T: Value> Collection for BTreeMap<String, T> {
    type Item = T;
}
impl<T: Value> Keyed for BTreeMap<String, T> {}
