//! The same values as Thymis 0.9 makes of the same stored settings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use thymis_module_python::{Python, thymis_modules};
use thymis_sdk::{
    Json, json, list, nix,
    testing::{self, Rendered, Use},
    text, wit,
};

const NAME: &str = "thymis-python-service-hosts-test";
const SERVICE: &str = "systemd.services.thymis-python-service-hosts-test";

fn render(settings: Json) -> Rendered {
    Use::<Python>::new(settings).instance("python").render()
}

/// Everything of the service but what it runs.
fn service(rendered: &Rendered) -> Json {
    let mut service = rendered.value(SERVICE);
    service["serviceConfig"].as_object_mut().unwrap().remove("ExecStart").unwrap();
    service
}

#[track_caller]
fn runs(rendered: &Rendered, libraries: &[&str], script: &str) {
    let built = text!("{}", nix::write_python3(format!("{NAME}-script"), libraries, script));
    let found = rendered.expr("systemd.services.thymis-python-service-hosts-test.serviceConfig.ExecStart");
    assert_eq!(found, Some(&built));
}

#[test]
fn without_settings_an_empty_script_runs_for_ever() {
    let rendered = render(json!({}));
    assert_eq!(
        service(&rendered),
        json!({
            "path": [], "wantedBy": ["multi-user.target"],
            "serviceConfig": { "Restart": "always", "RestartSec": "10s", "Type": "simple" },
        })
    );
    runs(&rendered, &[], "\n");
    assert!(!rendered.defines("systemd.timers"));
    let printed = rendered.to_string();
    assert_eq!(printed.matches("/* merge */").count(), rendered.paths().len(), "{printed}");
}

#[test]
fn a_realtime_timer_with_packages() {
    let rendered = render(json!({
        "script": "print(1)",
        "python_packages": [{ "package": "requests" }, { "package": " " }, { "package": "numpy" }, { "package": "pandas" }],
        "system_packages": [{ "package": "pkgs.git" }, { "package": "" }, { "package": "ffmpeg" }, { "package": "nodePackages.npm" }],
        "timer_config": { "timer_type": "realtime", "on_calendar": ["hourly"], "persistent": false, "accuracy_sec": "1h" },
    }));
    assert_eq!(
        service(&rendered),
        json!({
            "path": ["pkgs.git", "pkgs.ffmpeg", "pkgs.nodePackages.npm"],
            "serviceConfig": { "RemainAfterExit": true, "Type": "oneshot" },
        })
    );
    assert_eq!(
        rendered.value("systemd.timers.thymis-python-service-hosts-test"),
        json!({ "timerConfig": { "AccuracySec": "1h", "OnCalendar": ["hourly"] }, "wantedBy": ["timers.target"] })
    );
    runs(&rendered, &["requests", "numpy", "pandas"], "print(1)\n");
}

#[test]
fn special_characters_survive_in_a_tag() {
    let script = "print(\"a\\n\\\"b\\\"\", 'x', \"ünï 日本 $5 {x}\")\nif True:\n\tprint(\"$\" + \"{\")";
    let settings = json!({ "script": script, "timer_config": {
        "timer_type": "monotonic", "on_boot_sec": "30s", "on_unit_active_sec": "15min",
        "randomized_delay_sec": "1min", "accuracy_sec": "5s",
    } });
    let rendered = Use::<Python>::new(settings).instance("python").in_tag().render();
    let name = "thymis-python-service-tags-test";
    assert_eq!(
        rendered.value(["systemd", "timers", name, "timerConfig"]),
        json!({ "AccuracySec": "5s", "OnBootSec": "30s", "OnUnitActiveSec": "15min", "RandomizedDelaySec": "1min" })
    );
    let built = text!("{}", nix::write_python3(format!("{name}-script"), &[], format!("{script}\n")));
    assert_eq!(rendered.expr(["systemd", "services", name, "serviceConfig", "ExecStart"]), Some(&built));
}

#[test]
fn braces_and_quotes_are_pythons_own() {
    for script in [
        "import string\nprint(string.Template(\"${name} costs\").substitute(name=\"x\"))",
        "s = ''\nprint(s)",
        "'''doc'''\r\nx = ''${y}''\n    \n\tz = \"\\\\\"",
    ] {
        runs(&render(json!({ "script": script })), &[], &format!("{script}\n"));
        runs(&render(json!({ "script": format!("\n\t {script}\u{a0}\u{1d}\n\n") })), &[], &format!("{script}\n"));
    }
}

#[test]
fn the_service_and_its_script_are_called_after_target_and_instance() {
    let names = |kind, id: &str, instance: &str| {
        let request = wit::Request {
            name: "python".to_owned(),
            instance: instance.to_owned(),
            settings: "{}".to_owned(),
            target: wit::Target { kind, id: id.to_owned(), device_type: None, system: None },
            context: Vec::new(),
        };
        let answer = thymis_modules().generate(request).unwrap();
        let mut names: Vec<_> = answer.definitions.iter().map(|d| d.path[2].clone()).collect();
        names.dedup();
        assert!(format!("{:?}", answer.exprs).contains(&format!("\"{}-script\"", names[0])));
        names
    };
    use wit::TargetKind::{Configuration, Tag};
    assert_eq!(names(Configuration, "kiosk.berlin", "python"), ["thymis-python-service-hosts-kiosk-berlin"]);
    assert_eq!(names(Tag, "beta", "python"), ["thymis-python-service-tags-beta"]);
    assert_eq!(names(Tag, "beta", "backup"), ["thymis-python-service-tags-beta-backup"]);
}

#[test]
fn names_of_packages_are_checked() {
    let packages =
        json!([{}, { "package": "python3Packages.requests" }, { "package": " pkgs.python3Packages.numpy " }]);
    runs(&render(json!({ "python_packages": packages })), &["requests", "numpy"], "\n");
    let system = list![nix::pkgs("git"), nix::pkgs("git")];
    let rendered = render(json!({ "system_packages": [{ "package": "git" }, { "package": "pkgs.git" }] }));
    assert_eq!(rendered.expr("systemd.services.thymis-python-service-hosts-test.path"), Some(&system));
    for list in ["python_packages", "system_packages"] {
        for name in ["a b", "a..b", "${x}", "x; y", "(x)", "pkgs."] {
            let problems = testing::refuse::<Python>(json!({ list: [{}, { "package": name }] }));
            assert_eq!(problems[0].setting(), Some(format!("/{list}/1/package").as_str()), "{name}");
            assert!(problems[0].message().get("de").is_some());
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_script_is_made_of(pieces in prop::collection::vec(piece(), 0..12)) {
        let text: String = pieces.concat();
        let white = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        runs(&render(json!({ "script": text })), &[], &format!("{}\n", text.trim_matches(white)));
    }
}

/// What has a meaning to Nix, to Python or to those who print text.
fn piece() -> impl Strategy<Value = String> {
    let nasty = [
        "''",
        "'",
        "'''",
        "${",
        "$${",
        "''${",
        "}",
        "\\",
        "\\n",
        "\"",
        "\"\"\"",
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
    ];
    prop_oneof![prop::sample::select(nasty.to_vec()).prop_map(str::to_owned), "[^\\x00]{0,4}"]
}
