use serde_json::{Value, json};
use thymis_tests::Example;

use super::stage::Stage;

#[test]
fn what_a_flake_has_is_found_when_it_is_added_locked_and_shown() {
    let stage = Stage::new();
    let listed = stage.listed(
        r#"{
  packages.x86_64-linux = { default = throw "not looked at"; tool = 1; };
  packages.aarch64-linux = { };
  apps.x86_64-linux.run = throw "not looked at";
  checks.x86_64-linux.test = 1;
  devShells.x86_64-linux.default = 1;
  legacyPackages.x86_64-linux = throw "not looked at";
  formatter.x86_64-linux = 1;
  nixosModules = { default = throw "not looked at"; other = { }; };
  nixosModule = { };
  overlays.default = _: _: { };
  overlay = _: _: { };
  nixosConfigurations.box = throw "not looked at";
  lib.twice = x: x + x;
  version = "1";
  derivation = { outPath = "/x"; name = throw "not looked at"; };
  list = [ 1 ];
}"#,
    );
    assert_eq!(
        listed,
        json!({
            "packages": { "x86_64-linux": ["default", "tool"], "aarch64-linux": [] },
            "apps": { "x86_64-linux": ["run"] },
            "checks": { "x86_64-linux": ["test"] },
            "devShells": { "x86_64-linux": ["default"] },
            "legacyPackages": { "x86_64-linux": null },
            "formatter": ["x86_64-linux"],
            "nixosModules": ["default", "other"],
            "nixosModule": [],
            "overlays": ["default"],
            "overlay": null,
            "nixosConfigurations": ["box"],
            "lib": ["twice"],
            "version": null,
            "derivation": null,
            "list": null,
        })
    );
    let shown = stage.thymis(&["input", "show", "plain"]).done().stdout;
    let lines: Vec<&str> =
        shown.lines().filter(|line| line.trim_start().starts_with("output ")).map(str::trim).collect();
    for line in [
        "output    packages.x86_64-linux default, tool",
        "output    legacyPackages.x86_64-linux",
        "output    nixosModules         default, other",
        "output    version",
    ] {
        assert!(lines.contains(&line), "{line:?} is not among {lines:#?}");
    }
    // What adds it shows it, too.
    let url = format!("git+file://{}", stage.path().join("plain").display());
    let added = stage.thymis(&["input", "add", "plain", &url, "--replace"]).done().stdout;
    assert!(added.contains("nixosModules         default, other"), "{added}");
    // No module refers to nixpkgs' own outputs.
    assert_eq!(stage.locked("nixpkgs"), Value::Null);
    assert_eq!(stage.locked("thymis")["nixosModules"].as_array().unwrap().len(), 9);
}

