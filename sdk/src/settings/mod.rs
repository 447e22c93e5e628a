//! What settings are: traits for `#[derive(Settings)]` and `#[derive(Choice)]`, and types of values.
//!
//! | type of a field | what people see |
//! | --- | --- |
//! | `bool` | a switch |
//! | `u8` … `u32`, `i8` … `i64`, `f32`, `f64` | a number; `min`, `max` |
//! | `String`, [`DevicePath`] | a line; `pattern`, `min_length`, `max_length` |
//! | [`Text`], [`Code`] | lines; the same, `language` of code |
//! | [`PackageName`], [`Artifact`], [`DeviceType`] | a package of nixpkgs, a file or a device type of the project |
//! | [`Secret`] | a secret; `secret_kinds`, `secret_processing`, `secret_in_image` |
//! | [`SystemdTimer`] | when a unit runs |
//! | an enum that derives [`Choice`] | one of its variants |
//! | a struct that derives [`Settings`] | a group |
//! | `Vec<T>` | a list; `min_items`, `max_items`, `unique_by` |
//! | `BTreeMap<String, T>` | names with values; `min_items`, `max_items`, `key_pattern` |
//! | `Option<T>` | as `T`, but may be absent |
//!
//! The attributes of a field, `#[setting(…)]`, with others than the constraints above:
//!
//! | attribute | meaning |
//! | --- | --- |
//! | `label = "…"`, `label(de = "…")` | by default the field's name |
//! | `description(de = "…")` | the English one is the doc comment |
//! | `default = …` | the value of an absent setting; without one, and without `Option`, the setting is required |
//! | `example = …` | shown where nothing is set |
//! | `items(min = …, pattern = "…")` | constraints of the items of a list or map |
//! | `visible_if(mode = Mode::Static)` | the setting is there only then; values may be a list, several tests all hold |
//! | `required_if(…)` | an `Option` that must be set then |
//! | `allowed(values = […], when(…))` | the setting must have one of the values then |
//! | `key = "…"`, `formerly = "…"` | the name under which the value is stored, and earlier ones |
//!
//! A condition tests fields of the same struct, settings elsewhere (`"/network/mode" = "static"`) or the kind of target
//! (`"@target" = "configuration"`).

mod containers;
mod group;
mod handles;
mod place;
mod scalars;
mod table;
mod timer;
mod types;

pub mod kind;

pub use group::{Group, absent_group, read_group, write_group};
pub use handles::{Artifact, Secret};
pub use place::Place;
pub use scalars::{Code, DevicePath, DeviceType, PackageName, Text, read_choice};
pub(crate) use table::{extra, table};
pub use timer::{SystemdTimer, TimerKind};
pub use types::{Effect, Field, Shape, Test, Type};

use crate::{Json, Localized, Problem, Problems};

/// What a setting can be.
pub trait Value: Sized {
    /// Whether the setting may be absent.
    const OPTIONAL: bool = false;

    /// How values look like.
    fn type_() -> Type;

    /// Reads a value. `None`: it is none, and `problems` says why. Never panics, whatever the JSON.
    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self>;

    /// What absence means; by default a problem.
    fn absent(at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        problems.push(Problem::at(at.pointer(), "is missing"));
        None
    }

    /// The value as it is stored; `null` where it is absent.
    fn write(&self) -> Json;
}

/// A struct of settings: `#[derive(Settings)]`.
pub trait Settings: Value {
    /// The doc comment of the struct.
    fn about() -> Localized;

    /// In the order of the struct.
    fn fields() -> Vec<Field>;

    #[doc(hidden)]
    fn read_group(group: &mut Group<'_>) -> Option<Self>;

    #[doc(hidden)]
    fn write_group(&self) -> Json;
}

/// An enum of plain variants: `#[derive(Choice)]`. A variant's stored value is its name in kebab-case or what
/// `#[choice(value = "…")]` says; its label is `#[choice(label = "…", label(de = "…"))]`, its doc comment, or its name.
pub trait Choice: Value {
    /// Stored values with their labels.
    fn choices() -> Vec<(&'static str, Localized)>;

    /// The stored value.
    fn value(&self) -> &'static str;

    fn from_value(value: &str) -> Option<Self>;
}
