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
    assert!(said.iter().any(|said| said.contains("the disk is full at") && said.contains("make room")), "{said:#?}");
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
