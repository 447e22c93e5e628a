use std::{fmt, sync::Arc};

use thymis_core::{
    conflict::{Conflict, Origin, TargetId},
    id::{DeviceType, InputName, ModuleId, PythonClass},
    instance::AnswerError,
    output::Missing,
    schema::SettingsProblem,
    untrusted, wire,
};

use crate::{input::Status, module::CallError, why::SettingUsed};

/// Why a target can't be generated.
#[derive(Debug, Clone)]
pub struct Failure {
    pub target: TargetId,
    /// The use of a module at fault; absent where several are.
    pub origin: Option<Arc<Origin>>,
    pub kind: Arc<FailureKind>,
}

#[derive(Debug, thiserror::Error)]
pub enum FailureKind {
    #[error("there is no input `{}`: add its repository with `thymis input add {} URL`, or remove the module", .0.input, .0.input)]
    NoInput(ModuleId),
    #[error("the input `{}` can't be used, {status}{}", .module.input, detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    InputNotLoaded { module: ModuleId, status: Status, detail: Option<String> },
    #[error("the input `{}` has no module `{}`{}: it may have been removed in this revision; remove it here too, or go back to an older revision", .module.input, .module.name, having(.known))]
    NoModule { module: ModuleId, known: Vec<String> },
    #[error("no module here was `{class}` in Thymis 0.9{}: add a repository that has it as a component with `thymis input add`, write the name of another module (`<input>/<module>`) in its place, or remove it", waiting_for(.waiting))]
    NoComponent { class: PythonClass, waiting: Vec<(InputName, Status)> },
    #[error("several modules were `{class}` in Thymis 0.9: write the one that is meant in its place, {}", .modules.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" or "))]
    SeveralClaim { class: PythonClass, modules: Vec<ModuleId> },
    #[error("the module can be used only once in a configuration or tag, and is used {0} times; remove the others")]
    NotMultiple(usize),
    #[error("two modules are the instance `{0}`, and both are `{1}`; give each an `instance` of its own")]
    SameInstance(String, ModuleId),
    #[error("settings are wrong:\n{}", lines(.0.iter().take(TOLD).map(|problem| format!("`{}`: {}", untrusted::short(&problem.pointer), problem.message))))]
    Settings(Vec<SettingsProblem>),
    #[error("settings stored by a newer module (schema version {stored}, the module has {known}): update the input")]
    NewerSettings { stored: u32, known: u32 },
    #[error("{found} definitions of the module have to do with `{option}`: name a longer path")]
    Vague { option: String, found: usize },
    #[error("the module refuses its settings{}", if .0.is_empty() { " and doesn't say why: ask its author".to_owned() } else { format!(":\n{}", lines(.0.iter().take(TOLD).map(crate::report::problem))) })]
    Problems(Vec<wire::Problem>),
    #[error("what the module made of older settings is no JSON object")]
    Migrated,
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("there is no artifact `{0}`: put the file into artifacts/")]
    NoArtifact(String),
    #[error("`{}`: the project has no device type `{}`; it has {}. Add the repository that brings it, or choose another", untrusted::short(pointer), untrusted::short(wanted), .known.join(", "))]
    NoDeviceType { pointer: String, wanted: String, known: Vec<String> },
    #[error("the device type `{id}` is one of several inputs, {}: remove all but one of them", .inputs.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and "))]
    DisputedDeviceType { id: DeviceType, inputs: Vec<InputName> },
    #[error("the repository has no file `{0}`")]
    NoSource(String),
    #[error("{place} needs an output that `{input}` doesn't have at revision {revision}: {missing}{}", set_by(.settings))]
    NoOutput { place: String, input: InputName, revision: String, missing: Box<Missing>, settings: Vec<SettingUsed> },
    #[error("{0}")]
    Conflict(Conflict),
    #[error("{0}")]
    Secrets(thymis_core::secret::Clash),
    #[error("the tag `{0}` can't be generated")]
    Tag(thymis_core::id::TagId),
}

/// What leads to it.
fn set_by(settings: &[SettingUsed]) -> String {
    let each = |used: &SettingUsed| {
        let default = if used.default { " (the module's default)" } else { "" };
        format!("`{}` = {}{default}", untrusted::short(&used.setting), untrusted::short(&used.value.to_string()))
    };
    let named: Vec<String> = settings.iter().take(TOLD).map(each).collect();
    match named.as_slice() {
        [] => String::new(),
        [one] => format!(". The setting {one} leads there"),
        several => format!(". The settings {} lead there", several.join(", ")),
    }
}

fn having(modules: &[String]) -> String {
    if modules.is_empty() { String::new() } else { format!(" (it has {})", modules.join(", ")) }
}

/// Inputs that may have the module.
fn waiting_for(inputs: &[(InputName, Status)]) -> String {
    let named: Vec<String> = inputs.iter().take(TOLD).map(|(name, status)| format!("`{name}`: {status}")).collect();
    if named.is_empty() { String::new() } else { format!(" (what isn't loaded isn't known: {})", named.join(", ")) }
}

fn lines(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("  - {item}")).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: ")?,
            None => write!(f, "{}: ", self.target)?,
        }
        f.write_str(&crate::report::chain(&*self.kind))
    }
}

impl std::error::Error for Failure {}

/// How many failures and warnings of one target are told.
pub(super) const TOLD: usize = 20;
/// Longest text of a target's failures, in bytes: it goes into files of every configuration concerned.
const LONGEST: usize = 8 << 10;

/// The failures of a target in one text, for Nix and for `hosts.json`.
pub(super) fn why(failures: &[Failure]) -> String {
    let mut text = String::new();
    for (index, failure) in failures.iter().enumerate() {
        let line = failure.to_string();
        if index == TOLD || text.len() + line.len() > LONGEST {
            text.push_str(&format!("and {} more", failures.len() - index));
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
