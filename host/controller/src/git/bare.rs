//! Bare repositories that belong to this program.

use std::path::Path;

use git2::{Config, Oid, Repository};
use thymis_core::digest::Revision;

pub(super) fn oid(revision: Revision) -> Result<Oid, git2::Error> {
    revision.to_string().parse()
}

/// Opens a bare repository with its own configuration only: the user's may rewrite addresses.
pub(super) fn open_bare(folder: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(folder)?;
    repository.set_config(&Config::open(&folder.join("config"))?)?;
    Ok(repository)
}
