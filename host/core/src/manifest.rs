//! `thymis.toml`: what a repository ships and what its components ask for. Readable without running anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::DeviceType,
    permission::{MAX_PERMISSIONS, Permission, output, relative},
    untrusted,
};

/// Name of the manifest in a repository.
pub const FILE: &str = "thymis.toml";
/// Longest manifest, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// The version of the form that this program knows.
pub const VERSION: u32 = 1;
/// WIT versions that this program runs.
pub const WIT_VERSIONS: [&str; 1] = ["0.1"];
const MAX_COMPONENTS: usize = 32;
const MAX_DEVICE_TYPES: usize = 64;
const MAX_IMAGE_FORMATS: usize = 32;
const MAX_TEXT: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of the form; [`VERSION`].
    pub manifest: u32,
    pub repository: Repository,
    #[serde(default, rename = "component")]
    pub components: Vec<Component>,
    #[serde(default, rename = "device-type")]
    pub device_types: Vec<DeviceTypeEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Repository {
    pub name: String,
    pub version: String,
    pub description: String,
    pub license: Option<String>,
    pub homepage: Option<String>,
    pub publisher: Option<String>,
    /// The oldest version of this program that the modules work with, `major.minor`.
    pub minimum_host: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Component {
    /// Path in the repository.
    pub file: String,
    /// Version of the WIT package, `major.minor`.
    pub wit: String,
    #[serde(default, rename = "permission")]
    pub permissions: Vec<Permission>,
}

/// A kind of device that a repository adds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceTypeEntry {
    pub id: DeviceType,
    pub label: String,
    /// Nix's name of the platform, such as `aarch64-linux`.
    pub system: String,
    /// What the host imports on a device of this type.
    pub output: NixosModule,
    /// How such a device can be installed, the usual way first.
    #[serde(default)]
    pub image_formats: Vec<String>,
}

/// A NixOS module of the repository's flake, such as `nixosModules.my-board`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NixosModule(Vec<String>);

impl NixosModule {
    /// The attribute path below the flake.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a NixOS module of a flake; write `nixosModules.` and its name")]
pub struct NixosModuleError(String);

impl TryFrom<String> for NixosModule {
    type Error = NixosModuleError;

