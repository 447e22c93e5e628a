use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use thymis_core::{
    authority::Authority,
    conflict::{Origin, TargetId},
    digest::Digest,
    expr::Trust,
    grant::Accepted,
    id::{ConfigurationId, InputName, InstanceId, ModuleId, ModuleName},
    instance::{self, AnswerError, Target},
    json::{self, JsonError},
    manifest::{self, Manifest, ManifestError},
    nix,
    permission::Access,
    schema::{Descriptor, SchemaProblem, SettingsProblem},
    state::CONFIGURATION_PRIORITY,
    untrusted, wire,
};
use thymis_sandbox::{Inspection, Sandbox, Usage};

use crate::module::{CallError, Module};

/// A component as its author looks at it.
#[derive(Debug)]
pub struct Component {
    pub digest: Digest,
    pub inspection: Inspection,
    pub descriptors: Vec<Descriptor>,
    module: Module,
    /// From the manifest of the repository that the file lies in, if it lists the file.
    pub permissions: Option<Vec<Accepted>>,
}

/// What a module makes of settings.
#[derive(Debug)]
pub struct Run {
    /// The file of a device that uses nothing else.
    pub nix: String,
    pub usage: Usage,
    /// Whether a manifest was found and covers it.
    pub permitted: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Sandbox(#[from] thymis_sandbox::Error),
    #[error(transparent)]
    Incompatible(#[from] thymis_sandbox::Incompatible),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the component describes itself wrongly:\n{}", lines(.0))]
    Schema(Vec<SchemaProblem>),
    #[error("the component has no module `{wanted}`; it has {known}")]
    NoModule { wanted: ModuleName, known: String },
    #[error("the component has several modules: choose one of {0} with --module")]
    Several(String),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the settings are wrong:\n{}", lines(&.0.iter().map(|problem| format!("`{}`: {}", untrusted::short(&problem.pointer), problem.message)).collect::<Vec<_>>()))]
    Settings(Vec<SettingsProblem>),
    #[error("the module refuses its settings:\n{}", lines(.0))]
    Problems(Vec<String>),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("a name of this program's own is refused")]
    Name(#[from] thymis_core::id::IdError),
}

fn lines<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("  - {item}")).collect::<Vec<_>>().join("\n")
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(|source| RunError::Read { path: path.to_owned(), source })
}

/// Loads a component from a file and asks what it is.
///
/// # Errors
/// When it can't be used.
pub fn inspect(sandbox: &Sandbox, file: &Path) -> Result<Component, RunError> {
    let bytes = read(file)?;
    let inspection = thymis_sandbox::inspect(&bytes, sandbox.limits())?;
    let permissions = declared(file)?;
    let wasi = |accepted: &Accepted| accepted.permission.access == Access::Wasi;
    // Without a manifest nothing is declared yet, and nothing is behind WASI.
    let allow_wasi = permissions.as_ref().is_none_or(|permissions| permissions.iter().any(wasi));
    let module = Module::Component(sandbox.load(&bytes, allow_wasi)?);
    let descriptors = Descriptor::check_all(module.describe()?).map_err(RunError::Schema)?;
    Ok(Component { digest: Digest::of(&bytes), inspection, descriptors, module, permissions })
}

/// Permissions for the file in the `thymis.toml` of a folder around it.
fn declared(file: &Path) -> Result<Option<Vec<Accepted>>, RunError> {
    let Ok(file) = file.canonicalize() else { return Ok(None) };
    for folder in file.ancestors().skip(1) {
        let path = folder.join(manifest::FILE);
        if !path.is_file() {
            continue;
        }
        let manifest = Manifest::parse(&read(&path)?)?;
        let relative = file.strip_prefix(folder).unwrap_or(&file);
        let component = manifest.components.into_iter().find(|component| Path::new(&component.file) == relative);
        return Ok(component.map(|component| component.permissions.into_iter().map(Accepted::from).collect()));
    }
    Ok(None)
}

/// Calls a module of a component with settings, and prints what a device would get.
///
/// # Errors
/// When the settings, the module or its answer are wrong, or the manifest doesn't cover the answer.
pub fn run(component: &Component, module: Option<&ModuleName>, settings: &Path) -> Result<Run, RunError> {
    let known = || component.descriptors.iter().map(|known| format!("`{}`", known.name)).collect::<Vec<_>>().join(", ");
    let descriptor = match (module, component.descriptors.as_slice()) {
        (Some(wanted), _) => instance::find(&component.descriptors, wanted)
            .ok_or_else(|| RunError::NoModule { wanted: wanted.clone(), known: known() })?,
        (None, [only]) => only,
        (None, _) => return Err(RunError::Several(known())),
    };
    let file = untrusted::short(&settings.to_string_lossy());
    let settings: Value = json::parse(&file, &read(settings)?)?;
    let settings =
        descriptor.settings.validate(&settings, wire::TargetKind::Configuration).map_err(RunError::Settings)?;

    let id: ConfigurationId = "device".parse()?;
    let target = Target {
        id: TargetId::Configuration(id.clone()),
        priority: CONFIGURATION_PRIORITY,
        device_type: Some("generic-x86_64".to_owned()),
        system: Some("x86_64-linux".to_owned()),
    };
    let input: InputName = "this".parse()?;
    let origin = Arc::new(Origin {
        target: target.id.clone(),
        instance: InstanceId::from(&descriptor.name),
        module: ModuleId { input, name: descriptor.name.clone() },
    });
    let request = instance::request(&target, &origin, &settings, Some("https://controller.example.org"));
    let outcome = component.module.generate(&request)?;
    let answer =
        outcome.answer.map_err(|problems| RunError::Problems(problems.iter().map(crate::report::problem).collect()))?;
    let authority = component.permissions.as_ref().map(|permissions| Authority { permissions });
    let rendered = instance::render(answer, &origin, target.priority, &settings, authority, Trust::External)?;
    Ok(Run { nix: nix::host(&id, &[], &[rendered.section]), usage: outcome.usage, permitted: authority.is_some() })
}
