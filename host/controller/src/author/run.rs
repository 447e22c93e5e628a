use std::path::{Path, PathBuf};

use serde_json::Value;
use thymis_core::{
    authority::Authority,
    digest::Digest,
    expr::Trust,
    grant::Accepted,
    id::ModuleName,
    instance::{self, AnswerError},
    json::{self, JsonError},
    manifest::{self, Manifest, ManifestError},
    permission::Access,
    schema::{Descriptor, SchemaProblem, SettingsProblem},
    untrusted, wire,
};
use thymis_sandbox::{Inspection, Outcome, Sandbox, Usage};

use super::situation::{DeviceKind, Situation, Subject};
use crate::{
    builtin::BuiltIn,
    module::{CallError, Module},
};

/// A component as its author looks at it.
#[derive(Debug)]
pub struct Component {
    pub digest: Digest,
    pub inspection: Inspection,
    /// Of the compiled form.
    pub artifact_bytes: u64,
    /// What `describe` used.
    pub described: Usage,
    pub descriptors: Vec<Descriptor>,
    module: Module,
    /// From the manifest of the repository that the file lies in, if it lists the file.
    pub permissions: Option<Vec<Accepted>>,
    /// The folder of that manifest.
    pub repository: Option<PathBuf>,
    /// Kinds of devices that the manifest adds.
    pub device_kinds: Vec<DeviceKind>,
    trust: Trust,
}

impl Component {
    /// One of its modules, to be called.
    #[must_use]
    pub fn subject<'a>(&'a self, descriptor: &'a Descriptor) -> Subject<'a> {
        Subject { module: &self.module, descriptor, permissions: self.permissions.as_deref(), trust: self.trust }
    }

    /// Whether it imports WASI.
    #[must_use]
    pub fn uses_wasi(&self) -> bool {
        self.inspection.wasi().next().is_some()
    }

    /// A component that is part of this program.
    ///
    /// # Errors
    /// When it describes itself wrongly.
    pub fn built_in(built_in: &BuiltIn) -> Result<Self, RunError> {
        Ok(Self {
            digest: Digest::of(built_in.version.as_bytes()),
            inspection: Inspection { bytes: 0, version: "0.1".to_owned(), imports: Vec::new(), exports: Vec::new() },
            artifact_bytes: 0,
            described: Usage::default(),
            descriptors: Descriptor::check_all(built_in.module.describe()?.answer).map_err(RunError::Schema)?,
            module: built_in.module.clone(),
            permissions: Some(built_in.permissions.clone()),
            repository: None,
            device_kinds: DeviceKind::of(&built_in.manifest).collect(),
            trust: Trust::BuiltIn,
        })
    }
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
    #[error("{} can't be used", path.display())]
    Component { path: PathBuf, source: thymis_sandbox::Error },
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
    #[error("the module refuses its settings{}{}", if .problems.is_empty() { " and doesn't say why" } else { ":\n" }, lines(.problems))]
    Problems {
        problems: Vec<String>,
        /// What the module wrote meanwhile.
        said: String,
    },
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
    let inspection = thymis_sandbox::inspect(&bytes, sandbox.limits())
        .map_err(|source| RunError::Component { path: file.to_owned(), source: source.into() })?;
    let (repository, manifest) = repository(file)?.unzip();
    let permissions =
        manifest.as_ref().zip(repository.as_ref()).and_then(|(manifest, folder)| declared(manifest, folder, file));
    let wasi = |accepted: &Accepted| accepted.permission.access == Access::Wasi;
    // Without a manifest nothing is declared yet, and nothing is behind WASI.
    let allow_wasi = permissions.as_ref().is_none_or(|permissions| permissions.iter().any(wasi));
    let named = |source| RunError::Component { path: file.to_owned(), source };
    let loaded = sandbox.load(&bytes, allow_wasi).map_err(named)?;
    let artifact_bytes = loaded.artifact_bytes();
    let Outcome { answer, usage: described } = loaded.describe().map_err(named)?;
    let module = Module::Component(loaded);
    let descriptors = Descriptor::check_all(answer).map_err(RunError::Schema)?;
    Ok(Component {
        digest: Digest::of(&bytes),
        inspection,
        artifact_bytes,
        described,
        descriptors,
        module,
        permissions,
        repository,
        device_kinds: manifest.iter().flat_map(DeviceKind::of).collect(),
        trust: Trust::External,
    })
}

/// The folder around the file with a `thymis.toml`, and what stands there.
fn repository(file: &Path) -> Result<Option<(PathBuf, Manifest)>, RunError> {
    let Ok(file) = file.canonicalize() else { return Ok(None) };
    for folder in file.ancestors().skip(1) {
        let path = folder.join(manifest::FILE);
        if path.is_file() {
            return Ok(Some((folder.to_owned(), Manifest::parse(&read(&path)?)?)));
        }
    }
    Ok(None)
}

/// Permissions for the file, if the manifest lists it.
fn declared(manifest: &Manifest, folder: &Path, file: &Path) -> Option<Vec<Accepted>> {
    let file = file.canonicalize().ok()?;
    let relative = file.strip_prefix(folder).unwrap_or(&file);
    let component = manifest.components.iter().find(|component| Path::new(&component.file) == relative)?;
    Some(component.permissions.iter().cloned().map(Accepted::from).collect())
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

    let subject = component.subject(descriptor);
    let situation = Situation::on(wire::TargetKind::Configuration)?;
    let origin = situation.origin(descriptor)?;
    let outcome = situation.ask(subject, &origin, &settings)?;
    let answer = outcome.answer.map_err(|problems| RunError::Problems {
        problems: problems.iter().map(crate::report::problem).collect(),
        said: outcome.usage.said.clone(),
    })?;
    let authority = subject.permissions.map(|permissions| Authority { permissions });
    let priority = situation.target.priority;
    let rendered = instance::render(answer, &origin, priority, &settings, authority, subject.trust)?;
    Ok(Run { nix: situation.file(&rendered.section), usage: outcome.usage, permitted: authority.is_some() })
}
