use super::*;

#[test]
fn files_that_are_no_states_are_refused_and_nothing_is_made() {
    for (bytes, says) in [
        (b"".to_vec(), "ends too early"),
        (b"{\"version\": \"0.0.9\"".to_vec(), "ends too early"),
        (b"{\"version\": \"\xff\"}".to_vec(), "not UTF-8"),
        ("[".repeat(1 << 20).into_bytes(), "recursion limit"),
        (
            format!("{{\"version\": \"0.0.9\", \"x\": {}1{}}}", "[".repeat(500), "]".repeat(500)).into_bytes(),
            "recursion limit",
        ),
        (vec![b' '; (16 << 20) + 2], "bytes long"),
        (b"{}".to_vec(), "not the state.json of a Thymis project"),
        (b"{\"version\": 9}".to_vec(), "not the state.json of a Thymis project"),
        (b"{\"version\": \"0.0.10\"}".to_vec(), "versions 0.0.1 to 0.0.9 can be read"),
        (b"{\"version\": \"0.0.9\", \"configs\": [[]]}".to_vec(), "`configs/0` must be an object"),
        (
            b"{\"version\": \"0.0.9\", \"configs\": [{}]}".to_vec(),
            "`configs/0/displayName` must be a text; found nothing",
        ),
    ] {
        let said = refused(bytes);
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn modules_that_can_not_even_be_kept_are_told_and_hold_nothing_up() {
    for class in ["", "Kiosk", "../../etc", "os.system('x')", "a.b\n", "a/b.c", "a.\u{202e}b"] {
        let module = json!([{ "type": class, "settings": {} }]);
        let world = World::empty();
        let old = old(&world, &newest(json!([configuration("a", module)])));
        let arguments = ["init", "project", "--from-thymis", old.to_str().unwrap()];
        let said = world.thymis_in(world.path(), &arguments).done().stdout;
        assert!(said.contains("Dropped") && said.contains("configuration `a`"), "{class}: {said}");
        assert!(!said.contains('\u{202e}'));
    }
}

#[test]
fn more_than_a_project_may_have_is_refused_in_words() {
    let many: Vec<Value> = (0..257).map(|_| json!({ "type": "a.b.C", "settings": {} })).collect();
    let said = refused(newest(json!([configuration("a", many.into())])).to_string());
    assert!(said.contains("257 modules, 256 are allowed"), "{said}");
}

#[test]
fn texts_of_strangers_reach_no_terminal_unchanged() {
    let mut odd = configuration("\u{1b}[2Ja", json!([]));
    odd["displayName"] = json!("a\u{1b}[31m\nb");
    let world = World::empty();
    let old = old(&world, &newest(json!([odd])));
    let said =
        world.thymis_in(world.path(), &["init", "project", "--from-thymis", old.to_str().unwrap()]).done().stdout;
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(state(&world, "state/configurations/2ja.json")["display-name"], "a [31m b");
}

#[test]
fn a_folder_that_holds_something_stays_as_it_is() {
    let world = World::empty();
    fs::create_dir(world.project()).unwrap();
    fs::write(world.project().join("mine"), "x").unwrap();
    assert!(init(&world, &sample()).refused().contains("is not empty"));
    assert_eq!(fs::read_dir(world.project()).unwrap().count(), 1);
    fs::remove_file(world.project().join("mine")).unwrap();
    // Into an empty folder that somebody is in.
    world.thymis(&["init", ".", "--from-thymis", sample().to_str().unwrap()]).done();
    let mut names: Vec<_> = fs::read_dir(world.project()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".git", ".gitignore", "state"]);
    assert!(init(&World::empty(), Path::new("/nowhere")).refused().contains("can't be read"));
}

#[test]
fn an_address_that_no_project_can_hold_is_told_and_holds_nothing_up() {
    for url in [format!("x:{}", "y".repeat(3000)), "git+https://example.org/\u{1b}[2Ja".to_owned()] {
        let world = World::empty();
        let state = json!({ "version": "0.0.9", "repositories": { "a": { "url": url } } });
        let old = old(&world, &state);
        let arguments = ["init", "project", "--from-thymis", old.to_str().unwrap()];
        let said = world.thymis_in(world.path(), &arguments).done().stdout;
        assert!(said.contains("Repositories that can't be inputs") && !said.contains('\u{1b}'), "{said}");
    }
}
