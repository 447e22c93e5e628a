//! The fixtures are what the other tests take them for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::json;
use thymis_tests::{Fixtures, Lib, Nix};

#[test]
fn each_lib_is_the_one_that_evaluates() {
    for (lib, name) in [(Lib::Small, "small"), (Lib::Real, "real")] {
        let Some(repository) = Fixtures::nixpkgs(lib, "the fixture nixpkgs with nixpkgs' lib") else { continue };
        let reference = format!("git+file://{}#fixture.lib", repository.display());
        assert_eq!(Nix::shared().eval_flake(&reference), Ok(json!(name)));
    }
}

#[test]
fn the_device_types_are_there() {
    let nix = Nix::shared();
    let command = nix
        .command("nix")
        .args(["eval", "--json", "--apply", "builtins.attrNames"])
        .arg(format!("git+file://{}#nixosModules", Fixtures::thymis().display()))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&command.stdout).contains("thymis-device-raspberry-pi-4"));
}
