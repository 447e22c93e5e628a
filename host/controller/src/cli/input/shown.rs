//! An input as an operator looks at it.

use std::collections::BTreeMap;

use serde_json::json;
use thymis_core::{
    grant::{Accepted, Terms},
    option::Class,
    output::Kind,
    untrusted,
};

use crate::{
    author::{self, Use},
    cli::{
        Context,
        progress::Progress,
        style::{BAD, DIM, RESET, WARN, of_class},
    },
    input::Contents,
    project::{Reason, Shown},
};

/// Why an update waits.
pub(super) fn print_reasons(reasons: &[Reason]) {
    anstream::println!("{WARN}An update waits{RESET}{}", if reasons.is_empty() { "" } else { ":" });
    for reason in reasons {
        anstream::println!("  {reason}");
    }
}

pub(super) fn as_json(shown: &Shown) -> serde_json::Value {
    let pin = &shown.repository.pin;
    let mut value = json!({
        "name": shown.name,
        "status": shown.status,
        "url": pin.url,
        "revision": pin.revision,
        "nar-hash": pin.nar_hash,
        "flake-inputs": pin.inputs,
        "digest": shown.digest,
        "outputs": shown.outputs,
    });
    if let (Contents::Modules(offer), Some(object)) = (&shown.repository.contents, value.as_object_mut()) {
        object.insert("terms".to_owned(), json!(offer.terms));
        object.insert(
            "repository".to_owned(),
            json!({
                "name": offer.manifest.repository.name,
                "version": offer.manifest.repository.version,
                "description": offer.manifest.repository.description,
                "license": offer.manifest.repository.license,
                "homepage": offer.manifest.repository.homepage,
                "publisher": offer.manifest.repository.publisher,
            }),
        );
    }
    value
}

pub(super) fn print(shown: &Shown, uses: &Uses) {
    let pin = &shown.repository.pin;
    anstream::println!("  url       {}", pin.url);
    anstream::println!("  revision  {}", pin.revision);
    anstream::println!("  status    {}", shown.status);
    match &shown.repository.contents {
        Contents::Plain => {
            anstream::println!("  contents  a flake without modules");
            outputs(shown);
        }
        Contents::Modules(offer) => {
            let repository = &offer.manifest.repository;
            let line = |text: &str| untrusted::short(text);
            anstream::println!(
                "  contents  {} {}: {}",
                line(&repository.name),
                line(&repository.version),
                line(&repository.description)
            );
            for (what, text) in [
                ("publisher", &repository.publisher),
                ("license", &repository.license),
                ("homepage", &repository.homepage),
            ] {
                if let Some(text) = text {
                    anstream::println!("  {what:<9} {} {DIM}(says the repository){RESET}", line(text));
                }
            }
            for (file, component) in &offer.terms.components {
                anstream::println!("  component {} {DIM}{}{RESET}", line(file), component.digest);
            }
            permissions(&offer.terms, uses);
            outputs(shown);
            if let Some(digest) = shown.digest {
                anstream::println!("  digest    {digest}");
            }
        }
    }
}

/// What the flake offers, a kind a line.
fn outputs(shown: &Shown) {
    const NAMED: usize = 12;
    let list = |names: &mut dyn Iterator<Item = &String>, count: usize| {
        let mut text = names.take(NAMED).map(|name| untrusted::short(name)).collect::<Vec<_>>().join(", ");
        if count > NAMED {
            text.push_str(&format!(" and {} more", count - NAMED));
        }
        text
    };
    let Some(outputs) = &shown.outputs else { return };
    for (name, kind) in outputs.kinds() {
        let name = untrusted::short(name);
        match kind {
            Kind::Names(names) => {
                anstream::println!("  output    {name:<20} {DIM}{}{RESET}", list(&mut names.iter(), names.len()));
            }
            Kind::Systems(systems) => {
                for (system, names) in systems {
                    let system = format!("{name}.{}", untrusted::short(system));
                    let names = names.as_ref().map_or_else(String::new, |names| list(&mut names.iter(), names.len()));
                    anstream::println!("  output    {system:<20} {DIM}{names}{RESET}");
                }
            }
            Kind::Unlisted => anstream::println!("  output    {name}"),
        }
    }
    if outputs.has_more() {
        anstream::println!("  output    {DIM}and others{RESET}");
    }
}

/// By component, what was found of each of its permissions.
pub(super) type Uses = BTreeMap<String, Vec<Use>>;

/// Tries the components of an offer in its own settings' terms.
pub(super) fn uses(context: &Context, shown: &Shown) -> Uses {
    match &shown.repository.contents {
        Contents::Plain => Uses::new(),
        Contents::Modules(offer) => {
            let _progress = Progress::new("Trying the modules in the sandbox");
            author::unused(&context.host.sandbox, offer)
        }
    }
}

fn found(terms: &Terms, uses: &Uses, file: &str, accepted: &Accepted) -> Use {
    let place =
        terms.components.get(file).and_then(|component| component.permissions.iter().position(|one| one == accepted));
    place.and_then(|index| uses.get(file)?.get(index)).copied().unwrap_or(Use::Unknown)
}

/// The permissions that nothing used which was tried.
pub(super) fn unused_as_json(shown: &Shown, uses: &Uses) -> serde_json::Value {
    let Contents::Modules(offer) = &shown.repository.contents else { return json!([]) };
    let one = |(file, accepted): (&str, &Accepted)| {
        let found = found(&offer.terms, uses, file, accepted);
        let permission = &accepted.permission;
        found.note().map(|_| json!({ "component": file, "permission": permission, "found": found }))
    };
    offer.terms.by_risk().into_iter().filter_map(one).collect()
}

/// What is asked for, the worst first.
fn permissions(terms: &Terms, uses: &Uses) {
    let by_risk = terms.by_risk();
    if by_risk.is_empty() && terms.device_types.is_empty() {
        anstream::println!("  asks for no permissions");
    }
    if !terms.device_types.is_empty() {
        anstream::println!(
            "  {}{}{RESET} on devices of its types",
            of_class(Class::WholeDevice),
            Class::WholeDevice.meaning()
        );
    }
    for (device_type, module) in &terms.device_types {
        anstream::println!("    {:<44} {DIM}imports {module}{RESET}", format!("device type {device_type}"));
    }
    let mut last = None;
    for (file, accepted) in by_risk {
        if last != Some(accepted.class) {
            let colour = of_class(accepted.class);
            anstream::println!("  {colour}{}{RESET}", accepted.class.meaning());
        }
        last = Some(accepted.class);
        anstream::println!(
            "    {:<44} {DIM}{}{RESET}",
            untrusted::line(&accepted.permission.access.to_string()),
            untrusted::short(&accepted.permission.reason)
        );
        if let Some(note) = found(terms, uses, file, accepted).note() {
            anstream::println!("      {WARN}{note}{RESET}");
        }
    }
    if terms.is_unenforceable() {
        anstream::println!(
            "  {BAD}It controls the whole device{RESET}: the list of options above is what its author says, and nothing enforces it"
        );
    } else if terms.by_risk().first().is_some_and(|(_, accepted)| accepted.class == Class::Root) {
        anstream::println!("  {WARN}What it sets can run code as root on the devices that use it{RESET}");
    }
}
