use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use thymis_core::{
    conflict::TargetId,
    grant::More,
    id::{ConfigurationId, InputName},
    schema::{Descriptor, Difference},
};

use super::{InputError, update::Step};
use crate::{
    git::{Between, Blob},
    project::{Catalogue, Generation, Generator, Project, State, catalogue::is_base},
};

/// Names that are kept of a list.
const TOLD: usize = 20;

/// What an input's step from one revision to another changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// `None`: the history was not fetched.
    pub history: Option<Between>,
    /// The branch that the repository's `HEAD` stood for, and the one that it stands for now, where it was changed.
    pub default_branch: Option<(String, String)>,
    /// Permissions, and device types.
    pub gained: Vec<More>,
    pub lost: Vec<More>,
    /// `None`: one of the two can't be loaded.
    pub modules: Option<Difference>,
    pub effect: Effect,
}

/// What would be generated otherwise.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Effect {
    /// Generated files that differ: all of them, and the first 20.
    pub files: usize,
    pub file_names: Vec<String>,
    /// Configurations that differ, themselves or in a tag, of how many.
    pub configurations: usize,
    pub of_configurations: usize,
    /// Configurations whose NixOS modules can read the input's flake, which changes whatever the files say.
    pub uses: usize,
    /// What can't be generated any more, and what can again: the first 20, in words.
    pub broken: Vec<String>,
    pub mended: Vec<String>,
    /// Why it isn't known.
    pub unknown: Option<String>,
}

impl Project {
    /// Generates with both revisions, as if the new one was accepted, and compares.
    pub(super) fn compare(
        &self,
        step: &Step<'_>,
        history: Option<Between>,
        generator: &mut Generator,
    ) -> Result<Comparison, InputError> {
        let Step { name, before, after, .. } = *step;
        let grant = step.grant();
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        if let (Some(now), Some(then)) = (&grant, &before.grant) {
            gained = now.terms.beyond(&then.terms);
            lost = then.terms.beyond(&now.terms);
        }
        let state = self.state()?;
        let present = self.lock()?;
        let mut changed = present.clone();
        if let Some(entry) = changed.inputs.get_mut(name) {
            (entry.pin, entry.grant, entry.next) = (after.pin.clone(), grant, None);
        }
        let was = generator.catalogue(&self.host, &state.project, &present).map_err(super::GenerateError::from)?;
        let is = Catalogue::load(&self.host, &state.project, &changed).map_err(super::GenerateError::from)?;
        let loaded = |catalogue: &Catalogue| {
            let report = catalogue.inputs.get(name)?;
            (report.status == crate::input::Status::Loaded).then(|| descriptors(catalogue, name))
        };
        let modules = loaded(&was).zip(loaded(&is)).map(|(was, is)| Difference::between(&was, &is));
        let effect = match self.artifact_names() {
            Ok(artifacts) => {
                let then = generator.generate(&state, &was, &artifacts);
                let now = generator.generate(&state, &is, &artifacts);
                Effect::between(&state, name, &then, &now)
            }
            Err(error) => Effect { unknown: Some(crate::report::chain(&error)), ..Effect::default() },
        };
        Ok(Comparison { history, default_branch: None, gained, lost, modules, effect })
    }
}

fn descriptors(catalogue: &Catalogue, name: &InputName) -> Vec<Descriptor> {
    let own = catalogue.modules.values().filter(|loaded| loaded.id.input == *name);
    own.map(|loaded| loaded.descriptor.clone()).collect()
}

impl Effect {
    fn between(state: &State, name: &InputName, then: &Generation, now: &Generation) -> Self {
        let paths: BTreeSet<&String> = then.files.keys().chain(now.files.keys()).collect();
        // What hosts.json says of a configuration follows from its own file.
        let differs =
            |path: &&&String| path.as_str() != "hosts.json" && then.files.get(**path) != now.files.get(**path);
        let files: BTreeSet<&String> = paths.iter().filter(differs).copied().collect();
        let differs = |path: String| files.contains(&path);
        let affected = state.configurations.iter().filter(|(id, configuration)| {
            differs(format!("hosts/{id}.nix"))
                || differs(format!("hosts/{id}.secrets.json"))
                || configuration.value.tags.iter().any(|tag| differs(format!("tags/{tag}.nix")))
        });
        let failing = |generation: &Generation| -> BTreeMap<TargetId, String> {
            generation.failures.iter().rev().map(|failure| (failure.target.clone(), failure.to_string())).collect()
        };
        let (failed, fails) = (failing(then), failing(now));
        let only = |these: &BTreeMap<TargetId, String>, those: &BTreeMap<TargetId, String>| {
            these
                .iter()
                .filter(|(target, _)| !those.contains_key(*target))
                .map(|(_, why)| why.clone())
                .take(TOLD)
                .collect()
        };
        Self {
            files: files.len(),
            file_names: files.iter().take(TOLD).map(|path| (*path).clone()).collect(),
            configurations: affected.count(),
            of_configurations: state.configurations.len(),
            uses: uses(state, name, now),
            broken: only(&fails, &failed),
            mended: only(&failed, &fails),
            unknown: None,
        }
    }
}

/// The generated flake itself uses `nixpkgs` and `thymis`; what else a configuration sees is in hosts.json.
fn uses(state: &State, name: &InputName, generation: &Generation) -> usize {
    #[derive(serde::Deserialize)]
    struct Host {
        #[serde(default)]
        inputs: BTreeSet<InputName>,
    }
    if is_base(name) {
        return state.configurations.len();
    }
    let text = generation.files.get("hosts.json").map_or(b"{}".as_slice(), Blob::bytes);
    let hosts: BTreeMap<ConfigurationId, Host> = serde_json::from_slice(text).unwrap_or_default();
    hosts.values().filter(|host| host.inputs.contains(name)).count()
}
