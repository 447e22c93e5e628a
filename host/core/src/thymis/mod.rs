//! Projects of Thymis 0.9: their `state.json`, read into the state of a project and written from it.
//!
//! [`Document::parse`] brings any version to the newest one, [`import()`] makes a project of it and tells in a [`Report`]
//! what had to be changed, [`export()`] writes the newest version. Importing what was exported gives the same project.

mod address;
mod document;
mod export;
mod identifier;
mod import;
mod migrate;
mod normalise;
mod report;
mod repository;
#[cfg(test)]
mod tests;

pub use address::{Address, address};
pub use document::{Document, DocumentError};
pub use export::{Exported, export};
pub use import::{Host, ImportError, Imported, import};
pub use migrate::{NEWEST, VERSIONS};
pub use normalise::{Change, Normalised, normalise};
pub use report::{Changed, Dropped, MissingModule, MissingRepository, Renamed, Report, Secret};
