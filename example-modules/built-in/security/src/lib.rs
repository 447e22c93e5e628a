//! The built-in module `security`: who may log in, and which certificates are trusted.

use thymis_sdk::prelude::*;

/// The agent on the device sets the password of root when it places a secret here.
const PASSWORD_HASH: &str = "/run/thymis/root_password_hash";

/// Who may log in, and which certificates are trusted.
#[derive(Settings)]
pub struct Security {
    /// The password of root. Only its hash (yescrypt) reaches the device.
    #[setting(
        label = "Password of root",
        label(de = "Passwort von root"),
        description(de = "Das Passwort von root. Nur sein Hash (yescrypt) gelangt auf das Gerät."),
        secret_kinds = ["single_line"],
        secret_processing = ["mkpasswd-yescrypt"],
        secret_in_image = true
    )]
    password_secret: Option<Secret>,
    /// SSH keys whose holders may log in as root. Keys of tags may too.
    #[setting(
        label = "SSH keys",
        label(de = "SSH-Schlüssel"),
        description(
            de = "SSH-Schlüssel, deren Inhaber sich als root anmelden dürfen. Das gilt auch für die Schlüssel von Tags."
        )
    )]
    authorized_keys: Option<Vec<AuthorizedKey>>,
    /// Certificates of authorities that programs on the device trust, besides those of Mozilla.
    #[setting(
        label = "Trusted certificates",
        label(de = "Vertrauenswürdige Zertifikate"),
        description(
            de = "Zertifikate von Stellen, denen die Programme auf dem Gerät vertrauen, zusätzlich zu denen von Mozilla."
        ),
        default = []
    )]
    security_pki_certificates: Vec<TrustedCertificate>,
}

/// An SSH key.
#[derive(Settings)]
struct AuthorizedKey {
    /// One public key, as a line of authorized_keys.
    // `Text`: keys are long, and are often pasted with a line break at the end.
    #[setting(
        label(de = "Schlüssel"),
        description(de = "Ein öffentlicher Schlüssel, als Zeile von authorized_keys."),
        example = "ssh-ed25519 AAAA… me@example.org"
    )]
    key: Option<Text>,
}

/// A certificate.
#[derive(Settings)]
struct TrustedCertificate {
    /// The certificate as PEM.
    #[setting(
        label(de = "Zertifikat"),
        description(de = "Das Zertifikat als PEM."),
        example = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----"
    )]
    certificate: Option<Text>,
}

impl Module for Security {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.security.SecurityAccessModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Security and access").and("de", "Sicherheit und Zugang")
    }

    fn description() -> Localized {
        Self::about().and("de", "Wer sich anmelden darf und welchen Zertifikaten vertraut wird.")
    }

    fn category() -> Localized {
        Localized::from("Security").and("de", "Sicherheit")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        if let Some(secret) = &self.password_secret {
            config.place(secret, PASSWORD_HASH).owner("root").group("root").mode(0o400);
            config.set("users.users.root.hashedPasswordFile", nix::secret_path(secret));
        }
        if let Some(keys) = &self.authorized_keys {
            authorize(keys, config)?;
        }
        if !self.security_pki_certificates.is_empty() {
            let certificates = self.security_pki_certificates.iter().filter_map(|trusted| filled(&trusted.certificate));
            config.merge("security.pki.certificates", Expr::list(certificates));
        }
        Ok(())
    }
}

fn authorize(keys: &[AuthorizedKey], config: &mut Config) -> Result<(), Problems> {
    let several = |(index, authorized): (usize, &AuthorizedKey)| {
        let key = filled(&authorized.key)?;
        let message = Localized::from("has several lines; every key needs an entry of its own")
            .and("de", "hat mehrere Zeilen; jeder Schlüssel braucht einen eigenen Eintrag");
        let pointer = format!("/authorized_keys/{index}/key");
        key.trim_end_matches(['\r', '\n']).contains(['\r', '\n']).then(|| Problem::at(pointer, message))
    };
    keys.iter().enumerate().filter_map(several).collect::<Problems>().into_result()?;
    // Every entry as it is: the device only compares this list.
    let entries = keys.iter().map(|authorized| Expr::attrs(authorized.key.iter().map(|key| ("key", key))));
    config.override_("thymis.config.authorized-keys", Expr::list(entries));
    if !keys.is_empty() {
        let keys = keys.iter().filter_map(|authorized| filled(&authorized.key));
        config.merge("users.users.root.openssh.authorizedKeys.keys", Expr::list(keys));
    }
    Ok(())
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: &Option<Text>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

thymis_sdk::export!(Security);
