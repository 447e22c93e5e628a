use std::{collections::BTreeMap, os::unix::fs::symlink, path::Path, process::Command, time::Duration};

use super::{super::*, git, told};

fn generated(path: &str) -> bool {
    path == "flake.nix" || path.starts_with("hosts/") || path.starts_with("tags/")
}

fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, Content> {
    pairs.iter().map(|(path, text)| ((*path).to_owned(), Content::File(text.as_bytes().into()))).collect()
}

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ProjectRepository::init(folder.path()).unwrap();
        Self { folder }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn open(&self) -> ProjectRepository {
        ProjectRepository::open(self.root()).unwrap()
    }

    fn generate(&self, pairs: &[(&str, &str)]) -> Result<Applied, ApplyError> {
        let repository = self.open();
        let lock = repository.lock()?;
        let tree = repository.write_tree(&lock, None, &files(pairs)).map_err(HistoryError::from)?;
        let expected = repository.draft()?.map(|draft| draft.commit);
        repository.apply(&lock, tree, "generate", expected, &generated)
    }

    fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root().join(path)).ok()
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn trees_are_the_ones_that_git_writes() {
    let project = Project::new();
    let (repository, lock) = (project.open(), project.open().lock().unwrap());
    for (path, text) in [("a/b/c", "1"), ("a.b", "2"), ("a-b", "3"), ("a/b.c", "4"), ("z ü", "")] {
        project.put(path, text);
    }
    git(project.root(), &["add", "--all"]);
    let expected = git(project.root(), &["write-tree"]);
    let written = files(&[("a/b/c", "1"), ("a.b", "2"), ("a-b", "3"), ("a/b.c", "4"), ("z ü", "")]);
    let tree = repository.write_tree(&lock, None, &written).unwrap();
    assert_eq!(tree.to_string(), expected);

    let change = |path: &str, text: Option<&str>| {
        BTreeMap::from([(path.to_owned(), text.map(|text| Content::File(text.as_bytes().into())))])
    };
    let edited = repository.edit_tree(&lock, Some(tree), &change("a/b/c", Some("new"))).unwrap();
    assert_eq!(repository.read(edited, "a/b/c", 10).unwrap().unwrap(), b"new");
    assert_eq!(repository.edit_tree(&lock, Some(edited), &change("a/b/c", Some("1"))).unwrap(), tree);
    // The last file takes its folder along; a file is no folder of what is removed below it.
    let removed = repository.edit_tree(&lock, Some(tree), &change("a/b/c", None)).unwrap();
    assert!(!repository.tree_files(removed).unwrap().contains_key("a/b/c"));
    assert_eq!(repository.edit_tree(&lock, Some(tree), &change("a.b/x", None)).unwrap(), tree);
    let replaced = repository.edit_tree(&lock, Some(tree), &change("a.b/x", Some("1"))).unwrap();
    assert_eq!(repository.read(replaced, "a.b/x", 10).unwrap().unwrap(), b"1");
    // A tree that is like it makes no difference.
    let fewer = files(&[("a/b/c", "1"), ("a.b", "2"), ("new/x", "5")]);
    let expected = repository.tree_id(None, &fewer).unwrap();
    assert_eq!(repository.tree_id(Some(replaced), &fewer).unwrap(), expected);
    assert_eq!(repository.write_tree(&lock, Some(replaced), &fewer).unwrap(), expected);
    assert!(repository.tree_files(expected).unwrap().keys().eq(fewer.keys()));
    git(project.root(), &["fsck", "--strict"]);

    let clash = files(&[("a", "1"), ("a/b", "2")]);
    assert!(matches!(repository.write_tree(&lock, None, &clash), Err(WriteError::Clash { .. })));
    for path in ["../x", "/x", ".git/hooks/post-commit", "a/.git", "a//b", ""] {
        assert!(
            matches!(repository.write_tree(&lock, None, &files(&[(path, "")])), Err(WriteError::Path(_))),
            "{path}"
        );
    }
}

