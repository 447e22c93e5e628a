//! Permissions: what a component asks for in the manifest of its repository, and what accepting it means.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::option::{Class, OptionPattern, PatternError, worst_below};

/// Most permissions of a component.
pub const MAX_PERMISSIONS: usize = 256;
/// Longest value or reason, in bytes.
const MAX_TEXT: usize = 512;

/// What may be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Set NixOS options at or below the pattern; with `force` also overruling other modules and the operator.
    Option { pattern: OptionPattern, force: bool },
    /// Use an output of the own flake at or below this attribute path.
    Output(Vec<String>),
    /// Read a file of the own repository: this one, or all below a folder.
    Source(String),
    /// Use artifacts of the project that the operator chose in a setting.
    Artifact,
    /// Place secrets that the operator chose at or below this path of the device.
    Secret(String),
    /// Read options at or below the pattern.
    Config(OptionPattern),
    /// Write Nix.
    RawNix,
    /// Import WASI, with nothing behind it.
    Wasi,
}

/// An [`Access`] with the author's reason. Serialised as in the manifest: `kind`, `value`, `reason`, `force`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct Permission {
    pub access: Access,
    pub reason: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    reason: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    #[error(
        "unknown kind of permission `{0}`; known are option, output, source, artifact, secret, config, raw-nix, wasi"
    )]
    Kind(String),
    #[error("the permission `{kind}` needs a `value`: {example}")]
    ValueMissing { kind: &'static str, example: &'static str },
    #[error("the permission `{kind}` takes no `value`")]
    ValueUnused { kind: &'static str },
    #[error("only the permission `option` takes `force`, `{kind}` doesn't")]
    Force { kind: &'static str },
    #[error("the permission `{kind}` needs a `reason` of 1 to {MAX_TEXT} bytes: say to the operator what it is for")]
    Reason { kind: &'static str },
    #[error("the value of a permission is {0} bytes long, {MAX_TEXT} are allowed")]
    TooLong(usize),
    #[error("the option pattern `{value}` is refused: {source}")]
    Pattern { value: String, source: PatternError },
    #[error("`{0}` is not an output of a flake; write an attribute path such as `packages.default`")]
    Output(String),
    #[error("`{0}` is not a file of the repository; write a relative path without `.` and `..`")]
    Source(String),
    #[error("`{0}` is not a place for a secret; write an absolute path of the device without `.` and `..`")]
    Secret(String),
}

impl TryFrom<Table> for Permission {
    type Error = PermissionError;

    fn try_from(table: Table) -> Result<Self, PermissionError> {
        if table.value.as_ref().is_some_and(|value| value.len() > MAX_TEXT) {
            return Err(PermissionError::TooLong(table.value.map_or(0, |value| value.len())));
        }
        let (kind, example) = match table.kind.as_str() {
            "option" => ("option", "the option's path, such as `systemd.services.logger`"),
            "output" => ("output", "an output of the flake, such as `packages.default`"),
            "source" => ("source", "a file of the repository, such as `scripts/run.py`"),
            "secret" => ("secret", "where secrets may be placed, such as `/run/logger`"),
            "config" => ("config", "the path of the options to read, such as `networking.hostName`"),
            "artifact" => ("artifact", ""),
            "raw-nix" => ("raw-nix", ""),
            "wasi" => ("wasi", ""),
            other => return Err(PermissionError::Kind(crate::untrusted::short(other))),
        };
        let value = match (table.value, example) {
            (Some(_), "") => return Err(PermissionError::ValueUnused { kind }),
            (None, "") => String::new(),
            (None, example) => return Err(PermissionError::ValueMissing { kind, example }),
            (Some(value), _) => value,
        };
        if table.force && kind != "option" {
            return Err(PermissionError::Force { kind });
        }
        if table.reason.trim().is_empty() || table.reason.len() > MAX_TEXT {
            return Err(PermissionError::Reason { kind });
        }
        let shown = || crate::untrusted::short(&value);
        let pattern =
            || value.parse::<OptionPattern>().map_err(|source| PermissionError::Pattern { value: shown(), source });
        let access = match kind {
            "option" => Access::Option { pattern: pattern()?, force: table.force },
            "config" => Access::Config(pattern()?),
            "output" => Access::Output(output(&value).ok_or_else(|| PermissionError::Output(shown()))?),
            "source" if relative(&value) => Access::Source(value),
            "source" => return Err(PermissionError::Source(shown())),
            "secret" if value == "/" || value.strip_prefix('/').is_some_and(relative) => Access::Secret(value),
            "secret" => return Err(PermissionError::Secret(shown())),
            "artifact" => Access::Artifact,
            "raw-nix" => Access::RawNix,
            _ => Access::Wasi,
        };
        // Quotes and escapes can make the one spelling longer than what stood there.
        match access.value() {
            Some(value) if value.len() > MAX_TEXT => Err(PermissionError::TooLong(value.len())),
            _ => Ok(Self { access, reason: table.reason }),
        }
    }
}

impl From<Permission> for Table {
    fn from(permission: Permission) -> Self {
        let access = &permission.access;
        Self {
            kind: access.kind().to_owned(),
            value: access.value(),
            reason: permission.reason.clone(),
            force: matches!(access, Access::Option { force: true, .. }),
        }
    }
}

/// A relative path with plain segments.
#[must_use]
pub fn relative(path: &str) -> bool {
    path.len() <= MAX_TEXT
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && crate::untrusted::is_plain(part))
}

/// The file or folder that was granted itself, or something in the folder.
#[must_use]
pub fn below(path: &str, granted: &str) -> bool {
    path.strip_prefix(granted.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The segments of an output's attribute path; names as flakes use them.
pub(crate) fn output(value: &str) -> Option<Vec<String>> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'\''))
    };
    value.split('.').all(plain).then(|| value.split('.').map(str::to_owned).collect())
}