    fn try_from(text: String) -> Result<Self, NixosModuleError> {
        let path = if text.len() > MAX_TEXT { None } else { output(&text) };
        match path.as_deref() {
            Some([first, _]) if first == "nixosModules" => Ok(Self(path.unwrap_or_default())),
            _ => Err(NixosModuleError(untrusted::short(&text))),
        }
    }
}

impl From<NixosModule> for String {
    fn from(module: NixosModule) -> Self {
        module.to_string()
    }
}

impl fmt::Display for NixosModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("{FILE} is {0} bytes long, {MAX_BYTES} are allowed")]
    TooLong(usize),
    #[error("{FILE} is not UTF-8")]
    NotUtf8,
    #[error("{FILE}, line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    #[error("{FILE}: {0}")]
    Form(String),
    #[error("{FILE} has no line `manifest = {VERSION}`, which says how the rest is to be read")]
    NoVersion,
    #[error(
        "{FILE} is written for manifest version {0}; this Thymis knows version {VERSION}: update Thymis, or use an older revision of the repository"
    )]
    Version(i64),
    #[error("{FILE}: {what} has {found} entries, {allowed} are allowed")]
    TooMany { what: &'static str, found: usize, allowed: usize },
    #[error("{FILE}: `{field}` is {found} bytes long, 1 to {MAX_TEXT} are allowed")]
    Text { field: &'static str, found: usize },
    #[error("{FILE}: the component `{0}` must be a relative path, without `..`, that ends in .wasm")]
    ComponentFile(String),
    #[error("{FILE}: the component `{0}` is listed twice")]
    ComponentTwice(String),
    #[error("{FILE}: the component `{file}` is made for the Module interface {wit}, this Thymis runs {}: update Thymis, or use an older revision", WIT_VERSIONS.join(", "))]
    Wit { file: String, wit: String },
    #[error("{FILE}: the device type `{0}` is listed twice")]
    DeviceTypeTwice(DeviceType),
    #[error("{FILE}: the device type `{id}` has `{found}` as its {field}; allowed are a-z, 0-9, `_` and `-`")]
    DeviceTypeWord { id: DeviceType, field: &'static str, found: String },
    #[error("{FILE}: `{0}` is not a version such as `0.1`")]
    MinimumHost(String),
    #[error(
        "{FILE}: the repository needs Thymis {needed} or newer, this is {own}: update Thymis, or use an older revision"
    )]
    HostTooOld { needed: String, own: &'static str },
}

impl ManifestError {
    /// The modules may be good, but not for this version of the program.
    #[must_use]
    pub fn is_incompatible(&self) -> bool {
        matches!(self, Self::Version(_) | Self::Wit { .. } | Self::HostTooOld { .. })
    }
}

impl Manifest {
    /// # Errors
    /// When the text is not a manifest that this program knows; the version is looked at first.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotUtf8)?;
        let table: toml::Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        match table.get("manifest").map(toml::Value::as_integer) {
            None | Some(None) => return Err(ManifestError::NoVersion),
            Some(Some(version)) if version != i64::from(VERSION) => return Err(ManifestError::Version(version)),
            Some(Some(_)) => {}
        }
        let manifest: Self = match without_extensions(&table) {
            None => toml::from_str(text).map_err(|error| syntax(text, &error))?,
            // Where a key stood isn't known any more.
            Some(table) => table.try_into().map_err(|error: toml::de::Error| ManifestError::Form(message(&error)))?,
        };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let bound = |what, found, allowed| {
            if found > allowed { Err(ManifestError::TooMany { what, found, allowed }) } else { Ok(()) }
        };
        bound("component", self.components.len(), MAX_COMPONENTS)?;
        bound("device-type", self.device_types.len(), MAX_DEVICE_TYPES)?;
        let texts = [
            ("repository.name", Some(&self.repository.name)),
            ("repository.version", Some(&self.repository.version)),
            ("repository.description", Some(&self.repository.description)),
            ("repository.license", self.repository.license.as_ref()),
            ("repository.homepage", self.repository.homepage.as_ref()),
            ("repository.publisher", self.repository.publisher.as_ref()),
            ("repository.minimum-host", self.repository.minimum_host.as_ref()),
        ];
        for (field, text) in texts {
            if let Some(text) = text
                && (text.is_empty() || text.len() > MAX_TEXT)
            {
                return Err(ManifestError::Text { field, found: text.len() });
            }
        }
        for (index, component) in self.components.iter().enumerate() {
            let shown = || untrusted::short(&component.file);
            bound("component.permission", component.permissions.len(), MAX_PERMISSIONS)?;
            if !relative(&component.file) || !component.file.ends_with(".wasm") {
                return Err(ManifestError::ComponentFile(shown()));
            }
            if self.components.iter().take(index).any(|earlier| earlier.file == component.file) {
                return Err(ManifestError::ComponentTwice(shown()));
            }
            if !WIT_VERSIONS.contains(&component.wit.as_str()) {
                return Err(ManifestError::Wit { file: shown(), wit: untrusted::short(&component.wit) });
            }
        }
        for (index, device) in self.device_types.iter().enumerate() {
            bound("device-type.image-formats", device.image_formats.len(), MAX_IMAGE_FORMATS)?;
            if device.label.is_empty() || device.label.len() > MAX_TEXT {
                return Err(ManifestError::Text { field: "device-type.label", found: device.label.len() });
            }
            let formats = device.image_formats.iter().map(|format| ("image format", format));
            for (field, word) in formats.chain([("system", &device.system)]) {
                // The identifiers of device types have the same letters.
                if word.parse::<DeviceType>().is_err() {
                    let found = untrusted::short(word);
                    return Err(ManifestError::DeviceTypeWord { id: device.id.clone(), field, found });
                }
            }
            if self.device_types.iter().take(index).any(|earlier| earlier.id == device.id) {
                return Err(ManifestError::DeviceTypeTwice(device.id.clone()));
            }
        }
        self.check_minimum_host()
    }

    fn check_minimum_host(&self) -> Result<(), ManifestError> {
        let own = env!("CARGO_PKG_VERSION");
        let Some(needed) = &self.repository.minimum_host else { return Ok(()) };
        let version = |text: &str| {
            let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
            Some((parts.next()??, parts.next()??))
        };
        match (version(needed), version(own)) {
            (None, _) => Err(ManifestError::MinimumHost(untrusted::short(needed))),
            (needed_version, own_version) if needed_version > own_version => {
                Err(ManifestError::HostTooOld { needed: untrusted::short(needed), own })
            }
            _ => Ok(()),
        }
    }
}

