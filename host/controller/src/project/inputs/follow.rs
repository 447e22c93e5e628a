use thymis_core::{id::InputName, state, untrusted};

use super::{InputError, unknown};
use crate::{
    input::FlakeLock,
    project::{Project, ProjectError, transaction::pins},
};

impl Project {
    /// Lets an input of an input's flake be another input of the project; without `target`, its own or the usual one again.
    ///
    /// # Errors
    /// When there are no such inputs; nothing was changed.
    pub fn follow_input(&self, name: &InputName, own: &str, target: Option<&InputName>) -> Result<(), InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut project = (*self.state()?.project).clone();
        let lock = self.lock()?;
        if let Some(target) = target {
            state::can_follow(name, own, target, |target| project.inputs.contains_key(target)).map_err(|why| {
                InputError::Follow { name: name.clone(), own: untrusted::short(own), target: target.clone(), why }
            })?;
        }
        // What an earlier revision of it had can be taken back.
        let is_said = project.inputs.get(name).is_some_and(|input| input.follows.contains_key(own));
        let known = lock.inputs.get(name).map(|entry| &entry.pin.inputs).filter(|_| target.is_some() || !is_said);
        if let Some(known) = known.filter(|known| !known.contains_key(own)) {
            let names: Vec<String> = known.keys().take(20).map(|name| untrusted::short(name)).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(InputError::NoOwnInput { name: name.clone(), own: untrusted::short(own), known });
        }
        let Some(input) = project.inputs.get_mut(name) else { return Err(unknown(name, &project)) };
        match target {
            Some(target) => input.follows.insert(own.to_owned(), target.clone()),
            None => input.follows.remove(own),
        };
        let flake_lock = FlakeLock::compose(&pins(&project, &lock), self.flake_lock()?.as_ref());
        self.write_locked(&project_lock, &project, &lock, &flake_lock, Vec::new())
    }
}