#[test]
fn ten_thousand_files_become_one_pack() {
    let project = Project::new();
    let repository = project.open();
    let lock = repository.lock().unwrap();
    let texts = (0..10_000).map(|n| {
        (format!("hosts/h{n}.nix"), Content::File(format!("{{ n = {n}; }}\n").repeat(40).into_bytes().into()))
    });
    let tree = repository.write_tree(&lock, None, &texts.collect()).unwrap();
    let objects = git(project.root(), &["count-objects", "-v"]);
    assert!(
        objects.contains("count: 0\n") && objects.contains("in-pack: 10002") && objects.contains("packs: 1\n"),
        "{objects}"
    );
    git(project.root(), &["fsck", "--strict"]);

    // One change touches its folders only, and writes no second pack.
    let change = BTreeMap::from([("hosts/h5.nix".to_owned(), Some(Content::File(b"{ }".as_slice().into())))]);
    repository.edit_tree(&lock, Some(tree), &change).unwrap();
    let objects = git(project.root(), &["count-objects", "-v"]);
    assert!(objects.contains("count: 3\n") && objects.contains("packs: 1\n"), "{objects}");

    repository.apply(&lock, tree, "generate", None, &generated).unwrap();
    let draft = repository.draft().unwrap().map(|draft| draft.commit);
    let again = repository.apply(&lock, tree, "generate", draft, &generated).unwrap();
    assert!(!again.new_draft && again.written.is_empty());
}

#[test]
fn generating_writes_what_changed_and_twice_changes_nothing() {
    let project = Project::new();
    project.put("state/project.json", "{}");
    project.put("hosts/README", "mine");
    let first = project
        .generate(&[("flake.nix", "{ }"), ("hosts/a.nix", "1"), ("tags/x/y.nix", "2"), ("state/project.json", "{}")])
        .unwrap();
    assert_eq!(first.written, ["flake.nix", "hosts/a.nix", "tags/x/y.nix"]);
    assert!(first.new_draft);
    let modified = |path: &str| std::fs::metadata(project.root().join(path)).unwrap().modified().unwrap();
    let before = modified("flake.nix");

    let again = project
        .generate(&[("flake.nix", "{ }"), ("hosts/a.nix", "1"), ("tags/x/y.nix", "2"), ("state/project.json", "{}")])
        .unwrap();
    assert_eq!(again, Applied { new_draft: false, written: vec![], removed: vec![], ..first.clone() });

    let next = project
        .generate(&[("flake.nix", "{ }"), ("hosts/b.nix", "1"), ("state/project.json", "{ \"new\": 1 }")])
        .unwrap();
    assert_eq!(
        (next.written, next.removed),
        (vec!["hosts/b.nix".to_owned()], vec!["hosts/a.nix".to_owned(), "tags/x/y.nix".to_owned()])
    );
    assert_eq!(modified("flake.nix"), before);
    // Emptied folders go, other people's files stay, what isn't generated is never written.
    assert!(!project.root().join("tags").exists());
    assert_eq!(project.text("hosts/README").as_deref(), Some("mine"));
    assert_eq!(project.text("state/project.json").as_deref(), Some("{}"));
    assert_eq!(git(project.root(), &["rev-list", "--count", DRAFT_REF]), "2");
}

#[test]
fn foreign_edits_stop_everything_before_anything_is_written() {
    let project = Project::new();
    project.generate(&[("flake.nix", "1"), ("hosts/a.nix", "1"), ("hosts/b.nix", "1"), ("hosts/c.nix", "1")]).unwrap();
    project.put("hosts/a.nix", "my own");
    project.put("hosts/new.nix", "my own");
    project.put("hosts/c.nix", "my own");
    let draft = project.open().draft().unwrap();
    let error = project
        .generate(&[("flake.nix", "2"), ("hosts/a.nix", "2"), ("hosts/b.nix", "2"), ("hosts/new.nix", "2")])
        .unwrap_err();
    let ApplyError::Worktree(WorktreeError::Foreign(foreign)) = &error else { panic!("{error}") };
    let paths: Vec<_> = foreign.iter().map(|foreign| foreign.path.as_str()).collect();
    assert_eq!(paths, ["hosts/a.nix", "hosts/c.nix", "hosts/new.nix"]);
    assert!(error.to_string().contains("`hosts/new.nix` was edited by hand"), "{error}");
    assert_eq!(project.open().draft().unwrap(), draft);
    assert_eq!(project.text("flake.nix").as_deref(), Some("1"));
    assert_eq!(project.text("hosts/c.nix").as_deref(), Some("my own"));

    // The way out that the message names.
    for path in ["hosts/a.nix", "hosts/c.nix", "hosts/new.nix"] {
        std::fs::remove_file(project.root().join(path)).unwrap();
    }
    project.generate(&[("flake.nix", "2"), ("hosts/a.nix", "2"), ("hosts/new.nix", "2")]).unwrap();
    assert_eq!(project.text("hosts/a.nix").as_deref(), Some("2"));
    assert!(project.text("hosts/b.nix").is_none());
    // An edit is seen even where nothing else changes.
    project.put("flake.nix", "mine");
    assert!(project.generate(&[("flake.nix", "2"), ("hosts/a.nix", "2"), ("hosts/new.nix", "2")]).is_err());
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let outside = tempfile::tempdir().unwrap();
    let project = Project::new();
    symlink(outside.path(), project.root().join("hosts")).unwrap();
    let error = project.generate(&[("hosts/a.nix", "1")]).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    std::fs::remove_file(project.root().join("hosts")).unwrap();

    std::fs::write(outside.path().join("x"), "x").unwrap();
    symlink(outside.path().join("x"), project.root().join("flake.nix")).unwrap();
    assert!(project.generate(&[("flake.nix", "1")]).is_err());
    assert_eq!(std::fs::read_to_string(outside.path().join("x")).unwrap(), "x");
    std::fs::remove_file(project.root().join("flake.nix")).unwrap();

    std::fs::write(project.root().join("hosts"), "a file").unwrap();
    let error = project.generate(&[("hosts/a.nix", "1")]).unwrap_err();
    assert!(error.to_string().contains("in the way"), "{error}");
    std::fs::remove_file(project.root().join("hosts")).unwrap();
    std::fs::create_dir_all(project.root().join("flake.nix/x")).unwrap();
    assert!(project.generate(&[("flake.nix", "1")]).is_err());
    assert!(project.open().draft().unwrap().is_none());
}

