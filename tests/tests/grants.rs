//! A module sets, reads and uses what its grant covers, and nothing by any detour. What is missing is spelled out as the
//! manifest would say it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::{Value, json};
use thymis_core::{
    authority::Authority,
    expr::{Configuration, Trust},
    grant::Accepted,
    manifest::Manifest,
    option::{Class, OptionPath, OptionPattern, Segment},
    schema::{Descriptor, Settings},
    wire::{self, Expr, Part, Placement, Strength, TargetKind},
};
use thymis_tests::Answer;

/// Permissions as a manifest lists them, a line each: `kind value`, with `!` at the end for force. `~` at the end: accepted
/// when the table of classes still said that this changes the network.
fn granted(permissions: &str) -> Vec<Accepted> {
    let milder: Vec<bool> =
        permissions.lines().filter(|line| !line.trim().is_empty()).map(|line| line.ends_with('~')).collect();
    let permissions = permissions.replace('~', "");
    let tables: String = permissions
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (line, force) =
                line.trim().strip_suffix('!').map_or((line.trim(), ""), |line| (line, "force = true\n"));
            let (kind, value) = line.split_once(' ').unwrap_or((line, ""));
            let value = if value.is_empty() { String::new() } else { format!("value = '{value}'\n") };
            format!("[[component.permission]]\nkind = '{kind}'\n{value}reason = 'r'\n{force}")
        })
        .collect();
    let manifest = manifest(&tables);
    let accepted = manifest.components[0].permissions.iter().cloned().map(Accepted::from);
    let class = |(accepted, milder): (Accepted, bool)| match milder {
        true => Accepted { class: Class::Network, ..accepted },
        false => accepted,
    };
    accepted.zip(milder).map(class).collect()
}

fn manifest(permissions: &str) -> Manifest {
    let head = "manifest = 1\n[repository]\nname = 'x'\nversion = '1'\ndescription = 'x'\n[[component]]\nfile = 'x.wasm'\nwit = '0.1'\n";
    Manifest::parse(format!("{head}{permissions}").as_bytes()).unwrap_or_else(|error| panic!("{error}\n{permissions}"))
}

/// `user` (text), `password` (a secret) and `file` (an artifact), as the operator filled them in.
fn settings(stored: &Value) -> Settings {
    let kinds = [("user", "string"), ("password", "secret"), ("file", "artifact")];
    let scalar =
        |kind: &str| wire::SettingType { shape: wire::Shape::Scalar(kind.to_owned()), constraints: Vec::new() };
    let setting = |(type_, (key, _)): (usize, &(&str, &str))| wire::Setting {
        key: (*key).to_owned(),
        type_: u32::try_from(type_).unwrap(),
        label: Vec::new(),
        description: Vec::new(),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    };
    let mut types: Vec<_> = kinds.iter().map(|(_, kind)| scalar(kind)).collect();
    let group = wire::Shape::Group(kinds.iter().enumerate().map(setting).collect());
    types.push(wire::SettingType { shape: group, constraints: Vec::new() });
    let descriptor = wire::Descriptor {
        name: "module".to_owned(),
        schema_version: 1,
        label: vec![wire::Translation { locale: "en".to_owned(), text: "Module".to_owned() }],
        description: Vec::new(),
        category: Vec::new(),
        settings: u32::try_from(types.len() - 1).unwrap(),
        types,
        extra: Vec::new(),
    };
    let descriptor = Descriptor::check(descriptor).unwrap();
    descriptor.settings.validate(stored, TargetKind::Configuration).unwrap()
}

/// What is denied, in words; nothing where all is covered.
fn denied(permissions: &str, answer: Answer) -> String {
    denied_with(permissions, answer, &json!({ "user": "alice", "password": "db", "file": "a.conf" }))
}

fn denied_with(permissions: &str, answer: Answer, stored: &Value) -> String {
    let configuration = Configuration::check(answer.0, Trust::External).unwrap();
    let permissions = granted(permissions);
    let result = Authority { permissions: &permissions }.check(&configuration, &settings(stored));
    let messages: Vec<_> = result.err().unwrap_or_default().iter().map(ToString::to_string).collect();
    for message in &messages {
        if let Some((_, lines)) = message.split_once("that would be:\n") {
            manifest(&lines.replace('…', "because"));
        }
    }
    messages.join("\n")
}

fn one(path: &[&str], data: &Value) -> Answer {
    Answer::of(path, data)
}

