//! Each thing that the check refuses, beside what real NixOS code would have made of it: data of these forms is code.
//!
//! "What would have happened" is Nix text written by hand, as a naive printer would have written it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use thymis_core::{
    expr::{Configuration, Trust},
    wire::{Expr, Part, Placement, Strength},
};
use thymis_tests::{Answer, Fixtures, Lib, Nix};

const LIBS: [Lib; 2] = [Lib::Small, Lib::Real];

/// The refusals of an answer, a line each.
fn refused(answer: Answer) -> String {
    let refusals = Configuration::check(answer.0, Trust::External).unwrap_err();
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn refused_data(data: &Value) -> String {
    refused(Answer::of(&["services", "x"], data))
}

/// Evaluates with `lib`, `nixosSystem` and `pkgs` in scope, and `system`: the configuration that modules make.
fn nixos(lib: Lib, check: &str, text: &str) -> Option<Result<Value, String>> {
    let nixos = Fixtures::nixos(lib, check)?;
    Some(Nix::shared().eval(&format!(
        "let inherit ({nixos}) lib nixosSystem pkgs; system = modules: (nixosSystem {{ inherit modules; }}).config; in\n{text}"
    )))
}

/// With each lib that is there, evaluation gives this.
fn happens(check: &str, libs: &[Lib], text: &str, result: &Value) {
    for &lib in libs {
        if let Some(found) = nixos(lib, check, text) {
            assert_eq!(found.as_ref(), Ok(result), "{lib:?}: {text}");
        }
    }
}

/// With each lib that is there, evaluation fails and says this.
fn fails(check: &str, libs: &[Lib], text: &str, message: &str) {
    for &lib in libs {
        if let Some(found) = nixos(lib, check, text) {
            let error = found.expect_err(text);
            assert!(error.contains(message), "{lib:?}: {error}");
        }
    }
}

#[test]
fn a_forged_override_would_beat_the_operators_force() {
    let forged = json!({ "_type": "override", "priority": 0, "content": "module" });
    insta::assert_snapshot!(refused_data(&forged), @"services.x: the attribute name `_type` means something to Nix or to the module system and can't be set by a module");
    happens(
        "forged override",
        &LIBS,
        r#"(system [
            { services.x = lib.mkForce "operator"; }
            { services.x = { _type = "override"; priority = 0; content = "module"; }; }
        ]).services.x"#,
        &json!("module"),
    );
}

#[test]
fn a_forged_definition_would_blame_another_module() {
    let forged = json!({ "_type": "definition", "file": "hosts/other.nix: kiosk", "value": 1 });
    insta::assert_snapshot!(refused_data(&forged), @"services.x: the attribute name `_type` means something to Nix or to the module system and can't be set by a module");
    fails(
        "forged definition",
        &LIBS,
        r#"(system [
            { services.x = 2; }
            { services.x = { _type = "definition"; file = "hosts/other.nix: kiosk"; value = 1; }; }
        ]).services.x"#,
        "hosts/other.nix: kiosk",
    );
}

#[test]
fn the_file_of_a_submodules_value_would_blame_another_module() {
    let forged = json!({ "_file": "hosts/other.nix: kiosk", "config": { "y": 1 } });
    insta::assert_snapshot!(refused_data(&forged), @"services.x: the attribute name `_file` means something to Nix or to the module system and can't be set by a module");
    fails(
        "forged file of a submodule",
        &[Lib::Real],
        r#"(system [
            { options.services.x = lib.mkOption { type = lib.types.submoduleWith { modules = [ { options.y = lib.mkOption { type = lib.types.int; }; } ]; }; }; }
            { services.x.y = 2; }
            { services.x = { _file = "hosts/other.nix: kiosk"; config = { y = 1; }; }; }
        ]).services.x.y"#,
        "hosts/other.nix: kiosk",
    );
}

