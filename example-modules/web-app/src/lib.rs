//! Settings combined with outputs of the repository's own flake: the NixOS module `nixosModules.default` is imported, and
//! its options are set, one of them to the package `packages.default`.

use thymis_sdk::prelude::*;

/// Serves a page that greets whoever opens it.
#[derive(Settings)]
pub struct WebApp {
    /// What the page says.
    #[setting(default = "Hello from Thymis", max_length = 200, label(de = "Gruß"))]
    greeting: String,
    /// Where the page is served.
    #[setting(default = 8080, min = 1, label(de = "Port"))]
    port: u16,
    /// Lets other machines open the page.
    #[setting(default = false, label(de = "Firewall öffnen"))]
    open_firewall: bool,
}

impl Module for WebApp {
    fn label() -> Localized {
        Localized::from("Web app").and("de", "Web-App")
    }

    fn category() -> Localized {
        "Examples".into()
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        config.import(nix::output("nixosModules.default"));
        config
            .at("services.web-app")
            .set("enable", true)
            .set("package", nix::output("packages.default"))
            .set("port", self.port)
            .set("greeting", self.greeting);
        if self.open_firewall {
            config.merge("networking.firewall.allowedTCPPorts", [self.port]);
        }
        Ok(())
    }
}

thymis_sdk::export!(WebApp);
