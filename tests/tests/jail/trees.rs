//! What is odd about the files of a flake: names, links as folders, settings, submodules, attributes of git.

use serde_json::Value;
use thymis_tests::{
    commit, git,
    repository::{Id, RawRepository, entry},
};

use super::{scenery::put, stage::Stage};

/// The value that a configuration has when it evaluates this text, in which `it` is the input; or what is said.
fn value(stage: &Stage, url: &str, nix: &str) -> Result<Value, String> {
    let [value] = values(stage, url, [nix]);
    value
}

/// The same of several.
fn values<const N: usize>(stage: &Stage, url: &str, nix: [&str; N]) -> [Result<Value, String>; N] {
    let mut wrong = Vec::new();
    let added = stage.thymis(&["input", "add", "--replace", "it", url]);
    stage.plain(&added, |what| wrong.push(what));
    for (number, nix) in nix.iter().enumerate() {
        stage.configure(&format!("lobby-{number}"), &format!("attack.value = let it = inputs.it; in {nix};"));
    }
    if added.code == 0 {
        stage.world.thymis(&["generate"]).done();
    }
    let values = std::array::from_fn(|number| {
        if added.code != 0 {
            return Err(added.stderr.clone());
        }
        let output = stage.thymis(&["--json", "eval", &format!("lobby-{number}"), "attack.value"]);
        stage.plain(&output, |what| wrong.push(what));
        if output.code == 0 { Ok(output.json()["attack.value"].clone()) } else { Err(output.stderr) }
    });
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "{nix:?}\n{}", wrong.join("\n"));
    values
}

#[test]
fn names_of_files() {
    let stage = Stage::new(&[]);
    let long = "n".repeat(255);
    let names: [&[u8]; 14] = [
        b"a\nb",
        b"a\x1b[2Jb",
        b"a\"b",
        b"a${builtins.abort \"x\"}b",
        b"''${x}",
        b"--option",
        b"-I",
        b"a'b;touch x",
        b"a b\tc",
        b"\\n",
        b"#x?dir=..&y",
        "a\u{202e}b".as_bytes(),
        b"a\xff\xfeb",
        long.as_bytes(),
    ];
    for (number, name) in names.into_iter().enumerate() {
        let repository = RawRepository::with(|repository| named(repository, name, number % 2 == 0));
        let [count, thrown] = values(
            &stage,
            &repository.url(),
            [
                "builtins.length (builtins.attrNames (builtins.readDir it))",
                // Every name comes out in a message.
                r#"map (name: import (it + "/${name}/throw.nix")) (builtins.attrNames (builtins.readDir it))"#,
            ],
        );
        match count {
            Ok(count) => assert_eq!(count, 2, "{name:?}"),
            Err(said) => assert!(std::str::from_utf8(name).is_err() && said.contains("error: "), "{name:?}: {said}"),
        }
        assert!(thrown.is_err(), "{name:?}");
    }
}

fn named(repository: &RawRepository, name: &[u8], folder: bool) -> Id {
    let throw = repository.blob("throw \"thrown\"");
    let odd = match folder {
        true => entry("40000", name, repository.tree(&entry("100644", "throw.nix", throw))),
        false => entry("100644", name, throw),
    };
    let flake = entry("100644", "flake.nix", repository.blob("{ outputs = _: { }; }"));
    let mut entries = [(name.to_vec(), odd), (b"flake.nix".to_vec(), flake)];
    entries.sort();
    repository.tree(&entries.map(|(_, entry)| entry).concat())
}

#[test]
fn folders_that_are_not_in_the_tree() {
    let stage = Stage::new(&[]);
    let evil = format!("git+file://{}", stage.world.path().join("evil").display());
    for folder in [
        "..",
        "../..",
        "links/outside",
        "links/up",
        "links/root",
        "%2e%2e",
        "links/..",
        "/",
        "/etc",
        "own.txt",
        ".git",
        "-x",
        "a%0Ab",
    ] {
        let said = value(&stage, &format!("{evil}?dir={folder}"), "it.secret").expect_err(folder);
        assert!(said.contains("error: "), "{folder}: {said}");
    }
    // One that is.
    let other = format!("git+file://{}?dir=sub", stage.world.path().join("other-evil").display());
    let place = stage.world.path().join("other-evil");
    put(
        &place.join("sub/flake.nix"),
        "{ outputs = i: { up = builtins.readFile ../own.txt; out = builtins.readFile (../. + \"/../../etc/passwd\"); }; }",
    );
    put(&place.join("own.txt"), "own");
    git(&place, &["init", "--quiet"]);
    commit(&place);
    assert_eq!(value(&stage, &other, "it.up").unwrap(), "own");
    assert!(value(&stage, &other, "it.out").is_err());
}

