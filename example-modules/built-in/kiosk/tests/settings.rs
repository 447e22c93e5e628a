//! The same values as Thymis 0.9 makes of the same stored settings, where they still mean something.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_kiosk::Kiosk;
use thymis_sdk::{
    Json, json,
    testing::{self, Rendered, Use},
};

const CONFIG_FILE: &str = "services.xserver.windowManager.i3.configFile";
const NONCE: &str = "systemd.services.display-manager.environment.NONCE";

/// All that Thymis sets, and nothing else.
#[track_caller]
fn assert_desktop(rendered: &Rendered) {
    let expected = [
        ("services.xserver.enable", json!(true), "override"),
        ("services.displayManager.sddm.enable", json!(true), "override"),
        ("services.displayManager.autoLogin.enable", json!(true), "override"),
        ("services.displayManager.autoLogin.user", json!("thymiskiosk"), "override"),
        ("users.users.thymiskiosk", json!({ "isNormalUser": true, "createHome": true }), "override"),
        ("services.pipewire.enable", json!(false), "merge"),
        ("services.pulseaudio.enable", json!(true), "merge"),
        ("services.pulseaudio.support32Bit", json!(true), "merge"),
        ("services.xserver.windowManager.i3.enable", json!(true), "override"),
        ("systemd.services.display-manager.restartIfChanged", json!(true), "override"),
        ("system.activationScripts.restart-display-manager-thymis.supportsDryActivation", json!(true), "merge"),
    ];
    for (path, value, strength) in &expected {
        assert_eq!(rendered.value(*path), *value, "{path}");
        assert_eq!(rendered.strength(*path), Some(*strength), "{path}");
    }
    let present = [CONFIG_FILE, NONCE, "system.activationScripts.restart-display-manager-thymis.text"];
    for path in present {
        assert_eq!(rendered.strength(path), Some("override"), "{path}");
    }
    assert_eq!(rendered.paths().len(), expected.len() + present.len(), "{rendered}");
    assert!(rendered.imports().is_empty());
}

/// i3's configuration with everything that it refers to.
fn shown(settings: Json) -> String {
    let rendered = testing::render::<Kiosk>(settings);
    rendered.value(CONFIG_FILE).as_str().unwrap().to_owned()
}

/// Whether a file of this name has exactly this text. The text that other assertions look at is escaped for Nix.
fn has_file(rendered: &Rendered, name: &str, text: &str) -> bool {
    let literal = |text: &str| format!("Expr(Text([Literal({text:?})]))");
    let file = format!("Call(\"writeText\", [{}, {}])", literal(name), literal(text));
    format!("{:?}", rendered.expr(CONFIG_FILE).unwrap()).contains(&file)
}

#[test]
fn all_defaults() {
    let rendered = testing::render::<Kiosk>(json!({}));
    assert_desktop(&rendered);
    assert!(has_file(&rendered, "kiosk-url", "https://example.com"), "{rendered}");
    assert!(rendered.secrets().is_empty());
    assert!(rendered.messages().is_empty());
    let config = shown(json!({}));
    assert!(config.contains("/bin/kiosk-screen 1920 1080 60 normal &"), "{config}");
    assert!(config.contains("/bin/kiosk-sound 100 &"), "{config}");
    assert!(!config.contains("vnc"), "{config}");
}

#[test]
fn every_setting_set_in_a_tag() {
    let settings = json!({
        "kiosk_url": "http://10.0.0.1:3000/grafäna", "xrandr_mode": "3840x2160@30", "xrandr_rotation": "inverted",
        "volume": 100, "audio_sink_fuzzy": "analog", "enable_vnc": true, "vnc_password": "pässwörd",
    });
    let rendered = Use::<Kiosk>::new(settings.clone()).in_tag().render();
    assert_desktop(&rendered);
    assert!(has_file(&rendered, "kiosk-url", "http://10.0.0.1:3000/grafäna"));
    assert!(has_file(&rendered, "kiosk-sound-output", "analog"));
    assert!(has_file(&rendered, "kiosk-vnc-password", "pässwörd"));
    let config = shown(settings);
    assert!(config.contains("/bin/kiosk-screen 3840 2160 30 inverted &"), "{config}");
    for line in [
        "/bin/kiosk-sound 100 ${writeText \"kiosk-sound-output\" \"analog\"} &",
        "/bin/kiosk-vnc ${writeText \"kiosk-vnc-password\" \"pässwörd\"} &",
    ] {
        assert!(config.contains(line), "{config}");
    }
}

#[test]
fn two_quotes_in_the_vnc_password_survive() {
    let rendered = testing::render::<Kiosk>(json!({ "enable_vnc": true, "vnc_password": "a''b" }));
    assert_desktop(&rendered);
    assert!(has_file(&rendered, "kiosk-vnc-password", "a''b"));
}

