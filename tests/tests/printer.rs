//! Whatever a module or a person says comes back from real Nix as the data that went in: text never becomes code.
//!
//! Answers go the whole way (tables, check, printer), are read by rnix and evaluated by real Nix, hundreds at a time, and
//! compared inside of Nix.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{TestError, TestRunner},
};
use serde_json::{Map, Value, json};
use thymis_core::{
    expr::{Configuration, MAX_DEPTH, Trust},
    id::{ConfigurationId, InputName, InstanceId, ModuleId},
    nix::{self, FlakeInput, Printer, Section},
    untrusted,
    wire::{Expr, Part, Placement, Strength},
};
use thymis_tests::{Answer, Fixtures, Lib, Nix};

fn section(answer: Answer) -> Result<String, String> {
    let configuration = Configuration::check(answer.0, Trust::External).map_err(|refusals| refusals[0].to_string())?;
    let input: InputName = "own".parse().unwrap();
    let module: ModuleId = "own/module".parse().unwrap();
    let instance = InstanceId::from(&module.name);
    let artifact = |handle: &str| Some(handle.to_owned());
    let secret = |handle: &str| Some(format!("/run/{handle}"));
    let printer = Printer { input: &input, artifact: &artifact, secret: &secret };
    Ok(nix::section(
        &Section { file: "hosts/host.nix", module: &module, instance: &instance, priority: 80 },
        &printer,
        &configuration,
    ))
}

/// A host's file of these sections. Refused by no parser.
fn host(sections: &[String]) -> String {
    let id: ConfigurationId = "host".parse().unwrap();
    let host = nix::host(&id, &[], sections);
    let errors = rnix::Root::parse(&host).errors().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(errors, Vec::<String>::new(), "{host}");
    host
}

/// Nix text: the `config` of every section, where packages and files are what they were made of.
fn configs(nix: &Nix, sections: &[String]) -> String {
    let file = nix.file("host.nix", &host(sections));
    format!(
        "(map (module: module.config) (builtins.scopedImport {{
            builtins = builtins // {{ path = arguments: arguments.path; }};
        }} {file} {{
            config = {{ }};
            inputs.own = \"/own\";
            lib.mkMerge = values: {{ inherit values; }};
            pkgs.writeShellScript = name: text: {{ inherit name text; }};
        }}).imports)",
        file = file.display()
    )
}

/// A case: what a module says at a path, and what evaluation must give there.
struct Case {
    answer: Answer,
    at: Vec<String>,
    expected: Value,
}

impl Case {
    fn data(path: &[&str], value: &Value) -> Self {
        let at = path.iter().map(|&segment| segment.to_owned()).collect();
        Self { answer: Answer::of(path, value), at, expected: value.clone() }
    }
}

/// The cases that don't come back as they went in, by index; an error of Nix in its words.
fn changed(cases: &[Case]) -> Result<Vec<usize>, String> {
    let nix = Nix::new();
    let sections: Vec<String> = cases.iter().map(|case| section(case.answer.clone()).unwrap()).collect();
    let expected = cases.iter().map(|case| json!({ "at": case.at, "value": case.expected })).collect();
    let answer = nix.eval(&format!(
        "let
            configs = {configs};
            expected = {expected};
            got = index: builtins.foldl' (value: name: value.${{name}}) (builtins.elemAt configs index)
                (builtins.elemAt expected index).at;
        in builtins.filter (index: got index != (builtins.elemAt expected index).value)
            (builtins.genList (index: index) (builtins.length expected))",
        configs = configs(&nix, &sections),
        expected = nix.json_file("expected.json", &Value::Array(expected)),
    ))?;
    Ok(serde_json::from_value(answer).unwrap())
}

