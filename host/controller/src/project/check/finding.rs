use serde::{Deserialize, Serialize};
use thymis_core::{
    evaluation::{Blamed, Cause, Diagnosis, Position},
    id::{ConfigurationId, InstanceId, ModuleId},
    nix::Blame,
    untrusted,
};

use crate::{
    nix::NixError,
    project::{Catalogue, State},
    why::{self, SettingUsed, Source},
};

/// Why a configuration can't be evaluated. All texts are fit for a terminal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    pub cause: Cause,
    pub message: String,
    /// As NixOS writes it.
    pub option: Option<String>,
    pub blamed: Vec<BlamedFor>,
    /// Where in a file, if Nix says so.
    pub position: Option<Position>,
    /// What the definitions at fault depend on.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// What Nix was doing, innermost first.
    pub trace: Vec<String>,
}

/// A file that defines the option at fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BlamedFor {
    pub file: String,
    /// Where it is a use of a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
}

/// A setting, of whose module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    pub module: String,
    #[serde(flatten)]
    pub used: SettingUsed,
}

impl Finding {
    pub(super) fn not_generated(why: &str) -> Self {
        Self {
            cause: Cause::NotGenerated,
            message: untrusted::lines(why),
            option: None,
            blamed: Vec::new(),
            position: None,
            settings: Vec::new(),
            trace: Vec::new(),
        }
    }

    pub(super) fn no_derivation() -> Self {
        let what =
            "`config.system.build.toplevel.drvPath` is no derivation's path: a module replaced what makes the system";
        Self { cause: Cause::Other, ..Self::not_generated(what) }
    }

    /// # Errors
    /// What has nothing to do with the configuration.
    pub(super) fn of_error(error: NixError) -> Result<Self, NixError> {
        match error {
            NixError::Evaluation(diagnosis) => Ok((*diagnosis).into()),
            NixError::Limit { name, .. } => {
                let cause = match name {
                    "nix_seconds" | "nix_cpu_seconds" => Cause::Timeout,
                    "nix_memory_bytes" => Cause::OutOfMemory,
                    _ => Cause::Other,
                };
                Ok(Self { cause, ..Self::not_generated(&error.to_string()) })
            }
            NixError::Json(_) => {
                let what =
                    "what makes its system is no derivation: `config.system.build.toplevel.drvPath` is something else";
                Ok(Self { cause: Cause::Other, ..Self::not_generated(what) })
            }
            other => Err(other),
        }
    }
}

impl Finding {
    /// Finds the settings that the definitions at fault depend on, where they are of modules.
    pub fn explain(&mut self, state: &State, catalogue: &Catalogue, configuration: &ConfigurationId) {
        let Some(option) = self.option.as_ref().and_then(|option| option.parse().ok()) else { return };
        let is_blamed = |source: &Source| {
            let is = |blamed: &BlamedFor| {
                blamed.module.as_ref().is_some_and(|module| module.to_string() == source.module)
                    && blamed.instance.as_ref().is_some_and(|instance| instance.to_string() == source.instance)
            };
            self.blamed.iter().any(is)
        };
        let sources = why::why(state, catalogue, configuration, &option).unwrap_or_default();
        let mut settings: Vec<Setting> = Vec::new();
        for source in sources.into_iter().filter(is_blamed) {
            for used in source.settings {
                let setting = Setting { module: source.module.clone(), used };
                if !settings.contains(&setting) {
                    settings.push(setting);
                }
            }
        }
        self.settings = settings;
    }
}

impl From<Diagnosis> for Finding {
    fn from(diagnosis: Diagnosis) -> Self {
        let Diagnosis { cause, mut message, option, blamed, assertions, position, trace } = diagnosis;
        if message.is_empty() {
            cause_in_words(cause).clone_into(&mut message);
        }
        for assertion in assertions {
            if !message.contains(&assertion) {
                message.push_str("\n- ");
                message.push_str(&assertion);
            }
        }
        let blamed = blamed.into_iter().map(BlamedFor::from).collect();
        Self { cause, message, option, blamed, position, settings: Vec::new(), trace }
    }
}

impl From<Blamed> for BlamedFor {
    fn from(blamed: Blamed) -> Self {
        let (module, instance) = match blamed.origin {
            Some(Blame::Use { module, instance, .. }) => (Some(module), Some(instance)),
            _ => (None, None),
        };
        Self { file: blamed.file, module, instance }
    }
}

fn cause_in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::OutOfMemory => "it takes more memory than it may (nix_memory_bytes)",
        Cause::Timeout => "it takes more time than it may (nix_cpu_seconds)",
        Cause::StackOverflow => "it calls itself too deeply",
        _ => "Nix doesn't say why",
    }
}
