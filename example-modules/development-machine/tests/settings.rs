//! What a person sets is what the machine has.

use development_machine::DevelopmentMachine;
use thymis_sdk::{Json, json, testing};

fn rendered(settings: Json) -> testing::Rendered {
    testing::render::<DevelopmentMachine>(settings)
}

#[test]
fn everyone_gets_an_account_with_keys() {
    let rendered = rendered(json!({ "people": {
        "ada": { "full_name": "Ada Lovelace", "keys": ["ssh-ed25519 AAAA ada"], "administrator": true },
        "bob": { "shell": "zsh" },
    } }));
    assert_eq!(
        rendered.value("users.users.ada"),
        json!({
            "isNormalUser": true, "description": "Ada Lovelace", "extraGroups": ["wheel"],
            "openssh": { "authorizedKeys": { "keys": ["ssh-ed25519 AAAA ada"] } },
        })
    );
    assert_eq!(rendered.value("users.users.bob.shell"), "pkgs.zsh");
    assert_eq!(rendered.value("programs.zsh.enable"), true);
    assert_eq!(rendered.strength("users.users.ada.openssh.authorizedKeys.keys"), Some("merge"));
}

#[test]
fn passwords_are_never_asked_for_over_the_network() {
    assert_eq!(
        rendered(json!({ "ssh": true })).value("services.openssh"),
        json!({ "enable": true, "settings": { "PasswordAuthentication": false } })
    );
    assert_eq!(rendered(json!({ "ssh": false })).value("services.openssh"), json!({ "enable": false }));
}

#[test]
fn what_is_not_set_is_left_to_tags_and_others() {
    assert_eq!(rendered(json!({})).paths(), ["environment.systemPackages", "programs.git.enable"]);
}

#[test]
fn docker_is_for_everyone_and_podman_needs_no_group() {
    let with = |containers: &str| rendered(json!({ "people": { "ada": {} }, "containers": containers }));
    assert_eq!(with("docker").value("users.users.ada.extraGroups"), json!(["docker"]));
    assert_eq!(with("podman").value("users.users.ada.extraGroups"), json!([]));
    assert_eq!(with("podman").value("virtualisation.podman"), json!({ "enable": true, "dockerCompat": true }));
}

#[test]
fn packages_are_packages_and_join_those_of_others() {
    let rendered = rendered(json!({ "packages": ["ripgrep", "python3Packages.requests"] }));
    assert_eq!(rendered.value("environment.systemPackages"), json!(["pkgs.ripgrep", "pkgs.python3Packages.requests"]));
    assert_eq!(rendered.strength("environment.systemPackages"), Some("merge"));
}

#[test]
fn git_is_configured_name_by_name() {
    let rendered = rendered(json!({ "git": { "default_branch": "trunk", "aliases": { "last": "log -1 \"HEAD\"" } } }));
    assert_eq!(
        rendered.value("programs.git"),
        json!({ "enable": true, "config": { "init": { "defaultBranch": "trunk" }, "alias": { "last": "log -1 \"HEAD\"" } } })
    );
}

#[test]
fn one_editor_is_the_default() {
    assert_eq!(rendered(json!({ "editor": "neovim" })).value("programs.neovim.defaultEditor"), true);
    let helix = rendered(json!({ "editor": "helix", "packages": ["htop"] }));
    assert_eq!(helix.value("environment.variables.EDITOR"), "hx");
    assert!(helix.to_string().contains("[ pkgs.htop ]") && helix.to_string().contains("[ pkgs.helix ]"), "{helix}");
}

#[test]
fn root_is_nobodys_account() {
    let problems =
        testing::refuse::<DevelopmentMachine>(json!({ "people": { "root": { "keys": ["ssh-ed25519 A"] } } }));
    assert_eq!(problems[0].setting(), Some("/people/root"));
}
