//! The project's git repository: trees, commits, refs.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use git2::{Config, ErrorCode, ObjectType, Oid, Repository, RepositoryInitOptions, Signature, Time};
use thymis_core::untrusted;

use super::{
    copies::lock_file,
    error::{GitError, found},
    objects::{Content, Objects, WriteError, flush, flush_all, loose},
    tree::{Entry, Kind, TreeError, TreeLimits, TreeReader},
    worktree::Seen,
};

/// The newest generated commit. Moving it is the commit point of a generation.
pub const DRAFT_REF: &str = "refs/thymis/draft";
/// The generated commit to which the work tree was last brought, as far as that one changed it.
pub const WORKTREE_REF: &str = "refs/thymis/worktree";

/// How long another process that works on the project is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A project's repository, with a work tree. The user's and the system's git configuration play no part in it.
pub struct ProjectRepository {
    pub(super) repository: Repository,
    root: PathBuf,
    pub(super) seen: Mutex<Seen>,
}

impl std::fmt::Debug for ProjectRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectRepository").field("root", &self.root).finish_non_exhaustive()
    }
}

/// The right to write to one project; it ends when this is dropped, also by a kill.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
    scratch: PathBuf,
    /// Objects that may not be on the disk yet.
    unflushed: Mutex<Vec<PathBuf>>,
}

impl ProjectLock {
    /// A folder on the project's file system for what is not finished; empty when the lock was taken.
    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    fn later(&self, objects: Vec<PathBuf>) {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner).extend(objects);
    }

    fn flush(&self) -> Result<(), WriteError> {
        flush_all(&std::mem::take(&mut *self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    name: String,
    email: String,
}

impl Author {
    /// # Errors
    /// A name or address that is empty or holds `<`, `>` or control characters.
    pub fn new(name: &str, email: &str) -> Result<Self, HistoryError> {
        let plain = |text: &str| !text.trim().is_empty() && !text.chars().any(|c| c.is_control() || "<>".contains(c));
        if plain(name) && plain(email) {
            Ok(Self { name: name.to_owned(), email: email.to_owned() })
        } else {
            Err(HistoryError::Author { author: format!("{name} <{email}>") })
        }
    }

    /// The author of generated commits.
    #[must_use]
    pub fn thymis() -> Self {
        Self { name: "Thymis".to_owned(), email: "thymis@localhost".to_owned() }
    }

    fn signature(&self) -> Result<Signature<'static>, git2::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Signature::new(&self.name, &self.email, &Time::new(i64::try_from(now).unwrap_or_default(), 0))
    }
}

/// A commit of [`DRAFT_REF`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    pub commit: Oid,
    pub tree: Oid,
}

/// Why the repository of a project can't be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("{} is not a project: it has no git repository of its own; make one with `thymis init`", root.display())]
    NotAProject { root: PathBuf, source: Option<GitError> },
    #[error("{} is a git repository already: choose an empty folder", root.display())]
    Exists { root: PathBuf },
    #[error("the git repository of {} belongs to another user: change its owner, or run as the one who owns it", root.display())]
    Owner { root: PathBuf },
    #[error("another thymis has been working on this project for {} seconds: try again when it has finished", PATIENCE.as_secs())]
    Busy,
    #[error("`{name}` was moved by somebody else: expected {}, found {}; nothing was changed, start again", shown(.expected), shown(.found))]
    Moved { name: String, expected: Option<Oid>, found: Option<Oid> },
    #[error(
        "`{name}` is locked: another git is running; if none is, it was killed: remove `{name}.lock` in the git folder"
    )]
    Locked { name: String },
    #[error("git is in the middle of {what}, and a commit would come between: finish it with `{finish}`")]
    Unfinished { what: &'static str, finish: String },
    #[error("HEAD names a commit and no branch: switch to a branch with `git switch`, then try again")]
    Detached,
    #[error("`{}` can't be the author of a commit: give a name and an address without `<`, `>` and control characters", untrusted::short(.author))]
    Author { author: String },
    #[error("nothing was generated yet: run `thymis generate` first")]
    NoDraft,
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the project's git repository can't be used")]
    Git(#[from] GitError),
    #[error("{} can't be written: the project's folder must be writable, with room on its disk", path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn shown(oid: &Option<Oid>) -> String {
    oid.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string())
}

impl From<git2::Error> for HistoryError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.into())
    }
}

