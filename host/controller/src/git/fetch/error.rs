use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use thymis_core::{
    digest::Revision,
    reference::{FlakeReference, Transport},
    untrusted,
};

use crate::git::{GitError, credential::Advice};

/// Why nothing was fetched, and from which repository.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{url} {kind}")]
pub struct FetchError {
    pub url: Box<FlakeReference>,
    pub kind: FetchErrorKind,
}

/// Why nothing was fetched, as what follows the address in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FetchErrorKind {
    #[error("is not a git repository: check the address{}", reason(.0.as_ref()))]
    NotARepository(Option<GitError>),
    #[error(
        "redirects to `{}`, which is not followed: the repository was renamed or moved; write its new address",
        untrusted::short(.0)
    )]
    Moved(String),
    #[error("doesn't exist (any more), or {}: check whether it was renamed, deleted or made private", seen(*.credential))]
    NotFound { credential: bool },
    #[error(
        "borrows the objects of another repository (objects/info/alternates), where nothing is read: run `git repack -a -d` in it and remove that file"
    )]
    Alternates,
    #[error("has no commits yet: commit something in it, then try again")]
    Empty,
    #[error("can't be reached: check the address and the network, then try again: {0}")]
    Unreachable(GitError),
    #[error("can't be reached: its server answered with the status {status}; try again later")]
    Server { status: u16 },
    #[error("is not there: there is no folder at {}; check the address", .0.display())]
    NoFolder(PathBuf),
    #[error("belongs to another user of this machine: change its owner, or run as the one who owns it")]
    Owner,
    #[error("does not exist or needs a credential, and {}: {advice}. Give it with --credentials FILE", given(*.others))]
    NoCredential {
        advice: String,
        /// Credentials that were given for other repositories.
        others: usize,
    },
    #[error("does not let the given credential in: it is wrong or expired, or may not read this repository; {advice}")]
    Unauthorized { advice: String },
    #[error(
        "is behind a server that isn't the one whose key is pinned: it showed {shown}, `host-key` says {pinned}. Somebody may be between you and the server; if its owner changed the key, pin the new one"
    )]
    HostKey { shown: String, pinned: String },
    #[error("sends everything readable and changeable on the way: use `git+https:`, or say --allow-plain-http")]
    PlainHttp,
    #[error("has no ref `{reference}`{hint}")]
    RefNotFound { reference: String, hint: String },
    #[error(
        "doesn't have the commit {revision} on {on}: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag"
    )]
    RevisionNotFound { revision: Revision, on: String },
    #[error(
        "is too large: more than {limit} {what}; use a smaller repository, or raise the limit with --limit {name}=NUMBER"
    )]
    TooLarge { what: String, limit: u64, name: String },
    #[error(
        "sent too little for {seconds} seconds: try again when its server is well, or wait longer with --limit {name}=NUMBER"
    )]
    Slow { seconds: u64, name: String },
    #[error(
        "wasn't fetched within {seconds} seconds: use a smaller repository, or wait longer with --limit {name}=NUMBER"
    )]
    TooLong { seconds: u64, name: String },
    #[error("has something in it that can't be used: {0}")]
    Contents(String),
    #[error(
        "can't be read whole ({reason}): it is damaged, or its copy is; then remove the folder {}, and run this again", copy.display()
    )]
    Damaged { copy: PathBuf, reason: String },
    #[error("was not fetched: it was stopped")]
    Stopped,
    #[error("has been fetched by another process for {seconds} seconds: try again when it has finished")]
    Busy { seconds: u64 },
    #[error("can't be fetched: {0}")]
    Git(GitError),
    #[error("can't be fetched: the copies of repositories in {}: {reason}", folder.display())]
    Io { folder: PathBuf, reason: String },
    #[error("can't be fetched: the process that fetches ended ({0})")]
    Worker(String),
}

fn reason(error: Option<&GitError>) -> String {
    error.map(|error| format!(": {error}")).unwrap_or_default()
}

fn given(others: usize) -> String {
    match others {
        0 => "none was given for it".to_owned(),
        1 => "the one that was given is for another repository".to_owned(),
        others => format!("the {others} that were given are for other repositories"),
    }
}

fn seen(credential: bool) -> &'static str {
    if credential { "the given credential may not see it" } else { "needs a credential" }
}

impl FetchErrorKind {
    pub(in crate::git) fn at(self, url: &FlakeReference) -> FetchError {
        FetchError { url: Box::new(url.repository()), kind: self }
    }

    /// The server wants somebody else, or anybody at all.
    pub(super) fn refused(url: &FlakeReference, credential: bool) -> Self {
        let advice = Advice(url.forge());
        let advice = match (url.transport(), credential) {
            (Transport::Ssh, _) => {
                "it wants an SSH key that may read this repository, and the server's key as `host-key`".to_owned()
            }
            _ => advice.to_string(),
        };
        if credential { Self::Unauthorized { advice } } else { Self::NoCredential { advice, others: 0 } }
    }

    pub(super) fn missing_revision(url: &FlakeReference, revision: Revision) -> Self {
        let on = match url.reference() {
            Some(reference) => format!("the ref `{}`", untrusted::short(reference)),
            None => "any branch or tag".to_owned(),
        };
        Self::RevisionNotFound { revision, on }
    }
}

impl From<git2::Error> for FetchErrorKind {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.into())
    }
}

/// A limit by the name under which it can be raised.
pub(super) fn too_large(name: &str, limit: u64) -> FetchErrorKind {
    let what = match name {
        "fetch_bytes" => "bytes received",
        "fetch_objects" => "git objects",
        "fetch_refs" => "branches and tags",
        "fetch_cpu_seconds" => "seconds of work to unpack it",
        "fetch_memory_bytes" => "bytes of memory to unpack it",
        _ => "bytes on the disk",
    };
    FetchErrorKind::TooLarge { what: what.to_owned(), limit, name: name.to_owned() }
}

impl fmt::Display for super::Refs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| names.iter().map(|name| untrusted::short(name)).collect::<Vec<_>>().join(", ");
        write!(f, "branches: {} ({})", self.branches, list(&self.branch_names))?;
        if self.tags > 0 {
            write!(f, ", tags: {} ({})", self.tags, list(&self.tag_names))?;
        }
        Ok(())
    }
}
