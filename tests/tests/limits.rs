//! Limits as authors and operators see them: what is used of each, and how to choose others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use thymis_tests::{Example, Output, World};

fn world() -> World {
    let world = World::empty();
    let repository = world.own(Example::TemperatureLogger);
    std::fs::write(repository.join("settings.json"), r#"{ "interval": 60 }"#).unwrap();
    world
}

/// Runs the program in the example's repository.
fn thymis(world: &World, arguments: &[&str]) -> Output {
    world.thymis_in(&world.path().join("repositories/temperature-logger"), arguments)
}

const INSPECT: [&str; 3] = ["module", "inspect", "modules/temperature_logger.wasm"];
const RUN: [&str; 5] = ["module", "run", "modules/temperature_logger.wasm", "--settings", "settings.json"];

/// What was used, beside a limit that `module limits` has with that value.
fn assert_within(usage: &Value, limits: &Value, names: &[(&str, &str)]) {
    for (what, limit) in names {
        let (used, allowed) = (&usage[what]["used"], &usage[what]["allowed"]);
        assert_eq!(usage[what]["limit"], *limit);
        let listed = limits.as_array().unwrap().iter().find(|it| it["name"] == *limit).unwrap();
        assert_eq!(&listed["value"], allowed);
        assert!((1..=allowed.as_u64().unwrap()).contains(&used.as_u64().unwrap()), "{what}: {usage}");
    }
}

#[test]
fn inspecting_and_running_show_what_is_used_of_which_limit() {
    let world = world();
    let limits = thymis(&world, &["module", "limits", "--json"]).done().json();
    let call = [("memory", "memory_bytes"), ("answer", "output_bytes")];
    let inspected = thymis(&world, &[&INSPECT[..], &["--json"]].concat()).done().json();
    let loaded = [("component", "component_bytes"), ("compiled", "artifact_bytes"), ("fuel", "describe_fuel")];
    assert_within(&inspected["usage"], &limits, &[&loaded[..], &call].concat());
    let ran = thymis(&world, &[&RUN[..], &["--json"]].concat()).done().json();
    assert_within(&ran["usage"], &limits, &[&[("fuel", "generate_fuel")][..], &call].concat());

    let told = thymis(&world, &INSPECT).done().stdout;
    assert!(told.contains("`artifact_bytes`") && told.contains("`describe_fuel`"), "{told}");
    let told = thymis(&world, &RUN).done().stderr;
    assert!(told.contains(" of   500000000 (") && told.contains("`generate_fuel`"), "{told}");
}

#[test]
fn a_limit_can_be_chosen_within_its_ceiling() {
    let world = world();
    let with = |limit: &str| thymis(&world, &[&RUN[..], &["--limit", limit]].concat());
    let refused = with("generate_fuel=1000").refused();
    assert!(refused.contains("used up its fuel: the limit `generate_fuel` is 1000 instructions"), "{refused}");
    with("generate-fuel=600_000_000").done();
    assert_eq!(with("deadline_ms=0").refused(), "the limit `deadline_ms` can be 1 to 600000, not 0");
    assert_eq!(
        with("memory_bytes=9000000000").refused(),
        "the limit `memory_bytes` can be 1 to 1073741824, not 9000000000"
    );
    assert_eq!(with("memory=1").refused(), "there is no limit `memory`; `thymis module limits` lists them");
    assert_eq!(with("memory_bytes=much").code, 2);
    let small = thymis(&world, &[&INSPECT[..], &["--limit", "component_bytes=1000"]].concat()).refused();
    assert!(small.contains("modules/temperature_logger.wasm can't be used"), "{small}");
}

#[test]
fn generating_tells_what_modules_cost() {
    let world = World::generated();
    let cost = &world.thymis(&["generate", "--json"]).done().json()["modules"]["temperature/temperature-logger"];
    assert!(cost["calls"].as_u64().unwrap() >= 1 && cost["fuel"].as_u64().unwrap() > 1000, "{cost}");
    assert_eq!(cost["faults"], 0);
    let told = world.thymis(&["generate", "--verbose"]).done().stdout;
    assert!(told.contains("temperature/temperature-logger: ") && told.contains(" 0 faults"), "{told}");
}