fn all_come_back(cases: &[Case]) {
    let changed = changed(cases).unwrap();
    let shown: Vec<_> = changed.iter().map(|&index| (&cases[index].at, &cases[index].expected)).collect();
    assert!(shown.is_empty(), "these came back as something else: {shown:#?}");
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<char>().prop_filter("Nix can't hold a NUL", |&c| c != '\0').prop_map(String::from),
        4 => prop::sample::select(vec![
            "\"", "\\", "$", "{", "}", "${", "$${", "''", "'''", "''${", "\n", "\r", "\r\n", "\t", "\u{1b}", "\u{7f}",
            "/*", "*/", "#", ";", "=", "@", "<nixpkgs>", "\u{202e}", "\u{feff}", "\u{2028}", "e\u{301}", "🦀",
        ]).prop_map(str::to_owned),
        2 => "[ -~]{0,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    let words =
        ["or", "if", "let", "in", "rec", "with", "inherit", "assert", "then", "else", "true", "null", "builtins"];
    let odd = ["1", "-1", "1a", "a.b", ".", "a b", "-", "'", "a'", "A_b-c", "${a}", "\"", "config", "type", "ä"];
    let name = prop_oneof![
        3 => prop::sample::select(words.into_iter().chain(odd).collect::<Vec<_>>()).prop_map(str::to_owned),
        3 => "[a-zA-Z0-9_'-]{1,10}",
        2 => text(),
    ];
    name.prop_filter("a name that the check refuses", |name| {
        !name.is_empty() && !name.starts_with('_') && name != "imports"
    })
}

fn number() -> impl Strategy<Value = Value> {
    use proptest::num::f64 as floats;
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]).prop_map(Value::from),
        (floats::NORMAL | floats::ZERO | floats::NEGATIVE | floats::POSITIVE).prop_map(Value::from),
        prop::sample::select(vec![
            std::f64::consts::PI,
            0.1,
            -0.0,
            1.0,
            1e15,
            1e16,
            1e22,
            1e-7,
            123_456_789.123_456_79,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::EPSILON,
        ])
        .prop_map(Value::from),
    ]
}

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => number(),
        5 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((name(), inner), 0..5).prop_map(|attrs| {
                // Numbers and names of a kind of package are the business of another test.
                Value::Object(attrs.into_iter().filter(|(name, _)| name != "type").collect::<Map<_, _>>())
            }),
        ]
    })
}

fn path() -> impl Strategy<Value = Vec<String>> {
    let structure = ["config", "options", "imports", "meta", "key", "require"];
    (name(), vec(name(), 0..5)).prop_filter_map("a path that the check refuses", move |(first, rest)| {
        let path: Vec<String> = std::iter::once(first).chain(rest).collect();
        let fine = !structure.contains(&path[0].as_str())
            && path.iter().all(|segment| segment.len() <= 256)
            && path.last().is_some_and(|last| last != "type");
        fine.then_some(path)
    })
}

/// Few runs of many cases each: starting Nix is what takes time.
fn in_batches<T: std::fmt::Debug>(case: impl Strategy<Value = T>, check: impl Fn(Vec<T>)) {
    let config =
        ProptestConfig { cases: 4, max_shrink_iters: 150, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&vec(case, 300), |cases| {
            check(cases);
            Ok(())
        })
        // The whole batch says nothing to anybody; the reason names the cases.
        .unwrap_or_else(|error| match error {
            TestError::Fail(reason, _) | TestError::Abort(reason) => panic!("{reason}"),
        });
}

#[test]
fn any_data_at_any_path_comes_back_equal() {
    in_batches((path(), data()), |cases| {
        let cases: Vec<Case> = cases
            .iter()
            .map(|(path, value)| Case::data(&path.iter().map(String::as_str).collect::<Vec<_>>(), value))
            .collect();
        all_come_back(&cases);
    });
}

/// A text of parts that stand for each other: literals, texts within texts, numbers turned into text.
#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Number(i64),
    Text(Vec<Piece>),
}

fn embed(answer: &mut Answer, pieces: &[Piece], spelled: &mut String) -> u32 {
    let parts = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => {
                spelled.push_str(text);
                Part::Literal(text.clone())
            }
            Piece::Number(number) => {
                spelled.push_str(&number.to_string());
                let number = answer.push(Expr::Int(*number));
                Part::Embed(answer.call("toString", [number]))
            }
            Piece::Text(pieces) => Part::Embed(embed(answer, pieces, spelled)),
        })
        .collect();
    answer.push(Expr::Text(parts))
}

