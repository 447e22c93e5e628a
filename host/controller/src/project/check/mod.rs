//! Whether Nix can evaluate the configurations of a draft, and if not, whose setting is at fault.

mod cache;
mod finding;
mod outside;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use thymis_core::{
    evaluation::Cause,
    id::{ConfigurationId, InputName},
};

use self::cache::Cache;
pub use self::{
    finding::{BlamedFor, Finding, Setting},
    outside::Outside,
};
use super::{EvaluateError, Project, evaluate::Host};
use crate::{
    git::{Draft, Oid},
    nix::{DefinedBy, Evaluation, Instance, Instantiated, Nix, NixError},
};

/// Most configurations that one process instantiates.
const CHUNK: usize = 64;
/// After how many results they are kept.
const KEPT_EVERY: usize = 32;
/// Most processes at once.
const PROCESSES: usize = 8;
/// Bytes that a configuration takes, where it is large.
const ONE: u64 = 1 << 30;

/// What became of the configurations.
#[derive(Debug)]
pub struct Checked {
    pub commit: Oid,
    pub configurations: BTreeMap<ConfigurationId, Outcome>,
    /// How many were known from an earlier check of the same tree.
    pub cached: usize,
    /// Options that strangers' NixOS modules set beside what was granted. A report: nothing stops them.
    pub outside: Vec<Outside>,
    /// Where such modules kept Nix from telling what they set.
    pub hidden: Vec<ConfigurationId>,
}

/// What became of one configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Outcome {
    /// The store path of the derivation that makes its system.
    Ok {
        derivation: String,
    },
    Failed(Box<Finding>),
}

/// What is known of a configuration and depends on nothing but the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    definitions: Vec<DefinedBy>,
    /// Strangers' NixOS modules kept Nix from telling what they define.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_hidden: bool,
}

/// Configurations that see the same inputs, of which some are instantiated together.
struct Group<'a> {
    evaluation: Evaluation<'a>,
    /// What names of files begin with that are of strangers' flakes.
    prefixes: Vec<String>,
    /// Whether it is asked what these define: until that took all of a process's time.
    asks: AtomicBool,
    work: Mutex<Open>,
}

struct Open {
    ids: VecDeque<ConfigurationId>,
    /// How many are tried in one process.
    size: usize,
}

impl Project {
    /// Instantiates configurations of what was generated last, several at a time; one that can't be stops no other. `told`
    /// hears of each, and may stop it.
    ///
    /// # Errors
    /// When nothing was generated, `nix` is missing, or a named configuration isn't there.
    pub fn check(
        &self,
        nix: &Nix,
        draft: Draft,
        only: &[ConfigurationId],
        again: bool,
        told: &(dyn Fn(&ConfigurationId, &Outcome) -> ControlFlow<()> + Sync),
    ) -> Result<Checked, EvaluateError> {
        let evaluable = self.evaluable(draft)?;
        let wanted: BTreeMap<&ConfigurationId, &Host> = if only.is_empty() {
            evaluable.hosts().iter().collect()
        } else {
            let named = |id| Ok((id, evaluable.host(id)?));
            only.iter().map(named).collect::<Result<_, EvaluateError>>()?
        };
        let cache = Cache::open(nix, draft.tree);
        let known = if again { BTreeMap::new() } else { cache.read() };
        let mut found: BTreeMap<ConfigurationId, Known> =
            known.into_iter().filter(|(id, _)| wanted.contains_key(id)).collect();
        let cached = found.len();
        for (id, one) in &found {
            if told(id, &one.outcome).is_break() {
                break;
            }
        }
        let open: Vec<_> = wanted.into_iter().filter(|(id, _)| !found.contains_key(*id)).collect();
        let mut by_inputs: BTreeMap<&BTreeSet<InputName>, VecDeque<ConfigurationId>> = BTreeMap::new();
        for (id, host) in open {
            if let Some(why) = &host.failure {
                let outcome = Outcome::Failed(Box::new(Finding::not_generated(why)));
                let _ = told(id, &outcome);
                found.insert(id.clone(), Known::new(outcome));
            } else {
                by_inputs.entry(&host.inputs).or_default().push_back(id.clone());
            }
        }
        let group = |(inputs, ids): (&BTreeSet<InputName>, VecDeque<_>)| {
            let evaluation = self.evaluation(nix, &evaluable, &ids)?;
            let prefixes = outside::prefixes(&evaluable, inputs);
            let work = Mutex::new(Open { ids, size: 1 });
            Ok(Group { evaluation, prefixes, asks: AtomicBool::new(true), work })
        };
        let groups = by_inputs.into_iter().map(group).collect::<Result<Vec<_>, EvaluateError>>()?;
        let (processes, free) = room(free_memory().unwrap_or(u64::MAX));
        let memory = nix.memory_bytes().min(free);
        let work = Work { memory, told, groups, stop: AtomicBool::new(false), found: Mutex::new(found), cache: &cache };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..processes).map(|_| scope.spawn(|| work.run())).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(NixError::Thread)))
        })?;
        let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        cache.write(&found);
        let outside = outside::outside(&evaluable, &found);
        let hidden = found.iter().filter(|(_, known)| known.is_hidden).map(|(id, _)| id.clone()).collect();
        let configurations = found.into_iter().map(|(id, known)| (id, known.outcome)).collect();
        Ok(Checked { commit: draft.commit, configurations, cached, outside, hidden })
    }
}

