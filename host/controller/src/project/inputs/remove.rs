use std::collections::BTreeSet;

use thymis_core::{
    conflict::TargetId,
    consent::Action,
    id::{BUILT_IN, InputName, ModuleRef, PythonClass},
    state, untrusted,
};

use super::{InputError, unknown};
use crate::project::{Catalogue, GenerateError, Project, ProjectError, State};

impl Project {
    /// # Errors
    /// When there is no such input, or modules of it are in use.
    pub fn remove_input(&self, name: &InputName) -> Result<(), InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let state = self.state()?;
        let mut project = (*state.project).clone();
        if project.inputs.remove(name).is_none() {
            return Err(unknown(name, &project));
        }
        let classes = self.classes_of(name, &state)?;
        let is_of_input = |named: &ModuleRef| match named {
            ModuleRef::Id(id) => id.input == *name,
            ModuleRef::Python(class) => classes.contains(class),
        };
        let uses = |modules: &[state::Use]| modules.iter().any(|one| is_of_input(&one.module));
        let configurations = state.configurations.iter().filter(|(_, parsed)| uses(&parsed.value.modules));
        let tags = state.tags.iter().filter(|(_, parsed)| uses(&parsed.value.modules));
        let followers = project.inputs.iter().flat_map(|(follower, input)| {
            let of_this = input.follows.iter().filter(|(_, target)| *target == name);
            of_this.map(move |(own, _)| format!("`{}` of the input `{follower}`", untrusted::short(own)))
        });
        let followers: Vec<String> = followers.collect();
        if !followers.is_empty() {
            return Err(InputError::Followed { name: name.clone(), users: followers.join(", ") });
        }
        let users: Vec<String> = configurations
            .map(|(id, _)| TargetId::Configuration(id.clone()).to_string())
            .chain(tags.map(|(id, _)| TargetId::Tag(id.clone()).to_string()))
            .collect();
        // Every configuration is made with it.
        if name.as_str() == "nixpkgs" && !state.configurations.is_empty() {
            let users = format!("all {} configurations", state.configurations.len());
            return Err(InputError::Needed { name: name.clone(), users });
        }
        // The built-in modules are there without the input, but what they import isn't: nothing of it is in use then.
        if !users.is_empty() && name.as_str() != BUILT_IN {
            return Err(InputError::InUse { name: name.clone(), users: users.join(", ") });
        }
        project.thymis_repositories.remove(name);
        let mut lock = self.lock()?;
        let removed = lock.inputs.remove(name).map(|entry| self.record(Action::Removed, name, &entry));
        self.write_inputs(&project_lock, &project, lock, removed.into_iter().collect())
    }

    /// The classes of Thymis 0.9 for which modules of the input stand; not looked for where the state names none.
    fn classes_of(&self, name: &InputName, state: &State) -> Result<BTreeSet<PythonClass>, InputError> {
        let configurations = state.configurations.values().flat_map(|parsed| &parsed.value.modules);
        let uses = configurations.chain(state.tags.values().flat_map(|parsed| &parsed.value.modules));
        let named = uses.filter_map(|one| if let ModuleRef::Python(class) = &one.module { Some(class) } else { None });
        let named: BTreeSet<PythonClass> = named.cloned().collect();
        if named.is_empty() {
            return Ok(named);
        }
        let catalogue = Catalogue::load(&self.host, &state.project, &self.lock()?).map_err(GenerateError::from)?;
        let of_input = |class: &PythonClass| catalogue.claiming(class).iter().any(|loaded| loaded.id.input == *name);
        Ok(named.into_iter().filter(of_input).collect())
    }
}
