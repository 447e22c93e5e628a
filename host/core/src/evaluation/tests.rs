//! `captured/` holds what Nix 2.8 wrote, with nixpkgs' real lib; of what Nix shows of files only our own is kept.

use super::*;

const P: &str = "/nix/store/nvdp5y4qx9abbps8d7rzknlavqhx656h-source";

macro_rules! captured {
    ($name:literal) => {
        diagnose(include_bytes!(concat!("captured/", $name, ".log")))
    };
}

/// Cause, option, who is blamed: in brackets where the name is none of ours.
fn summary(diagnosis: &Diagnosis) -> String {
    let cause = serde_json::to_value(diagnosis.cause).unwrap();
    let blamed: Vec<String> = diagnosis
        .blamed
        .iter()
        .map(|blamed| match &blamed.origin {
            Some(origin) => origin.to_string(),
            None => format!("({})", blamed.file),
        })
        .collect();
    let blamed = if blamed.is_empty() { "-".to_owned() } else { blamed.join(", ") };
    let option = diagnosis.option.as_deref().unwrap_or("-");
    format!("{} | {option} | {blamed}", cause.as_str().unwrap())
}

/// A line as Nix writes it of an error.
fn error(text: &str, more: serde_json::Value) -> Vec<u8> {
    let mut message = serde_json::json!({
        "action": "msg", "level": 0, "msg": format!("error: {text}"), "raw_msg": text,
        "file": null, "line": null, "column": null,
    });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    // Nix sorts the keys.
    let message: std::collections::BTreeMap<_, _> = message.as_object().unwrap().iter().collect();
    let message = serde_json::to_string(&message).unwrap();
    format!("@nix {message}\n").into_bytes()
}

fn thrown(text: &str) -> Diagnosis {
    diagnose(&error(text, serde_json::json!({})))
}

