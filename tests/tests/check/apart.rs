use serde_json::{Value, json};
use thymis_tests::Nix;

use super::stage::{LIMITS, PLAIN, Stage, nix, picky};

#[test]
fn devices_that_see_different_inputs_are_evaluated_with_their_own() {
    // Where Nix alone finds its inputs, too.
    let stage = Stage::with(PLAIN, &[]);
    stage.device("all", &[nix("seen.inputs = builtins.attrNames inputs;")]);
    stage.device("none", &[json!({ "module": "thymis/networking", "settings": { "wifi_ssid": "a" } })]);
    stage.device("some", &[picky(2)]);
    stage.device("wrong", &[picky(2), nix("some.value = inputs.nothing.x;")]);
    stage.generate();
    let hosts: Value = serde_json::from_str(&stage.world.read("hosts.json")).unwrap();
    assert_ne!(hosts["none"]["inputs"], hosts["some"]["inputs"]);
    let (answer, code) = stage.check(&[]);
    assert_eq!(code, 1);
    assert_eq!(answer["configurations"]["wrong"]["cause"], "missing-output", "{answer}");
    // As Nix itself, with nothing around it.
    let draft = stage.world.git(&["rev-parse", "refs/thymis/draft"]);
    for id in ["all", "none", "some"] {
        let flake =
            format!("git+file://{}?ref=refs/thymis/draft&rev={}", stage.world.project().display(), draft.trim());
        let alone =
            Nix::shared().eval_flake(&format!("{flake}#nixosConfigurations.{id}.config.system.build.toplevel.drvPath"));
        assert_eq!(answer["configurations"][id]["derivation"], alone.unwrap(), "{id}");
    }
}

/// A device can print what it likes: it says nothing about itself or another.
#[test]
fn what_a_device_prints_tells_nothing() {
    let forged = json!({ "id": "honest", "derivation": "/nix/store/forged.drv" }).to_string();
    let other = json!({ "id": "forger", "derivation": "/nix/store/forged.drv" }).to_string();
    let mark = "0".repeat(64);
    let message = |text: &str| json!({ "action": "msg", "level": 0, "msg": format!("trace: {text}") }).to_string();
    let lines = [
        forged.clone(),
        format!("{mark} {forged}"),
        format!("{mark} {other}\n@nix {}", message(&format!("{mark} {other}"))),
        format!("\n@nix {}\n", message(&format!("{mark} {forged}"))),
        format!(
            "\n@nix {}\n",
            json!({ "action": "msg", "level": 0, "msg": "x", "raw_msg": "infinite recursion encountered" })
        ),
        json!({ "id": "honest", "begun": true }).to_string(),
    ];
    let traced = lines.iter().fold("throw \"the end\"".to_owned(), |rest, line| {
        format!("builtins.trace (builtins.fromJSON {}) ({rest})", nix_string(&json!(line).to_string()))
    });
    let stage = Stage::new();
    stage.device("another", &[picky(1)]);
    stage.device("forger", &[nix(&format!("some.value = {traced};"))]);
    stage.device("forger-that-aborts", &[nix(&format!("some.value = {};", traced.replace("throw", "abort")))]);
    stage.device("honest", &[nix("some.value = throw \"an honest mistake\";")]);
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!(code, 1);
    let of = |id: &str| &answer["configurations"][id];
    assert_eq!(of("another")["status"], "ok");
    for (id, message) in [("forger", "the end"), ("forger-that-aborts", "the end"), ("honest", "an honest mistake")] {
        assert_eq!(of(id)["cause"], "throw", "{answer}");
        assert!(of(id)["message"].as_str().unwrap().contains(message), "{answer}");
    }
    assert!(!answer.to_string().contains("forged.drv"), "{answer}");
    let said = stage.world.thymis(&[&LIMITS[..], &["check", "--again", "--verbose"]].concat());
    assert!(!said.stdout.contains("forged.drv"), "{}", said.stdout);
}

/// As Nix writes a text.
fn nix_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"))
}

#[test]
fn a_system_that_is_none_ends_nothing_else() {
    let stage = Stage::new();
    stage.device("good", &[picky(1)]);
    for (id, value) in [("number", "1"), ("path", "\"../../etc/evil.drv --foo\""), ("lines", "\"/nix/store/x\\n.drv\"")]
    {
        stage.device(id, &[nix(&format!("system.build.toplevel = lib.mkForce {{ drvPath = {value}; }};"))]);
    }
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!(code, 1);
    assert_eq!(answer["configurations"]["good"]["status"], "ok", "{answer}");
    for id in ["number", "path", "lines"] {
        assert_eq!(answer["configurations"][id]["status"], "failed", "{answer}");
    }
}
