//! A generation as a transaction on two refs.
//!
//! [`DRAFT_REF`] moves from one whole tree to the next: that is the commit point. [`WORKTREE_REF`] follows when the
//! generated files stand in the work tree. Where the two differ, somebody was interrupted between them, and
//! [`ProjectRepository::recover`] brings the work tree after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use git2::{IndexEntry, IndexTime, Oid};

use super::{
    history::{Author, DRAFT_REF, Draft, HistoryError, ProjectLock, ProjectRepository, WORKTREE_REF},
    objects::Content,
    tree::{Entry, Kind, TreeError, TreeLimits},
    worktree::{Files, Installed, Known, Plan, WorktreeError},
};

/// Says of a path whether it is a generated file. Other files of the work tree are never written.
pub type Generated<'a> = &'a dyn Fn(&str) -> bool;

/// What a generation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub draft: Draft,
    /// Whether there is a new draft.
    pub new_draft: bool,
    /// Generated files written into the work tree.
    pub written: Vec<String>,
    /// Generated files removed from it.
    pub removed: Vec<String>,
}

/// Why a generation was not put in place.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Before the commit point: nothing was changed. After it: the next command goes on.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl From<super::tree::TreeError> for ApplyError {
    fn from(error: super::tree::TreeError) -> Self {
        Self::History(error.into())
    }
}

impl ProjectRepository {
    /// Puts a generated tree in place: finishes what was interrupted, refuses foreign edits, writes new files beside the
    /// work tree, moves the draft from `expected` to a commit of `tree`, renames the files into place. A tree equal to the
    /// present draft's makes no commit.
    ///
    /// # Errors
    /// [`WorktreeError::Foreign`], a read-only folder, a full disk: nothing was changed. [`HistoryError::Moved`]: another
    /// generation came first. A failure while renaming is finished by the next call.
    pub fn apply(
        &self,
        lock: &ProjectLock,
        tree: Oid,
        message: &str,
        expected: Option<Oid>,
        generated: Generated<'_>,
    ) -> Result<Applied, ApplyError> {
        self.recover(lock, generated)?;
        let new = self.generated_files(Some(tree), generated)?;
        let known = self.known_files(Some(tree), generated)?;
        let plan = Plan::make(self.root(), &self.seen, &new, &known)?;
        let staged = plan.stage(self.repository.path(), lock.scratch())?;
        let before = self.draft()?;
        let draft = self.publish_draft(lock, tree, message, expected)?;
        let Installed { written, removed } = staged.install()?;
        self.mark_worktree(lock, draft.commit)?;
        Ok(Applied { draft, new_draft: before != Some(draft), written, removed })
    }

    /// Compares the work tree with the generated files `new` (path to blob) and writes nothing; answers the paths that
    /// [`Self::apply`] would write and remove.
    ///
    /// # Errors
    /// As [`Self::apply`] before its commit point.
    pub fn compare(
        &self,
        new: &BTreeMap<String, Oid>,
        generated: Generated<'_>,
    ) -> Result<(Vec<String>, Vec<String>), ApplyError> {
        let known = self.known_files(None, generated)?;
        Ok(Plan::make(self.root(), &self.seen, new, &known)?.paths())
    }

    /// Moves the draft from `expected` to a new commit of `tree`, or leaves it where its tree is `tree` already.
    ///
    /// # Errors
    /// [`HistoryError::Moved`] where the draft is not at `expected`.
    pub fn publish_draft(
        &self,
        lock: &ProjectLock,
        tree: Oid,
        message: &str,
        expected: Option<Oid>,
    ) -> Result<Draft, HistoryError> {
        let present = self.draft()?;
        match present {
            Some(draft) if draft.tree == tree => return Ok(draft),
            _ if present.map(|draft| draft.commit) != expected => {
                let found = present.map(|draft| draft.commit);
                return Err(HistoryError::Moved { name: DRAFT_REF.to_owned(), expected, found });
            }
            _ => {}
        }
        let parents: Vec<Oid> = expected.into_iter().collect();
        let commit = self.commit(lock, tree, &parents, message, &Author::thymis())?;
        self.update_ref(lock, DRAFT_REF, commit, expected)?;
        Ok(Draft { commit, tree })
    }

