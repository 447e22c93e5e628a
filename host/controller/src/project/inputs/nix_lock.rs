use thymis_core::reference::FlakeReference;

use super::InputError;
use crate::{
    input::FlakeLock,
    nix::Nix,
    project::{
        Project, ProjectError,
        transaction::{attributes, flake_inputs, pins},
    },
};

impl Project {
    /// Pins, with Nix, the inputs of inputs that are not known yet; answers which they were.
    ///
    /// # Errors
    /// When `nix` is missing or can't fetch them; nothing was changed.
    pub fn lock_inputs(&self, nix: &Nix) -> Result<Vec<String>, InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let state = self.state()?;
        let mut lock = self.lock()?;
        lock.inputs.retain(|name, _| state.project.inputs.contains_key(name));
        let pins = pins(&lock);
        let mut flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        let missing = flake_lock.incomplete(&pins);
        if missing.is_empty() {
            return Ok(missing);
        }
        let mut inputs = flake_inputs(&state.project, &lock)?;
        for input in &mut inputs {
            if let Some(pin) = pins.get(&input.name) {
                input.attributes = attributes(&pin.url.parse::<FlakeReference>()?.at(pin.revision));
            }
        }
        let made = FlakeLock::parse(&nix.lock(&thymis_core::nix::flake(&inputs))?).map_err(ProjectError::from)?;
        for name in pins.keys().filter(|name| missing.iter().any(|path| path.starts_with(&format!("{name}/")))) {
            flake_lock.graft(name, &made);
        }
        self.write_locked(&project_lock, &state.project, &lock, &flake_lock, Vec::new())?;
        Ok(missing)
    }
}
