//! The same values as Thymis 0.9 makes of the same stored settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_networking::Networking;
use thymis_sdk::{Json, json, path, testing};

fn problems(settings: Json) -> Vec<String> {
    testing::refuse::<Networking>(settings).iter().map(|problem| problem.setting().unwrap().to_owned()).collect()
}

#[test]
fn without_settings_nothing_is_set() {
    assert!(testing::render::<Networking>(json!({})).paths().is_empty());
    assert!(testing::render::<Networking>(json!({ "static_networks": [], "nameservers": [] })).paths().is_empty());
}

#[test]
fn wifi_with_special_characters() {
    let rendered = testing::render::<Networking>(json!({
        "wifi_ssid": "Café \"Zum Löwen\" \\ ${ssid} 日本", "wifi_password": "p'w''\"$\\n$${x}",
        "wifi_auth_protocols": [{ "protocol": "WPA-PSK" }, {}, { "protocol": "SAE" }],
    }));
    assert_eq!(
        rendered.value("thymis.config"),
        json!({
            "wifi-ssid": "Café \"Zum Löwen\" \\ ${ssid} 日本", "wifi-password": "p'w''\"$\\n$${x}",
            "wifi-auth-protocols": [{ "protocol": "WPA-PSK" }, {}, { "protocol": "SAE" }],
        })
    );
    for path in rendered.paths() {
        let name = path.rsplit('.').next().unwrap().to_owned();
        assert_eq!(rendered.strength(path!["thymis", "config", name]), Some("override"), "{path}");
    }
}

#[test]
fn lines_for_wpa_supplicant_replace_those_of_a_tag() {
    let lines = "eap=PEAP\nidentity=\"a ''${x}\"\n";
    let rendered = testing::render::<Networking>(json!({ "wifi_auth": lines }));
    assert_eq!(rendered.value("thymis.config.wifi-auth"), lines);
    assert_eq!(rendered.strength("thymis.config.wifi-auth"), Some("override"));
}

#[test]
fn blank_values_take_back_what_a_tag_says_about_wifi() {
    let blank = json!({ "wifi_ssid": "", "wifi_password": "", "wifi_auth": "", "wifi_auth_protocols": [] });
    assert_eq!(
        testing::render::<Networking>(blank).value("thymis.config"),
        json!({ "wifi-ssid": "", "wifi-password": "", "wifi-auth": "", "wifi-auth-protocols": [] })
    );
}

#[test]
fn networks_gateways_and_name_servers() {
    let rendered = testing::render::<Networking>(json!({
        "static_networks": [
            { "interface": "eth0", "ipv4address": "192.168.1.10", "ipv4prefixLength": 24, "ipv6address": "fd00:1::10",
              "ipv6prefixLength": 64, "gateway": "192.168.1.1", "gateway6": "fd00:1::1", "isDefaultGateway": true },
            { "interface": "eth1.100", "ipv4address": "10.0.0.5", "ipv4prefixLength": 8, "ipv6address": "",
              "gateway": "", "gateway6": "", "isDefaultGateway": false },
            { "interface": "wlan0", "ipv4address": "", "ipv6address": "2001:db8::7", "ipv6prefixLength": 128 },
        ],
        "nameservers": [{ "nameserver": "9.9.9.9" }],
    }));
    assert_eq!(
        rendered.value("networking"),
        json!({
            "defaultGateway": { "address": "192.168.1.1", "interface": "eth0" },
            "defaultGateway6": { "address": "fd00:1::1", "interface": "eth0" },
            "interfaces": {
                "eth0": {
                    "ipv4": { "addresses": [{ "address": "192.168.1.10", "prefixLength": 24 }] },
                    "ipv6": { "addresses": [{ "address": "fd00:1::10", "prefixLength": 64 }] },
                },
                "eth1.100": { "ipv4": { "addresses": [{ "address": "10.0.0.5", "prefixLength": 8 }] } },
                "wlan0": { "ipv6": { "addresses": [{ "address": "2001:db8::7", "prefixLength": 128 }] } },
            },
            "nameservers": ["9.9.9.9"],
        })
    );
    let strength = |path: thymis_sdk::Path| rendered.strength(path);
    assert_eq!(strength(path!["networking", "interfaces", "eth1.100"]), Some("override"));
    assert_eq!(strength(path!["networking", "defaultGateway"]), Some("override"));
    assert_eq!(strength(path!["networking", "nameservers"]), Some("override"));
}

#[test]
fn name_servers_need_no_networks_and_blank_ones_are_left_out() {
    let rendered = testing::render::<Networking>(json!({
        "nameservers": [{ "nameserver": "8.8.8.8" }, {}, { "nameserver": "" }, { "nameserver": "1.1.1.1\" \"6.6.6.6" }],
    }));
    assert_eq!(rendered.value("networking"), json!({ "nameservers": ["8.8.8.8", "1.1.1.1\" \"6.6.6.6"] }));
    assert!(testing::render::<Networking>(json!({ "nameservers": [{}] })).paths().is_empty());
}

#[test]
fn nothing_that_is_typed_becomes_nix() {
    let interface = "eth0\" = { }; evil.\"x";
    let rendered = testing::render::<Networking>(json!({ "static_networks": [{
        "interface": interface, "ipv4address": "10.0.0.2\"; evil = \"${y}", "ipv4prefixLength": 24,
        "gateway": "10.0.0.1\\", "isDefaultGateway": true,
    }] }));
    assert_eq!(
        rendered.value("networking"),
        json!({
            "defaultGateway": { "address": "10.0.0.1\\", "interface": interface },
            "interfaces": {
                (interface): { "ipv4": { "addresses": [{ "address": "10.0.0.2\"; evil = \"${y}", "prefixLength": 24 }] } },
            },
        })
    );
}

