//! A machine that several people develop on: accounts, programs, Git, containers.

use std::collections::BTreeMap;

use thymis_sdk::prelude::*;

mod git;
mod person;

use git::Git;
use person::Person;

#[derive(Choice)]
enum Editor {
    /// Vim
    Vim,
    /// Neovim
    Neovim,
    /// Helix
    Helix,
}

#[derive(Choice, Clone, Copy, PartialEq)]
enum Containers {
    /// Docker
    Docker,
    /// Podman
    Podman,
}

/// Sets up a machine to develop on.
///
/// What isn't set here stays as tags or other modules say.
// So single values are `Option`s: a default would count as said, and win over a tag.
#[derive(Settings)]
pub struct DevelopmentMachine {
    /// Who works here, by the name of the account.
    #[setting(
        default = BTreeMap::new(), max_items = 100, key_pattern = "[a-z_][a-z0-9_-]{0,30}", label(de = "Personen"),
        description(de = "Wer hier arbeitet, nach dem Namen des Kontos.")
    )]
    people: BTreeMap<String, Person>,
    /// What is installed for everyone: names of packages in nixpkgs.
    #[setting(
        default = [], max_items = 500, unique_by = "", example = ["ripgrep", "python3Packages.requests"],
        label(de = "Pakete"), description(de = "Was für alle installiert ist: Namen von Paketen in nixpkgs.")
    )]
    packages: Vec<PackageName>,
    /// The editor that other programs start.
    #[setting(label(de = "Editor"), description(de = "Der Editor, den andere Programme starten."))]
    editor: Option<Editor>,
    /// Git for everyone on the machine.
    #[setting(label(de = "Git"), description(de = "Git für alle auf dem Rechner."))]
    git: Git,
    /// What runs containers. Whoever can use Docker is as good as root.
    #[setting(
        label(de = "Container"),
        description(de = "Womit Container laufen. Wer Docker benutzen darf, ist so gut wie root.")
    )]
    containers: Option<Containers>,
    /// Loads a folder's own environment when it is entered.
    #[setting(
        label = "direnv",
        label(de = "direnv"),
        description(de = "Lädt beim Betreten eines Ordners dessen eigene Umgebung.")
    )]
    direnv: Option<bool>,
    /// Lets people log in over the network, with keys.
    #[setting(
        label = "SSH",
        label(de = "SSH"),
        description(de = "Erlaubt die Anmeldung über das Netzwerk, mit Schlüsseln.")
    )]
    ssh: Option<bool>,
}

impl Module for DevelopmentMachine {
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Development machine").and("de", "Entwicklungsrechner")
    }

    fn description() -> Localized {
        Self::about().and(
            "de",
            "Richtet einen Rechner zum Entwickeln ein.\n\nWas hier nicht gesetzt ist, bleibt, wie Tags oder andere Module es \
             sagen.",
        )
    }

    fn category() -> Localized {
        Localized::from("Development").and("de", "Entwicklung")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        if self.people.contains_key("root") {
            let message = Localized::from("is not a person: give people accounts of their own")
                .and("de", "ist keine Person: jede Person bekommt ein eigenes Konto");
            return Err(Problem::at("/people/root", message).into());
        }
        for (name, person) in &self.people {
            person.generate(name, self.containers == Some(Containers::Docker), config);
        }
        config.set_some("services.openssh.enable", self.ssh);
        if self.ssh == Some(true) {
            config.set("services.openssh.settings.PasswordAuthentication", false);
        }
        config.merge("environment.systemPackages", Expr::list(&self.packages));
        self.git.generate(config);
        if let Some(editor) = self.editor {
            editor.generate(config);
        }
        match self.containers {
            None => {}
            Some(Containers::Docker) => {
                config.set("virtualisation.docker.enable", true);
            }
            Some(Containers::Podman) => {
                config.at("virtualisation.podman").set("enable", true).set("dockerCompat", true);
            }
        }
        config.set_some("programs.direnv.enable", self.direnv);
        Ok(())
    }
}

impl Editor {
    fn generate(&self, config: &mut Config) {
        match self {
            Self::Vim => {
                config.at("programs.vim").set("enable", true).set("defaultEditor", true);
            }
            Self::Neovim => {
                config.at("programs.neovim").set("enable", true).set("defaultEditor", true);
            }
            Self::Helix => {
                config.merge("environment.systemPackages", list![nix::pkgs("helix")]);
                config.set("environment.variables.EDITOR", "hx");
            }
        }
    }
}

thymis_sdk::export!(DevelopmentMachine);
