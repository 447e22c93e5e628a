//! What lies between two commits of a repository.

use git2::{Repository, Sort};
use serde::Serialize;
use thymis_core::{digest::Revision, reference::FlakeReference, untrusted};

use super::{
    fetch::{FetchError, FetchErrorKind},
    store::{Store, oid},
};

/// Commits that are told one by one.
const TOLD: usize = 20;
/// Commits that are counted.
const COUNTED: usize = 10_000;

/// How one commit stands to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    Same,
    /// It comes after the earlier one.
    Newer,
    /// The earlier one comes after it.
    Older,
    /// Neither: the history was rewritten, or is another repository's.
    Unrelated,
}

/// A commit as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Commit {
    pub revision: Revision,
    /// The committer's time in seconds since 1970; the committer chose it.
    pub time: i64,
    /// The first line of its message, fit to be shown.
    pub summary: String,
}

/// The commits that one has and an earlier one hasn't.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Commits {
    /// The newest 20, newest first.
    pub newest: Vec<Commit>,
    /// All of them, up to 10,000.
    pub count: usize,
}

impl Store {
    /// How `new` stands to `old`; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn relation(&self, url: &FlakeReference, new: Revision, old: Revision) -> Result<Option<Relation>, FetchError> {
        let relation = || {
            let Some(repository) = self.history(url, new)? else { return Ok(None) };
            let (new, old) = (oid(new)?, oid(old)?);
            Ok(Some(if new == old {
                Relation::Same
            } else if repository.find_commit(old).is_err() {
                Relation::Unrelated
            } else if repository.graph_descendant_of(new, old)? {
                Relation::Newer
            } else if repository.graph_descendant_of(old, new)? {
                Relation::Older
            } else {
                Relation::Unrelated
            }))
        };
        relation().map_err(|kind: FetchErrorKind| kind.at(url))
    }

    /// The commits that `new` has and `old` hasn't; `None` where the history of `new` was not fetched.
    ///
    /// # Errors
    /// A damaged copy.
    pub fn commits(&self, url: &FlakeReference, new: Revision, old: Revision) -> Result<Option<Commits>, FetchError> {
        let commits = || Ok(self.history(url, new)?.map(|repository| between(&repository, new, old)).transpose()?);
        commits().map_err(|kind: FetchErrorKind| kind.at(url))
    }
}

fn between(repository: &Repository, new: Revision, old: Revision) -> Result<Commits, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TIME)?;
    walk.push(oid(new)?)?;
    // A commit that isn't here hides nothing.
    let _ = walk.hide(oid(old)?);
    let mut commits = Commits::default();
    for id in walk.take(COUNTED) {
        let id = id?;
        commits.count += 1;
        if commits.newest.len() < TOLD {
            let commit = repository.find_commit(id)?;
            let line = commit.message_bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
            // A character has four bytes at most; more aren't shown.
            let line = line.get(..line.len().min(1024)).unwrap_or_default();
            commits.newest.push(Commit {
                revision: Revision::from_bytes(id.as_bytes().try_into().unwrap_or_default()),
                time: commit.committer().when().seconds(),
                summary: untrusted::short(&String::from_utf8_lossy(line)),
            });
        }
    }
    Ok(commits)
}
