//! Evaluations without end: each is ended by the bound that it passes, in words that name it, with nothing left running.

use super::{
    case::{Case, refused},
    stage::Stage,
    watch::Watched,
};

const SHORT: &[&str] = &["nix_seconds=2"];
const SMALL: &[&str] = &["nix_seconds=20", "nix_memory_bytes=700_000_000"];
const PRINTED: &[&str] = &["nix_seconds=20", "nix_output_bytes=1_000_000"];
const WRITTEN: &[&str] = &["nix_seconds=20", "nix_store_bytes=20_000_000"];

const TIME: &[&str] = &["nix_seconds"];
const MEMORY: &[&str] = &["memory"];
const DEEP: &[&str] = &["stack overflow", "recursion", "too deep"];

pub(crate) const CASES: &[Case] = &[
    refused("a loop", SPIN, TIME).within(SHORT),
    refused("an expression without end", r#"builtins.match "(a*)*b" (builtins.concatStringsSep "" (builtins.genList (_: "a") 3000))"#, TIME)
        .within(SHORT),
    refused("a loop that the clock would allow", SPIN, &["nix_cpu_seconds", "time"]).within(&["nix_seconds=30", "nix_cpu_seconds=1"]),
    refused("a text that doubles", r#"builtins.stringLength (builtins.foldl' (a: _: a + a) "aaaaaaaa" (builtins.genList (x: x) 40))"#, MEMORY)
        .within(SMALL),
    refused("lists that grow", "builtins.length (builtins.foldl' (a: x: a ++ builtins.genList (z: z + x) 1000000) [ ] (builtins.genList (x: x) 10000))", MEMORY)
        .within(SMALL),
    refused(
        "sets that grow",
        r#"builtins.deepSeq (builtins.genList (x: builtins.listToAttrs (builtins.genList (y: { name = "n${toString (x * 1000 + y)}"; value = y; }) 1000)) 100000) 1"#,
        &["memory", "nix_seconds"],
    )
    .within(&["nix_seconds=4", "nix_memory_bytes=700_000_000"]),
    refused("a list of all numbers", "builtins.length (builtins.genList (x: x) 9000000000000000000)", &["memory", "size", "integer", "large"]).within(SMALL),
    refused("a function that calls itself", "let f = x: 1 + f x; in f 1", DEEP).within(SMALL),
    refused("a value that contains itself", "let x = x; in x", &["infinite recursion"]).within(SMALL),
    refused("a list in a list without end", "let f = n: [ (f (n + 1)) ]; in f 0", DEEP).within(SMALL),
    refused("a set in itself", "let x = { inherit x; }; in x", DEEP).within(SMALL),
    refused("JSON a million deep", r#"builtins.fromJSON (builtins.concatStringsSep "" (builtins.genList (_: "[") 1000000))"#, &["", "stack overflow"])
        .within(SMALL),
    refused("a value of 8 MB", r#"builtins.concatStringsSep "" (builtins.genList (_: "01234567") 1000000)"#, &["nix_output_bytes"])
        .within(PRINTED),
    refused("a million traces", r#"builtins.foldl' (a: x: builtins.trace "0123456789" a) 1 (builtins.genList (x: x) 1000000)"#, &["nix_output_bytes"])
        .within(PRINTED),
    refused(
        "many files in the store",
        r#"toString (map (n: builtins.toFile "x${toString n}" (builtins.concatStringsSep "" (builtins.genList (_: "0123456789012345678901234567890123456789") 50000))) (builtins.genList (x: x) 40))"#,
        &["nix_store_bytes", "No space left"],
    )
    .within(WRITTEN),
    refused(
        "a file in the store that is too long",
        r#"builtins.toFile "x" (builtins.concatStringsSep "" (builtins.genList (_: "0123456789012345678901234567890123456789") 800000))"#,
        &["nix_store_bytes", "No space left", "too large"],
    )
    .within(WRITTEN),
];

const SPIN: &str = "builtins.foldl' (a: _: builtins.foldl' (b: y: b + y) 0 (builtins.genList (z: z) 1000000)) 0 (builtins.genList (z: z) 1000000)";

/// When the program itself is ended, in any way, so is what it started.
#[test]
fn nothing_goes_on_without_the_program() {
    const CASES: &[Case] = &[refused("a loop", SPIN, TIME)];
    let stage = Stage::new(CASES);
    stage.generate();
    for signal in ["KILL", "TERM", "INT", "HUP"] {
        let mut call = Watched::start(&mut stage.command(&["eval", &CASES[0].id(), "attack.value"]));
        let evaluates =
            |lines: &[String]| lines.iter().any(|line| line.starts_with("nix eval") || line.contains("/nix eval "));
        // The jail is around it when Nix itself runs.
        assert!(
            call.until(|lines| lines.iter().filter(|line| evaluates(std::slice::from_ref(line))).count() > 2),
            "{:?}",
            call.end()
        );
        call.signal(signal);
        let (output, left) = call.end();
        assert_ne!(output.code, 0);
        assert!(left.is_empty(), "{signal}: {left:?}");
    }
}
