//! What Nix's messages name as the origin of a definition: the `_file` of what is printed, written and read.

use std::{fmt, str::FromStr};

use crate::{
    conflict::TargetId,
    id::{DeviceType, InputName, InstanceId, ModuleId},
    untrusted,
};

/// A printed `_file`. Nothing keeps a stranger's NixOS module from giving itself one that reads the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// `hosts/lobby.nix: web/app`, or `… as second`: one use of a module.
    Use { file: String, module: ModuleId, instance: InstanceId },
    /// `hosts/lobby.nix: the device type board of acme`
    Device { file: String, device_type: DeviceType, input: InputName },
    /// `sensors#nixosModules.default`: a NixOS module of a flake, and all that has no name of its own in it.
    Output { input: InputName, output: String },
}

const DEVICE: &str = "the device type ";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin that Thymis wrote")]
pub struct BlameError(String);

impl Blame {
    /// The configuration or tag in whose file it stands.
    #[must_use]
    pub fn target(&self) -> Option<TargetId> {
        match self {
            Self::Use { file, .. } | Self::Device { file, .. } => target(file),
            Self::Output { .. } => None,
        }
    }
}

fn target(file: &str) -> Option<TargetId> {
    let stem = file.strip_suffix(".nix")?;
    match stem.split_once('/')? {
        ("hosts", id) => id.parse().ok().map(TargetId::Configuration),
        ("tags", id) => id.parse().ok().map(TargetId::Tag),
        _ => None,
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Use { file, module, instance } if instance.as_str() == module.name.as_str() => {
                write!(f, "{file}: {module}")
            }
            Self::Use { file, module, instance } => write!(f, "{file}: {module} as {instance}"),
            Self::Device { file, device_type, input } => write!(f, "{file}: {DEVICE}{device_type} of {input}"),
            Self::Output { input, output } => write!(f, "{input}#{output}"),
        }
    }
}

impl FromStr for Blame {
    type Err = BlameError;

    fn from_str(text: &str) -> Result<Self, BlameError> {
        let read = || match text.split_once(": ") {
            Some((file, what)) if target(file).is_some() => {
                let file = file.to_owned();
                if let Some((device_type, input)) = what.strip_prefix(DEVICE).and_then(|what| what.split_once(" of ")) {
                    let (device_type, input) = (device_type.parse().ok()?, input.parse().ok()?);
                    return Some(Self::Device { file, device_type, input });
                }
                let (module, instance) = what.split_once(" as ").map_or((what, None), |(m, i)| (m, Some(i)));
                let module: ModuleId = module.parse().ok()?;
                let instance = match instance {
                    Some(instance) => {
                        instance.parse().ok().filter(|i: &InstanceId| *i != InstanceId::from(&module.name))?
                    }
                    None => InstanceId::from(&module.name),
                };
                Some(Self::Use { file, module, instance })
            }
            _ => {
                let (input, output) = text.split_once('#')?;
                let input = input.parse().ok()?;
                let plain = !output.is_empty() && untrusted::is_plain(output);
                plain.then(|| Self::Output { input, output: output.to_owned() })
            }
        };
        read().ok_or_else(|| BlameError(untrusted::short(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "hosts/lobby.nix: web/app",
            "tags/north.nix: web/app as second",
            "hosts/lobby.nix: the device type raspberry_pi-4 of thymis",
            "sensors#nixosModules.default",
        ] {
            assert_eq!(text.parse::<Blame>().unwrap().to_string(), text);
        }
        let second: Blame = "tags/north.nix: web/app as second".parse().unwrap();
        assert_eq!(second.target(), Some(TargetId::Tag("north".parse().unwrap())));
    }

    #[test]
    fn other_texts_are_nobodys() {
        for text in [
            "",
            "/nix/store/4kq9-source/hosts/a.nix",
            "nixos/modules/x.nix",
            "../hosts/a.nix: web/app",
            "hosts/../a.nix: web/app",
            "hosts/a.nix: web",
            "hosts/a.nix: web/app as app",
            "hosts/a.nix: web/app as x as y",
            "hosts/a.nix: web/app ",
            "hosts/a.nix: web/\u{202e}app",
            "hosts/a.nix: the device type of acme",
            "sensors#",
            "Sensors#nixosModules.x",
            "sensors#a\nb",
        ] {
            assert!(text.parse::<Blame>().is_err(), "{text}");
        }
    }
}
