//! What a person sets is what the containers get.

use container_stack::ContainerStack;
use thymis_sdk::{Json, json, testing};

fn container(name: &'static str, settings: Json) -> Json {
    testing::render::<ContainerStack>(settings).value(["virtualisation", "oci-containers", "containers", name])
}

#[test]
fn without_settings_nothing_is_open_and_nothing_secret() {
    let rendered = testing::render::<ContainerStack>(json!({}));
    assert!(!rendered.defines("networking"));
    assert!(rendered.secrets().is_empty());
    let prometheus = container("prometheus", json!({}));
    assert_eq!(prometheus["image"], "docker.io/prom/prometheus:v3.5.0");
    assert_eq!(prometheus["cmd"][3], "--web.listen-address=127.0.0.1:9090");
    assert_eq!(prometheus["volumes"][0], "prometheus-data:/prometheus");
}

#[test]
fn ports_and_targets_are_the_same_on_both_sides() {
    let settings = json!({ "prometheus": { "port": 9191, "targets": ["10.0.0.5:9100"] }, "grafana": { "port": 8080 } });
    let volume = container("prometheus", settings.clone())["volumes"][1].to_string();
    assert!(volume.contains("127.0.0.1:9191") && volume.contains("10.0.0.5:9100"), "{volume}");
    let grafana = container("grafana", settings);
    assert!(grafana["volumes"][1].to_string().contains("http://127.0.0.1:9191"), "{grafana}");
    assert_eq!(grafana["environment"], json!({ "GF_SERVER_HTTP_PORT": "8080" }));
}

#[test]
fn the_page_is_opened_to_others_only_with_a_password() {
    let open = json!({ "grafana": { "open_firewall": true, "secrets": "secret:0" } });
    let rendered = testing::render::<ContainerStack>(open.clone());
    assert_eq!(rendered.value("networking.firewall.allowedTCPPorts"), json!([3000]));
    assert_eq!(rendered.strength("networking.firewall.allowedTCPPorts"), Some("merge"));
    assert_eq!(rendered.secrets(), [("secret:0".to_owned(), "/run/container-stack/grafana.env".to_owned())]);
    assert_eq!(container("grafana", open)["environmentFiles"], json!(["<secret \"secret:0\">"]));

    let problems = testing::refuse::<ContainerStack>(json!({ "grafana": { "open_firewall": true } }));
    assert_eq!(problems[0].setting(), Some("/grafana/secrets"));
}

#[test]
fn further_settings_of_grafana_are_its_environment() {
    let environment = json!({ "GF_USERS_DEFAULT_LANGUAGE": "de-DE", "GF_SERVER_HTTP_PORT": "1" });
    let grafana = container("grafana", json!({ "grafana": { "environment": environment } }));
    assert_eq!(grafana["environment"]["GF_USERS_DEFAULT_LANGUAGE"], "de-DE");
    assert_eq!(grafana["environment"]["GF_SERVER_HTTP_PORT"], "3000", "the port is the setting's");
}

#[test]
fn two_services_need_two_ports() {
    let problems = testing::refuse::<ContainerStack>(json!({ "grafana": { "port": 9090 } }));
    assert_eq!(problems[0].setting(), Some("/grafana/port"));
}
