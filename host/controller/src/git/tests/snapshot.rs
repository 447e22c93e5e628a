use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use super::{super::*, Fixture, git, run, told};

fn nix(home: &Path, arguments: &[&str]) -> String {
    let config = "experimental-features = nix-command flakes\nbuild-users-group =";
    run(Command::new("nix").args(arguments).env("HOME", home).env("NIX_CONFIG", config))
}

fn odd_tree(fixture: &Fixture) {
    for (path, text) in [
        ("flake.nix", "{ outputs = _: { }; }"),
        ("empty", ""),
        // git sorts the folder `a` behind `a.b` and `a-b`, NAR before them.
        ("a/deep/er/file", "x"),
        ("a.b", "12345678"),
        ("a-b", "1234567"),
        ("a0", "123456789"),
        ("with space ü 日本", "odd"),
        ("-dash", "odd"),
        ("run.sh", "#!/bin/sh\n"),
    ] {
        fixture.write(path, text);
    }
    let script = fixture.repository().join("run.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a/deep", fixture.repository().join("link")).unwrap();
    symlink("/etc/passwd", fixture.repository().join("a/outside")).unwrap();
}

#[test]
fn the_nar_hash_is_what_nix_computes() {
    let fixture = Fixture::new();
    odd_tree(&fixture);
    let revision = fixture.commit();
    let hash = fixture.fetch("").unwrap().snapshot.nar_hash().unwrap().to_string();

    let checkout = fixture.folder.path().join("checkout");
    std::fs::create_dir(&checkout).unwrap();
    let archive = fixture.folder.path().join("x.tar");
    git(&fixture.repository(), &["archive", "--output", archive.to_str().unwrap(), "HEAD"]);
    run(Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(&checkout));
    let home = fixture.folder.path();
    assert_eq!(nix(home, &["hash", "path", "--sri", checkout.to_str().unwrap()]), hash);

    let flake = fixture.url(&format!("?ref=main&rev={revision}")).to_string();
    let metadata: serde_json::Value =
        serde_json::from_str(&nix(home, &["flake", "metadata", "--json", &flake])).unwrap();
    assert_eq!(metadata["locked"]["narHash"], hash);
    assert_eq!(metadata["locked"]["url"], fixture.url("").fetch_url());
    assert_eq!(metadata["lastModified"], fixture.fetch("").unwrap().snapshot.last_modified());
}

#[test]
fn what_is_unpacked_is_what_git_has() {
    let fixture = Fixture::new();
    odd_tree(&fixture);
    fixture.write(".gitattributes", "empty export-ignore\na.b text eol=crlf\na0 export-subst\n");
    fixture.write("a0", "$Format:%H$");
    fixture.commit();
    let snapshot = fixture.fetch("").unwrap().snapshot;
    let folder = fixture.folder.path().join("unpacked");
    let hash = snapshot.unpack(&folder).unwrap();
    assert_eq!(hash, snapshot.nar_hash().unwrap());
    assert_eq!(hash, folder_hash(&folder, TreeLimits::default()).unwrap());
    let home = fixture.folder.path();
    assert_eq!(nix(home, &["hash", "path", "--sri", folder.to_str().unwrap()]), hash.to_string());
    assert_eq!(std::fs::read(folder.join("a0")).unwrap(), b"$Format:%H$");
    assert_eq!(std::fs::read_link(folder.join("a/outside")).unwrap(), Path::new("/etc/passwd"));
    // Never into something that is there.
    assert!(matches!(snapshot.unpack(&folder), Err(TreeError::Write { .. })));
    let few = TreeLimits { entries: 3, ..TreeLimits::default() };
    assert_eq!(folder_hash(&folder, few).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
    let socket = std::os::unix::net::UnixListener::bind(folder.join("socket"));
    assert!(socket.is_ok() && folder_hash(&folder, TreeLimits::default()).is_err());
}

#[test]
fn files_are_read_from_the_tree_and_links_never_followed() {
    let fixture = Fixture::new();
    odd_tree(&fixture);
    fixture.commit();
    let snapshot = fixture.fetch("").unwrap().snapshot;
    assert_eq!(snapshot.read("a/deep/er/file", 1).unwrap().unwrap(), b"x");
    assert_eq!(snapshot.read("empty", 0).unwrap().unwrap(), b"");
    assert_eq!(snapshot.read("nothing", 1).unwrap(), None);
    assert_eq!(snapshot.read("empty/below", 1).unwrap(), None);
    assert_eq!(snapshot.kind("run.sh").unwrap(), Some(Kind::Executable));
    assert_eq!(snapshot.kind("link").unwrap(), Some(Kind::Symlink));
    assert_eq!(snapshot.list("a").unwrap().unwrap().len(), 2);
    assert_eq!(snapshot.list("").unwrap().unwrap().len(), 10);
    assert_eq!(snapshot.files().unwrap()["a/outside"].kind, Kind::Symlink);

    assert!(matches!(snapshot.read("a.b", 7), Err(TreeError::FileTooLarge { size: 8, limit: 7, .. })));
    assert!(matches!(snapshot.read("link", 99), Err(TreeError::Symlink { .. })));
    assert!(matches!(snapshot.read("link/er/file", 99), Err(TreeError::Symlink { .. })));
    assert!(matches!(snapshot.read("a/outside", 99), Err(TreeError::Symlink { .. })));
    assert!(matches!(snapshot.read("a", 99), Err(TreeError::NotAFile { .. })));
    for path in ["../x", "/etc/passwd", "a/../a.b", "a//b", "", ".git/config", "a\0b"] {
        assert!(matches!(snapshot.read(path, 99), Err(TreeError::Path(_))), "{path:?}");
    }
}

/// A commit of a tree that `git mktree` writes from these lines.
fn commit_tree(fixture: &Fixture, lines: &[u8]) -> git2::Oid {
    let repository = git2::Repository::open(fixture.repository()).unwrap();
    let tree = repository.odb().unwrap().write(git2::ObjectType::Tree, lines).unwrap();
    let text = format!("tree {tree}\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nx\n");
    let commit = repository.odb().unwrap().write(git2::ObjectType::Commit, text.as_bytes()).unwrap();
    repository.reference("refs/heads/main", commit, true, "x").unwrap();
    tree
}

fn entry(mode: &str, name: &[u8], oid: git2::Oid) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", oid.as_bytes()].concat()
}

