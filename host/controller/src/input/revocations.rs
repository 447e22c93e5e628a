use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thymis_core::{
    json::{self, JsonError},
    revocation::{Revocable, Revocation, Revoked},
};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// The file in which a user's revocations are. It lies outside of every project, so that no history brings back what was
/// revoked.
#[derive(Debug, Clone)]
pub struct Revocations {
    file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    #[error("the revocations in {} can't be read, and without them nothing may be used", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the revocations can't be written to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} would have more than {LARGEST} bytes: nothing was added; revoke fewer things at once, with shorter reasons", path.display())]
    TooMany { path: PathBuf },
    #[error("without the revocations nothing may be used")]
    Json(#[from] JsonError),
    #[error("the revocations can't be written")]
    Serialize(#[from] serde_json::Error),
}

impl Revocations {
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// # Errors
    /// When there are some that can't be read. Who can't know what was revoked must use nothing.
    pub fn read(&self) -> Result<Revoked, RevocationError> {
        let failed = |source| RevocationError::Read { path: self.file.clone(), source };
        match fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Revoked::default()),
            found => found.map_err(failed)?,
        };
        // Without waiting on a pipe. A link that leads nowhere is an error: what was revoked isn't known then.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(&self.file).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::ErrorKind::InvalidData.into()));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Revoked::parse(&self.file.to_string_lossy(), &bytes)?)
    }

    /// Adds revocations; answers how many are new. What was revoked already stays as it is.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn add(
        &self,
        revocations: impl IntoIterator<Item = (Revocable, Revocation)>,
    ) -> Result<usize, RevocationError> {
        let failed = |source| RevocationError::Write { path: self.file.clone(), source };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        // Held until the end, so that of two who add at once neither is lost.
        let lock = self.file.with_extension("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(lock).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut revoked = self.read()?;
        let new =
            revocations.into_iter().filter(|(what, revocation)| revoked.insert(*what, revocation.clone())).count();
        let bytes = json::write(&revoked)?;
        if bytes.len() as u64 >= LARGEST {
            return Err(RevocationError::TooMany { path: self.file.clone() });
        }
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.file).map_err(|error| failed(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(new)
    }
}