#[test]
fn an_interrupted_generation_is_finished_by_the_next_command() {
    let project = Project::new();
    project.generate(&[("hosts/a.nix", "1"), ("hosts/b.nix", "1"), ("hosts/gone.nix", "1")]).unwrap();
    // Killed behind the commit point with half of the files in place, another one staged, and a ref's lock left.
    let repository = project.open();
    let lock = repository.lock().unwrap();
    let tree = repository.write_tree(&lock, None, &files(&[("hosts/a.nix", "2"), ("hosts/b.nix", "2")])).unwrap();
    let before = repository.draft().unwrap().map(|draft| draft.commit);
    repository.publish_draft(&lock, tree, "generate", before).unwrap();
    project.put("hosts/a.nix", "2");
    project.put(".git/thymis/unfinished/0", "half");
    project.put(".git/refs/thymis/worktree.lock", "");
    drop(lock);

    // The next generation has yet other files: the half-done ones are not taken for foreign.
    let applied = project.generate(&[("hosts/a.nix", "3"), ("hosts/b.nix", "3")]).unwrap();
    assert_eq!(applied.written, ["hosts/a.nix", "hosts/b.nix"]);
    assert_eq!(project.text("hosts/b.nix").as_deref(), Some("3"));
    assert!(project.text("hosts/gone.nix").is_none());
    let lock = repository.lock().unwrap();
    assert_eq!(repository.recover(&lock, &generated).unwrap(), None);
    assert_eq!(repository.reference(WORKTREE_REF).unwrap(), Some(applied.draft.commit));
}

#[test]
fn what_git_brought_stays_where_an_interrupted_change_is_about_something_else() {
    let project = Project::new();
    let before = project.generate(&[("flake.nix", "1"), ("hosts/a.nix", "1"), ("hosts/b.nix", "1")]).unwrap().draft;
    project.put("hosts/a.nix", "pulled");
    std::fs::remove_file(project.root().join("hosts/b.nix")).unwrap();
    git(project.root(), &["add", "--all"]);
    git(project.root(), &["commit", "--quiet", "--message=pulled"]);
    let repository = project.open();
    let lock = repository.lock().unwrap();
    let change = BTreeMap::from([("flake.nix".to_owned(), Some(Content::File(b"2".as_slice().into())))]);
    let tree = repository.edit_tree(&lock, Some(before.tree), &change).unwrap();
    repository.publish_draft(&lock, tree, "inputs", Some(before.commit)).unwrap();
    let recovered = repository.recover(&lock, &generated).unwrap().unwrap();
    assert_eq!((recovered.written, recovered.removed), (vec!["flake.nix".to_owned()], vec![]));
    assert_eq!(project.text("hosts/a.nix").as_deref(), Some("pulled"));
    assert!(project.text("hosts/b.nix").is_none());
}

#[test]
fn edits_are_noticed_by_who_has_read_the_file_before() {
    let project = Project::new();
    let repository = project.open();
    let lock = repository.lock().unwrap();
    let tree = repository.write_tree(&lock, None, &files(&[("hosts/a.nix", "1"), ("hosts/b.nix", "1")])).unwrap();
    let draft = repository.apply(&lock, tree, "generate", None, &generated).unwrap().draft.commit;
    // Until their times are old enough, files are read each time.
    std::thread::sleep(Duration::from_secs(4));
    let again = || repository.apply(&lock, tree, "generate", Some(draft), &generated);
    assert!(again().unwrap().written.is_empty());
    let path = project.root().join("hosts/a.nix");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    project.put("hosts/a.nix", "2");
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
    let Err(ApplyError::Worktree(WorktreeError::Foreign(foreign))) = again() else { panic!("it wasn't noticed") };
    assert_eq!(foreign, [Foreign { path: "hosts/a.nix".to_owned(), kind: ForeignKind::Edited }]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again().unwrap().written, ["hosts/a.nix"]);
}

