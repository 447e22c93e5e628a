use std::{collections::BTreeMap, ops::ControlFlow};

use serde_json::json;
use thymis_core::{
    evaluation::Cause,
    id::{ConfigurationId, InputName},
    untrusted,
};

use super::{
    Answer, Context,
    progress::Progress,
    project::warn_of_changes,
    style::{BAD, BOLD, DIM, GOOD, RESET, WARN},
};
use crate::{
    git::HistoryError,
    project::{Catalogue, Checked, Finding, Outcome, Outside},
};

/// Lines of Nix's trace that are shown without --verbose.
const FOLDED: usize = 3;
/// Failures of which the settings are looked for.
const EXPLAINED: usize = 100;
/// Options of one NixOS module that are shown without --verbose.
const LISTED: usize = 10;

#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} configurations can't be evaluated")]
pub(super) struct Failed {
    failed: usize,
    all: usize,
}

pub(super) fn check(context: &Context, only: &[ConfigurationId], again: bool) -> Answer {
    let project = context.project()?;
    let draft = project.repository().draft()?.ok_or(HistoryError::NoDraft)?;
    warn_of_changes(&project)?;
    let mut checked = {
        let progress = Progress::new("Evaluating with Nix");
        let told = |id: &ConfigurationId, _: &Outcome| {
            progress.now(format!("Evaluated {id}"));
            ControlFlow::Continue(())
        };
        project.check(context.nix()?, draft, only, again, &told)?
    };
    let failed = checked.configurations.values().filter(|outcome| matches!(outcome, Outcome::Failed(_))).count();
    if failed > 0 {
        let state = project.state()?;
        let catalogue = Catalogue::load(&context.host, &state.project, &project.lock()?)?;
        let findings = checked.configurations.iter_mut().filter_map(|(id, outcome)| match outcome {
            Outcome::Ok { .. } => None,
            Outcome::Failed(finding) => Some((id, finding)),
        });
        for (id, finding) in findings.take(EXPLAINED) {
            finding.explain(&state, &catalogue, id);
        }
    }
    if !context.json(&as_json(&checked))? {
        print(&checked, context.arguments.verbose);
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failed { failed, all: checked.configurations.len() }.into()),
    }
}

fn as_json(checked: &Checked) -> serde_json::Value {
    json!({
        "commit": checked.commit.to_string(),
        "checked": checked.configurations.len(),
        "cached": checked.cached,
        "configurations": checked.configurations,
        "outside": checked.outside,
        "hidden": checked.hidden,
    })
}

fn print(checked: &Checked, verbose: bool) {
    for (id, outcome) in &checked.configurations {
        if let Outcome::Failed(finding) = outcome {
            anstream::println!("{BAD}{id}{RESET} {}", words(finding.cause));
            print_finding(finding, verbose);
        }
    }
    print_outside(&checked.outside, verbose);
    if !checked.hidden.is_empty() {
        let shown: Vec<String> = checked.hidden.iter().take(LISTED).map(ToString::to_string).collect();
        let more = if checked.hidden.len() > LISTED {
            format!(" and {} more", checked.hidden.len() - LISTED)
        } else {
            String::new()
        };
        anstream::println!(
            "{WARN}not all is known{RESET} of what repositories' NixOS modules set in {}{more}: they keep Nix from telling, or set very much",
            shown.join(", ")
        );
    }
    let good = checked.configurations.values().filter(|outcome| matches!(outcome, Outcome::Ok { .. })).count();
    let cached = match checked.cached {
        0 => String::new(),
        cached => format!(" {DIM}({cached} known from an earlier check){RESET}"),
    };
    let colour = if good == checked.configurations.len() { GOOD } else { WARN };
    let all = checked.configurations.len();
    anstream::println!("{colour}{good} of {all}{RESET} configurations can be evaluated{cached}");
}

fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::NotGenerated => "can't be generated",
        Cause::Option => "sets an option wrongly",
        Cause::Throw => "refuses itself",
        Cause::MissingOutput => "needs an output that a flake doesn't have",
        Cause::ImportFromDerivation => {
            "would have to be built to be evaluated (import from derivation), which isn't allowed"
        }
        Cause::InfiniteRecursion => "depends on itself",
        Cause::StackOverflow => "calls itself too deeply",
        Cause::OutOfMemory => "takes more memory than it may",
        Cause::Timeout => "takes more time than it may",
        Cause::Forbidden => "wants something that pure evaluation forbids",
        Cause::Fetch => "needs something that isn't here; `thymis input lock` brings the inputs of inputs",
        Cause::Other => "can't be evaluated",
    }
}

fn print_finding(finding: &Finding, verbose: bool) {
    if let Some(option) = &finding.option {
        anstream::println!("  option   {BOLD}{option}{RESET}");
    }
    for blamed in &finding.blamed {
        anstream::println!("  defined  {}", blamed.file);
    }
    if let Some(position) = &finding.position {
        anstream::println!("  at       {}:{}:{}", untrusted::short(&position.file), position.line, position.column);
    }
    for setting in &finding.settings {
        let value = untrusted::short(&setting.used.value.to_string());
        let default = if setting.used.default { " (the module's default)" } else { "" };
        let name = untrusted::short(&setting.used.setting);
        anstream::println!("  setting  {name} = {value}{default} {DIM}of {}{RESET}", setting.module);
    }
    for line in finding.message.lines() {
        anstream::println!("  {line}");
    }
    let shown = if verbose { finding.trace.len() } else { FOLDED };
    for line in finding.trace.iter().take(shown) {
        anstream::println!("    {DIM}{line}{RESET}");
    }
    if finding.trace.len() > shown {
        anstream::println!("    {DIM}and {} more lines; --verbose shows all{RESET}", finding.trace.len() - shown);
    }
}

/// By NixOS module, which options it sets that its repository has no permission for, and on how many devices.
fn print_outside(outside: &[Outside], verbose: bool) {
    let mut modules: BTreeMap<(&InputName, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for one in outside {
        let options = modules.entry((&one.input, &one.module)).or_default();
        *options.entry(&one.option).or_default() += 1;
    }
    for ((input, module), options) in modules {
        anstream::println!("{WARN}{module}{RESET} sets what none of the permissions of `{input}` names:");
        let shown = if verbose { options.len() } else { LISTED };
        for (option, devices) in options.iter().take(shown) {
            let devices =
                if *devices == 1 { "1 configuration".to_owned() } else { format!("{devices} configurations") };
            anstream::println!("  {option} {DIM}in {devices}{RESET}");
        }
        if options.len() > shown {
            anstream::println!("  {DIM}and {} more; --verbose shows all{RESET}", options.len() - shown);
        }
    }
}
