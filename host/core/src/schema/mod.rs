//! What settings a module has, and whether somebody's settings are that.
//!
//! [`Descriptor::check`] turns the table that a module hands over into a [`Schema`] that contradicts itself nowhere;
//! [`Schema::validate`] turns a stored document into [`Settings`]. Both gather all problems: people fix them together.

mod budget;
mod condition;
mod constraint;
mod descriptor;
mod difference;
mod frame;
mod group;
mod json_schema;
pub mod limits;
mod localized;
mod place;
mod problem;
mod sample;
mod scalar;
#[allow(clippy::module_inception)]
mod schema;
mod settings;
mod shape;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod timer;
mod validate;

pub use condition::{Condition, Effect, Subject, Test};
pub use descriptor::Descriptor;
pub use difference::{Change, Difference, Need, What};
pub use json_schema::{PREFIX as JSON_SCHEMA_PREFIX, json_schema, json_schemas};
pub use localized::Localized;
pub(crate) use problem::nearest;
pub use problem::{SchemaCode, SchemaProblem, SettingsCode, SettingsProblem};
pub use sample::{Expected, Sample, Samples};
pub use schema::Schema;
pub use settings::{Handle, HandleKind, Settings};
pub use shape::{
    Bounds, Choice, Code, Group, List, Map, Pattern, SECRET_KINDS, SECRET_PROCESSING, Secret, Setting, Shape, Text,
};
