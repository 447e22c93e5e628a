use std::ops::ControlFlow;

use thymis_core::{
    consent::Action, digest::Revision, grant::Entry, id::InputName, reference::FlakeReference, schema::Descriptor,
    state,
};

use super::{InputError, Shown, outputs::is_nixpkgs, shown};
use crate::{
    git::{FetchProgress, Refs},
    input::{Contents, Repository, RepositoryError},
    module::Module,
    project::{Host, Project, ProjectError},
};

/// What a repository would be as an input.
#[derive(Debug)]
pub struct Trial {
    pub url: FlakeReference,
    pub revision: Revision,
    /// Full name of the ref that led to the revision.
    pub reference: Option<String>,
    pub refs: Refs,
    /// As an input of its suggested name, or why it can't be one.
    pub shown: Result<Shown, RepositoryError>,
    /// By component file: its modules, or why it can't be asked for them.
    pub modules: Vec<(String, Result<Vec<Descriptor>, String>)>,
}

impl Host {
    /// Looks at a repository without keeping anything of it.
    ///
    /// # Errors
    /// When it can't be reached. What is wrong with its contents is part of the answer.
    pub fn try_input(
        &self,
        url: &str,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Trial, InputError> {
        let url: FlakeReference = url.parse()?;
        let folder = tempfile::Builder::new().prefix("thymis-test-").tempdir().map_err(InputError::Temporary)?;
        let fetched = self.store.elsewhere(folder.path().to_owned()).fetch(&url, progress)?;
        let repository = Repository::read(&url, &fetched.snapshot, self.sandbox.limits());
        let modules = match &repository {
            Ok(Repository { contents: Contents::Modules(offer), .. }) => {
                let described = |(file, bytes): (&String, &Vec<u8>)| (file.clone(), self.describe(bytes));
                offer.components.iter().map(described).collect()
            }
            _ => Vec::new(),
        };
        let (revision, reference, refs) = (fetched.revision, fetched.reference, fetched.refs);
        let name = url.suggested_name();
        let shown = repository.map(|repository| shown(name.as_ref(), repository, None));
        Ok(Trial { url, revision, reference, refs, shown, modules })
    }

    /// The modules of a component, whatever it imports of WASI: it is asked within the sandbox, and nothing is granted.
    fn describe(&self, component: &[u8]) -> Result<Vec<Descriptor>, String> {
        let told = |error: &(dyn std::error::Error + 'static)| crate::report::chain(error);
        let component = self.sandbox.load(component, true).map_err(|error| told(&error))?;
        let descriptors = Module::Component(component).describe().map_err(|error| told(&error))?.answer;
        Descriptor::check_all(descriptors)
            .map_err(|problems| problems.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

impl Project {
    /// Fetches a repository, reads it, and pins it; with `replace` also where there is such an input. Its modules wait for
    /// [`Project::accept_input`].
    ///
    /// # Errors
    /// When the name is taken or the repository can't be an input; nothing was changed.
    pub fn add_input(
        &self,
        name: &InputName,
        url: &str,
        replace: bool,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Shown, InputError> {
        let url: FlakeReference = url.parse()?;
        let is_taken = |project: &state::Project| !replace && project.inputs.contains_key(name);
        if is_taken(&self.state()?.project) {
            return Err(InputError::Exists(name.clone()));
        }
        let fetched = self.host.store.fetch(&url, progress)?;
        let repository = self.as_input(name, &url, &fetched.snapshot)?;
        let private = self.host.store.has_credential(&url);
        let mut entry = Entry { branch: fetched.reference, private, ..Entry::pinned(repository.pin.clone()) };
        self.unrevoked(name, &entry)?;
        if matches!(repository.contents, Contents::Plain) && !is_nixpkgs(name) {
            entry.outputs = self.offered(&self.state()?.project, name, &entry);
        }
        // Fetching takes its time: what others changed meanwhile is read now.
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut project = (*self.state()?.project).clone();
        if is_taken(&project) {
            return Err(InputError::Exists(name.clone()));
        }
        let mut lock = self.lock()?;
        let record = self.record(Action::Added, name, &entry);
        let outputs = entry.outputs.clone();
        lock.inputs.insert(name.clone(), entry);
        let follows = project.inputs.remove(name).map(|input| input.follows).unwrap_or_default();
        project.inputs.insert(name.clone(), state::Input { url: url.to_string(), follows });
        self.write_inputs(&project_lock, &project, lock, vec![record])?;
        Ok(Shown { outputs, ..shown(name, repository, None) })
    }
}