/// The process that [`killed_at_any_moment`] kills; without its variable it does nothing.
#[test]
fn child_that_generates() {
    let Some(root) = std::env::var_os("THYMIS_TEST_PROJECT") else { return };
    let repository = ProjectRepository::open(Path::new(&root)).unwrap();
    for round in 0.. {
        let lock = repository.lock().unwrap();
        let text = format!("{} {round}", std::process::id());
        let files = (0..200).map(|n| (format!("hosts/h{n}.nix"), Content::File(text.clone().into_bytes().into())));
        let files = files.filter(|(path, _)| round % 3 != 0 || !path.ends_with("7.nix")).collect();
        let tree = repository.write_tree(&lock, None, &files).unwrap();
        let expected = repository.draft().unwrap().map(|draft| draft.commit);
        repository.apply(&lock, tree, "generate", expected, &generated).unwrap();
    }
}

#[test]
fn killed_at_any_moment() {
    let project = Project::new();
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "git::tests::project::child_that_generates"])
            .env("THYMIS_TEST_PROJECT", project.root())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + round * 13));
        assert!(child.try_wait().unwrap().is_none(), "the child failed");
        child.kill().unwrap();
        child.wait().unwrap();

        let repository = project.open();
        let lock = repository.lock().unwrap();
        repository.recover(&lock, &generated).unwrap();
        let Some(draft) = repository.draft().unwrap() else { continue };
        let tree = repository.tree_files(draft.tree).unwrap();
        assert_eq!(std::fs::read_dir(project.root().join("hosts")).unwrap().count(), tree.len());
        let texts: std::collections::BTreeSet<_> = tree.keys().map(|path| project.text(path).unwrap()).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
    }
    git(project.root(), &["fsck", "--strict"]);
    assert_ne!(git(project.root(), &["rev-list", "--count", DRAFT_REF]), "0");
}

#[test]
fn of_two_generations_the_second_is_told_that_it_lost() {
    let project = Project::new();
    let (one, two) = (project.open(), project.open());
    let base = project.generate(&[("flake.nix", "1")]).unwrap().draft.commit;
    let write = |repository: &ProjectRepository, text: &str| {
        let lock = repository.lock().unwrap();
        let tree = repository.write_tree(&lock, None, &files(&[("flake.nix", text)])).unwrap();
        repository.apply(&lock, tree, "generate", Some(base), &generated)
    };
    let won = write(&one, "one").unwrap();
    let error = write(&two, "two").unwrap_err();
    assert!(matches!(error, ApplyError::History(HistoryError::Moved { .. })), "{error}");
    assert!(error.to_string().contains(&won.draft.commit.to_string()), "{error}");
    assert_eq!(project.text("flake.nix").as_deref(), Some("one"));

    let lock = one.lock().unwrap();
    let moved = one.update_ref(&lock, DRAFT_REF, base, Some(base)).unwrap_err();
    assert!(matches!(moved, HistoryError::Moved { .. }));
    assert!(matches!(one.update_ref(&lock, DRAFT_REF, base, None), Err(HistoryError::Moved { .. })));
    assert!(matches!(one.update_ref(&lock, "refs/thymis/x", base, Some(base)), Err(HistoryError::Moved { .. })));
}

