//! The same values as Thymis 0.9 makes of the same stored settings.

use thymis_module_device::Device;
use thymis_sdk::{
    json,
    testing::{self, Use},
};

#[test]
fn without_settings_only_the_controllers_own_url_is_set_and_gives_way() {
    let rendered = testing::render::<Device>(json!({}));
    assert_eq!(rendered.paths(), ["thymis.config.agent.controller-url"]);
    assert_eq!(rendered.value("thymis.config.agent.controller-url"), "https://controller.example.org");
    assert_eq!(rendered.strength("thymis.config.agent.controller-url"), Some("merge"));
    assert!(rendered.imports().is_empty());
}

#[test]
fn a_device_imports_its_image() {
    let rendered = testing::render::<Device>(json!({
        "device_type": "raspberry-pi-4", "image_format": "sd-card-image", "device_name": "pi-4-lobby",
        "nix_state_version": "25.05", "agent_controller_url": "https://thymis.example.com:8443/",
    }));
    assert_eq!(
        rendered.value("thymis.config"),
        json!({
            "agent": { "controller-url": "https://thymis.example.com:8443/" },
            "device-name": "pi-4-lobby", "device-type": "raspberry-pi-4", "image-format": "sd-card-image",
        })
    );
    assert_eq!(rendered.value("system.stateVersion"), "25.05");
    assert_eq!(rendered.strength("thymis.config.agent.controller-url"), Some("override"));
    assert_eq!(rendered.imports(), ["nixosModules.thymis-image-sd-card-image"]);
}

#[test]
fn blank_texts_are_not_set_and_the_usual_image_is_imported() {
    let settings = json!({
        "device_type": "generic-x86_64", "image_format": "", "device_name": "", "agent_controller_url": "",
    });
    let formats = json!(["usb-stick-installer", "qcow"]);
    let rendered = Use::<Device>::new(settings).context("image-formats", formats).render();
    assert_eq!(
        rendered.value("thymis.config"),
        json!({
            "agent": { "controller-url": "https://controller.example.org" },
            "device-type": "generic-x86_64", "image-format": "",
        })
    );
    assert_eq!(rendered.imports(), ["nixosModules.thymis-image-usb-stick-installer"]);
}

#[test]
fn an_image_can_be_chosen_where_a_tag_says_the_type() {
    let rendered = testing::render::<Device>(json!({ "image_format": "nixos-vm" }));
    assert_eq!(rendered.imports(), ["nixosModules.thymis-image-nixos-vm"]);
}

#[test]
fn a_tag_imports_nothing() {
    let rendered = Use::<Device>::new(json!({ "device_type": "raspberry-pi-5" })).in_tag().render();
    assert!(rendered.imports().is_empty());
    assert_eq!(rendered.value("thymis.config.device-type"), "raspberry-pi-5");
}

#[test]
fn special_characters_survive() {
    let name = "tag\"ged \\ ${x}";
    let rendered = testing::render::<Device>(json!({ "device_name": name }));
    assert_eq!(rendered.value("thymis.config.device-name"), name);
}

#[test]
fn the_repository_says_how_its_device_type_is_installed() {
    let with = |format: &str| {
        Use::<Device>::new(json!({ "device_type": "acme-board-2", "image_format": format }))
            .on("acme-board-2", "aarch64-linux")
            .context("image-formats", json!(["sd-card-image"]))
    };
    assert_eq!(with("sd-card-image").render().imports(), ["nixosModules.thymis-image-sd-card-image"]);
    let problems = with("nixos-vm").refuse();
    assert_eq!(problems[0].setting(), Some("/image_format"));
    assert!(problems[0].to_string().contains("sd-card-image"));
}
