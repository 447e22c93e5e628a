use std::collections::{BTreeMap, BTreeSet};

use thymis_core::{
    grant::{Lock, Pin},
    id::InputName,
    json,
    reference::FlakeReference,
    state,
};

use super::InputError;
use crate::{
    input::{FILE_BYTES, FlakeLock, urls},
    nix::{
        Locking, Nix,
        network::{Host, Reach},
    },
    project::{
        GenerateError, Project, ProjectError,
        catalogue::snapshot,
        transaction::{flake_inputs, pins},
    },
};

/// What completing the lock came to.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Completed {
    /// Inputs of inputs that are pinned now: `sensors/flake-utils`.
    pub pinned: Vec<String>,
    /// Inputs of inputs that are the same repository as one of the project, which now stands in for them.
    pub following: Vec<(InputName, String, InputName)>,
    /// Sources that were fetched.
    pub fetched: usize,
}

impl Project {
    /// Pins the inputs of inputs that are not known yet, and brings the files of all to this machine.
    ///
    /// # Errors
    /// When `nix` is missing, can't fetch them, or one of them is none that may be used; nothing was changed.
    pub fn lock_inputs(&self, nix: &Nix) -> Result<Completed, InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let mut project = (*self.state()?.project).clone();
        let mut lock = self.lock()?;
        lock.inputs.retain(|name, _| project.inputs.contains_key(name));
        let mut done = Completed { following: self.stand_ins(&project, &lock)?, ..Completed::default() };
        for (name, own, target) in &done.following {
            if let Some(input) = project.inputs.get_mut(name) {
                input.follows.insert(own.clone(), target.clone());
            }
        }
        let pins = pins(&project, &lock);
        let mut flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        done.pinned = flake_lock.incomplete(&pins);
        let incomplete =
            |name: &InputName| done.pinned.iter().any(|path| path.split('/').next() == Some(name.as_str()));
        let audited = |lock: &FlakeLock| lock.audit(self.host.store.allows_plain_http()).map_err(InputError::Unfit);
        audited(&flake_lock)?;
        let absent = |lock: &FlakeLock| lock.below_direct().iter().any(|hash| nix.source(hash).is_none());
        if !done.pinned.is_empty() || absent(&flake_lock) {
            self.look_at_inputs(&pins, &done.pinned)?;
            let mut sources = Vec::new();
            for (name, entry) in &lock.inputs {
                let source = self.input_source(nix, name, entry).map_err(Box::new)?;
                sources.push((incomplete(name).then(|| name.clone()), source));
            }
            sources.extend(flake_lock.below_direct().iter().filter_map(|hash| Some((None, nix.source(hash)?))));
            let locking = Locking {
                flake: thymis_core::nix::flake(&flake_inputs(&project, &lock)?),
                lock: json::write(&flake_lock).map_err(GenerateError::from)?,
                sources,
                reach: reach(&pins, self.host.store.allows_plain_http()),
            };
            let locked = nix.lock(&locking)?;
            let made = FlakeLock::parse(&locked.lock).map_err(ProjectError::from)?;
            for name in pins.keys().filter(|name| incomplete(name)) {
                flake_lock.graft(name, &made);
            }
            audited(&flake_lock)?;
            for hash in flake_lock.below_direct() {
                let known = nix.source(&hash).is_some();
                let kept = nix.keep_fetched(&locked, &hash).map_err(crate::nix::NixError::from)?;
                done.fetched += usize::from(!known && kept.is_some());
            }
        }
        self.write_locked(&project_lock, &project, &lock, &flake_lock, Vec::new())?;
        // With what is pinned now.
        let before = lock.clone();
        self.look_up_outputs(nix, &project, &mut lock)?;
        if lock != before {
            self.write_locked(&project_lock, &project, &lock, &flake_lock, Vec::new())?;
        }
        Ok(done)
    }

    /// Inputs of inputs that are not locked, and are repositories that the project has as inputs of its own.
    fn stand_ins(
        &self,
        project: &state::Project,
        lock: &Lock,
    ) -> Result<Vec<(InputName, String, InputName)>, InputError> {
        let pins = pins(project, lock);
        let flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        let missing: BTreeSet<String> = flake_lock.incomplete(&pins).into_iter().collect();
        let mut found = Vec::new();
        for (name, own, url) in self.named_by(&pins, &missing)? {
            let Ok(url) = url.parse::<FlakeReference>() else { continue };
            let same = |input: &&InputName| {
                let other = pins.get(*input).and_then(|pin| pin.url.parse::<FlakeReference>().ok());
                *input != &name && other.is_some_and(|other| other.fetch_url() == url.fetch_url())
            };
            if let Some(target) = pins.keys().find(same) {
                found.push((name, own, target.clone()));
            }
        }
        Ok(found)
    }

    /// Refuses what need not be tried: where an input names a folder or a registry, Nix would say less.
    fn look_at_inputs(&self, pins: &BTreeMap<InputName, Pin>, missing: &[String]) -> Result<(), InputError> {
        let missing = missing.iter().cloned().collect();
        let unfit = self
            .named_by(pins, &missing)?
            .into_iter()
            .filter_map(|(name, own, url)| crate::input::Unfit::of_url(vec![name.to_string(), own], &url));
        let unfit: Vec<_> = unfit.collect();
        if unfit.is_empty() { Ok(()) } else { Err(InputError::Unfit(unfit)) }
    }

    /// `(input, its own input, address)` of those inputs of inputs whose flake.nix tells it.
    fn named_by(
        &self,
        pins: &BTreeMap<InputName, Pin>,
        missing: &BTreeSet<String>,
    ) -> Result<Vec<(InputName, String, String)>, InputError> {
        let mut found = Vec::new();
        for name in pins.keys().filter(|name| missing.iter().any(|path| path.starts_with(&format!("{name}/")))) {
            let (url, entry) = self.entry(name)?;
            let snapshot = snapshot(&self.host, &url, &entry)?;
            let file = url.dir().map_or_else(|| "flake.nix".to_owned(), |dir| format!("{dir}/flake.nix"));
            let Ok(Some(text)) = snapshot.read(&file, FILE_BYTES) else { continue };
            for (own, url) in urls(&text).unwrap_or_default() {
                let path = format!("{name}/{}", thymis_core::untrusted::short(&own));
                if let Some(url) = url.filter(|_| missing.contains(&path)) {
                    found.push((name.clone(), own, url));
                }
            }
        }
        Ok(found)
    }
}

/// The hosts of the project's inputs, and the public internet.
fn reach(pins: &BTreeMap<InputName, Pin>, plain_http: bool) -> Reach {
    let of = |pin: &Pin| {
        let url: FlakeReference = pin.url.parse().ok()?;
        let fetched = url.fetch_url();
        let usual = if fetched.starts_with("https://") {
            443
        } else if fetched.starts_with("http://") {
            80
        } else {
            return None;
        };
        Some((url.host()?.parse::<Host>().ok()?, url.port().unwrap_or(usual)))
    };
    let hosts = pins.values().filter_map(of).collect();
    Reach { hosts, public_ports: if plain_http { vec![443, 80] } else { vec![443] } }
}
