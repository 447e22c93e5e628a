//! Moving inputs, and what that changes.

use std::collections::BTreeMap;

use indicatif::HumanCount;
use serde_json::{Value, json};
use thymis_core::{digest::Revision, id::InputName, untrusted};

use super::log::moment;
use crate::{
    cli::{
        Answer, Context,
        progress::{Fetches, Progress},
        style::{BAD, DIM, GOOD, RESET, WARN},
    },
    git::Relation,
    input::Status,
    project::{Comparison, Effect, Generator, InputError, Reason, Update},
};

/// What an operator does when inputs moved.
pub(super) const NEXT: &str = "Next: `thymis generate`";

/// Each was told when it failed.
#[derive(Debug, thiserror::Error)]
#[error("inputs that couldn't be updated, and stay as they were: {0}")]
pub(in crate::cli) struct NotUpdated(usize);

pub(super) fn update(context: &Context, names: &[InputName]) -> Answer {
    let project = context.project()?;
    let all: Vec<InputName> = project.state()?.project.inputs.keys().cloned().collect();
    let names = if names.is_empty() { &all } else { names };
    let mut answers: BTreeMap<InputName, Value> = BTreeMap::new();
    let mut failed = 0;
    {
        let fetches = Fetches::new(names);
        let mut told = |name: &InputName, updated: Result<Update, InputError>| {
            fetches.done(name);
            failed += usize::from(updated.is_err());
            answers.insert(name.clone(), as_json(name, &updated));
            if !context.arguments.json {
                fetches.quietly(|| tell(name, &updated));
            }
        };
        project.update_inputs(names, &mut Generator::new(), &|name, now| fetches.fetched(name, now), &mut told)?;
    }
    let moved = answers.values().any(|answer| answer["result"] == "moved");
    let answers: Vec<Value> = names.iter().filter_map(|name| answers.remove(name)).collect();
    if !context.json(&answers)? && moved {
        anstream::println!("{NEXT}");
    }
    if failed == 0 { Ok(()) } else { Err(NotUpdated(failed).into()) }
}

pub(super) fn pin(context: &Context, name: &InputName, revision: Option<Revision>) -> Answer {
    let project = context.project()?;
    let pinned = {
        let progress = Progress::new(format!("Fetching {name}"));
        let mut fetched = |now| progress.fetched(name.as_str(), now);
        project.pin_input(name, revision, &mut Generator::new(), &mut fetched)
    };
    stepped(context, name, pinned)
}

pub(super) fn roll_back(context: &Context, name: &InputName, revision: Option<Revision>) -> Answer {
    let project = context.project()?;
    let rolled = {
        let progress = Progress::new(format!("Fetching {name}"));
        let mut fetched = |now| progress.fetched(name.as_str(), now);
        project.roll_input_back(name, revision, &mut Generator::new(), &mut fetched)
    };
    stepped(context, name, rolled)
}

fn stepped(context: &Context, name: &InputName, stepped: Result<Update, InputError>) -> Answer {
    let stepped = Ok(stepped?);
    if !context.json(&as_json(name, &stepped))? {
        tell(name, &stepped);
        if let Ok(Update::Moved { .. } | Update::Waits { .. }) = stepped {
            anstream::println!("  it stays there until `thymis input unpin {name}`");
        }
        if let Ok(Update::Moved { .. }) = stepped {
            anstream::println!("{NEXT}");
        }
    }
    Ok(())
}

fn as_json(name: &InputName, updated: &Result<Update, InputError>) -> Value {
    match updated {
        Ok(Update::Current { revision, default_branch }) => json!({
            "name": name, "result": "current", "from": revision, "to": revision, "reasons": [],
            "default-branch": default_branch,
        }),
        Ok(Update::Held(revision)) => {
            json!({ "name": name, "result": "held", "from": revision, "to": revision, "reasons": [] })
        }
        Ok(Update::Moved { from, shown, comparison }) => json!({
            "name": name, "result": "moved", "status": shown.status, "from": from, "to": shown.repository.pin.revision,
            "reasons": [], "changes": comparison,
        }),
        Ok(Update::Waits { from, shown, comparison, reasons }) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            json!({
                "name": name, "result": "waits", "status": Status::AwaitingGrant, "from": from,
                "to": shown.repository.pin.revision, "reasons": reasons, "changes": comparison,
            })
        }
        Err(error) => json!({ "name": name, "status": error.status(), "error": crate::report::chain(error) }),
    }
}

