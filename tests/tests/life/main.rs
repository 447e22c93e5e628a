//! The life of an input, from the first look at a repository to its removal: what whoever runs a project is told and asked,
//! and what goes on working whatever becomes of the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod advisories;
mod canary;
mod chain;
mod comparison;
mod life;
mod log;
mod migration;
mod release;
mod removal;
mod rename;
mod revocation;
mod rollback;
mod step;
mod surprises;
mod trial;
mod update;
mod upstream;

use life::Life;
use release::Release;
use upstream::Upstream;