#[test]
fn what_is_missing_is_spelled_out_for_the_manifest() {
    let logger = ["systemd", "services", "logger"];
    assert_eq!(denied("option systemd.services.logger", one(&logger, &json!({ "script": "x" }))), "");
    insta::assert_snapshot!(denied("", one(&logger, &json!({}))), @r#"
    it sets `systemd.services.logger`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "option"
        value = "systemd.services.logger"
        reason = "…"
    "#);
    // A name with a dot is one name, and names that look like patterns are names.
    insta::assert_snapshot!(denied("option systemd.services.a.b", one(&["systemd", "services", "a.b"], &json!({}))), @r#"
    it sets `systemd.services."a.b"`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "option"
        value = 'systemd.services."a.b"'
        reason = "…"
    "#);
    insta::assert_snapshot!(denied("option systemd.services.abc", one(&["systemd", "services", "*"], &json!({}))), @r#"
    it sets `systemd.services."*"`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "option"
        value = 'systemd.services."*"'
        reason = "…"
    "#);
    for odd in ["web-*", "{settings.user}", "a\"b", "a\\b", "*a", "\u{202e}x", "a\nb", "ä"] {
        assert_ne!(denied("option systemd.services.x", one(&["systemd", "services", odd], &json!({}))), "", "{odd}");
    }
    // Above what was granted lies everything else, too.
    assert_ne!(
        denied("option systemd.services.logger", one(&["systemd"], &json!({ "services": { "logger": {} } }))),
        ""
    );
    assert_ne!(denied("option systemd.services.logger", one(&["systemd", "services"], &json!({ "logger": {} }))), "");
}

#[test]
fn force_is_a_permission_of_its_own() {
    let forced = || {
        let mut answer = Answer::default();
        let value = answer.text("UTC");
        answer.define(&["time", "timeZone"], value, Strength::Force);
        answer
    };
    insta::assert_snapshot!(denied("option time.timeZone", forced()), @r#"
    it sets `time.timeZone` with force, which its grant doesn't include. In the manifest, that would be:
        [[component.permission]]
        kind = "option"
        value = "time.timeZone"
        reason = "…"
        force = true
    "#);
    assert_eq!(denied("option time.timeZone!", forced()), "");
}

#[test]
fn every_leaf_has_at_most_the_class_that_was_accepted() {
    let alice = one(&["users", "users", "alice", "password"], &json!("x"));
    assert_eq!(denied("option users.users.{settings.user}.password", alice), "");
    let root = one(&["users", "users", "root", "password"], &json!("x"));
    let stored = json!({ "user": "root" });
    // A setting may be the module's own default: it stands for no protected name.
    let denied_root = denied_with("option users.users.{settings.user}.password", root, &stored);
    assert!(denied_root.starts_with("it sets `users.users.root.password`, which no permission of its grant covers"));

    let network = "option networking.*~";
    assert_eq!(denied(network, one(&["networking", "firewall"], &json!({ "allowedTCPPorts": [80] }))), "");
    assert_eq!(denied("option networking.*", one(&["networking", "localCommands"], &json!("id"))), "");
    insta::assert_snapshot!(denied(network, one(&["networking", "localCommands"], &json!("id"))), @"it sets `networking.localCommands`, which can run code as root; what was accepted at most changes the network");
    insta::assert_snapshot!(denied(network, one(&["networking", "firewall"], &json!({ "extraCommands": "id" }))), @"it sets `networking.firewall.extraCommands`, which can run code as root; what was accepted at most changes the network");
    insta::assert_snapshot!(denied(network, one(&["networking", "config", "localCommands"], &json!("id"))), @"it sets `networking.config.localCommands`, which can run code as root; what was accepted at most changes the network");
}

/// Ways to hide a set below `networking.firewall` from who looks for its names.
fn disguises() -> Vec<(&'static str, Answer)> {
    let path = ["networking", "firewall"];
    let set = |answer: &mut Answer| answer.data(&json!({ "extraCommands": "id" }));
    let mut all = Vec::new();
    let mut disguise = |name, make: &dyn Fn(&mut Answer) -> u32| {
        let mut answer = Answer::default();
        let value = make(&mut answer);
        answer.define(&path, value, Strength::Merge);
        all.push((name, answer));
    };
    disguise("if", &|a| {
        let arguments = [a.push(Expr::Bool(true)), a.data(&json!({})), set(a)];
        a.call("if", arguments)
    });
    disguise("select", &|a| {
        let inner = set(a);
        let arguments = [a.reference("system", &[]), a.attrs(&[("x86_64-linux", inner)]), a.data(&json!({}))];
        a.call("select", arguments)
    });
    disguise("select otherwise", &|a| {
        let arguments = [a.reference("system", &[]), a.data(&json!({})), set(a)];
        a.call("select", arguments)
    });
    disguise("select of a select", &|a| {
        let inner = set(a);
        let first = [a.reference("system", &[]), a.attrs(&[("x", inner)]), a.data(&json!({}))];
        let first = a.call("select", first);
        let second = [a.text("extra"), first, a.data(&json!({}))];
        a.call("select", second)
    });
    disguise("mkIf in mkMerge", &|a| {
        let arguments = [a.push(Expr::Bool(true)), set(a)];
        let items = [a.call("lib.mkIf", arguments)];
        let items = a.list(items);
        a.call("lib.mkMerge", [items])
    });
    disguise("mkOrder", &|a| {
        let arguments = [a.push(Expr::Int(1)), set(a)];
        a.call("lib.mkOrder", arguments)
    });
    disguise("another option", &|a| a.reference("config", &["networking", "firewall"]));
    disguise("a text that may be a file", &|a| {
        let source = a.reference("source", &["evil.nix"]);
        a.push(Expr::Text(vec![Part::Embed(source)]))
    });
    disguise("a file", &|a| a.reference("source", &["evil.nix"]));
    disguise("a package", &|a| a.reference("pkgs", &["hello"]));
    all
}

#[test]
fn no_disguise_hides_a_leaf() {
    for (name, answer) in disguises() {
        let message = denied("option networking.*~\nsource evil.nix", answer);
        assert!(message.contains("can run code as root"), "{name}: {message}");
    }
}

#[test]
fn references_need_what_they_refer_to() {
    let refer = |root: &str, path: &[&str]| {
        let mut answer = Answer::default();
        let reference = answer.reference(root, path);
        let inside = answer.list([reference]);
        answer.define(&["services", "x"], inside, Strength::Merge);
        answer
    };
    let option = |more: &str| format!("option services.x\n{more}");
    insta::assert_snapshot!(denied(&option(""), refer("output", &["packages", "a'b"])), @r#"
    it uses the flake output `packages.a'b`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "output"
        value = "packages.a'b"
        reason = "…"
    "#);
    assert_eq!(denied(&option("output packages"), refer("output", &["packages", "default"])), "");
    assert_ne!(denied(&option("output packages.default"), refer("output", &["packages", "default2"])), "");
    assert_ne!(denied(&option("output packages.default"), refer("output", &["packages"])), "");
    insta::assert_snapshot!(denied(&option("source scripts"), refer("source", &["scripts2", "run.py"])), @r#"
    it reads the file `scripts2/run.py` of its repository, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "source"
        value = "scripts2/run.py"
        reason = "…"
    "#);
    assert_eq!(denied(&option("source scripts"), refer("source", &["scripts", "run.py"])), "");
    assert_eq!(denied(&option("source scripts"), refer("source", &["scripts/run.py"])), "");
    insta::assert_snapshot!(denied(&option(""), refer("config", &["users", "users", "root"])), @r#"
    it reads the option `users.users.root`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "config"
        value = "users.users.root"
        reason = "…"
    "#);
    assert_eq!(denied(&option(""), refer("config", &["services", "x", "y"])), "");
    assert_eq!(denied(&option("config networking.hostName"), refer("config", &["networking", "hostName"])), "");
    insta::assert_snapshot!(denied(&option(""), refer("artifact", &["artifact:1"])), @r#"
    it uses an artifact, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "artifact"
        reason = "…"
    "#);
    insta::assert_snapshot!(denied(&option("artifact"), refer("artifact", &["artifact:0"])), @"it refers to the artifact `artifact:0`, which did not stand in its settings");
    insta::assert_snapshot!(denied(&option("artifact"), refer("artifact", &["../../secrets"])), @"it refers to the artifact `../../secrets`, which did not stand in its settings");
    insta::assert_snapshot!(denied(&option(""), refer("secret", &["secret:0"])), @"it refers to the secret `secret:0` without placing it on the device");
    insta::assert_snapshot!(denied(&option(""), refer("secret", &["db"])), @"it refers to the secret `db`, which did not stand in its settings");
}

#[test]
fn conditions_of_checks_are_looked_through() {
    let mut answer = Answer::default();
    let holds = answer.reference("config", &["users", "users", "root"]);
    answer.check(true, Some(holds), "x");
    assert!(denied("", answer).contains("reads the option `users.users.root`"));
}

#[test]
fn imports_and_raw_nix_need_their_permissions() {
    let import = |make: &dyn Fn(&mut Answer) -> u32| {
        let mut answer = Answer::default();
        let import = make(&mut answer);
        answer.0.imports.push(import);
        answer
    };
    let output = || import(&|answer| answer.reference("output", &["nixosModules", "default"]));
    insta::assert_snapshot!(denied("", output()), @r#"
    it imports the flake output `nixosModules.default`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "output"
        value = "nixosModules.default"
        reason = "…"
    "#);
    assert_eq!(denied("output nixosModules.default", output()), "");
    insta::assert_snapshot!(denied("", import(&|answer| answer.push(Expr::Raw("{ }".to_owned())))), @r#"
    it writes Nix, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "raw-nix"
        reason = "…"
    "#);
    let mut deep = Answer::default();
    let raw = deep.push(Expr::Raw("1".to_owned()));
    let text = deep.call("toString", [raw]);
    let list = deep.list([text]);
    deep.define(&["services", "x"], list, Strength::Merge);
    assert!(denied("option services.x", deep).contains("writes Nix"));
}

#[test]
fn secrets_go_where_the_grant_says() {
    let place = |secret: &str, path: &str| {
        let mut answer = Answer::default();
        let (owner, group) = ("root".to_owned(), "root".to_owned());
        answer.0.secrets.push(Placement {
            secret: secret.to_owned(),
            path: path.to_owned(),
            owner,
            group,
            mode: 0o400,
        });
        answer
    };
    assert_eq!(denied("secret /run/x", place("secret:0", "/run/x/password")), "");
    insta::assert_snapshot!(denied("secret /run/x", place("secret:0", "/run/x2")), @r#"
    it places a secret at `/run/x2`, which no permission of its grant covers. In the manifest, that would be:
        [[component.permission]]
        kind = "secret"
        value = "/run/x2"
        reason = "…"
    "#);
    insta::assert_snapshot!(denied("secret /run/x", place("secret:7", "/run/x")), @"it refers to the secret `secret:7`, which did not stand in its settings");
    insta::assert_snapshot!(denied("secret /run/x", place("artifact:1", "/run/x")), @"it refers to the secret `artifact:1`, which did not stand in its settings");
    assert!(denied("secret /run/x", place("db", "/run/x")).contains("did not stand in its settings"));
}

/// Where the pattern covers the path, said as plainly as possible.
fn covers(pattern: &[Segment], path: &[String], user: Option<&str>) -> bool {
    match (pattern, path) {
        ([], _) => true,
        (_, []) => false,
        ([first, pattern @ ..], [name, path @ ..]) => {
            let fits = match first {
                Segment::Literal(literal) => name == literal,
                Segment::Prefix(prefix) => name.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.is_empty()),
                Segment::Any => !["root", "sshd", "nix-daemon", "systemd-x"].contains(&name.as_str()),
                Segment::Setting(key) => key == &["user"] && user == Some(name) && name != "root",
            };
            fits && covers(pattern, path, user)
        }
    }
}

proptest! {
    #[test]
    fn a_pattern_covers_what_the_model_says(
        pattern in prop::collection::vec(prop::sample::select(vec![
            "a", "abc", "\"a.b\"", "*", "abc*", "\"abc*\"", "{settings.user}", "{settings.other}", "root",
        ]), 0..4),
        path in prop::collection::vec(prop::sample::select(vec![
            "a", "abc", "a.b", "b", "abcd", "abc*", "*", "alice", "root", "sshd", "nix-daemon", "systemd-x", "{settings.user}",
        ]), 0..5),
        user in prop::option::of(prop::sample::select(vec!["alice", "root", "*", "a.b"])),
    ) {
        let text = std::iter::once("a").chain(pattern).collect::<Vec<_>>().join(".");
        let pattern: OptionPattern = text.parse().unwrap();
        prop_assert_eq!(&pattern.to_string().parse::<OptionPattern>().unwrap(), &pattern);
        let segments: Vec<String> = std::iter::once("a").chain(path).map(str::to_owned).collect();
        let path = OptionPath::new(segments.clone()).unwrap();
        let setting = |key: &[String]| user.filter(|_| key == ["user"]).map(str::to_owned);
        prop_assert_eq!(pattern.covers(&path, &setting), covers(pattern.segments(), &segments, user), "{} {}", pattern, path);
        // What a message suggests covers that path, and is what it says.
        let suggested: OptionPattern = path.to_string().parse().unwrap();
        prop_assert_eq!(suggested, OptionPattern::literal(&path));
    }
}
