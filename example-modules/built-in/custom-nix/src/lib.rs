//! The built-in module `custom-nix`: NixOS configuration in the operator's own words.

use thymis_sdk::prelude::*;

mod fault;
mod source;

use fault::Fault;

/// Takes NixOS configuration that you write yourself: options, or a whole NixOS module.
#[derive(Settings)]
pub struct CustomNix {
    /// Options, such as `services.openssh.enable = true;`, or a whole module, such as `{ pkgs, ... }: { … }`. Both can use
    /// `config`, `lib`, `pkgs` and `inputs`.
    #[setting(
        label = "Nix",
        label(de = "Nix"),
        description(
            de = "Optionen wie `services.openssh.enable = true;` oder ein ganzes Modul wie `{ pkgs, ... }: { … }`. Beide können `config`, `lib`, `pkgs` und `inputs` verwenden."
        ),
        language = "nix",
        example = "services.openssh.enable = true;"
    )]
    settings: Option<Code>,
}

impl Module for CustomNix {
    const MULTIPLE: bool = true;
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.whatever.WhateverModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Custom Nix").and("de", "Eigenes Nix")
    }

    fn description() -> Localized {
        Self::about()
            .and("de", "Übernimmt selbst geschriebene NixOS-Konfiguration: Optionen oder ein ganzes NixOS-Modul.")
    }

    fn category() -> Localized {
        Localized::from("Advanced").and("de", "Erweitert")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let text = self.settings.as_deref().unwrap_or_default();
        let module = source::module(text).map_err(|fault| Problem::at("settings", fault.message(text)))?;
        if let Some(module) = module {
            config.import(nix::raw(module));
        }
        Ok(())
    }
}

thymis_sdk::export!(CustomNix);
