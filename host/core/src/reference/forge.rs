//! Forges, and a project on one.

use std::fmt;

use super::{error::ReferenceError, part::is_name};
use crate::untrusted;

/// A service that hosts git repositories and has an API of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forge {
    GitHub,
    GitLab,
    SourceHut,
    /// Nix has no references of its own for it.
    Bitbucket,
}

impl Forge {
    const ALL: [Self; 4] = [Self::GitHub, Self::GitLab, Self::SourceHut, Self::Bitbucket];

    /// The public host: `github.com`.
    #[must_use]
    pub fn host(self) -> &'static str {
        match self {
            Self::GitHub => "github.com",
            Self::GitLab => "gitlab.com",
            Self::SourceHut => "git.sr.ht",
            Self::Bitbucket => "bitbucket.org",
        }
    }

    pub(super) fn of_host(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|forge| forge.host() == host)
    }

    pub(super) fn of_scheme(scheme: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|forge| forge.scheme() == Some(scheme))
    }

    /// The scheme of references, which is also the `type` in Nix's attributes.
    fn scheme(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("github"),
            Self::GitLab => Some("gitlab"),
            Self::SourceHut => Some("sourcehut"),
            Self::Bitbucket => None,
        }
    }

    fn form(self) -> &'static str {
        match self {
            Self::GitHub => "`github:owner/repo`",
            Self::GitLab => "`gitlab:group/repo`, or `gitlab:group%2Fsubgroup/repo`",
            Self::SourceHut => "`sourcehut:~owner/repo`",
            Self::Bitbucket => "`git+https://bitbucket.org/owner/repo`",
        }
    }

    /// In Nix's spelling, or `None` if no owner is called so.
    fn owner(self, text: &str) -> Option<String> {
        match self {
            Self::GitLab => {
                let groups = text.replace("%2f", "%2F");
                groups.split("%2F").all(is_name).then_some(groups)
            }
            Self::SourceHut => text.strip_prefix('~').is_some_and(is_name).then(|| text.to_owned()),
            Self::GitHub | Self::Bitbucket => is_name(text).then(|| text.to_owned()),
        }
    }
}

/// `github:owner/repo`, on the public host or another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Project {
    forge: Forge,
    /// Groups of GitLab are joined by `%2F`; owners at SourceHut start with `~`.
    owner: String,
    repository: String,
    other_host: Option<String>,
}

impl Project {
    /// The project on the public host, and the ref or commit that follows in the path.
    pub(super) fn parse(forge: Forge, path: &str) -> Result<(Self, Option<&str>), ReferenceError> {
        let refused = || ReferenceError::Project { text: untrusted::short(path), form: forge.form() };
        let mut segments = path.trim_end_matches('/').splitn(3, '/');
        let owner = segments.next().and_then(|owner| forge.owner(owner)).ok_or_else(refused)?;
        let repository = segments.next().filter(|name| is_name(name)).ok_or_else(refused)?;
        Ok((Self { forge, owner, repository: repository.to_owned(), other_host: None }, segments.next()))
    }

    pub(super) fn on(self, host: String) -> Self {
        Self { other_host: (host != self.forge.host()).then_some(host), ..self }
    }

    pub(super) fn forge(&self) -> Forge {
        self.forge
    }

    pub(super) fn host(&self) -> &str {
        self.other_host().unwrap_or_else(|| self.forge.host())
    }

    pub(super) fn other_host(&self) -> Option<&str> {
        self.other_host.as_deref()
    }

    pub(super) fn is_escaped(&self) -> bool {
        self.owner.contains('%')
    }

    pub(super) fn name(&self) -> &str {
        &self.repository
    }

    pub(super) fn fetch_url(&self) -> String {
        let suffix = if self.forge == Forge::SourceHut { "" } else { ".git" };
        format!("https://{}/{}/{}{suffix}", self.host(), self.owner.replace("%2F", "/"), self.repository)
    }

    pub(super) fn nix_attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("type", self.forge.scheme()),
            ("owner", Some(self.owner.as_str())),
            ("repo", Some(self.repository.as_str())),
            ("host", self.other_host()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?.to_owned())))
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.forge.scheme().unwrap_or_default(), self.owner, self.repository)
    }
}
