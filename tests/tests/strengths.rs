//! What a definition's strength does on a device, by real Nix, with printed modules on both libs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use thymis_core::{
    expr::{Configuration, Trust},
    id::{InstanceId, ModuleId},
    nix::{self, Printer, Section},
    wire::{Expr, Strength},
};
use thymis_tests::{Answer, Fixtures, Lib, Nix};

const CONFIGURATION: u32 = 80;
const TAG: u32 = 90;

fn section(file: &str, priority: u32, instance: &str, answer: Answer) -> String {
    let configuration = Configuration::check(answer.0, Trust::External).unwrap();
    let module: ModuleId = "own/module".parse().unwrap();
    let instance: InstanceId = instance.parse().unwrap();
    let nothing = |_: &str| None;
    let printer = Printer { input: &module.input, artifact: &nothing, secret: &nothing };
    nix::section(&Section { file, module: &module, instance: &instance, priority }, &printer, &configuration)
}

fn host(answer: Answer) -> String {
    section("hosts/host.nix", CONFIGURATION, "module", answer)
}

fn tag(answer: Answer) -> String {
    section("tags/core.nix", TAG, "module", answer)
}

fn set(path: &[&str], data: &Value, strength: Strength) -> Answer {
    let mut answer = Answer::default();
    let value = answer.data(data);
    answer.define(path, value, strength);
    answer
}

/// What the modules make of an option, with each lib that is there.
fn evaluate(sections: &[String], operator: &str, option: &str) -> Result<Value, String> {
    let nix = Nix::new();
    let host = nix.file("host.nix", &nix::host(&"host".parse().unwrap(), &[], sections));
    let results: Vec<_> = [Lib::Small, Lib::Real]
        .into_iter()
        .filter_map(|lib| Fixtures::nixos(lib, "strengths"))
        .map(|nixos| {
            nix.eval(&format!(
                "let
                    inherit ({nixos}) lib nixosSystem;
                    shared = {{ lib, ... }}: {{ options.shared = lib.mkOption {{ default = 1; }}; }};
                in (nixosSystem {{
                    specialArgs.inputs.own.nixosModules.default = shared;
                    specialArgs.inputs.own.packages = lib.genAttrs [ \"x86_64-linux\" \"aarch64-linux\" ] (system: {{
                        forged = lib.mkForce \"evil\";
                        function = {{ ... }}: {{ }};
                        set.inner = lib.mkOverride 0 \"evil\";
                        text = \"plain\";
                    }});
                    modules = [ {} ({operator}) ];
                }}).config.{option}",
                host.display()
            ))
        })
        .collect();
    if let [small, real] = results.as_slice() {
        assert_eq!(small.as_ref().ok(), real.as_ref().ok(), "{small:?} {real:?}");
    }
    results.into_iter().next_back().unwrap()
}

#[test]
fn a_configuration_overrides_a_tag_which_overrides_what_is_plain() {
    let from = |value: &str, strength| set(&["services", "x"], &json!(value), strength);
    let result =
        |sections: &[String]| evaluate(sections, "{ services.x = lib.mkDefault \"base\"; }", "services.x").unwrap();
    assert_eq!(result(&[tag(from("tag", Strength::Override)), host(from("host", Strength::Override))]), "host");
    assert_eq!(result(&[host(from("host", Strength::Override)), tag(from("tag", Strength::Override))]), "host");
    assert_eq!(result(&[tag(from("tag", Strength::Override)), host(from("plain", Strength::Merge))]), "tag");
    assert_eq!(result(&[tag(from("tag", Strength::Force)), host(from("host", Strength::Override))]), "tag");
    let fallback = [tag(from("fallback", Strength::Fallback))];
    assert_eq!(evaluate(&fallback, "{ services.x = \"plain\"; }", "services.x").unwrap(), "plain");
    assert_eq!(evaluate(&fallback, "{ }", "services.x").unwrap(), "fallback");
    let forced = [host(from("override", Strength::Override))];
    assert_eq!(evaluate(&forced, "{ services.x = lib.mkForce \"operator\"; }", "services.x").unwrap(), "operator");
}

