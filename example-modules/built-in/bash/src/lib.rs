//! The built-in module `bash`: a shell script as a systemd service.

use thymis_sdk::prelude::*;

mod unit;

/// Runs a Bash script on the device, all the time or at certain times.
#[derive(Settings)]
pub struct Bash {
    /// When the script runs. Without a timer it runs all the time, and is started again ten seconds after it ends.
    #[setting(
        label = "Timer",
        label(de = "Zeitplan"),
        description(
            de = "Wann das Skript läuft. Ohne Zeitplan läuft es ständig und wird zehn Sekunden nach seinem Ende neu gestartet."
        )
    )]
    timer_config: Option<SystemdTimer>,
    /// Packages of nixpkgs whose programs the script can call. To find some: https://search.nixos.org/packages
    #[setting(
        label(de = "Pakete"),
        description(
            de = "Pakete aus nixpkgs, deren Programme das Skript aufrufen kann. Zu finden unter https://search.nixos.org/packages"
        ),
        default = []
    )]
    packages: Vec<Package>,
    /// White space before and after the script is left out.
    #[setting(
        label(de = "Skript"),
        description(de = "Leerraum vor und nach dem Skript entfällt."),
        language = "bash",
        example = "echo \"Hello from $(hostname)\""
    )]
    script: Option<Code>,
}

/// A package.
#[derive(Settings)]
struct Package {
    /// Its name in nixpkgs; `pkgs.` may stand before it.
    // Not `PackageName`, which refuses blanks: Thymis 0.9 stores them.
    #[setting(
        label(de = "Paket"),
        description(de = "Sein Name in nixpkgs; davor darf `pkgs.` stehen."),
        example = "curl"
    )]
    package: Option<String>,
}

impl Module for Bash {
    const MULTIPLE: bool = true;
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.bash.BashModule"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Bash script").and("de", "Bash-Skript")
    }

    fn description() -> Localized {
        Self::about().and("de", "Führt ein Bash-Skript auf dem Gerät aus, ständig oder zu bestimmten Zeiten.")
    }

    fn category() -> Localized {
        Localized::from("Advanced").and("de", "Erweitert")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let names = self.packages.into_iter().map(|item| item.package);
        let packages = unit::packages("packages", names, unit::NIXPKGS, &mut problems);
        problems.into_result()?;

        let path = packages.iter().map(|name| unit::package(name)).collect();
        unit::service(config, &unit::name("bash", context), self.timer_config, path)
            .merge("script", unit::script(self.script));
        Ok(())
    }
}

thymis_sdk::export!(Bash);
