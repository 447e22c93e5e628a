//! Inputs of the project that a configuration doesn't use: a stranger's NixOS module that knows all about them can't read them.

use serde_json::json;
use thymis_tests::{Example, commit, copy, git};

use super::{
    case::{Case, Ends, refused},
    elsewhere::GONE,
    scenery::put,
    stage::Stage,
};

/// Values of the NixOS module, where `private` is the address of the input, and `rev`, `hash` and `stored` are its.
const CASES: &[Case] = &[
    refused(
        "fetchTree",
        r#"builtins.readFile "${builtins.fetchTree { type = "git"; url = private; inherit rev; lastModified = 1; narHash = hash; }}/secret.txt""#,
        GONE,
    ),
    refused(
        "fetchTree without a hash",
        r#"builtins.readFile "${builtins.fetchTree { type = "git"; url = private; inherit rev; }}/secret.txt""#,
        GONE,
    ),
    refused(
        "fetchTree from nowhere",
        r#"builtins.readFile "${builtins.fetchTree { type = "github"; owner = "a"; repo = "b"; inherit rev; lastModified = 1; narHash = hash; }}/secret.txt""#,
        GONE,
    ),
    refused(
        "fetchTarball",
        r#"builtins.readFile "${builtins.fetchTarball { url = private; sha256 = hash; }}/secret.txt""#,
        GONE,
    ),
    refused("fetchGit", r#"builtins.readFile "${builtins.fetchGit { url = private; inherit rev; }}/secret.txt""#, GONE),
    refused("getFlake", r#"(builtins.getFlake "git+${private}?rev=${rev}&narHash=${hash}").secret"#, GONE),
    refused("getFlake of a path", r#"(builtins.getFlake "path:${stored}?narHash=${hash}").secret"#, GONE),
    refused(
        "path",
        r#"builtins.readFile "${builtins.path { path = stored; name = "source"; sha256 = hash; }}/secret.txt""#,
        GONE,
    ),
    refused("readFile", r#"builtins.readFile "${stored}/secret.txt""#, GONE),
    refused(
        "storePath",
        r#"builtins.readFile "${builtins.storePath stored}/secret.txt""#,
        &["not allowed", "forbidden"],
    ),
    refused(
        "a derivation",
        r#"(derivation { system = "x"; name = "x"; builder = "x"; src = builtins.appendContext stored { ${stored}.path = true; }; }).drvPath"#,
        &["not valid", "cannot", "forbidden", "don't have"],
    ),
    // A device's modules are in its files, and a value from there says where that is.
    refused(
        "settings of another device",
        r#"builtins.readFile (dirOf own.file + "/../state/configurations/friend.json")"#,
        GONE,
    ),
    refused("what another device is made of", r#"builtins.readFile (dirOf own.file + "/friend.nix")"#, GONE),
    refused("inputs", "inputs.private.secret", &["missing"]),
    refused("inputs of inputs", "inputs.picky.inputs.private.secret", &["missing"]),
];

#[test]
fn inputs_of_other_configurations() {
    let stage = Stage::new(&[]);
    let world = &stage.world;
    let private = stage.world.path().join("outside/other");
    world.add("private", &private).done();
    let lock: serde_json::Value = serde_json::from_str(&world.read("modules.lock")).unwrap();
    let pin = lock["inputs"]["private"].to_string();
    let hash = pin.split('"').find(|text| text.starts_with("sha256-")).unwrap();
    let names = [
        ("private", format!("file://{}", private.display())),
        ("rev", git(&private, &["rev-parse", "HEAD"]).trim().to_owned()),
        ("hash", hash.to_owned()),
        ("stored", stage.stored().to_owned()),
    ];
    let names: String = names.iter().map(|(name, value)| format!("{name} = {};\n", json!(value))).collect();
    let cases: String = CASES.iter().map(|case| format!("{} = {};\n", case.id(), case.nix)).collect();

    let picky = world.path().join("picky");
    copy(Example::Picky.repository(), &picky);
    let module = r#"{ config, inputs, lib, ... }: let
      name = builtins.head (builtins.attrNames config.services.picky);
      own = builtins.unsafeGetAttrPos "name" config.services.picky.${name};
    in {
      options.services.picky = lib.mkOption { type = lib.types.raw; };
      config.attack.value = attacks inputs own name;
    }"#;
    put(
        &picky.join("flake.nix"),
        &format!(
            "{{ outputs = _: let {names} attacks = inputs: own: name: {{ {cases} }}.${{name}}; in {{ nixosModules.default = {module}; }}; }}"
        ),
    );
    commit(&picky);
    world.add("picky", &picky).done();
    world.thymis(&["input", "accept", "picky", "--yes"]).done();
    for case in CASES {
        let id = case.id();
        let module = json!({ "module": "picky/picky", "instance": id, "settings": { "name": "x" } });
        world.write(&format!("state/configurations/{id}.json"), json!({ "modules": [module] }).to_string());
    }
    // Who uses it reads it: it is there.
    stage.configure("friend", &format!("attack.value = inputs.private.secret; # {}", super::stage::secret()));
    world.thymis(&["generate"]).done();
    let mut wrong = Vec::new();
    assert!(world.thymis(&["eval", "friend", "attack.value"]).done().stdout.contains("kept-from-flakes"));
    for case in CASES {
        let mut note = |what: String| wrong.push(format!("{}: {what}", case.name));
        let output = stage.thymis(&["eval", &case.id(), "attack.value"]);
        stage.plain(&output, &mut note);
        let Ends::Refused(words) = case.ends else { unreachable!() };
        if output.code != 1 || !words.iter().any(|word| output.stderr.contains(word)) {
            note(format!("ended with {}: {}{}", output.code, output.stdout, output.stderr));
        }
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
