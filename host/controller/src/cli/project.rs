use std::{path::Path, sync::Arc};

use serde_json::json;
use thymis_core::{consent::Who, id::ConfigurationId, option::OptionPath, untrusted};

use super::{
    Answer, Context,
    progress::Progress,
    style::{BOLD, DIM, GOOD, RESET, WARN},
};
use crate::{
    git::{Author, HistoryError},
    project::{Catalogue, Project},
    why,
};

pub(super) fn init(context: &Context, folder: &Path) -> Answer {
    let project = Project::init(folder, Arc::clone(&context.host))?;
    if context.json(&json!({ "project": project.root() }))? {
        return Ok(());
    }
    anstream::println!("{GOOD}Made a project{RESET} in {}. Next, in that folder:", project.root().display());
    anstream::println!("  thymis input add nixpkgs git+https://github.com/NixOS/nixpkgs?ref=nixos-25.11");
    anstream::println!("  thymis input add thymis  git+https://github.com/Thymis-io/thymis");
    anstream::println!("  {DIM}write state/configurations/<id>.json; `thymis modules` lists what there is{RESET}");
    anstream::println!("  thymis generate");
    Ok(())
}

pub(super) fn commit(context: &Context, message: &str, author: Option<&str>) -> Answer {
    let project = context.project()?;
    let author = match author {
        Some(text) => parse_author(text)?,
        None => configured_author()?,
    };
    let commit = project.commit(message, &author)?;
    if context.json(&json!({ "commit": commit.map(|commit| commit.to_string()) }))? {
        return Ok(());
    }
    match commit {
        Some(commit) => anstream::println!("{GOOD}Committed{RESET} {commit}"),
        None => anstream::println!("Nothing to commit: the branch has everything that was generated"),
    }
    Ok(())
}

fn parse_author(text: &str) -> Result<Author, HistoryError> {
    let (name, address) = text.split_once('<').unwrap_or((text, ""));
    Author::new(name.trim(), address.trim().trim_end_matches('>'))
}

/// Who runs the program: as their git configuration says, or else as the system does.
pub(super) fn who() -> Who {
    let known = git2::Config::open_default().ok();
    let value = |name: &str| known.as_ref().and_then(|config| config.get_string(name).ok());
    match (value("user.name"), value("user.email")) {
        (Some(name), Some(address)) => Who::new(&format!("{name} <{address}>")),
        (Some(name), None) | (None, Some(name)) => Who::new(&name),
        (None, None) => {
            let user = ["LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
            Who::new(&user.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw())))
        }
    }
}

/// The operator's own git configuration says who they are; nothing else of it is used.
fn configured_author() -> Result<Author, HistoryError> {
    let known = git2::Config::open_default().ok();
    let value = |name: &str| known.as_ref().and_then(|config| config.get_string(name).ok());
    match (value("user.name"), value("user.email")) {
        (Some(name), Some(address)) => Author::new(&name, &address),
        _ => Ok(Author::thymis()),
    }
}

pub(super) fn why(context: &Context, configuration: &ConfigurationId, option: &OptionPath) -> Answer {
    let project = context.project()?;
    let state = project.state()?;
    let catalogue = Catalogue::load(&context.host, &state.project, &project.lock()?)?;
    let sources = why::why(&state, &catalogue, configuration, option)?;
    if context.json(&sources)? {
        return Ok(());
    }
    let mut last = "";
    for source in &sources {
        if source.option != last {
            anstream::println!("{BOLD}{}{RESET}", source.option);
        }
        last = &source.option;
        let value = source.value.as_deref().map_or("(an expression)".to_owned(), untrusted::short);
        let mark = if source.wins { format!("{GOOD}→{RESET}") } else { " ".to_owned() };
        anstream::println!("{mark} {value}");
        let instance = if source.module.ends_with(&format!("/{}", source.instance)) {
            String::new()
        } else {
            format!(" as `{}`", source.instance)
        };
        anstream::println!("    module      {}{instance} in {}", source.module, source.target);
        anstream::println!("    strength    {} (priority {})", source.strength, source.priority);
        for setting in &source.settings {
            let default = if setting.default { " (the module's default)" } else { "" };
            let value = untrusted::short(&setting.value.to_string());
            anstream::println!("    setting     {} = {value}{default}", untrusted::short(&setting.setting));
        }
        if !source.all_tried {
            anstream::println!(
                "    {WARN}maybe others{RESET}: the module has too many settings, or is too slow, to try all"
            );
        }
        match (&source.component, &source.grant) {
            (Some(component), Some(grant)) => {
                anstream::println!("    component   {component}");
                anstream::println!("    grant       {grant}");
            }
            _ => anstream::println!("    component   built in"),
        }
        if let (Some(permission), Some(reason)) = (&source.permission, &source.reason) {
            anstream::println!("    permission  {permission}: {}", untrusted::short(reason));
        }
    }
    Ok(())
}

/// What is evaluated is what was generated last.
pub(super) fn warn_of_changes(project: &Project) -> Answer {
    if let Some(file) = project.changed_since_generated()? {
        let file = untrusted::short(&file);
        anstream::eprintln!(
            "{WARN}warning{RESET}: {file} changed since `thymis generate`: this is about what was there before"
        );
    } else if project.has_other_inputs()? {
        anstream::eprintln!(
            "{WARN}warning{RESET}: the inputs changed since `thymis generate`: this is about configurations made with those before"
        );
    }
    Ok(())
}

pub(super) fn eval(context: &Context, configuration: &ConfigurationId, options: &[OptionPath]) -> Answer {
    let project = context.project()?;
    let draft = project.repository().draft()?.ok_or(HistoryError::NoDraft)?;
    if !project.state()?.configurations.contains_key(configuration) {
        return Err(why::WhyError::no_configuration(&project.state()?, configuration).into());
    }
    warn_of_changes(&project)?;
    let values = {
        let _progress = Progress::new(format!("Evaluating {configuration} with Nix"));
        let nix = context.nix()?;
        let evaluable = project.evaluable(draft)?;
        project.evaluation(nix, &evaluable, [configuration])?.options(configuration, options)?
    };
    if context.json(&values)? {
        return Ok(());
    }
    for option in options {
        let option = option.to_string();
        match values.get(&option).and_then(Option::as_ref) {
            Some(value) => anstream::println!("{option} = {}", untrusted::line(&value.to_string())),
            None => anstream::println!("{option} {DIM}is not set{RESET}"),
        }
    }
    Ok(())
}