#[test]
fn a_commit_takes_the_draft_and_leaves_what_is_not_ours() {
    let project = Project::new();
    let ours = |path: &str| generated(path) || path.starts_with("state/");
    let author = Author::new("Ada", "ada@example.org").unwrap();
    project.put("state/a.json", "{}");
    let tree = [("flake.nix", "1"), ("hosts/a.nix", "1"), ("state/a.json", "{}")];
    let commit = |message: &str| {
        let repository = project.open();
        let lock = repository.lock().unwrap();
        let tree = repository.draft()?.ok_or(HistoryError::NoDraft)?.tree;
        repository.commit_tree(&lock, tree, message, &author, &ours)
    };
    project.generate(&tree).unwrap();
    let first = commit("first").unwrap().unwrap();
    assert_eq!(git(project.root(), &["rev-parse", "main"]), first.to_string());
    assert_eq!(git(project.root(), &["status", "--porcelain"]), "");
    assert_eq!(git(project.root(), &["log", "-1", "--format=%an <%ae> %s"]), "Ada <ada@example.org> first");
    assert_eq!(commit("again").unwrap(), None);

    // A person's own commit and staged file stay as they are.
    project.put("README.md", "hello");
    git(project.root(), &["add", "README.md"]);
    git(project.root(), &["commit", "--quiet", "--message=readme"]);
    project.put("notes", "staged");
    git(project.root(), &["add", "notes"]);
    project.generate(&[("flake.nix", "1"), ("hosts/b.nix", "2"), ("state/a.json", "{}")]).unwrap();
    commit("second").unwrap().unwrap();
    assert_eq!(git(project.root(), &["status", "--porcelain"]), "A  notes");
    assert_eq!(
        git(project.root(), &["ls-tree", "-r", "--name-only", "HEAD"]),
        "README.md\nflake.nix\nhosts/b.nix\nstate/a.json"
    );
    git(project.root(), &["fsck", "--strict"]);

    // Another branch's generated files are no foreign edits.
    git(project.root(), &["reset", "--quiet", "--hard", &first.to_string()]);
    project.generate(&[("flake.nix", "3"), ("state/a.json", "{}")]).unwrap();
    assert!(project.text("hosts/a.nix").is_none());

    git(project.root(), &["checkout", "--quiet", "--detach"]);
    assert!(matches!(commit("x"), Err(HistoryError::Detached)));
    assert!(
        Author::new("a\nparent 0", "x").is_err() && Author::new("a", "<").is_err() && Author::new(" ", "x").is_err()
    );
}

#[test]
fn what_is_no_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = ProjectRepository::open(folder.path()).unwrap_err();
    assert!(matches!(error, HistoryError::NotAProject { .. }), "{}", told(&error));
    git(folder.path(), &["init", "--quiet", "--bare", "bare"]);
    assert!(matches!(ProjectRepository::open(&folder.path().join("bare")), Err(HistoryError::NotAProject { .. })));
    ProjectRepository::init(&folder.path().join("x/y")).unwrap();
    // Not the repository of a folder above.
    std::fs::create_dir(folder.path().join("x/y/z")).unwrap();
    assert!(ProjectRepository::open(&folder.path().join("x/y/z")).is_err());
    let error = ProjectRepository::init(&folder.path().join("x/y")).unwrap_err();
    assert!(matches!(error, HistoryError::Exists { .. }), "{}", told(&error));
}

/// A file system with a fixed size needs the right to mount; `unshare` gives it where it is allowed.
#[test]
fn a_full_disk_changes_nothing() {
    let Some(root) = std::env::var_os("THYMIS_TEST_FULL_DISK") else {
        let folder = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=1m none \"$1\" && shift && exec \"$@\"";
        let status = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "git::tests::project::a_full_disk_changes_nothing"])
            .env("THYMIS_TEST_FULL_DISK", folder.path())
            .stdout(std::process::Stdio::null())
            .status();
        match status.map(|status| status.code()) {
            Ok(Some(0)) => {}
            Ok(Some(101)) => panic!("it failed on the small disk"),
            other => println!("not run: no right to mount ({other:?})"),
        }
        return;
    };
    let root = Path::new(&root);
    let repository = ProjectRepository::init(root).unwrap();
    let lock = repository.lock().unwrap();
    let tree = repository.write_tree(&lock, None, &files(&[("flake.nix", "1")])).unwrap();
    let first = repository.apply(&lock, tree, "generate", None, &generated).unwrap().draft;
    // Compresses well in git, not in the work tree.
    let large = "x".repeat(700_000);
    let tree = repository
        .write_tree(&lock, None, &files(&[("flake.nix", "2"), ("hosts/a", &large), ("hosts/b", &large)]))
        .unwrap();
    let error = repository.apply(&lock, tree, "generate", Some(first.commit), &generated).unwrap_err();
    assert!(matches!(error, ApplyError::Worktree(WorktreeError::Full { .. })), "{error}");
    assert_eq!(repository.draft().unwrap(), Some(first));
    assert_eq!(std::fs::read_to_string(root.join("flake.nix")).unwrap(), "1");
    assert!(!root.join("hosts").exists());
    drop(lock);
    // Git's own objects meet it too.
    let lock = repository.lock().unwrap();
    let noise: String = (0..150_000u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let error = repository.write_tree(&lock, None, &files(&[("flake.nix", &noise)])).unwrap_err();
    assert!(told(&error).to_lowercase().contains("space"), "{}", told(&error));
}
