//! The built-in module `files`: puts secrets and artifacts on the device.

use thymis_sdk::prelude::*;

mod artifacts;
mod secrets;

use artifacts::PlacedArtifact;
use secrets::PlacedSecret;

/// Puts secrets and artifacts on the device.
#[derive(Settings)]
pub struct Files {
    /// Passwords, keys, certificates and whatever else must not be seen in the project or in the Nix store.
    #[setting(
        label(de = "Secrets"),
        description(
            de = "Passwörter, Schlüssel, Zertifikate und was sonst weder im Projekt noch im Nix-Store stehen darf."
        ),
        default = []
    )]
    secrets: Vec<PlacedSecret>,
    /// Files of the project. They are copied to the device where nothing is there yet.
    #[setting(
        label(de = "Artefakte"),
        description(
            de = "Dateien des Projekts. Sie werden auf das Gerät kopiert, wo noch nichts ist."
        ),
        default = []
    )]
    artifacts: Vec<PlacedArtifact>,
}

impl Module for Files {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.files.FilesModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Files").and("de", "Dateien")
    }

    fn description() -> Localized {
        Self::about().and("de", "Legt Secrets und Artefakte auf dem Gerät ab.")
    }

    fn category() -> Localized {
        Localized::from("Files").and("de", "Dateien")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let mut problems = Problems::default();
        secrets::place(&self.secrets, config, &mut problems);
        artifacts::copy(&self.artifacts, config, &mut problems);
        problems.into_result()
    }
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

thymis_sdk::export!(Files);