impl ProjectRepository {
    /// Makes a repository with the branch `main` in a folder, which is created if need be.
    ///
    /// # Errors
    /// A repository is there already, or the folder can't be written.
    pub fn init(root: &Path) -> Result<Self, HistoryError> {
        let mut options = RepositoryInitOptions::new();
        options.no_reinit(true).mkpath(true).external_template(false).initial_head("main");
        match Repository::init_opts(root, &options) {
            Ok(_) => Self::open(root),
            Err(error) if error.code() == ErrorCode::Exists => Err(HistoryError::Exists { root: root.to_owned() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the repository whose work tree is exactly `root`.
    ///
    /// # Errors
    /// No repository, a bare one, or somebody else's.
    pub fn open(root: &Path) -> Result<Self, HistoryError> {
        let absent = |source| HistoryError::NotAProject { root: root.to_owned(), source };
        let repository = match Repository::open(root) {
            Ok(repository) if repository.is_bare() => return Err(absent(None)),
            Ok(repository) => repository,
            Err(error) if error.code() == ErrorCode::Owner => {
                return Err(HistoryError::Owner { root: root.to_owned() });
            }
            Err(error) => return Err(absent(Some(error.into()))),
        };
        repository.set_config(&Config::open(&repository.commondir().join("config"))?)?;
        Ok(Self { repository, root: root.to_owned(), seen: Mutex::default() })
    }

    /// The folder of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Waits for the right to write. What a killed process left unfinished outside the work tree is removed.
    ///
    /// # Errors
    /// Another process holds it for 30 seconds, or the folder can't be written.
    pub fn lock(&self) -> Result<ProjectLock, HistoryError> {
        let own = self.repository.commondir().join("thymis");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| HistoryError::Io { path, source }
        };
        std::fs::create_dir_all(&own).map_err(io(&own))?;
        let path = own.join("lock");
        let file = lock_file(&path, PATIENCE).map_err(io(&path))?.ok_or(HistoryError::Busy)?;
        let scratch = own.join("unfinished");
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(&scratch)(error)),
            _ => {}
        }
        std::fs::create_dir(&scratch).map_err(io(&scratch))?;
        // Nobody but holders of this lock writes these refs.
        for name in [DRAFT_REF, WORKTREE_REF] {
            let _ = std::fs::remove_file(self.repository.commondir().join(format!("{name}.lock")));
        }
        Ok(ProjectLock { _file: file, scratch, unflushed: Mutex::default() })
    }

    /// Writes the tree with exactly these files; objects that exist are not written again. It is quicker with a tree that is
    /// much like it.
    ///
    /// # Errors
    /// A bad path, an unreadable `like`, or the disk.
    pub fn write_tree(
        &self,
        lock: &ProjectLock,
        like: Option<Oid>,
        files: &BTreeMap<String, Content>,
    ) -> Result<Oid, WriteError> {
        let mut objects = Objects::new(&self.repository)?;
        let tree = objects.replace(like, files)?;
        lock.later(objects.write(lock.scratch())?);
        Ok(tree)
    }

    /// Writes the tree `base` with changed paths (`None` removes one). Only folders with changes are touched.
    ///
    /// # Errors
    /// A bad path, an unreadable `base`, or the disk.
    pub fn edit_tree(
        &self,
        lock: &ProjectLock,
        base: Option<Oid>,
        changes: &BTreeMap<String, Option<Content>>,
    ) -> Result<Oid, WriteError> {
        let mut objects = Objects::new(&self.repository)?;
        let tree = objects.edit(base, changes)?;
        lock.later(objects.write(lock.scratch())?);
        Ok(tree)
    }

    /// What [`Self::write_tree`] would answer; writes nothing.
    ///
    /// # Errors
    /// A bad path, or an unreadable `like`.
    pub fn tree_id(&self, like: Option<Oid>, files: &BTreeMap<String, Content>) -> Result<Oid, WriteError> {
        Objects::new(&self.repository)?.replace(like, files)
    }

    /// Writes a commit that no ref names yet. Its time is now.
    ///
    /// # Errors
    /// An unknown tree or parent, or the disk.
    pub fn commit(
        &self,
        lock: &ProjectLock,
        tree: Oid,
        parents: &[Oid],
        message: &str,
        author: &Author,
    ) -> Result<Oid, HistoryError> {
        let signature = author.signature()?;
        let parents = parents.iter().map(|oid| self.repository.find_commit(*oid)).collect::<Result<Vec<_>, _>>()?;
        let parents: Vec<_> = parents.iter().collect();
        let tree = self.repository.find_tree(tree)?;
        let commit = self.repository.commit_create_buffer(&signature, &signature, message, &tree, &parents)?;
        // libgit2 would write it too, and say that it did where the disk is full.
        let commit = self.repository.odb()?.write(ObjectType::Commit, &commit).map_err(WriteError::from)?;
        lock.later(vec![loose(&self.repository, commit)]);
        Ok(commit)
    }

    /// Moves a ref from `expected` (`None`: it doesn't exist) to `new`, or changes nothing. What `new` consists of is on the
    /// disk before.
    ///
    /// # Errors
    /// [`HistoryError::Moved`] where it is not at `expected`.
    pub fn update_ref(
        &self,
        lock: &ProjectLock,
        name: &str,
        new: Oid,
        expected: Option<Oid>,
    ) -> Result<(), HistoryError> {
        lock.flush()?;
        let result = match expected {
            Some(expected) => self.repository.reference_matching(name, new, true, expected, "thymis"),
            None => self.repository.reference(name, new, false, "thymis"),
        };
        match result.map_err(|error| (error.code(), error)) {
            Ok(_) => {
                let path = self.repository.commondir().join(name);
                // The work tree's ref may be lost: the work tree is then compared again.
                if name != WORKTREE_REF && path.exists() { Ok(flush(&path)?) } else { Ok(()) }
            }
            Err((ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound, _)) => {
                Err(HistoryError::Moved { name: name.to_owned(), expected, found: self.reference(name)? })
            }
            Err((ErrorCode::Locked, _)) => Err(HistoryError::Locked { name: name.to_owned() }),
            Err((_, error)) => Err(error.into()),
        }
    }

    /// The commit that a ref names, if the ref exists.
    ///
    /// # Errors
    /// What git says.
    pub fn reference(&self, name: &str) -> Result<Option<Oid>, HistoryError> {
        Ok(found(self.repository.refname_to_id(name))?)
    }

    /// The newest generated commit.
    ///
    /// # Errors
    /// What git says.
    pub fn draft(&self) -> Result<Option<Draft>, HistoryError> {
        self.reference(DRAFT_REF)?.map(|commit| Ok(Draft { commit, tree: self.tree_of(commit)? })).transpose()
    }

    /// The commit of the branch that people work on; `None` before the first.
    ///
    /// # Errors
    /// What git says.
    pub fn head(&self) -> Result<Option<Oid>, HistoryError> {
        let head = found(self.repository.head().and_then(|head| head.peel_to_commit()))?;
        Ok(head.map(|commit| commit.id()))
    }

    /// The full name of the branch that a commit would move, also before its first.
    ///
    /// # Errors
    /// [`HistoryError::Unfinished`], [`HistoryError::Detached`].
    pub fn branch(&self) -> Result<String, HistoryError> {
        self.finished()?;
        let head = self.repository.find_reference("HEAD")?;
        Ok(head.symbolic_target()?.ok_or(HistoryError::Detached)?.to_owned())
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// An unknown commit.
    pub fn tree_of(&self, commit: Oid) -> Result<Oid, HistoryError> {
        Ok(self.repository.find_commit(commit)?.tree_id())
    }

    /// All files of a tree by path, with links and submodules, without folders.
    ///
    /// # Errors
    /// A name that is not usable, a limit, a missing object.
    pub fn tree_files(&self, tree: Oid) -> Result<BTreeMap<String, Entry>, TreeError> {
        self.reader()?.files(tree)
    }

    /// The bytes of a file of a tree, `None` where nothing stands there.
    ///
    /// # Errors
    /// A path that is none, something other than a file, more than `max_bytes`.
    pub fn read(&self, tree: Oid, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, TreeError> {
        let mut reader = self.reader()?;
        match reader.lookup(tree, path)? {
            None => Ok(None),
            Some(Entry { oid, kind: Kind::File | Kind::Executable }) => reader.blob(oid, path, max_bytes).map(Some),
            Some(Entry { kind, .. }) => Err(TreeError::NotAFile { path: path.to_owned(), kind }),
        }
    }

    pub(super) fn reader(&self) -> Result<TreeReader<'_>, TreeError> {
        self.reader_within(TreeLimits::default())
    }

    pub(super) fn reader_within(&self, limits: TreeLimits) -> Result<TreeReader<'_>, TreeError> {
        TreeReader::new(&self.repository, limits)
    }
}