#[test]
fn a_strength_holds_inside_conditions_merges_and_orders() {
    let mut answer = Answer::default();
    let yes = answer.push(Expr::Bool(true));
    let no = answer.push(Expr::Bool(false));
    let never = answer.data(&json!(["never"]));
    let late = answer.data(&json!(["late"]));
    let early = answer.data(&json!(["early"]));
    let order = answer.push(Expr::Int(1400));
    let ordered = answer.call("lib.mkOrder", [order, late]);
    let items = [answer.call("lib.mkIf", [no, never]), ordered, early];
    let items = answer.list(items);
    let merged = answer.call("lib.mkMerge", [items]);
    let value = answer.call("lib.mkIf", [yes, merged]);
    answer.define(&["services", "x"], value, Strength::Override);
    let section = host(answer);
    insta::assert_snapshot!(section, @r#"
    {
          _file = "hosts/host.nix: own/module";
          config = {
            services.x = lib.mkIf true (lib.mkMerge [
              (lib.mkIf false (lib.mkOverride 80 [ "never" ]))
              (lib.mkOverride 80 (lib.mkOrder 1400 [ "late" ]))
              (lib.mkOverride 80 [ "early" ])
            ]);
          };
        }
    "#);
    let result = evaluate(&[section], "{ services.x = [ \"plain\" ]; }", "services.x");
    assert_eq!(result, Ok(json!(["early", "late"])));
}

#[test]
fn lists_and_sets_join_when_they_merge() {
    let list = |item: &str| set(&["services", "x"], &json!({ "ports": [item], item: 1 }), Strength::Merge);
    let result = evaluate(&[tag(list("a")), host(list("b"))], "{ }", "services.x").unwrap();
    let mut ports = result["ports"].as_array().unwrap().clone();
    ports.sort_by_key(ToString::to_string);
    assert_eq!((ports, &result["a"], &result["b"]), (vec![json!("a"), json!("b")], &json!(1), &json!(1)));
}

#[test]
fn overlapping_paths_of_one_instance_are_one_set() {
    let mut answer = Answer::default();
    let set = answer.data(&json!({ "a": 1 }));
    let inner = answer.data(&json!(2));
    answer.define(&["services", "x"], set, Strength::Merge).define(&["services", "x", "b"], inner, Strength::Override);
    assert_eq!(evaluate(&[host(answer)], "{ }", "services.x"), Ok(json!({ "a": 1, "b": 2 })));
}

#[test]
fn one_nixos_module_imported_by_two_instances_is_one() {
    let import = |value: i64| {
        let mut answer = set(&["values", &format!("v{value}")], &json!(value), Strength::Merge);
        let module = answer.reference("output", &["nixosModules", "default"]);
        answer.0.imports.push(module);
        answer
    };
    let sections = [
        section("hosts/host.nix", CONFIGURATION, "one", import(1)),
        section("hosts/host.nix", CONFIGURATION, "two", import(2)),
        tag(import(3)),
    ];
    insta::assert_snapshot!(sections[0], @r#"
    {
          _file = "hosts/host.nix: own/module as one";
          imports = [
            { key = "own#nixosModules.default"; _file = "own#nixosModules.default"; imports = [ inputs.own.nixosModules.default ]; }
          ];
          config = {
            values.v1 = 1;
          };
        }
    "#);
    assert_eq!(evaluate(&sections, "{ }", "shared"), Ok(json!(1)));
    assert_eq!(evaluate(&sections, "{ }", "values"), Ok(json!({ "v1": 1, "v2": 2, "v3": 3 })));
}

#[test]
fn nix_names_file_module_and_instance_when_values_conflict() {
    let x = |value: i64| set(&["services", "x"], &json!(value), Strength::Override);
    let sections = [
        section("hosts/host.nix", CONFIGURATION, "left", x(1)),
        section("hosts/host.nix", CONFIGURATION, "right", x(2)),
    ];
    let error = evaluate(&sections, "{ }", "services.x").unwrap_err();
    for part in [
        "option `services.x' has conflicting",
        "hosts/host.nix: own/module as left",
        "hosts/host.nix: own/module as right",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn checks_stop_or_warn_in_the_modules_name() {
    let mut answer = Answer::default();
    let holds = answer.push(Expr::Bool(false));
    answer.check(true, Some(holds), "port 80 is taken");
    let error = evaluate(&[host(answer)], "{ }", "system.build.toplevel.drvPath").unwrap_err();
    assert!(error.contains("hosts/host.nix: own/module: port 80 is taken"), "{error}");
    let mut answer = Answer::default();
    answer.check(false, None, "old");
    assert_eq!(evaluate(&[host(answer)], "{ }", "warnings"), Ok(json!(["hosts/host.nix: own/module: old"])));
}

#[test]
fn an_output_that_is_no_package_cannot_overrule_the_operator() {
    let output = |name: &str| {
        let mut answer = Answer::default();
        let value = answer.reference("output", &["packages", name]);
        answer.define(&["services", "x"], value, Strength::Merge);
        host(answer)
    };
    let operator = "{ services.x = lib.mkForce \"operator\"; }";
    for name in ["forged", "function", "set"] {
        let error = evaluate(&[output(name)], operator, "services.x").unwrap_err();
        assert!(error.contains("a flake's output is used as a package and is none"), "{name}: {error}");
    }
    assert_eq!(evaluate(&[output("text")], operator, "services.x").unwrap(), "operator");
}
