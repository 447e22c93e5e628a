//! The built-in module `networking`: Wi-Fi, fixed addresses and name servers.

use thymis_sdk::prelude::*;

mod addresses;
mod protocol;
mod wifi;

use addresses::StaticNetwork;
use protocol::AcceptedProtocol;

/// Wi-Fi, fixed addresses and name servers.
#[derive(Settings)]
pub struct Networking {
    /// The name (SSID) of the Wi-Fi network.
    #[setting(
        label = "Wi-Fi name",
        label(de = "WLAN-Name"),
        description(de = "Der Name (SSID) des WLANs."),
        example = "Office"
    )]
    wifi_ssid: Option<String>,
    /// The password as plain text. Everyone who can read the project or the device's Nix store can read it; a secret is
    /// better.
    #[setting(
        label = "Wi-Fi password",
        label(de = "WLAN-Passwort"),
        description(
            de = "Das Passwort als Klartext. Wer das Projekt oder den Nix-Store des Geräts lesen kann, kann es lesen; besser ist ein Secret."
        )
    )]
    wifi_password: Option<String>,
    /// The password as a secret, instead of plain text. Neither the project nor the Nix store contains it. Together with
    /// the options of wpa_supplicant it is available there as `ext:wifi_password`.
    #[setting(
        label = "Wi-Fi password (secret)",
        label(de = "WLAN-Passwort (Secret)"),
        description(
            de = "Das Passwort als Secret statt als Klartext. Es steht weder im Projekt noch im Nix-Store. Zusammen mit den Optionen für wpa_supplicant ist es dort als `ext:wifi_password` verfügbar."
        ),
        secret_kinds = ["single_line"],
        secret_in_image = true
    )]
    wifi_password_secret: Option<Secret>,
    /// Lines for the network's block in wpa_supplicant.conf, such as for WPA Enterprise. They take the place of the
    /// password.
    #[setting(
        label = "Options of wpa_supplicant",
        label(de = "Optionen für wpa_supplicant"),
        description(
            de = "Zeilen für den Block des Netzes in wpa_supplicant.conf, etwa für WPA Enterprise. Sie treten an die Stelle des Passworts."
        ),
        example = "eap=PEAP\nidentity=\"device@example.org\"\npassword=ext:wifi_password"
    )]
    wifi_auth: Option<Text>,
    /// The ways of logging in that the device accepts (`key_mgmt` of wpa_supplicant). Without any: WPA2 and WPA3.
    #[setting(
        label = "Accepted protocols",
        label(de = "Erlaubte Protokolle"),
        description(
            de = "Die Anmeldeverfahren, die das Gerät akzeptiert (`key_mgmt` von wpa_supplicant). Ohne Angabe: WPA2 und WPA3."
        )
    )]
    wifi_auth_protocols: Option<Vec<AcceptedProtocol>>,
    /// Interfaces with fixed addresses. Entries for the same interface are joined.
    #[setting(
        label = "Fixed addresses",
        label(de = "Feste Adressen"),
        description(
            de = "Schnittstellen mit festen Adressen. Einträge für dieselbe Schnittstelle werden zusammengefasst."
        ),
        default = []
    )]
    static_networks: Vec<StaticNetwork>,
    /// Who is asked for the addresses of names.
    #[setting(
        label = "Name servers",
        label(de = "Nameserver"),
        description(de = "Wer nach den Adressen zu Namen gefragt wird (DNS)."),
        default = []
    )]
    nameservers: Vec<NameServer>,
}

/// A name server.
#[derive(Settings)]
struct NameServer {
    /// Its IP address.
    #[setting(label = "Address", label(de = "Adresse"), description(de = "Seine IP-Adresse."), example = "9.9.9.9")]
    nameserver: Option<String>,
}

impl Module for Networking {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.networking.NetworkingModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Networking").and("de", "Netzwerk")
    }

    fn description() -> Localized {
        Self::about().and("de", "WLAN, feste Adressen und Nameserver.")
    }

    fn category() -> Localized {
        Localized::from("Connectivity").and("de", "Konnektivität")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let mut problems = Problems::default();
        self.wifi(config, &mut problems);
        addresses::configure(&self.static_networks, config, &mut problems);
        let servers: Vec<_> = self.nameservers.into_iter().filter_map(|server| filled(server.nameserver)).collect();
        if !servers.is_empty() {
            config.override_("networking.nameservers", servers);
        }
        problems.into_result()
    }
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

thymis_sdk::export!(Networking);