#[test]
fn text_with_embedded_parts_comes_back_joined() {
    let piece = prop_oneof![
        3 => text().prop_map(Piece::Literal),
        1 => any::<i64>().prop_map(Piece::Number),
    ];
    let piece = piece.prop_recursive(4, 16, 4, |inner| vec(inner, 0..4).prop_map(Piece::Text));
    in_batches(vec(piece, 0..6), |cases| {
        let case = |pieces: &Vec<Piece>| {
            let mut answer = Answer::default();
            let mut expected = String::new();
            // What starts with a slash and goes on with something embedded is refused: it may be a path.
            let pieces: Vec<Piece> = std::iter::once(Piece::Literal("$".to_owned())).chain(pieces.clone()).collect();
            let text = embed(&mut answer, &pieces, &mut expected);
            answer.define(&["x"], text, Strength::Merge);
            Case { answer, at: vec!["x".to_owned()], expected: Value::from(expected) }
        };
        all_come_back(&cases.iter().map(case).collect::<Vec<_>>());
    });
}

#[test]
fn limits_come_back_and_what_lies_beyond_is_refused() {
    let nested = |levels: usize, wrap: fn(Value) -> Value| (0..levels).fold(json!("deep"), |inner, _| wrap(inner));
    let wraps: [fn(Value) -> Value; 2] = [|inner| json!([inner]), |inner| json!({ "or": inner })];
    let mut cases =
        vec![Case::data(&["name"], &json!({ "n".repeat(1024): 1 })), Case::data(&["empty"], &json!([{}, [], ""]))];
    for wrap in wraps {
        cases.push(Case::data(&["deep"], &nested(MAX_DEPTH - 1, wrap)));
        let refused = section(Answer::of(&["deep"], &nested(MAX_DEPTH, wrap))).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"expression 48: an expression is nested deeper than 48 levels");
        }
    }
    cases.push(Case::data(&["long"], &json!("x${".repeat(300_000))));
    cases.push(Case::data(&["wide"], &Value::Array((0..40_000).map(Value::from).collect())));
    all_come_back(&cases);
}

#[test]
fn definitions_that_overlap_are_all_kept_apart() {
    let mut answer = Answer::default();
    for (path, value) in
        [(&["a", "b"][..], json!(1)), (&["a"], json!({ "c": 2 })), (&["a", "b"], json!(3)), (&["d"], json!(4))]
    {
        let value = answer.data(&value);
        answer.define(path, value, Strength::Merge);
    }
    let expected = json!([{ "a": { "b": 1 }, "d": 4 }, { "a": { "c": 2 } }, { "a": { "b": 3 } }]);
    all_come_back(&[Case { answer, at: vec!["values".to_owned()], expected }]);
}

/// The corpus: one attempt a line, with pictures for what a line can't hold.
fn injections() -> Vec<String> {
    let text = std::fs::read_to_string(Fixtures::folder().join("injections.txt")).unwrap();
    let attempts: Vec<String> =
        text.split('\n').map(|line| line.replace('⏎', "\n").replace('␍', "\r").replace('␉', "\t")).collect();
    assert!(attempts.len() > 250);
    attempts
}

/// An attempt as every kind of text that a module can return. `Err` is a refusal.
fn attempts(attempt: &str) -> Vec<(&'static str, Answer, Vec<&str>, Value)> {
    let mut all = Vec::new();
    let text = json!(attempt);
    for (kind, data) in
        [("string", text.clone()), ("list item", json!([text])), ("attribute name", json!({ attempt: text }))]
    {
        all.push((kind, Answer::of(&["x"], &data), vec!["x"], data));
    }
    all.push((
        "path segment",
        Answer::of(&["services", attempt, "x"], &text),
        vec!["services", attempt, "x"],
        text.clone(),
    ));
    all.push(("first path segment", Answer::of(&[attempt], &text), vec![attempt], text.clone()));

    let mut script = Answer::default();
    let arguments = [script.text("name"), script.text(attempt)];
    let call = script.call("writeShellScript", arguments);
    script.define(&["x"], call, Strength::Merge);
    all.push(("script", script, vec!["x", "text"], text.clone()));

    let mut embedded = Answer::default();
    let inner = embedded.text(attempt);
    let around = [Part::Literal("a$".to_owned()), Part::Embed(inner), Part::Literal(attempt.to_owned())];
    let outer = embedded.push(Expr::Text(around.into()));
    embedded.define(&["x"], outer, Strength::Merge);
    all.push(("embedded text", embedded, vec!["x"], json!(format!("a${attempt}{attempt}"))));

    let mut source = Answer::default();
    let file = source.reference("source", &[attempt]);
    source.define(&["x"], file, Strength::Merge);
    all.push(("source", source, vec!["x"], json!(format!("/own/{attempt}"))));

    let mut artifact = Answer::default();
    let file = artifact.reference("secret", &[attempt]);
    artifact.define(&["x"], file, Strength::Merge);
    all.push(("secret", artifact, vec!["x"], json!(format!("/run/{attempt}"))));
    all
}