#[test]
fn an_out_path_would_pass_as_a_file_of_the_device() {
    insta::assert_snapshot!(refused_data(&json!({ "outPath": "/etc/shadow" })), @"services.x: the attribute name `outPath` means something to Nix or to the module system and can't be set by a module");
    happens(
        "outPath",
        &LIBS,
        r#"let config = system [
            { options.services.x = lib.mkOption { type = lib.types.path; }; }
            { services.x = { outPath = "/etc/shadow"; }; }
        ]; in "${config.services.x}""#,
        &json!("/etc/shadow"),
    );
}

#[test]
fn a_forged_derivation_would_pass_as_a_package() {
    let forged = json!({ "type": "derivation", "name": "evil" });
    insta::assert_snapshot!(refused_data(&forged), @r#"services.x: a set with `type = "derivation"` would pass as a package; refer to one instead"#);
    // Cut into definitions of their own, it is the same set.
    let mut cut = Answer::of(&["services", "x", "name"], &json!("evil"));
    let kind = cut.text("derivation");
    cut.define(&["services", "x", "type"], kind, Strength::Merge);
    insta::assert_snapshot!(refused(cut), @r#"services.x.type: a set with `type = "derivation"` would pass as a package; refer to one instead"#);
    // Put together when it is evaluated.
    let mut chosen = Answer::default();
    let arguments = [chosen.push(Expr::Bool(true)), chosen.text("derivation"), chosen.text("x")];
    let kind = chosen.call("if", arguments);
    let set = chosen.attrs(&[("type", kind)]);
    chosen.define(&["services", "x"], set, Strength::Merge);
    insta::assert_snapshot!(refused(chosen), @r#"services.x: a set with `type = "derivation"` would pass as a package; refer to one instead"#);
    for set in [
        r#"services.x = { type = "derivation"; name = "evil"; };"#,
        r#"services.x.type = "derivation"; services.x.name = "evil";"#,
    ] {
        happens(
            "forged derivation",
            &LIBS,
            &format!(
                "(system [
                    {{ options.services.x = lib.mkOption {{ type = lib.types.package; }}; }}
                    {{ {set} }}
                ]).services.x.name"
            ),
            &json!("evil"),
        );
    }
    let harmless = Answer::of(&["services", "x"], &json!({ "type": "oneshot" }));
    assert!(Configuration::check(harmless.0, Trust::External).is_ok());
}

#[test]
fn a_functor_would_pass_as_a_function_and_a_forged_drv_path_as_a_build() {
    insta::assert_snapshot!(refused_data(&json!({ "__functor": 1, "__toString": 1, "drvPath": "x" })), @"
    services.x: the attribute name `__functor` means something to Nix or to the module system and can't be set by a module
    services.x: the attribute name `__toString` means something to Nix or to the module system and can't be set by a module
    services.x: the attribute name `drvPath` means something to Nix or to the module system and can't be set by a module
    ");
    happens("functor", &[Lib::Real], "lib.isFunction { __functor = pkgs.lib.const; }", &json!(true));
}

#[test]
fn imports_inside_a_value_would_be_live() {
    insta::assert_snapshot!(refused_data(&json!({ "imports": ["/etc/evil.nix"] })), @"services.x: the attribute name `imports` means something to Nix or to the module system and can't be set by a module");
    insta::assert_snapshot!(refused(Answer::of(&["services", "x", "imports"], &json!([]))), @"services.x.imports: the attribute name `imports` means something to Nix or to the module system and can't be set by a module");
    insta::assert_snapshot!(refused(Answer::of(&["services", "x", "_module", "args"], &json!({}))), @"services.x._module.args: the attribute name `_module` means something to Nix or to the module system and can't be set by a module");
    let evil = Nix::shared().file("evil-import.nix", "{ y = \"code\"; }");
    happens(
        "imports inside a value",
        &[Lib::Real],
        &format!(
            "(system [
                {{ options.services.x = lib.mkOption {{ type = lib.types.submoduleWith {{ modules = [ {{ options.y = lib.mkOption {{ }}; }} ]; }}; }}; }}
                {{ services.x = {{ imports = [ {} ]; }}; }}
            ]).services.x.y",
            evil.display()
        ),
        &json!("code"),
    );
}

