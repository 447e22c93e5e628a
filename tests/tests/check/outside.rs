use std::collections::BTreeSet;

use serde_json::{Value, json};
use thymis_tests::real_lib;

use super::stage::{Stage, nix, picky};

/// Options as NixOS has them.
const NIXOS: &str = r#"{ lib, ... }:
let
  set = lib.mkOption { type = lib.types.attrsOf (lib.types.submodule { freeformType = lib.types.attrsOf lib.types.anything; }); default = { }; };
  list = lib.mkOption { type = lib.types.listOf lib.types.str; default = [ ]; };
in
{
  options.users.users = set;
  options.users.groups = set;
  options.systemd.services = set;
  options.security.wrappers = set;
  options.boot.kernelParams = list;
  options.environment.etc = set;
  options.networking.domain = lib.mkOption { type = lib.types.str; default = "example.org"; };
  options.networking.search = list;
  options.services.sshd.enable = lib.mkOption { type = lib.types.bool; default = false; };
  options.time.zone = lib.mkOption { type = lib.types.nullOr lib.types.str; default = null; };
  options.programs.name = lib.mkOption { type = lib.types.str; default = "stronger"; };
}"#;

/// A NixOS module that does more than its repository asked for.
const MODULE: &str = r#"{ config, ... }: {
  imports = [
    ./more.nix
    { _file = "hosts/lobby.nix: thymis/custom-nix"; users.groups.as-the-operator = { }; }
    { _file = "thymis#nixosModules.default"; users.groups.as-thymis = { }; }
    { _file = "picky#nixosModules.${builtins.fromJSON "\"\\u001b[31m\""}"; users.groups.as-nobody = { }; }
  ];
  users.users.evil = { isNormalUser = true; };
  users.users."a.b \${x}" = { };
  systemd.services.sshd = lib.mkForce { script = "true"; };
  systemd.services.picky-helper = { script = "true"; };
  services.picky.second = { name = "second"; level = 1; };
  services.sshd.enable = lib.mkForce true;
  networking.domain = lib.mkDefault "example.com";
  networking.search = lib.mkIf false [ "example.com" ];
  boot.kernelParams = lib.mkMerge [ [ "quiet" ] (lib.mkIf config.services.sshd.enable [ "debug" ]) ];
  security.wrappers = lib.mkOverride 1500 { weak = { }; };
  programs.name = lib.mkOverride 2000 "weaker";
}"#;

#[test]
fn options_that_a_strangers_nixos_module_sets_beside_what_was_granted_are_listed() {
    if real_lib("options that NixOS modules of flakes set").is_none() {
        return;
    }
    let manifest = std::fs::read_to_string(thymis_tests::Fixtures::folder().join("picky/thymis.toml")).unwrap();
    let granted = "\n[[component.permission]]\nkind = \"option\"\nvalue = \"systemd.services.picky-helper\"\nreason = \"Helps.\"\n";
    let stage = Stage::with(
        MODULE,
        &[
            ("thymis.toml", &(manifest + granted)),
            ("more.nix", "{ environment.etc.\"more\" = { text = \"x\"; }; time.zone = \"UTC\"; }\n"),
        ],
    );
    let with = |text: &str| nix(&format!("{{ imports = [ ({NIXOS}) ]; {text} }}"));
    stage.device("attic", &[with("users.users.own = { };")]);
    stage.device("lobby", &[nix(NIXOS), picky(1)]);
    stage.device("office", &[nix(NIXOS), picky(1)]);
    stage.device("wrong", &[with("some.value = throw \"x\";"), picky(1)]);
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!(code, 1, "{answer}");
    let of = |configuration: &str| -> BTreeSet<String> {
        let all = answer["outside"].as_array().unwrap().iter().filter(|one| one["configuration"] == configuration);
        all.map(|one| format!("{} {}", one["module"].as_str().unwrap(), one["option"].as_str().unwrap())).collect()
    };
    let expected: BTreeSet<String> = [
        "picky#nixosModules.default boot.kernelParams",
        "picky#nixosModules.default networking.domain",
        "picky#nixosModules.default security.wrappers.weak",
        "picky#nixosModules.default services.sshd.enable",
        "picky#nixosModules.default systemd.services.sshd",
        "picky#nixosModules.default users.users.\"a.b ${x}\"",
        "picky#nixosModules.default users.users.evil",
        "picky: more.nix environment.etc.more",
        "picky: more.nix time.zone",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(of("lobby"), expected, "{answer}");
    assert_eq!(of("office"), expected);
    assert_eq!((of("attic"), of("wrong")), Default::default());
    let one: &Value = &answer["outside"][0];
    assert_eq!(one["input"], "picky");
    // Known from now on, too.
    let (again, _) = stage.check(&[]);
    assert_eq!((&again["cached"], &again["outside"]), (&json!(4), &answer["outside"]));

    let shown = stage.world.thymis(&["check", "lobby", "office"]).done();
    let lines: Vec<&str> = shown.stdout.lines().collect();
    let head = lines
        .iter()
        .position(|line| *line == "picky#nixosModules.default sets what none of the permissions of `picky` names:")
        .unwrap();
    assert_eq!(lines[head + 1], "  boot.kernelParams in 2 configurations");
    assert!(lines.contains(&"picky: more.nix sets what none of the permissions of `picky` names:"), "{lines:#?}");
    assert!(!shown.stdout.contains('\u{1b}'), "{}", shown.stdout);
}

/// Twenty sets with a thousand names each, of five hundred letters.
const LONG: &str = r#"{ config, ... }:
let
  long = builtins.concatStringsSep "" (builtins.genList (_: "0123456789") 50);
  names = builtins.listToAttrs (builtins.genList (n: { name = "${long}${toString n}"; value = { }; }) 1000);
in
{
  users.users = names;
  zz.sets = builtins.listToAttrs (builtins.genList (n: { name = "s${toString n}"; value = names; }) 20);
}"#;

#[test]
fn a_module_that_sets_very_much_is_listed_in_part() {
    if real_lib("options that a NixOS module sets very many of").is_none() {
        return;
    }
    let stage = Stage::with(LONG, &[]);
    let sets = "options.zz.sets = lib.genAttrs (map (n: \"s${toString n}\") (lib.range 0 19)) (_: lib.mkOption { type = lib.types.attrs; });";
    for id in ["attic", "lobby"] {
        stage.device(
            id,
            &[
                nix(&NIXOS.replace("options.users.users = set;", &format!("options.users.users = set; {sets}"))),
                picky(1),
            ],
        );
    }
    stage.generate();
    let (answer, code) = stage.check(&[]);
    assert_eq!(code, 0, "{answer}");
    assert!(answer.to_string().len() < 2_000_000);
    let named = |option: &str| answer["outside"].as_array().unwrap().iter().any(|one| one["option"] == option);
    assert!((0..20).all(|n| named(&format!("zz.sets.s{n}"))), "{answer}");
    let shown = stage.world.thymis(&["check"]).done().stdout;
    assert!(shown.len() < 10_000 && shown.contains("more; --verbose shows all"), "{shown}");
}
