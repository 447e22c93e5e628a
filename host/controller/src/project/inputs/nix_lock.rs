use std::collections::{BTreeMap, BTreeSet};

use thymis_core::{
    grant::{Lock, Pin},
    id::InputName,
    json,
    reference::FlakeReference,
    state, untrusted,
};

use super::InputError;
use crate::{
    input::{Chain, FILE_BYTES, FlakeLock, Unfit, Why, urls},
    nix::{
        Locking, Nix, NixError, Unlocked,
        network::{Asked, Host, Reach},
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
            // Where an input is in its lock, Nix doesn't look into the input's own.
            let whole = pins.iter().filter(|(name, _)| !incomplete(name));
            let whole = whole.map(|(name, pin)| (name.clone(), pin.clone())).collect();
            let locking = Locking {
                flake: thymis_core::nix::flake(&flake_inputs(&project, &lock)?),
                lock: json::write(&FlakeLock::compose(&whole, Some(&flake_lock))).map_err(GenerateError::from)?,
                sources,
                reach: reach(&pins, self.host.store.allows_plain_http()),
            };
            let complete = |made: &FlakeLock| {
                let mut lock = flake_lock.clone();
                pins.keys().filter(|name| incomplete(name)).for_each(|name| lock.graft(name, made));
                audited(&lock).map(|()| lock)
            };
            let locked = match nix.lock(&locking) {
                Err(NixError::Unlocked(unlocked)) => return Err(at_fault(unlocked, &complete)),
                locked => locked?,
            };
            flake_lock = complete(&FlakeLock::parse(&locked.lock).map_err(ProjectError::from)?)?;
            for hash in flake_lock.below_direct() {
                let known = nix.source(&hash).is_some();
                let kept = nix.keep_fetched(&locked, &hash).map_err(NixError::from)?;
                done.fetched += usize::from(!known && kept.is_some());
            }
        }
        self.write_locked(&project_lock, &project, &lock, &flake_lock, Vec::new())?;
        // With what is pinned now.
        let before = lock.clone();
        if let Err(error) = self.look_up_outputs(nix, &project, &mut lock) {
            tracing::warn!("not all is known of what flakes offer: {}", crate::report::chain(&error));
        }
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
            // Another branch of it, or another folder, is another flake.
            let flake = |url: &FlakeReference| {
                (url.fetch_url(), url.dir().map(str::to_owned), url.reference().map(str::to_owned))
            };
            let same = |(input, pin): &(&InputName, &Pin)| {
                let is_there = url.revision().is_none_or(|revision| revision == pin.revision);
                *input != &name && is_there && pin.url.parse().is_ok_and(|other| flake(&other) == flake(&url))
            };
            if let Some((target, _)) = pins.iter().find(same) {
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
            .filter_map(|(name, own, url)| Unfit::of_url(vec![name.to_string(), own], &url));
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
                let path = format!("{name}/{}", untrusted::short(&own));
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

/// What Nix couldn't have, by what it locked until then, and by what it says it was doing.
fn at_fault(unlocked: Box<Unlocked>, complete: &dyn Fn(&FlakeLock) -> Result<FlakeLock, InputError>) -> InputError {
    let made = FlakeLock::parse(&unlocked.lock).ok();
    match made.as_ref().map(complete) {
        Some(Err(unfit)) => unfit,
        _ => match not_had(&unlocked, made.as_ref()) {
            Some(unfit) => InputError::Unfit(vec![unfit]),
            None => NixError::Unlocked(unlocked).into(),
        },
    }
}

fn not_had(unlocked: &Unlocked, made: Option<&FlakeLock>) -> Option<Unfit> {
    let diagnosis = &unlocked.diagnosis;
    let doing = |what: &str| {
        let quoted = |frame: &String| Some(frame.strip_prefix(what)?.strip_suffix('\'')?.to_owned());
        diagnosis.trace.iter().find_map(quoted)
    };
    let mismatch = diagnosis.message.strip_prefix("NAR hash mismatch in input '");
    let indirect = diagnosis.message.strip_prefix('\'').filter(|rest| rest.contains("' is an indirect flake reference"));
    let named = || Some(mismatch.or(indirect)?.split('\'').next()?.to_owned());
    let fetched = doing("while fetching the input '").or_else(named)?;
    let (chain, address) = match doing("while updating the flake input '") {
        Some(path) => (path.split('/').map(str::to_owned).collect(), fetched.as_str()),
        // It was locked, and is to be brought here.
        None => {
            let chain = made?.chain_to(fetched.strip_prefix("git+").unwrap_or(&fetched))?;
            (chain.0, fetched.split('?').next().unwrap_or(&fetched))
        }
    };
    // The project's own inputs were there before.
    if chain.len() < 2 {
        return None;
    }
    let told = |asked: &Asked| Some(format!("{} port {}: {}", asked.host, asked.port, asked.refused?));
    let hosts: BTreeSet<String> = unlocked.refused.iter().filter_map(told).collect();
    Unfit::of_url(chain.clone(), address).or_else(|| {
        let why = if mismatch.is_some() {
            Why::Changed
        } else if hosts.is_empty() {
            Why::Unfetched(untrusted::short(diagnosis.message.lines().last().unwrap_or_default()))
        } else {
            Why::Unreached(hosts.into_iter().collect::<Vec<_>>().join("; "))
        };
        Some(Unfit { chain: Chain(chain), what: untrusted::short(address), why })
    })
}
