//! Two containers that belong together, a file of secrets for one of them, and a port in the firewall.
//!
//! Both share the host's network. Ports that a container publishes go around NixOS's firewall; here the firewall decides.

use std::collections::BTreeMap;

use thymis_sdk::prelude::*;

/// Where Grafana finds its secrets on the device.
const SECRETS: &str = "/run/container-stack/grafana.env";

/// Collects measurements.
#[derive(Settings)]
struct Prometheus {
    /// The tag of the image `prom/prometheus`.
    // NixOS pastes an image's name into a script: what registries allow may pass, nothing else.
    #[setting(
        default = "v3.5.0",
        pattern = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}",
        label(de = "Version"),
        description(de = "Das Tag des Images `prom/prometheus`.")
    )]
    version: String,
    /// The port on this device. No other machine reaches it.
    #[setting(
        default = 9090,
        min = 1024,
        label(de = "Port"),
        description(de = "Der Port auf diesem Gerät. Keine andere Maschine erreicht ihn.")
    )]
    port: u16,
    /// What else is measured: addresses with ports.
    #[setting(
        default = [], max_items = 200, example = ["192.168.1.20:9100"], label(de = "Ziele"),
        description(de = "Was noch gemessen wird: Adressen mit Ports."), items(min_length = 1, max_length = 255)
    )]
    targets: Vec<String>,
    /// Seconds between two measurements.
    #[setting(
        default = 60,
        min = 1,
        max = 3600,
        label(de = "Abstand in Sekunden"),
        description(de = "Sekunden zwischen zwei Messungen.")
    )]
    interval: u32,
    /// Days after which measurements are deleted.
    #[setting(
        default = 15,
        min = 1,
        max = 3650,
        label(de = "Aufbewahrung in Tagen"),
        description(de = "Nach so vielen Tagen werden Messungen gelöscht.")
    )]
    retention: u32,
}

/// Shows what was collected.
#[derive(Settings)]
struct Grafana {
    /// The tag of the image `grafana/grafana`.
    #[setting(
        default = "12.1.0",
        pattern = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}",
        label(de = "Version"),
        description(de = "Das Tag des Images `grafana/grafana`.")
    )]
    version: String,
    /// Where the page is served.
    #[setting(default = 3000, min = 1024, label(de = "Port"), description(de = "Wo die Seite angeboten wird."))]
    port: u16,
    /// Lets other machines open the page.
    #[setting(
        default = false,
        label(de = "Firewall öffnen"),
        description(de = "Andere Maschinen können die Seite öffnen.")
    )]
    open_firewall: bool,
    /// Environment variables, one a line, such as `GF_SECURITY_ADMIN_PASSWORD=…`. Needed where other machines can open the
    /// page: Grafana's own first password is known to everyone.
    #[setting(
        label(de = "Geheimnisse"), required_if(open_firewall = true), secret_kinds = ["env_list"], secret_in_image = false,
        description(de = "Umgebungsvariablen, eine je Zeile, etwa `GF_SECURITY_ADMIN_PASSWORD=…`. Nötig, wo andere Maschinen \
            die Seite öffnen können: Grafanas erstes Passwort kennt jeder.")
    )]
    secrets: Option<Secret>,
    /// Further settings of Grafana, as its environment variables. They are no place for secrets.
    #[setting(
        default = BTreeMap::new(), max_items = 100, key_pattern = "GF_[A-Z0-9_]{1,100}", label(de = "Umgebung"),
        description(de = "Weitere Einstellungen von Grafana, als seine Umgebungsvariablen. Kein Ort für Geheimnisse."),
        items(max_length = 1000)
    )]
    environment: BTreeMap<String, String>,
}

/// Collects measurements with Prometheus and shows them with Grafana.
#[derive(Settings)]
pub struct ContainerStack {
    /// Collects measurements.
    #[setting(description(de = "Sammelt Messwerte."))]
    prometheus: Prometheus,
    /// Shows them.
    #[setting(description(de = "Zeigt sie."))]
    grafana: Grafana,
}

impl Module for ContainerStack {
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Container stack").and("de", "Container-Verbund")
    }

    fn description() -> Localized {
        Self::about().and("de", "Sammelt Messwerte mit Prometheus und zeigt sie mit Grafana.")
    }

    fn category() -> Localized {
        Localized::from("Monitoring").and("de", "Überwachung")
    }

    fn generate(self, _context: &Context, config: &mut Config) -> Result<(), Problems> {
        if self.prometheus.port == self.grafana.port {
            let message =
                Localized::from("is Prometheus's port already").and("de", "ist schon der Port von Prometheus");
            return Err(Problem::at("/grafana/port", message).into());
        }
        let containers = "virtualisation.oci-containers.containers";
        self.prometheus.generate(&mut config.at(containers).at("prometheus"));
        self.grafana.generate(self.prometheus.port, &mut config.at(containers).at("grafana"));
        if let Some(secrets) = &self.grafana.secrets {
            config.place(secrets, SECRETS);
        }
        if self.grafana.open_firewall {
            config.merge("networking.firewall.allowedTCPPorts", [self.grafana.port]);
        }
        Ok(())
    }
}

impl Prometheus {
    fn generate(&self, container: &mut Config) {
        let own = format!("127.0.0.1:{}", self.port);
        let targets = [&own].into_iter().chain(&self.targets);
        let configuration = nix::write_data(
            nix::Format::Yaml,
            "prometheus.yml",
            attrs! {
                "global" => attrs! { "scrape_interval" => format!("{}s", self.interval) },
                "scrape_configs" => list![attrs! {
                    "job_name" => "devices",
                    "static_configs" => list![attrs! { "targets" => Expr::list(targets) }],
                }],
            },
        );
        container
            .set("image", format!("docker.io/prom/prometheus:{}", self.version))
            .set("extraOptions", ["--network=host"])
            .set(
                "cmd",
                [
                    "--config.file=/etc/prometheus/prometheus.yml".to_owned(),
                    "--storage.tsdb.path=/prometheus".to_owned(),
                    format!("--storage.tsdb.retention.time={}d", self.retention),
                    format!("--web.listen-address={own}"),
                ],
            )
            .set(
                "volumes",
                list!["prometheus-data:/prometheus", text!("{}:/etc/prometheus/prometheus.yml:ro", configuration)],
            );
    }
}

impl Grafana {
    fn generate(&self, prometheus: u16, container: &mut Config) {
        let sources = nix::write_data(
            nix::Format::Yaml,
            "datasources.yml",
            attrs! {
                "apiVersion" => 1,
                "datasources" => list![attrs! {
                    "name" => "Prometheus",
                    "type" => "prometheus",
                    "access" => "proxy",
                    "url" => format!("http://127.0.0.1:{prometheus}"),
                    "isDefault" => true,
                }],
            },
        );
        container
            .set("image", format!("docker.io/grafana/grafana:{}", self.version))
            .set("extraOptions", ["--network=host"])
            .set("dependsOn", ["prometheus"])
            .set(
                "volumes",
                list![
                    "grafana-data:/var/lib/grafana",
                    text!("{}:/etc/grafana/provisioning/datasources/prometheus.yml:ro", sources)
                ],
            );
        for (name, value) in &self.environment {
            container.set(path!["environment", name], value);
        }
        container.set("environment.GF_SERVER_HTTP_PORT", self.port.to_string());
        if let Some(secrets) = &self.secrets {
            container.set("environmentFiles", list![nix::secret_path(secrets)]);
        }
    }
}

thymis_sdk::export!(ContainerStack);
