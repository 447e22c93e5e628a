//! The worst that a module can do, as named cases. However one ends, the host survives, says why in words that help, and
//! other modules of the same process answer as ever.
//!
//! A case is an attack and nothing else: `suite` runs it and looks at what became of it. How each ends stands in
//! `snapshots`, a file for each group.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bounds;
mod changes;
mod code;
mod compile;
mod descriptions;
mod grants;
mod imitations;
mod installed;
mod lies;
mod malformed;
mod permissions;
mod space;
mod state;
mod suite;
mod time;
mod together;
mod values;
mod wasi;
mod work;

use std::collections::HashSet;

use suite::Case;

const GROUPS: &[(&str, &[Case])] = &[
    ("time", time::CASES),
    ("space", space::CASES),
    ("bounds", bounds::CASES),
    ("work", work::CASES),
    ("state", state::CASES),
    ("wasi", wasi::CASES),
    ("lies", lies::CASES),
    ("descriptions", descriptions::CASES),
    ("code", code::CASES),
    ("permissions", permissions::CASES),
    ("malformed", malformed::CASES),
    ("imitations", imitations::CASES),
    ("compile", compile::CASES),
];

#[test]
fn time() {
    suite::run("time", time::CASES);
}

#[test]
fn space() {
    suite::run("space", space::CASES);
}

#[test]
fn bounds() {
    suite::run("bounds", bounds::CASES);
}

#[test]
fn work() {
    suite::run("work", work::CASES);
}

#[test]
fn state() {
    suite::run("state", state::CASES);
}

#[test]
fn wasi() {
    suite::run("wasi", wasi::CASES);
}

#[test]
fn lies() {
    suite::run("lies", lies::CASES);
}

#[test]
fn descriptions() {
    suite::run("descriptions", descriptions::CASES);
}

#[test]
fn code() {
    suite::run("code", code::CASES);
}

#[test]
fn permissions() {
    suite::run("permissions", permissions::CASES);
}

#[test]
fn grants() {
    suite::run("grants", grants::CASES);
}

#[test]
fn malformed() {
    suite::run("malformed", malformed::CASES);
}

#[test]
fn imitations() {
    suite::run("imitations", imitations::CASES);
}

#[test]
fn compile() {
    suite::run("compile", compile::CASES);
}

#[test]
fn changes() {
    suite::run("changes", changes::CASES);
}

#[test]
fn on_four_threads_at_once_everything_ends_as_it_does_alone() {
    let cases: Vec<&Case> = GROUPS.iter().flat_map(|(_, cases)| *cases).collect();
    suite::run_at_once(4, &cases);
}

#[test]
fn there_are_many_cases_and_each_has_a_name_of_its_own() {
    let once = [grants::CASES, changes::CASES];
    let all = GROUPS.iter().map(|(_, cases)| *cases).chain(once);
    let names: Vec<&str> = all.flatten().map(|case| case.name).collect();
    assert!(names.len() >= 80, "{} cases", names.len());
    let mut seen = HashSet::new();
    let twice: Vec<_> = names.into_iter().filter(|name| !seen.insert(*name)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
