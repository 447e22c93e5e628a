use std::collections::{BTreeMap, BTreeSet};

use thymis_core::{grant::Pin, id::InputName, json, reference::FlakeReference, untrusted};

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
        transaction::{flake_inputs, pins, private},
    },
};

/// What completing the lock came to.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Completed {
    /// Inputs of inputs that are pinned now: `sensors/flake-utils`.
    pub pinned: Vec<String>,
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
        let project = (*self.state()?.project).clone();
        let mut lock = self.lock()?;
        lock.inputs.retain(|name, _| project.inputs.contains_key(name));
        let mut done = Completed::default();
        let pins = pins(&project, &lock);
        let private = private(&lock);
        let mut flake_lock = FlakeLock::compose(&pins, self.flake_lock()?.as_ref());
        done.pinned = flake_lock.incomplete(&pins);
        let incomplete =
            |name: &InputName| done.pinned.iter().any(|path| path.split('/').next() == Some(name.as_str()));
        let audited =
            |lock: &FlakeLock| lock.audit(self.host.store.allows_plain_http(), &private).map_err(InputError::Unfit);
        audited(&flake_lock)?;
        let absent = |lock: &FlakeLock| lock.below_direct().iter().any(|hash| nix.source(hash).is_none());
        if !done.pinned.is_empty() || absent(&flake_lock) {
            self.look_at_inputs(&pins, &done.pinned, &private)?;
            let (mut sources, mut asked) = (Vec::new(), Vec::new());
            for (name, entry) in &lock.inputs {
                let source = self.input_source(nix, name, entry).map_err(Box::new)?;
                if incomplete(name) {
                    let dir = entry.pin.url.parse::<FlakeReference>()?.dir().map(str::to_owned);
                    asked.push((name.clone(), source.path, dir));
                }
                sources.push(source);
            }
            sources.extend(flake_lock.below_direct().iter().filter_map(|hash| nix.source(hash)));
            sources.sort();
            sources.dedup();
            // Where an input is in its lock, Nix doesn't look into the input's own.
            let whole = pins.iter().filter(|(name, _)| !incomplete(name));
            let whole = whole.map(|(name, pin)| (name.clone(), pin.clone())).collect();
            let locking = Locking {
                flake: thymis_core::nix::flake(&flake_inputs(&project, &lock)?),
                lock: json::write(&FlakeLock::compose(&whole, Some(&flake_lock))).map_err(GenerateError::from)?,
                sources,
                incomplete: asked,
                reach: reach(&pins, self.host.store.allows_plain_http()),
            };
            let complete = |made: &FlakeLock| {
                let mut lock = flake_lock.clone();
                pins.keys().filter(|name| incomplete(name)).for_each(|name| lock.graft(name, made));
                audited(&lock).map(|()| lock)
            };
            let locked = match nix.lock(&locking) {
                Err(NixError::Unlocked(unlocked)) => {
                    return Err(self.at_fault(unlocked, &complete, &pins, &done.pinned));
                }
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
        self.look_up_outputs(nix, &project, &mut lock);
        if lock != before {
            self.write_locked(&project_lock, &project, &lock, &flake_lock, Vec::new())?;
        }
        Ok(done)
    }

    /// Refuses what need not be tried: what is one of the project's private inputs, which nobody but the operator gives to
    /// another; and folders and registries, of which Nix would say less.
    fn look_at_inputs(
        &self,
        pins: &BTreeMap<InputName, Pin>,
        missing: &[String],
        private: &BTreeSet<InputName>,
    ) -> Result<(), InputError> {
        let missing = missing.iter().cloned().collect();
        let mut unfit = Vec::new();
        for (name, own, url) in self.named_by(pins, &missing)? {
            let chain = vec![name.to_string(), own.clone()];
            match yours(pins, private, &name, &url) {
                Some(target) => {
                    let (own, what) = (untrusted::short(&own), untrusted::short(&url));
                    let why = Why::Yours { input: name, own, target };
                    unfit.push(Unfit { chain: Chain(chain), what, why });
                }
                None => unfit.extend(Unfit::of_url(chain, &url)),
            }
        }
        if unfit.is_empty() { Ok(()) } else { Err(InputError::Unfit(unfit)) }
    }

    /// What Nix couldn't have: by what it locked until then, by what it says, or by the locks of those that are to be locked.
    fn at_fault(
        &self,
        unlocked: Box<Unlocked>,
        complete: &dyn Fn(&FlakeLock) -> Result<FlakeLock, InputError>,
        pins: &BTreeMap<InputName, Pin>,
        missing: &[String],
    ) -> InputError {
        let made = FlakeLock::parse(&unlocked.lock).ok();
        if let Some(Err(unfit)) = made.as_ref().map(complete) {
            return unfit;
        }
        let mut unfit: Vec<Unfit> = not_had(&unlocked, made.as_ref()).into_iter().collect();
        if unfit.is_empty() {
            for name in pins.keys().filter(|name| missing.iter().any(|path| path.starts_with(&format!("{name}/")))) {
                let own = self.flake_file(name, "flake.lock").ok().flatten();
                let own = own.and_then(|bytes| FlakeLock::parse(&bytes).ok()).map(|lock| lock.of_input(name));
                let audited =
                    own.map_or(Ok(()), |lock| lock.audit(self.host.store.allows_plain_http(), &BTreeSet::new()));
                unfit.extend(audited.err().into_iter().flatten());
            }
        }
        if unfit.is_empty() { NixError::Unlocked(unlocked).into() } else { InputError::Unfit(unfit) }
    }

    /// A file beside the flake of a pinned input.
    fn flake_file(&self, name: &InputName, file: &str) -> Result<Option<Vec<u8>>, InputError> {
        let (url, entry) = self.entry(name)?;
        let snapshot = snapshot(&self.host, &url, &entry)?;
        let file = url.dir().map_or_else(|| file.to_owned(), |dir| format!("{dir}/{file}"));
        Ok(snapshot.read(&file, FILE_BYTES).ok().flatten())
    }

    /// `(input, its own input, address)` of those inputs of inputs whose flake.nix tells it.
    fn named_by(
        &self,
        pins: &BTreeMap<InputName, Pin>,
        missing: &BTreeSet<String>,
    ) -> Result<Vec<(InputName, String, String)>, InputError> {
        let mut found = Vec::new();
        for name in pins.keys().filter(|name| missing.iter().any(|path| path.starts_with(&format!("{name}/")))) {
            let Some(text) = self.flake_file(name, "flake.nix")? else { continue };
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

/// The private input of the project that an address of another's input means.
fn yours(
    pins: &BTreeMap<InputName, Pin>,
    private: &BTreeSet<InputName>,
    name: &InputName,
    url: &str,
) -> Option<InputName> {
    let url: FlakeReference = url.parse().ok()?;
    let is_same = |target: &&InputName| {
        let other = pins.get(*target).and_then(|pin| pin.url.parse::<FlakeReference>().ok());
        *target != name && other.is_some_and(|other| other.fetch_url() == url.fetch_url())
    };
    private.iter().find(is_same).cloned()
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

/// What Nix couldn't have, by what it says it was doing.
fn not_had(unlocked: &Unlocked, made: Option<&FlakeLock>) -> Option<Unfit> {
    let diagnosis = &unlocked.diagnosis;
    let doing = |what: &str| {
        let quoted = |frame: &String| Some(frame.strip_prefix(what)?.strip_suffix('\'')?.to_owned());
        diagnosis.trace.iter().find_map(quoted)
    };
    let mismatch = diagnosis.message.strip_prefix("NAR hash mismatch in input '");
    let indirect =
        diagnosis.message.strip_prefix('\'').filter(|rest| rest.contains("' is an indirect flake reference"));
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
