mod shown;

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use thymis_core::{id::InputName, revocation::Revocation, untrusted};

use self::shown::{Uses, as_json, print, print_reasons, unused_as_json, uses};
use super::{
    Answer, Context,
    arguments::{Input, Revoked},
    progress::Progress,
    style::{BAD, BOLD, GOOD, RESET, WARN},
};
use crate::{
    input::Status,
    nix::Nix,
    project::{Catalogue, Reason, Shown, Update, Waiting, is_named},
};

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("nothing was accepted")]
    No,
    #[error("nobody can be asked here: read what `thymis input show` prints, then run it again with --digest {0}")]
    NobodyToAsk(String),
}

/// Each was told when it failed.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the inputs couldn't be updated; they stay as they were")]
pub(super) struct NotUpdated(usize);

pub(super) fn run(context: &Context, command: &Input) -> Answer {
    match command {
        Input::Add { name, url, replace } => add(context, name, url, *replace),
        Input::Update { names } => update(context, names),
        Input::List => list(context),
        Input::Show { name } => show(context, name),
        Input::Accept { name, yes, revision, digest } => {
            let project = context.project()?;
            let mut shown = project.show_input(name)?;
            let named = is_named(&shown.repository, *revision, *digest);
            if let Some(Waiting { shown: next, reasons }) = shown.next.take().filter(|_| !named) {
                shown = *next?;
                if !context.arguments.json {
                    print_reasons(&reasons);
                }
            }
            let uses = uses(context, &shown);
            if !context.arguments.json {
                print(&shown, &uses);
            }
            // Whoever named a digest has seen what it stands for.
            let digest = match digest {
                Some(digest) => Some(*digest),
                None if *yes => shown.digest,
                None => Some(ask(&shown, context.arguments.json)?),
            };
            let grant = project.accept_input(name, *revision, digest)?;
            let revision = shown.repository.pin.revision;
            let unused = unused_as_json(&shown, &uses);
            if context.json(&json!({ "input": name, "revision": revision, "grant": grant, "unused": unused }))? {
                return Ok(());
            }
            anstream::println!("{GOOD}Accepted{RESET} {name} at revision {revision}, grant {}", grant.digest);
            Ok(())
        }
        Input::Lock => {
            let pinned = {
                let _progress = Progress::new("Pinning inputs of inputs with Nix");
                context.project()?.lock_inputs(&Nix::new()?)?
            };
            if context.json(&json!({ "pinned": pinned }))? {
                return Ok(());
            }
            match pinned.as_slice() {
                [] => anstream::println!("Everything is pinned"),
                pinned => anstream::println!("{GOOD}Pinned{RESET} {}", pinned.join(", ")),
            }
            Ok(())
        }
        Input::Revoke { what, reason } => revoke(context, what, reason),
        Input::Revoked => {
            let revoked = context.host.revocations.read()?;
            if context.json(&revoked)? {
                return Ok(());
            }
            if revoked.digests.is_empty() {
                anstream::println!("Nothing was revoked");
            }
            for (digest, revocation) in &revoked.digests {
                anstream::println!("{digest}  {}", untrusted::short(&revocation.reason));
            }
            Ok(())
        }
        Input::Remove { name } => {
            context.project()?.remove_input(name)?;
            if !context.json(&json!({ "removed": name }))? {
                anstream::println!("{GOOD}Removed{RESET} {name}");
            }
            Ok(())
        }
    }
}

fn revoke(context: &Context, what: &Revoked, reason: &str) -> Answer {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let revocation = Revocation { reason: reason.to_owned(), at };
    let digests = match what {
        Revoked::Input(name) => context.project()?.revoke_input(name, &revocation)?,
        Revoked::Digest(digest) => {
            context.host.revocations.add(&[*digest], &revocation)?;
            vec![*digest]
        }
    };
    if context.json(&json!({ "revoked": digests, "file": context.host.revocations.file() }))? {
        return Ok(());
    }
    for digest in digests {
        anstream::println!("{GOOD}Revoked{RESET} {digest}");
    }
    anstream::println!("It is kept in {}, for all projects of this user", context.host.revocations.file().display());
    Ok(())
}

/// The digest that the person agreed to.
fn ask(shown: &Shown, json: bool) -> Result<thymis_core::digest::Digest, Box<dyn std::error::Error>> {
    let Some(digest) = shown.digest else {
        return Err(crate::project::InputError::NothingToAccept(shown.name.clone()).into());
    };
    if json || !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk(digest.to_string()).into());
    }
    anstream::print!("Accept this? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(digest) } else { Err(Refused::No.into()) }
}

fn add(context: &Context, name: &InputName, url: &str, replace: bool) -> Answer {
    let project = context.project()?;
    let shown = {
        let progress = Progress::new(format!("Fetching {name}"));
        project.add_input(name, url, replace, &mut |fetched| progress.fetched(name.as_str(), fetched))?
    };
    if context.json(&as_json(&shown))? {
        return Ok(());
    }
    anstream::println!("{GOOD}Added{RESET} {name}");
    print(&shown, &Uses::new());
    if shown.status == Status::AwaitingGrant {
        anstream::println!("Its modules can be used after `thymis input accept {name}`");
    }
    Ok(())
}

