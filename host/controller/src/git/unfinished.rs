//! What git has begun and a person has to finish: a merge, a rebase, files of which there are two versions.

use std::collections::BTreeSet;

use git2::{Index, IndexEntry, Oid, RepositoryState};

use super::{
    error::found,
    history::{HistoryError, ProjectRepository},
    path::check_path,
    project::Generated,
    worktree::Files,
};

/// Bits of an index entry's flags that say which side of a merge it is from; 0: it is merged.
const STAGE: u16 = 0x3000;

impl ProjectRepository {
    /// # Errors
    /// [`HistoryError::Unfinished`] where a commit of ours would come between.
    pub(super) fn finished(&self) -> Result<(), HistoryError> {
        let with = |command: &str| format!("thymis generate && git add --all{command}");
        let (what, finish) = match self.repository.state() {
            RepositoryState::Clean if !self.index()?.has_conflicts() => return Ok(()),
            RepositoryState::Clean => ("bringing two versions of a file together", with("")),
            RepositoryState::Merge => ("a merge", with(" && git commit")),
            RepositoryState::Revert | RepositoryState::RevertSequence => {
                ("a revert", with(" && git revert --continue"))
            }
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => {
                ("a cherry-pick", with(" && git cherry-pick --continue"))
            }
            RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => {
                ("a rebase", with(" && git rebase --continue"))
            }
            RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => {
                ("applying patches", with(" && git am --continue"))
            }
            RepositoryState::Bisect => ("a bisect", "git bisect reset".to_owned()),
        };
        Err(HistoryError::Unfinished { what, finish })
    }

    /// Where something is unfinished, what git made of versions that somebody committed: the generated files in its index,
    /// and the paths of which the index has several versions, whatever stands there.
    pub(super) fn half_done(&self, generated: Generated<'_>) -> (Files, BTreeSet<String>) {
        let mut merged = Files::new();
        let mut unmerged = BTreeSet::new();
        // Where libgit2 can't read the index, git made nothing that we know of.
        let Ok(index) = self.index() else { return (merged, unmerged) };
        if self.repository.state() == RepositoryState::Clean && !index.has_conflicts() {
            return (merged, unmerged);
        }
        for IndexEntry { path, id, flags, .. } in index.iter() {
            let Ok(path) = String::from_utf8(path) else { continue };
            if !generated(&path) || check_path(&path).is_err() {
                continue;
            }
            if flags & STAGE == 0 {
                merged.insert(path, id);
            } else {
                unmerged.insert(path);
            }
        }
        (merged, unmerged)
    }

    /// As it is on the disk.
    fn index(&self) -> Result<Index, git2::Error> {
        let mut index = self.repository.index()?;
        index.read(false)?;
        Ok(index)
    }

    /// In a merge, the commit that comes to the branch.
    ///
    /// # Errors
    /// What git says.
    pub fn merging(&self) -> Result<Option<Oid>, HistoryError> {
        self.reference("MERGE_HEAD")
    }

    /// The newest commit from which two others come.
    ///
    /// # Errors
    /// What git says.
    pub fn common(&self, one: Oid, other: Oid) -> Result<Option<Oid>, HistoryError> {
        Ok(found(self.repository.merge_base(one, other))?)
    }
}
