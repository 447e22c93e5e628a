use serde_json::json;
use thymis_core::{schema::Descriptor, untrusted};

use super::shown::{Uses, as_json, print};
use crate::{
    cli::{
        Answer, Context,
        progress::Progress,
        style::{BAD, BOLD, GOOD, RESET, WARN},
        words,
    },
    input::Status,
    project::Trial,
};

pub(super) fn test(context: &Context, url: &str) -> Answer {
    let trial = {
        let progress = Progress::new("Fetching");
        context.host.try_input(url, &mut |now| progress.fetched("it", now))?
    };
    let status = status(&trial);
    let names = |descriptors: &[Descriptor]| descriptors.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    let modules: Vec<_> = trial
        .modules
        .iter()
        .map(|(file, modules)| match modules {
            Ok(descriptors) => json!({ "file": file, "modules": names(descriptors) }),
            Err(error) => json!({ "file": file, "error": error }),
        })
        .collect();
    let error = trial.shown.as_ref().err().map(|error| crate::report::chain(error));
    let name = trial.url.suggested_name();
    let mut answer = json!({
        "url": trial.url,
        "revision": trial.revision,
        "reference": trial.reference,
        "refs": trial.refs,
        "status": status,
        "name": name,
        "error": error,
        "modules": modules,
    });
    if let (Ok(shown), Some(object)) = (&trial.shown, answer.as_object_mut()) {
        object.insert("contents".to_owned(), as_json(shown));
    }
    if context.json(&answer)? {
        return Ok(());
    }
    anstream::println!("{GOOD}Reachable{RESET} {}", trial.url);
    let reference = trial.reference.as_deref().map(untrusted::short).unwrap_or_default();
    anstream::println!("  at        {} {reference}", trial.revision);
    anstream::println!("  refs      {}", trial.refs);
    match &trial.shown {
        Ok(shown) => print(shown, &Uses::new()),
        Err(_) => {
            anstream::println!("  {BAD}{status}{RESET}  {}", error.unwrap_or_default());
            anstream::println!("It can't be an input as it is. Nothing was changed");
            return Ok(());
        }
    }
    let locale = words::locale();
    for (file, modules) in &trial.modules {
        match modules {
            Ok(descriptors) => {
                for it in descriptors {
                    let label = words::text(&it.label, &locale);
                    anstream::println!("  module    {BOLD}{}{RESET}  {label}", it.name);
                }
            }
            Err(error) => anstream::println!("  {WARN}{}{RESET}  {}", untrusted::short(file), untrusted::line(error)),
        }
    }
    let name = name.map_or_else(|| "NAME".to_owned(), |name| name.to_string());
    anstream::println!("Nothing was changed. To add it: thymis input add {name} '{}'", trial.url);
    Ok(())
}

fn status(trial: &Trial) -> Status {
    match &trial.shown {
        Ok(shown) => shown.status,
        Err(error) => error.status(),
    }
}