#[test]
fn a_text_that_starts_with_a_path_would_be_imported_where_a_submodule_is_expected() {
    insta::assert_snapshot!(refused_data(&json!("/nix/store/00000000000000000000000000000000-evil/evil.nix")), @"services.x: a text spells a path of the Nix store, or the beginning of one, where NixOS would import it; refer to a package, an output or a source");
    let evil = Nix::shared().file("evil-text.nix", "{ y = \"code\"; }");
    happens(
        "a text as submodule",
        &[Lib::Real],
        &format!(
            "(system [
                {{ options.services.x = lib.mkOption {{ type = lib.types.submodule {{ options.y = lib.mkOption {{ }}; }}; }}; }}
                {{ services.x = \"{}\"; }}
            ]).services.x.y",
            evil.display()
        ),
        &json!("code"),
    );
    let mut placed = Answer::default();
    placed.0.secrets.push(Placement {
        secret: "secret:0".to_owned(),
        path: "/nix/store/00000000000000000000000000000000-evil/evil.nix".to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o400,
    });
    insta::assert_snapshot!(refused(placed), @"secret secret:0: a secret is to be placed badly: its path must not lie in /nix");
}

#[test]
fn a_text_that_a_build_writes_is_not_imported_without_import_from_derivation() {
    fails(
        "import from derivation",
        &[Lib::Real],
        r#"(system [
            { options.services.x = lib.mkOption { type = lib.types.submodule { options.y = lib.mkOption { }; }; }; }
            { services.x = "${derivation { name = "evil.nix"; system = "x86_64-linux"; builder = "/bin/sh"; }}"; }
        ]).services.x.y"#,
        "allow-import-from-derivation",
    );
}

#[test]
fn structure_of_a_module_is_no_option() {
    for first in ["config", "options", "imports", "disabledModules", "freeformType", "meta", "key", "require"] {
        let refusal = refused(Answer::of(&[first, "x"], &json!(1)));
        assert!(
            refusal.contains(&format!("`{first}` is part of a NixOS module's structure, not an option")),
            "{refusal}"
        );
        let built_in = Configuration::check(Answer::of(&[first], &json!(1)).0, Trust::BuiltIn);
        assert!(built_in.is_err());
    }
    insta::assert_snapshot!(refused(Answer::of(&["imports"], &json!(["/etc/evil.nix"]))), @"imports: `imports` is part of a NixOS module's structure, not an option");
    let evil = Nix::shared().file("evil-structure.nix", "{ services.x = \"code\"; }");
    happens(
        "module structure",
        &LIBS,
        &format!("(system [ {{ imports = [ {} ]; }} ]).services.x", evil.display()),
        &json!("code"),
    );
    happens(
        "module structure",
        &LIBS,
        r#"(system [ { config.services.x = "hidden"; } ]).services.x"#,
        &json!("hidden"),
    );
}

#[test]
fn a_package_is_not_imported_as_a_nixos_module() {
    let mut answer = Answer::default();
    let package = answer.reference("output", &["packages", "default"]);
    answer.0.imports.push(package);
    insta::assert_snapshot!(refused(answer), @"import 0: an import must be a reference to a NixOS module among the outputs of the own flake, or raw Nix");
}

#[test]
fn a_property_inside_a_value_would_leak_into_it() {
    let mut answer = Answer::default();
    let arguments = [answer.push(Expr::Bool(true)), answer.push(Expr::Int(1))];
    let inner = answer.call("lib.mkIf", arguments);
    let set = answer.attrs(&[("y", inner)]);
    answer.define(&["services", "x"], set, Strength::Merge);
    insta::assert_snapshot!(refused(answer), @"services.x.y: `lib.mkIf` may stand only at the top of a definition: inside a value it would be taken for data");
    happens(
        "a property inside a value",
        &LIBS,
        r#"(system [
            { options.services.x = lib.mkOption { type = lib.types.attrs; }; }
            { services.x = { y = lib.mkForce 1; }; }
        ]).services.x.y._type"#,
        &json!("override"),
    );
}

