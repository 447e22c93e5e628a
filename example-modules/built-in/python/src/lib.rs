//! The built-in module `python`: a Python script as a systemd service.

use thymis_sdk::prelude::*;

#[path = "../../bash/src/unit.rs"]
mod unit;

const PYTHON3_PACKAGES: unit::Names = unit::Names {
    prefixes: &["pkgs.python3Packages.", "python3Packages."],
    segments: 1,
    examples: ["requests", "numpy"],
};

/// Runs a Python script on the device, all the time or at certain times.
#[derive(Settings)]
pub struct Python {
    /// When the script runs. Without a timer it runs all the time, and is started again ten seconds after it ends.
    #[setting(
        label = "Timer",
        label(de = "Zeitplan"),
        description(
            de = "Wann das Skript läuft. Ohne Zeitplan läuft es ständig und wird zehn Sekunden nach seinem Ende neu gestartet."
        )
    )]
    timer_config: Option<SystemdTimer>,
    /// What the script can import, of the `python3Packages` of nixpkgs.
    #[setting(
        label = "Python packages",
        label(de = "Python-Pakete"),
        description(de = "Was das Skript importieren kann, aus den `python3Packages` von nixpkgs."),
        default = []
    )]
    python_packages: Vec<PythonPackage>,
    /// Packages of nixpkgs whose programs the script can call.
    #[setting(
        label(de = "Systempakete"),
        description(de = "Pakete aus nixpkgs, deren Programme das Skript aufrufen kann."),
        default = []
    )]
    system_packages: Vec<SystemPackage>,
    /// White space before and after the script is left out.
    #[setting(
        label(de = "Skript"),
        description(de = "Leerraum vor und nach dem Skript entfällt."),
        language = "python",
        example = "print(\"Hello\")"
    )]
    script: Option<Code>,
}

// Not `PackageName`, which refuses blanks: Thymis 0.9 stores them.

/// A Python package.
#[derive(Settings)]
struct PythonPackage {
    /// Its name in `python3Packages`.
    #[setting(label(de = "Python-Paket"), description(de = "Sein Name in `python3Packages`."), example = "requests")]
    package: Option<String>,
}

/// A system package.
#[derive(Settings)]
struct SystemPackage {
    /// Its name in nixpkgs; `pkgs.` may stand before it.
    #[setting(
        label(de = "Systempaket"),
        description(de = "Sein Name in nixpkgs; davor darf `pkgs.` stehen."),
        example = "ffmpeg"
    )]
    package: Option<String>,
}

impl Module for Python {
    const MULTIPLE: bool = true;
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.python.PythonModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Python script").and("de", "Python-Skript")
    }

    fn description() -> Localized {
        Self::about().and("de", "Führt ein Python-Skript auf dem Gerät aus, ständig oder zu bestimmten Zeiten.")
    }

    fn category() -> Localized {
        Localized::from("Advanced").and("de", "Erweitert")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let names = self.python_packages.into_iter().map(|item| item.package);
        let libraries = unit::packages("python_packages", names, PYTHON3_PACKAGES, &mut problems);
        let names = self.system_packages.into_iter().map(|item| item.package);
        let packages = unit::packages("system_packages", names, unit::NIXPKGS, &mut problems);
        problems.into_result()?;

        let name = unit::name("python", context);
        let libraries: Vec<_> = libraries.iter().map(String::as_str).collect();
        let script = nix::write_python3(format!("{name}-script"), &libraries, unit::script(self.script));
        let path = packages.iter().map(|name| unit::package(name)).collect();
        unit::service(config, &name, self.timer_config, path).merge("serviceConfig.ExecStart", text!("{}", script));
        Ok(())
    }
}

thymis_sdk::export!(Python);
