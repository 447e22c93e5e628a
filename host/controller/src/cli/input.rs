mod log;
mod revoke;
mod shown;
mod test;
mod update;

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde_json::json;
use thymis_core::{conflict::TargetId, id::InputName, untrusted};

use self::shown::{Uses, as_json, print, print_reasons, unused_as_json, uses};
pub(super) use self::update::NotUpdated;
use super::{
    Answer, Context,
    arguments::Input,
    progress::Progress,
    style::{BAD, BOLD, DIM, GOOD, RESET, WARN},
};
use crate::{
    input::Status,
    project::{Catalogue, Completed, Generator, InputError, Shown},
};

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("nothing was accepted")]
    No,
    #[error("it has no modules: there is nothing to accept")]
    Nothing,
    #[error("nobody can be asked here: read what `thymis input show` prints, then run it again with --digest {0}")]
    NobodyToAsk(String),
}

pub(super) fn run(context: &Context, command: &Input) -> Answer {
    match command {
        Input::Test { url } => test::test(context, url),
        Input::Add { name, url, replace } => add(context, name, url, *replace),
        Input::Update { names } => update::update(context, names),
        Input::Pin { name, revision } => update::pin(context, name, *revision),
        Input::Unpin { name } => {
            let was_pinned = context.project()?.unpin_input(name)?;
            if context.json(&json!({ "unpinned": name }))? {
                return Ok(());
            }
            if was_pinned {
                anstream::println!("{GOOD}Unpinned{RESET} {name}: `thymis input update` moves it again");
            } else {
                anstream::println!("{name} wasn't pinned");
            }
            Ok(())
        }
        Input::Rollback { name, revision } => update::roll_back(context, name, *revision),
        Input::Rename { old, new } => rename(context, old, new),
        Input::Log { name, contains } => log::log(context, name.as_ref(), contains.as_ref()),
        Input::List => list(context),
        Input::Show { name } => show(context, name),
        Input::Accept { name, yes, revision, digest } => {
            let project = context.project()?;
            let (shown, waits) = project.show_meant(name, *revision, *digest, &mut Generator::new())?;
            if let Some(pending) = waits.filter(|_| !context.arguments.json) {
                print_reasons(&pending.reasons);
                update::print(&pending.comparison);
            }
            let uses = uses(context, &shown);
            if !context.arguments.json {
                print(&shown, &uses);
            }
            if shown.digest.is_none() {
                return Err(InputError::NothingToAccept(name.clone()).into());
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
            anstream::println!("{}", update::NEXT);
            Ok(())
        }
        Input::Lock => {
            let done = {
                let _progress = Progress::new("Pinning inputs of inputs with Nix");
                context.project()?.lock_inputs(context.nix()?)?
            };
            if !context.json(&done)? {
                print_completed(&done);
            }
            Ok(())
        }
        Input::Follow { name, own, target } => {
            context.project()?.follow_input(name, own, target.as_ref())?;
            if context.json(&json!({ "input": name, "own": own, "follows": target }))? {
                return Ok(());
            }
            let own = untrusted::short(own);
            match target {
                Some(target) => {
                    anstream::println!("{GOOD}{name}/{own}{RESET} follows {target}; then `thymis generate`")
                }
                None => anstream::println!("{GOOD}{name}/{own}{RESET} follows nothing else; then `thymis generate`"),
            }
            Ok(())
        }
        Input::Store => {
            let stored = {
                let _progress = Progress::new("Putting the files of inputs into the Nix store");
                context.project()?.store_inputs(context.nix()?)?
            };
            if !context.json(&stored)? {
                for (path, names) in &stored {
                    anstream::println!("  {path} {DIM}{}{RESET}", names.join(", "));
                }
                anstream::println!("{GOOD}Stored{RESET} {} sources", stored.len());
            }
            Ok(())
        }
        Input::Revoke { advisories: Some(file), .. } => revoke::advisories(context, file),
        Input::Revoke { what: Some(what), reason, .. } => revoke::revoke(context, what, reason),
        Input::Revoke { .. } => Ok(()),
        Input::Revoked => revoke::revoked(context),
        Input::Remove { name } => {
            context.project()?.remove_input(name)?;
            if !context.json(&json!({ "removed": name }))? {
                anstream::println!("{GOOD}Removed{RESET} {name}");
            }
            Ok(())
        }
    }
}

fn print_completed(done: &Completed) {
    match done.pinned.as_slice() {
        [] => anstream::println!("Everything is pinned"),
        pinned => anstream::println!("{GOOD}Pinned{RESET} {}", pinned.join(", ")),
    }
    match done.fetched {
        0 => {}
        1 => anstream::println!("  1 source was fetched"),
        many => anstream::println!("  {many} sources were fetched"),
    }
}

/// The digest that the person agreed to.
fn ask(shown: &Shown, json: bool) -> Result<thymis_core::digest::Digest, Box<dyn std::error::Error>> {
    let Some(digest) = shown.digest else {
        return Err(Refused::Nothing.into());
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

fn show(context: &Context, name: &InputName) -> Answer {
    let shown = context.project()?.show_input(name, &mut Generator::new())?;
    let uses = uses(context, &shown);
    let mut answer = as_json(&shown);
    if let Some(object) = answer.as_object_mut() {
        object.insert("unused".to_owned(), unused_as_json(&shown, &uses));
    }
    if let (Some(waiting), Some(object)) = (&shown.next, answer.as_object_mut()) {
        let next = match waiting {
            Ok((next, pending)) => {
                let reasons: Vec<String> = pending.reasons.iter().map(ToString::to_string).collect();
                json!({ "shown": as_json(next), "reasons": reasons, "changes": pending.comparison })
            }
            Err(error) => json!({ "error": crate::report::chain(&**error) }),
        };
        object.insert("next".to_owned(), next);
    }
    if !context.json(&answer)? {
        print(&shown, &uses);
        match &shown.next {
            Some(Ok((next, pending))) => {
                print_reasons(&pending.reasons);
                update::print(&pending.comparison);
                print(next, &Uses::new());
            }
            Some(Err(error)) => {
                let error = crate::report::chain(&**error);
                anstream::println!("{WARN}An update waits{RESET} that can't be looked at: {error}");
            }
            None => {}
        }
    }
    Ok(())
}

fn rename(context: &Context, old: &InputName, new: &InputName) -> Answer {
    let renamed = context.project()?.rename_input(old, new)?;
    let names = |targets: &[TargetId]| targets.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (users, by_hand) = (names(&renamed.users), names(&renamed.by_hand));
    if context.json(&json!({ "renamed": old, "to": new, "users": users, "by-hand": by_hand }))? {
        return Ok(());
    }
    anstream::println!("{GOOD}Renamed{RESET} {old} to {new}");
    if !users.is_empty() {
        anstream::println!("  also in {}; then `thymis generate`", users.join(", "));
    }
    if !by_hand.is_empty() {
        anstream::println!("  {WARN}change by hand{RESET} `inputs.{old}` in the Nix text of {}", by_hand.join(", "));
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
                "held": report.entry.as_ref().is_some_and(|entry| entry.held),
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
        if report.entry.as_ref().is_some_and(|entry| entry.held) {
            anstream::println!("  {:<27} {DIM}pinned{RESET}: updates leave it there", "");
        }
        if report.entry.as_ref().is_some_and(|entry| entry.next.is_some()) {
            anstream::println!("  {:<27} {WARN}an update waits{RESET}: `thymis input show {name}`", "");
        }
    }
}