#[test]
fn what_nixos_refuses_is_laid_to_the_option_and_its_definitions() {
    let told = [
        ("wrong type", captured!("wrong-type")),
        ("wrong type, quoted name", captured!("nested")),
        ("conflict", captured!("conflict")),
        ("unique", captured!("unique")),
        ("read-only", captured!("read-only")),
        ("unknown", captured!("unknown")),
        ("undefined", captured!("undefined")),
        ("null or not", captured!("null-or-not")),
        ("declared twice", captured!("declared-twice")),
        ("removed", captured!("removed")),
        ("not a set", captured!("not-a-set")),
        ("anonymous", captured!("anonymous")),
        ("unsupported", captured!("unsupported")),
        ("not a module", captured!("not-a-module-type")),
        ("nested list", captured!("nested-list")),
    ]
    .map(|(name, diagnosis)| format!("{name}: {}\n", summary(&diagnosis)))
    .concat();
    insta::assert_snapshot!(told, @r#"
    wrong type: option | services.x.port | hosts/b.nix: web/web-app
    wrong type, quoted name: option | m."it's a.b".v | tags/t.nix: web/web-app as second
    conflict: option | s | tags/t.nix: web/web-app as second, hosts/b.nix: web/web-app
    unique: option | u | tags/t.nix: web/web-app as second, hosts/b.nix: web/web-app
    read-only: option | r | tags/t.nix: web/web-app as second, hosts/b.nix: web/web-app
    unknown: option | servces | hosts/b.nix: web/web-app
    undefined: option | a | -
    null or not: option | n | tags/t.nix: web/web-app as second, hosts/b.nix: web/web-app
    declared twice: option | a | sensors#nixosModules.default, hosts/a.nix: y/z
    removed: option | old.way | -
    not a set: option | services.x | hosts/b.nix: web/web-app
    anonymous: option | s | sensors#nixosModules.default
    unsupported: option | - | -
    not a module: option | - | sensors#nixosModules.default
    nested list: option | - | sensors#nixosModules.default
    "#);
}

#[test]
fn assertions_are_listed_and_laid_to_who_makes_them() {
    let diagnosis = captured!("assertions");
    insta::assert_snapshot!(summary(&diagnosis), @r"option | old.way | tags/t.nix: web/web-app as second, hosts/b.nix: web/web-app");
    insta::assert_snapshot!(diagnosis.assertions.join("\n---\n"), @r"
    The option definition `old.way' in `tags/t.nix: web/web-app as second' no longer has any effect; please remove it.
    Use new.
    ---
    hosts/b.nix: web/web-app: the page needs a title
      and more
    ");
    let own = thrown("\nFailed assertions:\n- hosts/b.nix: web/app: no title\n- a text: b: c");
    insta::assert_snapshot!(summary(&own), @r"throw | - | hosts/b.nix: web/app");
    assert_eq!(own.assertions, ["hosts/b.nix: web/app: no title", "a text: b: c"]);
}

#[test]
fn other_errors_are_told_apart() {
    let told = [
        ("throw", captured!("throw-value")),
        ("throw in a condition", captured!("if-value")),
        ("abort", captured!("abort-value")),
        ("assert", captured!("assert-value")),
        ("missing output", captured!("missing-output")),
        ("missing attribute", captured!("missing-attribute")),
        ("no such attribute of a flake", captured!("no-attribute")),
        ("coercion", captured!("coerce")),
        ("a module that is a number", captured!("not-a-module")),
        ("missing file", captured!("no-file")),
        ("import from derivation", captured!("ifd")),
        ("recursion", captured!("recursion")),
        ("recursion of imports", captured!("recursion-imports")),
        ("stack", captured!("stack")),
        ("memory", captured!("memory")),
        ("absolute path", captured!("forbidden-absolute")),
        ("search path", captured!("forbidden-lookup")),
        ("store path", captured!("store-path")),
        ("not locked", captured!("fetch-unlocked")),
        ("file of the network", captured!("fetch")),
        ("git", captured!("fetch-git")),
    ]
    .map(|(name, diagnosis)| format!("{name}: {}\n", summary(&diagnosis)))
    .concat();
    insta::assert_snapshot!(told, @r"
    throw: throw | s | hosts/b.nix: web/web-app
    throw in a condition: throw | s | hosts/b.nix: web/web-app
    abort: throw | s | hosts/b.nix: web/web-app
    assert: throw | s | hosts/b.nix: web/web-app
    missing output: missing-output | - | -
    missing attribute: other | s | hosts/b.nix: web/web-app
    no such attribute of a flake: other | - | -
    coercion: other | s | hosts/b.nix: web/web-app
    a module that is a number: other | - | -
    missing file: other | s | hosts/b.nix: web/web-app
    import from derivation: import-from-derivation | s | hosts/b.nix: web/web-app
    recursion: infinite-recursion | a | hosts/b.nix: web/web-app
    recursion of imports: infinite-recursion | - | -
    stack: stack-overflow | - | -
    memory: out-of-memory | - | -
    absolute path: forbidden | s | hosts/b.nix: web/web-app
    search path: forbidden | s | hosts/b.nix: web/web-app
    store path: forbidden | s | hosts/b.nix: web/web-app
    not locked: forbidden | s | hosts/b.nix: web/web-app
    file of the network: fetch | s | hosts/b.nix: web/web-app
    git: fetch | s | hosts/b.nix: web/web-app
    ");
}

#[test]
fn the_message_is_plain_text_with_its_place_and_trace() {
    let missing = captured!("missing-output");
    assert_eq!(missing.message, "attribute 'nixosModules' missing");
    let position = missing.position.unwrap();
    let (source, path) = position.source().unwrap();
    assert_eq!((source.to_string().as_str(), path), (P, "hosts/b.nix"));
    assert_eq!((position.line, position.column), (7, 95));
    let wrong = captured!("wrong-type");
    insta::assert_snapshot!(wrong.message, @r"
    A definition for option `services.x.port' is not of type `16 bit unsigned integer; between 0 and 65535 (both inclusive)'. Definition values:
    - In `hosts/b.nix: web/web-app': 99999
    ");
    insta::assert_snapshot!(wrong.trace[..3].join("\n"), @r"
    while evaluating the attribute 'mergedValue' at /nix/store/spjcdg6wiyqlnq0nv3ljxyw0c4g0zp2r-source/lib/modules.nix:1244:5
    while evaluating the option `services.x.port':
    while evaluating the attribute 'value' at /nix/store/spjcdg6wiyqlnq0nv3ljxyw0c4g0zp2r-source/lib/modules.nix:1147:7
    ");
    insta::assert_snapshot!(captured!("fetch-git").message, @r"
    program 'git' failed with exit code 128
    fatal: unable to access 'https://x.invalid/x/': Could not resolve host: x.invalid
    ");
}

#[test]
fn what_is_thrown_isnt_an_error_of_nix() {
    let told = [
        ("memory", captured!("fake-memory")),
        ("recursion", captured!("fake-recursion")),
        ("overflow and a line of the log", captured!("fake-overflow")),
        ("import from derivation", captured!("fake-ifd")),
        ("import from derivation, while reading", captured!("fake-ifd-read")),
        ("call depth", thrown("stack overflow; max-call-depth exceeded")),
        ("missing output", thrown("attribute 'nixosModules' missing")),
    ]
    .map(|(name, diagnosis)| format!("{name}: {}\n", summary(&diagnosis)))
    .concat();
    insta::assert_snapshot!(told, @r"
    memory: throw | - | -
    recursion: throw | - | -
    overflow and a line of the log: throw | - | -
    import from derivation: throw | services.forged | -
    import from derivation, while reading: throw | - | -
    call depth: throw | - | -
    missing output: throw | - | -
    ");
}

#[test]
fn newer_nix_says_where_it_was_thrown() {
    let calling = |what: &str| {
        serde_json::json!({ "trace": [
            { "raw_msg": format!("while calling the '\u{1b}[35;1m{what}\u{1b}[0m' builtin"), "file": "/x.nix", "line": 3, "column": 5 },
        ]})
    };
    let forged = diagnose(&error("unable to download 'https://x'", calling("throw")));
    assert_eq!(forged.cause, Cause::Throw);
    assert_eq!(forged.position, Some(Position { file: "/x.nix".to_owned(), line: 3, column: 5 }));
    let refused = diagnose(&error("The option `a.b' does not exist. Definition values:\n- In `x'", calling("throw")));
    assert_eq!((refused.cause, refused.option.as_deref()), (Cause::Option, Some("a.b")));
    let placed = serde_json::json!({ "file": "/x.nix", "line": 1, "column": 1 });
    let told = [
        "stack overflow; max-call-depth exceeded",
        "infinite recursion encountered",
        "access to absolute path '/etc' is forbidden in pure evaluation mode (use '--impure' to override)",
        "in pure evaluation mode, 'fetchTree' doesn't fetch unlocked input 'github:a/b'",
        "expected a set but found a function",
    ]
    .map(|text| diagnose(&error(text, placed.clone())).cause);
    use Cause::{Forbidden, InfiniteRecursion, Other, StackOverflow};
    assert_eq!(told, [StackOverflow, InfiniteRecursion, Forbidden, Forbidden, Other]);
}

#[test]
fn the_output_may_be_named_in_the_middle() {
    let place = |file: &str, code: &str, column: usize| {
        let shown = format!("error: …\n\n  at {file}:7:{column}:\n\n     6| {{\n     7| {code}\n      | ^");
        diagnose(&error(
            "attribute 'x' missing",
            serde_json::json!({ "file": file, "line": 7, "column": column, "msg": shown }),
        ))
        .cause
    };
    let host = format!("{P}/hosts/a.nix");
    assert_eq!(place(&host, "  a = (packageOf inputs.own.packages.${system}.x);", 18), Cause::MissingOutput);
    assert_eq!(place(&host, "  a = (packageOf inputs.own.packages.${system}.x);", 46), Cause::MissingOutput);
    assert_eq!(place(&host, "  a = pkgs.x; b = inputs.own.x;", 7), Cause::Other);
    assert_eq!(place(&format!("{P}/modules/a.nix"), "  a = inputs.own.x;", 7), Cause::Other);
}

#[test]
fn names_of_options_and_files_end_where_they_should() {
    let option = |text: &str| thrown(text).option;
    for (text, name) in [
        ("The option `a.\"x'y\".b' does not exist.", "a.\"x'y\".b"),
        ("The option `a.\"x\\\"'y\".b' does not exist.", "a.\"x\\\"'y\".b"),
        ("The option `a.<name>.b' does not exist.", "a.<name>.b"),
        ("The option 'a.b' does not exist.", "a.b"),
        ("The option `a.b` is defined both null and not null, in `x' and `y'.", "a.b"),
        ("The option `a.\"b' does not exist.", "a.\"b"),
    ] {
        assert_eq!(option(text).as_deref(), Some(name), "{text}");
    }
    assert_eq!(option("The option a.b' does not exist."), None);
    assert_eq!(option("The option `"), None);
    assert_eq!(option("The option `' x"), None);
    let quote = thrown(
        "The option `a' has conflicting definition values:\n- In `own#nixosModules.it's': 1\n- In `/nix/store/x'",
    );
    insta::assert_snapshot!(summary(&quote), @r"option | a | own#nixosModules.it's, (/nix/store/x)");
}

#[test]
fn nothing_that_disturbs_gets_out() {
    let diagnosis = captured!("fake-bidi");
    assert_eq!(diagnosis.message, r"red \u{202e}evil \u{1b}]0;title\u{7}");
    let evil = "The option `a\u{202e}\u{1b}[2J' x\n- In `hosts/a.nix: web/\u{1b}app': 1";
    let more =
        serde_json::json!({ "trace": [{ "raw_msg": "a\n\u{9b}b", "file": "/\u{2066}", "line": 1, "column": 1 }] });
    let diagnosis = diagnose(&error(evil, more));
    assert_eq!(diagnosis.option.as_deref(), Some(r"a\u{202e}\u{1b}[2J"));
    assert_eq!(diagnosis.blamed, [Blamed { file: r"hosts/a.nix: web/\u{1b}app".to_owned(), origin: None }]);
    assert_eq!(diagnosis.trace, [r"a\n\u{9b}b at /\u{2066}:1:1"]);
    let invalid = diagnose(b"@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"\",\"raw_msg\":\"a\xff\xfeb\"}\n\xff\n");
    assert_eq!(invalid.message, "a\u{fffd}\u{fffd}b");
}

#[test]
fn everything_is_bounded() {
    let frame =
        serde_json::json!({ "raw_msg": format!("while evaluating definitions from `{}':", "\u{202e}".repeat(2_000)) });
    let frames: Vec<_> = (0..5_000)
        .map(|index| {
            if index == 0 {
                frame.clone()
            } else {
                serde_json::json!({ "raw_msg": format!("while evaluating definitions from `{index}':") })
            }
        })
        .collect();
    let long = "x\u{1b}".repeat(1 << 20);
    let diagnosis = diagnose(&error(&long, serde_json::json!({ "trace": frames })));
    assert!(diagnosis.message.len() <= MAX_MESSAGE + 4, "{}", diagnosis.message.len());
    assert_eq!((diagnosis.trace.len(), diagnosis.blamed.len()), (MAX_LINES, MAX_BLAMED));
    assert!(diagnosis.trace.iter().all(|line| line.len() <= MAX_LINE + 4));
    assert!(diagnosis.blamed.iter().all(|blamed| blamed.file.len() <= MAX_LINE + 4));
    let definitions: String = (0..100_000).map(|index| format!("\n- In `{index}': 1")).collect();
    let option = "o".repeat(5_000);
    let diagnosis = thrown(&format!("The option `{option}' has conflicting definition values:{definitions}"));
    assert_eq!(diagnosis.blamed.len(), MAX_BLAMED);
    assert!(diagnosis.option.unwrap().len() <= MAX_LINE + 4);
    let many = thrown(&format!("Failed assertions:{}", "\n- x".repeat(100_000)));
    assert_eq!(many.assertions.len(), MAX_LINES);
}

#[test]
fn lines_that_say_nothing_are_passed_over() {
    let real = error("the moon is full", serde_json::json!({}));
    let trace = serde_json::json!({ "action": "msg", "level": 0, "msg": "trace: error: out of memory" });
    let warning = serde_json::json!({ "action": "msg", "level": 1, "msg": "warning: x", "raw_msg": "infinite recursion encountered" });
    let after: Vec<String> = vec![
        format!("@nix {trace}"),
        format!("@nix {warning}"),
        format!("@nix {}", "[".repeat(1 << 20)),
        format!("@nix {{\"x\":{}", "{\"a\":[".repeat(1 << 18)),
        "@nix {\"action\":\"stop\",\"id\":1}".to_owned(),
        "@nix ".to_owned(),
        "@nix null".to_owned(),
        "@nix {\"action\":7}".to_owned(),
        "@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"error: x\",\"raw_msg\":{}}".to_owned(),
        "error: stack overflow (possible infinite recursion) or not".to_owned(),
        "junk".repeat(1 << 20),
        "GC Warning: Out of Memory! Returning NULL!".to_owned(),
    ];
    let mut log = real.clone();
    for line in &after {
        log.extend(line.as_bytes());
        log.push(b'\n');
    }
    let diagnosis = diagnose(&log);
    assert_eq!((diagnosis.cause, diagnosis.message.as_str()), (Cause::Throw, "the moon is full"));
}

#[test]
fn a_log_that_is_cut_off_still_says_what_it_said() {
    let trace: Vec<_> =
        (0..50).map(|_| serde_json::json!({ "raw_msg": "while evaluating the option `a.b':" })).collect();
    let whole = error(
        "infinite recursion encountered",
        serde_json::json!({ "file": "/x", "line": 1, "column": 2, "trace": trace }),
    );
    for length in 0..whole.len() {
        let cut = diagnose(&whole[..length]);
        assert!(matches!(cut.cause, Cause::Other | Cause::InfiniteRecursion), "{length}");
    }
    let late = diagnose(&whole[..whole.len() - 200]);
    assert_eq!((late.cause, late.option.as_deref()), (Cause::InfiniteRecursion, Some("a.b")));
    for bytes in [b"".as_slice(), b"\n\n", b"@nix {\"action\":\"msg\",\"raw_msg\":\"x"] {
        assert_eq!(summary(&diagnose(bytes)), "other | - | -");
    }
}

#[test]
fn what_isnt_json_is_told_when_nothing_else_is() {
    let log = b"warning: you don't have Internet access; disabling some network-dependent features\n\
        GC Warning: Failed to expand heap by 1090523136 bytes\n\nbwrap: Can't find source path /x: No such file\n";
    let diagnosis = diagnose(log);
    assert_eq!(
        (diagnosis.cause, diagnosis.message.as_str()),
        (Cause::Other, "bwrap: Can't find source path /x: No such file")
    );
    let killed = diagnose(b"GC Warning: Out of Memory! Heap size: 1152 MiB. Returning NULL!\n");
    assert_eq!(killed.cause, Cause::OutOfMemory);
    let usage =
        serde_json::json!({ "action": "msg", "level": 0, "msg": "\u{1b}[31;1merror:\u{1b}[0m something of C++" });
    assert_eq!(diagnose(format!("@nix {usage}\n").as_bytes()).message, "something of C++");
}
