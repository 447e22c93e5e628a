use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use thymis_core::{digest::Digest, id::ConfigurationId};

use super::Known;
use crate::{git::Oid, nix::Nix};

/// How long what is known of a tree is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is known of one tree: a file in the user's cache, named by the tree.
pub(super) struct Cache {
    file: PathBuf,
}

impl Cache {
    /// Of what this Nix says: another may say something else.
    pub(super) fn open(nix: &Nix, tree: Oid) -> Self {
        let version = nix.version().map(|version| Digest::of(version.as_bytes()).hex()).unwrap_or_default();
        let version = version.get(..8).unwrap_or_default();
        Self { file: nix.folder().join("checks").join(format!("{tree}-{version}.json")) }
    }

    /// What can't be read isn't known.
    pub(super) fn read(&self) -> BTreeMap<ConfigurationId, Known> {
        fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// What isn't written is evaluated again.
    pub(super) fn write(&self, found: &BTreeMap<ConfigurationId, Known>) {
        if let Err(error) = self.replace(found) {
            tracing::debug!("{} isn't kept: {error}", self.file.display());
        }
    }

    fn replace(&self, found: &BTreeMap<ConfigurationId, Known>) -> io::Result<()> {
        let Some(folder) = self.file.parent() else { return Ok(()) };
        fs::create_dir_all(folder)?;
        let mut all = self.read();
        all.extend(
            found.iter().filter(|(_, one)| !one.outcome.is_of_this_run()).map(|(id, one)| (id.clone(), one.clone())),
        );
        let new = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(io::BufWriter::new(&new), &all)?;
        new.persist(&self.file)?;
        let old = |entry: &fs::DirEntry| {
            let changed = entry.metadata().and_then(|meta| meta.modified()).unwrap_or_else(|_| SystemTime::now());
            changed.elapsed().is_ok_and(|age| age > KEPT)
        };
        fs::read_dir(folder)?.flatten().filter(old).try_for_each(|entry| fs::remove_file(entry.path()))
    }
}
