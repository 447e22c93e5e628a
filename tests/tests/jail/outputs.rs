//! Looking at what a flake has runs its code, too, when it is added: before anybody decided anything about it.

use std::time::{Duration, Instant};

use thymis_tests::{commit, git};

use super::{scenery::put, stage::Stage};

const LIMITS: [&str; 6] =
    ["--limit", "nix_seconds=3", "--limit", "nix_memory_bytes=700_000_000", "--limit", "nix_output_bytes=2_000_000"];
/// Longest that may be said about one input, in bytes.
const SAID: usize = 64 << 10;
/// Largest that one input may make the lock, in bytes.
const LOCKED: usize = 256 << 10;

/// The value of `outputs`.
const OUTPUTS: &[&str] = &[
    "1",
    "{ }",
    "_: 1",
    "_: [ ]",
    "_: throw \"\\n@nix {}\"",
    "_: abort \"x\"",
    "{ self, nothing }: { }",
    "_: let f = n: f (n + 1); in f 0",
    "_: builtins.foldl' (a: x: builtins.foldl' (b: y: b + y) 0 (builtins.genList (z: z) 1000000)) 0 (builtins.genList (z: z) 1000000)",
    "_: { packages = builtins.foldl' (a: x: builtins.foldl' (b: y: b + y) 0 (builtins.genList (z: z) 1000000)) 0 (builtins.genList (z: z) 1000000); }",
    "_: builtins.seq (builtins.stringLength (builtins.foldl' (a: _: a + a) \"aaaaaaaa\" (builtins.genList (x: x) 40))) { }",
    "_: let x = x; in x",
    "_: import (derivation { system = \"x86_64-linux\"; name = \"x\"; builder = \"/bin/sh\"; args = [ \"-c\" \"touch @marker; echo '{ }' > $out\" ]; })",
    "_: { packages.x86_64-linux = import (derivation { system = \"x86_64-linux\"; name = \"x\"; builder = \"/bin/sh\"; }); }",
    "_: { ${builtins.readFile \"@outside/secret.txt\"} = 1; }",
    "_: { ${builtins.readFile ./links/secret} = 1; }",
    "_: { ${(builtins.getFlake \"git+file://@outside/other?rev=@rev\").secret} = 1; }",
    "_: { ${builtins.readFile \"${builtins.fetchTree { type = \"path\"; path = \"@outside/folder\"; narHash = \"@hash\"; }}/secret.txt\"} = 1; }",
    "_: { ${builtins.fetchurl { url = \"http://127.0.0.1:@port/x\"; sha256 = \"0000000000000000000000000000000000000000000000000000\"; }} = 1; }",
    "_: { ${builtins.getEnv \"THYMIS_JAIL_SECRET\" + \"x\"} = 1; }",
    "_: { ${builtins.fromJSON \"\\\"\\\\u001b[31mred\\\\u202e\\\\n@nix\\\"\"} = 1; nixosModules.${builtins.fromJSON \"\\\"\\\\u001b]0;x\\\\u0007\\\"\"} = 1; }",
    "_: { \"a\\\"b\" = 1; \"\\${x}\" = 1; \"--option\" = 1; \"\" = 1; nixosModules.\"../x\" = 1; packages.\"a b\".\"c\\nd\" = 1; }",
    "_: { ${builtins.concatStringsSep \"\" (builtins.genList (_: \"long\") 300000)} = 1; }",
    "_: builtins.listToAttrs (builtins.genList (n: { name = \"n${toString n}\"; value = n; }) 20000)",
    "_: { nixosModules = builtins.listToAttrs (builtins.genList (n: { name = \"n${toString n}\"; value = n; }) 20000); }",
    "_: { packages = builtins.listToAttrs (builtins.genList (n: { name = \"s${toString n}\"; value = { a = 1; b = 2; }; }) 20000); }",
    "_: builtins.trace (builtins.fromJSON \"\\\"\\\\u001b[31mred\\\"\") { packages = builtins.trace \"x\" { x86_64-linux = { }; }; }",
    "_: builtins.foldl' (a: _: builtins.trace \"0123456789012345678901234567890123456789\" a) { } (builtins.genList (x: x) 100000)",
    "_: { outPath = \"/etc\"; nixosModules = { outPath = \"@outside\"; }; inputs = throw \"x\"; self = throw \"x\"; }",
    "_: { packages.x86_64-linux = { type = \"derivation\"; name = throw \"x\"; }; nixosModules = { __functor = throw \"x\"; }; }",
];

#[test]
fn flakes_that_are_looked_at() {
    let stage = Stage::new(&[]);
    let evil = stage.world.path().join("evil");
    git(&evil, &["rm", "--quiet", "-r", "--cached", "borrowing"]);
    stage.configure("lobby", "attack.value = 1;");
    let mut wrong = Vec::new();
    for outputs in OUTPUTS {
        put(&evil.join("flake.nix"), &format!("{{ outputs = {}; }}\n", stage.filled(outputs)));
        commit(&evil);
        let mut note = |what: String| wrong.push(format!("{outputs}: {what}"));
        let url = format!("git+file://{}", evil.display());
        let begin = Instant::now();
        let added = stage.thymis(&[&LIMITS[..], &["input", "add", "evil", &url]].concat());
        stage.plain(&added, &mut note);
        let shown = stage.thymis(&[&LIMITS[..], &["input", "show", "evil"]].concat());
        stage.plain(&shown, &mut note);
        let json = stage.thymis(&[&LIMITS[..], &["--json", "input", "show", "evil"]].concat());
        stage.plain(&json, &mut note);
        if begin.elapsed() > Duration::from_secs(30) {
            note("takes long".to_owned());
        }
        for output in [&added, &shown] {
            if output.stdout.len() + output.stderr.len() > SAID {
                note(format!("says {} bytes", output.stdout.len() + output.stderr.len()));
            }
        }
        if added.code == 0 {
            let locked = stage.world.read("modules.lock").len();
            if locked > LOCKED {
                note(format!("makes the lock {locked} bytes long"));
            }
            stage.world.thymis(&["generate"]).done();
            let said = stage.thymis(&["eval", "lobby", "attack.value"]);
            if said.stdout != "attack.value = 1\n" {
                note(format!("stops others: {}", said.stderr));
            }
            stage.world.thymis(&["input", "remove", "evil"]).done();
        }
    }
    stage.untouched(&mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