struct Work<'a> {
    /// Bytes that one process may take.
    memory: u64,
    told: &'a (dyn Fn(&ConfigurationId, &Outcome) -> ControlFlow<()> + Sync),
    groups: Vec<Group<'a>>,
    stop: AtomicBool,
    found: Mutex<BTreeMap<ConfigurationId, Known>>,
    cache: &'a Cache,
}

impl Work<'_> {
    fn run(&self) -> Result<(), NixError> {
        while let Some((group, ids)) = self.next() {
            let asked = if group.asks.load(Ordering::Relaxed) { group.prefixes.as_slice() } else { &[] };
            let Instantiated { mut done, last, heap_bytes, error } = group.evaluation.instantiate(&ids, asked)?;
            let mut failed = Vec::new();
            let mut rest = Vec::new();
            for id in &ids {
                match done.remove(id) {
                    Some(Instance { derivation: Some(derivation), definitions, is_known }) => {
                        let is_hidden = !is_known && !group.prefixes.is_empty();
                        let outcome = Outcome::of(derivation);
                        self.tell(id, Known { outcome, definitions, is_hidden });
                    }
                    Some(Instance { derivation: None, .. }) => failed.push(id),
                    None if ids.len() == 1 || last.as_ref() == Some(id) => failed.push(id),
                    None => rest.push(id.clone()),
                }
            }
            let is_exhausted = error.as_ref().is_some_and(is_exhausted);
            // Where all of them were told, it was what came after.
            let was_after = rest.is_empty() && failed.is_empty();
            if is_exhausted && was_after {
                group.asks.store(false, Ordering::Relaxed);
            }
            // Several may have come to the end of it together.
            let taken = if is_exhausted && !was_after { Some(u64::MAX) } else { heap_bytes };
            group.give_back(rest, ids.len(), taken, self.memory);
            // Of one that was alone it is known why it ended.
            let known = error.filter(|_| ids.len() == 1);
            if let (Some(error), [id]) = (known, failed.as_slice()) {
                self.tell(id, Known::new(Outcome::Failed(Box::new(Finding::of_error(error)?))));
                continue;
            }
            for id in failed {
                // Nix tells why only where nothing catches it.
                let outcome = match group.evaluation.derivation(id) {
                    Ok(derivation) => Outcome::of(derivation),
                    Err(error) => Outcome::Failed(Box::new(Finding::of_error(error)?)),
                };
                self.tell(id, Known::new(outcome));
            }
        }
        Ok(())
    }

    /// Some configurations that see the same inputs.
    fn next(&self) -> Option<(&Group<'_>, Vec<ConfigurationId>)> {
        let some = |group| Some((group, Group::take(group)?));
        self.groups.iter().filter(|_| !self.stop.load(Ordering::Relaxed)).find_map(some)
    }

    fn tell(&self, id: &ConfigurationId, known: Known) {
        if (self.told)(id, &known.outcome).is_break() {
            self.stop.store(true, Ordering::Relaxed);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(id.clone(), known);
        // Whoever is stopped has what was found until then.
        if found.len().is_multiple_of(KEPT_EVERY) {
            self.cache.write(&found);
        }
    }
}

impl Group<'_> {
    fn take(&self) -> Option<Vec<ConfigurationId>> {
        let mut open = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.size.min(open.ids.len());
        (count > 0).then(|| open.ids.drain(..count).collect())
    }

    /// What wasn't reached is tried again; how many go together from now on is what half of the memory holds.
    fn give_back(&self, rest: Vec<ConfigurationId>, tried: usize, heap_bytes: Option<u64>, memory: u64) {
        let mut open = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        open.ids.extend(rest);
        open.size = match heap_bytes {
            Some(bytes) => {
                let each = (bytes / tried.max(1) as u64).max(1);
                usize::try_from(memory / 2 / each).unwrap_or(CHUNK).clamp(1, CHUNK.min(tried * 4))
            }
            // One's mistake says nothing about the others.
            None => open.size,
        };
    }
}

/// Whether time or memory were at an end.
fn is_exhausted(error: &NixError) -> bool {
    match error {
        NixError::Evaluation(diagnosis) => matches!(diagnosis.cause, Cause::Timeout | Cause::OutOfMemory),
        _ => true,
    }
}

/// How many processes there is room for, and how many bytes are free for each: a small machine has more processors than
/// memory for them.
fn room(free: u64) -> (usize, u64) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fit = usize::try_from(free / ONE).unwrap_or(PROCESSES);
    let processes = processors.min(PROCESSES).min(fit).max(1);
    (processes, free / processes as u64)
}

/// Bytes of memory that nobody uses.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"))?;
    kibibytes.parse::<u64>().ok()?.checked_mul(1024)
}

impl Known {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, definitions: Vec::new(), is_hidden: false }
    }
}

impl Outcome {
    /// Of what a configuration says is its derivation.
    fn of(derivation: String) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-._?=".contains(c);
        let name = derivation.strip_prefix("/nix/store/").and_then(|name| name.strip_suffix(".drv"));
        if name.is_some_and(|name| name.len() > 33 && name.chars().all(is_plain)) {
            Self::Ok { derivation }
        } else {
            Self::Failed(Box::new(Finding::no_derivation()))
        }
    }

    /// Whether another machine, or this one another time, may say something else.
    fn is_of_this_run(&self) -> bool {
        match self {
            Self::Ok { .. } => false,
            Self::Failed(finding) => match finding.cause {
                Cause::Timeout | Cause::OutOfMemory | Cause::StackOverflow | Cause::Fetch => true,
                // What has a place is a mistake there.
                Cause::Other => finding.position.is_none(),
                _ => false,
            },
        }
    }
}
