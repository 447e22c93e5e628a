//! The built-in module `kiosk`: a browser that shows one page on the whole screen.

use thymis_sdk::prelude::*;

mod mode;
mod session;

use mode::Mode;
use session::{Password, Session};

/// The account that the session runs as.
const USER: &str = "thymiskiosk";
const DEFAULT_URL: &str = "https://example.com";
const DEFAULT_PASSWORD: &str = "password";
/// Where the secret with VNC's password is put.
const PASSWORD_PATH: &str = "/run/thymis/kiosk-vnc-password";
/// Most characters of a wrong setting in a warning.
const MAX_SHOWN: usize = 40;

/// Shows one web page on the whole screen, without anything around it.
#[derive(Settings)]
pub struct Kiosk {
    /// The page that the screen shows.
    // Linux takes up to 131,071 bytes as one argument of a program.
    #[setting(
        label = "URL",
        label(de = "URL"),
        description(de = "Die Seite, die der Bildschirm zeigt."),
        default = "https://example.com",
        example = "https://example.com",
        max_length = 30_000
    )]
    kiosk_url: Text,
    /// Width and height in pixels, and the refresh rate in hertz if it isn't 60: 1920x1080, 1360x768_60.00, 3840x2160@30.
    #[setting(
        label = "Display mode",
        label(de = "Bildschirmmodus"),
        description(
            de = "Breite und Höhe in Pixeln, dazu die Bildwiederholrate in Hertz, falls sie nicht 60 ist: 1920x1080, 1360x768_60.00, 3840x2160@30."
        ),
        default = "1920x1080",
        example = "1920x1080"
    )]
    xrandr_mode: String,
    /// How the picture is turned.
    #[setting(
        label = "Rotation",
        label(de = "Drehung"),
        description(de = "Wie das Bild gedreht wird."),
        default = Rotation::Normal
    )]
    xrandr_rotation: Rotation,
    /// In percent.
    #[setting(label(de = "Lautstärke"), description(de = "In Prozent."), default = 100, max = 100, example = 100)]
    volume: u8,
    /// A part of the sound output's name, in upper or lower case, such as hdmi or analog. On the device,
    /// `pactl list short sinks` shows the outputs. The usual one where nothing is set.
    #[setting(
        label = "Sound output",
        label(de = "Tonausgabe"),
        description(
            de = "Ein Teil des Namens der Tonausgabe, groß oder klein geschrieben, etwa hdmi oder analog. Auf dem Gerät zeigt `pactl list short sinks` die Ausgaben. Ohne Angabe die übliche."
        ),
        example = "HDMI"
    )]
    audio_sink_fuzzy: Option<String>,
    /// Lets people see and control the screen over VNC. The firewall stays closed: open port 5900 where that is wanted.
    #[setting(
        label = "VNC server",
        label(de = "VNC-Server"),
        description(
            de = "Der Bildschirm lässt sich über VNC sehen und bedienen. Die Firewall bleibt zu: Port 5900 ist bei Bedarf zu öffnen."
        ),
        default = false
    )]
    enable_vnc: bool,
    /// Readable by everyone on the device; a secret isn't. Eight characters count.
    #[setting(
        label = "VNC password",
        label(de = "VNC-Passwort"),
        description(de = "Auf dem Gerät für alle lesbar, anders als ein Geheimnis. Acht Zeichen zählen."),
        default = "password",
        visible_if(enable_vnc = true)
    )]
    vnc_password: String,
    /// The password as a secret. It counts in place of the other.
    #[setting(
        label = "VNC secret",
        label(de = "VNC-Geheimnis"),
        description(de = "Das Passwort als Geheimnis. Es gilt anstelle des anderen."),
        visible_if(enable_vnc = true)
    )]
    vnc_password_secret: Option<Secret>,
}

/// Named as `xrandr` does.
#[derive(Choice)]
pub(crate) enum Rotation {
    #[choice(label = "Not turned", label(de = "Nicht gedreht"))]
    Normal,
    #[choice(label = "To the left", label(de = "Nach links"))]
    Left,
    #[choice(label = "To the right", label(de = "Nach rechts"))]
    Right,
    #[choice(label = "Upside down", label(de = "Auf dem Kopf"))]
    Inverted,
}

impl Module for Kiosk {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.kiosk.Kiosk"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Kiosk").and("de", "Kiosk")
    }

    fn description() -> Localized {
        Self::about().and("de", "Zeigt eine Webseite auf dem ganzen Bildschirm, ohne etwas darum herum.")
    }

    fn category() -> Localized {
        Localized::from("Applications").and("de", "Anwendungen")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        if let (true, Some(secret)) = (self.enable_vnc, &self.vnc_password_secret) {
            config.place(secret, PASSWORD_PATH).owner(USER).group("users").mode(0o400);
        }
        let mode = Mode::parse(&self.xrandr_mode).unwrap_or_else(|| {
            if !self.xrandr_mode.is_empty() {
                config.warn(format!(
                    "Kiosk: the display mode `{}` is none such as 1920x1080 or 1920x1080@60; {} is shown",
                    self.xrandr_mode.escape_debug().take(MAX_SHOWN).collect::<String>(),
                    Mode::default()
                ));
            }
            Mode::default()
        });
        let session = Session {
            url: filled(self.kiosk_url.as_str()).unwrap_or(DEFAULT_URL),
            mode,
            rotation: self.xrandr_rotation.value(),
            volume: self.volume,
            sink: self.audio_sink_fuzzy.as_deref().and_then(filled),
            vnc: self.vnc(),
        };
        desktop(config);
        config.set("services.xserver.windowManager.i3.configFile", session.i3_config());
        restarts(config, &session);
        Ok(())
    }
}

impl Kiosk {
    fn vnc(&self) -> Option<Password<'_>> {
        self.enable_vnc.then(|| match &self.vnc_password_secret {
            Some(secret) => Password::Secret(secret),
            None => Password::Plain(filled(&self.vnc_password).unwrap_or(DEFAULT_PASSWORD)),
        })
    }
}

/// Logs the kiosk's user in to i3, with sound.
fn desktop(config: &mut Config) {
    config
        .set("services.xserver.enable", true)
        .set("services.displayManager.sddm.enable", true)
        .set("services.displayManager.autoLogin.enable", true)
        .set("services.displayManager.autoLogin.user", USER)
        .override_(path!["users", "users", USER], attrs! { "isNormalUser" => true, "createHome" => true })
        // Plain: an operator's priority wins, and another plain value is named as a conflict.
        .merge("services.pipewire.enable", false)
        .merge("services.pulseaudio.enable", true)
        .merge("services.pulseaudio.support32Bit", true)
        .set("services.xserver.windowManager.i3.enable", true);
}

/// Brings changes to the screen. NixOS itself never restarts a display manager.
fn restarts(config: &mut Config, session: &Session<'_>) {
    config
        .at("systemd.services.display-manager")
        .set("restartIfChanged", true)
        .set("environment.NONCE", session.fingerprint());
    config
        .at("system.activationScripts.restart-display-manager-thymis")
        .merge("supportsDryActivation", true)
        // A tag's script and the configuration's do the same: one is enough.
        .override_("text", include_str!("restart.sh"));
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

thymis_sdk::export!(Kiosk);
