use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use git2::Oid;
use serde::{Deserialize, Serialize};
use thymis_core::untrusted;

/// Names of branches and tags that are kept of a remote's list.
const KEPT: usize = 20;

/// The branches and tags that a remote has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refs {
    /// Full name of the branch that `HEAD` stands for.
    pub default_branch: Option<String>,
    /// How many there are.
    pub branches: usize,
    pub tags: usize,
    /// The first 20 in the order of their names; of tags the last.
    pub branch_names: Vec<String>,
    pub tag_names: Vec<String>,
}

/// The list that a remote answers with, by full name; `x^{}` is what the tag `x` names in the end.
pub(super) struct Heads(pub(super) BTreeMap<String, (Oid, Option<String>)>);

impl Heads {
    /// `None` where a name is not UTF-8.
    pub(super) fn new(list: &[git2::RemoteHead<'_>]) -> Option<Self> {
        let entry = |head: &git2::RemoteHead<'_>| {
            (head.name().to_owned(), (head.oid(), head.symref_target().map(str::to_owned)))
        };
        // git2 panics there.
        catch_unwind(AssertUnwindSafe(|| Self(list.iter().map(entry).collect()))).ok()
    }

    pub(super) fn commit(&self, name: &str) -> Option<(String, Oid)> {
        let (oid, _) = self.0.get(&format!("{name}^{{}}")).or_else(|| self.0.get(name))?;
        (!name.ends_with("^{}")).then(|| (name.to_owned(), *oid))
    }

    /// Everything that a commit may hang on.
    pub(super) fn branches_and_tags(&self) -> Vec<(String, Oid)> {
        let inside = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        self.0.keys().filter(|name| inside(name)).filter_map(|name| self.commit(name)).collect()
    }

    pub(super) fn default_branch(&self) -> Option<String> {
        self.0.get("HEAD").and_then(|(_, target)| target.clone())
    }

    pub(super) fn refs(&self) -> Refs {
        let below = |prefix: &'static str| {
            let name = move |name: &String| name.strip_prefix(prefix).map(str::to_owned);
            self.0.keys().filter(|name| !name.ends_with("^{}")).filter_map(name).collect::<Vec<_>>()
        };
        let (mut branches, mut tags) = (below("refs/heads/"), below("refs/tags/"));
        let (branch_count, tag_count) = (branches.len(), tags.len());
        branches.truncate(KEPT);
        tags.drain(..tag_count.saturating_sub(KEPT));
        Refs {
            default_branch: self.default_branch(),
            branches: branch_count,
            tags: tag_count,
            branch_names: branches,
            tag_names: tags,
        }
    }

    /// What to write instead of a ref that isn't there.
    pub(super) fn hint(&self, name: &str) -> String {
        let tag = name.strip_prefix("refs/heads/").map(|name| format!("refs/tags/{name}"));
        if let Some(tag) = tag.filter(|tag| self.0.contains_key(tag)) {
            return format!("; there is a tag of that name: write `?ref={tag}`");
        }
        let branches: Vec<String> =
            self.0.keys().filter_map(|name| name.strip_prefix("refs/heads/")).take(5).map(untrusted::short).collect();
        match (name, branches.is_empty()) {
            (_, true) => "; it has no branches".to_owned(),
            ("HEAD", _) => {
                format!(", which would be its default branch: add `?ref=` and one of {}", branches.join(", "))
            }
            _ => format!(" (any more); its branches are {}", branches.join(", ")),
        }
    }
}