#[test]
fn no_injection_is_more_than_data() {
    let mut cases = Vec::new();
    let mut refused = Vec::new();
    let all = injections();
    for attempt in &all {
        for (kind, answer, at, expected) in attempts(attempt) {
            match section(answer.clone()) {
                Ok(_) => cases.push(Case { answer, at: at.into_iter().map(str::to_owned).collect(), expected }),
                Err(why) => refused.push(format!("{kind} {}: {why}", untrusted::short(attempt))),
            }
        }
    }
    all_come_back(&cases);
    // What is refused is refused for what it is, and never as a plain text.
    assert!(refused.len() < all.len(), "{refused:#?}");
    assert!(!refused.iter().any(|why| why.starts_with("string") || why.starts_with("script")), "{refused:#?}");
}

#[test]
fn no_injection_is_more_than_a_message() {
    let nix = Nix::new();
    let mut answer = Answer::default();
    let attempts = injections();
    for attempt in &attempts {
        let holds = answer.push(Expr::Bool(true));
        answer.check(true, Some(holds), attempt).check(false, None, attempt);
    }
    let sections = [section(answer).unwrap()];
    let indented = |attempt: &String| untrusted::lines(attempt).replace('\n', "\n  ");
    let expected: Value =
        attempts.iter().map(|attempt| format!("hosts/host.nix: own/module: {}", indented(attempt))).collect();
    let same = nix.eval(&format!(
        "let
            lib = {{ concatLists = builtins.concatLists; optional = condition: item: if condition then [ item ] else [ ]; }};
            module = builtins.head (import {file} {{ config = {{ }}; inputs = {{ }}; pkgs = {{ }}; inherit lib; }}).imports;
            expected = {expected};
        in map (a: a.message) module.config.assertions == expected && module.config.warnings == expected",
        file = nix.file("checks.nix", &host(&sections)).display(),
        expected = nix.json_file("messages.json", &expected),
    ));
    assert_eq!(same, Ok(json!(true)));
}

#[test]
fn no_injection_is_more_than_the_reason_why_a_host_is_unavailable() {
    let nix = Nix::new();
    let attempts = injections();
    let files: Vec<String> = attempts
        .iter()
        .enumerate()
        .map(|(index, attempt)| {
            let text = nix::unavailable(attempt);
            assert!(rnix::Root::parse(&text).errors().is_empty(), "{text}");
            nix.file(&format!("unavailable/{index}.nix"), &text).display().to_string()
        })
        .collect();
    let same = nix.eval(&format!(
        "map (builtins.scopedImport {{ throw = why: why; }}) [ {} ] == {}",
        files.join(" "),
        nix.json_file("reasons.json", &json!(attempts)),
    ));
    assert_eq!(same, Ok(json!(true)));
    assert!(nix.eval(&nix::unavailable("because")).unwrap_err().contains("because"));
}

