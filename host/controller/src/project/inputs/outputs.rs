use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use thymis_core::{
    grant::{Entry, Lock},
    id::InputName,
    json, nix as text,
    output::{DISCOVERY, Kind, Outputs},
    state,
};

use super::InputError;
use crate::{
    input::{Contents, FlakeLock},
    nix::{Evaluation, Nix, NixError},
    project::{
        GenerateError, Project,
        transaction::{flake_inputs, pins},
    },
};

/// The attribute that a flake of ours has for this.
const ATTRIBUTE: &str = "discovery";

/// How long a flake is asked what it offers, about.
const PATIENCE: Duration = Duration::from_secs(60);

impl Project {
    /// What the flake of an input offers that is in use from now on. Where that can't be known, generating doesn't check it.
    pub(super) fn offered(&self, project: &state::Project, name: &InputName, entry: &Entry) -> Option<Outputs> {
        let nix = self.host.nix.as_ref()?;
        let (mut project, mut lock) = (project.clone(), self.lock().ok()?);
        // Another address, where it is replaced.
        let input = || state::Input::new(entry.pin.url.clone());
        project.inputs.entry(name.clone()).or_insert_with(input).url.clone_from(&entry.pin.url);
        lock.inputs.insert(name.clone(), entry.clone());
        lock.inputs.retain(|name, _| project.inputs.contains_key(name));
        self.discovered(nix, &project, &lock, name)
    }

    /// Looks up what the flakes offer that are in use. Also what is known: they may offer something else once what they follow
    /// has moved.
    pub(super) fn look_up_outputs(&self, nix: &Nix, project: &state::Project, lock: &mut Lock) {
        let names: Vec<InputName> = lock.inputs.keys().cloned().collect();
        for name in names.iter().filter(|name| !is_nixpkgs(name)) {
            let Some(entry) = lock.inputs.get(name) else { continue };
            let is_used = entry.grant.is_some()
                || entry.outputs.is_some()
                || self.pinned_input(name).is_ok_and(|(_, repository)| matches!(repository.contents, Contents::Plain));
            if is_used && let Some(outputs) = self.discovered(nix, project, lock, name) {
                lock.inputs.get_mut(name).into_iter().for_each(|entry| entry.outputs = Some(outputs.clone()));
            }
        }
    }

    /// As [`Self::discover`]; why it can't be known is told.
    fn discovered(&self, nix: &Nix, project: &state::Project, lock: &Lock, name: &InputName) -> Option<Outputs> {
        let told = |error: &InputError| {
            let error = thymis_core::untrusted::short(&crate::report::chain(error));
            tracing::warn!(
                "it isn't known which outputs the flake of `{name}` has, so generating won't check them; `thymis input lock` looks again at what it offers: {error}"
            );
        };
        self.discover(nix, project, lock, name).inspect_err(told).ok()
    }

    /// What the flake of a pinned input offers.
    ///
    /// # Errors
    /// When `nix` is missing, or the flake can't be evaluated at all.
    fn discover(
        &self,
        nix: &Nix,
        project: &state::Project,
        lock: &Lock,
        name: &InputName,
    ) -> Result<Outputs, InputError> {
        let pins = pins(project, lock);
        let flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        let mut outputs = String::from("\n  outputs = inputs: { ");
        outputs.push_str(ATTRIBUTE);
        outputs.push_str(" = (");
        outputs.push_str(DISCOVERY);
        outputs.push_str(") inputs.");
        text::name(name.as_str(), &mut outputs);
        outputs.push_str(".outputs; };\n}\n");
        let flake = text::flake_with(&flake_inputs(project, lock)?, &outputs);
        let locked = json::write(&flake_lock).map_err(GenerateError::from)?;
        let source = nix.keep_flake(&flake, &locked).map_err(NixError::from)?;

        let sources = self.sources(nix, lock, &flake_lock, &BTreeSet::from([name.clone()])).map_err(Box::new)?;
        let urls = flake_lock.urls().into_iter().collect();
        read(nix.evaluation(&source, sources, urls)).map_err(InputError::from)
    }
}

/// No module refers to its outputs, and there are very many.
pub(super) fn is_nixpkgs(name: &InputName) -> bool {
    name.as_str() == "nixpkgs"
}

fn read(evaluation: Evaluation<'_>) -> Result<Outputs, NixError> {
    let begin = Instant::now();
    let evaluation = evaluation.in_seconds(PATIENCE.as_secs() / 2);
    match evaluation.eval(&format!("{ATTRIBUTE}.kinds"), "kinds: kinds") {
        Ok(kinds) => return Ok(Outputs::parse(&kinds)?),
        Err(NixError::Evaluation(_) | NixError::Limit { .. }) => {}
        Err(error) => return Err(error),
    }
    // One of them ends all of the evaluation, or doesn't end: each is asked for alone.
    let evaluation = evaluation.in_seconds(PATIENCE.as_secs() / 6);
    let names = evaluation.eval(&format!("{ATTRIBUTE}.names"), "names: names")?;
    let names: Vec<String> = serde_json::from_slice(&names)?;
    let ask = |name: &str| {
        if begin.elapsed() > PATIENCE {
            return Ok(Kind::Unlisted);
        }
        let mut quoted = String::new();
        text::string(name, &mut quoted);
        match evaluation.eval(&format!("{ATTRIBUTE}.kinds"), &format!("kinds: kinds.{quoted}")) {
            Ok(kind) => Ok(serde_json::from_slice(&kind)?),
            Err(NixError::Evaluation(_) | NixError::Limit { .. }) => Ok(Kind::Unlisted),
            Err(error) => Err(error),
        }
    };
    names.into_iter().map(|name| Ok((name.clone(), ask(&name)?))).collect()
}
