//! Attempts to do more than was accepted: without any grant, around what was granted, with settings that would widen
//! it, and with handles that nobody gave.

use serde_json::{Value, json};
use thymis_core::wire::{self, Expr, Part, Strength};
use thymis_tests::{Answer, guest::Guest};

use super::{
    installed::{descriptor, granted, setting},
    suite::{Case, Ended, Stage, case},
    together::together,
};

pub(crate) const CASES: &[Case] = &[
    // Nothing was granted
    case("nothing granted: an option", |stage| set(stage, "", &["networking", "hostName"], json!("mine"))),
    case("nothing granted: an option, given way to everyone", |stage| {
        strongly(stage, "", &["networking", "hostName"], Strength::Fallback)
    }),
    case("nothing granted: an option, with force", |stage| {
        strongly(stage, "", &["networking", "hostName"], Strength::Force)
    }),
    case("nothing granted: an option, set to nothing", |stage| set(stage, "", &["services"], json!({}))),
    case("nothing granted: an output", |stage| refer(stage, "", "output", &["packages", "default"])),
    case("nothing granted: a NixOS module", |stage| {
        import(stage, "", |answer| answer.reference("output", &["nixosModules", "default"]))
    }),
    case("nothing granted: a file of the repository", |stage| refer(stage, "", "source", &["run.py"])),
    case("nothing granted: an artifact", |stage| refer(stage, "", "artifact", &["artifact:1"])),
    case("nothing granted: a secret", |stage| place(stage, "", "/run/a")),
    case("nothing granted: the value of an option", |stage| refer(stage, "", "config", &["networking", "hostName"])),
    case("nothing granted: the value of an option, to decide about an assertion", |stage| {
        granted("").answer(stage, |answer| {
            let holds = answer.reference("config", &["users", "users", "root", "hashedPassword"]);
            answer.check(true, Some(holds), "a");
        })
    }),
    case("nothing granted: raw Nix", |stage| {
        granted("option services.x").answer(stage, |answer| {
            let raw = answer.push(Expr::Raw("1".into()));
            answer.define(&["services", "x"], raw, Strength::Merge);
        })
    }),
    case("nothing granted: raw Nix that nobody takes, and that is no Nix", |stage| {
        granted("").answer(stage, |answer| {
            answer.push(Expr::Raw("(".into()));
        })
    }),
    case("nothing granted: raw Nix as a NixOS module", |stage| {
        import(stage, "", |answer| answer.push(Expr::Raw("{ }".into())))
    }),
    case("nothing granted: all of it at once", |stage| {
        granted("").answer(stage, |answer| {
            let values = [
                answer.reference("output", &["packages", "default"]),
                answer.reference("source", &["run.py"]),
                answer.reference("artifact", &["artifact:1"]),
                answer.reference("config", &["networking", "hostName"]),
            ];
            let list = answer.list(values);
            answer.define(&["services", "x"], list, Strength::Force);
            let module = answer.reference("output", &["nixosModules", "default"]);
            answer.0.imports.push(module);
            answer.0.secrets.push(placement("secret:0", "/run/a"));
        })
    }),
    case("nothing granted, and nothing asked for", |stage| granted("").answer(stage, |_| ())),
    // Around a granted path
    case("an option that begins like the granted one", |stage| set(stage, A, &service("ab"), json!({}))),
    case("an option above the granted one", |stage| set(stage, A, &["systemd"], json!({ "services": { "a": {} } }))),
    case("an option above the granted one, empty", |stage| set(stage, A, &["systemd", "services"], json!({}))),
    case("an option above the granted one, in an override that would drop the others", |stage| {
        strongly(stage, A, &["systemd", "services"], Strength::Override)
    }),
    case("the granted path in one quoted name", |stage| set(stage, A, &["systemd", "services.a"], json!({}))),
    case("the granted path in one quoted name, from the start", |stage| {
        set(stage, A, &["systemd.services.a"], json!({}))
    }),
    case("a granted option below the one that is set, by its dots", |stage| {
        set(stage, "option systemd.services.a.script", &["systemd", "services", "a.script"], json!("evil"))
    }),
    case("the granted path in other letters", |stage| set(stage, A, &["Systemd", "services", "a"], json!({}))),
    case("the granted path with a space, and with a letter that looks the same", |stage| {
        granted(A).answer(stage, |answer| {
            for name in ["a ", "\u{430}", "a\u{200b}"] {
                let value = answer.data(&json!({}));
                answer.define(&service(name), value, Strength::Merge);
            }
        })
    }),
    case("a set that leads to what was granted and beside it", |stage| {
        set(stage, A, &["systemd", "services"], json!({ "a": {}, "sshd": { "enable": false } }))
    }),
    case("a list where a set stands", |stage| set(stage, A, &["systemd", "services"], json!([{ "a": {} }]))),
    case("a merge around a set that leads elsewhere", |stage| {
        wrapped(stage, |answer, set| {
            let items = answer.list([set]);
            answer.call("lib.mkMerge", [items])
        })
    }),
    case("a condition around a set that leads elsewhere", |stage| {
        wrapped(stage, |answer, set| {
            let arguments = [answer.push(Expr::Bool(true)), set];
            answer.call("lib.mkIf", arguments)
        })
    }),
    case("a choice between sets that lead elsewhere", |stage| {
        wrapped(stage, |answer, set| {
            let arguments = [answer.push(Expr::Bool(true)), set, answer.push(Expr::Null)];
            answer.call("if", arguments)
        })
    }),
    case("a worse option below a granted one", |stage| {
        set(stage, NETWORK, &["networking", "firewall"], json!({ "extraCommands": "id" }))
    }),
    case("a worse option, named as NixOS names the settings of a submodule", |stage| {
        set(stage, NETWORK, &["networking", "config", "localCommands"], json!("id"))
    }),
    case("a worse option below one that is set to an option's value", |stage| {
        granted(NETWORK).answer(stage, |answer| {
            let value = answer.reference("config", &["networking", "firewall"]);
            answer.define(&["networking", "firewall"], value, Strength::Merge);
        })
    }),
    case("a worse option below one that is set to a text which may be a file", |stage| {
        granted(NETWORK).answer(stage, |answer| {
            let package = answer.reference("pkgs", &["hello"]);
            let text = answer.push(Expr::Text(vec![Part::Embed(package), Part::Literal("/evil.nix".into())]));
            answer.define(&["networking", "firewall"], text, Strength::Merge);
        })
    }),
    case("force where it wasn't granted", |stage| strongly(stage, A, &service("a"), Strength::Force)),
    case("force where it was granted for another option", |stage| {
        strongly(stage, "option systemd.services.a\noption systemd.services.b!", &service("a"), Strength::Force)
    }),
    case("names that a star doesn't stand for", |stage| {
        granted("option systemd.services.*").answer(stage, |answer| {
            for name in ["sshd", "nix-daemon", "systemd-networkd", "thymis-agent", "getty", "dbus"] {
                let value = answer.data(&json!({}));
                answer.define(&service(name), value, Strength::Merge);
            }
        })
    }),
    case("a name that a star doesn't stand for, in a set", |stage| {
        set(stage, "option systemd.services.*", &["systemd", "services"], json!({ "mine": {}, "sshd": {} }))
    }),
    case("the beginning of names alone, and one before it", |stage| {
        granted("option systemd.services.web-*").answer(stage, |answer| {
            for name in ["web-", "xweb-a", "web"] {
                let value = answer.data(&json!({}));
                answer.define(&service(name), value, Strength::Merge);
            }
        })
    }),
    case("a name that looks like the pattern", |stage| {
        granted("option systemd.services.\"web-*\"").answer(stage, |answer| {
            for name in ["web-a", "*", "web-*", "{settings.user}"] {
                let value = answer.data(&json!({}));
                answer.define(&service(name), value, Strength::Merge);
            }
        })
    }),
    // Settings that would widen a pattern
    case("a setting with dots in its value", |stage| {
        by_setting(stage, json!({ "user": "alice.extraGroups" }), &["users", "users", "alice", "extraGroups"])
    }),
    case("a setting with a star in its value", |stage| {
        by_setting(stage, json!({ "user": "*" }), &["users", "users", "bob"])
    }),
    case("a setting with quotes and a pattern in its value", |stage| {
        by_setting(stage, json!({ "user": "\"*\".{settings.user}" }), &["users", "users", "bob"])
    }),
    case("a setting that is empty", |stage| by_setting(stage, json!({ "user": "" }), &["users", "users"])),
    case("a setting that is empty, and an option without a name", |stage| {
        by_setting(stage, json!({ "user": "" }), &["users", "users", ""])
    }),
    case("a setting that isn't there", |stage| by_setting(stage, json!({}), &["users", "users", "bob"])),
    case("a setting that is a list", |stage| {
        granted("option users.users.{settings.users}")
            .answer(stage, |answer| define(answer, &["users", "users", "alice"]))
    }),
    case("an item of a list, by its number", |stage| {
        granted("option users.users.{settings.users.0}")
            .answer(stage, |answer| define(answer, &["users", "users", "alice"]))
    }),
    case("a setting that makes an option one of root's", |stage| {
        granted("option users.users.{settings.user}.password")
            .with(json!({ "user": "root" }))
            .answer(stage, |answer| define(answer, &["users", "users", "root", "password"]))
    }),
    case("a setting that nobody filled in, with a default that a star wouldn't stand for", |stage| {
        let user = wire::Setting { default: Some("\"sshd\"".into()), ..setting("user", 0) };
        let types = vec![
            wire::SettingType { shape: wire::Shape::Scalar("string".into()), constraints: vec![] },
            wire::SettingType { shape: wire::Shape::Group(vec![user]), constraints: vec![] },
        ];
        let guest = Guest::answering(&Answer::of(&service("sshd"), &json!({ "enable": false })).0);
        let guest = guest.modules(&[wire::Descriptor { types, settings: 1, ..descriptor() }]);
        granted("option systemd.services.{settings.user}").with(json!({})).as_described(stage, &guest)
    }),
    case("the value of another setting than the one that is named", |stage| {
        granted("option users.users.{settings.password}")
            .answer(stage, |answer| define(answer, &["users", "users", "alice"]))
    }),
    // Around what else was granted
    case("an output beside the granted one", |stage| {
        refer(stage, "output packages.default", "output", &["packages", "default2"])
    }),
    case("all outputs around the granted one", |stage| {
        refer(stage, "output packages.default", "output", &["packages"])
    }),
    case("a package as a NixOS module", |stage| {
        import(stage, "output packages", |answer| answer.reference("output", &["packages", "default"]))
    }),
    case("another NixOS module than the granted one", |stage| {
        import(stage, "output nixosModules.a", |answer| answer.reference("output", &["nixosModules", "ab"]))
    }),
    case("an option's value as a NixOS module", |stage| {
        import(stage, "config services", |answer| answer.reference("config", &["services", "x"]))
    }),
    case("a file beside the granted folder", |stage| refer(stage, "source scripts", "source", &["scripts2", "run.py"])),
    case("the folder around the granted one", |stage| refer(stage, "source a/scripts", "source", &["a"])),
    case("a secret beside the granted place", |stage| place(stage, "secret /run/a", "/run/ab")),
    case("a secret above the granted place", |stage| place(stage, "secret /run/a/b", "/run/a")),
    case("the value of an option beside the granted one", |stage| {
        refer(stage, "config services.a", "config", &["services", "ab"])
    }),
    case("the value of all options around the granted one", |stage| {
        refer(stage, "config services.a", "config", &["services"])
    }),
    // Handles and places that nobody gave
    case("handles of secrets that nobody gave", |stage| {
        let handles = [
            "secret:1",
            "secret:00",
            "secret:+0",
            "secret: 0",
            "artifact:1",
            "db",
            "secret:18446744073709551616",
            "\u{1b}[31m",
        ];
        together(handles.map(|handle| {
            granted("secret /run/x").answer(stage, |answer| answer.0.secrets.push(placement(handle, "/run/x/a")))
        }))
    }),
    case("the handle of another instance's secret", |stage| {
        let nothing = json!({ "user": "alice" });
        granted("secret /run/x").with(nothing).answer(stage, |answer| {
            answer.0.secrets.push(placement("secret:0", "/run/x/a"));
        })
    }),
    case("a secret's place, without the secret", |stage| refer(stage, "", "secret", &["secret:0"])),
    case("handles of artifacts that nobody gave", |stage| {
        let handles: [&[&str]; 5] =
            [&["secret:0"], &["artifact:2"], &["../state/project.json"], &["a.conf"], &["artifact:1", "b"]];
        let ended = handles.map(|handle| {
            granted("option services.x\nartifact").answer(stage, |answer| {
                let artifact = answer.reference("artifact", handle);
                answer.define(&["services", "x"], artifact, Strength::Merge);
            })
        });
        let [a, b, c, d, _] = ended;
        together([a, b, c, d])
    }),
    case("places for secrets that are none", |stage| {
        let places = [
            "run/x",
            "/run/x/../../etc/shadow",
            "/run/x//a",
            "/run/x/.",
            "/run/x/a\0",
            "/run/x/a\nb",
            "",
            "/",
            "/nix/store/x",
        ];
        together(places.map(|place| {
            granted("secret /").answer(stage, |answer| answer.0.secrets.push(placement("secret:0", place)))
        }))
    }),
    case("owners that are none, and modes with more than permissions", |stage| {
        let owners = ["", "root:root", "a b", "-x", "${x}", "root\n"].map(|owner| (owner, 0o400));
        together(owners.into_iter().chain([("root", 0o4755), ("root", u16::MAX)]).map(|(owner, mode)| {
            let placement = wire::Placement { owner: owner.into(), mode, ..placement("secret:0", "/run/x/a") };
            granted("secret /run/x").answer(stage, |answer| answer.0.secrets.push(placement))
        }))
    }),
    case("a secret that is placed twice", |stage| {
        granted("secret /run/x").answer(stage, |answer| {
            answer.0.secrets = vec![placement("secret:0", "/run/x/a"), placement("secret:0", "/run/x/b")];
        })
    }),
    // What is said of it
    case("a manifest's lines for a name that would end them", |stage| {
        set(stage, "", &["services", "a\"\nforce = true\n[[component.permission]]\nkind = \"raw-nix\" # '''"], json!(1))
    }),
    case("options with the longest names there are, denied by the dozen", |stage| {
        let ended = granted("").answer(stage, |answer| {
            for index in 0..40 {
                let value = answer.push(Expr::Null);
                let path: Vec<String> =
                    (0..32).map(|segment| format!("{index}-{segment}-{}", "a".repeat(240))).collect();
                answer.define(&path.iter().map(String::as_str).collect::<Vec<_>>(), value, Strength::Merge);
            }
        });
        let said = ended.to_string();
        assert!(said.starts_with("Denied: ") && said.len() < 64 << 10, "{} bytes: {said:.1000}", said.len());
        Ended::denied("in less than 64 KiB")
    }),
];

