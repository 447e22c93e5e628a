//! Flake references: where an input is fetched from, in the spelling that Nix reads.
//!
//! Only what names a git repository is understood, and of that only what Nix 2.8 and newer ones read alike. One
//! exception is left in: from 2.18 on, Nix decodes the `%2F` of `gitlab:group%2Fsub/repo` before it splits the path, and so
//! reads another repository. To all of them [`FlakeReference::nix_attributes`] of `gitlab:` mean the same.

mod error;
mod forge;
mod parse;
mod part;
mod place;
#[cfg(test)]
mod tests;
mod transport;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use self::place::Place;
pub use self::{error::ReferenceError, forge::Forge, transport::Transport};
use crate::{digest::Revision, id::InputName};

/// The longest reference in bytes, also as it is printed at a commit.
pub const MAX_LENGTH: usize = 1024;

/// A reference such as `github:owner/repo/main` or `git+https://host/path?ref=main`, always printed in one canonical
/// spelling.
///
/// Hosts are in lower case, default ports, default hosts and trailing slashes left out; the query is in alphabetical order.
/// There is never a password or token in it, and no user but that of SSH.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlakeReference {
    place: Place,
    reference: Option<String>,
    revision: Option<Revision>,
    dir: Option<String>,
}

impl FlakeReference {
    /// The address that git fetches: `https://github.com/owner/repo.git`, `ssh://git@host/path`, `file:///path`.
    #[must_use]
    pub fn fetch_url(&self) -> String {
        self.place.fetch_url()
    }

    /// The repository without ref, commit and folder.
    #[must_use]
    pub fn repository(&self) -> Self {
        Self { place: self.place.clone(), reference: None, revision: None, dir: None }
    }

    /// The same flake at one commit. That of a forge loses its ref: Nix refuses both together.
    #[must_use]
    pub fn at(&self, revision: Revision) -> Self {
        let reference = if self.place.is_forge() { None } else { self.reference.clone() };
        Self { reference, revision: Some(revision), ..self.clone() }
    }

    /// The branch or tag asked for, or its full name in `refs/`.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// The commit asked for.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The folder of the flake in its repository, relative, such as `nix/flake`.
    #[must_use]
    pub fn dir(&self) -> Option<&str> {
        self.dir.as_deref()
    }

    /// The folder of a repository on this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Git(repository) => repository.local_path(),
            Place::Forge(_) => None,
        }
    }

    /// The host in lower case, without its port. None for a repository on this machine.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.place {
            Place::Git(repository) => repository.host(),
            Place::Forge(project) => Some(project.host()),
        }
    }

    /// The port, where it isn't the usual one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.place {
            Place::Git(repository) => repository.port(),
            Place::Forge(_) => None,
        }
    }

    /// Whether a flake.nix has to name it by attributes: versions of Nix read the escape in its print differently.
    #[must_use]
    pub fn is_escaped(&self) -> bool {
        matches!(&self.place, Place::Forge(project) if project.is_escaped())
    }

    /// How git fetches it; from a forge by HTTPS.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match &self.place {
            Place::Git(repository) => repository.transport(),
            Place::Forge(_) => Transport::Https,
        }
    }

    /// The user that SSH logs in as, if one is given.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match &self.place {
            Place::Git(repository) => repository.user(),
            Place::Forge(_) => None,
        }
    }

    /// Whether it is on this machine, in a folder or behind a server.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        self.host().is_none_or(part::is_this_machine)
    }

    /// Whether others could read and change what is fetched: `http` to a host that is not this machine.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.transport() == Transport::Http && !self.is_this_machine()
    }

    /// Full names that the ref asked for can have, the first that exists is meant. Forges resolve branches and tags; with
    /// git a plain name is a branch. Empty without a ref.
    #[must_use]
    pub fn full_references(&self) -> Vec<String> {
        match &self.reference {
            None => Vec::new(),
            Some(reference) if reference.starts_with("refs/") => vec![reference.clone()],
            Some(reference) if self.place.is_forge() => {
                vec![format!("refs/heads/{reference}"), format!("refs/tags/{reference}")]
            }
            Some(reference) => vec![format!("refs/heads/{reference}")],
        }
    }

    /// The forge that it names, or whose public host it names.
    #[must_use]
    pub fn forge(&self) -> Option<Forge> {
        match &self.place {
            Place::Git(repository) => repository.forge(),
            Place::Forge(project) => Some(project.forge()),
        }
    }

    /// A name for an input from there: the last part of the path without `.git`, in lower case, with `-` for what an input's
    /// name can't have. None if that is no name either.
    #[must_use]
    pub fn suggested_name(&self) -> Option<InputName> {
        let last = self.place.last_segment();
        let name = last.strip_suffix(".git").unwrap_or(last).to_ascii_lowercase();
        name.replace(|c: char| !c.is_ascii_alphanumeric(), "-").trim_matches('-').parse().ok()
    }

    /// The attributes by which `original` in a flake.lock describes an input that a flake.nix names as this is printed.
    #[must_use]
    pub fn nix_attributes(&self) -> BTreeMap<&'static str, String> {
        let mut attributes = self.place.nix_attributes();
        if let (Some(dir), Some(url)) = (&self.dir, attributes.get_mut("url")) {
            // As Nix 2.8 writes it. Nix from 2.26 on leaves the folder out, from 2.29 on it takes both for the same.
            url.push_str("?dir=");
            url.push_str(&dir.replace('/', "%2f"));
        }
        attributes.extend(self.query());
        attributes
    }

    /// `dir`, `ref` and `rev`, as far as there are any.
    fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("dir", self.dir.clone()),
            ("ref", self.reference.clone()),
            ("rev", self.revision.map(|revision| revision.to_string())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }
}

impl fmt::Display for FlakeReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut query: BTreeMap<&str, String> = self.query().collect();
        match &self.place {
            Place::Git(repository) => write!(f, "git+{}", repository.url())?,
            Place::Forge(project) => {
                fmt::Display::fmt(project, f)?;
                if let Some(in_path) = query.remove("ref").or_else(|| query.remove("rev")) {
                    write!(f, "/{in_path}")?;
                }
                query.extend(project.other_host().map(|host| ("host", host.to_owned())));
            }
        }
        for (number, (key, value)) in query.iter().enumerate() {
            write!(f, "{}{key}={value}", if number == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl serde::Serialize for FlakeReference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for FlakeReference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
