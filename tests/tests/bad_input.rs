//! Whatever is wrong with what comes from outside, the program refuses with exit code 1, says what and the way out, and
//! changes nothing on disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use regex::Regex;
use serde_json::{Value, json};
use thymis_tests::{Disk, Example, World, commit, git, skipped};

/// What a command says that is refused and changes nothing.
#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let before = Disk::visible(&world.project());
    let said = world.thymis(arguments).refused();
    before.assert_same(&Disk::visible(&world.project()));
    told(world, &said)
}

/// Without what differs from run to run.
fn told(world: &World, said: &str) -> String {
    static FILTERS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let filters = FILTERS.get_or_init(|| {
        let temporary = regex::escape(std::env::temp_dir().to_str().unwrap());
        [
            (format!("{temporary}/thymis-fixture-([a-z-]+)-[0-9a-f]{{40}}"), "/fixtures/$1"),
            ("sha256:[0-9a-f]{64}".to_owned(), "sha256:DIGEST"),
            ("sha256-[A-Za-z0-9+/]{43}=".to_owned(), "sha256-NAR"),
            (r"\b[0-9a-f]{40}\b".to_owned(), "REVISION"),
            (r"\b[0-9a-f]{10}\b".to_owned(), "REVISION"),
        ]
        .map(|(pattern, to)| (Regex::new(&pattern).unwrap(), to))
        .into()
    });
    let said = said.replace(world.path().to_str().unwrap(), "/world");
    filters.iter().fold(said, |said, (pattern, to)| pattern.replace_all(&said, *to).into_owned())
}

