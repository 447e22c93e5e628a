//! The same values as Thymis 0.9 makes of the same stored settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use thymis_module_files::Files;
use thymis_sdk::{Json, json, testing};

const RULES: &str = "systemd.tmpfiles.rules";

fn rules(artifacts: Json) -> Json {
    testing::render::<Files>(json!({ "artifacts": artifacts })).value(RULES)
}

fn problems(settings: Json) -> Vec<String> {
    testing::refuse::<Files>(settings).iter().map(|problem| problem.setting().unwrap().to_owned()).collect()
}

#[test]
fn without_settings_nothing_is_set() {
    assert!(testing::render::<Files>(json!({})).paths().is_empty());
    assert!(testing::render::<Files>(json!({ "artifacts": [], "secrets": [] })).paths().is_empty());
}

#[test]
fn artifacts_are_copied_by_rules_that_merge() {
    let rendered = testing::render::<Files>(json!({ "artifacts": [
        { "artifact": "logo", "path": "/var/www/logo.png", "owner": "nginx", "group": "www", "mode": "0644" },
        { "artifact": "text", "path": "/opt/g", "mode": "-" },
        { "artifact": "x", "path": "", "owner": "", "group": "", "mode": "" },
        { "path": "/nothing" },
    ]}));
    assert_eq!(
        rendered.value(RULES),
        json!([
            "C+ /var/www/logo.png 0644 nginx www - ${<artifact logo>}",
            "C+ /opt/g - - - - ${<artifact text>}",
            "C+ / - - - - ${<artifact x>}",
        ])
    );
    assert_eq!(rendered.strength(RULES), Some("merge"));
}

#[test]
fn one_path_may_be_named_twice() {
    let twice = json!([{ "artifact": "a", "path": "/x" }, { "artifact": "b", "path": "/x" }]);
    assert_eq!(rules(twice), json!(["C+ /x - - - - ${<artifact a>}", "C+ /x - - - - ${<artifact b>}"]));
}

#[test]
fn what_systemd_tmpfiles_would_interpret_is_quoted() {
    let odd =
        json!([{ "artifact": "a", "path": "/srv/größe 100% \"x\" 'y' \\n ${z}", "owner": "o%u", "mode": "~0640" }]);
    assert_eq!(rules(odd), json!(["C+ \"/srv/größe 100% \\\"x\\\" 'y' \\\\n ${z}\" ~0640 o%u - - ${<artifact a>}"]));
}

#[test]
fn rules_that_could_only_break_are_refused_together() {
    let artifacts = json!([
        { "artifact": "a", "path": "relative", "mode": "rw" },
        { "artifact": "a", "path": "/a\tb", "owner": "a\u{7}", "mode": "10000" },
        { "path": "relative", "mode": "rw" },
    ]);
    assert_eq!(
        problems(json!({ "artifacts": artifacts })),
        ["/artifacts/0/path", "/artifacts/0/mode", "/artifacts/1/path", "/artifacts/1/owner", "/artifacts/1/mode"]
    );
}

#[test]
fn secrets_are_placed_for_root_alone_unless_said_otherwise() {
    let rendered = testing::render::<Files>(json!({ "secrets": [
        { "secret": "one", "path": "/run/a" },
        { "secret": "two", "path": "/run/b", "owner": "u", "group": "g", "mode": "0640" },
        { "secret": "three", "path": "/run/c", "owner": "", "group": "", "mode": "" },
        { "secret": "four", "path": "/run/d", "mode": "0o4" },
        { "path": "/run/nothing" },
    ]}));
    assert_eq!(
        rendered.to_string(),
        "secret one at /run/a, root:root 0400;\n\
         secret two at /run/b, u:g 0640;\n\
         secret three at /run/c, root:root 0400;\n\
         secret four at /run/d, root:root 0004;\n"
    );
}

#[test]
fn secrets_without_a_proper_place_are_refused() {
    for path in ["", "run/a", "/", "/run/", "/run//a", "/run/../etc/shadow", "/nix/store/x", "/run/\u{1}"] {
        assert_eq!(problems(json!({ "secrets": [{ "secret": "s", "path": path }] })), ["/secrets/0/path"], "{path}");
    }
    assert_eq!(problems(json!({ "secrets": [{ "path": "/run/a" }, { "secret": "s" }] })), ["/secrets/1/path"]);
}

#[test]
fn owner_group_and_mode_of_a_secret_are_checked() {
    for mode in ["rw-r--r--", "0888", "1777", "-1", "+7", "0o", "640 "] {
        let secret = json!({ "secret": "s", "path": "/run/a", "mode": mode });
        assert_eq!(problems(json!({ "secrets": [secret] })), ["/secrets/0/mode"], "{mode}");
    }
    let secret = json!({ "secret": "s", "path": "/run/a", "owner": "a b", "group": "x\"" });
    assert_eq!(problems(json!({ "secrets": [secret] })), ["/secrets/0/owner", "/secrets/0/group"]);
}