#[test]
fn settings_in_a_flake_count_for_nothing() {
    let stage = Stage::new(&[]);
    let place = stage.world.path().join("settings");
    let text = r#"{
  nixConfig = {
    accept-flake-config = true;
    allow-import-from-derivation = true;
    allow-unsafe-native-code-during-evaluation = true;
    allowed-uris = "file:// http:// https:// /";
    pure-eval = false;
    restrict-eval = false;
    sandbox = false;
    sandbox-fallback = true;
    builders = "ssh://127.0.0.1:@port";
    plugin-files = "@outside/plugin.so";
    post-build-hook = "@outside/hook";
    pre-build-hook = "@outside/hook";
    substitute = true;
    substituters = "http://127.0.0.1:@port file://@outside";
    extra-substituters = "http://127.0.0.1:@port";
    trusted-public-keys = "x:AAAA";
    netrc-file = "@outside/credentials.toml";
    flake-registry = "http://127.0.0.1:@port/registry.json";
    bash-prompt = "$(touch @marker)";
    diff-hook = "@outside/hook";
    run-diff-hook = true;
    store = "@outside/store";
  };
  outputs = _: {
    fine = 1;
    impure = builtins.currentSystem or "absent";
    built = import (derivation { system = "x86_64-linux"; name = "x"; builder = "/bin/sh"; args = [ "-c" "echo 1 > $out" ]; });
    read = builtins.readFile "@outside/secret.txt";
  };
}
"#;
    put(&place.join("flake.nix"), &stage.filled(text));
    git(&place, &["init", "--quiet"]);
    commit(&place);
    let url = format!("git+file://{}", place.display());
    assert_eq!(value(&stage, &url, "it.fine").unwrap(), 1);
    assert_eq!(value(&stage, &url, "it.impure").unwrap(), "absent");
    let said = value(&stage, &url, "it.built").unwrap_err();
    assert!(said.contains("allow-import-from-derivation") || said.contains("import from derivation"), "{said}");
    assert!(value(&stage, &url, "it.read").unwrap_err().contains("forbidden"));
}

#[test]
fn submodules_are_not_fetched() {
    let stage = Stage::new(&[]);
    let other = stage.world.path().join("outside/other");
    let revision = git(&other, &["rev-parse", "HEAD"]);
    let repository = RawRepository::with(|repository| {
        let modules =
            format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {0}\n\tupdate = !touch {0}\n", other.display());
        repository.tree(
            &[
                entry("100644", ".gitmodules", repository.blob(modules)),
                entry("100644", "flake.nix", repository.blob("{ outputs = _: { }; }")),
                entry("160000", "sub", Id::parse(revision.trim())),
            ]
            .concat(),
        )
    });
    let read = r#"builtins.readFile (it + "/sub/secret.txt")"#;
    assert!(value(&stage, &repository.url(), read).is_err());
    assert!(value(&stage, &format!("{}?submodules=1", repository.url()), read).is_err());
}

#[test]
fn attributes_of_git_change_nothing() {
    let stage = Stage::new(&[]);
    let place = stage.world.path().join("attributes");
    put(
        &place.join("flake.nix"),
        "{ outputs = _: { hidden = import ./hidden.nix; text = builtins.readFile ./text; }; }",
    );
    put(&place.join("hidden.nix"), "\"here\"");
    put(&place.join("text"), "$Format:%H %ae$ $Id$\r\n");
    put(
        &place.join(".gitattributes"),
        "hidden.nix export-ignore\ntext export-subst ident eol=lf filter=x working-tree-encoding=UTF-16\n",
    );
    git(&place, &["init", "--quiet"]);
    git(&place, &["config", "filter.x.smudge", &stage.filled("touch @marker")]);
    // As it is, whatever the attributes say of files that are added.
    let blob = git(&place, &["hash-object", "-w", "--no-filters", "text"]);
    git(&place, &["add", "flake.nix", "hidden.nix", ".gitattributes"]);
    git(&place, &["update-index", "--add", "--cacheinfo", &format!("100644,{},text", blob.trim())]);
    git(&place, &["commit", "--quiet", "--message=x"]);
    let url = format!("git+file://{}", place.display());
    assert_eq!(value(&stage, &url, "it.hidden").unwrap(), "here");
    assert_eq!(value(&stage, &url, "it.text").unwrap(), "$Format:%H %ae$ $Id$\r\n");
}
