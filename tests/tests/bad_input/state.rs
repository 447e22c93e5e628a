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
