//! One container.

use thymis_sdk::prelude::*;

/// Longest name of a container, in bytes: with `podman-` and `.service` it is that of a unit, which has at most 255.
const MAX_NAME: usize = 240;
/// Longest name of a variable or label, in bytes: that of an attribute.
const MAX_KEY: usize = 1024;

/// A container.
#[derive(Settings)]
pub(crate) struct Container {
    /// Letters, digits, `_`, `.` and `-`.
    #[setting(
        label = "Name",
        label(de = "Name"),
        description(de = "Buchstaben, Ziffern, `_`, `.` und `-`."),
        default = "",
        example = "web"
    )]
    container_name: String,
    /// Where it is pulled from, with its version.
    #[setting(
        label(de = "Image"),
        description(de = "Woher es geladen wird, mit seiner Version."),
        default = "",
        example = "docker.io/library/nginx:1.27"
    )]
    image: String,
    /// Ports of the container that can be reached through the device.
    #[setting(
        label(de = "Ports"),
        description(de = "Ports des Containers, die über das Gerät erreichbar sind."),
        default = []
    )]
    ports: Vec<Port>,
    /// Folders of the device, or volumes, that the container sees.
    #[setting(
        label(de = "Volumes"),
        description(de = "Ordner des Geräts oder Volumes, die der Container sieht."),
        default = []
    )]
    volumes: Vec<Volume>,
    /// Of two variables with one name, the later counts. Values can be read by anyone on the device.
    #[setting(
        label = "Environment variables",
        label(de = "Umgebungsvariablen"),
        description(de = "Von zwei gleichnamigen zählt die spätere. Die Werte kann auf dem Gerät jeder lesen."),
        default = []
    )]
    environment: Vec<Variable>,
    /// Of two labels with one name, the later counts.
    #[setting(label(de = "Labels"), description(de = "Von zwei gleichnamigen zählt das spätere."), default = [])]
    labels: Vec<Label>,
}

/// A port.
#[derive(Settings)]
struct Port {
    /// Port of the device, also with an address before it. Without one, Podman chooses.
    #[setting(
        label = "Device",
        label(de = "Gerät"),
        description(de = "Port des Geräts, auch mit einer Adresse davor. Ohne Angabe wählt Podman."),
        example = "8080"
    )]
    host: Option<String>,
    /// Port in the container; `/udp` may follow.
    #[setting(label(de = "Container"), description(de = "Port im Container; `/udp` darf folgen."), example = "80")]
    container: Option<String>,
}

/// A volume.
#[derive(Settings)]
struct Volume {
    /// A folder or file of the device, or the name of a volume.
    #[setting(
        label = "Device",
        label(de = "Gerät"),
        description(de = "Ein Ordner oder eine Datei des Geräts oder der Name eines Volumes."),
        example = "/srv/www"
    )]
    host: Option<String>,
    /// Where the container finds it; `:ro` may follow.
    #[setting(
        label(de = "Container"),
        description(de = "Wo der Container es findet; `:ro` darf folgen."),
        example = "/usr/share/nginx/html:ro"
    )]
    container: Option<String>,
}

/// An environment variable.
#[derive(Settings)]
struct Variable {
    /// The variable.
    #[setting(label = "Name", label(de = "Name"), description(de = "Die Variable."), example = "TZ")]
    key: Option<String>,
    /// Any text.
    #[setting(label(de = "Wert"), description(de = "Beliebiger Text."), example = "Europe/Berlin")]
    value: Option<Text>,
}

/// A label.
#[derive(Settings)]
struct Label {
    /// The label.
    #[setting(label = "Name", label(de = "Name"), description(de = "Das Label."), example = "traefik.enable")]
    key: Option<String>,
    /// Any text.
    #[setting(label(de = "Wert"), description(de = "Beliebiger Text."), example = "true")]
    value: Option<Text>,
}

impl Container {
    /// A row that nobody filled in.
    pub(crate) fn is_blank(&self) -> bool {
        self.container_name.trim().is_empty() && self.image.trim().is_empty()
    }

    pub(crate) fn name(&self, at: &str, problems: &mut Problems) -> String {
        let at = format!("{at}/container_name");
        if self.container_name.trim().is_empty() {
            problems.push(missing(at));
        } else if self.container_name.len() > MAX_NAME {
            problems.push(too_long(at, MAX_NAME));
        }
        self.container_name.clone()
    }

    /// The value of `virtualisation.oci-containers.containers.<name>`; what is empty is left out.
    pub(crate) fn value(self, at: &str, problems: &mut Problems) -> Expr {
        if self.image.trim().is_empty() {
            problems.push(missing(format!("{at}/image")));
        }
        let ports = self.ports.into_iter().map(|port| (port.host, port.container));
        let ports = pairs(ports);
        let volumes = self.volumes.into_iter().map(|volume| (volume.host, volume.container));
        let volumes = pairs(volumes);
        let environment = self.environment.into_iter().map(|variable| (variable.key, variable.value));
        let environment = named(environment, &format!("{at}/environment"), problems);
        let labels = self.labels.into_iter().map(|label| (label.key, label.value));
        let labels = named(labels, &format!("{at}/labels"), problems);

        let parts = [
            ("environment", (!environment.is_empty()).then(|| Expr::attrs(environment))),
            ("volumes", (!volumes.is_empty()).then(|| Expr::from(volumes))),
            ("ports", (!ports.is_empty()).then(|| Expr::from(ports))),
            ("labels", (!labels.is_empty()).then(|| Expr::attrs(labels))),
        ];
        let present = parts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        Expr::attrs(
            [("image", Expr::from(self.image))].into_iter().chain(present).chain([("log-driver", "journald".into())]),
        )
    }
}

/// `host:container` of each item. An item without either is skipped.
fn pairs(items: impl Iterator<Item = (Option<String>, Option<String>)>) -> Vec<String> {
    let texts = items.map(|(host, container)| (host.unwrap_or_default(), container.unwrap_or_default()));
    let filled = texts.filter(|(host, container)| !host.trim().is_empty() || !container.trim().is_empty());
    filled.map(|(host, container)| format!("{host}:{container}")).collect()
}

/// Names with values. An item without either is skipped.
fn named(
    items: impl Iterator<Item = (Option<String>, Option<Text>)>,
    at: &str,
    problems: &mut Problems,
) -> Vec<(String, Text)> {
    let mut named = Vec::new();
    for (index, (key, value)) in items.enumerate() {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_else(|| Text::from("")));
        let at = format!("{at}/{index}/key");
        match key.as_str() {
            "" if value.is_empty() => {}
            "" => problems.push(missing(at)),
            // To NixOS, a set with it is no plain set.
            "_type" => {
                let message = Localized::from("must be another name: NixOS keeps `_type` for itself")
                    .and("de", "muss anders heißen: `_type` ist NixOS vorbehalten");
                problems.push(Problem::at(at, message));
            }
            key if key.len() > MAX_KEY => problems.push(too_long(at, MAX_KEY)),
            _ => named.push((key, value)),
        }
    }
    named
}

fn missing(at: String) -> Problem {
    Problem::at(at, Localized::from("is missing").and("de", "fehlt"))
}

fn too_long(at: String, bytes: usize) -> Problem {
    let message = Localized::from(format!("must have at most {bytes} bytes"))
        .and("de", format!("darf höchstens {bytes} Bytes lang sein"));
    Problem::at(at, message)
}
