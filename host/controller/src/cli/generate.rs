use std::collections::BTreeMap;

use serde_json::json;
use thymis_core::{id::ModuleId, untrusted};
use thymis_sandbox::{Metrics, MetricsKey};

use super::{
    Answer, Context,
    progress::Progress,
    style::{BAD, BOLD, DIM, GOOD, RESET, WARN},
};
use crate::project::{Catalogue, Generated, Generator, Loaded, Options};

/// How many files a person wants to read.
const NAMED: usize = 12;

/// What a check found. Standard output says it already.
#[derive(Debug, thiserror::Error)]
pub(super) enum WouldChange {
    #[error("{} of the generated files would change; run `thymis generate`", .0)]
    Files(usize),
    #[error(
        "the generated files are as they should be, but the state or the inputs were changed since; run `thymis generate`"
    )]
    State,
}

pub(super) fn generate(context: &Context, check: bool, keep_going: bool, controller_url: Option<&str>) -> Answer {
    let project = context.project()?;
    let before = controller_url.map(|url| project.set_controller_url(Some(url))).transpose()?;
    let generated = {
        let _progress = Progress::new("Generating");
        project.generate(&mut Generator::new(), Options { check, keep_going })
    };
    if let (Err(_), Some(before)) = (&generated, before) {
        project.set_controller_url(before.as_deref())?;
    }
    let generated = generated?;
    let costs = costs(&generated.catalogue, &context.host.sandbox.metrics());
    if !context.json(&as_json(&generated, &costs))? {
        print(&generated, check);
        if context.arguments.verbose {
            print_costs(&costs);
        }
    }
    if check && generated.changed {
        return Err(match generated.written.len() + generated.removed.len() {
            0 => WouldChange::State,
            files => WouldChange::Files(files),
        }
        .into());
    }
    Ok(())
}

/// What the modules of components have cost. Those of the program aren't measured.
fn costs(catalogue: &Catalogue, metrics: &BTreeMap<MetricsKey, Metrics>) -> Vec<(ModuleId, Metrics)> {
    let of = |loaded: &Loaded| metrics.get(&(loaded.component?, loaded.id.name.to_string())).copied();
    catalogue.modules.values().filter_map(|loaded| Some((loaded.id.clone(), of(loaded)?))).collect()
}

fn print_costs(costs: &[(ModuleId, Metrics)]) {
    for (module, Metrics { calls, faults, time, fuel, memory_bytes }) in costs {
        let milliseconds = time.as_secs_f64() * 1000.0;
        anstream::println!(
            "{DIM}{module}: {calls} calls, {faults} faults, {milliseconds:.1} ms, fuel {fuel}, memory at most {memory_bytes} bytes{RESET}"
        );
    }
}

fn as_json(generated: &Generated, costs: &[(ModuleId, Metrics)]) -> serde_json::Value {
    let costs: BTreeMap<String, serde_json::Value> = costs
        .iter()
        .map(|(module, Metrics { calls, faults, time, fuel, memory_bytes })| {
            let milliseconds = time.as_secs_f64() * 1000.0;
            let cost = json!({
                "calls": calls,
                "faults": faults,
                "milliseconds": milliseconds,
                "fuel": fuel,
                "memory-bytes": memory_bytes,
            });
            (module.to_string(), cost)
        })
        .collect();

    let failures: BTreeMap<String, Vec<String>> =
        generated.failures.iter().fold(BTreeMap::new(), |mut all, failure| {
            all.entry(failure.target.to_string()).or_default().push(failure.to_string());
            all
        });
    let warnings: Vec<_> = generated
        .warnings
        .iter()
        .map(|warning| json!({ "configuration": warning.configuration, "message": warning.dropped.to_string() }))
        .collect();
    json!({
        "commit": generated.commit.map(|commit| commit.to_string()),
        "changed": generated.changed,
        "written": generated.written,
        "removed": generated.removed,
        "files": generated.files,
        "failures": failures,
        "warnings": warnings,
        "unpinned": generated.unpinned,
        "milliseconds": generated.time.as_secs_f64() * 1000.0,
        "modules": costs,
    })
}

fn count(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

fn print(generated: &Generated, check: bool) {
    if generated.changed {
        super::input::table(&generated.catalogue);
        super::modules::summary(&generated.catalogue);
    }
    for warning in &generated.warnings {
        anstream::println!("{WARN}warning{RESET}: {}: {}", warning.configuration, warning.dropped);
    }
    for failure in &generated.failures {
        anstream::println!("{BAD}can't be generated{RESET}: {failure}");
    }
    let (would, wrote) = if check { ("would write", "would remove") } else { ("wrote", "removed") };
    if generated.changed {
        anstream::println!("{BOLD}Files{RESET}");
    }
    for (what, files) in [(would, &generated.written), (wrote, &generated.removed)] {
        for file in files.iter().take(NAMED) {
            anstream::println!("  {what} {}", untrusted::short(file));
        }
        if files.len() > NAMED {
            anstream::println!("  {what} {} more", files.len() - NAMED);
        }
    }
    let milliseconds = generated.time.as_secs_f64() * 1000.0;
    if generated.changed {
        let verb = if check { "Checked" } else { "Generated" };
        anstream::println!("{GOOD}{verb}{RESET} {} in {milliseconds:.1} ms", count(generated.files));
    } else {
        anstream::println!(
            "{GOOD}Nothing changed{RESET}: {} up to date {DIM}({milliseconds:.1} ms){RESET}",
            count(generated.files)
        );
    }
    if !generated.unpinned.is_empty() {
        anstream::println!(
            "{WARN}warning{RESET}: flake.lock doesn't pin {}: add nixpkgs and thymis with `thymis input add`; pin inputs of inputs with `thymis input lock`",
            generated.unpinned.join(", ")
        );
    }
}
