//! Wi-Fi. The NixOS module `thymis-device` makes wpa_supplicant's configuration of `thymis.config.wifi-*`.
//!
//! A secret can't pass through there, because that configuration is in the store. wpa_supplicant reads it from a file of
//! names and values instead (`ext:` in the configuration). A service makes this file of the secret on the device.

use thymis_sdk::prelude::*;

use crate::{AcceptedProtocol, Networking};

const PASSWORD_FILE: &str = "/run/thymis/wifi_password";
const SECRETS_FILE: &str = "/run/thymis-wifi/secrets";
/// What the script calls the key of a network in `SECRETS_FILE`.
const KEY: &str = "psk=ext:wifi_psk";
const SCRIPT: &str = include_str!("wifi-secrets.sh");

impl Networking {
    /// A blank text is set all the same: with it, a configuration takes back what a tag says.
    pub(crate) fn wifi(&self, config: &mut Config, problems: &mut Problems) {
        let mut thymis = config.at("thymis.config");
        thymis.set_some("wifi-ssid", self.wifi_ssid.as_ref());
        if let Some(protocols) = &self.wifi_auth_protocols {
            // An entry without a protocol stays one, as the device's own module sees it in Thymis 0.9.
            let entry = |accepted: &AcceptedProtocol| {
                Expr::attrs(accepted.protocol.as_ref().map(|protocol| ("protocol", Expr::from(protocol))))
            };
            let protocols = protocols.iter().map(entry);
            thymis.override_("wifi-auth-protocols", Expr::list(protocols));
        }
        let auth = self.wifi_auth.as_ref();
        let Some(secret) = &self.wifi_password_secret else {
            thymis.set_some("wifi-password", self.wifi_password.as_ref());
            if let Some(auth) = auth {
                thymis.override_("wifi-auth", auth);
            }
            return;
        };
        if self.wifi_password.as_ref().is_some_and(|password| !password.is_empty()) {
            let message = Localized::from("there is a password as plain text too; remove one of the two")
                .and("de", "es gibt auch ein Passwort als Klartext; entfernen Sie eines von beiden");
            problems.push(Problem::at("wifi_password_secret", message));
        }
        thymis.set("wifi-password", "");
        match auth.filter(|auth| !auth.is_empty()) {
            Some(auth) => thymis.override_("wifi-auth", auth),
            // Lines and a password exclude each other, and a stronger target may have set one.
            None => {
                thymis.override_("wifi-auth", nix::mk_if(nix::eq(nix::config("thymis.config.wifi-password"), ""), KEY))
            }
        };
        secrets_file(secret, config);
    }
}

fn secrets_file(secret: &Secret, config: &mut Config) {
    config.place(secret, PASSWORD_FILE);
    config.set("networking.wireless.secretsFile", SECRETS_FILE);
    // In a file, because systemd would look for specifiers in an environment variable.
    let ssid = nix::write_text("wifi-ssid", text!("{}", nix::config("thymis.config.wifi-ssid")));
    config
        .at("systemd.services.thymis-wifi-secrets")
        .set("description", "Wi-Fi password for wpa_supplicant")
        .set("wantedBy", ["wpa_supplicant.service"])
        .set("before", ["wpa_supplicant.service"])
        .set("path", [nix::pkgs("wpa_supplicant")])
        .set("environment.PASSWORD_FILE", nix::secret_path(secret))
        .set("environment.SSID_FILE", text!("{}", ssid))
        .set("environment.SECRETS_FILE", SECRETS_FILE)
        .set("serviceConfig.Type", "oneshot")
        .set("serviceConfig.ExecStart", text!("{}", nix::write_shell_script("thymis-wifi-secrets", SCRIPT)))
        .set("serviceConfig.RuntimeDirectory", "thymis-wifi")
        .set("serviceConfig.RuntimeDirectoryPreserve", "yes")
        // Placing secrets touches the file several times.
        .set("unitConfig.StartLimitIntervalSec", 0);
    config
        .at("systemd.paths.thymis-wifi-secrets")
        .set("description", "Changes of the Wi-Fi password")
        .set("wantedBy", ["paths.target"])
        .set("pathConfig.PathChanged", nix::secret_path(secret));
}
