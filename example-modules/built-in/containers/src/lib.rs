//! The built-in module `containers`: OCI containers that Podman runs as systemd services.

use std::collections::HashSet;

use thymis_sdk::prelude::*;

mod container;

use container::Container;

/// Runs OCI containers (Docker images) as services, with Podman.
#[derive(Settings)]
pub struct Containers {
    /// Each becomes the service `podman-<name>`. A container of a configuration replaces one of the same name of a tag.
    #[setting(
        label(de = "Container"),
        description(
            de = "Jeder wird zum Dienst `podman-<Name>`. Ein Container einer Konfiguration ersetzt einen gleichnamigen eines Tags."
        ),
        default = []
    )]
    containers: Vec<Container>,
}

impl Module for Containers {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.oci_container.OCIContainers"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("OCI containers").and("de", "OCI-Container")
    }

    fn description() -> Localized {
        Self::about().and("de", "Führt OCI-Container (Docker-Images) als Dienste aus, mit Podman.")
    }

    fn category() -> Localized {
        Localized::from("Applications").and("de", "Anwendungen")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        config.override_(
            "virtualisation.podman",
            attrs! {
                "enable" => true,
                "autoPrune" => attrs! { "enable" => true },
                "dockerCompat" => true,
                // Containers find each other by their names.
                "defaultNetwork" => attrs! { "settings" => attrs! { "dns_enabled" => true } },
            },
        );
        config.override_("virtualisation.oci-containers.backend", "podman");

        let mut problems = Problems::default();
        let mut names = HashSet::new();
        let mut containers = config.at("virtualisation.oci-containers.containers");
        for (index, container) in self.containers.into_iter().enumerate().filter(|(_, container)| !container.is_blank())
        {
            let at = format!("/containers/{index}");
            let name = container.name(&at, &mut problems);
            if !name.trim().is_empty() && !names.insert(name.clone()) {
                // Which of two images a container has can't be told.
                let message = Localized::from("is the name of an earlier container; give each a name of its own")
                    .and("de", "heißt schon ein früherer Container; jeder braucht einen eigenen Namen");
                problems.push(Problem::at(format!("{at}/container_name"), message));
            }
            let value = container.value(&at, &mut problems);
            // As a whole: parts of two containers make none that works.
            containers.override_([name], value);
        }
        problems.into_result()
    }
}

thymis_sdk::export!(Containers);
