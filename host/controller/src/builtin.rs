//! The modules that are part of this program. Their grant is implied: it is the manifest they were built with.

use thymis_core::{
    grant::Accepted,
    manifest::{Manifest, ManifestError},
};
use thymis_sandbox::Limits;

use crate::module::{Module, Native};

/// A built-in component with its manifest.
#[derive(Debug)]
pub struct BuiltIn {
    pub module: Module,
    pub manifest: Manifest,
    pub permissions: Vec<Accepted>,
    /// What stands for the component's bytes where something depends on them.
    pub version: &'static str,
}

/// A crate's modules, and its manifest.
macro_rules! built_in {
    ($($name:ident = $folder:literal),* $(,)?) => {
        [$(($name::thymis_modules(), include_str!(concat!("../../../example-modules/built-in/", $folder, "/thymis.toml")))),*]
    };
}

/// # Errors
/// When a manifest doesn't parse, which the tests rule out.
pub fn all(limits: &Limits) -> Result<Vec<BuiltIn>, ManifestError> {
    let crates = built_in![
        thymis_module_device = "device",
        thymis_module_networking = "networking",
        thymis_module_localization = "localization",
        thymis_module_security = "security",
        thymis_module_files = "files",
        thymis_module_kiosk = "kiosk",
        thymis_module_containers = "containers",
        thymis_module_bash = "bash",
        thymis_module_python = "python",
        thymis_module_custom_nix = "custom-nix",
    ];
    crates
        .into_iter()
        .map(|(component, manifest)| {
            let manifest = Manifest::parse(manifest.as_bytes())?;
            let permissions = manifest
                .components
                .iter()
                .flat_map(|component| component.permissions.iter().cloned())
                .map(Accepted::from);
            Ok(BuiltIn {
                module: Module::Native(Native::new(component, limits.clone())),
                permissions: permissions.collect(),
                manifest,
                version: env!("CARGO_PKG_VERSION"),
            })
        })
        .collect()
}