#[test]
fn an_attribute_that_is_there_twice_would_break_the_file() {
    let mut answer = Answer::default();
    let values = [answer.push(Expr::Int(1)), answer.push(Expr::Int(2))];
    let set = answer.attrs(&[("y", values[0]), ("y", values[1])]);
    answer.define(&["services", "x"], set, Strength::Merge);
    insta::assert_snapshot!(refused(answer), @"services.x: the attribute `y` is there twice");
    let error = Nix::shared().eval("{ y = 1; y = 2; }").unwrap_err();
    assert!(error.contains("already defined"), "{error}");
}

#[test]
fn a_nul_would_change_the_text() {
    insta::assert_snapshot!(refused_data(&json!("a\0b")), @"expression 0: a text contains a NUL, which Nix can't hold");
    insta::assert_snapshot!(refused_data(&json!({ "a\0b": 1 })), @"services.x: a text contains a NUL, which Nix can't hold");
    insta::assert_snapshot!(refused(Answer::of(&["a\0b"], &json!(1))), @r"a\u{0}b: the option path `a\u{0}b` contains a NUL, which Nix can't hold");
    let mut message = Answer::default();
    message.check(true, None, "a\0b");
    insta::assert_snapshot!(refused(message), @"check 0: a text contains a NUL, which Nix can't hold");
    assert_ne!(Nix::shared().eval("\"a\0b\""), Ok(json!("a\0b")));
}

#[test]
fn numbers_that_nix_has_no_words_for_are_refused() {
    let number = |value: f64| {
        let mut answer = Answer::default();
        let id = answer.push(Expr::Float(value));
        answer.define(&["services", "x"], id, Strength::Merge);
        refused(answer)
    };
    insta::assert_snapshot!(number(f64::NAN), @"expression 0: NaN is not a number that Nix can hold");
    insta::assert_snapshot!(number(f64::NEG_INFINITY), @"expression 0: -inf is not a number that Nix can hold");
    insta::assert_snapshot!(number(5e-324), @"expression 0: 5e-324 is too close to zero to be written in Nix; use 0 or at least 2.3e-308");
    for text in ["NaN", "inf", "1.0e999", "5.0e-324", "-9223372036854775808"] {
        assert!(Nix::shared().eval(text).is_err(), "{text}");
    }
}

#[test]
fn tables_that_are_no_tree_are_refused() {
    let mut forward = Answer::default();
    forward.list([1]);
    insta::assert_snapshot!(refused(forward), @"expression 0: the expression 0 names the expression 1, which isn't before it");
    let mut own = Answer::default();
    own.list([0]);
    insta::assert_snapshot!(refused(own), @"expression 0: the expression 0 names the expression 0, which isn't before it");
    let mut shared = Answer::default();
    let text = shared.text("x".repeat(1000).as_str());
    shared.list([text, text]);
    insta::assert_snapshot!(refused(shared), @"expression 1: the expression 0 is named more than once; an expression is a tree");
    let mut twice = Answer::default();
    let text = twice.text("x");
    twice.define(&["a"], text, Strength::Merge).define(&["b"], text, Strength::Merge);
    insta::assert_snapshot!(refused(twice), @"b: the expression 0 is named more than once; an expression is a tree");
    let mut missing = Answer::default();
    missing.define(&["a"], u32::MAX, Strength::Merge);
    insta::assert_snapshot!(refused(missing), @"a: there is no expression 4294967295");
}

#[test]
fn a_small_table_does_not_spell_gigabytes() {
    let mut answer = Answer::default();
    let mut set = answer.data(&Value::Object((0..20_000).map(|index| (format!("a{index}"), json!(1))).collect()));
    for _ in 0..40 {
        set = answer.attrs(&[("n".repeat(1000).as_str(), set)]);
    }
    answer.define(&["services", "x"], set, Strength::Merge);
    insta::assert_snapshot!(refused(answer), @"the definitions: its options, written out one by one, take 800288890 bytes, 8388608 are allowed: nest less deeply below shorter names");
}

