//! The same values as Thymis 0.9 makes of the same stored settings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use thymis_module_bash::{Bash, thymis_modules};
use thymis_sdk::{
    Json, json,
    testing::{self, Rendered, Use},
    wit,
};

const SERVICE: &str = "systemd.services.thymis-bash-service-hosts-test";
const TIMER: &str = "systemd.timers.thymis-bash-service-hosts-test";

/// In a configuration, not called by the operator.
fn render(settings: Json) -> Rendered {
    Use::<Bash>::new(settings).instance("bash").render()
}

fn script(text: &str) -> String {
    render(json!({ "script": text }))
        .value(["systemd", "services", "thymis-bash-service-hosts-test", "script"])
        .as_str()
        .unwrap()
        .to_owned()
}

fn continuous(script: &str) -> Json {
    json!({
        "path": [], "script": script, "wantedBy": ["multi-user.target"],
        "serviceConfig": { "Restart": "always", "RestartSec": "10s", "Type": "simple" },
    })
}

fn oneshot(script: &str) -> Json {
    json!({ "path": [], "script": script, "serviceConfig": { "RemainAfterExit": true, "Type": "oneshot" } })
}

fn timer(timer_config: Json) -> Json {
    let rendered = render(json!({ "script": "true", "timer_config": timer_config }));
    assert_eq!(rendered.value(SERVICE), oneshot("true\n"));
    assert_eq!(rendered.value("systemd.timers.thymis-bash-service-hosts-test.wantedBy"), json!(["timers.target"]));
    rendered.value("systemd.timers.thymis-bash-service-hosts-test.timerConfig")
}

/// Names of the services in a target.
fn units(kind: wit::TargetKind, id: &str, instance: &str) -> Vec<String> {
    let request = wit::Request {
        name: "bash".to_owned(),
        instance: instance.to_owned(),
        settings: "{}".to_owned(),
        target: wit::Target { kind, id: id.to_owned(), device_type: None, system: None },
        context: Vec::new(),
    };
    let mut units: Vec<_> =
        thymis_modules().generate(request).unwrap().definitions.iter().map(|d| d.path[2].clone()).collect();
    units.dedup();
    units
}

#[test]
fn without_settings_an_empty_script_runs_for_ever() {
    let rendered = render(json!({}));
    assert_eq!(
        rendered.value("systemd"),
        json!({ "services": { "thymis-bash-service-hosts-test": continuous("\n") } })
    );
    assert!(rendered.imports().is_empty());
}

#[test]
fn everything_is_plain_so_that_the_operators_nix_wins() {
    let rendered = render(json!({ "timer_config": { "timer_type": "realtime", "on_calendar": ["daily"] } }));
    let printed = rendered.to_string();
    assert_eq!(printed.matches("/* merge */").count(), rendered.paths().len(), "{printed}");
}

#[test]
fn units_are_called_after_target_and_instance() {
    use wit::TargetKind::{Configuration, Tag};
    assert_eq!(units(Configuration, "alpha", "bash"), ["thymis-bash-service-hosts-alpha"]);
    assert_eq!(units(Configuration, "kiosk.berlin", "bash"), ["thymis-bash-service-hosts-kiosk-berlin"]);
    assert_eq!(units(Tag, "beta", "bash"), ["thymis-bash-service-tags-beta"]);
    assert_eq!(units(Configuration, "alpha", "backup"), ["thymis-bash-service-hosts-alpha-backup"]);
    assert_eq!(units(Tag, "beta", "b.c"), ["thymis-bash-service-tags-beta-b-c"]);
}

#[test]
fn a_realtime_timer_ignores_what_belongs_to_others() {
    let rendered = render(json!({
        "script": "  echo hi  \n\n",
        "packages": [{ "package": "jq" }, { "package": "python3Packages.requests" }, { "package": "curl" }],
        "timer_config": {
            "timer_type": "realtime", "on_calendar": ["*-*-* 03:15:00"], "persistent": true,
            "accuracy_sec": "1min", "randomized_delay_sec": "30s", "on_boot_sec": "9min",
        },
    }));
    let mut service = oneshot("echo hi\n");
    service["path"] = json!(["pkgs.jq", "pkgs.python3Packages.requests", "pkgs.curl"]);
    assert_eq!(rendered.value(SERVICE), service);
    assert_eq!(
        rendered.value(TIMER),
        json!({
            "timerConfig": {
                "AccuracySec": "1min", "OnCalendar": ["*-*-* 03:15:00"], "Persistent": true, "RandomizedDelaySec": "30s",
            },
            "wantedBy": ["timers.target"],
        })
    );
}

