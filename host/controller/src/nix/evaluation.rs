use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;
use thymis_core::{
    evaluation::{self, Cause},
    id::ConfigurationId,
    nix,
    option::OptionPath,
    store_path::SourcePath,
};

use super::{
    Nix, NixError, NixLimits,
    jail::Jail,
    process::{End, Ended},
    source::Source,
};

/// One flake that can be evaluated, with the sources that it may see.
#[derive(Debug)]
pub struct Evaluation<'a> {
    pub(super) nix: &'a Nix,
    pub(super) flake: SourcePath,
    pub(super) sources: Vec<Source>,
    pub(super) urls: Vec<String>,
    pub(super) limits: NixLimits,
}

impl Nix {
    /// A flake whose files are `flake`, with the sources of its inputs; `urls` are the addresses that its lock names.
    #[must_use]
    pub fn evaluation(
        &self,
        flake: &Source,
        inputs: impl IntoIterator<Item = Source>,
        urls: Vec<String>,
    ) -> Evaluation<'_> {
        let mut sources: Vec<Source> = inputs.into_iter().chain([flake.clone()]).collect();
        sources.sort();
        sources.dedup();
        Evaluation { nix: self, flake: flake.path, sources, urls, limits: self.inner.limits }
    }
}

impl Evaluation<'_> {
    /// The same with less time, where the bound isn't lower.
    #[must_use]
    pub fn in_seconds(mut self, seconds: u64) -> Self {
        self.limits.seconds = self.limits.seconds.min(seconds);
        self
    }

    /// The JSON of a function of an output of the flake: `attribute` as after `#`, `apply` an expression.
    ///
    /// # Errors
    /// When `nix` or the jail is missing, the output doesn't evaluate, or takes more than it may.
    pub fn eval(&self, attribute: &str, apply: &str) -> Result<Vec<u8>, NixError> {
        let state = self.nix.state(&self.sources)?;
        let mut jail = self.nix.jail(&self.sources, state.path(), &[])?;
        jail.urls = &self.urls;
        let ended = self.nix.run_within(&mut self.command(&jail, attribute, apply), Stdio::null(), &self.limits)?;
        match ended.end {
            End::Exit(0) => Ok(ended.printed),
            _ => Err(failed(&ended, &self.limits)),
        }
    }

    /// The store path of the derivation that makes the system of a configuration.
    ///
    /// # Errors
    /// As [`Self::eval`].
    pub fn derivation(&self, configuration: &ConfigurationId) -> Result<String, NixError> {
        let system = format!("nixosConfigurations.\"{configuration}\".config.system.build.toplevel");
        Ok(serde_json::from_slice(&self.eval(&system, "system: system.drvPath")?)?)
    }

    pub(super) fn command(&self, jail: &Jail<'_>, attribute: &str, apply: &str) -> Command {
        let mut command = jail.command("nix");
        command.args(["eval", "--json", "--no-update-lock-file", "--no-write-lock-file"]);
        command.args(["--log-format", "internal-json", "--show-trace"]);
        command.arg(format!("path:{}#{attribute}", self.flake)).args(["--apply", apply]);
        command
    }

    /// The values of options of a configuration, by option. `None`: it has no value.
    ///
    /// # Errors
    /// As [`Self::eval`].
    pub fn options(
        &self,
        configuration: &ConfigurationId,
        options: &[OptionPath],
    ) -> Result<BTreeMap<String, Option<Value>>, NixError> {
        let mut apply = String::from("config: {");
        for option in options {
            apply.push(' ');
            nix::string(&option.to_string(), &mut apply);
            let mut path = String::new();
            for (index, segment) in option.segments().iter().enumerate() {
                path.push_str(if index == 0 { "" } else { "." });
                nix::string(segment, &mut path);
            }
            // A list of one or none tells what isn't set from what is null.
            apply.push_str(&format!(" = if config ? {path} then [ config.{path} ] else [ ];"));
        }
        apply.push_str(" }");
        let output = self.eval(&format!("nixosConfigurations.\"{configuration}\".config"), &apply)?;
        let values: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&output)?;
        Ok(values.into_iter().map(|(option, value)| (option, value.into_iter().next())).collect())
    }
}

/// Why a process gave no answer.
pub(super) fn failed(ended: &Ended, limits: &NixLimits) -> NixError {
    let diagnosis = evaluation::diagnose(&ended.said);
    let is = |signal: i32, wanted: Signal| signal == wanted.as_raw();
    let over = |what, name, limit| NixError::Limit { what, name, limit };
    match ended.end {
        // A collector that gets no more memory may go on for ever.
        _ if diagnosis.cause == Cause::OutOfMemory => {
            over("it needs more memory", "nix_memory_bytes", limits.memory_bytes)
        }
        End::Clock => over("it runs for too long", "nix_seconds", limits.seconds),
        End::Output => over("it prints too much", "nix_output_bytes", limits.output_bytes),
        End::Killed(signal) if is(signal, Signal::KILL) => {
            over("it needs more processor time", "nix_cpu_seconds", limits.cpu_seconds)
        }
        End::Killed(signal) if is(signal, Signal::XFSZ) => {
            over("it writes too much", "nix_store_bytes", limits.store_bytes)
        }
        // Where memory is short, Nix also ends by its own hand.
        End::Killed(_) => over("it needs more memory", "nix_memory_bytes", limits.memory_bytes),
        End::Exit(_) => NixError::Evaluation(Box::new(diagnosis)),
    }
}