    /// Writes files of a tree of this project, by path, into a folder that isn't there yet.
    ///
    /// # Errors
    /// Files that can't be read, and what the file system says.
    pub fn unpack<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a String, &'a Entry)>,
        folder: &Path,
    ) -> Result<(), HistoryError> {
        // What an operator's artifacts may be.
        let limits = TreeLimits { bytes: u64::MAX, file_bytes: 512 << 20, ..TreeLimits::default() };
        let mut reader = self.reader_within(limits)?;
        let failed = |path: &str, source| TreeError::Write { path: path.to_owned(), source };
        fs::create_dir(folder).map_err(|source| failed("", source))?;
        for (path, entry) in files {
            let bytes = reader.whole_file(entry.oid, path)?;
            let place = folder.join(path);
            let mode = if entry.kind == Kind::Executable { 0o755 } else { 0o644 };
            let write = || {
                place.parent().map_or(Ok(()), fs::create_dir_all)?;
                OpenOptions::new().write(true).create_new(true).mode(mode).open(&place)?.write_all(&bytes)
            };
            write().map_err(|source| failed(path, source))?;
        }
        Ok(())
    }

    /// The bytes of a file of a tree of this project.
    ///
    /// # Errors
    /// When it can't be read, or is longer.
    pub fn read_file(&self, path: &str, entry: &Entry, max_bytes: usize) -> Result<Vec<u8>, HistoryError> {
        Ok(self.reader()?.blob(entry.oid, path, max_bytes)?)
    }

    /// Finishes an interrupted generation: brings what the draft changed into the work tree. What it didn't change may have
    /// been changed by git since, and stays. `None`: nothing to finish.
    ///
    /// # Errors
    /// As [`Self::apply`]; it can be called again.
    pub fn recover(&self, lock: &ProjectLock, generated: Generated<'_>) -> Result<Option<Applied>, ApplyError> {
        let Some(draft) = self.draft()? else { return Ok(None) };
        let worktree = self.reference(WORKTREE_REF)?;
        if worktree == Some(draft.commit) {
            return Ok(None);
        }
        let before = worktree.map(|commit| self.tree_of(commit)).transpose()?;
        let before = self.generated_files(before, generated)?;
        let mut new = self.generated_files(Some(draft.tree), generated)?;
        let changed: BTreeSet<String> =
            before.keys().chain(new.keys()).filter(|path| before.get(*path) != new.get(*path)).cloned().collect();
        new.retain(|path, _| changed.contains(path));
        let known = self.known_files(Some(draft.tree), &|path| changed.contains(path))?;
        let plan = Plan::make(self.root(), &self.seen, &new, &known)?;
        let Installed { written, removed } = plan.stage(self.repository.path(), lock.scratch())?.install()?;
        self.mark_worktree(lock, draft.commit)?;
        Ok(Some(Applied { draft, new_draft: false, written, removed }))
    }

    /// Commits files of a tree onto the branch that people work on and makes the index agree; `None` where the branch has all
    /// of it. Only paths for which `ours` holds are taken from the tree; the branch keeps its others.
    ///
    /// # Errors
    /// [`HistoryError::Unfinished`], [`HistoryError::Detached`], or the branch moved meanwhile.
    pub fn commit_tree(
        &self,
        lock: &ProjectLock,
        tree: Oid,
        message: &str,
        author: &Author,
        ours: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Oid>, HistoryError> {
        let branch = self.branch()?;
        let tip = self.head()?;
        let base = tip.map(|tip| self.tree_of(tip)).transpose()?;
        let tree = self.merged(lock, base, tree, ours)?;
        if base == Some(tree) {
            self.update_index(tree, ours)?;
            return Ok(None);
        }
        let parents: Vec<Oid> = tip.into_iter().collect();
        let commit = self.commit(lock, tree, &parents, message, author)?;
        self.update_ref(lock, &branch, commit, tip)?;
        self.update_index(tree, ours)?;
        Ok(Some(commit))
    }

    /// The tree `base` in which the paths that are ours are those of `tree`.
    fn merged(
        &self,
        lock: &ProjectLock,
        base: Option<Oid>,
        tree: Oid,
        ours: &dyn Fn(&str) -> bool,
    ) -> Result<Oid, HistoryError> {
        let before = base.map(|base| self.tree_files(base)).transpose()?.unwrap_or_default();
        let removed = before.keys().filter(|path| ours(path)).map(|path| (path.clone(), None));
        let mut changes: BTreeMap<_, _> = removed.collect();
        let files = self.tree_files(tree)?.into_iter().filter(|(path, _)| ours(path));
        changes.extend(files.map(|(path, entry)| (path, Some(Content::Entry(entry)))));
        Ok(self.edit_tree(lock, base, &changes)?)
    }

    /// Sets the index entries of our paths to those of `tree`; what people staged elsewhere stays staged.
    fn update_index(&self, tree: Oid, ours: &dyn Fn(&str) -> bool) -> Result<(), HistoryError> {
        let mut files = self.tree_files(tree)?;
        files.retain(|path, _| ours(path));
        let mut index = self.repository.index()?;
        index.read(true)?;
        let mut dropped = Vec::new();
        for entry in index.iter() {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            match files.get(&path) {
                Some(file) if file.oid == entry.id && git_mode(file.kind) == entry.mode => {
                    files.remove(&path);
                }
                None if ours(&path) => dropped.push(path),
                _ => {}
            }
        }
        if dropped.is_empty() && files.is_empty() {
            return Ok(());
        }
        for path in dropped {
            index.remove_path(Path::new(&path))?;
        }
        for (path, file) in files {
            index.add(&unread(path.into_bytes(), file.oid, git_mode(file.kind)))?;
        }
        Ok(index.write()?)
    }

    fn mark_worktree(&self, lock: &ProjectLock, commit: Oid) -> Result<(), HistoryError> {
        match self.reference(WORKTREE_REF)? {
            Some(present) if present == commit => Ok(()),
            present => self.update_ref(lock, WORKTREE_REF, commit, present),
        }
    }

    /// Versions of generated files that can be had again: those of the draft, of the work tree's last commit, of the
    /// branch, which a person may just have checked out, and of what git is in the middle of. No tree is listed twice, and
    /// `new` was.
    fn known_files(&self, new: Option<Oid>, generated: Generated<'_>) -> Result<Known, HistoryError> {
        let trees = [
            self.draft()?.map(|draft| draft.tree),
            self.reference(WORKTREE_REF)?.map(|commit| self.tree_of(commit)).transpose()?,
            self.head()?.map(|commit| self.tree_of(commit)).transpose()?,
        ];
        let (merged, unmerged) = self.half_done(generated);
        let (mut versions, mut listed) = (vec![merged], vec![new]);
        for tree in trees {
            if !listed.contains(&tree) {
                versions.push(self.generated_files(tree, generated)?);
                listed.push(tree);
            }
        }
        Ok(Known { versions, unmerged })
    }

    fn generated_files(&self, tree: Option<Oid>, generated: Generated<'_>) -> Result<Files, HistoryError> {
        let Some(tree) = tree else { return Ok(Files::new()) };
        let files = self.tree_files(tree)?.into_iter();
        Ok(files.filter(|(path, _)| generated(path)).map(|(path, entry)| (path, entry.oid)).collect())
    }
}

fn git_mode(kind: Kind) -> u32 {
    u32::from_str_radix(kind.mode(), 8).unwrap_or_default()
}

/// An index entry without file times: git compares the file itself when it next looks.
fn unread(path: Vec<u8>, id: Oid, mode: u32) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: u16::try_from(path.len().min(0xfff)).unwrap_or_default(),
        flags_extended: 0,
        path,
    }
}
