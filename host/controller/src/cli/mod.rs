//! The command line: arguments in, library calls, text or JSON out.
//!
//! Exit codes: 0 done, 1 refused with reasons, 2 wrong usage.

mod arguments;
mod check;
mod generate;
mod input;
mod module;
mod modules;
mod progress;
mod project;
mod style;
mod thymis;
mod words;

use std::{error::Error, io::IsTerminal as _, path::Path, process::ExitCode, sync::Arc};

use clap::Parser as _;
use rustix::process::Resource;
use thymis_core::untrusted;
use thymis_sandbox::{Limits, worker};

use self::arguments::{Arguments, Command};
use crate::{
    git::{Credentials, FETCH_WORKER, FetchLimits, fetch_worker},
    nix::{NIX_LOCK_WORKER, NIX_WORKER, Nix, NixError, NixLimits, nix_lock_worker, nix_worker},
    project::{Host, Project},
    report,
};

/// What a command answers: text for people is printed as it goes, JSON at the end.
type Answer = Result<(), Box<dyn Error>>;

/// What every command gets.
struct Context {
    arguments: Arguments,
    host: Arc<Host>,
}

impl Context {
    /// The project named by `--project`, or else the one around the current folder.
    fn project(&self) -> Result<Project, Box<dyn Error>> {
        let folder = match &self.arguments.project {
            Some(folder) => folder.clone(),
            None => {
                let here = std::env::current_dir()?;
                let is_project = |folder: &&Path| folder.join("state/project.json").is_file();
                here.ancestors().find(is_project).unwrap_or(&here).to_owned()
            }
        };
        Ok(Project::open(&folder, Arc::clone(&self.host))?)
    }

    fn nix(&self) -> Result<&Nix, NixError> {
        self.host.nix.as_ref().ok_or(NixError::NotInstalled)
    }

    /// With `--json`, prints the value and is done.
    fn json(&self, value: &impl serde::Serialize) -> Result<bool, Box<dyn Error>> {
        if self.arguments.json {
            println!("{}", untrusted::json(&serde_json::to_string_pretty(value)?));
        }
        Ok(self.arguments.json)
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == worker::COMMAND => return worker::serve(words),
        Some(word) if word == FETCH_WORKER => return fetch_worker(),
        Some(word) if word == NIX_WORKER => return nix_worker(words),
        Some(word) if word == NIX_LOCK_WORKER => return nix_lock_worker(words),
        _ => {}
    }
    end_quietly_without_readers();
    let arguments = Arguments::parse();
    let level = if arguments.verbose { "thymis=debug" } else { "thymis=warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("THYMIS_LOG").unwrap_or_else(|_| level.into());
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .without_time()
        .init();
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            refuse(&*error, json);
            ExitCode::from(1)
        }
    }
}

/// `thymis modules | head`: what is printed when nobody reads any more ends the program, and is no panic.
fn end_quietly_without_readers() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to std") && message.contains("Broken pipe") {
            // As the signal would have, which Rust ignores.
            std::process::exit(128 + 13);
        }
        usual(panic);
    }));
}

fn run(arguments: Arguments) -> Answer {
    let context = Context { host: Arc::new(host(&arguments)?), arguments };
    match &context.arguments.command {
        Command::Init { folder, from_thymis: None } => project::init(&context, folder),
        Command::Init { folder, from_thymis: Some(old) } => thymis::import(&context, folder, old),
        Command::Export { file } => thymis::export(&context, file.as_deref()),
        Command::Input(command) => input::run(&context, command),
        Command::Modules { module, schema } => modules::modules(&context, module.as_ref(), *schema),
        Command::Generate { check, keep_going, controller_url } => {
            generate::generate(&context, *check, *keep_going, controller_url.as_deref())
        }
        Command::Commit { message, author } => project::commit(&context, message, author.as_deref()),
        Command::Why { configuration, option } => project::why(&context, configuration, option),
        Command::Eval { configuration, options } => project::eval(&context, configuration, options),
        Command::Check { configurations, again } => check::check(&context, configurations, *again),
        Command::Module(command) => module::run(&context, command),
    }
}

fn host(arguments: &Arguments) -> Result<Host, Box<dyn Error>> {
    let (mut limits, mut fetch, mut nix) = (Limits::default(), FetchLimits::default(), NixLimits::default());
    for (name, value) in &arguments.limits {
        match fetch.bound(name).or_else(|| nix.bound(name)) {
            Some(_) if *value == 0 => return Err(format!("the limit `{name}` can't be 0").into()),
            Some(_) if name.starts_with("nix_") && *value > NixLimits::CEILING => {
                return Err(format!("the limit `{name}` is at most {}", NixLimits::CEILING).into());
            }
            Some(bound) => *bound = *value,
            None => limits.set(name, *value)?,
        }
    }
    let mut host = Host::of_program(limits)?;
    host.who = project::who();
    host.nix = host.nix.map(|known| known.within(nix, arguments.allow_unconfined_nix));
    host.store = host.store.with_limits(fetch).with_plain_http(arguments.allow_plain_http);
    let named = || std::env::var_os("THYMIS_CREDENTIALS").filter(|name| !name.is_empty()).map(Into::into);
    if let Some(file) = arguments.credentials.clone().or_else(named) {
        // What is read next is a secret.
        worker::bound(&[(Resource::Core, 0, 0)])?;
        host.store = host.store.with_credentials(Credentials::read(&file)?);
    }
    Ok(host)
}

fn refuse(error: &(dyn Error + 'static), json: bool) {
    let text = report::chain(error);
    // One document a command.
    if json && !error.is::<generate::WouldChange>() && !error.is::<input::NotUpdated>() && !error.is::<check::Failed>()
    {
        println!("{}", untrusted::json(&format!("{:#}", serde_json::json!({ "error": text }))));
    }
    anstream::eprintln!("{}error{}: {text}", style::BAD, style::RESET);
}
