//! Inputs of inputs, which `input lock` lets Nix find: only what is on the public internet, pinned, is one.

use thymis_tests::{Disk, commit};

use super::{scenery::put, stage::Stage};

/// What `evil` names as its input, as the text of its `inputs`, and the words of which one is said.
const INPUTS: &[(&str, &[&str])] = &[
    (r#"x.url = "path:@outside/folder";"#, &["path", "folder"]),
    (r#"x = { type = "path"; path = "@outside/folder"; };"#, &["path", "folder"]),
    (r#"x = { url = "path:@outside/folder"; flake = false; };"#, &["path", "folder"]),
    (r#"x.url = "@outside/folder";"#, &["path", "folder"]),
    (r#"x.url = "path:/etc"; x.flake = false;"#, &["path", "folder"]),
    (r#"x.url = "path:../../../../..@outside/folder";"#, &["path", "folder", ".."]),
    (r#"x.url = "path:./links/outside";"#, &["path", "folder", "link"]),
    (r#"x.url = "git+file://@outside/other";"#, &["file"]),
    (r#"x.url = "git+file://@outside/other?rev=@rev";"#, &["file"]),
    (r#"x = { type = "git"; url = "file://@outside/other"; };"#, &["file"]),
    (r#"x = { type = "git"; url = "@outside/other"; };"#, &["file", "path", "other"]),
    (r#"x.url = "file://@outside/secret.txt"; x.flake = false;"#, &["file"]),
    (r#"x.url = "tarball+file://@outside/other.tar"; x.flake = false;"#, &["file"]),
    (r#"x = { type = "tarball"; url = "file://@outside/other.tar"; flake = false; };"#, &["file"]),
    (r#"x.url = "secret";"#, &["registry"]),
    (r#"x.url = "flake:secret/@rev";"#, &["registry"]),
    (r#"x = { type = "indirect"; id = "secret"; };"#, &["registry", "indirect"]),
    (r#"x = { };"#, &["registry", "indirect", "evil/x"]),
    (r#"x.url = "git+http://127.0.0.1:@port/x";"#, &["http", "127.0.0.1"]),
    (r#"x.url = "git+https://127.0.0.1:@port/x";"#, &["127.0.0.1"]),
    (r#"x.url = "git+https://localhost:@port/x";"#, &["localhost"]),
    (r#"x.url = "git+https://[::1]:@port/x";"#, &["::1"]),
    (r#"x.url = "git+https://2130706433:@port/x";"#, &["2130706433"]),
    (r#"x.url = "http://127.0.0.1:@port/x.tar.gz";"#, &["http", "127.0.0.1"]),
    (r#"x.url = "https://127.0.0.1:@port/x.tar.gz";"#, &["127.0.0.1"]),
    (r#"x = { type = "gitlab"; host = "127.0.0.1:@port"; owner = "a"; repo = "b"; };"#, &["127.0.0.1", "host"]),
    (r#"x.url = "git+ssh://127.0.0.1:@port/x";"#, &["ssh"]),
    (r#"x.url = "git://127.0.0.1:@port/x";"#, &["git"]),
    (r#"x.url = "git+ssh://-oProxyCommand=touch%20@marker/x";"#, &["ssh"]),
    (r#"x.url = "hg+https://127.0.0.1:@port/x";"#, &["hg", "127.0.0.1"]),
    (r#"x.url = builtins.readFile "@outside/secret.txt";"#, &["evil"]),
    (r#"x.url = "path:${builtins.getEnv "HOME"}";"#, &["evil"]),
];

#[test]
fn inputs_of_inputs_are_refused_that_are_on_this_machine_or_nowhere() {
    let stage = Stage::new(&[]);
    let evil = stage.world.path().join("evil");
    let mut wrong = Vec::new();
    for (inputs, words) in INPUTS {
        let inputs = stage.filled(inputs);
        put(&evil.join("flake.nix"), &format!("{{\n  inputs = {{ {inputs} }};\n  outputs = _: {{ }};\n}}\n"));
        commit(&evil);
        locks_nothing(&stage, &inputs, words, &mut wrong);
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What an input's own lock pins may be such, too.
#[test]
fn locks_of_inputs_are_looked_at_too() {
    const HASH: &str = r#""narHash": "@hash", "lastModified": 1"#;
    const LOCKED: &[(&str, &[&str])] = &[
        (r#"{ "type": "path", "path": "@outside/folder", @of }"#, &["path", "folder"]),
        (r#"{ "type": "git", "url": "file://@outside/other", "rev": "@rev", @of }"#, &["file"]),
        (r#"{ "type": "git", "url": "http://127.0.0.1:@port/x", "rev": "@rev", @of }"#, &["http", "127.0.0.1"]),
        (r#"{ "type": "tarball", "url": "file://@outside/other.tar", "narHash": "@hash" }"#, &["file", "tarball"]),
        (r#"{ "type": "indirect", "id": "secret", @of }"#, &["registry", "indirect", "nobody.invalid"]),
        (
            r#"{ "type": "git", "url": "https://nobody.invalid/x", "narHash": "@hash", "lastModified": 1 }"#,
            &["rev", "nobody.invalid"],
        ),
        (
            r#"{ "type": "git", "url": "https://nobody.invalid/x", "rev": "@rev", "lastModified": 1 }"#,
            &["hash", "nobody.invalid", "narHash"],
        ),
        (r#"{ "type": "\u001b[31mred", @of }"#, &["evil", "unsupported"]),
    ];
    let stage = Stage::new(&[]);
    let evil = stage.world.path().join("evil");
    put(&evil.join("flake.nix"), "{\n  inputs.x.url = \"git+https://nobody.invalid/x\";\n  outputs = _: { };\n}\n");
    let mut wrong = Vec::new();
    for (locked, words) in LOCKED {
        let locked = stage.filled(&locked.replace("@of", HASH));
        let original = r#"{ "type": "git", "url": "https://nobody.invalid/x" }"#;
        let nodes = format!(
            r#"{{ "root": {{ "inputs": {{ "x": "x" }} }}, "x": {{ "locked": {locked}, "original": {original} }} }}"#
        );
        put(&evil.join("flake.lock"), &format!(r#"{{ "nodes": {nodes}, "root": "root", "version": 7 }}"#));
        commit(&evil);
        locks_nothing(&stage, &locked, words, &mut wrong);
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Adds `evil`, and locks: nothing is told or changed.
fn locks_nothing(stage: &Stage, what: &str, words: &[&str], wrong: &mut Vec<String>) {
    let world = &stage.world;
    let mut note = |problem: String| wrong.push(format!("{what}: {problem}"));
    let added = stage.thymis(&["input", "add", "evil", &format!("git+file://{}", world.path().join("evil").display())]);
    stage.plain(&added, &mut note);
    if added.code != 0 {
        // Refused earlier.
        return;
    }
    let before = Disk::visible(&world.project());
    let locked = stage.thymis(&["--limit", "nix_seconds=20", "input", "lock"]);
    stage.plain(&locked, &mut note);
    if locked.code != 1 || !locked.stderr.contains("evil") || !words.iter().any(|word| locked.stderr.contains(word)) {
        note(format!("ended with {}: {}{}", locked.code, locked.stdout, locked.stderr));
    }
    if Disk::visible(&world.project()) != before {
        note("the project changed".to_owned());
    }
    stage.kept_nothing(&mut note);
    world.thymis(&["input", "remove", "evil"]).done();
}

#[test]
fn an_input_of_a_name_of_the_project_is_the_projects() {
    let stage = Stage::new(&[]);
    let evil = stage.world.path().join("evil");
    let text = r#"{
  inputs.nixpkgs.url = "path:@outside/folder";
  outputs = inputs: { secret = inputs.nixpkgs.secret or "none"; };
}
"#;
    put(&evil.join("flake.nix"), &stage.filled(text));
    commit(&evil);
    stage.world.add("evil", &evil).done();
    stage.configure("lobby", "attack.value = inputs.evil.secret;");
    stage.world.thymis(&["generate"]).done();
    let output = stage.thymis(&["--json", "eval", "lobby", "attack.value"]).done();
    assert_eq!(output.json()["attack.value"], "none");
}

/// Whether it is refused or only of no use: whoever doesn't use it is evaluated as ever.
#[test]
fn inputs_that_follow_each_other_in_a_circle_stop_nobody_else() {
    let stage = Stage::new(&[]);
    let evil = stage.world.path().join("evil");
    for inputs in [
        r#"x.follows = "y"; y.follows = "x";"#,
        r#"x.follows = "x";"#,
        r#"x.follows = "../../nixpkgs";"#,
        r#"x.follows = "no/such/input";"#,
        r#"x.inputs.x.follows = "x"; x.follows = "nixpkgs";"#,
    ] {
        put(&evil.join("flake.nix"), &format!("{{ inputs = {{ {inputs} }}; outputs = _: {{ }}; }}"));
        commit(&evil);
        stage.world.add("evil", &evil).done();
        stage.configure("lobby", "attack.value = 1;");
        let mut wrong = Vec::new();
        stage.plain(&stage.thymis(&["input", "lock"]), |what| wrong.push(what));
        stage.world.thymis(&["generate"]).done();
        assert_eq!(stage.thymis(&["eval", "lobby", "attack.value"]).done().stdout, "attack.value = 1\n", "{inputs}");
        stage.untouched(&mut wrong);
        assert!(wrong.is_empty(), "{inputs}\n{}", wrong.join("\n"));
        stage.world.thymis(&["input", "remove", "evil"]).done();
    }
}
