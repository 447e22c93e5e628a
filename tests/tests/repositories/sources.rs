//! What a repository on this machine says about itself is not obeyed.

use std::{
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use thymis_tests::{git, repository::SOMEBODY, skipped};

use super::*;

#[test]
fn files_of_a_repository_that_never_end() {
    let mut attacks = Attacks::new();
    for file in ["HEAD", "refs/heads/main", "packed-refs", "config", "objects/info/alternates", "shallow"] {
        for device in ["/dev/zero", "pipe"] {
            let repository = with(|_| vec![]);
            let path = repository.path().join(file);
            let _ = fs::remove_file(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if device == "pipe" {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            } else {
                symlink(device, &path).unwrap();
            }
            let what = format!("{file} is {device}");
            match device {
                "pipe" => attacks.refused_within(&["fetch_total_seconds=2"], &what, &repository.url(), ": "),
                _ => drop(attacks.either(&what, &repository.url())),
            }
        }
    }
    attacks.done();
}

#[test]
fn the_configuration_of_a_repository_runs_nothing() {
    let mut attacks = Attacks::new();
    let folder = tempfile::TempDir::new().unwrap();
    let ran = folder.path().join("ran");
    let touch = format!("touch {}", ran.display());
    let hook = format!("#!/bin/sh\n{touch}\n");
    let repository = with(|_| vec![]);
    repository.write("config", format!(
        "[core]\n\tbare = true\n\trepositoryformatversion = 0\n\tfsmonitor = {touch}\n\tsshCommand = {touch}\n\tgitProxy = {touch}\n\teditor = {touch}\n\tpager = {touch}\n\thooksPath = hooks\n\taskPass = {touch}\n\
         [uploadpack]\n\tpackObjectsHook = {touch}\n[credential]\n\thelper = !{touch}\n[remote \"origin\"]\n\turl = ext::{touch}\n\tuploadpack = {touch}\n[gpg]\n\tprogram = {touch}\n[alias]\n\tfetch = !{touch}\n\
         [url \"ext::{touch}\"]\n\tinsteadOf = file://\n[protocol]\n\tallow = always\n"
    ));
    for name in [
        "post-checkout",
        "post-merge",
        "pre-receive",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
    ] {
        repository.write(&format!("hooks/{name}"), &hook);
        assert!(
            Command::new("chmod").arg("+x").arg(repository.path().join("hooks").join(name)).status().unwrap().success()
        );
    }
    attacks.loads("a configuration that names programs", &repository.url(), MODULE);
    attacks.note("a configuration that names programs", !ran.exists(), "one of them ran");
    for (what, config) in [
        ("an unknown format", "[core]\n\trepositoryformatversion = 9\n"),
        ("an unknown extension", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tevil = true\n"),
        ("SHA-256", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"),
        ("text", "\x1b[2J]["),
        ("an inclusion of itself", "[include]\n\tpath = config\n"),
        ("an inclusion of a device", "[include]\n\tpath = /dev/zero\n"),
        ("an inclusion of a secret", "[include]\n\tpath = /etc/shadow\n"),
        ("a work tree elsewhere", "[core]\n\tbare = false\n\tworktree = /etc\n"),
    ] {
        let repository = with(|_| vec![]);
        repository.write("config", config);
        let said = attacks.either(&format!("a configuration of {what}"), &repository.url());
        attacks.note(what, !said.contains("root:"), &said);
    }
    attacks.done();
}

#[test]
fn a_repository_reads_no_other() {
    let mut attacks = Attacks::new();
    let private =
        RawRepository::with(|r| r.tree(&entry("100644", "flake.nix", r.blob("{ outputs = _: \"secret\"; }"))));
    let secret = Id::of("blob", b"{ outputs = _: \"secret\"; }");
    let objects = private.path().join("objects");
    for (what, file, text) in [
        ("alternates", "objects/info/alternates", format!("{}\n", objects.display())),
        ("http-alternates", "objects/info/http-alternates", format!("{}\n", objects.display())),
        ("relative alternates", "objects/info/alternates", format!("../../../../../../../..{}\n", objects.display())),
        ("a folder of its own", "commondir", format!("{}\n", private.path().display())),
    ] {
        let repository = RawRepository::with(|r| r.tree(&entry("100644", "flake.nix", secret)));
        repository.write(file, text);
        attacks.refused(what, &repository.url(), "");
    }
    let linked = RawRepository::with(|r| r.tree(&entry("100644", "flake.nix", secret)));
    let hex = secret.to_string();
    fs::create_dir_all(linked.path().join("objects").join(&hex[..2])).unwrap();
    symlink(objects.join(&hex[..2]).join(&hex[2..]), linked.path().join("objects").join(&hex[..2]).join(&hex[2..]))
        .unwrap();
    attacks.either("an object that is a link", &linked.url());
    let folder = tempfile::TempDir::new().unwrap();
    fs::write(folder.path().join(".git"), format!("gitdir: {}\n", private.path().display())).unwrap();
    attacks.either("a .git that leads elsewhere", &format!("git+file://{}", folder.path().display()));
    let own = with(|_| vec![]);
    own.write("objects/info/alternates", format!("{}\n", own.path().join("objects").display()));
    attacks.refused("alternates that are itself", &own.url(), "borrows the objects of another repository");
    let round = with(|_| vec![]);
    round.write("objects/info/alternates", format!("{}\n", "/nowhere\n".repeat(100_000)));
    attacks.refused("100,000 alternates", &round.url(), "borrows the objects of another repository");
    attacks.done();
}

#[test]
fn history_that_is_cut_or_replaced() {
    let mut attacks = Attacks::new();
    let repository = RawRepository::empty();
    let tree = modules(&repository, &[]);
    let lost = Id([7; 20]);
    let text = format!("tree {tree}\nparent {lost}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n");
    let commit = repository.commit_text(text);
    repository.reference("refs/heads/main", commit);
    repository.write("shallow", format!("{commit}\n"));
    attacks.either("a shallow repository", &repository.url());
    repository.write("shallow", "x\n");
    attacks.either("a broken list of cut commits", &repository.url());
    fs::remove_file(repository.path().join("shallow")).unwrap();
    repository.write("info/grafts", format!("{commit}\n"));
    attacks.either("grafts", &repository.url());

    let replaced = with(|_| vec![]);
    let real = git(replaced.path(), &["rev-parse", "main"]);
    let evil = replaced.tree(&entry("100644", "flake.nix", replaced.blob("{ evil = 1; }")));
    replaced.reference(&format!("refs/replace/{}", real.trim()), replaced.commit(evil));
    attacks.loads("a commit that is replaced", &replaced.url(), real.trim());
    attacks.done();
}

#[test]
fn a_repository_of_another_user() {
    let check = "a repository that belongs to somebody else";
    let repository = with(|_| vec![]);
    let given = Command::new("chown").args(["-R", "65534"]).arg(repository.path()).stderr(Stdio::null()).status();
    if !given.is_ok_and(|status| status.success()) {
        return skipped(check, "only root can give files away");
    }
    let mut attacks = Attacks::new();
    attacks.refused(check, &repository.url(), "belongs to another user");
    attacks.done();
}
