use std::path::{Path, PathBuf};

use serde_json::json;
use thymis_core::{permission::Permission, untrusted};

use super::super::{
    Answer, Context,
    progress::Progress,
    style::{BAD, BOLD, DIM, GOOD, RESET, WARN},
};
use crate::author::{self, Failure, Needed, Report};

/// Most failures of one module that are printed for people.
const SHOWN: usize = 20;

#[derive(Debug, thiserror::Error)]
#[error("{failures} of the tests failed")]
struct Failed {
    failures: usize,
}

pub(super) fn test(context: &Context, place: &Path, update: bool) -> Answer {
    let (components, reports) = {
        let _progress = Progress::new("Testing");
        let components = author::components(&context.host.sandbox, place)?;
        let reports = author::test(&components, update)?;
        (components, reports)
    };
    let failures: usize = reports.iter().map(|report| report.failures.len()).sum();
    if context.arguments.json {
        context.json(&json!({
            "passed": failures == 0,
            "modules": reports.iter().map(report_as_json).collect::<Vec<_>>(),
        }))?;
        if failures > 0 {
            // The document says it all, and there is one a command.
            std::process::exit(1);
        }
        return Ok(());
    }
    reports.iter().for_each(print);
    for (file, component) in &components {
        if component.permissions.is_none() {
            anstream::println!(
                "{WARN}warning{RESET}: no thymis.toml lists {}, so no permissions were checked",
                file.display()
            );
        }
    }
    if failures > 0 { Err(Failed { failures }.into()) } else { Ok(()) }
}

fn report_as_json(report: &Report) -> serde_json::Value {
    let failure = |failure: &Failure| {
        json!({
            "case": failure.case,
            "settings": failure.settings,
            "target": if failure.on_tag { "tag" } else { "configuration" },
            "what": failure.what,
        })
    };
    json!({
        "module": report.module,
        "generated": report.generated,
        "problems": report.problems,
        "refused": report.refused,
        "failures": report.failures.iter().map(failure).collect::<Vec<_>>(),
        "untried": report.untried,
        "left-out": report.left_out,
        "permitted": report.permitted,
        "snapshots": { "same": report.snapshots, "written": report.written },
    })
}

fn print(report: &Report) {
    let state = if report.failures.is_empty() { format!("{GOOD}ok{RESET}") } else { format!("{BAD}failed{RESET}") };
    anstream::println!(
        "{BOLD}{}{RESET} {state}: {} generated, {} answered with problems, {} refused as they should be, {} failed",
        report.module,
        report.generated,
        report.problems,
        report.refused,
        report.failures.len()
    );
    for failure in report.failures.iter().take(SHOWN) {
        anstream::println!("  {BAD}{}{RESET}", untrusted::line(&failure.case));
        for line in failure.what.lines() {
            anstream::println!("    {}", untrusted::line(line));
        }
        if let Some(settings) = &failure.settings {
            let on = if failure.on_tag { " (on a tag)" } else { "" };
            anstream::println!("    settings{on}: {}", untrusted::json(&settings.to_string()));
        }
    }
    if report.failures.len() > SHOWN {
        anstream::println!("  and {} more; --json has all", report.failures.len() - SHOWN);
    }
    for untried in &report.untried {
        anstream::println!("  {DIM}not tried: {}{RESET}", untrusted::line(untried));
    }
    if report.left_out > 0 {
        anstream::println!("  {DIM}{} more cases were left out: {} are tried{RESET}", report.left_out, author::LIMIT);
    }
    for file in &report.written {
        anstream::println!("  {GOOD}wrote{RESET} {}", file.display());
    }
}

pub(super) fn permissions(context: &Context, place: &Path) -> Answer {
    let found = {
        let _progress = Progress::new("Trying");
        let components = author::components(&context.host.sandbox, place)?;
        let needed = |(file, component): (PathBuf, _)| Ok((file, author::needed(&component)?));
        components.into_iter().map(needed).collect::<Result<Vec<_>, author::NeededError>>()?
    };
    let answer: Vec<_> = found
        .iter()
        .map(|(file, needed)| {
            let unused = needed.unused.as_ref().map(|unused| {
                let one = |(permission, found): &(Permission, author::Use)| json!({ "permission": permission, "found": found });
                unused.iter().map(one).collect::<Vec<_>>()
            });
            json!({
                "file": file,
                "permissions": needed.permissions,
                "unused": unused,
                "missing": needed.unused.is_some().then_some(&needed.missing),
                "cases": { "answered": needed.answered, "without-answer": needed.without },
            })
        })
        .collect();
    if context.json(&answer)? {
        return Ok(());
    }
    for (file, needed) in &found {
        print_needed(file, needed)?;
    }
    Ok(())
}

/// TOML: what is not an entry is a comment.
fn print_needed(file: &Path, needed: &Needed) -> Answer {
    anstream::println!(
        "# {}: from {} cases with an answer, {} without",
        untrusted::line(&file.display().to_string()),
        needed.answered,
        needed.without
    );
    if needed.permissions.is_empty() {
        anstream::println!("# It needs no permissions.");
    }
    for permission in &needed.permissions {
        anstream::println!("\n[[component.permission]] # {}", permission.access.class());
        anstream::print!("{}", untrusted::lines(&toml::to_string(permission)?));
    }
    let Some(unused) = &needed.unused else { return Ok(()) };
    if !unused.is_empty() {
        anstream::println!("\n# In thymis.toml, and used by no case:");
    }
    for (permission, found) in unused {
        let note = if *found == author::Use::NeverForced { " (its force; the option is set)" } else { "" };
        anstream::println!("#   {}{note}", untrusted::line(&permission.access.to_string()));
    }
    if !needed.missing.is_empty() {
        anstream::println!("\n# Used, and not covered by thymis.toml, which needs besides:");
    }
    for permission in &needed.missing {
        anstream::println!("#   [[component.permission]]");
        for line in toml::to_string(permission)?.lines() {
            anstream::println!("#   {}", untrusted::line(line));
        }
    }
    if unused.is_empty() && needed.missing.is_empty() {
        anstream::println!("\n# thymis.toml asks for nothing that no case used, and for all that they used.");
    }
    Ok(())
}