const A: &str = "option systemd.services.a";
/// Accepted when the table of classes said that this changes the network at most.
const NETWORK: &str = "option networking.*~";

fn service(name: &str) -> [&str; 3] {
    ["systemd", "services", name]
}

fn set(stage: &Stage, permissions: &str, path: &[&str], data: Value) -> Ended {
    granted(permissions).generate(stage, Guest::answering(&Answer::of(path, &data).0))
}

fn define(answer: &mut Answer, path: &[&str]) {
    let value = answer.data(&json!("x"));
    answer.define(path, value, Strength::Merge);
}

fn strongly(stage: &Stage, permissions: &str, path: &[&str], strength: Strength) -> Ended {
    granted(permissions).answer(stage, |answer| {
        let value = answer.data(&json!({}));
        answer.define(path, value, strength);
    })
}

/// What leads to another service than the granted one, in something.
fn wrapped(stage: &Stage, wrap: impl FnOnce(&mut Answer, u32) -> u32) -> Ended {
    granted(A).answer(stage, |answer| {
        let set = answer.data(&json!({ "b": {} }));
        let value = wrap(answer, set);
        answer.define(&["systemd", "services"], value, Strength::Merge);
    })
}

fn refer(stage: &Stage, permissions: &str, root: &str, path: &[&str]) -> Ended {
    granted(&format!("option services.x\n{permissions}")).answer(stage, |answer| {
        let reference = answer.reference(root, path);
        answer.define(&["services", "x"], reference, Strength::Merge);
    })
}

fn import(stage: &Stage, permissions: &str, build: impl FnOnce(&mut Answer) -> u32) -> Ended {
    granted(permissions).answer(stage, |answer| {
        let module = build(answer);
        answer.0.imports.push(module);
    })
}

fn placement(secret: &str, path: &str) -> wire::Placement {
    let root = || "root".to_owned();
    wire::Placement { secret: secret.into(), path: path.into(), owner: root(), group: root(), mode: 0o400 }
}

fn place(stage: &Stage, permissions: &str, path: &str) -> Ended {
    granted(permissions).answer(stage, |answer| answer.0.secrets.push(placement("secret:0", path)))
}

/// Sets an option where the manifest names the user of a setting.
fn by_setting(stage: &Stage, stored: Value, path: &[&str]) -> Ended {
    granted("option users.users.{settings.user}").with(stored).answer(stage, |answer| define(answer, path))
}
