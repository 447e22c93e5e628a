//! Where Nix gets to while it locks: the servers of the project's inputs, and the public internet.

use std::fs;

use thymis_tests::server::{HttpServer, Rule};

use crate::{Flake, Place};

/// A project whose input `sensors` has the input `helper` at this address, which is asked for.
fn refused(place: &Place, address: &str, more: &[&str]) -> String {
    place.flake("sensors", &Flake::new().on("helper", address));
    place.thymis(&["input", "add", "--replace", "sensors", &place.url("sensors")]).done();
    place.refuses_to_lock(&[&["--limit", "nix_seconds=60"], more].concat())
}

#[test]
fn other_servers_of_this_machine_are_not_reached() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    let sites = place.site("");
    let other = HttpServer::start_tls(&sites, place.authority());
    // Where it may be bound, and nobody else is there.
    let usual = HttpServer::start_tls_at("127.0.0.1:443", &sites, place.authority());
    let archive = |url: String| format!("{url}.tar.gz");
    let localhost = place.server().url_at("localhost", "helper");
    for (address, words) in [
        (other.url("helper"), "its port is not open"),
        (archive(other.url_at("127.0.0.1", "helper")), "its port is not open"),
        (format!("git+{localhost}"), "its port is not open"),
        ("git+https://localhost/helper".to_owned(), "its address is not on the public internet"),
        ("git+https://2130706433/helper".to_owned(), "its address is not on the public internet"),
    ] {
        let said = refused(&place, &address, &[]);
        assert!(said.contains("`sensors → helper`") && said.contains(words), "{address}: {said}");
    }
    assert_eq!(other.requests(), []);
    assert!(usual.is_none_or(|usual| usual.requests().is_empty()));
}

#[test]
fn redirects_to_other_servers_of_this_machine_are_not_followed() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    let other = HttpServer::start_tls(&place.site(""), place.authority());
    place.server().rule("gone", Rule::Redirect(other.url_at("127.0.0.1", "helper")));
    place.server().rule("gone.tar.gz", Rule::Redirect(other.url_at("127.0.0.1", "helper")));
    let archive = format!("{}.tar.gz", place.server().url_at("127.0.0.1", "gone"));
    for address in [place.url("gone"), archive] {
        let said = refused(&place, &address, &[]);
        assert!(said.contains("`sensors → helper`") && said.contains("its port is not open"), "{address}: {said}");
    }
    assert_eq!(other.requests(), []);
}

#[test]
fn nothing_is_fetched_without_encryption_unless_that_is_asked_for() {
    let place = Place::new();
    let plain = HttpServer::start(&place.site(""));
    place.flake("helper", &Flake::new());
    place.flake("sensors", &Flake::new().on("helper", &plain.url("helper")));
    place.thymis(&["input", "add", "sensors", &plain.url("sensors")]).done();
    let said = place.refuses_to_lock(&[]);
    assert!(said.contains("`sensors → helper`") && said.contains("only what everybody can fetch by https"), "{said}");
    let allowed = |arguments: &[&str]| place.thymis(&[&["--allow-plain-http"], arguments].concat()).done();
    allowed(&["input", "lock"]);
    place.configure("lobby", "inputs.sensors.word");
    allowed(&["generate"]);
    drop(plain);
    assert_eq!(place.evaluated(), "sensors(helper)");
}

#[test]
fn what_is_not_there_is_said_by_name() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    let address = format!("{}?ref=nowhere", place.url("helper"));
    let said = refused(&place, &address, &[]);
    assert!(said.contains("`sensors → helper`") && said.contains("refs/heads/nowhere"), "{said}");
    let said = refused(&place, &place.url("nothing"), &[]);
    assert!(said.contains("`sensors → helper`") && said.contains("not found"), "{said}");
}

#[test]
fn a_server_that_sends_without_end_is_left() {
    let place = Place::new();
    place.flake("helper", &Flake::new());
    for rule in [Rule::EndlessPack, Rule::EndlessRefs] {
        place.server().rule("helper", rule);
        let said = refused(&place, &place.url("helper"), &["--limit", "nix_received_bytes=1_000_000"]);
        assert!(said.contains("nix_received_bytes") && said.contains("1000000"), "{said}");
    }
    place.server().rule("helper", Rule::Hang);
    let said = refused(&place, &place.url("helper"), &["--limit", "nix_seconds=2"]);
    assert!(said.contains("nix_seconds"), "{said}");
    let scratch = fs::read_dir(place.world.home().join("cache/thymis/nix")).unwrap();
    let scratch = scratch.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = scratch.filter(|name| name.starts_with(".run-")).collect();
    assert_eq!(left, Vec::<String>::new());
}
