use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use thymis_core::{
    conflict::{Origin, TargetId},
    digest::Digest,
    grant::{Accepted, Entry, GrantError, Lock},
    id::{BUILT_IN, DeviceType, InputName, ModuleId, ModuleRef, PythonClass},
    manifest::{DeviceTypeEntry, Manifest, ManifestError, NixosModule},
    output::Outputs,
    permission::Access,
    reference::{FlakeReference, ReferenceError},
    revocation::{Revocable, Revoked},
    schema::{Descriptor, SchemaProblem},
    state, untrusted,
};

use super::{FailureKind, Host};
use crate::{
    builtin,
    git::{self, FetchError, Kind, Snapshot},
    input::{Contents, Repository, RepositoryError, RevocationError, Status},
    module::{CallError, Module},
};

/// A module that may be used.
#[derive(Debug)]
pub struct Loaded {
    pub id: ModuleId,
    pub module: Module,
    pub descriptor: Descriptor,
    pub permissions: Vec<Accepted>,
    /// Changes when the module's code or grant does.
    pub stamp: Digest,
    /// Of the component, and of the grant; absent for a built-in module.
    pub component: Option<Digest>,
    pub grant: Option<Digest>,
    /// The files of its repository, where it was granted any.
    pub sources: Arc<BTreeSet<String>>,
}

impl Loaded {
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.component.is_none()
    }
}

/// What an input is and why.
#[derive(Debug)]
pub struct InputReport {
    pub status: Status,
    /// In words, where the status needs them.
    pub detail: Option<String>,
    pub entry: Option<Entry>,
    pub manifest: Option<Manifest>,
}

/// Why an input provides no modules.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("its URL in state/project.json can't be used")]
    Url(#[from] ReferenceError),
    #[error("it is not pinned: run `thymis input add --replace {0} URL`")]
    NotPinned(InputName),
    #[error(
        "modules.lock pins {locked}, state/project.json says {stated}: a grant is for one URL. Run `thymis input add --replace {name} {stated}`"
    )]
    OtherUrl { name: InputName, locked: String, stated: String },
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(
        "what modules.lock pins is not what the repository has at {revision} (NAR hash {found}, pinned {locked}): somebody changed the lock; restore it from git"
    )]
    Contents { revision: String, found: String, locked: String },
    #[error("{error}: look at it with `thymis input show {name}`, then run `thymis input accept {name}`")]
    Grant { name: InputName, error: GrantError },
    #[error("{what} was revoked: {reason}")]
    Revoked { what: Revocable, reason: String },
    #[error("the component `{file}` can't be loaded")]
    Load { file: String, source: thymis_sandbox::Error },
    #[error("the component `{file}` can't be asked what it is")]
    Describe { file: String, source: CallError },
    #[error("the component `{file}` describes itself wrongly:\n{}", .problems.iter().take(20).map(|problem| format!("  - {problem}")).collect::<Vec<_>>().join("\n"))]
    Schema { file: String, problems: Vec<SchemaProblem> },
    #[error("two components of the repository have a module `{0}`")]
    Twice(ModuleId),
    #[error("the device type `{0}` is one of Thymis: its author has to choose another `id`")]
    DeviceTypeTaken(DeviceType),
}

impl From<FetchError> for LoadError {
    fn from(error: FetchError) -> Self {
        Self::Repository(error.into())
    }
}

impl LoadError {
    fn status(&self) -> Status {
        match self {
            Self::Url(_) => Status::NoUrl,
            Self::Repository(error) => error.status(),
            Self::Grant { .. } => Status::AwaitingGrant,
            Self::Load { source: thymis_sandbox::Error::Incompatible(_), .. } => Status::Incompatible,
            Self::Schema { problems, .. } if problems.iter().any(SchemaProblem::is_incompatible) => {
                Status::Incompatible
            }
            _ => Status::Failed,
        }
    }
}

/// A kind of device, and where its NixOS module comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKind {
    pub input: InputName,
    /// As its repository calls it.
    pub label: String,
    pub system: String,
    pub module: NixosModule,
    /// The usual one first.
    pub image_formats: Vec<String>,
}

