//! The built-in module `device`: what kind of device a configuration is for.
//!
//! Its input is `thymis`; the controller links this crate, and tests compile the same source to a component.

use thymis_sdk::prelude::*;

mod kinds;

use kinds::{ImageFormat, StateVersion};

const OF_THYMIS: [&str; 5] =
    ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "generic-x86_64", "generic-aarch64"];

/// What kind of device this is, and how its image is made.
#[derive(Settings)]
pub struct Device {
    /// The hardware.
    #[setting(label = "Device type", label(de = "Gerätetyp"), description(de = "Die Hardware."))]
    device_type: Option<DeviceType>,
    /// How the device is installed. Each type of device has a usual one.
    #[setting(
        label(de = "Abbildformat"),
        description(de = "Wie das Gerät installiert wird. Jeder Gerätetyp hat eine übliche Art."),
        allowed(
            values = [ImageFormat::Default, ImageFormat::SdCardImage],
            when(device_type = ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5"])
        ),
        allowed(
            values = [
                ImageFormat::Default, ImageFormat::UsbStickInstaller, ImageFormat::Qcow, ImageFormat::NixosVm
            ],
            when(device_type = ["generic-x86_64", "generic-aarch64"])
        ),
    )]
    image_format: Option<ImageFormat>,
    /// The name that the device shows to people.
    #[setting(
        label(de = "Gerätename"),
        description(de = "Der Name, unter dem sich das Gerät zeigt."),
        max_length = 200,
        example = "lobby"
    )]
    device_name: Option<String>,
    /// The NixOS release that the device was installed with. It stays as it is when the device is updated.
    #[setting(
        label = "NixOS state version",
        label(de = "NixOS-Zustandsversion"),
        description(
            de = "Die NixOS-Version, mit der das Gerät installiert wurde. Sie bleibt, wenn das Gerät aktualisiert wird."
        )
    )]
    nix_state_version: Option<StateVersion>,
    /// Where the device finds its controller, if not at this controller's own URL.
    // `Text`: Thymis 0.9 takes any, and what is stored goes on meaning the same.
    #[setting(
        label = "Controller URL",
        label(de = "Controller-URL"),
        description(de = "Wo das Gerät seinen Controller findet, falls nicht unter dessen eigener URL."),
        max_length = 2000
    )]
    agent_controller_url: Option<Text>,
}

impl Module for Device {
    const FORMERLY: &'static [&'static str] = &["thymis_controller.modules.thymis.ThymisDevice"];
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("Device").and("de", "Gerät")
    }

    fn description() -> Localized {
        Self::about().and("de", "Was für ein Gerät das ist und wie sein Abbild entsteht.")
    }

    fn category() -> Localized {
        Localized::from("Core").and("de", "Grundlagen")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        if !context.is_tag() {
            self.check_format(context)?;
            self.import(context, config);
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
    /// What the setting's conditions say of Thymis's own device types, the repository says of its own.
    fn check_format(&self, context: &Context) -> Result<(), Problems> {
        let formats = context.image_formats();
        let of_thymis = self.device_type.as_ref().is_none_or(|device| OF_THYMIS.contains(&device.as_str()));
        match &self.image_format {
            None | Some(ImageFormat::Default) => Ok(()),
            Some(format) if of_thymis || formats.is_empty() || formats.contains(&format.value()) => Ok(()),
            Some(_) => {
                let known = formats.join(", ");
                let message = Localized::from(format!("must be one of those that this device type has: {known}"))
                    .and("de", format!("muss eines derer sein, die dieser Gerätetyp hat: {known}"));
                Err(Problem::at("image_format", message).into())
            }
        }
    }

    /// What makes an image. A tag's devices bring their own; the NixOS module of the device type is the host's to import.
    fn import(&self, context: &Context, config: &mut Config) {
        let usual = || self.device_type.is_some().then(|| context.image_formats().first().copied()).flatten();
        let format = match &self.image_format {
            None | Some(ImageFormat::Default) => usual(),
            Some(format) => Some(format.value()),
        };
        if let Some(format) = format {
            config.import(nix::output(path!["nixosModules", format!("thymis-image-{format}")]));
        }
    }
}

/// In Thymis's stored settings, a blank text is one that isn't set.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

thymis_sdk::export!(Device);