/// The manifest without keys that start with `x-`, if it has any: they are for others to read.
fn without_extensions(table: &toml::Table) -> Option<toml::Table> {
    fn strip(value: &mut toml::Value, found: &mut bool) {
        match value {
            toml::Value::Table(table) => {
                let before = table.len();
                table.retain(|key, _| !key.starts_with("x-"));
                *found |= table.len() != before;
                table.iter_mut().for_each(|(_, value)| strip(value, found));
            }
            toml::Value::Array(items) => items.iter_mut().for_each(|value| strip(value, found)),
            _ => {}
        }
    }
    let (mut value, mut found) = (toml::Value::Table(table.clone()), false);
    strip(&mut value, &mut found);
    match value {
        toml::Value::Table(table) if found => Some(table),
        _ => None,
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    ManifestError::Syntax {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        message: message(error),
    }
}

/// It quotes keys and values, however long they are.
fn message(error: &toml::de::Error) -> String {
    untrusted::line(&untrusted::cut(error.message(), untrusted::MESSAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
manifest = 1
[repository]
name = "temperature-logger"
version = "1.2.0"
description = "Logs temperatures"
minimum-host = "0.1"
[[component]]
file = "modules/temperature_logger.wasm"
wit = "0.1"
[[component.permission]]
kind = "option"
value = "systemd.services.temperature-logger"
reason = "Runs the logger as a service."
"#;

    fn refused(text: &str) -> String {
        Manifest::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(manifest.components.len(), 1);
        assert_eq!(
            manifest.components[0].permissions[0].access.to_string(),
            "option systemd.services.temperature-logger"
        );
    }

    #[test]
    fn refusals_name_the_place() {
        insta::assert_snapshot!(refused(&GOOD.replace("wit = ", "colour = \"red\"\nwit = ")),
            @"thymis.toml, line 10, column 1: unknown field `colour`, expected one of `file`, `wit`, `permission`");
        insta::assert_snapshot!(refused(&GOOD.replace("manifest = 1", "manifest = 7")),
            @"thymis.toml is written for manifest version 7; this Thymis knows version 1: update Thymis, or use an older revision of the repository");
        insta::assert_snapshot!(refused(&GOOD.replace("manifest = 1", "")),
            @"thymis.toml has no line `manifest = 1`, which says how the rest is to be read");
        insta::assert_snapshot!(refused(&GOOD.replace("\"option\"", "\"root\"")),
            @"thymis.toml, line 11, column 1: unknown kind of permission `root`; known are option, output, source, artifact, secret, config, raw-nix, wasi");
        insta::assert_snapshot!(refused(&GOOD.replace("wit = \"0.1\"", "wit = \"9.9\"")),
            @"thymis.toml: the component `modules/temperature_logger.wasm` is made for the Module interface 9.9, this Thymis runs 0.1: update Thymis, or use an older revision");
        insta::assert_snapshot!(refused(&GOOD.replace("modules/temp", "../temp")),
            @"thymis.toml: the component `../temperature_logger.wasm` must be a relative path, without `..`, that ends in .wasm");
        insta::assert_snapshot!(refused(&GOOD.replace("minimum-host = \"0.1\"", "minimum-host = \"4.0\"")),
            @"thymis.toml: the repository needs Thymis 4.0 or newer, this is 0.1.0: update Thymis, or use an older revision");
    }

    #[test]
    fn keys_for_others_are_ignored() {
        let extended = GOOD
            .replace("wit = ", "x-build = { with = 1 }\nwit = ")
            .replace("[repository]", "[x-shop]\na = 1\n[repository]");
        assert_eq!(Manifest::parse(extended.as_bytes()), Manifest::parse(GOOD.as_bytes()));
        insta::assert_snapshot!(refused(&extended.replace("wit = ", "colour = 1\nwit = ")),
            @"thymis.toml: unknown field `colour`, expected one of `file`, `wit`, `permission`");
    }

    #[test]
    fn device_types_are_checked() {
        let board = r#"
[[device-type]]
id = "acme-board"
label = "Acme Board"
system = "aarch64-linux"
output = "nixosModules.acme-board"
image-formats = ["sd-card-image"]
"#;
        let good = format!("{GOOD}{board}");
        assert_eq!(Manifest::parse(good.as_bytes()).unwrap().device_types[0].output.segments().len(), 2);
        insta::assert_snapshot!(refused(&format!("{good}{board}")),
            @"thymis.toml: the device type `acme-board` is listed twice");
        insta::assert_snapshot!(refused(&good.replace("nixosModules.acme", "packages.acme")),
            @"thymis.toml, line 20, column 10: `packages.acme-board` is not a NixOS module of a flake; write `nixosModules.` and its name");
        insta::assert_snapshot!(refused(&good.replace("aarch64-linux", "${x}")),
            @"thymis.toml: the device type `acme-board` has `${x}` as its system; allowed are a-z, 0-9, `_` and `-`");
    }

    #[test]
    fn a_long_manifest_is_not_parsed() {
        assert!(refused(&"#".repeat(MAX_BYTES + 1)).contains("262144 are allowed"));
    }
}
