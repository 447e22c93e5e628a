use std::{
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    process::Command,
};

use super::*;

/// What is said of artifacts that are not taken over.
#[track_caller]
fn refused_with(prepare: impl FnOnce(&Path)) -> String {
    let world = World::empty();
    let old = old(&world, &newest(json!([])));
    fs::create_dir(old.join("artifacts")).unwrap();
    fs::write(old.join("artifacts/fine.txt"), "fine").unwrap();
    prepare(&old.join("artifacts"));
    let said = init(&world, &old).refused();
    assert!(!world.project().exists());
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 2, "nothing is left");
    said
}

#[test]
fn artifacts_are_copied_with_any_plain_name() {
    let world = World::empty();
    let old = old(&world, &newest(json!([])));
    let names = ["logo.png", "dir/sub dir/größe-日本.txt", "we\"ird ${x}.txt"];
    for name in names {
        let path = old.join("artifacts").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    assert_eq!(init(&world, &old).done().json()["report"]["artifacts"], 3);
    for name in names {
        assert_eq!(world.read(&format!("artifacts/{name}")), name);
    }
    world.thymis(&["generate"]).done();
}

#[test]
fn a_program_among_the_artifacts_stays_one() {
    let world = World::empty();
    let old = old(&world, &newest(json!([])));
    fs::create_dir(old.join("artifacts")).unwrap();
    for (name, mode) in [("run.sh", 0o755), ("data.txt", 0o644)] {
        let path = old.join("artifacts").join(name);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    init(&world, &old).done();
    world.thymis(&["generate"]).done();
    let tree = world.git(&["ls-tree", "-r", "refs/thymis/draft", "artifacts"]);
    assert!(tree.contains("100755 blob") && tree.contains("100644 blob"), "{tree}");
}

#[test]
fn a_project_in_its_data_folder_is_found() {
    let world = World::empty();
    let old = old(&world, &newest(json!([configuration("a", json!([]))])));
    fs::create_dir(old.join("repository")).unwrap();
    fs::rename(old.join("state.json"), old.join("repository/state.json")).unwrap();
    fs::create_dir(old.join("repository/artifacts")).unwrap();
    fs::write(old.join("repository/artifacts/a"), "a").unwrap();
    assert_eq!(init(&world, &old).done().json()["report"]["artifacts"], 1);
}

#[test]
fn nothing_outside_is_followed() {
    let secret = tempfile::TempDir::new().unwrap();
    fs::write(secret.path().join("id_ed25519"), "private").unwrap();
    let said = refused_with(|artifacts| symlink(secret.path().join("id_ed25519"), artifacts.join("a")).unwrap());
    assert!(said.contains("artifact `a` can't be taken over: it is a symbolic link"), "{said}");
    refused_with(|artifacts| symlink(secret.path(), artifacts.join("folder")).unwrap());
    let said = refused_with(|artifacts| {
        fs::remove_dir_all(artifacts).unwrap();
        symlink(secret.path(), artifacts).unwrap();
    });
    assert!(said.contains("no symbolic link"), "{said}");

    let world = World::empty();
    let old = world.path().join("old");
    fs::create_dir(&old).unwrap();
    symlink(sample(), old.join("state.json")).unwrap();
    assert!(init(&world, &old).refused().contains("must be a plain file"));
}

#[test]
fn pipes_odd_names_and_huge_files_are_refused() {
    let said = refused_with(|artifacts| {
        assert!(Command::new("mkfifo").arg(artifacts.join("pipe")).status().unwrap().success());
    });
    assert!(said.contains("neither a file nor a folder"), "{said}");
    let said = refused_with(|artifacts| fs::write(artifacts.join(OsStr::from_bytes(b"a\xff")), "").unwrap());
    assert!(said.contains("not UTF-8"), "{said}");
    for name in ["a\nb", "a\\b", ".git"] {
        let said = refused_with(|artifacts| fs::write(artifacts.join(name), "").unwrap());
        assert!(said.contains("rename it"), "{said}");
    }
    let said = refused_with(|artifacts| {
        fs::File::create(artifacts.join("sparse")).unwrap().set_len((512 << 20) + 1).unwrap();
    });
    assert!(said.contains("larger than 512 MiB"), "{said}");
}
