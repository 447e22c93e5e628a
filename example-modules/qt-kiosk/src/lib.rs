//! A Qt application on a screen: `packages.default` of the repository's flake, run by NixOS's Wayland kiosk `cage`.

use thymis_sdk::prelude::*;

/// Name of the user that the application runs as.
const USER: &str = "qt-kiosk";

#[derive(Choice)]
enum Clock {
    #[choice(label = "None", label(de = "Keine"))]
    None,
    #[choice(value = "24-hours", label = "24 hours", label(de = "24 Stunden"))]
    Hours24,
    #[choice(value = "12-hours", label = "12 hours", label(de = "12 Stunden"))]
    Hours12,
}

#[derive(Choice)]
enum Rotation {
    #[choice(value = "0", label = "Not rotated", label(de = "Nicht gedreht"))]
    Normal,
    #[choice(value = "90", label = "90° clockwise", label(de = "90° im Uhrzeigersinn"))]
    Right,
    #[choice(value = "180", label = "Upside down", label(de = "Auf dem Kopf"))]
    UpsideDown,
    #[choice(value = "270", label = "90° counterclockwise", label(de = "90° gegen den Uhrzeigersinn"))]
    Left,
}

/// Shows a clock and a message on the device's screen.
#[derive(Settings)]
pub struct QtKiosk {
    /// What the screen says, in as many lines as you like.
    #[setting(
        default = "Hello from Thymis",
        max_length = 1000,
        example = "Welcome\nThe meeting is on the second floor",
        label(de = "Nachricht"),
        description(de = "Was auf dem Bildschirm steht, in beliebig vielen Zeilen.")
    )]
    message: Text,
    /// How the time is shown.
    #[setting(default = Clock::Hours24, label(de = "Uhr"), description(de = "Wie die Zeit gezeigt wird."))]
    clock: Clock,
    /// Red, green and blue as two hexadecimal digits each.
    #[setting(
        default = "#ffffff",
        pattern = "#[0-9a-fA-F]{6}",
        example = "#ffcc00",
        label = "Text colour",
        label(de = "Textfarbe"),
        description(de = "Rot, Grün und Blau mit je zwei Hexadezimalziffern.")
    )]
    text_colour: String,
    /// Red, green and blue as two hexadecimal digits each.
    #[setting(
        default = "#1e293b",
        pattern = "#[0-9a-fA-F]{6}",
        example = "#000000",
        label = "Background colour",
        label(de = "Hintergrundfarbe"),
        description(de = "Rot, Grün und Blau mit je zwei Hexadezimalziffern.")
    )]
    background_colour: String,
    /// How the screen is mounted.
    #[setting(default = Rotation::Normal, label(de = "Drehung"), description(de = "Wie der Bildschirm montiert ist."))]
    rotation: Rotation,
}

impl Module for QtKiosk {
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Qt kiosk").and("de", "Qt-Kiosk")
    }

    fn description() -> Localized {
        Self::about().and("de", "Zeigt eine Uhr und eine Nachricht auf dem Bildschirm des Geräts.")
    }

    fn category() -> Localized {
        Localized::from("Displays").and("de", "Anzeigen")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        // A file of data: neither systemd's nor a shell's syntax lies between a setting and the application.
        let settings = nix::write_data(nix::Format::Json, "qt-kiosk.json", self.properties());
        config
            .at("services.cage")
            .set("enable", true)
            .set("user", USER)
            .set("program", nix::get_exe(nix::output("packages.default")))
            .set("environment.QT_KIOSK_SETTINGS", text!("{}", settings))
            .set("environment.QT_QPA_PLATFORM", "wayland");
        config.set(path!["users", "users", USER, "isNormalUser"], true);
        config.at("systemd.services.cage-tty1").set("serviceConfig.Restart", "always").set("restartIfChanged", true);
        Ok(())
    }
}

impl QtKiosk {
    /// The properties of `Main.qml`.
    fn properties(&self) -> Expr {
        let clock = match self.clock {
            Clock::None => "",
            Clock::Hours24 => "HH:mm",
            Clock::Hours12 => "h:mm AP",
        };
        let degrees = match self.rotation {
            Rotation::Normal => 0,
            Rotation::Right => 90,
            Rotation::UpsideDown => 180,
            Rotation::Left => 270,
        };
        attrs! {
            "message" => &self.message,
            "clock" => clock,
            "textColor" => &self.text_colour,
            "backgroundColor" => &self.background_colour,
            "rotation" => degrees,
        }
    }
}

thymis_sdk::export!(QtKiosk);