fn tell(name: &InputName, updated: &Result<Update, InputError>) {
    match updated {
        Ok(Update::Current { revision, default_branch }) => {
            anstream::println!("{name} is current ({})", revision.short());
            print_branch(default_branch.as_ref());
        }
        Ok(Update::Held(revision)) => {
            anstream::println!("{name} is pinned at {}; `thymis input unpin {name}` lets it move", revision.short());
        }
        Ok(Update::Moved { from, shown, comparison }) => {
            let to = shown.repository.pin.revision.short();
            anstream::println!("{GOOD}Moved{RESET} {name}: {} → {to}, {}", from.short(), shown.status);
            print(comparison);
        }
        Ok(Update::Waits { from, shown, comparison, reasons }) => {
            let to = shown.repository.pin.revision.short();
            anstream::println!("{WARN}Waits{RESET} {name}: {} → {to}", from.short());
            for reason in reasons {
                anstream::println!("  {WARN}{reason}{RESET}");
            }
            print(comparison);
            if !reasons.contains(&Reason::NoModules) {
                let from = from.short();
                anstream::println!("  until `thymis input accept {name}` everything goes on with {from}");
            }
        }
        Err(error) => {
            anstream::eprintln!("{BAD}can't be updated{RESET}: {name}: {}", crate::report::chain(error));
        }
    }
}

/// What an update changes.
pub(super) fn print(comparison: &Comparison) {
    let Comparison { history, default_branch, gained, lost, modules, effect } = comparison;
    print_branch(default_branch.as_ref());
    match history.as_ref().map(|history| history.relation) {
        Some(Relation::Older) => anstream::println!("  goes back to an older revision"),
        Some(Relation::Unrelated) => anstream::println!("  {WARN}its history was rewritten{RESET}"),
        _ => {}
    }
    if let Some(history) = history.as_ref().filter(|history| history.count > 0) {
        anstream::println!("  commits   {}", history.count);
        for commit in history.newest.iter().take(10) {
            let day = moment(u64::try_from(commit.time).unwrap_or_default());
            let day = day.get(..10).unwrap_or_default();
            anstream::println!("    {} {DIM}{day}{RESET} {}", commit.revision.short(), commit.summary);
        }
        if let Some(more) = history.count.checked_sub(10).filter(|more| *more > 0) {
            anstream::println!("    {DIM}and {more} more{RESET}");
        }
    }
    for more in gained {
        anstream::println!("  {WARN}may now{RESET}   {}", more.subject());
    }
    for less in lost {
        anstream::println!("  no longer {}", less.subject());
    }
    if let Some(modules) = modules {
        for line in modules.to_string().lines() {
            anstream::println!("  {line}");
        }
    }
    print_effect(effect);
}

fn print_branch(renamed: Option<&(String, String)>) {
    if let Some((from, to)) = renamed {
        let (from, to) = (untrusted::short(from), untrusted::short(to));
        anstream::println!("  {WARN}its default branch{RESET} is {to} now, it was {from}");
    }
}

fn print_effect(effect: &Effect) {
    if let Some(why) = &effect.unknown {
        anstream::println!("  what it changes isn't known: {why}");
        return;
    }
    let count = |number: usize| HumanCount(number as u64).to_string();
    let files = |number: usize| format!("{} file{}", count(number), if number == 1 { "" } else { "s" });
    let configurations =
        |number: usize| format!("{} configuration{}", count(number), if number == 1 { "" } else { "s" });
    let of = count(effect.of_configurations);
    if effect.files == 0 {
        anstream::println!("  changes   no generated file");
    } else {
        let names = effect.file_names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if effect.files > 3 { ", …" } else { "" };
        let (files, configurations) = (files(effect.files), configurations(effect.configurations));
        anstream::println!("  changes   {files} on {configurations} of {of}: {DIM}{names}{more}{RESET}");
    }
    if effect.uses > 0 {
        anstream::println!("  its flake is used by {} of {of}", configurations(effect.uses));
    }
    for broken in &effect.broken {
        anstream::println!("  {BAD}can't be generated any more{RESET}: {broken}");
    }
    for mended in &effect.mended {
        anstream::println!("  {GOOD}can be generated again{RESET}: {mended}");
    }
}