impl Access {
    /// The word in the manifest.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Option { .. } => "option",
            Self::Output(_) => "output",
            Self::Source(_) => "source",
            Self::Artifact => "artifact",
            Self::Secret(_) => "secret",
            Self::Config(_) => "config",
            Self::RawNix => "raw-nix",
            Self::Wasi => "wasi",
        }
    }

    /// The `value` in the manifest.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Option { pattern, .. } | Self::Config(pattern) => Some(pattern.to_string()),
            Self::Output(path) => Some(path.join(".")),
            Self::Source(path) | Self::Secret(path) => Some(path.clone()),
            Self::Artifact | Self::RawNix | Self::Wasi => None,
        }
    }

    /// How much it gives away.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Option { pattern, .. } => worst_below(pattern),
            Self::RawNix => Class::WholeDevice,
            Self::Output(path) => match path.first().map(String::as_str) {
                Some("packages" | "legacyPackages" | "apps") => Class::Root,
                _ => Class::WholeDevice,
            },
            // Who may write anywhere may replace a program.
            Self::Secret(place) if place == "/" => Class::WholeDevice,
            Self::Secret(_) => Class::Accounts,
            // What is mild to set is mild to read; elsewhere hashes of passwords may stand.
            Self::Config(pattern) if worst_below(pattern) <= Class::Accounts => Class::Accounts,
            // Where NixOS expects a set, a file is imported as Nix.
            Self::Source(_) => Class::WholeDevice,
            Self::Artifact | Self::Config(_) | Self::Wasi => Class::Harmless,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        if let Some(value) = self.value() {
            write!(f, " {value}")?;
        }
        if matches!(self, Self::Option { force: true, .. }) {
            f.write_str(" (force)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(toml: &str) -> Result<Permission, String> {
        toml::from_str(toml).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_kind_is_read_and_written_back() {
        for text in [
            "kind = \"option\"\nvalue = \"systemd.services.logger\"\nreason = \"r\"\n",
            "kind = \"option\"\nvalue = \"systemd.services.logger\"\nreason = \"r\"\nforce = true\n",
            "kind = \"output\"\nvalue = \"packages.default\"\nreason = \"r\"\n",
            "kind = \"source\"\nvalue = \"scripts/run.py\"\nreason = \"r\"\n",
            "kind = \"secret\"\nvalue = \"/run/x\"\nreason = \"r\"\n",
            "kind = \"config\"\nvalue = \"networking.hostName\"\nreason = \"r\"\n",
            "kind = \"artifact\"\nreason = \"r\"\n",
            "kind = \"raw-nix\"\nreason = \"r\"\n",
            "kind = \"wasi\"\nreason = \"r\"\n",
        ] {
            assert_eq!(toml::to_string(&parse(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn refusals_say_what_to_write() {
        insta::assert_snapshot!(parse("kind = \"root\"\nreason = \"r\"").unwrap_err(),
            @"unknown kind of permission `root`; known are option, output, source, artifact, secret, config, raw-nix, wasi");
        insta::assert_snapshot!(parse("kind = \"option\"\nreason = \"r\"").unwrap_err(),
            @"the permission `option` needs a `value`: the option's path, such as `systemd.services.logger`");
        for bad in [
            "kind = \"option\"\nvalue = \"*\"\nreason = \"r\"",
            "kind = \"option\"\nvalue = \"a\"\nreason = \"\"",
            "kind = \"option\"\nvalue = \"a\"",
            "kind = \"option\"\nvalue = \"a\"\nreason = \"r\"\nextra = 1",
            "kind = \"output\"\nvalue = \"packages.${x}\"\nreason = \"r\"",
            "kind = \"output\"\nvalue = \"a\"\nreason = \"r\"\nforce = true",
            "kind = \"source\"\nvalue = \"../x\"\nreason = \"r\"",
            "kind = \"source\"\nvalue = \"/etc/passwd\"\nreason = \"r\"",
            "kind = \"secret\"\nvalue = \"run\"\nreason = \"r\"",
            "kind = \"raw-nix\"\nvalue = \"x\"\nreason = \"r\"",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn importing_a_nixos_module_is_the_whole_device() {
        let class = |value: &str| Access::Output(value.split('.').map(str::to_owned).collect()).class();
        assert_eq!(class("nixosModules.default"), Class::WholeDevice);
        assert_eq!(class("overlays.default"), Class::WholeDevice);
        assert_eq!(class("packages.default"), Class::Root);
    }
}
