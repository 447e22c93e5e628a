//! The built-in module `localization`: time zone and time servers.

use thymis_sdk::prelude::*;

const USUAL_TIME_ZONE: &str = "Europe/Berlin";

/// Time zone and time servers.
#[derive(Settings)]
pub struct Localization {
    /// The time zone by its name in the tz database. Where nobody sets one: Europe/Berlin.
    #[setting(
        label = "Time zone",
        label(de = "Zeitzone"),
        description(de = "Die Zeitzone mit ihrem Namen in der tz-Datenbank. Wenn niemand eine setzt: Europe/Berlin."),
        example = "Europe/Berlin"
    )]
    timezone: Option<String>,
    /// Who is asked for the time (NTP). Servers of tags are asked as well.
    #[setting(
        label(de = "Zeitserver"),
        description(de = "Wer nach der Uhrzeit gefragt wird (NTP). Die Server von Tags werden ebenfalls gefragt."),
        default = []
    )]
    time_servers: Vec<TimeServer>,
}

/// A time server.
#[derive(Settings)]
struct TimeServer {
    /// Its name or address.
    #[setting(label(de = "Server"), description(de = "Sein Name oder seine Adresse."), example = "ptbtime1.ptb.de")]
    server: Option<String>,
}

impl Module for Localization {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.localization.LocalizationModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Localization and time").and("de", "Region und Zeit")
    }

    fn description() -> Localized {
        Self::about().and("de", "Zeitzone und Zeitserver.")
    }

    fn category() -> Localized {
        Localized::from("System").and("de", "System")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        match self.timezone {
            // Gives way to whatever a tag sets.
            None => config.merge("time.timeZone", USUAL_TIME_ZONE),
            // A blank one leaves the choice to NixOS.
            Some(zone) => config.set_some("time.timeZone", Some(zone).filter(|zone| !zone.is_empty())),
        };
        if !self.time_servers.is_empty() {
            let servers = self.time_servers.into_iter().filter_map(|time| time.server);
            config.merge("networking.timeServers", Expr::list(servers.filter(|server| !server.is_empty())));
        }
        Ok(())
    }
}

thymis_sdk::export!(Localization);
