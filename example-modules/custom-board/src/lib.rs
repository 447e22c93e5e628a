//! What an Acme Board 2 has besides a computer: two LEDs, pins and a bus. The board itself is a device type, declared in
//! `thymis.toml` and described in `board.nix`.

use thymis_sdk::prelude::*;

/// The device type of this repository.
const BOARD: &str = "acme-board-2";

/// What an LED shows: the kernel's names of triggers.
#[derive(Choice)]
enum Trigger {
    #[choice(value = "none", label = "Off", label(de = "Aus"))]
    Off,
    #[choice(value = "default-on", label = "On", label(de = "An"))]
    On,
    #[choice(label = "Heartbeat", label(de = "Herzschlag"))]
    Heartbeat,
    #[choice(value = "mmc0", label = "Access to the SD card", label(de = "Zugriffe auf die SD-Karte"))]
    SdCard,
    #[choice(value = "cpu", label = "Work of the processor", label(de = "Arbeit des Prozessors"))]
    Processor,
}

/// LEDs, pins and bus of an Acme Board 2.
#[derive(Settings)]
pub struct AcmeBoard {
    /// What the green LED shows.
    #[setting(
        default = Trigger::Heartbeat, label = "Status LED", label(de = "Status-LED"),
        description(de = "Was die grüne LED zeigt.")
    )]
    status_led: Trigger,
    /// What the blue LED shows.
    #[setting(
        default = Trigger::Off, label = "User LED", label(de = "Benutzer-LED"),
        description(de = "Was die blaue LED zeigt.")
    )]
    user_led: Trigger,
    /// Users who may read and set the pins.
    #[setting(
        default = [], max_items = 50, unique_by = "", items(pattern = "[a-z_][a-z0-9_-]{0,30}"), example = ["sensor"],
        label = "GPIO users", label(de = "GPIO-Benutzer"), description(de = "Benutzer, die die Pins lesen und setzen dürfen.")
    )]
    gpio_users: Vec<String>,
    /// Opens the bus for sensors and displays.
    #[setting(
        default = false,
        label = "I²C",
        label(de = "I²C"),
        description(de = "Öffnet den Bus für Sensoren und Anzeigen.")
    )]
    i2c: bool,
}

impl Module for AcmeBoard {
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Acme Board").and("de", "Acme Board")
    }

    fn description() -> Localized {
        Self::about().and("de", "LEDs, Pins und Bus eines Acme Board 2.")
    }

    fn category() -> Localized {
        Localized::from("Hardware").and("de", "Hardware")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        // A tag has no device type: its devices may differ.
        if let Some(other) = context.device_type().filter(|device_type| *device_type != BOARD) {
            config
                .assert(false, format!("This module is for the device type {BOARD}, not for {other}: remove it here."));
        }
        let script = nix::write_shell_application("acme-board-leds", [] as [Expr; 0], include_str!("leds.sh"));
        config
            .at("systemd.services.acme-board-leds")
            .set("description", "LEDs of the Acme Board")
            .set("wantedBy", ["multi-user.target"])
            .set("environment.STATUS", self.status_led)
            .set("environment.USER_LED", self.user_led)
            .at("serviceConfig")
            .set("Type", "oneshot")
            .set("RemainAfterExit", true)
            .set("ExecStart", nix::get_exe(script));
        if !self.gpio_users.is_empty() {
            config.merge("users.groups.gpio.members", Expr::list(&self.gpio_users));
            config.merge("services.udev.extraRules", include_str!("gpio.rules"));
        }
        if self.i2c {
            config.set("hardware.i2c.enable", true);
        }
        Ok(())
    }
}

thymis_sdk::export!(AcmeBoard);