#[test]
fn nothing_of_a_text_gets_into_a_script() {
    let hostile =
        "'\"; touch pwned; $(touch pwned) `touch pwned` \\ ${HOME} ${pkgs.hello} ''${x} \n exec touch pwned\n--x";
    let one_line = hostile.replace('\n', " ");
    let settings = json!({
        "kiosk_url": hostile, "audio_sink_fuzzy": one_line, "enable_vnc": true, "vnc_password": one_line,
    });
    let rendered = testing::render::<Kiosk>(settings);
    assert_desktop(&rendered);
    assert!(has_file(&rendered, "kiosk-url", hostile));
    assert!(has_file(&rendered, "kiosk-sound-output", &one_line));
    assert!(has_file(&rendered, "kiosk-vnc-password", &one_line));
    let debug = format!("{:?}", rendered.expr(CONFIG_FILE).unwrap());
    assert_eq!(debug.matches("exec touch pwned").count(), 3, "each text is in its file and nowhere else");
}

#[test]
fn blank_texts_are_not_set() {
    let blank = json!({
        "kiosk_url": "", "xrandr_mode": "", "audio_sink_fuzzy": "", "enable_vnc": true, "vnc_password": "",
    });
    let rendered = testing::render::<Kiosk>(blank);
    let absent = testing::render::<Kiosk>(json!({ "enable_vnc": true }));
    assert_eq!(rendered.to_string(), absent.to_string());
    assert!(has_file(&rendered, "kiosk-url", "https://example.com"));
    assert!(has_file(&rendered, "kiosk-vnc-password", "password"));
    assert!(rendered.messages().is_empty());
}

#[test]
fn a_mode_that_is_none_is_named_and_the_usual_one_shown() {
    let rendered = testing::render::<Kiosk>(json!({ "xrandr_mode": "auto; reboot" }));
    assert_desktop(&rendered);
    let [message] = &rendered.messages()[..] else { panic!("{rendered}") };
    assert!(message.contains("`auto; reboot`") && message.contains("1920x1080@60"), "{message}");
    assert_eq!(rendered.value(CONFIG_FILE), testing::render::<Kiosk>(json!({})).value(CONFIG_FILE));
}

#[test]
fn a_volume_out_of_range_is_refused() {
    for volume in [-1, 101, 250] {
        let problems = testing::refuse::<Kiosk>(json!({ "volume": volume }));
        assert_eq!(problems[0].setting(), Some("/volume"));
    }
    assert!(shown(json!({ "volume": 0 })).contains("/bin/kiosk-sound 0 &"));
}

#[test]
fn a_secret_is_placed_for_the_kiosks_user_and_wins() {
    let rendered = testing::render::<Kiosk>(json!({
        "enable_vnc": true, "vnc_password": "plain", "vnc_password_secret": "secret:0",
    }));
    assert_desktop(&rendered);
    assert!(
        rendered.to_string().contains("secret secret:0 at /run/thymis/kiosk-vnc-password, thymiskiosk:users 0400;")
    );
    assert!(!has_file(&rendered, "kiosk-vnc-password", "plain"));
    assert!(rendered.value(CONFIG_FILE).as_str().unwrap().contains("/bin/kiosk-vnc ${<secret"), "{rendered}");
    let other = testing::render::<Kiosk>(json!({ "enable_vnc": true, "vnc_password_secret": "secret:7" }));
    assert_eq!(rendered.value(NONCE), other.value(NONCE), "a handle says nothing");
}

#[test]
fn without_vnc_no_secret_is_placed() {
    let rendered = testing::render::<Kiosk>(json!({ "vnc_password": "plain", "vnc_password_secret": "secret:0" }));
    assert!(rendered.secrets().is_empty());
    assert!(!format!("{:?}", rendered.expr(CONFIG_FILE).unwrap()).contains("vnc"));
}

#[test]
fn each_setting_changes_the_nonce() {
    let all = [
        json!({}),
        json!({ "kiosk_url": "https://example.org" }),
        json!({ "xrandr_mode": "1280x720" }),
        json!({ "xrandr_mode": "1920x1080@50" }),
        json!({ "xrandr_rotation": "left" }),
        json!({ "volume": 99 }),
        json!({ "audio_sink_fuzzy": "hdmi" }),
        json!({ "enable_vnc": true }),
        json!({ "enable_vnc": true, "vnc_password": "other" }),
        json!({ "enable_vnc": true, "vnc_password_secret": "secret:0" }),
    ];
    let nonce = |settings: &Json| testing::render::<Kiosk>(settings.clone()).value(NONCE).as_str().unwrap().to_owned();
    let mut nonces: Vec<String> = all.iter().map(nonce).collect();
    assert!(nonces.iter().all(|nonce| nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit())), "{nonces:?}");
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), all.len());
    assert_eq!(nonce(&all[1]), nonce(&all[1]));
}
