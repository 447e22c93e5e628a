//! The same values as Thymis 0.9 makes of the same stored settings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_containers::Containers;
use thymis_sdk::{
    Json, json,
    testing::{self, Rendered, Use},
};

fn render(container: Json) -> Rendered {
    testing::render::<Containers>(json!({ "containers": [container] }))
}

/// The value of the container `c`.
fn container(settings: Json) -> Json {
    let mut all = json!({ "container_name": "c", "image": "i" });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    render(all).value("virtualisation.oci-containers.containers.c")
}

#[track_caller]
fn refused(settings: Json, setting: &str) {
    let problems = testing::refuse::<Containers>(json!({ "containers": [settings] }));
    let places: Vec<_> = problems.iter().map(|problem| problem.setting().unwrap()).collect();
    assert_eq!(places, [setting]);
}

#[test]
fn podman_is_set_up_even_without_containers() {
    for settings in [json!({}), json!({ "containers": [] })] {
        let rendered = testing::render::<Containers>(settings);
        assert_eq!(
            rendered.value("virtualisation"),
            json!({
                "oci-containers": { "backend": "podman" },
                "podman": {
                    "autoPrune": { "enable": true }, "defaultNetwork": { "settings": { "dns_enabled": true } },
                    "dockerCompat": true, "enable": true,
                },
            })
        );
        assert_eq!(rendered.strength("virtualisation.podman"), Some("override"));
        assert_eq!(rendered.strength("virtualisation.oci-containers.backend"), Some("override"));
        assert!(rendered.imports().is_empty());
    }
}

#[test]
fn one_of_each() {
    let rendered = Use::<Containers>::new(json!({ "containers": [{
        "container_name": "web", "image": "docker.io/library/nginx:1.27",
        "ports": [{ "host": "8080", "container": "80" }],
        "volumes": [{ "host": "/srv/www", "container": "/usr/share/nginx/html:ro" }],
        "environment": [{ "key": "TZ", "value": "Europe/Berlin" }],
        "labels": [{ "key": "traefik.enable", "value": "true" }],
    }] }))
    .in_tag()
    .render();
    assert_eq!(
        rendered.value("virtualisation.oci-containers.containers.web"),
        json!({
            "environment": { "TZ": "Europe/Berlin" }, "image": "docker.io/library/nginx:1.27",
            "labels": { "traefik.enable": "true" }, "log-driver": "journald", "ports": ["8080:80"],
            "volumes": ["/srv/www:/usr/share/nginx/html:ro"],
        })
    );
    // As a whole: what a tag says of a container of the same name is dropped.
    assert_eq!(rendered.strength("virtualisation.oci-containers.containers.web"), Some("override"));
}

#[test]
fn what_is_empty_is_left_out() {
    let bare = json!({ "image": "i", "log-driver": "journald" });
    assert_eq!(container(json!({})), bare);
    assert_eq!(container(json!({ "ports": [], "volumes": [], "environment": [], "labels": [] })), bare);
    let blank = json!({ "ports": [{}], "volumes": [{ "host": "", "container": "" }], "environment": [{ "key": "" }], "labels": [{}] });
    assert_eq!(container(blank), bare);
}

#[test]
fn values_may_be_any_text() {
    for text in [
        "line1\nline2 ü ''q'' $HOME ` tick",
        "{\"a\": \"${b}\", \"c\": 1}",
        "${lib.version}-x",
        "\\\"'\r\n\t\u{1b} /nix/store/x",
        "",
    ] {
        let value = container(json!({
            "environment": [{ "key": "K", "value": text }], "labels": [{ "key": "a.\"b\" ${c}", "value": text }],
        }));
        assert_eq!(value["environment"], json!({ "K": text }));
        assert_eq!(value["labels"], json!({ "a.\"b\" ${c}": text }));
    }
    assert_eq!(container(json!({ "environment": [{ "key": "K" }] }))["environment"], json!({ "K": "" }));
    let odd = "a\"b.${c}''\\ü";
    let rendered = render(json!({
        "container_name": odd, "image": odd, "ports": [{ "host": odd, "container": odd }],
        "volumes": [{ "host": odd, "container": odd }],
    }));
    let value = rendered.value(["virtualisation", "oci-containers", "containers", odd]);
    assert_eq!(value["image"], odd);
    assert_eq!(value["ports"], json!([format!("{odd}:{odd}")]));
    assert_eq!(value["volumes"], json!([format!("{odd}:{odd}")]));
}

#[test]
fn a_port_may_lack_its_first_half() {
    let ports = json!([{ "host": "", "container": "80" }, { "container": "81/udp" }, { "host": "127.0.0.1:1", "container": "1" }]);
    assert_eq!(container(json!({ "ports": ports }))["ports"], json!([":80", ":81/udp", "127.0.0.1:1:1"]));
}

#[test]
fn the_later_of_two_variables_counts() {
    let twice = json!([{ "key": "A", "value": "1" }, { "key": "B", "value": "2" }, { "key": "A", "value": "3" }]);
    let value = container(json!({ "environment": twice, "labels": twice }));
    assert_eq!(value["environment"], json!({ "A": "3", "B": "2" }));
    assert_eq!(value["labels"], json!({ "A": "3", "B": "2" }));
}

#[test]
fn what_can_only_break_is_refused_where_it_stands() {
    refused(json!({ "image": "i" }), "/containers/0/container_name");
    refused(json!({ "container_name": " ", "image": "i" }), "/containers/0/container_name");
    refused(json!({ "container_name": "x".repeat(241), "image": "i" }), "/containers/0/container_name");
    refused(json!({ "container_name": "c" }), "/containers/0/image");
    refused(json!({ "container_name": "c", "image": "" }), "/containers/0/image");
    let with = |key: &str, item: Json| json!({ "container_name": "c", "image": "i", key: [{}, item] });
    refused(with("environment", json!({ "value": "x" })), "/containers/0/environment/1/key");
    refused(with("environment", json!({ "key": "_type", "value": "override" })), "/containers/0/environment/1/key");
    refused(with("labels", json!({ "key": "x".repeat(1025) })), "/containers/0/labels/1/key");
}

#[test]
fn rows_that_nobody_filled_in_are_skipped_and_halves_stay_halves() {
    let container = json!({
        "container_name": "c", "image": "i",
        "ports": [{}, { "host": "80" }, { "container": "81" }], "volumes": [{ "container": "/d" }, { "host": "", "container": "" }],
    });
    let rendered = testing::render::<Containers>(json!({ "containers": [{}, container, { "container_name": "" }] }));
    let value = rendered.value("virtualisation.oci-containers.containers.c");
    assert_eq!((&value["ports"], &value["volumes"]), (&json!(["80:", ":81"]), &json!([":/d"])));
    assert_eq!(rendered.paths().len(), 3);
}

#[test]
fn containers_have_names_of_their_own() {
    let named = |name: &str| json!({ "container_name": name, "image": name });
    let rendered = testing::render::<Containers>(json!({ "containers": [named("web"), named("h"), named("Web")] }));
    assert_eq!(
        rendered.paths()[2..],
        ["web", "h", "Web"].map(|name| format!("virtualisation.oci-containers.containers.{name}"))
    );
    let problems = testing::refuse::<Containers>(json!({ "containers": [named("web"), named("h"), named("web")] }));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].setting(), Some("/containers/2/container_name"));
    assert!(problems[0].message().get("de").is_some());
}