#[test]
fn no_injection_is_more_than_the_url_of_an_input() {
    let nix = Nix::new();
    let attempts: Vec<String> = injections().into_iter().filter(|attempt| !attempt.is_empty()).collect();
    let inputs: Vec<FlakeInput> = attempts
        .iter()
        .enumerate()
        .map(|(index, attempt)| FlakeInput {
            name: format!("i{index}").parse().unwrap(),
            attributes: vec![("url".to_owned(), attempt.clone())],
            follows: vec![(attempt.clone(), "nixpkgs".parse().unwrap())],
        })
        .collect();
    let text = nix::flake(&inputs);
    assert!(rnix::Root::parse(&text).errors().is_empty());
    let same = nix.eval(&format!(
        "let inputs = (import {}).inputs; attempts = {}; in
        builtins.all (index:
            inputs.${{\"i${{toString index}}\"}} ==
                {{ url = builtins.elemAt attempts index; inputs.${{builtins.elemAt attempts index}}.follows = \"nixpkgs\"; }})
            (builtins.genList (index: index) (builtins.length attempts))",
        nix.file("flake.nix", &text).display(),
        nix.json_file("urls.json", &json!(attempts)),
    ));
    assert_eq!(same, Ok(json!(true)));
}

#[test]
fn names_of_packages_outputs_functions_and_places_are_plain_or_refused() {
    for attempt in injections() {
        let plain = attempt.chars().all(|c| c.is_ascii_alphanumeric() || "_-+'".contains(c));
        let reference = |root: &str| {
            let mut answer = Answer::default();
            let reference = answer.reference(root, &[&attempt]);
            answer.define(&["x"], reference, Strength::Merge);
            section(answer)
        };
        let packages = || {
            let mut answer = Answer::default();
            let names = answer.text(&attempt);
            let arguments = [answer.reference("pkgs", &["python3"]), answer.list([names])];
            let call = answer.call("withPackages", arguments);
            answer.define(&["x"], call, Strength::Merge);
            section(answer)
        };
        for printed in [reference("pkgs"), reference("output"), packages()].into_iter().flatten() {
            assert!(plain, "{attempt}: {printed}");
            host(&[printed]);
        }
        let placed = |path: &str, owner: &str| {
            let mut answer = Answer::default();
            let (path, owner) = (path.to_owned(), owner.to_owned());
            answer.0.secrets.push(Placement {
                secret: "secret:0".to_owned(),
                path,
                group: owner.clone(),
                owner,
                mode: 0o400,
            });
            section(answer)
        };
        assert!(
            placed("/run/x", &attempt).is_err()
                || attempt.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        );
        assert!(placed(&attempt, "root").is_err() || attempt.starts_with('/'));
        let mut call = Answer::default();
        let argument = call.text("x");
        let call_id = call.call(&attempt, [argument]);
        call.define(&["x"], call_id, Strength::Merge);
        assert!(section(call).is_err(), "{attempt}");
    }
}

/// Every function of the table, as a module would call it, and what it gives with the stub packages.
fn calls(answer: &mut Answer) -> Vec<(&'static str, u32)> {
    let truth = |answer: &mut Answer| answer.push(Expr::Bool(true));
    let package = |answer: &mut Answer| answer.reference("pkgs", &["hello"]);
    let name = |answer: &mut Answer| answer.text("run.sh");
    let mut all = Vec::new();
    macro_rules! call {
        ($function:literal, $($argument:expr),*) => {{
            let arguments = vec![$($argument),*];
            all.push(($function, answer.call($function, arguments)));
        }};
    }
    call!("lib.mkIf", truth(answer), answer.text("a"));
    let items = [answer.data(&json!([1])), answer.data(&json!([2]))];
    call!("lib.mkMerge", answer.list(items));
    call!("lib.mkOrder", answer.push(Expr::Int(500)), answer.data(&json!(["a"])));
    call!("if", truth(answer), answer.text("yes"), answer.text("no"));
    call!(
        "select",
        answer.reference("system", &[]),
        answer.data(&json!({ "x86_64-linux": "pc" })),
        answer.text("other")
    );
    call!("eq", answer.text("a"), answer.text("b"));
    call!("not", truth(answer));
    call!("and", truth(answer), answer.push(Expr::Bool(false)));
    call!("or", truth(answer), answer.push(Expr::Bool(false)));
    let lists = [answer.data(&json!([1, -2])), answer.data(&json!([[]]))];
    call!("concat", answer.list(lists));
    call!("toString", answer.push(Expr::Int(-5)));
    call!("toJSON", answer.data(&json!({ "a": [1, null] })));
    call!("readFile", answer.reference("source", &["scripts", "a b.sh"]));
    call!("lib.getExe", package(answer));
    let requests = answer.text("requests");
    call!("withPackages", answer.reference("pkgs", &["python3"]), answer.list([requests]));
    call!("override", package(answer), answer.data(&json!({ "withTls": true })));
    call!("writeText", name(answer), answer.text("text"));
    call!("writeShellScript", name(answer), answer.text("id"));
    let jq = answer.reference("pkgs", &["jq"]);
    call!("writeShellApplication", name(answer), answer.list([jq]), answer.text("jq ."));
    let flask = answer.text("flask");
    call!("writePython3", name(answer), answer.list([flask]), answer.text("print(1)"));
    let flask = answer.text("flask");
    call!("writePython3Unchecked", name(answer), answer.list([flask]), answer.text("print( 1)"));
    call!("formats.generate", answer.text("toml"), name(answer), answer.data(&json!({ "a": { "b": 1 } })));
    all
}

fn every_function_evaluates(lib: Lib, check: &str) {
    let Some(nixos) = Fixtures::nixos(lib, check) else { return };
    let nix = Nix::new();
    let _ = nix.file("own/scripts/a b.sh", "echo from the repository");
    let mut answer = Answer::default();
    for (index, (_, call)) in calls(&mut answer).into_iter().enumerate() {
        answer.define(&["functions", &format!("f{index:02}")], call, Strength::Merge);
    }
    let source = answer.reference("source", &["scripts", "a b.sh"]);
    answer.define(&["refs", "source"], source, Strength::Merge);
    let output = answer.reference("output", &["packages", "default"]);
    answer.define(&["refs", "output"], output, Strength::Merge);
    let config = answer.reference("config", &["functions", "f03"]);
    answer.define(&["refs", "config"], config, Strength::Merge);
    let host = host(&[section(answer).unwrap()]);
    // A path below the store differs by machine in nothing but its hash, which the contents give.
    let values = nix
        .eval(&format!(
            "let
                inherit ({nixos}) nixosSystem pkgs;
                values = (nixosSystem {{
                    specialArgs.inputs.own = {{ outPath = {own}; packages.x86_64-linux.default = pkgs.jq; }};
                    modules = [ {host} ];
                }}).values;
                strip = value:
                    if builtins.isString value
                    then builtins.concatStringsSep \"/nix/store/…-\"
                        (builtins.filter builtins.isString (builtins.split \"/nix/store/[a-z0-9]{{32}}-\" value))
                    else if builtins.isList value then map strip value
                    else if builtins.isAttrs value then builtins.mapAttrs (_: strip) value
                    else value;
            in builtins.mapAttrs (_: strip) {{ inherit (values) functions refs; }}",
            own = nix.folder().join("own").display(),
            host = nix.file("functions.nix", &host).display(),
        ))
        .unwrap_or_else(|error| panic!("{error}\n{host}"));
    let named: Vec<String> = calls(&mut Answer::default())
        .iter()
        .zip(values["functions"].as_object().unwrap().values())
        .map(|((function, _), value)| format!("{function}: {value}"))
        .chain(values["refs"].as_object().unwrap().iter().map(|(name, value)| format!("{name}: {value}")))
        .collect();
    insta::allow_duplicates! {
        insta::assert_snapshot!(named.join("\n"), @r#"
        lib.mkIf: "a"
        lib.mkMerge: [1,2]
        lib.mkOrder: ["a"]
        if: "yes"
        select: "pc"
        eq: false
        not: false
        and: false
        or: true
        concat: [1,-2,[]]
        toString: "-5"
        toJSON: "{\"a\":[1,null]}"
        readFile: "echo from the repository"
        lib.getExe: "/nix/store/…-hello-2.12/bin/hello"
        withPackages: "/nix/store/…-python3-env"
        override: "/nix/store/…-hello-2.12"
        writeText: "/nix/store/…-run.sh"
        writeShellScript: "/nix/store/…-run.sh"
        writeShellApplication: "/nix/store/…-run.sh"
        writePython3: "/nix/store/…-run.sh"
        writePython3Unchecked: "/nix/store/…-run.sh"
        formats.generate: "/nix/store/…-run.sh"
        config: "yes"
        output: "/nix/store/…-jq-1.0"
        source: "/nix/store/…-a-b.sh"
        "#);
    }
}

#[test]
fn every_function_evaluates_with_the_small_lib() {
    every_function_evaluates(Lib::Small, "every function evaluates");
}

#[test]
fn every_function_evaluates_with_the_real_lib() {
    every_function_evaluates(Lib::Real, "every function evaluates with nixpkgs' lib");
}

#[test]
fn the_list_of_calls_is_complete() {
    let called: Vec<&str> = calls(&mut Answer::default()).into_iter().map(|(function, _)| function).collect();
    let message = {
        let mut answer = Answer::default();
        answer.call("?", []);
        section(answer).unwrap_err()
    };
    let known = message.rsplit_once("known are ").unwrap().1;
    assert_eq!(called.join(", "), known);
}
