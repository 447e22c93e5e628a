//! Scripts and timers in settings arrive on the device as they were typed, whatever they contain: compared inside of real
//! Nix with what was typed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree as _,
    test_runner::{RngSeed, TestRunner},
};
use serde_json::{Value, json};
use thymis_controller::project::{Catalogue, Generator, Host, Parsed, State};
use thymis_core::{
    digest::Digest,
    grant::Lock,
    state::{Configuration, Project},
};
use thymis_tests::{Fixtures, Lib, Nix};

/// What means something to Nix, to a shell or to somebody on the way.
const PIECES: [&str; 36] = [
    "''",
    "'''",
    "''${x}",
    "''\\n",
    "${HOME:-x}",
    "$${x}",
    "${",
    "}",
    "$",
    "\\",
    "\\\\",
    "\\n",
    "\\${x}",
    "\"",
    "'",
    "`",
    "\t",
    "  ",
    "    \n",
    "\n",
    "\r\n",
    "\r",
    "#",
    "/*",
    "*/",
    "//",
    ";",
    "ünï",
    "日本",
    "𝕏",
    "\u{202e}",
    "\u{feff}",
    "\u{1b}[31m",
    "\u{a0}",
    "EOF",
    "/nix/var",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![3 => select(&PIECES[..]).prop_map(str::to_owned), 1 => "[ -~]{0,8}"];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// One line for a timer, with something in it.
fn line() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("x{}x", text.replace(['\n', '\r'], " ")))
}

#[derive(Debug, Clone)]
struct Case {
    script: String,
    calendar: Vec<String>,
    delay: String,
}

fn case() -> impl Strategy<Value = Case> {
    (text(), vec(line(), 2..4), line()).prop_map(|(script, calendar, delay)| Case { script, calendar, delay })
}

fn cases(count: usize) -> Vec<Case> {
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    (0..count).map(|_| case().new_tree(&mut runner).unwrap().current()).collect()
}

fn parsed(value: Value) -> Parsed<Configuration> {
    Parsed { digest: Digest::of(value.to_string().as_bytes()), value: Arc::new(serde_json::from_value(value).unwrap()) }
}

fn scripts_arrive(lib: Lib) {
    let Some(nixos) = Fixtures::nixos(lib, "scripts arrive as they were typed") else { return };
    let nix = Nix::new();
    let cases = cases(250);
    let folder = tempfile::TempDir::new().unwrap();
    let host = Host::with_cache(folder.path()).unwrap();
    let project = Project::new();
    let catalogue = Catalogue::load(&host, &project, &Lock::new()).unwrap();
    let mut state = State {
        project: Arc::new(project),
        configurations: Default::default(),
        tags: Default::default(),
        files: Default::default(),
    };
    for (index, case) in cases.iter().enumerate() {
        let realtime = json!({ "timer_type": "realtime", "on_calendar": case.calendar, "accuracy_sec": case.delay });
        let monotonic = json!({ "timer_type": "monotonic", "on_boot_sec": case.delay });
        let configuration = json!({ "modules": [
            { "module": "thymis/bash", "settings": { "script": case.script, "timer_config": realtime } },
            { "module": "thymis/python", "settings": { "script": case.script, "timer_config": monotonic } },
        ] });
        state.configurations.insert(format!("c{index}").parse().unwrap(), parsed(configuration));
    }
    let generation = Generator::new().generate(&state, &catalogue, &BTreeSet::new());
    assert!(generation.failures.is_empty(), "{}", generation.failures[0]);
    for index in 0..cases.len() {
        let file = format!("hosts/c{index}.nix");
        let _ = nix.file(&file, std::str::from_utf8(generation.files[&*file].bytes()).unwrap());
    }
    // Whitespace around a script goes, and its last line ends.
    let typed: Vec<Value> = cases
        .iter()
        .map(|case| json!({ "script": format!("{}\n", case.script.trim()), "calendar": case.calendar, "delay": case.delay }))
        .collect();
    let typed = nix.json_file("typed.json", &Value::Array(typed));
    let wrong = nix.eval(&format!(
        "let
            inherit ({nixos}) lib nixosSystem;
            typed = {typed};
            wrong = index: let
                case = builtins.elemAt typed index;
                config = (nixosSystem {{ modules = [ ({folder} + \"/hosts/c${{toString index}}.nix\") ]; specialArgs.inputs = {{ }}; }}).config;
                bash = \"thymis-bash-service-hosts-c${{toString index}}\";
                python = \"thymis-python-service-hosts-c${{toString index}}\";
                timers = config.systemd.timers;
                file = builtins.readFile config.systemd.services.${{python}}.serviceConfig.ExecStart;
                shebang = builtins.head (builtins.match \"(#![^\\n]*\\n).*\" file);
            in lib.optional (config.systemd.services.${{bash}}.script != case.script) \"script\"
                ++ lib.optional (file != shebang + case.script) \"python\"
                ++ lib.optional (timers.${{bash}}.timerConfig.OnCalendar != case.calendar) \"calendar\"
                ++ lib.optional (timers.${{bash}}.timerConfig.AccuracySec != case.delay) \"accuracy\"
                ++ lib.optional (timers.${{python}}.timerConfig.OnBootSec != case.delay) \"boot\";
        in builtins.filter (found: found.wrong != [ ])
            (builtins.genList (index: {{ inherit index; wrong = wrong index; }}) (builtins.length typed))",
        folder = nix.folder().display(),
    ));
    let wrong = wrong.unwrap();
    let told: Vec<_> = wrong
        .as_array()
        .unwrap()
        .iter()
        .map(|wrong| (wrong, &cases[wrong["index"].as_u64().unwrap() as usize]))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn scripts_and_timers_arrive_as_they_were_typed_with_the_small_lib() {
    scripts_arrive(Lib::Small);
}

#[test]
fn scripts_and_timers_arrive_as_they_were_typed_with_nixpkgs_lib() {
    scripts_arrive(Lib::Real);
}
