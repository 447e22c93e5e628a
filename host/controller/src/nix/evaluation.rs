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
    Nix, NixError,
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
        Evaluation { nix: self, flake: flake.path, sources, urls }
    }
}

impl Evaluation<'_> {
    /// The JSON of a function of an output of the flake: `attribute` as after `#`, `apply` an expression.
    ///
    /// # Errors
    /// When `nix` or the jail is missing, the output doesn't evaluate, or takes more than it may.
    pub fn eval(&self, attribute: &str, apply: &str) -> Result<Vec<u8>, NixError> {
        let state = self.nix.state(&self.sources)?;
        let mut jail = self.nix.jail(&self.sources, state.path(), &[])?;
        jail.urls = &self.urls;
        let ended = self.nix.run(&mut self.command(&jail, attribute, apply), Stdio::null())?;
        match ended.end {
            End::Exit(0) => Ok(ended.printed),
            end => Err(self.nix.over(end).unwrap_or_else(|| failed(&ended))),
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

/// Why a process that ended by itself gave no answer.
pub(super) fn failed(ended: &Ended) -> NixError {
    let mut diagnosis = evaluation::diagnose(&ended.said);
    // Nothing else ends it so: by the bound on its processor time, or for want of memory.
    if let End::Killed(signal) = ended.end {
        let cpu = signal == Signal::KILL.as_raw() && diagnosis.cause != Cause::OutOfMemory;
        diagnosis.cause = if cpu { Cause::Timeout } else { Cause::OutOfMemory };
    }
    NixError::Evaluation(Box::new(diagnosis))
}
