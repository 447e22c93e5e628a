//! Logs the temperature of a device.

use thymis_sdk::prelude::*;

#[derive(Choice)]
enum Unit {
    Celsius,
    Fahrenheit,
}

/// Writes the device's temperature to a file, again and again.
#[derive(Settings)]
pub struct TemperatureLogger {
    /// Each measurement becomes a line of this file.
    #[setting(default = "/var/log/temperature.log", label(de = "Protokolldatei"))]
    log_file: DevicePath,
    /// Seconds between two measurements.
    #[setting(default = 60, min = 1, max = 86_400, label(de = "Abstand in Sekunden"))]
    interval: u32,
    #[setting(default = Unit::Celsius, label(de = "Einheit"))]
    unit: Unit,
}

impl Module for TemperatureLogger {
    fn category() -> Localized {
        Localized::from("Monitoring").and("de", "Überwachung")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        let script = nix::write_python3("temperature-logger", &[], include_str!("logger.py"));
        config
            .at("systemd.services.temperature-logger")
            .set("description", "Temperature logger")
            .merge("wantedBy", ["multi-user.target"])
            .set("environment.LOG_FILE", escape::systemd_value(&self.log_file))
            .set("environment.INTERVAL", self.interval.to_string())
            .set("environment.UNIT", self.unit)
            .set("serviceConfig.ExecStart", text!("{}", script))
            .set("serviceConfig.Restart", "always");
        Ok(())
    }
}

thymis_sdk::export!(TemperatureLogger);