#[test]
fn hostile_trees_are_refused_in_words() {
    let fixture = Fixture::new();
    let repository = git2::Repository::open(fixture.repository()).unwrap();
    let blob = repository.blob(b"x").unwrap();
    let refused = |lines: &[u8], words: &str| {
        let fixture = Fixture::new();
        git2::Repository::open(fixture.repository()).unwrap().blob(b"x").unwrap();
        commit_tree(&fixture, lines);
        match fixture.fetch("") {
            Ok(fetched) => {
                let text = told(&fetched.snapshot.nar_hash().unwrap_err());
                assert!(text.contains(words), "{text}");
            }
            // libgit2 refuses some of them itself.
            Err(error) => {
                let text = told(&error);
                assert!(matches!(error.kind, FetchErrorKind::Git(_)) || text.contains(words), "{text}");
            }
        }
    };
    refused(&entry("100644", b"a\xffb", blob), "not usable");
    refused(&entry("100644", b".git", blob), "not usable");
    refused(&entry("100644", b"..", blob), "not usable");
    refused(&entry("100644", b"a/b", blob), "not usable");
    refused(&[entry("100644", b"a", blob), entry("100644", b"a", blob)].concat(), "twice");
    refused(&entry("160000", b"sub", git2::Oid::from_bytes(&[7; 20]).unwrap()), "submodule");
}

#[test]
fn a_small_tree_that_unfolds_without_end_meets_a_limit() {
    let fixture = Fixture::new();
    let repository = git2::Repository::open(fixture.repository()).unwrap();
    let blob = repository.blob(b"x").unwrap();
    let odb = repository.odb().unwrap();
    let mut tree = odb.write(git2::ObjectType::Tree, &entry("100644", b"f", blob)).unwrap();
    for _ in 0..20 {
        let lines: Vec<u8> = (0..10u8).flat_map(|n| entry("40000", &[b'a' + n], tree)).collect();
        tree = odb.write(git2::ObjectType::Tree, &lines).unwrap();
    }
    commit_tree(&fixture, &entry("40000", b"bomb", tree));
    let text = told(&fixture.fetch("").unwrap_err());
    assert!(text.contains("the number of files and folders") && text.contains("200000"), "{text}");

    let mut tree = odb.write(git2::ObjectType::Tree, &entry("100644", b"f", blob)).unwrap();
    for _ in 0..100 {
        tree = odb.write(git2::ObjectType::Tree, &entry("40000", b"d", tree)).unwrap();
    }
    commit_tree(&fixture, &entry("40000", b"deep", tree));
    let text = told(&fixture.fetch("").unwrap_err());
    assert!(text.contains("the depth of folders"), "{text}");
}

#[test]
fn attributes_of_the_repository_do_not_change_what_is_read() {
    let fixture = Fixture::new();
    fixture.write(".gitattributes", "a export-subst text eol=crlf\n");
    fixture.write("a", "$Format:%H$\n");
    fixture.commit();
    let snapshot = fixture.fetch("").unwrap().snapshot;
    assert_eq!(snapshot.read("a", 99).unwrap().unwrap(), b"$Format:%H$\n");
}
