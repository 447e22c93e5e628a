//! What Thymis 0.9 takes for a module and what for the body of one, where it was right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_custom_nix::CustomNix;
use thymis_sdk::{Problem, json, testing};

const HEADER: &str = "{ config, lib, pkgs, inputs, options, modulesPath, ... }: {\n";

/// What is imported: the text between the parentheses that the test's printer puts around it.
fn imports(text: &str) -> Vec<String> {
    let rendered = testing::render::<CustomNix>(json!({ "settings": text }));
    assert!(rendered.paths().is_empty());
    let inside = |module: &String| module.strip_prefix('(').unwrap().strip_suffix(')').unwrap().to_owned();
    rendered.imports().iter().map(inside).collect()
}

#[track_caller]
fn whole(text: &str) {
    assert_eq!(imports(text), [text]);
}

#[track_caller]
fn body(text: &str) {
    assert_eq!(imports(text), [format!("{HEADER}{text}\n}}")]);
}

#[track_caller]
fn refused(text: &str) -> Problem {
    let mut problems = testing::refuse::<CustomNix>(json!({ "settings": text }));
    assert_eq!(problems.len(), 1, "{text}");
    assert_eq!(problems[0].setting(), Some("/settings"), "{text}");
    assert!(problems[0].message().get("de").is_some());
    problems.remove(0)
}

#[track_caller]
fn says(text: &str, english: &str) {
    assert_eq!(refused(text).message().get("en").unwrap(), english, "{text}");
}

#[test]
fn nothing_and_comments_import_nothing() {
    assert!(testing::render::<CustomNix>(json!({})).imports().is_empty());
    for text in ["", " \n\t\r\n ", "# comment", "# one\n\n/* two\n lines */\n", "#"] {
        assert!(imports(text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_body_is_put_between_braces_byte_for_byte() {
    body(
        "# only a body\nservices.openssh.enable = lib.mkForce true;\nenvironment.systemPackages = with pkgs; [ htop vim ];\n\
         networking.firewall.allowedTCPPorts = [ 80 443 ];\nusers.motd = ''\n  Willkömmen \"du\"\n    ''${x}\n'';\n\
         boot.kernel.sysctl.\"net.ipv4.ip_forward\" = 1;",
    );
    for text in [
        "services.xserver.enable = lib.mkOverride 50 false;\nhardware.pulseaudio.support32Bit = lib.mkForce false;",
        "  a = 1;\r\n\tb = ''\r\n   deep\n     deeper\n'';  \n\n",
        "a = 1; # a comment at the end",
        "imports = [ inputs.x.nixosModules.y ];",
        "inherit (config) a b;",
        "\"quoted\".${\"x\"} = 1;",
        "config.a = 1; options.b = lib.mkOption { };",
        "a = { b = ''}''; c = \"}\"; /* } */ };",
        "a = x: x; # {",
    ] {
        body(text);
    }
}

#[test]
fn a_whole_module_is_imported_as_it_is() {
    for text in [
        "# first line\n#{ not this }\n\n{\n  config = {\n    time.hardwareClockInLocalTime = true;\n  };\n}\n",
        "args@{ pkgs, ... }:\n{\n  services.foo.port = 1;\n}\n",
        "{ pkgs, ... }@args: { }",
        "{ ... }:\n{\n  a = ''\n    text\n  '';\n}",
        "{ config, lib, ... }: with lib; { a = mkIf config.b 1; }",
        "{ }",
        "{ a = 1; }",
        "{}: {}",
        "_: { }",
        "rec { a = 1; b = a; }",
        "let x = 1; in { a = x; }",
        "with lib; { a = mkForce 1; }",
        "assert true; { }",
        "if true then { } else { }",
        "lib.mkIf config.services.foo.enable { a = 1; }",
        "(import inputs.x) { }",
        "({ pkgs, ... }: { })",
        "inputs.nixos-hardware.nixosModules.raspberry-pi-4",
        "import \"${inputs.x}/module.nix\"",
        "{ a = 1; } // { b = 2; } # comment at the end",
        "/* first */ { a = 1; }",
    ] {
        whole(text);
    }
}

#[test]
fn a_body_that_leaves_its_braces_is_refused() {
    says("}: {", "line 1, column 1: this closes more than was opened");
    says("a = 1; }: { b = 2;", "line 1, column 8: this closes more than was opened");
    says("a = 1;\n} // {\nb = 2;", "line 2, column 1: this closes more than was opened");
    says("a = 1; } {", "line 1, column 8: this closes more than was opened");
    says("a = { };\n}\nb = 1;", "line 2, column 1: this closes more than was opened");
    says("a = 1; }", "line 1, column 8: this closes more than was opened");
    for text in
        ["pkgs, ... }: { a = 1;", "... }: {", "}", "x ? 1 }: {", "}@a: {", "}); evil = ({", "} ] [ {", "# }\n}: {"]
    {
        refused(text);
    }
}

#[test]
fn errors_have_the_place_that_the_operator_sees() {
    says("a = ;", "line 1, column 5: this doesn't belong here");
    says("{ pkgs, ... }: {\n  x = \"ü\"; b = ;\n}", "line 2, column 16: this doesn't belong here");
    says("services.nginx.enable = true", "line 1, column 29: `;` is expected here");
    says("a = 1\nb = 2;", "line 2, column 3: `;` is expected here");
    says("a = 1;\nb = 2\n\n\n", "line 2, column 6: `;` is expected here");
    says("services.nginx.enable", "line 1, column 22: `=` is expected here");
    says("a = (1;\nb = 2;", "line 1, column 7: `)` is expected here");
    says("{ a = (1 }; }", "line 1, column 10: `)` is expected here");
    says("a = {\n  b = 1;\n", "line 2, column 9: the text ends too early: something is missing or not closed");
    says("a =", "line 1, column 4: the text ends too early: something is missing or not closed");
    says("{ a = 1;", "line 1, column 9: the text ends too early: something is missing or not closed");
    says("a = \"open;", "line 1, column 6: this text is not closed: quotes are missing");
    says("{ a = 1; } }", "line 1, column 12: there is more after the end of the expression");
    says("{ a = if x 1; }", "line 1, column 13: `then` is expected here");
    assert_eq!(refused("a = 1").message().get("de").unwrap(), "Zeile 1, Spalte 6: hier wird `;` erwartet");
}

#[test]
fn values_that_are_no_modules_are_refused() {
    for text in
        ["1", "\"text\"", "[ ]", "services", "true", "a.b.c", "mkIf x { }", "-1", "''", "{", "/* open", "''\n  x"]
    {
        refused(text);
    }
}

#[test]
fn what_the_host_would_refuse_has_a_place_here() {
    says("a = 1;\nb = 2; # x\ry", "line 2, column 11: a carriage return stands here without a newline; write newlines");
    refused("a = 1;\r");
    says(&format!("# {}", "x".repeat(300_000)), "is too long: at most 262144 bytes are allowed");
    says(&"a = 1;\n".repeat(5_000), "is too long: at most 16000 words and signs are allowed");
    says(&format!("a = {}1{};", "[(".repeat(900), ")]".repeat(900)), "is nested too deeply");
    for text in ["[", "{", "(", "a ", "!", "a: ", "\"${", "if a then b else "] {
        refused(&text.repeat(7_000 / text.len()));
    }
    // As long as it may be.
    body(&"a = [ 1 ]; ".repeat(1_900));
    whole(&format!("{{ a = {}1{}; }}", "(".repeat(200), ")".repeat(200)));
}