/// The modules of all inputs. An input that fails is reported and provides none.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub modules: BTreeMap<ModuleId, Arc<Loaded>>,
    pub inputs: BTreeMap<InputName, InputReport>,
    pub device_types: BTreeMap<DeviceType, DeviceKind>,
    /// Device types that several inputs have, none of which counts.
    pub disputed: BTreeMap<DeviceType, BTreeSet<InputName>>,
    /// Changes when anything above does.
    pub stamp: Option<Digest>,
}

impl Catalogue {
    /// # Errors
    /// When a built-in module is broken, which the tests rule out.
    pub fn load(host: &Host, project: &state::Project, lock: &Lock) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        catalogue.load_built_in(host)?;
        let revoked = host.revocations.read()?;
        for (name, input) in &project.inputs {
            let entry = lock.inputs.get(name);
            let report = match catalogue.load_input(host, &revoked, name, input, entry) {
                Ok(manifest) => InputReport { status: Status::Loaded, detail: None, entry: entry.cloned(), manifest },
                Err(error) => InputReport {
                    status: error.status(),
                    detail: Some(crate::report::chain(&error)),
                    entry: entry.cloned(),
                    manifest: None,
                },
            };
            catalogue.inputs.insert(name.clone(), report);
        }
        let Self { device_types, disputed, .. } = &mut catalogue;
        device_types.retain(|id, _| !disputed.contains_key(id));
        let stamps: Vec<_> = catalogue.modules.values().map(|loaded| *loaded.stamp.bytes()).collect();
        let kinds =
            catalogue.device_types.iter().map(|(id, kind)| format!("{id} {kind:?}")).collect::<Vec<_>>().join("\n");
        let offered: BTreeMap<_, _> = catalogue.inputs.keys().map(|name| (name, catalogue.outputs(name))).collect();
        let rest = [kinds, format!("{:?}", catalogue.disputed), format!("{offered:?}")];
        catalogue.stamp =
            Some(Digest::of_parts(stamps.iter().map(<[u8; 32]>::as_slice).chain(rest.iter().map(String::as_bytes))));
        Ok(catalogue)
    }

    /// What the flake of an input offers, as far as that is known.
    #[must_use]
    pub fn outputs(&self, input: &InputName) -> Option<&Outputs> {
        self.inputs.get(input)?.entry.as_ref()?.outputs.as_ref()
    }

    /// A module by its name, or by one that it had formerly.
    #[must_use]
    pub fn find(&self, id: &ModuleId) -> Option<&Loaded> {
        let formerly = || {
            let of_input = |loaded: &&Arc<Loaded>| loaded.id.input == id.input;
            self.modules.values().filter(of_input).find(|loaded| loaded.descriptor.formerly.contains(&id.name))
        };
        self.modules.get(id).or_else(formerly).map(Arc::as_ref)
    }

    /// A module that is used.
    ///
    /// # Errors
    /// Why it can't be: its input is not there, is not loaded, or has no such module.
    pub(crate) fn get(&self, id: &ModuleId) -> Result<&Loaded, FailureKind> {
        self.find(id).ok_or_else(|| match self.inputs.get(&id.input) {
            Some(report) if report.status != Status::Loaded => {
                FailureKind::InputNotLoaded { module: id.clone(), status: report.status, detail: report.detail.clone() }
            }
            None if id.input.as_str() != BUILT_IN => FailureKind::NoInput(id.clone()),
            _ => {
                let of_input = self.modules.keys().filter(|other| other.input == id.input);
                FailureKind::NoModule { module: id.clone(), known: of_input.map(|id| id.name.to_string()).collect() }
            }
        })
    }

    /// The modules that say they were this class in Thymis 0.9; a built-in one is the only one.
    pub(crate) fn claiming(&self, class: &PythonClass) -> Vec<&Loaded> {
        let claims = |loaded: &&Loaded| loaded.descriptor.python.contains(class);
        let all: Vec<&Loaded> = self.modules.values().map(Arc::as_ref).filter(claims).collect();
        let built_in = all.iter().find(|loaded| loaded.is_built_in()).copied();
        built_in.map_or(all, |loaded| vec![loaded])
    }

    /// The module that a use means, by its present name. That there is one isn't said.
    ///
    /// # Errors
    /// When no module, or several, were the class that it names.
    pub(crate) fn identity(&self, named: &ModuleRef) -> Result<ModuleId, FailureKind> {
        let class = match named {
            ModuleRef::Id(id) => return Ok(self.find(id).map_or_else(|| id.clone(), |loaded| loaded.id.clone())),
            ModuleRef::Python(class) => class,
        };
        match self.claiming(class).as_slice() {
            [one] => Ok(one.id.clone()),
            [] => {
                let waiting = self.inputs.iter().filter(|(_, report)| report.status != Status::Loaded);
                let waiting = waiting.map(|(name, report)| (name.clone(), report.status)).collect();
                Err(FailureKind::NoComponent { class: class.clone(), waiting })
            }
            several => {
                let modules = several.iter().map(|loaded| loaded.id.clone()).collect();
                Err(FailureKind::SeveralClaim { class: class.clone(), modules })
            }
        }
    }

    /// One use of a module in a target.
    pub(crate) fn origin(&self, target: &TargetId, one: &state::Use) -> Result<Arc<Origin>, FailureKind> {
        let module = self.identity(&one.module)?;
        // Names of units are made of the instance: they stay when a module gets another name.
        let instance = match &one.module {
            ModuleRef::Id(stored) => one.instance(&stored.name),
            ModuleRef::Python(_) => one.instance(&module.name),
        };
        Ok(Arc::new(Origin { target: target.clone(), module, instance }))
    }

    fn load_built_in(&mut self, host: &Host) -> Result<(), CatalogueError> {
        let input: InputName = BUILT_IN.parse().map_err(|_| CatalogueError::Name)?;
        for built_in in builtin::all(host.sandbox.limits())? {
            let descriptors = built_in.module.describe()?.answer;
            let descriptors = Descriptor::check_all(descriptors).map_err(CatalogueError::Schema)?;
            for descriptor in descriptors {
                let id = ModuleId { input: input.clone(), name: descriptor.name.clone() };
                let loaded = Loaded {
                    stamp: Digest::of_parts([
                        b"built-in".as_slice(),
                        built_in.version.as_bytes(),
                        id.to_string().as_bytes(),
                    ]),
                    module: built_in.module.clone(),
                    permissions: built_in.permissions.clone(),
                    descriptor,
                    component: None,
                    grant: None,
                    sources: Arc::default(),
                    id: id.clone(),
                };
                self.modules.insert(id, Arc::new(loaded));
            }
            self.device_types.extend(device_types(&input, &built_in.manifest));
        }
        Ok(())
    }

    fn load_input(
        &mut self,
        host: &Host,
        revoked: &Revoked,
        name: &InputName,
        input: &state::Input,
        entry: Option<&Entry>,
    ) -> Result<Option<Manifest>, LoadError> {
        let url: FlakeReference = input.url.parse()?;
        let entry = entry.ok_or_else(|| LoadError::NotPinned(name.clone()))?;
        if entry.pin.url != url.to_string() {
            let (locked, stated) = (entry.pin.url.clone(), url.to_string());
            return Err(LoadError::OtherUrl { name: name.clone(), locked, stated });
        }
        if let Some((what, revocation)) = revoked.of_entry(entry) {
            return Err(LoadError::Revoked { what, reason: untrusted::short(&revocation.reason) });
        }
        // Nothing of an input without a grant is looked at here, and the base inputs may be large.
        if is_base(name) {
            return Ok(None);
        }
        let snapshot = snapshot(host, &url, entry)?;
        let repository = Repository::read(&url, &snapshot, host.sandbox.limits())?;
        if repository.pin != entry.pin {
            return Err(LoadError::Contents {
                revision: entry.pin.revision.short(),
                found: repository.pin.nar_hash.to_string(),
                locked: entry.pin.nar_hash.to_string(),
            });
        }
        let Contents::Modules(offer) = repository.contents else { return Ok(None) };
        let grant = entry.granted(&offer.terms).map_err(|error| LoadError::Grant { name: name.clone(), error })?;
        let sources = Arc::new(if grant.terms.by_risk().iter().any(|(_, accepted)| is_source(accepted)) {
            snapshot.files().map_err(RepositoryError::from)?.into_iter().filter(is_file).map(|(path, _)| path).collect()
        } else {
            BTreeSet::new()
        });
        let device_types = device_types(name, &offer.manifest);
        let built_in = |id: &&DeviceType| self.device_types.get(id).is_some_and(|kind| kind.input.as_str() == BUILT_IN);
        if let Some(id) = device_types.keys().find(built_in) {
            return Err(LoadError::DeviceTypeTaken(id.clone()));
        }
        let mut found = BTreeMap::new();
        for (file, bytes) in &offer.components {
            let Some(terms) = grant.terms.components.get(file) else { continue };
            let wasi = terms.permissions.iter().any(|accepted| accepted.permission.access == Access::Wasi);
            let component =
                host.sandbox.load(bytes, wasi).map_err(|source| LoadError::Load { file: file.clone(), source })?;
            let module = Module::Component(component);
            let descriptors =
                module.describe().map_err(|source| LoadError::Describe { file: file.clone(), source })?.answer;
            let descriptors = Descriptor::check_all(descriptors)
                .map_err(|problems| LoadError::Schema { file: file.clone(), problems })?;
            for descriptor in descriptors {
                let id = ModuleId { input: name.clone(), name: descriptor.name.clone() };
                let loaded = Loaded {
                    stamp: Digest::of_parts([
                        terms.digest.bytes().as_slice(),
                        grant.digest.bytes(),
                        id.to_string().as_bytes(),
                    ]),
                    module: module.clone(),
                    descriptor,
                    permissions: terms.permissions.clone(),
                    component: Some(terms.digest),
                    grant: Some(grant.digest),
                    sources: Arc::clone(&sources),
                    id: id.clone(),
                };
                if found.insert(id.clone(), Arc::new(loaded)).is_some() {
                    return Err(LoadError::Twice(id));
                }
            }
        }
        self.modules.extend(found);
        for (id, kind) in device_types {
            // Which of two strangers is meant can't be told, and must not depend on their names.
            if let Some(other) = self.device_types.get(&id) {
                let disputing = self.disputed.entry(id).or_default();
                disputing.extend([other.input.clone(), kind.input]);
            } else {
                self.device_types.insert(id, kind);
            }
        }
        Ok(Some(offer.manifest))
    }
}

