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

const DEVICE: &str = include_str!("../../../example-modules/device/thymis.toml");

/// # Errors
/// When a manifest doesn't parse, which the tests rule out.
pub fn all(limits: &Limits) -> Result<Vec<BuiltIn>, ManifestError> {
    [(thymis_module_device::thymis_modules(), DEVICE)]
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