#[test]
fn a_flood_of_faults_is_told_in_part() {
    let mut answer = Answer::default();
    let faults = (0..20_000).map(|index| (format!("__{index}"), json!(1))).collect();
    let set = answer.data(&Value::Object(faults));
    answer.define(&["services", "x"], set, Strength::Merge);
    assert_eq!(refused(answer).lines().count(), 64);
}

#[test]
fn a_priority_around_a_condition_would_leak_so_it_is_printed_inside() {
    fails(
        "a priority around a condition",
        &[Lib::Small],
        r#"(system [ { services.x = lib.mkOverride 80 (lib.mkIf true "module"); } ]).services.x"#,
        "stands inside a priority",
    );
    happens(
        "a priority around a condition",
        &LIBS,
        r#"(system [ { services.x = lib.mkDefault "base"; } { services.x = lib.mkIf true (lib.mkOverride 80 "module"); } ]).services.x"#,
        &json!("module"),
    );
}

#[test]
fn the_key_of_a_submodules_value_would_drop_the_operators_forced_definition() {
    insta::assert_snapshot!(refused_data(&json!({ "key": ":anon-5:anon-1", "config": { "y": "module" } })), @"services.x: an attribute `key` that starts with `:anon-`, or may come to, is the name of another definition to NixOS, which then drops that one");
    let joined = |answer: &mut Answer| {
        let start = answer.text(":an");
        answer.push(Expr::Text(vec![Part::Embed(start), Part::Literal("on-5:anon-1".to_owned())]))
    };
    let mut path = Answer::default();
    let key = joined(&mut path);
    path.define(&["services", "x", "key"], key, Strength::Merge);
    assert!(refused(path).contains("`:anon-`"));
    for key in ["/run/tls.key", "", "ssh-ed25519 AAAA", "a:anon-1"] {
        assert!(
            Configuration::check(Answer::of(&["services", "x"], &json!({ "key": key })).0, Trust::External).is_ok()
        );
    }
    // Which number the operator's definition has depends on how many there are.
    happens(
        "a key drops a definition",
        &[Lib::Real],
        r#"let x = definitions: (lib.evalModules { modules = [
            { options.x = lib.mkOption { type = lib.types.submoduleWith { modules = [ { options.y = lib.mkOption { }; } ]; }; }; }
        ] ++ map (x: { inherit x; }) definitions; }).config.x.y;
        in lib.any (n: x [ { y = lib.mkForce "operator"; } { key = ":anon-${toString n}:anon-1"; config.y = "module"; } ] == "module")
            (lib.range 0 9)"#,
        &json!(true),
    );
}

#[test]
fn the_largest_answer_is_checked_and_refused_or_taken_in_no_time() {
    let started = std::time::Instant::now();
    let mut deep = Answer::default();
    let items: Vec<u32> = (0..1_000)
        .map(|_| {
            let mut inner = deep.push(Expr::Null);
            for _ in 0..46 {
                inner = deep.list([inner]);
            }
            inner
        })
        .collect();
    let list = deep.list(items);
    deep.define(&["services", "x"], list, Strength::Merge);
    assert!(Configuration::check(deep.0, Trust::External).is_ok());

    // Deeper than any stack: refused before it is built, and nothing of it is dropped recursively.
    let mut chain = Answer::default();
    let mut inner = chain.push(Expr::Null);
    for _ in 0..49_000 {
        inner = chain.list([inner]);
    }
    chain.define(&["services", "x"], inner, Strength::Merge);
    assert!(refused(chain).contains("nested deeper than 48 levels"));

    let mut raw = Answer::default();
    for _ in 0..40 {
        let id = raw.push(Expr::Raw("a+".repeat(30_000) + "a"));
        raw.0.imports.push(id);
    }
    insta::assert_snapshot!(refused(raw), @"all raw Nix together: this isn't one Nix expression: it is 2400040 bytes long, 262144 are allowed");

    let mut text = Answer::default();
    let mut inner = text.text(&"/nix /store ../".repeat(60_000));
    for _ in 0..46 {
        inner = text.push(Expr::Text(vec![Part::Embed(inner)]));
    }
    text.define(&["services", "x"], inner, Strength::Merge);
    let _ = Configuration::check(text.0, Trust::External);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
