use std::collections::BTreeMap;

use thymis_core::{
    digest::Digest,
    grant::{Accepted, ComponentTerms, Pin, Terms},
    manifest::{self, Manifest, ManifestError},
    permission::Access,
    reference::FlakeReference,
};
use thymis_sandbox::{Incompatible, Limits};

use super::{
    flake::{self, FlakeError},
    status::Status,
};
use crate::git::{FetchError, FetchErrorKind, Snapshot, TreeError};

const FLAKE: &str = "flake.nix";
const README: &str = "README.md";
/// What a README must contain, so that a repository means to be one of modules.
const MARKER: &str = "contains thymis modules";
const MAX_README: usize = 4 << 20;
/// How a file begins that stands for one which Git LFS has elsewhere.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A repository at one revision, read once: everything later works on these bytes.
#[derive(Debug)]
pub struct Repository {
    pub pin: Pin,
    pub contents: Contents,
}

#[derive(Debug)]
pub enum Contents {
    /// An input of the flake without modules.
    Plain,
    Modules(Box<Offer>),
}

/// Modules, and what they ask for.
#[derive(Debug)]
pub struct Offer {
    pub manifest: Manifest,
    pub terms: Terms,
    /// Bytes by file.
    pub components: BTreeMap<String, Vec<u8>>,
}

/// Why a repository can't be an input.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the repository has no flake.nix: every input is a flake; add one, if need be `{{ outputs = _: {{ }}; }}`")]
    NoFlake,
    #[error(transparent)]
    Flake(#[from] FlakeError),
    #[error("the repository has a {}, but no README.md: add one that contains the words `{MARKER}`", manifest::FILE)]
    NoReadme,
    #[error(
        "the repository has a {}, but its README.md doesn't contain the words `{MARKER}`: add them where modules are meant to be found",
        manifest::FILE
    )]
    NoMarker,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(
        "the manifest lists the component `{0}`, which is not in the repository: run `thymis module build` and commit what it writes"
    )]
    ComponentMissing(String),
    #[error("the component `{file}` can't be used")]
    Component { file: String, source: Incompatible },
    #[error("the component `{file}` can't be used")]
    Wasi { file: String, source: thymis_sandbox::Denied },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(
        "the component `{0}` is a pointer of Git LFS, which is not followed: commit the file itself (`git lfs migrate export`)"
    )]
    LfsPointer(String),
    #[error("the repository has no folder `{0}`: `dir=` names the folder with the flake.nix")]
    NoFolder(String),
}

impl RepositoryError {
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Fetch(error) => match error.kind {
                FetchErrorKind::Unauthorized { .. } | FetchErrorKind::NoCredential { .. } => Status::Unauthorized,
                FetchErrorKind::Unreachable(_)
                | FetchErrorKind::Server { .. }
                | FetchErrorKind::Slow { .. }
                | FetchErrorKind::TooLong { .. }
                | FetchErrorKind::NotARepository(_)
                | FetchErrorKind::NotFound { .. }
                | FetchErrorKind::Moved(_)
                | FetchErrorKind::NoFolder(_) => Status::Unreachable,
                _ => Status::Failed,
            },
            Self::NoFlake => Status::NoFlake,
            Self::NoReadme => Status::NoReadme,
            Self::NoMarker => Status::NoMagicString,
            Self::Manifest(error) if error.is_incompatible() => Status::Incompatible,
            Self::Manifest(_) | Self::ComponentMissing(_) => Status::BadManifest,
            Self::Component { .. } | Self::Wasi { .. } | Self::LfsPointer(_) => Status::Incompatible,
            Self::Flake(_) | Self::Tree(_) | Self::NoFolder(_) => Status::Failed,
        }
    }
}

impl Repository {
    /// Reads a commit.
    ///
    /// # Errors
    /// See [`RepositoryError::status`].
    pub fn read(url: &FlakeReference, snapshot: &Snapshot, limits: &Limits) -> Result<Self, RepositoryError> {
        let nar_hash = snapshot.nar_hash()?;
        let within = url.dir().map(|dir| {
            let within = snapshot.within(dir)?;
            within.ok_or_else(|| RepositoryError::NoFolder(dir.to_owned()))
        });
        let within = within.transpose()?;
        let snapshot = within.as_ref().unwrap_or(snapshot);
        let flake = snapshot.read(FLAKE, flake::FILE_BYTES)?.ok_or(RepositoryError::NoFlake)?;
        let pin = Pin {
            url: url.to_string(),
            revision: snapshot.revision(),
            nar_hash,
            last_modified: u64::try_from(snapshot.last_modified()).unwrap_or_default(),
            inputs: flake::inputs(&flake)?,
        };
        let contents = match snapshot.read(manifest::FILE, manifest::MAX_BYTES)? {
            None => Contents::Plain,
            Some(bytes) => Contents::Modules(Box::new(offer(snapshot, &bytes, limits)?)),
        };
        Ok(Self { pin, contents })
    }
}

fn offer(snapshot: &Snapshot, manifest: &[u8], limits: &Limits) -> Result<Offer, RepositoryError> {
    let readme = snapshot.read(README, MAX_README)?.ok_or(RepositoryError::NoReadme)?;
    if !String::from_utf8_lossy(&readme).contains(MARKER) {
        return Err(RepositoryError::NoMarker);
    }
    let digest = Digest::of(manifest);
    let manifest = Manifest::parse(manifest)?;
    let max_bytes = usize::try_from(limits.component_bytes).unwrap_or(usize::MAX);
    let device_types = manifest.device_types.iter().map(|device| (device.id.clone(), device.output.clone())).collect();
    let mut terms = Terms { manifest: digest, components: BTreeMap::new(), device_types };
    let mut components = BTreeMap::new();
    for component in &manifest.components {
        let file = &component.file;
        let bytes = snapshot.read(file, max_bytes)?.ok_or_else(|| RepositoryError::ComponentMissing(file.clone()))?;
        if bytes.starts_with(LFS_POINTER) {
            return Err(RepositoryError::LfsPointer(file.clone()));
        }
        let inspection = thymis_sandbox::inspect(&bytes, limits)
            .map_err(|source| RepositoryError::Component { file: file.clone(), source })?;
        inspection
            .permit(component.permissions.iter().any(|permission| permission.access == Access::Wasi))
            .map_err(|source| RepositoryError::Wasi { file: file.clone(), source })?;
        let permissions = component.permissions.iter().cloned().map(Accepted::from).collect();
        terms.components.insert(file.clone(), ComponentTerms { digest: Digest::of(&bytes), permissions });
        components.insert(file.clone(), bytes);
    }
    Ok(Offer { manifest, terms, components })
}
