//! `thymis.toml`: what a repository ships and what its components ask for. Readable without running anything.

use serde::Deserialize;

use crate::{
    id::DeviceType,
    permission::{MAX_PERMISSIONS, Permission, relative},
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
    /// The NixOS module of the repository's flake, such as `nixosModules.my-board`.
    pub output: String,
    #[serde(default)]
    pub image_formats: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("{FILE} is {0} bytes long, {MAX_BYTES} are allowed")]
    TooLong(usize),
    #[error("{FILE} is not UTF-8")]
    NotUtf8,
    #[error("{FILE}, line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
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
        let manifest: Self = toml::from_str(text).map_err(|error| syntax(text, &error))?;
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
        ];
        for (field, text) in texts {
            if let Some(text) = text
                && (text.is_empty() || text.len() > MAX_TEXT)
            {
                return Err(ManifestError::Text { field, found: text.len() });
            }
        }
        for (index, component) in self.components.iter().enumerate() {
            let shown = || crate::untrusted::short(&component.file);
            bound("component.permission", component.permissions.len(), MAX_PERMISSIONS)?;
            if !relative(&component.file) || !component.file.ends_with(".wasm") {
                return Err(ManifestError::ComponentFile(shown()));
            }
            if self.components.iter().take(index).any(|earlier| earlier.file == component.file) {
                return Err(ManifestError::ComponentTwice(shown()));
            }
            if !WIT_VERSIONS.contains(&component.wit.as_str()) {
                return Err(ManifestError::Wit { file: shown(), wit: crate::untrusted::short(&component.wit) });
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
            (None, _) => Err(ManifestError::MinimumHost(crate::untrusted::short(needed))),
            (needed_version, own_version) if needed_version > own_version => {
                Err(ManifestError::HostTooOld { needed: crate::untrusted::short(needed), own })
            }
            _ => Ok(()),
        }
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    ManifestError::Syntax {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        message: crate::untrusted::line(error.message()),
    }
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
    fn a_long_manifest_is_not_parsed() {
        assert!(refused(&"#".repeat(MAX_BYTES + 1)).contains("262144 are allowed"));
    }
}
