use serde_json::Value;
use thymis_core::{
    conflict::TargetId,
    consent::{Action, Record},
    grant::Lock,
    id::{InputName, ModuleId, ModuleRef},
    json, state,
};

use super::{InputError, unknown};
use crate::project::{
    GenerateError, Project, ProjectError,
    catalogue::is_base,
    state::{self as files},
};

/// What a new name changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    /// What used its modules, and does so under the new name.
    pub users: Vec<TargetId>,
    /// Where Nix text of the operator's own says `inputs.<old name>`, which nobody changed.
    pub by_hand: Vec<TargetId>,
}

impl Project {
    /// Gives an input another name, also in every use of its modules. Killed on the way, it is there under both, and the same
    /// command goes on.
    ///
    /// # Errors
    /// When there is no such input, or the new name is taken.
    pub fn rename_input(&self, old: &InputName, new: &InputName) -> Result<Renamed, InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let state = self.state()?;
        let mut project = (*state.project).clone();
        let mut lock = self.lock()?;
        let input = project.inputs.get(old).cloned().ok_or_else(|| unknown(old, &project))?;
        if let Some(base) = [old, new].into_iter().find(|name| is_base(name)) {
            return Err(InputError::Base(base.clone()));
        }
        let entry = lock.inputs.get(old).cloned();
        let begun = project.inputs.get(new) == Some(&input) && self.was_begun(old, new, &lock)?;
        if old == new || project.inputs.contains_key(new) && !begun {
            return Err(InputError::Taken(new.clone()));
        }
        project.inputs.insert(new.clone(), input);
        for target in project.inputs.values_mut().flat_map(|input| input.follows.values_mut()) {
            if target == old {
                *target = new.clone();
            }
        }
        if let Some(repository) = project.thymis_repositories.get(old).cloned() {
            project.thymis_repositories.insert(new.clone(), repository);
        }
        if let Some(entry) = &entry {
            lock.inputs.insert(new.clone(), entry.clone());
        }
        let record = entry.as_ref().filter(|_| !begun);
        let record = record.map(|entry| self.record(Action::Renamed { to: new.clone() }, old, entry));
        self.write_inputs(&project_lock, &project, lock.clone(), record.into_iter().collect())?;

        let mut renamed = Renamed::default();
        for (id, parsed) in &state.configurations {
            let mut configuration = (*parsed.value).clone();
            let target = TargetId::Configuration(id.clone());
            let file = state::Configuration::file(id);
            if change(&mut configuration.modules, old, new, target, &mut renamed) {
                self.rewrite(&file, &configuration)?;
            }
        }
        for (id, parsed) in &state.tags {
            let mut tag = (*parsed.value).clone();
            let file = state::Tag::file(id);
            if change(&mut tag.modules, old, new, TargetId::Tag(id.clone()), &mut renamed) {
                self.rewrite(&file, &tag)?;
            }
        }

        project.inputs.remove(old);
        project.thymis_repositories.remove(old);
        lock.inputs.remove(old);
        self.write_inputs(&project_lock, &project, lock, Vec::new())?;
        Ok(renamed)
    }

    /// Whether this is the last thing that was done to either.
    fn was_begun(&self, old: &InputName, new: &InputName, lock: &Lock) -> Result<bool, InputError> {
        if ![old, new].into_iter().any(|name| lock.inputs.contains_key(name)) {
            // Nothing was accepted that could get lost, and nothing is in the log.
            return Ok(true);
        }
        let names = [old, new];
        let log = self.consent()?;
        let about = |record: &&Record| match &record.action {
            Action::Renamed { to } => names.contains(&to) || names.contains(&&record.input),
            _ => names.contains(&&record.input),
        };
        let last = log.records().map(|(_, record)| record).rfind(about);
        let renamed = Action::Renamed { to: new.clone() };
        Ok(last.is_some_and(|record| record.input == *old && record.action == renamed))
    }

    fn rewrite(&self, file: &str, value: &impl serde::Serialize) -> Result<(), InputError> {
        let bytes = json::write(value).map_err(GenerateError::from)?;
        Ok(files::write(self.root(), file, &bytes)?)
    }
}

/// Whether a use had to be changed.
fn change(
    modules: &mut [state::Use],
    old: &InputName,
    new: &InputName,
    target: TargetId,
    renamed: &mut Renamed,
) -> bool {
    if modules.iter().any(|one| one.settings.values().any(|value| mentions(value, old))) {
        renamed.by_hand.push(target.clone());
    }
    let mut changed = false;
    for one in modules {
        if let ModuleRef::Id(ModuleId { input, .. }) = &mut one.module
            && input == old
        {
            input.clone_from(new);
            changed = true;
        }
    }
    if changed {
        renamed.users.push(target);
    }
    changed
}

/// Whether a text in the settings says `inputs.<name>` in one of Nix's spellings.
fn mentions(value: &Value, name: &InputName) -> bool {
    match value {
        Value::String(text) => {
            let of_name = |c: char| c.is_ascii_alphanumeric() || "_-'".contains(c);
            let ends = |rest: &str| !rest.starts_with(of_name);
            let plain = format!("inputs.{name}");
            text.contains(&format!("inputs.\"{name}\""))
                || text.match_indices(&plain).any(|(at, _)| text.get(at + plain.len()..).is_none_or(ends))
                || text.contains("(inputs)") && text.split(|c| !of_name(c)).any(|word| word == name.as_str())
        }
        Value::Array(values) => values.iter().any(|value| mentions(value, name)),
        Value::Object(object) => object.values().any(|value| mentions(value, name)),
        _ => false,
    }
}
