//! What fetches reads one repository and no other.

use std::{fs, os::unix::fs::symlink, path::Path};

use thymis_tests::{commit, git, skipped};

use crate::{Site, User};

const DIARY: &str = "SECRET-diary";

/// How a repository can use what another one has: of the first, which is made, and the second's git folder.
const WAYS: [fn(&Path, &Path); 4] = [
    |thief, private| {
        fs::create_dir_all(thief.join(".git/objects/info")).unwrap();
        let objects = private.join("objects");
        fs::write(thief.join(".git/objects/info/alternates"), format!("{}\n", objects.display())).unwrap();
    },
    |thief, private| {
        fs::remove_dir_all(thief.join(".git/objects")).unwrap();
        symlink(private.join("objects"), thief.join(".git/objects")).unwrap();
    },
    |thief, private| fs::write(thief.join(".git/commondir"), private.as_os_str().as_encoded_bytes()).unwrap(),
    |thief, private| {
        fs::remove_dir_all(thief.join(".git")).unwrap();
        fs::write(thief.join(".git"), format!("gitdir: {}\n", private.display())).unwrap();
    },
];

#[test]
fn a_repository_lends_no_objects_of_another() {
    let (site, user) = (Site::new(), User::new());
    user.keeps(&[DIARY]);
    let private = site.path().join("one");
    fs::write(private.join("diary"), DIARY).unwrap();
    let head = commit(&private);
    for (number, way) in WAYS.into_iter().enumerate() {
        // A repository that has nothing of its own but the name of the other's commit.
        let thief = site.path().join(format!("thief-{number}"));
        fs::create_dir(&thief).unwrap();
        git(&thief, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(thief.join(".git/refs/heads/main"), format!("{head}\n")).unwrap();
        way(&thief, &private.join(".git"));
        assert_eq!(git(&thief, &["show", "HEAD:diary"]), DIARY, "git itself lends them");

        let url = format!("git+file://{}", thief.display());
        let output = user.thymis(&["input", "test", &url, "--verbose"]);
        if output.stderr.contains("files aren't bounded") {
            return skipped("what fetching reads", "this system has no Landlock");
        }
        assert_eq!(output.code, 1, "{number}: {}", output.stdout);
        assert_eq!(user.thymis(&["input", "add", "thief", &url]).code, 1);
        user.assert_kept_secrets();
    }
    // What lies in its own folder may be read, also from a second work tree.
    git(&site.path().join("two"), &["worktree", "add", "--quiet", "../second"]);
    for name in ["two", "second"] {
        user.assert_loads(&format!("git+file://{}", site.path().join(name).display()));
    }
}
