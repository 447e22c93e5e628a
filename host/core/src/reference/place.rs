//! Where a repository is.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    forge::{Forge, Project},
    part::Authority,
    transport::Transport,
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Forge(Project),
    Git(Repository),
}

impl Place {
    pub(super) fn is_forge(&self) -> bool {
        matches!(self, Self::Forge(_))
    }

    pub(super) fn fetch_url(&self) -> String {
        match self {
            Self::Forge(project) => project.fetch_url(),
            Self::Git(repository) => repository.url(),
        }
    }

    pub(super) fn last_segment(&self) -> &str {
        match self {
            Self::Forge(project) => project.name(),
            Self::Git(repository) => repository.path.rsplit('/').next().unwrap_or_default(),
        }
    }

    pub(super) fn nix_attributes(&self) -> BTreeMap<&'static str, String> {
        match self {
            Self::Forge(project) => project.nix_attributes().collect(),
            Self::Git(repository) => BTreeMap::from([("type", "git".to_owned()), ("url", repository.url())]),
        }
    }
}

/// A repository at an address of git.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Repository {
    transport: Transport,
    /// None for a local repository, and only for that.
    authority: Option<Authority>,
    /// Starts with `/`.
    path: String,
}

impl Repository {
    pub(super) fn local(path: String) -> Self {
        Self { transport: Transport::File, authority: None, path }
    }

    pub(super) fn remote(transport: Transport, authority: Authority, path: String) -> Self {
        Self { transport, authority: Some(authority), path }
    }

    /// `https://host/path`
    pub(super) fn url(&self) -> String {
        let authority = self.authority.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}://{authority}{}", self.transport.scheme(), self.path)
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) fn local_path(&self) -> Option<PathBuf> {
        self.authority.is_none().then(|| PathBuf::from(&self.path))
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.authority.as_ref().map(|authority| authority.host.as_str())
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.authority.as_ref()?.port
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.authority.as_ref()?.user.as_deref()
    }

    pub(super) fn forge(&self) -> Option<Forge> {
        let authority = self.authority.as_ref().filter(|authority| authority.port.is_none())?;
        matches!(self.transport, Transport::Https | Transport::Ssh).then(|| Forge::of_host(&authority.host))?
    }
}
