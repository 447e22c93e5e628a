//! A person's own Nix, without the program, on the project as it was committed.

use std::path::{Path, PathBuf};

use thymis_tests::{git, server::bare_clone};

use crate::{Flake, Place};

const SAID: &str = ".#nixosConfigurations.lobby.config.words.said";
const TOPLEVEL: &str = ".#nixosConfigurations.lobby.config.system.build.toplevel";
const SECRET: &str = "SECRET-of-one";

/// A project whose inputs have branches and inputs of their own, generated, committed and cloned.
fn committed(place: &Place, private: bool) -> PathBuf {
    place.flake("helper", &Flake::new().on("deep", &place.url("deep")));
    place.flake("deep", &Flake::new());
    for name in ["main", "branch"] {
        place.flake(name, &Flake::new().on("helper", &place.url("helper")));
    }
    git(&place.site("branch"), &["branch", "other"]);
    place.files("branch", &[("flake.nix", "{ outputs = _: { word = \"of no use\"; }; }")]);
    if private {
        for name in ["main", "branch"] {
            place.token(name, SECRET);
            place.credential(name, SECRET);
        }
    }
    place.add("main");
    place.thymis(&["input", "add", "branch", &format!("{}?ref=other", place.url("branch"))]).done();
    place.lock();
    place.configure("lobby", "\"${inputs.main.word} ${inputs.branch.word}\"");
    place.thymis(&["generate"]).done();
    place.thymis(&["commit", "--message", "First", "--author", "A <a@example.org>"]).done();
    let clone = place.world.path().join("clone");
    bare_clone(&place.world.project(), place.world.path(), "bare");
    git(place.world.path(), &["clone", "--quiet", "bare", "clone"]);
    clone
}

#[track_caller]
fn assert_evaluates(place: &Place, clone: &Path) {
    let said = place.nix(&["eval", "--json", SAID], clone).done().json();
    assert_eq!(said, "main(helper(deep)) branch(helper(deep))");
    let asked = place.nix(&["eval", "--raw", &format!("{TOPLEVEL}.drvPath")], clone).done().stdout;
    assert!(asked.ends_with(".drv"), "{asked}");
}

#[test]
fn it_takes_the_lock_as_it_is() {
    let place = Place::new();
    let clone = committed(&place, false);
    let lock = std::fs::read_to_string(clone.join("flake.lock")).unwrap();
    place.nix(&["flake", "metadata", "--no-update-lock-file"], &clone).done();
    assert_evaluates(&place, &clone);
    place.nix(&["build", "--no-link", TOPLEVEL], &clone).done();
    for command in [&["flake", "lock"] as &[&str], &["flake", "archive"]] {
        place.nix(command, &clone).done();
        assert_eq!(std::fs::read_to_string(clone.join("flake.lock")).unwrap(), lock, "{command:?}");
    }
    assert_eq!(git(&clone, &["status", "--porcelain"]), "");
}

#[test]
fn what_was_stored_needs_neither_network_nor_credential() {
    let mut place = Place::new();
    let clone = committed(&place, true);
    // Alone, it has no token for them.
    place.nix(&["eval", "--json", SAID], &clone).refused();
    let stored = place.thymis(&["--json", "input", "store"]).done().json();
    for name in ["main", "branch", "nixpkgs", "thymis", "an input of an input"] {
        assert!(stored.as_object().unwrap().values().any(|of| of.to_string().contains(name)), "{name}: {stored:#}");
    }
    assert!(stored.as_object().unwrap().keys().all(|path| Path::new(path).is_dir()), "{stored:#}");
    place.stop();
    assert_evaluates(&place, &clone);
    place.nix(&["build", "--no-link", TOPLEVEL], &clone).done();
}
