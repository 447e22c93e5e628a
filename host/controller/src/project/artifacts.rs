//! What an operator placed below `artifacts/`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{GenerateError, Project};
use crate::git::Content;

/// Longest artifact, in bytes.
pub(super) const MAX_ARTIFACT: u64 = 512 << 20;
pub(super) const MAX_ARTIFACTS: usize = 10_000;

impl Project {
    /// Names of what is below `artifacts/`.
    pub(super) fn artifact_names(&self) -> Result<BTreeSet<String>, GenerateError> {
        Ok(self.artifacts()?.into_keys().collect())
    }

    /// Files below `artifacts/`, by name.
    pub(super) fn artifacts(&self) -> Result<BTreeMap<String, PathBuf>, GenerateError> {
        let mut found = BTreeMap::new();
        let root = self.root().join("artifacts");
        if std::fs::symlink_metadata(&root).is_ok_and(|meta| !meta.is_dir()) {
            let file = "artifacts".to_owned();
            return Err(GenerateError::Artifact { file, why: "it must be a folder, and no symbolic link" });
        }
        let mut folders = vec![(root, String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let read = |source| GenerateError::Read { path: folder.clone(), source };
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(read(error)),
            };
            for entry in entries {
                let entry = entry.map_err(read)?;
                let refuse = |why| {
                    let name = entry.file_name();
                    GenerateError::Artifact { file: thymis_core::untrusted::short(&name.to_string_lossy()), why }
                };
                let name = entry.file_name().into_string().map_err(|_| refuse("its name is not UTF-8"))?;
                let name = format!("{prefix}{name}");
                let meta = entry.metadata().map_err(read)?;
                if meta.is_dir() {
                    folders.push((entry.path(), format!("{name}/")));
                } else if !meta.is_file() {
                    return Err(refuse("it is neither a file nor a folder"));
                } else if meta.len() > MAX_ARTIFACT {
                    return Err(refuse("it is larger than 512 MiB"));
                } else {
                    found.insert(name, entry.path());
                }
                if found.len() > MAX_ARTIFACTS {
                    return Err(refuse("there are more than 10,000 artifacts"));
                }
            }
        }
        Ok(found)
    }
}

/// A device gets it as it is here, to be run or not.
pub(super) fn artifact(path: &Path) -> std::io::Result<Content> {
    let mut file = std::fs::File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o100 != 0;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(if executable { Content::Executable(bytes.into()) } else { Content::File(bytes.into()) })
}
