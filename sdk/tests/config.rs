//! What a module says in its configuration is what the host gets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_debug_implementations)]

use thymis_sdk::{prelude::*, testing};

#[derive(Settings)]
pub struct Example {
    name: String,
    #[setting(default = "curl")]
    tool: PackageName,
    token: Option<Secret>,
    timer: Option<SystemdTimer>,
}

impl Module for Example {
    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        if self.name.is_empty() {
            return Err(Problem::at("name", "must not be empty").into());
        }
        config.set("a.flag", true).set("a.number", -5).set("a.line", &self.name).set("a.lines", "x\ny");
        config.set("a.list", ["x"]).set("a.set", attrs! { "k" => 1, self.name.clone() => list!["v", 2, 0.5] });
        config.set("a.conditional", nix::mk_if(nix::config("services.x.enable"), ["y"]));
        config
            .fallback("a.weak", 1)
            .force("a.strong", 2)
            .override_("a.whole", ["z"])
            .set_some("a.none", None::<String>);
        let mut unit = config.at(path!["systemd", "services", &self.name]);
        unit.set("script", text!("{} --retry {} '{{}}' {}", nix::get_exe(self.tool), 3, "$x ${y}"));
        unit.at("serviceConfig").set("Type", "oneshot");
        if let Some(token) = &self.token {
            config.place(token, "/run/x/token").owner("x").mode(0o440);
            config.set("a.token", nix::secret_path(token));
        }
        config.set_some("a.timer", self.timer.and_then(|timer| timer.config()));
        config.import(nix::output("nixosModules.default")).warn("careful");
        config.set_some("a.url", context.controller_url());
        Ok(())
    }
}

fn rendered() -> testing::Rendered {
    testing::render::<Example>(json!({ "name": "we.b", "token": "secret:0" }))
}

#[test]
fn values_are_data_and_the_rest_is_shown_as_nix() {
    let rendered = rendered();
    assert_eq!(rendered.value("a.set"), json!({ "k": 1, "we.b": ["v", 2, 0.5] }));
    assert_eq!(
        rendered.value("systemd.services.\"we.b\""),
        json!({ "script": "${lib.getExe pkgs.curl} --retry 3 '{}' $x ${y}", "serviceConfig": { "Type": "oneshot" } })
    );
    assert_eq!(rendered.value("a.conditional"), "lib.mkIf config.services.x.enable [ \"y\" ]");
    assert_eq!(rendered.imports(), ["nixosModules.default"]);
    assert_eq!(rendered.secrets(), [("secret:0".to_owned(), "/run/x/token".to_owned())]);
    assert!(!rendered.defines("a.none"));
    assert!(rendered.to_string().contains("a.lines = /* merge */ ''\n  x\n  y\n''"), "{rendered}");
}

#[test]
fn strengths_fit_the_values() {
    let rendered = rendered();
    let strength = |path: &'static str| rendered.strength(path).unwrap();
    for path in ["a.flag", "a.number", "a.line", "a.whole"] {
        assert_eq!(strength(path), "override", "{path}");
    }
    for path in ["a.list", "a.set", "a.lines", "a.conditional"] {
        assert_eq!(strength(path), "merge", "{path}");
    }
    assert_eq!((strength("a.weak"), strength("a.strong")), ("fallback", "force"));
}

#[test]
fn a_module_can_refuse_settings_itself() {
    let problems = testing::refuse::<Example>(json!({ "name": "" }));
    assert_eq!(problems[0].to_string(), "/name: must not be empty");
    assert_eq!(testing::refuse::<Example>(json!({}))[0].to_string(), "/name: is missing");
}

#[test]
fn timers_have_the_parts_of_their_kind_only() {
    let timer = |timer: Json| {
        let rendered = testing::render::<Example>(json!({ "name": "x", "timer": timer }));
        rendered.defines("a.timer").then(|| rendered.value("a.timer"))
    };
    assert_eq!(
        timer(
            json!({ "timer_type": "realtime", "on_calendar": ["daily", ""], "persistent": true, "on_boot_sec": "1min" })
        ),
        Some(json!({ "OnCalendar": ["daily"], "Persistent": true }))
    );
    assert_eq!(
        timer(json!({ "timer_type": "monotonic", "on_boot_sec": "1min", "on_unit_active_sec": " " })),
        Some(json!({ "OnBootSec": "1min" }))
    );
    assert_eq!(timer(json!({ "timer_type": "continuous" })), None);
}
