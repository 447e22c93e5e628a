//! The built-in module `device`: what kind of device a configuration is for.
//!
//! Its input is `thymis`; the controller links this crate, and tests compile the same source to a component.

use thymis_sdk::prelude::*;

mod kinds;

use kinds::{DeviceType, ImageFormat, StateVersion};

/// What kind of device this is, and how its image is made.
#[derive(Settings)]
pub struct Device {
    /// The hardware.
    #[setting(label = "Device type", label(de = "Gerätetyp"))]
    device_type: Option<DeviceType>,
    /// How the device is installed. Each type of device has a usual one.
    #[setting(
        label(de = "Abbildformat"),
        allowed(
            values = [ImageFormat::Default, ImageFormat::SdCardImage],
            when(device_type = [DeviceType::RaspberryPi3, DeviceType::RaspberryPi4, DeviceType::RaspberryPi5])
        ),
        allowed(
            values = [
                ImageFormat::Default, ImageFormat::UsbStickInstaller, ImageFormat::Qcow, ImageFormat::NixosVm
            ],
            when(device_type = [DeviceType::GenericX86, DeviceType::GenericAarch64])
        ),
    )]
    image_format: Option<ImageFormat>,
    /// The name that the device shows to people.
    #[setting(label(de = "Gerätename"), max_length = 200, example = "lobby")]
    device_name: Option<String>,
    /// The NixOS release that the device was installed with. It stays as it is when the device is updated.
    #[setting(label = "NixOS state version", label(de = "NixOS-Zustandsversion"))]
    nix_state_version: Option<StateVersion>,
    /// Where the device finds its controller, if not at this controller's own URL.
    // `Text`: Thymis 0.9 takes any, and what is stored goes on meaning the same.
    #[setting(label = "Controller URL", label(de = "Controller-URL"), max_length = 2000)]
    agent_controller_url: Option<Text>,
}

impl Module for Device {
    fn label() -> Localized {
        Localized::from("Device").and("de", "Gerät")
    }

    fn category() -> Localized {
        Localized::from("Core").and("de", "Grundlagen")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        if !context.is_tag() {
            self.import(config);
        }
        config.set_some("system.stateVersion", self.nix_state_version);
        let mut thymis = config.at("thymis.config");
        thymis.set_some("device-type", self.device_type);
        thymis.set_some("image-format", self.image_format);
        thymis.set_some("device-name", filled(self.device_name));
        match (filled(self.agent_controller_url.map(Text::into_string)), context.controller_url()) {
            (Some(url), _) => thymis.override_("agent.controller-url", url),
            // Plain, so that whatever a person sets elsewhere wins.
            (None, Some(own)) => thymis.merge("agent.controller-url", own),
            (None, None) => &mut thymis,
        };
        Ok(())
    }
}

impl Device {
    /// A device is made of two NixOS modules of `thymis`. A tag's devices bring their own.
    fn import(&self, config: &mut Config) {
        let device = self.device_type.as_ref();
        let image = match &self.image_format {
            None | Some(ImageFormat::Default) => device.map(DeviceType::usual_format),
            Some(format) => Some(format.value()),
        };
        let names = [("device", device.map(Choice::value)), ("image", image)];
        for (kind, name) in names {
            if let Some(name) = name {
                config.import(nix::output(path!["nixosModules", format!("thymis-{kind}-{name}")]));
            }
        }
    }
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

thymis_sdk::export!(Device);
