//! Compiled components on disk.
//!
//! A compiled component is machine code: whoever can put one here runs code in the host. So every entry carries an
//! HMAC-SHA256 over its key and its bytes, made with a random key that only this user can read, and what doesn't fit is
//! thrown away and compiled again. The folder belongs in a user's cache, never in a project.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use thymis_core::digest::Digest;
use wasmtime::Engine;

use crate::fault::HostFault;

const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

#[derive(Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Ready to authenticate: the secret key is in it.
    mac: Hmac<Sha256>,
    /// Bytes of the largest entry that is read.
    largest: u64,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Names one artifact: what it was compiled from, and all that makes it fit an engine (target, processor features,
/// compiler settings, wasmtime's version).
pub(crate) fn key(component: &Digest, engine: &Engine) -> Digest {
    struct Collect(Sha256);
    impl Hasher for Collect {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut compatibility = Collect(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    Digest::of_parts([b"thymis component 1".as_slice(), component.bytes(), &compatibility.0.finalize()])
}

impl Cache {
    /// Opens the folder, creating it with mode 0700 and its secret key where they are missing.
    pub(crate) fn open(folder: PathBuf, largest: u64) -> Result<Self, HostFault> {
        let fault = |action| {
            let path = folder.clone();
            move |source| HostFault::Cache { action, path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(fault("can't create"))?;
        let data = fs::metadata(&folder).map_err(fault("can't read"))?;
        if data.uid() != rustix::process::geteuid().as_raw() || data.mode() & 0o022 != 0 {
            return Err(HostFault::CacheOpen { path: folder });
        }
        let path = folder.join("key");
        let secret = match read_secret(&path) {
            Some(secret) => secret,
            None => create_secret(&folder, &path)?,
        };
        let mac = Hmac::new_from_slice(&secret).map_err(|error| HostFault::Random { reason: error.to_string() })?;
        Ok(Self { folder, mac, largest })
    }

    fn entry(&self, key: &Digest) -> PathBuf {
        self.folder.join(format!("{}.component", key.hex()))
    }

    fn authenticate(&self, key: &Digest, artifact: &[u8]) -> Hmac<Sha256> {
        self.mac.clone().chain_update(key.bytes()).chain_update(artifact)
    }

    /// The artifact that this cache wrote under this key. An entry that is anything else is removed.
    pub(crate) fn get(&self, key: &Digest) -> Option<Vec<u8>> {
        let path = self.entry(key);
        let mut entry = match read_regular(&path, self.largest.saturating_add(MAC_BYTES as u64)) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => Vec::new(),
        };
        let genuine = entry
            .split_first_chunk::<MAC_BYTES>()
            .is_some_and(|(mac, artifact)| self.authenticate(key, artifact).verify_slice(mac).is_ok());
        if !genuine {
            tracing::warn!(entry = %path.display(), "dropped an entry of the component cache that this host didn't write");
            self.remove(key);
            return None;
        }
        entry.drain(..MAC_BYTES);
        Some(entry)
    }

    /// Keeps an artifact. That it can't be kept costs time later, and is no reason to fail now.
    pub(crate) fn put(&self, key: &Digest, artifact: &[u8]) {
        let mac = self.authenticate(key, artifact).finalize().into_bytes();
        if let Err(error) = replace(&self.folder, &self.entry(key), &[mac.as_slice(), artifact]) {
            tracing::warn!(folder = %self.folder.display(), %error, "a compiled component can't be cached");
        }
    }

    pub(crate) fn remove(&self, key: &Digest) {
        let path = self.entry(key);
        if fs::remove_file(&path).is_err() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The secret key, if it is one that only this user can have written or read.
fn read_secret(path: &Path) -> Option<Vec<u8>> {
    let data = fs::symlink_metadata(path).ok()?;
    let ours = data.uid() == rustix::process::geteuid().as_raw() && data.mode() & 0o077 == 0 && data.nlink() == 1;
    if !ours {
        return None;
    }
    let secret = read_regular(path, KEY_BYTES as u64).ok()?;
    (secret.len() == KEY_BYTES).then_some(secret)
}

fn create_secret(folder: &Path, path: &Path) -> Result<Vec<u8>, HostFault> {
    let fault = |source| HostFault::Cache { action: "can't write", path: path.to_owned(), source };
    let mut secret = vec![0; KEY_BYTES];
    getrandom::fill(&mut secret).map_err(|error| HostFault::Random { reason: error.to_string() })?;
    // Two processes may both get here. The last one's key stays, and what the other writes meanwhile is dropped.
    replace(folder, path, &[&secret]).map_err(fault)?;
    Ok(read_secret(path).unwrap_or(secret))
}

fn read_regular(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    // Without waiting on a planted pipe, or following a planted link.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let data = file.metadata()?;
    if !data.is_file() || data.len() > largest {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).unwrap_or_default());
    file.take(largest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file of mode 0600, whole or not at all.
fn replace(folder: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache::open(folder.join("cache"), 1 << 20).unwrap()
    }

    #[test]
    fn an_entry_is_read_back_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let key = Digest::of(b"component");
        cache(folder.path()).put(&key, b"machine code");
        assert_eq!(cache(folder.path()).get(&key).unwrap(), b"machine code");
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("cache"), mode("cache/key")), (0o700, 0o600));
    }

    #[test]
    fn planted_changed_truncated_and_moved_entries_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let (key, other) = (Digest::of(b"component"), Digest::of(b"other"));
        let path = cache.entry(&key);
        let spoils: [&dyn Fn(); 5] = [
            &|| fs::write(&path, b"planted machine code, longer than a MAC").unwrap(),
            &|| {
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(&path, bytes).unwrap();
            },
            &|| fs::write(&path, b"short").unwrap(),
            // Genuine, but another component's.
            &|| {
                cache.put(&other, b"other code");
                fs::rename(cache.entry(&other), &path).unwrap();
            },
            &|| {
                fs::rename(&path, folder.path().join("elsewhere")).unwrap();
                std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
            },
        ];
        for spoil in spoils {
            cache.put(&key, b"machine code");
            assert!(cache.get(&key).is_some());
            spoil();
            assert_eq!(cache.get(&key), None);
            assert!(fs::symlink_metadata(&path).is_err(), "the entry is removed");
        }
    }

    #[test]
    fn a_key_that_others_may_know_is_replaced_and_its_entries_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let key = Digest::of(b"component");
        cache(folder.path()).put(&key, b"machine code");
        fs::set_permissions(folder.path().join("cache/key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(cache(folder.path()).get(&key), None);
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Cache::open(folder.path().into(), 1), Err(HostFault::CacheOpen { .. })));
    }
}
