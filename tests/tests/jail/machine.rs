//! The machine around the program: hostile settings of git, programs of the names that it starts, and what is missing.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use thymis_tests::{Output, World, git};

use super::{
    case::{Case, harmless, refused},
    scenery::put,
    stage::Stage,
};

const FINE: &[Case] = &[harmless("nothing", "\"harmless\"", "\"harmless\"")];
const EVAL: [&str; 3] = ["eval", "of-nothing", "attack.value"];

#[test]
fn settings_of_a_repository_run_nothing() {
    let stage = Stage::new(FINE);
    stage.generate();
    let marker = stage.world.path().join("outside/marker");
    let script = program(&stage.world.path().join("script"), &marker);
    for repository in [stage.world.project(), stage.world.path().join("evil")] {
        for (name, value) in [
            ("core.fsmonitor", script.as_str()),
            ("core.sshCommand", &script),
            ("core.gitProxy", &script),
            ("core.editor", &script),
            ("core.pager", &script),
            ("core.askPass", &script),
            ("credential.helper", &script),
            ("diff.external", &script),
            ("filter.x.smudge", &script),
            ("filter.x.clean", &script),
            ("filter.x.process", &script),
            ("uploadpack.packObjectsHook", &script),
            ("gpg.program", &script),
            ("commit.gpgSign", "true"),
            ("core.hooksPath", stage.world.path().join("hooks").to_str().unwrap()),
            ("include.path", stage.world.path().join("outside/secret.txt").to_str().unwrap()),
            ("protocol.ext.allow", "always"),
        ] {
            git(&repository, &["config", "--add", name, value]);
        }
        put(&repository.join(".git/info/attributes"), "* filter=x diff=x\n");
        for hook in [
            "post-checkout",
            "pre-commit",
            "post-commit",
            "reference-transaction",
            "post-index-change",
            "fsmonitor-watchman",
        ] {
            program(&stage.world.path().join("hooks").join(hook), &marker);
            program(&repository.join(".git/hooks").join(hook), &marker);
        }
    }
    let mut wrong = Vec::new();
    stage.configure("other", "attack.value = inputs.evil.attacks.of-nothing;");
    for arguments in [
        &["generate"] as &[&str],
        &EVAL,
        &["commit", "--message", "x", "--author", "A <a@example.org>"],
        &["generate", "--check"],
        &["why", "other", "attack"],
        &["input", "update"],
        &["input", "show", "evil"],
        &["input", "lock"],
    ] {
        let output = stage.thymis(arguments);
        stage.plain(&output, |what| wrong.push(format!("{arguments:?}: {what}")));
        stage.untouched(&mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn programs_in_the_project_are_not_run() {
    let stage = Stage::new(FINE);
    stage.generate();
    let marker = stage.world.path().join("outside/marker");
    for name in ["nix", "nix-store", "bwrap", "git", "prlimit", "sh", "ssh", "thymis"] {
        program(&stage.world.project().join(name), &marker);
        program(&stage.world.project().join("bin").join(name), &marker);
    }
    let path = std::env::var("PATH").unwrap();
    for path in [path.clone(), format!(":{path}"), format!(".:bin:{path}"), format!("bin:{path}:")] {
        let output = Output::of(stage.command(&EVAL).env("PATH", &path)).done();
        assert!(output.stdout.contains("harmless"), "{path}: {}", output.stdout);
        let mut wrong = Vec::new();
        stage.untouched(&mut wrong);
        assert!(wrong.is_empty(), "{path}\n{}", wrong.join("\n"));
    }
}

#[test]
fn without_bubblewrap_nothing_is_evaluated_unless_that_is_said() {
    let stage = Stage::new(FINE);
    stage.generate();
    without(&stage, &path_without(&stage.world, "bwrap"), &[]);
}

#[test]
fn where_bubblewrap_can_make_no_jail_nothing_is_evaluated_unless_that_is_said() {
    let stage = Stage::new(FINE);
    stage.generate();
    // A jail in which there are no further user namespaces.
    let closed = ["--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"];
    without(&stage, &std::env::var("PATH").unwrap(), &closed);
}

/// The program with a search path, in bubblewrap with these arguments, if any.
fn without(stage: &Stage, path: &str, bwrap: &[&str]) {
    let call = |arguments: &[&str]| {
        let command = stage.command(arguments);
        let mut around = if bwrap.is_empty() { Command::new(command.get_program()) } else { Command::new("bwrap") };
        if !bwrap.is_empty() {
            around.args(bwrap).arg(command.get_program());
        }
        around.args(command.get_args()).current_dir(command.get_current_dir().unwrap()).env_clear();
        around.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
        Output::of(&mut around)
    };
    let said = call(&EVAL).refused();
    for word in ["bubblewrap", UNCONFINED] {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(!said.contains("harmless"), "{said}");
    let unconfined = call(&[&[UNCONFINED], &EVAL as &[&str]].concat()).done();
    assert!(unconfined.stdout.contains("harmless"), "{unconfined:?}");
    assert!(unconfined.stderr.contains("jail"), "it warns: {unconfined:?}");
    // What needs no Nix needs no jail.
    call(&["generate", "--check"]).done();
}

const UNCONFINED: &str = "--allow-unconfined-nix";

#[test]
fn without_nix_everything_works_that_needs_none() {
    let stage = Stage::new(FINE);
    stage.generate();
    let path = path_without(&stage.world, "nix");
    let call = |arguments: &[&str]| Output::of(stage.command(arguments).env("PATH", &path));
    stage.configure("other", "attack.value = 1;");
    for arguments in [
        &["generate"] as &[&str],
        &["commit", "--message", "x", "--author", "A <a@example.org>"],
        &["why", "other", "attack"],
        &["modules"],
        &["input", "list"],
        &["input", "show", "evil"],
        &["input", "update"],
        &["generate", "--check"],
    ] {
        let output = call(arguments);
        // There may be nothing to tell.
        assert!(output.code == 0 || arguments[0] == "why", "{arguments:?}: {output:?}");
        assert!(!output.stderr.contains("install"), "{arguments:?}: {output:?}");
    }
    for arguments in [&EVAL as &[&str], &[UNCONFINED, "eval", "other", "attack.value"]] {
        let said = call(arguments).refused();
        assert!(said.contains("no `nix`") && said.contains("install"), "{said}");
    }
}

/// Then Nix's own bars are what holds, so it has to be told of all.
#[test]
fn without_a_jail_nix_is_told_to_forbid_what_it_can() {
    let stage = Stage::new(BARRED);
    stage.generate();
    let programs = path_without(&stage.world, "bwrap");
    let told = stage.world.path().join("told");
    fs::create_dir(&told).unwrap();
    for name in ["nix", "nix-store"] {
        let link = Path::new(&programs).join(name);
        let real = fs::read_link(&link).unwrap();
        fs::remove_file(&link).unwrap();
        let text =
            format!("#!/bin/sh\n{{ env; echo \"$@\"; }} > {}/$$\nexec {} \"$@\"\n", told.display(), real.display());
        put(&link, &text);
        fs::set_permissions(&link, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut wrong = Vec::new();
    for case in BARRED {
        let id = case.id();
        let output = Output::of(stage.command(&[UNCONFINED, "eval", &id, "attack.value"]).env("PATH", &programs));
        stage.plain(&output, |what| wrong.push(format!("{}: {what}", case.name)));
        if output.code != 1 {
            wrong.push(format!("{}: {output:?}", case.name));
        }
    }
    stage.untouched(&mut wrong);
    let mut evaluations = 0;
    for file in fs::read_dir(&told).unwrap() {
        let told = fs::read_to_string(file.unwrap().path()).unwrap();
        // Which version it is is asked of Nix without anything.
        if told.trim_end().ends_with("--version") {
            continue;
        }
        evaluations += usize::from(told.contains("eval --json"));
        for setting in [
            "pure-eval = true",
            "restrict-eval = true",
            "allow-import-from-derivation = false",
            "accept-flake-config = false",
            "use-registries = false",
            "sandbox = true",
            "sandbox-fallback = false",
            "substitute = false",
            "netrc-file = /dev/null",
        ] {
            if !told.contains(setting) {
                wrong.push(format!("{setting} is not in: {told}"));
            }
        }
        for name in ["THYMIS_", "SSH_AUTH_SOCK", "NIX_PATH=", "NIX_REMOTE=daemon", "allow-unsafe"] {
            if told.contains(name) {
                wrong.push(format!("{name} is in: {told}"));
            }
        }
    }
    assert!(evaluations >= BARRED.len(), "{evaluations}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const BARRED: &[Case] = &[
    refused("a file", "builtins.readFile /etc/passwd", &[]),
    refused("a link", "builtins.readFile ./links/secret", &[]),
    refused("the folder of links", "builtins.toJSON (builtins.readDir ./links/outside)", &[]),
    refused("what is built", r#"import (build "touch ${marker}")"#, &[]),
    refused("a package", "import inputs.self.packages.x86_64-linux.default", &[]),
    refused("a request", r#"builtins.fetchurl { url = "${http}/x"; sha256 = wrong; }"#, &[]),
    refused("the hash of a file", r#"builtins.fetchurl { url = "file://${file}"; sha256 = wrong; }"#, &[]),
    refused(
        "a repository",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; rev = otherRev; }}/secret.txt""#,
        &[],
    ),
    refused("the registry", r#"builtins.getFlake "secret/${otherRev}""#, &[]),
    refused("the search path", "<secret>", &[]),
    refused("escapes", "throw red", &[]),
];

/// With a jail at hand it is used, also where going on without would be allowed.
#[test]
fn the_permission_to_go_without_a_jail_opens_none() {
    // Nix has no bar against it.
    const READS: &[Case] = &[refused(
        "a folder",
        r#"builtins.readFile "${builtins.fetchTree { type = "path"; path = folder; narHash = folderHash; }}/secret.txt""#,
        &[],
    )];
    let stage = Stage::new(READS);
    stage.generate();
    let mut wrong = Vec::new();
    let output = stage.thymis(&[UNCONFINED, "eval", "of-a-folder", "attack.value"]);
    stage.plain(&output, |what| wrong.push(what));
    assert!(output.code == 1 && wrong.is_empty(), "{output:?} {wrong:?}");
    assert!(!output.stderr.contains("without a jail"), "{}", output.stderr);
}

/// A search path with all programs but this one.
fn path_without(world: &World, name: &str) -> String {
    let folder = world.path().join("programs");
    fs::create_dir(&folder).unwrap();
    for place in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for program in fs::read_dir(place).into_iter().flatten().filter_map(Result::ok) {
            if program.file_name() != name {
                let _ = symlink(program.path(), folder.join(program.file_name()));
            }
        }
    }
    folder.to_str().unwrap().to_owned()
}

/// A program that leaves a mark; its path.
fn program(path: &Path, marker: &Path) -> String {
    let path: PathBuf = put(path, &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}