fn update(context: &Context, names: &[InputName]) -> Answer {
    let project = context.project()?;
    let all: Vec<InputName> = project.state()?.project.inputs.keys().cloned().collect();
    let (mut answers, mut failed) = (Vec::new(), 0);
    for name in if names.is_empty() { &all } else { names } {
        let updated = {
            let progress = Progress::new(format!("Fetching {name}"));
            project.update_input(name, &mut |fetched| progress.fetched(name.as_str(), fetched))
        };
        let updated = match updated {
            Ok(updated) => updated,
            // The others are looked at all the same.
            Err(error) => {
                let error = crate::report::chain(&error);
                anstream::eprintln!("{BAD}can't be updated{RESET}: {name}: {error}");
                answers.push(json!({ "name": name, "error": error }));
                failed += 1;
                continue;
            }
        };
        let (from, to, result, reasons) = match &updated {
            Update::Current(revision) => (revision, revision, "current", &[][..]),
            Update::Moved { from, shown } => (from, &shown.repository.pin.revision, "moved", &[][..]),
            Update::Waits { from, shown, reasons } => {
                (from, &shown.repository.pin.revision, "waits", reasons.as_slice())
            }
        };
        let told: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        answers.push(json!({ "name": name, "result": result, "from": from, "to": to, "reasons": told }));
        if context.arguments.json {
            continue;
        }
        match &updated {
            Update::Current(revision) => anstream::println!("{name} is current ({})", revision.short()),
            Update::Moved { shown, .. } => {
                anstream::println!("{GOOD}Updated{RESET} {name}: {} → {}, {}", from.short(), to.short(), shown.status);
            }
            Update::Waits { .. } => {
                anstream::println!("{WARN}Waits{RESET} {name}: {} → {}", from.short(), to.short());
                for reason in told {
                    anstream::println!("  {reason}");
                }
                if !reasons.contains(&Reason::NoModules) {
                    let from = from.short();
                    anstream::println!("  until `thymis input accept {name}` everything goes on with {from}");
                }
            }
        }
    }
    context.json(&answers)?;
    if failed == 0 { Ok(()) } else { Err(NotUpdated(failed).into()) }
}

fn show(context: &Context, name: &InputName) -> Answer {
    let shown = context.project()?.show_input(name)?;
    let uses = uses(context, &shown);
    let mut answer = as_json(&shown);
    if let Some(object) = answer.as_object_mut() {
        object.insert("unused".to_owned(), unused_as_json(&shown, &uses));
    }
    if let (Some(Waiting { shown, reasons }), Some(object)) = (&shown.next, answer.as_object_mut()) {
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        let next = match shown {
            Ok(next) => json!({ "shown": as_json(next), "reasons": reasons }),
            Err(error) => json!({ "error": crate::report::chain(&**error) }),
        };
        object.insert("next".to_owned(), next);
    }
    if !context.json(&answer)? {
        print(&shown, &uses);
        match &shown.next {
            Some(Waiting { shown: Ok(next), reasons }) => {
                print_reasons(reasons);
                print(next, &Uses::new());
            }
            Some(Waiting { shown: Err(error), .. }) => {
                let error = crate::report::chain(&**error);
                anstream::println!("{WARN}An update waits{RESET} that can't be looked at: {error}");
            }
            None => {}
        }
    }
    Ok(())
}

fn list(context: &Context) -> Answer {
    let project = context.project()?;
    let state = project.state()?;
    let catalogue = Catalogue::load(&context.host, &state.project, &project.lock()?)?;
    let inputs: Vec<_> = catalogue
        .inputs
        .iter()
        .map(|(name, report)| {
            let pin = report.entry.as_ref().map(|entry| &entry.pin);
            json!({
                "name": name,
                "status": report.status,
                "detail": report.detail,
                "url": pin.map(|pin| &pin.url),
                "revision": pin.map(|pin| pin.revision),
                "next": report.entry.as_ref().and_then(|entry| Some(entry.next.as_ref()?.revision)),
                "grant": report.entry.as_ref().and_then(|entry| Some(entry.grant.as_ref()?.digest)),
            })
        })
        .collect();
    if !context.json(&inputs)? {
        table(&catalogue);
    }
    Ok(())
}

/// All inputs, a line each.
pub(super) fn table(catalogue: &Catalogue) {
    anstream::println!("{BOLD}Inputs{RESET}");
    if catalogue.inputs.is_empty() {
        anstream::println!("  none; add one with `thymis input add NAME URL`");
    }
    for (name, report) in &catalogue.inputs {
        let colour = match report.status {
            Status::Loaded => GOOD,
            Status::AwaitingGrant | Status::Loading => WARN,
            _ => BAD,
        };
        let revision = report.entry.as_ref().map_or_else(String::new, |entry| entry.pin.revision.short());
        let what = match (&report.manifest, report.status) {
            (Some(manifest), _) => format!("{} {}", manifest.repository.name, manifest.repository.version),
            (None, Status::Loaded) => "no modules".to_owned(),
            _ => report.detail.clone().unwrap_or_default(),
        };
        anstream::println!(
            "  {name:<16} {revision:<10} {colour}{:<14}{RESET} {}",
            report.status,
            untrusted::line(&what)
        );
        if report.entry.as_ref().is_some_and(|entry| entry.next.is_some()) {
            anstream::println!("  {:<27} {WARN}an update waits{RESET}: `thymis input show {name}`", "");
        }
    }
}
