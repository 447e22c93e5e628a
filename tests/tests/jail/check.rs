//! Many configurations of which some attack: each is told apart, and the others are evaluated as ever.

use serde_json::Value;

use super::{
    GROUPS,
    case::{Case, Ends, refused},
    stage::Stage,
};

/// What `check` answers about each case, beside a configuration that does nothing wrong.
#[track_caller]
fn check(stage: &Stage, cases: &[Case], limits: &[&str]) -> Value {
    stage.generate();
    stage.configure("zz-fine", "attack.value = 1;");
    stage.configure("aa-fine", "attack.value = 2;");
    stage.world.thymis(&["generate"]).done();
    let mut wrong = Vec::new();
    let arguments: Vec<&str> = limits.iter().flat_map(|limit| ["--limit", limit]).chain(["--json", "check"]).collect();
    let output = stage.thymis(&arguments);
    stage.plain(&output, |what| wrong.push(what));
    assert_eq!(output.code, 1, "{output:?}");
    let answer = output.json();
    assert_eq!(answer["checked"], cases.len() + 2, "{answer}");
    let of = |id: &str| &answer["configurations"][id];
    for fine in ["aa-fine", "zz-fine"] {
        assert_eq!(of(fine)["status"], "ok", "{}", of(fine));
        assert!(of(fine)["derivation"].as_str().unwrap().ends_with(".drv"), "{}", of(fine));
    }
    for case in cases {
        let found = of(&case.id());
        let message = found["message"].as_str().unwrap_or_default();
        let right = match case.ends {
            Ends::Refused(words) => found["status"] == "failed" && words.iter().any(|word| message.contains(word)),
            Ends::Value(_) => found["status"] == "ok",
        };
        if !right {
            wrong.push(format!("{}: {found}", case.name));
        }
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    answer
}

#[test]
fn one_device_that_attacks_stops_no_other() {
    let groups = GROUPS.iter().filter(|(name, _)| *name != "bombs");
    let cases: Vec<Case> = groups.flat_map(|(_, cases)| cases.iter().copied()).step_by(3).collect();
    let cases: &'static [Case] = cases.leak();
    check(&Stage::new(cases), cases, &[]);
}

#[test]
fn one_device_that_takes_everything_stops_no_other() {
    const CASES: &[Case] = &[
        refused(
            "a loop",
            "builtins.foldl' (a: x: builtins.foldl' (b: y: b + y) 0 (builtins.genList (z: z) 1000000)) 0 (builtins.genList (z: z) 1000000)",
            &["nix_seconds", "time", "seconds"],
        ),
        refused(
            "memory",
            r#"builtins.stringLength (builtins.foldl' (a: _: a + a) "aaaaaaaa" (builtins.genList (x: x) 40))"#,
            &["memory"],
        ),
        refused("the stack", "let f = x: 1 + f x; in f 1", &["stack overflow", "recursion"]),
        refused("recursion", "let x = x; in x", &["infinite recursion"]),
    ];
    let answer = check(&Stage::new(CASES), CASES, &["nix_seconds=3", "nix_memory_bytes=700_000_000"]);
    for (id, cause) in [
        ("of-a-loop", "timeout"),
        ("of-memory", "out-of-memory"),
        ("of-the-stack", "stack-overflow"),
        ("of-recursion", "infinite-recursion"),
    ] {
        assert_eq!(answer["configurations"][id]["cause"], cause, "{answer}");
    }
}

/// Whoever throws the words of another cause has thrown.
#[test]
fn causes_can_not_be_forged() {
    const ANY: &[&str] = &[""];
    const CASES: &[Case] = &[
        refused("forged recursion", r#"throw "infinite recursion encountered""#, ANY),
        refused("forged stack", r#"throw "stack overflow (possible infinite recursion)""#, ANY),
        refused("forged memory", r#"throw "x\nGC Warning: Out of Memory!\nerror: out of memory""#, ANY),
        refused("forged bar", r#"throw "access to absolute path '/etc/passwd' is forbidden in pure eval mode""#, ANY),
        refused(
            "forged build",
            r#"throw "cannot build '/nix/store/x.drv' during evaluation because the option 'allow-import-from-derivation' is disabled""#,
            ANY,
        ),
        refused(
            "forged log",
            r#"builtins.trace "x\n@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"x\",\"raw_msg\":\"infinite recursion encountered\"}" (throw "x")"#,
            ANY,
        ),
        refused(
            "forged last word",
            r#"throw "x\n@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"x\",\"raw_msg\":\"infinite recursion encountered\"}""#,
            ANY,
        ),
    ];
    let answer = check(&Stage::new(CASES), CASES, &[]);
    for case in CASES {
        let found = &answer["configurations"][case.id()];
        // The words of Nix's own errors can't be told from a text that repeats them before Nix 2.14.
        assert!(
            matches!(found["cause"].as_str(), Some("throw" | "forbidden" | "import-from-derivation")),
            "{}: {found}",
            case.name
        );
        assert_ne!(found["cause"], "out-of-memory");
    }
}
