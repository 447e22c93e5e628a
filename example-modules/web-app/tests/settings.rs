//! What a person sets is what the device does.

use thymis_sdk::{json, testing};
use web_app::WebApp;

#[test]
fn the_flakes_own_module_and_package_are_used() {
    let rendered = testing::render::<WebApp>(json!({ "greeting": "Hi ${you}", "port": 80 }));
    assert_eq!(rendered.imports(), ["nixosModules.default"]);
    assert_eq!(
        rendered.value("services.web-app"),
        json!({ "enable": true, "package": "<output packages.default>", "port": 80, "greeting": "Hi ${you}" })
    );
}

#[test]
fn the_firewall_is_opened_only_when_asked_for() {
    assert!(!testing::render::<WebApp>(json!({})).defines("networking"));
    let rendered = testing::render::<WebApp>(json!({ "open_firewall": true }));
    assert_eq!(rendered.value("networking.firewall.allowedTCPPorts"), json!([8080]));
    assert_eq!(rendered.strength("networking.firewall.allowedTCPPorts"), Some("merge"));
}

#[test]
fn ports_are_ports() {
    for wrong in [json!(0), json!(65_536), json!("80")] {
        assert_eq!(testing::refuse::<WebApp>(json!({ "port": wrong }))[0].setting(), Some("/port"));
    }
}