/// A world with an input that has changes nobody accepted: what adding it says.
fn added(change: impl FnOnce(&Path)) -> String {
    let world = World::with_inputs();
    let repository = world.own(Example::TemperatureLogger);
    change(&repository);
    commit(&repository);
    refused(&world, &["input", "add", "bad", &format!("git+file://{}", repository.display())])
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What adding says with a change of the manifest.
fn manifest(from: &str, to: &str) -> String {
    added(|repository| edit(&repository.join("thymis.toml"), from, to))
}

/// What adding says with another component.
fn component(bytes: &[u8]) -> String {
    added(|repository| fs::write(repository.join(Example::TemperatureLogger.file()), bytes).unwrap())
}

fn text_component(text: &str) -> String {
    component(&wat::parse_str(text).unwrap())
}

/// What generating says with one configuration `lobby`, of which this is the state.
fn configured(state: &Value) -> String {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let world = World::copy_of(TEMPLATE.get_or_init(|| {
        let world = World::with_inputs();
        world.add("picky", Example::Picky.repository()).done();
        world.thymis(&["input", "accept", "picky", "--yes"]).done();
        world.thymis(&["modules"]).done();
        world.kept()
    }));
    world.write("state/configurations/lobby.json", state.to_string());
    refused(&world, &["generate"])
}

fn using(module: &str, settings: Value) -> String {
    configured(&json!({ "modules": [{ "module": module, "settings": settings }] }))
}

mod repositories {
    use super::*;

    #[test]
    fn not_a_git_repository() {
        let world = World::with_inputs();
        let folder = world.path().join("plain");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("flake.nix"), "{ outputs = _: { }; }").unwrap();
        let add = |path: &str| refused(&world, &["input", "add", "x", &format!("git+file://{path}")]);
        insta::assert_snapshot!(add(folder.to_str().unwrap()), @"unreachable: git+file:///world/plain is not a git repository: check the address; if it moved or redirects, write where it leads to: could not find repository at '/world/plain'");
        insta::assert_snapshot!(add(folder.join("none").to_str().unwrap()), @"unreachable: there is no folder at /world/plain/none: check the address git+file:///world/plain/none");
        insta::assert_snapshot!(add(folder.join("flake.nix").to_str().unwrap()), @"unreachable: git+file:///world/plain/flake.nix is not a git repository: check the address; if it moved or redirects, write where it leads to: could not find repository at '/world/plain/flake.nix'");
        insta::assert_snapshot!(refused(&world, &["input", "add", "x", "./plain"]), @"`./plain` is a path: write it as `git+file://` and the absolute path, for example `git+file:///srv/modules`");
    }

    #[test]
    fn an_empty_repository() {
        let world = World::with_inputs();
        let folder = world.path().join("empty");
        fs::create_dir(&folder).unwrap();
        git(&folder, &["init", "--quiet"]);
        insta::assert_snapshot!(refused(&world, &["input", "add", "x", &format!("git+file://{}", folder.display())]), @"failed: the repository git+file:///world/empty has no commits yet: commit something in it, then try again");
    }

    #[test]
    fn a_manifest_without_the_marker() {
        insta::assert_snapshot!(added(|repository| fs::write(repository.join("README.md"), "# Modules").unwrap()), @"no-magic-string: the repository has a thymis.toml, but its README.md doesn't contain the words `contains thymis modules`: add them where modules are meant to be found");
        insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("README.md")).unwrap()), @"no-readme: the repository has a thymis.toml, but no README.md: add one that contains the words `contains thymis modules`");
    }

    #[test]
    fn no_flake() {
        insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("flake.nix")).unwrap()), @"no-flake: the repository has no flake.nix: every input is a flake; add one, if need be `{ outputs = _: { }; }`");
    }

    #[test]
    fn a_manifest_with_unknown_keys() {
        insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"0.1\"\ncolour = \"red\""), @"bad-manifest: thymis.toml, line 13, column 1: unknown field `colour`, expected one of `file`, `wit`, `permission`");
        insta::assert_snapshot!(manifest("manifest = 1", "manifest = 1\nmanifests = 2"), @"bad-manifest: thymis.toml, line 2, column 1: unknown field `manifests`, expected one of `manifest`, `repository`, `component`, `device-type`");
        insta::assert_snapshot!(manifest("reason = ", "froce = true\nreason = "), @"bad-manifest: thymis.toml, line 17, column 1: unknown field `froce`, expected one of `kind`, `value`, `reason`, `force`");
    }

    #[test]
    fn a_manifest_of_an_unknown_version() {
        insta::assert_snapshot!(manifest("manifest = 1", "manifest = 2\nnew-key = 1"), @"incompatible: thymis.toml is written for manifest version 2; this Thymis knows version 1: update Thymis, or use an older revision of the repository");
        insta::assert_snapshot!(manifest("manifest = 1", ""), @"bad-manifest: thymis.toml has no line `manifest = 1`, which says how the rest is to be read");
        insta::assert_snapshot!(manifest("minimum-host = \"0.1\"", "minimum-host = \"9.0\""), @"incompatible: thymis.toml: the repository needs Thymis 9.0 or newer, this is 0.1.0: update Thymis, or use an older revision");
    }

    #[test]
    fn a_manifest_with_a_bad_permission() {
        let permission =
            |line: &str| manifest("kind = \"option\"\nvalue = \"systemd.services.temperature-logger\"", line);
        insta::assert_snapshot!(permission("kind = \"root\"\nvalue = \"x\""), @"bad-manifest: thymis.toml, line 14, column 1: unknown kind of permission `root`; known are option, output, source, artifact, secret, config, raw-nix, wasi");
        insta::assert_snapshot!(permission("kind = \"option\""), @"bad-manifest: thymis.toml, line 14, column 1: the permission `option` needs a `value`: the option's path, such as `systemd.services.logger`");
        insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"*\""), @"bad-manifest: thymis.toml, line 14, column 1: the option pattern `*` is refused: `*` starts the pattern: the first segment must be a literal name");
        insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"services..x\""), @"bad-manifest: thymis.toml, line 14, column 1: the option pattern `services..x` is refused: a segment of the option path `services..x` is 0 bytes long, 1 to 256 are allowed");
        insta::assert_snapshot!(permission("kind = \"source\"\nvalue = \"../x\""), @"bad-manifest: thymis.toml, line 14, column 1: `../x` is not a file of the repository; write a relative path without `.` and `..`");
        insta::assert_snapshot!(permission("kind = \"output\"\nvalue = \"packages.x\"\nforce = true"), @"bad-manifest: thymis.toml, line 14, column 1: only the permission `option` takes `force`, `output` doesn't");
        insta::assert_snapshot!(manifest("reason = \"Runs the logger as a service.\"", ""), @"bad-manifest: thymis.toml, line 14, column 1: missing field `reason`");
    }

    #[test]
    fn a_component_that_is_missing() {
        insta::assert_snapshot!(added(|repository| fs::remove_dir_all(repository.join("modules")).unwrap()), @"bad-manifest: the manifest lists the component `modules/temperature_logger.wasm`, which is not in the repository: run `thymis module build` and commit what it writes");
    }

    #[test]
    fn a_component_that_is_not_webassembly() {
        insta::assert_snapshot!(component(b"#!/bin/sh\n"), @r"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is not WebAssembly: it doesn't start with `\0asm`");
        insta::assert_snapshot!(component(b""), @r"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is not WebAssembly: it doesn't start with `\0asm`");
    }

    #[test]
    fn a_component_that_is_truncated() {
        let bytes = Example::TemperatureLogger.component();
        let said = component(&bytes[..bytes.len() / 2]);
        insta::assert_snapshot!(said.replace(&(bytes.len() / 2).to_string(), "HALF"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component is truncated: it ends after HALF bytes, in the middle of a section");
        assert!(component(&bytes[..bytes.len() - 1]).contains("truncated"));
    }

    #[test]
    fn a_core_module_instead_of_a_component() {
        insta::assert_snapshot!(text_component("(module)"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is a core WebAssembly module, not a component; run `thymis module build`");
    }

    #[test]
    fn a_component_of_another_wit_version() {
        insta::assert_snapshot!(
            text_component(r#"(component (instance $i) (export "thymis:module/module@9.0.0" (instance $i)))"#),
            @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component exports version 9.0.0 of `thymis:module/module`, and this host supports 0.1; use an SDK of that version, or a host that supports 9.0.0"
        );
        insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"9.0\""), @"incompatible: thymis.toml: the component `modules/temperature_logger.wasm` is made for the Module interface 9.0, this Thymis runs 0.1: update Thymis, or use an older revision");
    }

    #[test]
    fn a_component_of_another_interface() {
        insta::assert_snapshot!(
            text_component(r#"(component (instance $i) (export "other:package/thing@0.1.0" (instance $i)))"#),
            @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component exports no `thymis:module/module`, but `other:package/thing@0.1.0`; build it on the Thymis SDK, or against the WIT package `thymis:module`"
        );
    }

    #[test]
    fn a_component_that_imports_what_it_may_not() {
        let importing = |name: &str| {
            text_component(&format!(
                r#"(component (import "{name}" (instance))
                    (instance $i) (export "thymis:module/module@0.1.0" (instance $i)))"#
            ))
        };
        insta::assert_snapshot!(importing("evil:host/files@1.0.0"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component imports `evil:host/files@1.0.0`, which no module may; a module imports nothing but `thymis:module/diagnostics`, and WASI where its manifest declares it");
        insta::assert_snapshot!(importing("wasi:sockets/tcp@0.2.0"), @r#"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component imports WASI (`wasi:sockets/tcp@0.2.0`), which was not granted; add `[[component.permission]]` with `kind = "wasi"` and a reason to its `thymis.toml`, or build it without WASI"#);
    }

    #[test]
    fn a_module_that_its_repository_has_no_more() {
        let world = World::with_inputs();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        let replace = ["input", "add", "--replace", "temperature", url.as_str()];
        world.copy_state();
        world.thymis(&["generate"]).done();
        let manifest = fs::read_to_string(repository.join("thymis.toml")).unwrap();
        fs::write(repository.join("thymis.toml"), &manifest[..manifest.find("[[component]]").unwrap()]).unwrap();
        commit(&repository);
        world.thymis(&replace).done();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
        world.thymis(&["input", "accept", "temperature", "--yes"]).done();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
    }
}

mod grants {
    use super::*;

    /// A generated project whose `temperature` is a repository of its own.
    fn world() -> (World, PathBuf) {
        let world = World::generated();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        world.thymis(&["input", "add", "--replace", "temperature", &url]).done();
        world.thymis(&["input", "accept", "temperature", "--yes"]).done();
        world.thymis(&["generate"]).done();
        (world, repository)
    }

    fn replace(world: &World, files: &[&str], from: &str, to: &str) {
        for file in files {
            edit(&world.project().join(file), from, to);
        }
    }

    /// The entry of `temperature` in `modules.lock`.
    fn entry(world: &World) -> Value {
        serde_json::from_str::<Value>(&world.read("modules.lock")).unwrap()["inputs"]["temperature"].clone()
    }

    #[test]
    fn the_revision_differs_from_the_grant() {
        let (world, repository) = world();
        let old = entry(&world)["pin"]["revision"].as_str().unwrap().to_owned();
        let new = commit(&repository);
        replace(&world, &["modules.lock"], &old, &new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"flake.lock and modules.lock disagree on `temperature`: rev REVISION there, REVISION here. Restore both files from one commit, or run `thymis input add --replace temperature URL`");
        // The same contents, so only the grant tells that nobody accepted that revision.
        replace(&world, &["flake.lock"], &old, &new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
        // One that was never there.
        replace(&world, &["modules.lock", "flake.lock"], &new, &"0".repeat(40));
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, failed: the commit REVISION is not on any branch or tag of git+file:///world/repositories/temperature-logger: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, failed: the commit REVISION is not on any branch or tag of git+file:///world/repositories/temperature-logger: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, failed: the commit REVISION is not on any branch or tag of git+file:///world/repositories/temperature-logger: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn the_nar_hash_differs_from_the_grant() {
        let (world, _) = world();
        let old = entry(&world)["pin"]["nar-hash"].as_str().unwrap().to_owned();
        let new = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        replace(&world, &["modules.lock"], &old, new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"flake.lock and modules.lock disagree on `temperature`: narHash sha256-NAR there, sha256-NAR here. Restore both files from one commit, or run `thymis input add --replace temperature URL`");
        replace(&world, &["flake.lock"], &old, new);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, failed: what modules.lock pins is not what the repository has at REVISION (NAR hash sha256-NAR, pinned sha256-NAR): somebody changed the lock; restore it from git
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, failed: what modules.lock pins is not what the repository has at REVISION (NAR hash sha256-NAR, pinned sha256-NAR): somebody changed the lock; restore it from git
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, failed: what modules.lock pins is not what the repository has at REVISION (NAR hash sha256-NAR, pinned sha256-NAR): somebody changed the lock; restore it from git
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(refused(&world, &["input", "accept", "temperature", "--yes"]), @"the repository's contents differ from what modules.lock pins (NAR hash sha256-NAR, expected sha256-NAR): restore modules.lock from git, or pin the input anew with `thymis input add --replace`");
    }

    #[test]
    fn a_digest_differs_from_the_grant() {
        for (pointer, says) in [
            ("/grant/digest", "the grant in modules.lock was given for other contents"),
            ("/grant/manifest", "the grant in modules.lock was given for other contents"),
            (
                "/grant/components/modules~1temperature_logger.wasm/digest",
                "the grant in modules.lock was given for other contents",
            ),
        ] {
            let (world, _) = world();
            let old = entry(&world).pointer(pointer).unwrap().as_str().unwrap().to_owned();
            replace(&world, &["modules.lock"], &old, &format!("sha256:{}", "0".repeat(64)));
            let said = refused(&world, &["generate"]);
            assert!(said.contains(says) && said.contains("thymis input accept temperature"), "{said}");
        }
        // Nor does writing more permissions into the lock grant them.
        let (world, _) = world();
        replace(&world, &["modules.lock"], "systemd.services.temperature-logger", "systemd");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, awaiting-grant: the grant in modules.lock was given for other contents: its digest is sha256:DIGEST, the entry's is sha256:DIGEST: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn the_url_differs_from_the_grant() {
        let (world, repository) = world();
        let other = world.path().join("other");
        fs::rename(&repository, &other).unwrap();
        replace(&world, &["state/project.json"], repository.to_str().unwrap(), other.to_str().unwrap());
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, failed: modules.lock pins git+file:///world/repositories/temperature-logger, state/project.json says git+file:///world/other: a grant is for one URL. Run `thymis input add --replace temperature git+file:///world/other`
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, failed: modules.lock pins git+file:///world/repositories/temperature-logger, state/project.json says git+file:///world/other: a grant is for one URL. Run `thymis input add --replace temperature git+file:///world/other`
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, failed: modules.lock pins git+file:///world/repositories/temperature-logger, state/project.json says git+file:///world/other: a grant is for one URL. Run `thymis input add --replace temperature git+file:///world/other`
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn the_repository_changed_between_being_shown_and_being_accepted() {
        let world = World::with_inputs();
        let repository = world.own(Example::TemperatureLogger);
        let url = format!("git+file://{}", repository.display());
        let add = |replace: &[&str]| {
            world.thymis(&[&["--json", "input", "add", "mine", &url], replace].concat()).done().json()
        };
        let seen = add(&[]);
        edit(&repository.join("thymis.toml"), "value = \"systemd.services.temperature-logger\"", "value = \"systemd\"");
        commit(&repository);
        // Somebody else pins it anew.
        add(&["--replace"]);
        let (revision, digest) = (seen["revision"].as_str().unwrap(), seen["digest"].as_str().unwrap());
        insta::assert_snapshot!(refused(&world, &["input", "accept", "mine", "--yes", "--revision", revision]), @"the input `mine` is at revision REVISION, not at REVISION: it changed after it was shown. Look at it again with `thymis input show mine`");
        insta::assert_snapshot!(refused(&world, &["input", "accept", "mine", "--digest", digest]), @"the input `mine` asks for sha256:DIGEST, not for sha256:DIGEST: it changed after it was shown. Look at it again with `thymis input show mine`");
        let list = world.thymis(&["--json", "input", "list"]).done().json();
        assert_eq!((&list[0]["name"], &list[0]["status"]), (&json!("mine"), &json!("awaiting-grant")));
    }

    #[test]
    fn the_lock_holds_conflict_markers() {
        for file in ["modules.lock", "flake.lock"] {
            let world = World::generated();
            let text = world.read(file).replacen('\n', "\n<<<<<<< HEAD\n=======\n>>>>>>> other\n", 1);
            world.write(file, text);
            let said = refused(&world, &["generate"]);
            assert!(said.contains(file), "{said}");
            insta::allow_duplicates! {
                insta::assert_snapshot!(said.replace(file, "LOCK"), @"LOCK: line 2: there are conflict markers of a git merge; resolve them first");
            }
        }
    }

    #[test]
    fn the_lock_holds_an_input_twice() {
        let world = World::generated();
        replace(&world, &["modules.lock"], "\"nixpkgs\": {\n", "\"temperature\": {\n");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"modules.lock: line 36, column 5: the key `temperature` is there twice; keep one of the two");
    }

    #[test]
    fn the_locks_disagree() {
        let world = World::generated();
        let revision = git(Example::WebApp.repository(), &["rev-parse", "HEAD"]);
        let node = |revision: &str| format!("\"rev\": \"{revision}\"");
        replace(&world, &["flake.lock"], &node(revision.trim()), &node(&"1".repeat(40)));
        insta::assert_snapshot!(refused(&world, &["generate"]), @"flake.lock and modules.lock disagree on `web`: rev REVISION there, REVISION here. Restore both files from one commit, or run `thymis input add --replace web URL`");
        let world = World::generated();
        replace(&world, &["flake.lock"], "\"web\": \"web\"", "\"web\": [\"temperature\"]");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"flake.lock has no node for `web`, which modules.lock pins. Restore both files from one commit, or run `thymis input add --replace web URL`");
    }

    #[test]
    fn the_lock_is_gone_or_of_a_newer_version() {
        let world = World::generated();
        replace(&world, &["modules.lock"], "\"version\": 1", "\"version\": 2");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"modules.lock: the file has version 2, this Thymis knows version 1: update Thymis");
        fs::remove_file(world.project().join("modules.lock")).unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        5 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, failed: it is not pinned: run `thymis input add --replace temperature URL`
        - `web/web-app` in tag `core`: the input `web` can't be used, failed: it is not pinned: run `thymis input add --replace web URL`
        - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, failed: it is not pinned: run `thymis input add --replace temperature URL`
        - configuration `greenhouse-north`: the tag `core` can't be generated
        - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
        - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, failed: it is not pinned: run `thymis input add --replace temperature URL`
        - configuration `greenhouse-south`: the tag `core` can't be generated
        - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
        - `web/web-app` in configuration `office-display`: the input `web` can't be used, failed: it is not pinned: run `thymis input add --replace web URL`
        - configuration `office-display`: the tag `core` can't be generated
        With --keep-going, the others are generated and these say why they are not
        ");
    }
}

mod settings {
    use super::*;

    #[test]
    fn a_setting_is_missing() {
        insta::assert_snapshot!(using("picky/picky", json!({})), @"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/name`: Name (`name`) is missing: it needs a value (string).
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn settings_of_the_wrong_type() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": 5, "level": "5", "reason": [] })), @r#"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/name`: Name (`name`) must be one line of text; found 5.
          - `/level`: Level (`level`) must be an integer; found "5".
          - `/reason`: Reason (`reason`) must be one line of text; found a list of 0 items.
        With --keep-going, the others are generated and these say why they are not
        "#);
        insta::assert_snapshot!(using("picky/picky", json!({ "name": null })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/name`: Name (`name`) is null; remove the key to unset it.
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn a_setting_out_of_range() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 10 })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/level`: Level (`level`) must be at least 1 and at most 9; found 10.
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(using("temperature/temperature-logger", json!({ "interval": -1, "unit": "kelvin" })), @r#"
        one configuration or tag can't be generated; nothing was changed:
        - `temperature/temperature-logger` in configuration `lobby`: settings are wrong:
          - `/interval`: Interval (`interval`) must be at least 1 and at most 86400; found -1.
          - `/unit`: Unit (`unit`) must be one of "celsius", "fahrenheit"; found "kelvin".
        With --keep-going, the others are generated and these say why they are not
        "#);
    }

    #[test]
    fn an_unknown_setting() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "nmae": "b" })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/nmae`: `nmae` is not a setting; did you mean `name`?
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn a_condition_is_violated() {
        insta::assert_snapshot!(using("picky/picky", json!({ "name": "a", "level": 9 })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `picky/picky` in configuration `lobby`: settings are wrong:
          - `/reason`: Reason (`reason`) is missing: it needs a value (string).
        With --keep-going, the others are generated and these say why they are not
        ");
        let device = json!({ "device_type": "raspberry-pi-4", "image_format": "qcow" });
        insta::assert_snapshot!(using("thymis/device", device), @r#"
        one configuration or tag can't be generated; nothing was changed:
        - `thymis/device` in configuration `lobby`: settings are wrong:
          - `/image_format`: Image format (`image_format`) must be one of "", "sd-card-image" beside the other settings; found "qcow".
        With --keep-going, the others are generated and these say why they are not
        "#);
    }

    #[test]
    fn a_module_that_nobody_has() {
        insta::assert_snapshot!(using("temperature/humidity-logger", json!({})), @"
        one configuration or tag can't be generated; nothing was changed:
        - `temperature/humidity-logger` in configuration `lobby`: the input `temperature` has no module `humidity-logger` (it has temperature-logger): it may have been removed in this revision; remove it here too, or go back to an older revision
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(using("nowhere/logger", json!({})), @"
        one configuration or tag can't be generated; nothing was changed:
        - `nowhere/logger` in configuration `lobby`: there is no input `nowhere`: add its repository with `thymis input add nowhere URL`, or remove the module
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(using("thymis/nothing", json!({})), @"
        one configuration or tag can't be generated; nothing was changed:
        - `thymis/nothing` in configuration `lobby`: the input `thymis` has no module `nothing` (it has device): it may have been removed in this revision; remove it here too, or go back to an older revision
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(using("nixpkgs/nothing", json!({})), @"
        one configuration or tag can't be generated; nothing was changed:
        - `nixpkgs/nothing` in configuration `lobby`: the input `nixpkgs` has no module `nothing`: it may have been removed in this revision; remove it here too, or go back to an older revision
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn two_overrides_of_one_scalar() {
        let world = World::with_inputs();
        for (tag, port) in [("east", 1), ("west", 2)] {
            let state = json!({ "modules": [{ "module": "web/web-app", "settings": { "port": port } }] });
            world.write(&format!("state/tags/{tag}.json"), state.to_string());
        }
        world.write("state/configurations/lobby.json", json!({ "tags": ["east", "west"] }).to_string());
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        one configuration or tag can't be generated; nothing was changed:
        - configuration `lobby`: `services.web-app.port` is set to 1 by `web/web-app` in tag `east` and to 2 by `web/web-app` in tag `west`, both with priority 90. Give one of the two targets a stronger (lower) priority, set the option in the configuration itself, or remove one of the two modules
        With --keep-going, the others are generated and these say why they are not
        ");
        // The way out that it names.
        let own =
            json!({ "tags": ["east", "west"], "modules": [{ "module": "web/web-app", "settings": { "port": 3 } }] });
        world.write("state/configurations/lobby.json", own.to_string());
        world.thymis(&["generate"]).done();
    }

    #[test]
    fn a_module_that_may_be_used_once_is_used_twice() {
        let one = |instance: &str| json!({ "module": "web/web-app", "instance": instance });
        insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("b")] })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `web/web-app` as `a` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
        - `web/web-app` as `b` in configuration `lobby`: the module can be used only once in a configuration or tag, and is used 2 times; remove the others
        With --keep-going, the others are generated and these say why they are not
        ");
        insta::assert_snapshot!(configured(&json!({ "modules": [one("a"), one("a")] })), @"state/configurations/lobby.json: two modules are the instance `a`; give each an `instance` of its own");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let world = World::with_inputs();
        for (id, settings) in [("one", json!({ "interval": 0, "unti": 1 })), ("two", json!({ "unit": 5 }))] {
            let state = json!({ "modules": [{ "module": "temperature/temperature-logger", "settings": settings }] });
            world.write(&format!("state/configurations/{id}.json"), state.to_string());
        }
        insta::assert_snapshot!(refused(&world, &["generate"]), @r#"
        2 configurations and tags can't be generated; nothing was changed:
        - `temperature/temperature-logger` in configuration `one`: settings are wrong:
          - `/unti`: `unti` is not a setting; did you mean `unit`?
          - `/interval`: Interval (`interval`) must be at least 1 and at most 86400; found 0.
        - `temperature/temperature-logger` in configuration `two`: settings are wrong:
          - `/unit`: Unit (`unit`) must be one of "celsius", "fahrenheit"; found 5.
        With --keep-going, the others are generated and these say why they are not
        "#);
    }
}

mod state {
    use super::*;

    const BAD: [&str; 6] = ["a/b", "..", "a b", "let", "Ü", "-a"];

    #[test]
    fn identifiers_of_arguments() {
        let world = World::with_inputs();
        let before = Disk::visible(&world.project());
        let long = "x".repeat(300);
        for bad in BAD.into_iter().chain([long.as_str(), "self", ""]) {
            let module = format!("web/{bad}");
            for arguments in [
                vec!["input", "add", "--", bad, "git+file:///x"],
                vec!["input", "show", "--", bad],
                vec!["why", "--", bad, "a.b"],
                vec!["modules", "--", &module],
            ] {
                // `self` names a flake, not a device.
                if bad == "self" && arguments[0] != "input" {
                    continue;
                }
                let output = world.thymis(&arguments);
                assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
                assert!(output.stderr.len() < 1000, "{}", output.stderr);
            }
        }
        before.assert_same(&Disk::visible(&world.project()));
        insta::assert_snapshot!(world.thymis(&["input", "show", "a/b"]).stderr, @"
        error: invalid value 'a/b' for '<NAME>': `a/b` can't be the name of an input: allowed are a-z, 0-9 and, between them, `-`

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(world.thymis(&["input", "show", "let"]).stderr, @"
        error: invalid value 'let' for '<NAME>': `let` can't be the name of an input: the word is reserved in Nix; choose another

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(world.thymis(&["input", "show", &long]).stderr, @"
        error: invalid value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' for '<NAME>': `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` can't be the name of an input: it is 300 bytes long, 63 are allowed

        For more information, try '--help'.
        ");
    }

    #[test]
    fn identifiers_in_the_state() {
        let long = "x".repeat(300);
        let told = |state: Value| configured(&state);
        for bad in BAD.into_iter().chain([long.as_str(), ""]) {
            let said = told(json!({ "tags": [bad] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
            let said = told(json!({ "modules": [{ "module": format!("web/{bad}") }] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
            let said = told(json!({ "modules": [{ "module": "web/web-app", "instance": bad }] }));
            assert!(said.contains("state/configurations/lobby.json") && said.len() < 600, "{said}");
        }
        insta::assert_snapshot!(told(json!({ "tags": ["../x"] })), @"state/configurations/lobby.json: line 1, column 16: `../x` can't be the identifier of a tag: allowed are a-z, 0-9 and, between them, `-`");
        insta::assert_snapshot!(told(json!({ "tags": ["let"] })), @"state/configurations/lobby.json: line 1, column 15: `let` can't be the identifier of a tag: the word is reserved in Nix; choose another");
        insta::assert_snapshot!(told(json!({ "tags": [long] })), @"state/configurations/lobby.json: line 1, column 312: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` can't be the identifier of a tag: it is 300 bytes long, 63 are allowed");
        insta::assert_snapshot!(told(json!({ "modules": [{ "module": "web" }] })), @"state/configurations/lobby.json: line 1, column 28: `web` is not a module; write `<input>/<module>`, such as `thymis/device`");
    }

    #[test]
    fn identifiers_as_names_of_files() {
        for name in ["a b", "let", "Ü", "a..", "-a", "A"] {
            let world = World::with_inputs();
            world.write(&format!("state/configurations/{name}.json"), "{}");
            let said = refused(&world, &["generate"]);
            assert!(said.contains("state/configurations/") && said.contains(".json"), "{said}");
        }
        let world = World::with_inputs();
        world.write("state/tags/in.json", "{}");
        world.write(&format!("state/configurations/{}.json", "x".repeat(250)), "{}");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        state/configurations/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: the file's name is not that of a configuration or tag: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` can't be the identifier of a configuration: it is 250 bytes long, 63 are allowed
        state/tags/in.json: the file's name is not that of a configuration or tag: `in` can't be the identifier of a tag: the word is reserved in Nix; choose another
        ");
    }

    #[test]
    fn a_file_that_is_truncated() {
        let world = World::generated();
        for file in ["state/project.json", "state/configurations/office-display.json", "state/tags/core.json"] {
            let text = world.read(file);
            for length in [0, 1, text.len() / 2, text.len() - 2] {
                world.write(file, &text[..length]);
                let said = refused(&world, &["generate"]);
                assert!(said.contains(file) && said.contains("restore it from git"), "{length}: {said}");
            }
            world.write(file, text);
        }
        let file = "state/tags/core.json";
        world.write(file, &world.read(file)[..40]);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"state/tags/core.json: the file ends too early, in line 3: it was cut off; restore it from git");
    }

    #[test]
    fn a_project_of_a_newer_version() {
        let world = World::generated();
        edit(&world.project().join("state/project.json"), "\"version\": 1", "\"version\": 2, \"new\": true");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"state/project.json: the file has version 2, this Thymis knows version 1: update Thymis");
        insta::assert_snapshot!(refused(&world, &["input", "list"]), @"state/project.json: the file has version 2, this Thymis knows version 1: update Thymis");
    }

    #[test]
    fn settings_of_a_newer_version() {
        let newer = json!({ "module": "web/web-app", "schema-version": 99, "settings": { "new": 1 } });
        insta::assert_snapshot!(configured(&json!({ "modules": [newer] })), @"
        one configuration or tag can't be generated; nothing was changed:
        - `web/web-app` in configuration `lobby`: settings stored by a newer module (schema version 99, the module has 1): update the input
        With --keep-going, the others are generated and these say why they are not
        ");
    }

    #[test]
    fn a_file_that_is_not_utf_8() {
        let world = World::generated();
        world.write("state/tags/core.json", b"{ \"display-name\": \"\xff\" }");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"state/tags/core.json: the file is not UTF-8 (byte 19): save it as UTF-8, or restore it from git");
    }

    #[test]
    fn a_file_with_a_key_twice_or_an_unknown_one_or_no_object() {
        let world = World::generated();
        let told = |text: &str| {
            world.write("state/tags/core.json", text);
            refused(&world, &["generate"])
        };
        insta::assert_snapshot!(told("{ \"priority\": 80, \"priority\": 70 }"), @"state/tags/core.json: line 1, column 34: the key `priority` is there twice; keep one of the two");
        insta::assert_snapshot!(told("{ \"modul\": [] }"), @"state/tags/core.json: line 1, column 9: unknown field `modul`, expected one of `display-name`, `priority`, `modules`");
        insta::assert_snapshot!(told("[]"), @"state/tags/core.json: line 1, column 1: an object is expected, `{ … }`");
        insta::assert_snapshot!(told("{ \"priority\": 5 }"), @"state/tags/core.json: the priority 5 is outside 51..999");
    }

    #[test]
    fn a_tag_that_is_not_there() {
        insta::assert_snapshot!(configured(&json!({ "tags": ["nobody"] })), @"state/configurations/lobby.json: there is no tag `nobody`; make state/tags/nobody.json, or remove it from the list");
    }

    #[test]
    fn a_file_that_is_a_link() {
        let world = World::generated();
        let file = world.project().join("state/tags/core.json");
        fs::rename(&file, world.path().join("core.json")).unwrap();
        std::os::unix::fs::symlink(world.path().join("core.json"), &file).unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"state/tags/core.json is not a plain file: put the file itself there");
    }
}

mod foreign {
    use super::*;

    #[test]
    fn edits_in_generated_files() {
        let world = World::generated();
        edit(&world.project().join("hosts/office-display.nix"), "8090", "8091");
        edit(&world.project().join("flake.nix"), "Generated by Thymis", "Mine");
        fs::write(world.project().join("tags/core.nix"), "{ }\n").unwrap();
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        generated files hold what thymis did not write; none was changed:
          `flake.nix` was edited by hand
          `hosts/office-display.nix` was edited by hand
          `tags/core.nix` was edited by hand
        Keep what you need under another name or in the settings, then remove them: they will be written anew
        ");
        insta::assert_snapshot!(refused(&world, &["generate", "--keep-going", "--check"]), @"
        generated files hold what thymis did not write; none was changed:
          `flake.nix` was edited by hand
          `hosts/office-display.nix` was edited by hand
          `tags/core.nix` was edited by hand
        Keep what you need under another name or in the settings, then remove them: they will be written anew
        ");
        let state = "state/configurations/office-display.json";
        edit(&world.project().join(state), "8090", "9000");
        refused(&world, &["generate"]);

        // The way out that it names.
        for file in ["hosts/office-display.nix", "flake.nix", "tags/core.nix"] {
            fs::remove_file(world.project().join(file)).unwrap();
        }
        world.thymis(&["generate"]).done();
        assert!(world.read("hosts/office-display.nix").contains("9000"));
        assert!(world.read("flake.nix").contains("Generated by Thymis"));
    }

    #[test]
    fn a_file_where_a_generated_one_is_to_be() {
        let world = World::generated();
        world.write("hosts/lobby.nix", "{ }\n");
        world.thymis(&["generate"]).done();
        world.write("state/configurations/lobby.json", "{}");
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        generated files hold what thymis did not write; none was changed:
          `hosts/lobby.nix` was edited by hand
        Keep what you need under another name or in the settings, then remove them: they will be written anew
        ");
    }

    #[test]
    fn a_link_in_place_of_a_folder() {
        let world = World::generated();
        let elsewhere = world.path().join("elsewhere");
        fs::rename(world.project().join("hosts"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, world.project().join("hosts")).unwrap();
        edit(&world.project().join("state/configurations/office-display.json"), "8090", "9000");
        let before = Disk::of(&elsewhere);
        insta::assert_snapshot!(refused(&world, &["generate"]), @"
        generated files hold what thymis did not write; none was changed:
          `hosts/greenhouse-north.nix` is or lies behind a symbolic link
          `hosts/greenhouse-south.nix` is or lies behind a symbolic link
          `hosts/office-display.nix` is or lies behind a symbolic link
        Keep what you need under another name or in the settings, then remove them: they will be written anew
        ");
        before.assert_same(&Disk::of(&elsewhere));
    }

    #[test]
    fn a_folder_that_is_used() {
        let world = World::generated();
        insta::assert_snapshot!(refused(&world, &["init", "."]), @"the folder . is not empty: choose another, or an empty one");
    }
}

mod disk {
    use std::process::Command;

    use super::*;

    /// What is mounted at a folder as long as this lives.
    struct Mount(PathBuf);

    impl Mount {
        fn new(check: &str, arguments: &[&str], place: &Path) -> Option<Self> {
            fs::create_dir_all(place).unwrap();
            let output = Command::new("mount").args(arguments).arg(place).output();
            if output.as_ref().is_ok_and(|output| output.status.success()) {
                return Some(Self(place.to_owned()));
            }
            skipped(check, "nothing can be mounted here");
            None
        }

        fn read_only(check: &str, folder: &Path) -> Option<Self> {
            let mount = Self::new(check, &["--bind", folder.to_str().unwrap()], folder)?;
            let done = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(folder).status().unwrap();
            assert!(done.success());
            Some(mount)
        }
    }

    impl Drop for Mount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        }
    }

    fn changed() -> World {
        let world = World::generated();
        edit(&world.project().join("state/configurations/office-display.json"), "8090", "9000");
        world
    }

    #[test]
    fn a_read_only_folder() {
        let world = changed();
        let Some(mount) = Mount::read_only("a read-only project", &world.project()) else { return };
        insta::assert_snapshot!(refused(&world, &["generate"]), @"/world/project/.git/thymis/lock can't be written: the project's folder must be writable, with room on its disk: Read-only file system (os error 30)");
        insta::assert_snapshot!(refused(&world, &["commit", "-m", "x"]), @"/world/project/.git/thymis/lock can't be written: the project's folder must be writable, with room on its disk: Read-only file system (os error 30)");
        insta::assert_snapshot!(refused(&world, &["input", "remove", "web"]), @"/world/project/.git/thymis/lock can't be written: the project's folder must be writable, with room on its disk: Read-only file system (os error 30)");
        // What only reads goes on.
        world.thymis(&["input", "list"]).done();
        world.thymis(&["modules"]).done();
        assert!(world.thymis(&["generate", "--check"]).refused().contains("1 of the generated files would change"));
        drop(mount);
        world.thymis(&["generate"]).done();
    }

    #[test]
    fn a_read_only_folder_of_generated_files() {
        let world = changed();
        let Some(mount) = Mount::read_only("a read-only folder", &world.project().join("hosts")) else { return };
        insta::assert_snapshot!(refused(&world, &["generate"]), @"/world/project/hosts can't be written: make it writable, then try again: Read-only file system (os error 30)");
        drop(mount);
        world.thymis(&["generate"]).done();
    }

    /// Runs a command on a copy of the project on a full disk, then with more and more room until it succeeds. Wherever it
    /// is that the disk gets full, everything stays as it was. Answers what was said, and the copy.
    fn with_too_little_room(world: &World, pages: u64, arguments: &[&str]) -> Option<(Vec<String>, Mount)> {
        const PAGE: u64 = 4096;
        let place = world.path().join("small");
        let mount = Mount::new("a full disk", &["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &place)?;
        let copied = Command::new("cp").arg("-a").arg(world.project().join(".")).arg(&place).status().unwrap();
        assert!(copied.success());
        let filler = place.join(".git/filler");
        assert!(fs::write(&filler, vec![0; 8 << 20]).is_err());
        let mut size = fs::metadata(&filler).unwrap().len();
        let arguments = [&["--project", place.to_str().unwrap()], arguments].concat();
        let before = Disk::visible(&place);
        let mut all = Vec::new();
        loop {
            let output = world.thymis(&arguments);
            if output.code == 0 {
                return Some((all, mount));
            }
            let said = told(world, &output.refused());
            assert!(said.contains("No space left on device"), "{said}");
            all.push(said);
            before.assert_same_but(&Disk::visible(&place), ".git/filler");
            size -= pages * PAGE;
            fs::OpenOptions::new().write(true).open(&filler).unwrap().set_len(size).unwrap();
        }
    }

    #[test]
    fn a_full_disk() {
        let world = changed();
        let Some((said, copy)) = with_too_little_room(&world, 1, &["generate"]) else { return };
        insta::assert_snapshot!(said[0], @"git objects can't be written: failed to write out file: No space left on device");
        assert!(
            said.iter().any(|said| said.contains("the disk is full at") && said.contains("make room")),
            "{said:#?}"
        );
        assert!(fs::read_to_string(copy.0.join("hosts/office-display.nix")).unwrap().contains("9000"));
    }

    #[test]
    fn a_full_disk_with_many_files() {
        let world = World::with_inputs();
        for index in 0..60 {
            let state = json!({ "modules": [{ "module": "web/web-app", "settings": { "port": 1000 + index } }] });
            world.write(&format!("state/configurations/host-{index}.json"), state.to_string());
        }
        let Some((said, copy)) = with_too_little_room(&world, 4, &["generate"]) else { return };
        assert!(said.len() > 10, "{said:#?}");
        assert!(fs::read_to_string(copy.0.join("hosts/host-59.nix")).unwrap().contains("1059"));
    }

    #[test]
    fn a_full_disk_while_inputs_change_and_while_committing() {
        let world = World::generated();
        let url = format!("git+file://{}", Example::Picky.repository().display());
        let Some((_, copy)) = with_too_little_room(&world, 1, &["input", "add", "picky", &url]) else { return };
        assert!(fs::read_to_string(copy.0.join("state/project.json")).unwrap().contains("picky"));
        drop(copy);
        let world = changed();
        world.thymis(&["generate"]).done();
        let Some((said, copy)) = with_too_little_room(&world, 1, &["commit", "--message", "x"]) else { return };
        assert!(!said.is_empty());
        assert_eq!(git(&copy.0, &["status", "--porcelain"]), "");
    }
}

mod killed {
    use std::{process::Stdio, thread, time::Duration, time::Instant};

    use thymis_tests::Program;

    use super::*;

    const CONFIGURATIONS: usize = 200;
    const KILLS: u32 = 50;

    /// Gives every configuration a file that differs from those of all other rounds.
    fn edit_all(world: &World, round: u32) {
        for index in 0..CONFIGURATIONS {
            let modules = json!([
                { "module": "temperature/temperature-logger", "settings": { "interval": round + 1 } },
                { "module": "web/web-app", "settings": { "port": 1000 + index } },
            ]);
            let state = json!({ "display-name": format!("{round}"), "modules": modules }).to_string();
            world.write(&format!("state/configurations/host-{index}.json"), state);
        }
        // Some come and go.
        let extra = world.project().join("state/configurations/extra.json");
        if round.is_multiple_of(2) { fs::write(extra, "{}").unwrap() } else { fs::remove_file(extra).unwrap() }
    }

    fn draft(world: &World) -> String {
        world.git(&["rev-parse", "refs/thymis/draft^{tree}"])
    }

    /// Whether the generated files of the work tree are those of the draft.
    fn is_in_place(world: &World) -> bool {
        let tree = world.git(&["ls-tree", "-r", "refs/thymis/draft", "--", "hosts", "tags", "hosts.json", "flake.nix"]);
        let entries: Vec<(&str, &str)> = tree
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .map(|(entry, path)| (entry.rsplit(' ').next().unwrap(), path))
            .collect();
        let same = entries.iter().all(|(oid, path)| {
            let bytes = fs::read(world.project().join(path)).ok();
            let now = bytes.and_then(|bytes| git2::Oid::hash_object(git2::ObjectType::Blob, &bytes).ok());
            now.is_some_and(|now| now.to_string() == **oid)
        });
        let hosts = entries.iter().filter(|(_, path)| path.starts_with("hosts/")).count();
        same && fs::read_dir(world.project().join("hosts")).unwrap().count() == hosts
    }

    #[test]
    fn at_random_moments_leaves_the_old_tree_or_the_new_one() {
        let world = World::with_inputs();
        edit_all(&world, 0);
        world.thymis(&["generate"]).done();
        edit_all(&world, 1);
        let start = Instant::now();
        world.thymis(&["generate"]).done();
        let whole = start.elapsed();

        // Any sequence will do: what is random is the moment that it comes to.
        let mut random = 42_u64;
        let (mut unfinished, mut new, mut behind) = (0, 0, 0);
        for round in 2..2 + KILLS {
            edit_all(&world, round);
            let old = draft(&world);
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let share = f64::from(u32::try_from(random >> 33).unwrap()) / f64::from(1_u32 << 31);
            // Every other one towards the end, where the ref moves and files are put in place.
            let share = if round.is_multiple_of(2) { share } else { 0.7 + 0.4 * share };
            let moment = whole.mul_f64(share);
            let mut child = Program::command(&world.home())
                .args(["generate", "--project"])
                .arg(world.project())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(moment);
            let finished = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            unfinished += u32::from(!finished);

            // Whatever the ref names is all there.
            let fsck = git(&world.project(), &["fsck", "--strict", "--no-dangling", "--connectivity-only"]);
            assert_eq!(fsck, "", "{fsck}");
            let tree = draft(&world);
            let is_new = tree != old;
            new += u32::from(!finished && is_new);
            assert!(!finished || is_new);

            // Any command that comes next brings the work tree to what the ref names.
            behind += u32::from(!is_in_place(&world));
            world.thymis(&["input", "list"]).done();
            assert_eq!(draft(&world), tree);
            assert!(is_in_place(&world), "round {round} after {moment:?}");
            if is_new {
                // The new tree is the one that a generation without a kill makes.
                let again = world.thymis(&["--json", "generate"]).done().json();
                assert_eq!(again["changed"], false, "{again}");
                assert_eq!(draft(&world), tree);
            }
        }
        world.thymis(&["generate"]).done();
        world.thymis(&["generate", "--check"]).done();
        println!(
            "{whole:?} for all; {unfinished} of {KILLS} kills came before the end, {new} of them after the new tree was there, {behind} with a work tree to put right"
        );
        assert!(unfinished >= KILLS / 4, "only {unfinished} of {KILLS} kills came before the end");
        assert!(whole < Duration::from_secs(20));
    }
}