#[test]
fn an_output_that_cannot_be_evaluated_hides_no_other() {
    let stage = Stage::new();
    let build = r#"(derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; })"#;
    let there = r#"nixosModules.default = { }; packages.x86_64-linux.a = 1;"#;
    for (output, expected) in [
        (r#"checks = throw "x";"#, json!({ "checks": null })),
        (
            r#"apps.x86_64-linux = throw "x"; apps.aarch64-linux.run = 1;"#,
            json!({ "apps": { "x86_64-linux": null, "aarch64-linux": ["run"] } }),
        ),
        (r#"lib = assert false; { };"#, json!({ "lib": null })),
        // These end all of the evaluation.
        (r#"lib = abort "x";"#, json!({ "lib": null })),
        (r#"lib = let x = x; in x; overlays = { }.missing;"#, json!({ "lib": null, "overlays": null })),
        (&format!("lib = import {build};"), json!({ "lib": null })),
        (&format!("apps.x86_64-linux = import {build}; apps.aarch64-linux.run = 1;"), json!({ "apps": null })),
        ("lib = let f = n: 1 + f n; in f 0;", json!({ "lib": null })),
    ] {
        let mut all = json!({ "nixosModules": ["default"], "packages": { "x86_64-linux": ["a"] } });
        all.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        assert_eq!(stage.listed(&format!("{{ {there} {output} }}")), all, "{output}");
    }
}

#[test]
fn names_are_bounded_in_number_length_and_letters() {
    let stage = Stage::new();
    let escape = r#"${builtins.fromJSON "\"\\u001b[31m\\u202e\""}"#;
    for (outputs, expected) in [
        (
            format!(
                r#"{{ lib."{escape}" = 1; overlays."a b" = 1; nixosModules."ü" = 1; templates."" = 1; bundlers."{escape}".a = 1; apps.a."{escape}" = 1; apps.b.x = 1; }}"#
            ),
            json!({ "lib": null, "overlays": null, "nixosModules": null, "templates": null, "bundlers": null, "apps": { "a": null, "b": ["x"] } }),
        ),
        (format!(r#"{{ "{escape}" = 1; "a b" = 1; "a.b" = 1; lib = {{ }}; }}"#), json!({ "lib": [], "*": null })),
        (
            r#"{ lib.${builtins.concatStringsSep "" (builtins.genList (_: "x") 129)} = 1; overlays."\${x}\"" = 1; }"#
                .to_owned(),
            json!({ "lib": null, "overlays": ["${x}\""] }),
        ),
        (
            format!(
                "{{ lib = {MANY}; overlays.default = 1; packages = {MANY}; apps.x86_64-linux = {MANY}; apps.aarch64-linux.a = 1; }}"
            ),
            json!({ "lib": null, "overlays": ["default"], "packages": null, "apps": { "x86_64-linux": null, "aarch64-linux": ["a"] } }),
        ),
    ] {
        assert_eq!(stage.listed(&outputs), expected, "{outputs}");
        let shown = stage.thymis(&["input", "show", "plain"]).done().stdout;
        assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.len() < 4_000, "{shown}");
    }
    let listed = stage.listed(MANY);
    assert_eq!((listed.as_object().unwrap().len(), &listed["*"]), (65, &Value::Null));
    assert!(stage.read("modules.lock").len() < 16_000);
    assert!(stage.thymis(&["input", "show", "plain"]).done().stdout.contains("and others"));
}

/// A hundred thousand names.
const MANY: &str = r#"(builtins.listToAttrs (builtins.genList (n: { name = "n${toString n}"; value = { }; }) 100000))"#;

#[test]
fn outputs_that_depend_on_inputs_are_found_once_these_are_here() {
    let stage = Stage::new();
    let dependency = stage.flake("dependency", "outputs = _: { names.left = { }; };");
    let dependency = format!("git+file://{}", dependency.display());
    let outer = stage.flake(
        "outer",
        &format!(
            r#"inputs.dep.url = "{dependency}"; inputs.nixpkgs.url = "github:NixOS/nixpkgs";
               outputs = {{ self, dep, nixpkgs }}: {{
                 nixosModules = dep.names; fixture = nixpkgs.fixture; packages.x86_64-linux.x = 1; lib = self.nixosModules;
               }};"#
        ),
    );
    let added = stage.0.add("outer", &outer).done();
    assert!(added.stderr.contains("it isn't known which outputs the flake of `outer` has"), "{}", added.stderr);
    assert!(added.stderr.contains("`thymis input lock` looks again"), "{}", added.stderr);
    assert_eq!(stage.locked("outer"), Value::Null);
    stage.0.add("utils", &stage.path().join("dependency")).done();
    stage.thymis(&["input", "follow", "outer", "dep", "utils"]).done();
    stage.thymis(&["input", "lock"]).done();
    let with = |name: &str| json!({ "nixosModules": [name], "fixture": ["lib"], "packages": { "x86_64-linux": ["x"] }, "lib": [name] });
    assert_eq!(stage.locked("outer"), with("left"));

    // All that follows is in the flake, and what is followed is what is evaluated.
    stage.thymis(&["generate"]).done();
    let flake = stage.read("flake.nix");
    for line in ["outer.inputs.dep.follows = \"utils\";", "outer.inputs.nixpkgs.follows = \"nixpkgs\";"] {
        assert!(flake.contains(line), "{line} is not in {flake}");
    }
    stage.flake("dependency", "outputs = _: { names.right = { }; };");
    stage.thymis(&["input", "update", "utils"]).done();
    stage.thymis(&["input", "lock"]).done();
    assert_eq!(stage.locked("outer"), with("right"));
}

#[test]
fn example_repositories_have_what_their_modules_refer_to() {
    let stage = Stage::new();
    stage.0.add("web", Example::WebApp.repository()).done();
    stage.thymis(&["input", "accept", "web", "--yes"]).done();
    assert_eq!(
        stage.locked("web"),
        json!({ "packages": { "x86_64-linux": ["default"], "aarch64-linux": ["default"] }, "nixosModules": ["default"] })
    );
}
