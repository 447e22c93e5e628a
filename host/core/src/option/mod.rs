//! NixOS options: their paths, patterns over paths, and what setting one can do to a device.

mod class;
mod path;
mod pattern;

pub use class::{Class, class_at_and_below, class_of, config_aside, worst_below};
pub use path::{OptionPath, OptionPathError};
pub use pattern::{OptionPattern, PatternError, Segment};
