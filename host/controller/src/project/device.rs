//! What kind of device a configuration is for: a setting of the built-in module `device`, whose choices come from the
//! manifests of all inputs.

use thymis_core::{
    conflict::TargetId,
    id::{BUILT_IN, ConfigurationId, DeviceType, InputName, ModuleId},
    instance::Target,
    manifest::NixosModule,
    nix,
    schema::Settings,
    state::{CONFIGURATION_PRIORITY, Configuration, Use},
};

use super::{
    catalogue::{Catalogue, DeviceKind},
    failure::FailureKind,
    state::State,
};

const MODULE: &str = "device";
const SETTING: &str = "device_type";

/// A configuration, as its modules see it.
pub(crate) fn target(
    state: &State,
    catalogue: &Catalogue,
    id: &ConfigurationId,
    configuration: &Configuration,
) -> Target {
    let device_type = of_configuration(state, catalogue, configuration);
    let kind = device_type.and_then(|device| catalogue.device_types.get(&device.parse().ok()?));
    Target {
        id: TargetId::Configuration(id.clone()),
        priority: CONFIGURATION_PRIORITY,
        system: kind.map(|kind| kind.system.clone()),
        image_formats: kind.map(|kind| kind.image_formats.clone()).unwrap_or_default(),
        device_type: device_type.map(str::to_owned),
    }
}

/// The NixOS module of the type that a configuration itself chose, as an item of `imports`, and the input it is from.
pub(super) fn section(
    catalogue: &Catalogue,
    target: &Target,
    configuration: &Configuration,
) -> Option<(InputName, String)> {
    let (device_type, kind) = kind(catalogue, configuration)?;
    let section = nix::device(&target.id.file(), &device_type, &kind.input, &kind.module);
    Some((kind.input.clone(), section))
}

/// The output that [`section`] imports, and of which input.
pub(super) fn imported<'a>(
    catalogue: &'a Catalogue,
    configuration: &Configuration,
) -> Option<(&'a InputName, &'a NixosModule)> {
    kind(catalogue, configuration).map(|(_, kind)| (&kind.input, &kind.module))
}

fn kind<'a>(catalogue: &'a Catalogue, configuration: &Configuration) -> Option<(DeviceType, &'a DeviceKind)> {
    let device_type = chosen(catalogue, &configuration.modules)?.parse().ok()?;
    let kind = catalogue.device_types.get(&device_type)?;
    Some((device_type, kind))
}

/// Whether the project has every device type that settings name.
pub(super) fn check(catalogue: &Catalogue, settings: &Settings) -> Result<(), FailureKind> {
    for (pointer, wanted) in settings.device_types() {
        let id = wanted.parse::<DeviceType>().ok();
        if id.as_ref().is_some_and(|id| catalogue.device_types.contains_key(id)) {
            continue;
        }
        if let Some((id, inputs)) = id.and_then(|id| catalogue.disputed.get_key_value(&id)) {
            return Err(FailureKind::DisputedDeviceType { id: id.clone(), inputs: inputs.iter().cloned().collect() });
        }
        let known = catalogue.device_types.keys().map(ToString::to_string).collect();
        return Err(FailureKind::NoDeviceType { pointer: pointer.clone(), wanted: wanted.clone(), known });
    }
    Ok(())
}

/// What the operator chose in the configuration, or else in its strongest tag.
fn of_configuration<'a>(state: &'a State, catalogue: &Catalogue, configuration: &'a Configuration) -> Option<&'a str> {
    let mut tags: Vec<_> = configuration.tags.iter().filter_map(|tag| state.tags.get(tag)).collect();
    tags.sort_by_key(|tag| tag.value.priority);
    chosen(catalogue, &configuration.modules)
        .or_else(|| tags.iter().find_map(|tag| chosen(catalogue, &tag.value.modules)))
}

fn chosen<'a>(catalogue: &Catalogue, uses: &'a [Use]) -> Option<&'a str> {
    let is_device = |id: ModuleId| id.input.as_str() == BUILT_IN && id.name.as_str() == MODULE;
    let device = uses.iter().find(|one| catalogue.identity(&one.module).is_ok_and(is_device))?;
    device.settings.get(SETTING)?.as_str()
}
