//! What a person sets is what the board does.

use custom_board::AcmeBoard;
use thymis_sdk::{
    Json, json,
    testing::{Rendered, Use},
};

fn rendered(settings: Json) -> Rendered {
    Use::<AcmeBoard>::new(settings).on("acme-board-2", "aarch64-linux").render()
}

#[test]
fn the_status_led_beats_unless_said_otherwise() {
    let environment = |settings| rendered(settings).value("systemd.services.acme-board-leds.environment");
    assert_eq!(environment(json!({})), json!({ "STATUS": "heartbeat", "USER_LED": "none" }));
    assert_eq!(
        environment(json!({ "status_led": "none", "user_led": "mmc0" })),
        json!({ "STATUS": "none", "USER_LED": "mmc0" })
    );
}

#[test]
fn pins_belong_to_root_until_somebody_is_named() {
    assert!(!rendered(json!({})).defines("services.udev"));
    let named = rendered(json!({ "gpio_users": ["sensor"] }));
    assert_eq!(named.value("users.groups.gpio.members"), json!(["sensor"]));
    assert!(named.value("services.udev.extraRules").as_str().is_some_and(|rules| rules.contains("GROUP=\"gpio\"")));
    assert_eq!(named.strength("services.udev.extraRules"), Some("merge"));
}

#[test]
fn the_bus_is_opened_when_asked_for() {
    assert!(!rendered(json!({})).defines("hardware"));
    assert_eq!(rendered(json!({ "i2c": true })).value("hardware.i2c.enable"), true);
}

#[test]
fn other_devices_with_it_are_not_built() {
    assert!(rendered(json!({})).messages().is_empty());
    let other = Use::<AcmeBoard>::new(json!({})).on("raspberry-pi-4", "aarch64-linux").render();
    assert_eq!(
        other.messages(),
        ["This module is for the device type acme-board-2, not for raspberry-pi-4: remove it here."]
    );
    // A tag doesn't know.
    assert!(Use::<AcmeBoard>::new(json!({})).in_tag().render().messages().is_empty());
}
