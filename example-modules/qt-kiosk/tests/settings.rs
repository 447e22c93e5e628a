//! What a person sets is what the screen shows.

use qt_kiosk::QtKiosk;
use thymis_sdk::{Json, json, testing};

/// How the application's settings are made, as text that looks like Nix.
fn settings_file(settings: Json) -> String {
    let rendered = testing::render::<QtKiosk>(settings);
    rendered.value("services.cage.environment.QT_KIOSK_SETTINGS").as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_flakes_own_program_is_the_only_one_shown() {
    let rendered = testing::render::<QtKiosk>(json!({}));
    assert_eq!(rendered.value("services.cage.program"), "lib.getExe <output packages.default>");
    assert_eq!(rendered.value("services.cage.user"), "qt-kiosk");
    assert_eq!(rendered.value("users.users"), json!({ "qt-kiosk": { "isNormalUser": true } }));
    assert!(rendered.imports().is_empty(), "no NixOS module is needed");
}

#[test]
fn settings_are_data_of_the_application() {
    let file = settings_file(json!({ "message": "<b>5 %h</b>", "rotation": "90", "clock": "12-hours" }));
    for part in ["formats.generate", "message = \"<b>5 %h</b>\";", "rotation = 90;", "clock = \"h:mm AP\";"] {
        assert!(file.contains(part), "{part} in {file}");
    }
}

#[test]
fn only_the_file_of_settings_depends_on_what_is_set() {
    let others = |settings| {
        let mut cage = testing::render::<QtKiosk>(settings).value("services.cage");
        cage["environment"]["QT_KIOSK_SETTINGS"].take();
        cage
    };
    assert_eq!(others(json!({})), others(json!({ "message": "'; reboot #\n${x}", "clock": "none" })));
}

#[test]
fn what_is_no_rotation_or_too_long_is_refused() {
    for (wrong, setting) in [
        (json!({ "rotation": "45" }), "/rotation"),
        (json!({ "rotation": 90 }), "/rotation"),
        (json!({ "message": "x".repeat(1001) }), "/message"),
    ] {
        assert_eq!(testing::refuse::<QtKiosk>(wrong)[0].setting(), Some(setting));
    }
}