#[test]
fn timers_of_all_kinds() {
    assert_eq!(
        timer(json!({ "timer_type": "realtime", "on_calendar": ["Mon 08:00", "", "Fri 17:00", " ", "daily"] })),
        json!({ "OnCalendar": ["Mon 08:00", "Fri 17:00", "daily"] })
    );
    assert_eq!(
        timer(json!({ "timer_type": "realtime", "on_calendar": ["daily"], "persistent": false, "accuracy_sec": "" })),
        json!({ "OnCalendar": ["daily"] })
    );
    assert_eq!(
        timer(json!({
            "timer_type": "monotonic", "on_boot_sec": "30s", "on_unit_active_sec": "2h", "persistent": true,
            "on_calendar": ["daily"], "randomized_delay_sec": "1min",
        })),
        json!({ "OnBootSec": "30s", "OnUnitActiveSec": "2h", "RandomizedDelaySec": "1min" })
    );
    let hostile = "*-*-* \"${x}\" ''\\";
    assert_eq!(
        timer(json!({ "timer_type": "realtime", "on_calendar": [hostile] })),
        json!({ "OnCalendar": [hostile] })
    );
}

#[test]
fn a_timer_that_starts_nothing_is_none() {
    for timer_config in [
        json!({ "timer_type": "continuous", "on_calendar": ["daily"], "on_boot_sec": "1s" }),
        json!({ "timer_type": "realtime", "on_calendar": ["", " "], "on_boot_sec": "9min" }),
        json!({ "timer_type": "realtime" }),
        json!({ "timer_type": "monotonic", "on_boot_sec": "", "on_calendar": ["daily"] }),
    ] {
        let rendered = render(json!({ "script": "true", "timer_config": timer_config }));
        assert_eq!(rendered.value(SERVICE), continuous("true\n"), "{timer_config}");
        assert!(!rendered.defines("systemd.timers"));
    }
}

#[test]
fn packages_are_written_in_many_ways() {
    let rendered = render(json!({ "packages": [
        { "package": "pkgs.git" }, {}, { "package": "" }, { "package": " \t" }, { "package": " jq " },
        { "package": "nodePackages.npm" }, { "package": "gtk+3" }, { "package": "_7zz" }, { "package": "jq" },
    ] }));
    assert_eq!(
        rendered.value("systemd.services.thymis-bash-service-hosts-test.path"),
        json!(["pkgs.git", "pkgs.jq", "pkgs.nodePackages.npm", "pkgs.\"gtk+3\"", "pkgs._7zz", "pkgs.jq"])
    );
    for name in ["a b", "pkgs.", "a..b", ".a", "a.", "${x}", "git.override { }", "\"a\"", "ü", "a.__b", "(x)", "a;b"] {
        let problems = testing::refuse::<Bash>(json!({ "packages": [{ "package": "jq" }, { "package": name }] }));
        assert_eq!(problems[0].setting(), Some("/packages/1/package"), "{name}");
        assert!(problems[0].message().get("de").is_some());
    }
}

#[test]
fn scripts_stay_as_they_are() {
    for text in [
        "echo \"quo\\\"ted\" \\n $HOME $(date) 'single' ünï 日本\n\ttab\n    indented   \n\nend # $5 {x} $",
        "for f in \"${FILES[@]}\"; do\n  echo \"${f%.txt}\" ${HOME}\ndone",
        "echo '''x''' done",
        "''${x} $${y} ''\\n ''",
        "a\r\nb\rc\n   \n\t\nd",
        "cat <<'EOF'\n  ${HOME:-x}\nEOF",
    ] {
        assert_eq!(script(text), format!("{text}\n"));
        assert_eq!(script(&format!(" \n\t\r\n\u{a0}\u{3000}{text}\u{1f}\u{85}\n \n")), format!("{text}\n"));
    }
    assert_eq!(script(" \n\u{2003}\t"), "\n");
    assert_eq!(script("\u{200b}x\u{feff}"), "\u{200b}x\u{feff}\n");
}

proptest! {
    #[test]
    fn whatever_a_script_is_made_of(pieces in prop::collection::vec(piece(), 0..12)) {
        let text: String = pieces.concat();
        let white = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        prop_assert_eq!(script(&text), format!("{}\n", text.trim_matches(white)));
    }
}

/// What has a meaning to Nix, to shells or to those who print text.
fn piece() -> impl Strategy<Value = String> {
    let nasty = [
        "''",
        "'",
        "${",
        "$${",
        "''${",
        "}",
        "\\",
        "\\n",
        "\"",
        "\n",
        "\r",
        "\r\n",
        "\t",
        " ",
        "    ",
        "\n   \n",
        "#",
        "$",
        "\u{0b}",
        "\u{85}",
        "\u{1b}[0m",
        "ü",
        "日本",
        "𝕏",
        "\u{202e}",
        "\u{feff}",
        "/nix/store/x",
        "EOF",
        "__x",
        "{}",
        "{{",
    ];
    prop_oneof![prop::sample::select(nasty.to_vec()).prop_map(str::to_owned), "[^\\x00]{0,4}"]
}