fn device_types(input: &InputName, manifest: &Manifest) -> BTreeMap<DeviceType, DeviceKind> {
    let kind = |device: &DeviceTypeEntry| DeviceKind {
        input: input.clone(),
        label: device.label.clone(),
        system: device.system.clone(),
        module: device.output.clone(),
        image_formats: device.image_formats.clone(),
    };
    manifest.device_types.iter().map(|device| (device.id.clone(), kind(device))).collect()
}

fn is_source(accepted: &Accepted) -> bool {
    matches!(accepted.permission.access, Access::Source(_))
}

fn is_file((_, entry): &(String, git::Entry)) -> bool {
    matches!(entry.kind, Kind::File | Kind::Executable)
}

/// Inputs that provide no modules, whatever they contain: the generated flake itself uses them.
pub(super) fn is_base(name: &InputName) -> bool {
    matches!(name.as_str(), BUILT_IN | "nixpkgs")
}

/// The pinned commit: from the copy, or fetched again.
pub(super) fn snapshot(host: &Host, url: &FlakeReference, entry: &Entry) -> Result<Snapshot, FetchError> {
    if let Some(snapshot) = host.store.snapshot(url, entry.pin.revision)? {
        return Ok(snapshot);
    }
    Ok(host.store.fetch_pinned(url, entry.pin.revision)?.snapshot)
}

/// A built-in module is broken, or it isn't known what was revoked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("a built-in module describes itself wrongly: {0:?}")]
    Schema(Vec<SchemaProblem>),
    #[error("the name of the built-in modules' input is not one")]
    Name,
}
