use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::stage::{LIMITS, Stage, nix, of_status, picky};

/// Name, modules, cause on both libs.
fn failing() -> Vec<(&'static str, Vec<Value>, &'static str)> {
    let build = r#"derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; }"#;
    let spin = "builtins.foldl' (a: x: builtins.foldl' (b: y: b + y) 0 (builtins.genList (z: z) 1000000)) 0 (builtins.genList (z: z) 1000000)";
    let memory = r#"builtins.stringLength (builtins.foldl' (a: _: a + a) "aaaaaaaa" (builtins.genList (x: x) 40))"#;
    let value = |text: &str| vec![nix(&format!("some.value = {text};"))];
    vec![
        ("bad-throw", value(r#"throw "the sensor is unplugged""#), "throw"),
        ("bad-abort", value(r#"abort "no way on""#), "throw"),
        ("bad-assert", value("assert 1 == 2; 1"), "throw"),
        (
            "bad-assertion",
            vec![nix(r#"assertions = [ { assertion = false; message = "two displays on one port"; } ];"#)],
            "throw",
        ),
        ("bad-attribute", value("{ }.missing"), "other"),
        ("bad-call", value("1 2"), "other"),
        ("bad-output", value("inputs.picky.nixosModules.nothing"), "missing-output"),
        ("bad-build", value(&format!("import ({build})")), "import-from-derivation"),
        ("bad-recursion", value("let x = x; in x"), "infinite-recursion"),
        ("bad-stack", value("let f = x: 1 + f x; in f 1"), "stack-overflow"),
        ("bad-file", value(r#"builtins.readFile "/etc/passwd""#), "forbidden"),
        ("bad-time", value(spin), "timeout"),
        ("bad-memory", value(memory), "out-of-memory"),
        ("bad-settings", vec![json!({ "module": "picky/picky", "settings": {} })], "not-generated"),
    ]
}

/// The same where lib checks options.
fn failing_options() -> Vec<(&'static str, Vec<Value>, &'static str)> {
    vec![
        ("bad-type", vec![picky(7)], "option"),
        ("bad-unknown", vec![picky(1), nix("services.picky.picky.colour = \"red\";")], "option"),
        ("bad-conflict", vec![picky(1), nix("services.picky.picky.level = lib.mkOverride 80 2;")], "option"),
        ("bad-nothing", vec![picky(1), nix("services.picky.second.level = 1;")], "option"),
    ]
}

/// Those that may end another way another time.
const OF_THIS_RUN: [&str; 3] = ["bad-memory", "bad-stack", "bad-time"];

#[test]
fn of_sixty_devices_those_that_fail_are_told_apart_and_stop_no_other() {
    let stage = Stage::new();
    let mut failing = failing();
    if Stage::is_real() {
        failing.extend(failing_options());
    }
    for (id, modules, _) in &failing {
        stage.device(id, modules);
    }
    let fine: BTreeSet<String> = (failing.len()..60).map(|n| format!("dev-{n:02}")).collect();
    for (n, id) in fine.iter().enumerate() {
        stage.device(id, &[picky(1 + n as u32 % 5), nix(&format!("some.value = {n};"))]);
    }
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!((code, &answer["checked"], &answer["cached"]), (1, &json!(60), &json!(0)));
    assert_eq!(answer["commit"], stage.world.git(&["rev-parse", "refs/thymis/draft"]).trim());
    let wrong: Vec<String> = failing
        .iter()
        .filter(|(id, _, cause)| answer["configurations"][id]["cause"] != *cause)
        .map(|(id, ..)| format!("{id}: {}", answer["configurations"][id]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(of_status(&answer, "ok"), fine);
    told(&answer);

    // What depends on the tree alone is known from now on, and the same.
    let (again, code) = stage.check(&[]);
    assert_eq!((code, &again["cached"]), (1, &json!(60 - OF_THIS_RUN.len())));
    assert_eq!(again["configurations"], answer["configurations"]);
    let (two, code) = stage.check(&["dev-30", "dev-31"]);
    assert_eq!((code, &two["checked"], &two["cached"]), (0, &json!(2), &json!(2)));
    let (anew, _) = stage.check(&["--again", "dev-30", "bad-throw"]);
    assert_eq!((&anew["checked"], &anew["cached"]), (&json!(2), &json!(0)));
    for id in ["dev-30", "bad-throw"] {
        assert_eq!(anew["configurations"][id], answer["configurations"][id]);
    }

    // Any device may read any file of the tree, so another tree is another question; the same again isn't.
    for (id, modules, _) in &failing {
        let repaired = if *id == "bad-throw" { vec![nix("some.value = 1;")] } else { modules.clone() };
        stage.device(id, &repaired);
        if OF_THIS_RUN.contains(id) {
            fs::remove_file(stage.world.project().join(format!("state/configurations/{id}.json"))).unwrap();
        }
    }
    stage.generate();
    let (other, _) = stage.check(&[]);
    assert_eq!((&other["checked"], &other["cached"]), (&json!(57), &json!(0)));
    assert_eq!(other["configurations"]["bad-throw"]["status"], "ok");
    assert_eq!(other["configurations"]["bad-abort"]["cause"], "throw");
    assert_eq!(other["configurations"]["dev-30"], answer["configurations"]["dev-30"]);
    stage.generate();
    assert_eq!(stage.check(&[]).0["cached"], 57);
}

/// What is said of some of them.
fn told(answer: &Value) {
    let of = |id: &str| &answer["configurations"][id];
    for (id, words) in [
        ("bad-throw", "the sensor is unplugged"),
        ("bad-abort", "no way on"),
        ("bad-assertion", "two displays on one port"),
        ("bad-attribute", "attribute 'missing' missing"),
        ("bad-output", "attribute 'nothing' missing"),
        ("bad-build", "x.drv"),
        ("bad-time", "nix_seconds"),
        ("bad-memory", "memory"),
        ("bad-settings", "picky/picky"),
    ] {
        assert!(of(id)["message"].as_str().unwrap().contains(words), "{}", of(id));
    }
    assert!(of("dev-30")["derivation"].as_str().unwrap().ends_with(".drv"));
    if !Stage::is_real() {
        return;
    }
    let of_picky = |id: &str| json!({ "file": format!("hosts/{id}.nix: picky/picky"), "module": "picky/picky", "instance": "picky" });
    let of_nix = |id: &str| json!({ "file": format!("hosts/{id}.nix: thymis/custom-nix"), "module": "thymis/custom-nix", "instance": "custom-nix" });
    let of_type = of("bad-type");
    assert_eq!(of_type["option"], "services.picky.picky.level");
    assert_eq!(of_type["blamed"], json!([of_picky("bad-type")]));
    assert_eq!(
        of_type["settings"],
        json!([{ "module": "picky/picky", "setting": "/level", "value": 7, "default": false }])
    );
    assert!(!of_type["trace"].as_array().unwrap().is_empty());
    let unknown = of("bad-unknown");
    assert_eq!(unknown["option"], "services.picky.picky.colour");
    assert_eq!(unknown["blamed"], json!([of_nix("bad-unknown")]));
    let conflict = of("bad-conflict");
    assert_eq!(conflict["option"], "services.picky.picky.level");
    let blamed: BTreeSet<String> = conflict["blamed"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(blamed, [of_picky("bad-conflict"), of_nix("bad-conflict")].map(|one| one.to_string()).into());
    assert_eq!(conflict["settings"][0]["setting"], "/level");
    assert_eq!(of("bad-nothing")["option"], "services.picky.second.name");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let stage = Stage::new();
    stage.device("lobby", &[picky(1)]);
    let refused = |arguments: &[&str]| stage.world.thymis(&[&["check"], arguments].concat()).refused();
    let said = refused(&[]);
    assert!(said.contains("thymis generate"), "{said}");
    stage.generate();
    let said = refused(&["lobby", "attic"]);
    assert!(said.contains("there is no `attic` among the generated configurations"), "{said}");
    assert_eq!(stage.world.thymis(&["check", "Not a name"]).code, 2);
    let limits = [&LIMITS[..], &["check", "lobby"]].concat();
    assert!(stage.world.thymis(&limits).done().stdout.contains("1 of 1 configurations can be evaluated"));
    // What changed since isn't what is checked, and that is said.
    stage.device("lobby", &[picky(2)]);
    let warned = stage.world.thymis(&["check"]).done().stderr;
    assert!(warned.contains("changed since `thymis generate`"), "{warned}");

    fs::remove_file(stage.world.project().join("state/configurations/lobby.json")).unwrap();
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!((code, &answer["checked"], &answer["configurations"]), (0, &json!(0), &json!({})));
}