#[test]
fn entries_for_one_interface_are_one_definition() {
    let rendered = testing::render::<Networking>(json!({ "static_networks": [
        { "interface": "eth0", "ipv4address": "10.0.0.2", "ipv4prefixLength": 24 },
        { "interface": "eth1" },
        { "interface": "eth0", "ipv6address": "fd00::2", "ipv6prefixLength": 0 },
        { "interface": "eth0", "ipv4address": "10.0.0.3", "ipv4prefixLength": 32 },
    ] }));
    assert_eq!(rendered.paths(), ["networking.interfaces.eth0", "networking.interfaces.eth1"]);
    assert_eq!(
        rendered.value("networking.interfaces"),
        json!({
            "eth0": {
                "ipv4": { "addresses": [
                    { "address": "10.0.0.2", "prefixLength": 24 }, { "address": "10.0.0.3", "prefixLength": 32 },
                ] },
                "ipv6": { "addresses": [{ "address": "fd00::2", "prefixLength": 0 }] },
            },
            "eth1": {},
        })
    );
}

#[test]
fn the_first_default_gateway_counts_and_only_with_an_address_of_its_family() {
    let rendered = testing::render::<Networking>(json!({ "static_networks": [
        { "interface": "eth0", "ipv4address": "10.0.0.2", "ipv4prefixLength": 24, "gateway": "10.0.0.1" },
        { "interface": "eth1", "ipv4address": "10.1.0.2", "ipv4prefixLength": 24, "gateway": "10.1.0.1",
          "gateway6": "fd00::1", "isDefaultGateway": true },
        { "interface": "eth2", "ipv4address": "10.2.0.2", "ipv4prefixLength": 24, "gateway": "10.2.0.1",
          "isDefaultGateway": true },
    ] }));
    assert_eq!(rendered.value("networking.defaultGateway"), json!({ "address": "10.1.0.1", "interface": "eth1" }));
    assert!(!rendered.defines("networking.defaultGateway6"));
}

#[test]
fn networks_that_could_not_work_are_refused_together() {
    let networks = json!([
        { "interface": "eth0", "ipv4address": "10.0.0.2" },
        { "interface": "eth1", "ipv6address": "fd00::2", "isDefaultGateway": true },
        { "ipv4address": "10.0.0.3", "ipv4prefixLength": 24 },
        { "ipv4prefixLength": 24 },
        {},
    ]);
    assert_eq!(
        problems(json!({ "static_networks": networks })),
        ["/static_networks/0/ipv4prefixLength", "/static_networks/1/ipv6prefixLength", "/static_networks/2/interface",]
    );
    let long = json!([{ "interface": "eth0", "ipv4address": "10.0.0.2", "ipv4prefixLength": 33 }]);
    assert_eq!(problems(json!({ "static_networks": long })), ["/static_networks/0/ipv4prefixLength"]);
}

#[test]
fn the_password_of_a_secret_never_passes_through_the_configuration() {
    let rendered = testing::render::<Networking>(json!({ "wifi_ssid": "Office", "wifi_password_secret": "wifi" }));
    assert_eq!(rendered.secrets(), [("wifi".to_owned(), "/run/thymis/wifi_password".to_owned())]);
    assert_eq!(rendered.value("thymis.config.wifi-ssid"), "Office");
    // What a tag sets in plain text must not win.
    assert_eq!(rendered.value("thymis.config.wifi-password"), "");
    assert_eq!(
        rendered.value("thymis.config.wifi-auth"),
        "lib.mkIf (eq config.thymis.config.wifi-password \"\") \"psk=ext:wifi_psk\""
    );
    assert_eq!(rendered.value("networking.wireless.secretsFile"), "/run/thymis-wifi/secrets");
    let service = rendered.value("systemd.services.thymis-wifi-secrets");
    assert_eq!(service["before"], json!(["wpa_supplicant.service"]));
    assert_eq!(service["wantedBy"], json!(["wpa_supplicant.service"]));
    assert_eq!(service["environment"]["PASSWORD_FILE"], "<secret wifi>");
    assert_eq!(service["environment"]["SECRETS_FILE"], "/run/thymis-wifi/secrets");
    assert_eq!(rendered.value("systemd.paths.thymis-wifi-secrets.pathConfig.PathChanged"), "<secret wifi>");
}

#[test]
fn lines_for_wpa_supplicant_may_use_the_secret() {
    let auth = "eap=PEAP\npassword=ext:wifi_password";
    let rendered = testing::render::<Networking>(json!({ "wifi_auth": auth, "wifi_password_secret": "wifi" }));
    assert_eq!(rendered.value("thymis.config.wifi-auth"), auth);
}

#[test]
fn a_password_and_a_secret_exclude_each_other() {
    assert_eq!(
        problems(json!({ "wifi_password": "12345678", "wifi_password_secret": "wifi" })),
        ["/wifi_password_secret"]
    );
    let blank = json!({ "wifi_password": "", "wifi_password_secret": "wifi" });
    assert_eq!(testing::render::<Networking>(blank).value("thymis.config.wifi-password"), "");
}
