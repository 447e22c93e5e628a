//! From and to Thymis 0.9.

use std::{io::Write as _, path::Path, sync::Arc};

use serde_json::json;
use thymis_core::{json, thymis::Report, untrusted};

use super::{
    Answer, Context,
    style::{BOLD, DIM, GOOD, RESET, WARN},
};
use crate::project::Project;

/// How many lines of one kind a person wants to read.
const TOLD: usize = 40;

#[derive(Debug, thiserror::Error)]
#[error("{file} can't be written")]
struct Write {
    file: String,
    source: std::io::Error,
}

pub(super) fn import(context: &Context, folder: &Path, old: &Path) -> Answer {
    let (project, report) = Project::import(folder, old, Arc::clone(&context.host))?;
    if context.json(&json!({ "project": project.root(), "report": report }))? {
        return Ok(());
    }
    let Report { version, configurations, tags, modules, inputs, artifacts, .. } = &report;
    anstream::println!(
        "{GOOD}Made a project{RESET} in {} from a state of version {version}: {}, {}, {}, {}, {}",
        project.root().display(),
        count(*configurations, "configuration"),
        count(*tags, "tag"),
        count(*modules, "module"),
        count(*inputs, "input"),
        count(*artifacts, "artifact"),
    );
    let renamed = report.renamed.iter().map(|one| format!("{} `{}` is `{}`", one.kind, one.from, one.to));
    list("Renamed", renamed);
    let changed =
        report.changed.iter().map(|one| format!("{}: {} became {} ({})", one.place, one.from, one.to, one.why));
    list("Changed", changed);
    list("Dropped", report.dropped.iter().map(|one| format!("{}: {} ({})", one.place, one.what, one.why)));
    let used = |users: &[String]| untrusted::short(&users.join(", "));
    let modules = report.missing_modules.iter().map(|one| format!("{}, used by {}", one.module, used(&one.used_by)));
    list("Modules that are no components yet: what uses them can't be generated until a repository has them", modules);
    let repositories = report.missing_repositories.iter().map(|one| format!("{}: {}", one.name, one.why));
    list("Repositories that can't be inputs; kept in state/project.json", repositories);
    let secrets = report.secrets.iter().map(|one| format!("{}, used by {}", one.id, used(&one.used_by)));
    list("Secrets: settings name them by these ids; their values are in Thymis's database, not in state.json", secrets);
    next_steps(&project, &report);
    Ok(())
}

fn next_steps(project: &Project, report: &Report) {
    anstream::println!("{BOLD}Next, in that folder{RESET}");
    let inputs = project.state().map(|state| state.project.inputs.clone()).unwrap_or_default();
    for (name, input) in &inputs {
        anstream::println!("  thymis input add --replace {name} {}", untrusted::line(&input.url));
    }
    if !report.missing_modules.is_empty() {
        anstream::println!("  {DIM}`thymis input accept NAME` where an input has modules{RESET}");
    }
    let keep_going = if report.missing_modules.is_empty() { "" } else { " --keep-going" };
    anstream::println!("  thymis generate{keep_going} --controller-url https://the-controller.example.org");
    anstream::println!("  {DIM}before devices are built, where there are no such inputs yet:{RESET}");
    for (name, url) in [
        ("nixpkgs", "git+https://github.com/NixOS/nixpkgs?ref=nixos-25.11"),
        ("thymis", "git+https://github.com/Thymis-io/thymis"),
    ] {
        if !inputs.keys().any(|input| input.as_str() == name) {
            anstream::println!("  thymis input add {name} {url}");
        }
    }
}

fn list(title: &str, lines: impl ExactSizeIterator<Item = String>) {
    let all = lines.len();
    if all == 0 {
        return;
    }
    anstream::println!("{WARN}{title}{RESET}");
    for line in lines.take(TOLD) {
        anstream::println!("  {}", untrusted::line(&line));
    }
    if all > TOLD {
        anstream::println!("  {DIM}and {} more; --json lists all{RESET}", all - TOLD);
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn export(context: &Context, file: Option<&Path>) -> Answer {
    let exported = context.project()?.export()?;
    let bytes = json::write(&exported.state)?;
    for (module, users) in &exported.unreadable {
        let users: Vec<String> = users.iter().cloned().collect();
        anstream::eprintln!(
            "{WARN}warning{RESET}: Thymis 0.9 has no module `{module}`, used by {}: it is in the file under this name",
            untrusted::short(&users.join(", "))
        );
    }
    for setting in &exported.ignored {
        anstream::eprintln!("{WARN}warning{RESET}: Thymis 0.9 ignores {}", untrusted::short(setting));
    }
    let Some(file) = file else {
        print!("{}", untrusted::json(&String::from_utf8_lossy(&bytes)));
        return Ok(());
    };
    replace(file, &bytes).map_err(|source| Write { file: file.display().to_string(), source })?;
    let unreadable: Vec<String> = exported.unreadable.keys().map(ToString::to_string).collect();
    if !context.json(&json!({ "file": file, "unreadable": unreadable, "ignored": exported.ignored }))? {
        anstream::println!("{GOOD}Wrote{RESET} {}", file.display());
    }
    Ok(())
}

/// All of the file or nothing.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".thymis-").tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.persist(file)?;
    Ok(())
}
