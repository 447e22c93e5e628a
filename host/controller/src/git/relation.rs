//! What lies between two commits of a repository.

use git2::{Repository, Sort};
use serde::{Deserialize, Serialize};
use thymis_core::{digest::Revision, untrusted};

use super::bare::oid;

/// Commits that are told one by one.
const TOLD: usize = 20;
/// Commits that are counted.
const COUNTED: usize = 10_000;

/// How one commit stands to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Commit {
    pub revision: Revision,
    /// The committer's time in seconds since 1970; the committer chose it.
    pub time: i64,
    /// The first line of its message, fit to be shown.
    pub summary: String,
}

/// How a commit stands to an earlier one, and the commits that it has and the earlier one hasn't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Between {
    pub relation: Relation,
    /// The newest 20, newest first.
    pub newest: Vec<Commit>,
    /// All of them, up to 10,000.
    pub count: usize,
}

impl Between {
    /// Walks the history, which takes memory and time as its author likes: within the bounds of a process of its own.
    pub(super) fn read(repository: &Repository, new: Revision, old: Revision) -> Result<Self, git2::Error> {
        let (to, from) = (oid(new)?, oid(old)?);
        let relation = if to == from {
            Relation::Same
        } else if repository.find_commit(from).is_err() {
            Relation::Unrelated
        } else if repository.graph_descendant_of(to, from)? {
            Relation::Newer
        } else if repository.graph_descendant_of(from, to)? {
            Relation::Older
        } else {
            Relation::Unrelated
        };
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TIME | Sort::TOPOLOGICAL)?;
        walk.push(to)?;
        // A commit that isn't here hides nothing.
        let _ = walk.hide(from);
        let mut between = Self { relation, newest: Vec::new(), count: 0 };
        for id in walk.take(COUNTED) {
            let id = id?;
            between.count += 1;
            if between.newest.len() < TOLD {
                let commit = repository.find_commit(id)?;
                let line = commit.message_bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
                // A character has four bytes at most; more aren't shown.
                let line = line.get(..line.len().min(1024)).unwrap_or_default();
                between.newest.push(Commit {
                    revision: Revision::from_bytes(id.as_bytes().try_into().unwrap_or_default()),
                    time: commit.committer().when().seconds(),
                    summary: untrusted::short(&String::from_utf8_lossy(line)),
                });
            }
        }
        Ok(between)
    }
}
