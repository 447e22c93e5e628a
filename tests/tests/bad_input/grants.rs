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
    - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, failed: git+file:///world/repositories/temperature-logger doesn't have the commit REVISION on any branch or tag: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
    - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, failed: git+file:///world/repositories/temperature-logger doesn't have the commit REVISION on any branch or tag: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
    - configuration `greenhouse-north`: the tag `core` can't be generated
    - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
    - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, failed: git+file:///world/repositories/temperature-logger doesn't have the commit REVISION on any branch or tag: it was never there, or its branch was removed or rewritten; choose a commit of a branch or tag
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
    let add =
        |replace: &[&str]| world.thymis(&[&["--json", "input", "add", "mine", &url], replace].concat()).done().json();
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
    insta::assert_snapshot!(refused(&world, &["generate"]), @"modules.lock: line 39, column 5: the key `temperature` is there twice; keep one of the two");
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
