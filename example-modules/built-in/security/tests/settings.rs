//! The same values as Thymis 0.9 makes of the same stored settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_security::Security;
use thymis_sdk::{json, testing};

const KEYS: &str = "users.users.root.openssh.authorizedKeys.keys";

#[test]
fn without_settings_nothing_is_set() {
    let rendered = testing::render::<Security>(json!({}));
    assert!(rendered.paths().is_empty());
    assert!(rendered.secrets().is_empty());
}

#[test]
fn password_keys_and_certificates() {
    let keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA one@host",
        "ssh-rsa AAAAB3NzaC1yc2E= two",
        "command=\"/bin/date \\\"x\\\"\",no-pty ssh-ed25519 AAAAC3 ünï",
    ];
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\nAbC+/d==\n-----END CERTIFICATE-----\n";
    let rendered = testing::render::<Security>(json!({
        "password_secret": "root-password",
        "authorized_keys": keys.map(|key| json!({ "key": key })),
        "security_pki_certificates": [{ "certificate": certificate }],
    }));
    assert_eq!(rendered.value(KEYS), json!(keys));
    assert_eq!(rendered.strength(KEYS), Some("merge"));
    assert_eq!(rendered.value("thymis.config.authorized-keys"), json!(keys.map(|key| json!({ "key": key }))));
    assert_eq!(rendered.strength("thymis.config.authorized-keys"), Some("override"));
    assert_eq!(rendered.value("security.pki.certificates"), json!([certificate]));
    assert_eq!(rendered.strength("security.pki.certificates"), Some("merge"));
    assert_eq!(rendered.value("users.users.root.hashedPasswordFile"), "<secret root-password>");
    assert!(rendered.to_string().contains("secret root-password at /run/thymis/root_password_hash, root:root 0400;"));
}

#[test]
fn incomplete_entries_are_dropped_where_they_would_count() {
    let entries = json!([{}, { "key": "ssh-ed25519 AAAA k" }, { "key": "" }]);
    let rendered = testing::render::<Security>(json!({
        "authorized_keys": entries.clone(), "security_pki_certificates": [{}, { "certificate": "x" }, { "certificate": "" }],
    }));
    assert_eq!(rendered.value(KEYS), json!(["ssh-ed25519 AAAA k"]));
    assert_eq!(rendered.value("thymis.config.authorized-keys"), entries);
    assert_eq!(rendered.value("security.pki.certificates"), json!(["x"]));
}

#[test]
fn an_empty_list_takes_back_what_a_tag_tells_the_device() {
    let rendered = testing::render::<Security>(json!({ "authorized_keys": [] }));
    assert_eq!(rendered.paths(), ["thymis.config.authorized-keys"]);
    assert_eq!(rendered.value("thymis.config.authorized-keys"), json!([]));
}

#[test]
fn a_line_break_may_end_a_key_but_not_hide_a_second_one() {
    let pasted = json!({ "authorized_keys": [{ "key": "ssh-ed25519 AAAA k\n" }] });
    assert_eq!(testing::render::<Security>(pasted).value(KEYS), json!(["ssh-ed25519 AAAA k\n"]));

    let two = json!({ "authorized_keys": [{ "key": "a" }, { "key": "ssh-ed25519 A k\nssh-ed25519 B l" }] });
    let problems = testing::refuse::<Security>(two);
    assert_eq!(problems[0].setting(), Some("/authorized_keys/1/key"));
}
