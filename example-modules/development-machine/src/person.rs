//! An account.

use thymis_sdk::prelude::*;

#[derive(Choice)]
enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

/// Someone who works on the machine.
#[derive(Settings)]
pub struct Person {
    /// The person's name.
    #[setting(
        max_length = 100,
        pattern = "[^:]*",
        example = "Ada Lovelace",
        label(de = "Voller Name"),
        description(de = "Der Name der Person.")
    )]
    full_name: Option<String>,
    /// Public keys, as in `authorized_keys`.
    #[setting(
        default = [], max_items = 50, example = ["ssh-ed25519 AAAAC3… ada@laptop"], label = "SSH keys",
        label(de = "SSH-Schlüssel"), description(de = "Öffentliche Schlüssel, wie in `authorized_keys`."),
        items(min_length = 1, max_length = 4000)
    )]
    keys: Vec<String>,
    /// Whether the person may use sudo.
    #[setting(default = false, label(de = "Administrator"), description(de = "Ob die Person sudo benutzen darf."))]
    administrator: bool,
    /// The hash, as `mkpasswd` prints it, of the password to begin with: sudo asks for one. Everyone on the device can read
    /// the hash.
    #[setting(
        pattern = r"\$[0-9a-z]+\$[./=,$0-9A-Za-z]+",
        max_length = 200,
        example = "$y$j9T$exampleSalt$exampleHash0123456789",
        label(de = "Erstes Passwort"),
        description(
            de = "Der Hash, wie `mkpasswd` ihn ausgibt, des Passworts für den Anfang: sudo fragt danach. Jeder auf \
            dem Gerät kann den Hash lesen."
        )
    )]
    first_password: Option<String>,
    /// What runs the person's commands.
    #[setting(
        default = Shell::Bash,
        label(de = "Shell"),
        description(de = "Womit die Befehle der Person laufen.")
    )]
    shell: Shell,
}

impl Person {
    pub fn generate(&self, name: &str, docker: bool, config: &mut Config) {
        let groups = [("wheel", self.administrator), ("docker", docker)];
        let groups = groups.into_iter().filter(|(_, member)| *member).map(|(group, _)| group);
        config
            .at(path!["users", "users", name])
            .set("isNormalUser", true)
            .set_some("description", self.full_name.as_ref())
            .set("openssh.authorizedKeys.keys", Expr::list(&self.keys))
            .set("extraGroups", Expr::list(groups))
            .set_some("initialHashedPassword", self.first_password.as_ref());
        let shell = match self.shell {
            Shell::Bash => return,
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        };
        config.set(path!["users", "users", name, "shell"], nix::pkgs([shell]));
        // NixOS wants a login shell to be set up for all.
        config.set(path!["programs", shell, "enable"], true);
    }
}
