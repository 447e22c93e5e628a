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
/// Most processes at once.
const PROCESSES: usize = 8;

/// What became of the configurations.
#[derive(Debug)]
pub struct Checked {
    pub commit: Oid,
    pub configurations: BTreeMap<ConfigurationId, Outcome>,
    /// How many were known from an earlier check of the same tree.
    pub cached: usize,
    /// Options that strangers' NixOS modules set beside what was granted. A report: nothing stops them.
    pub outside: Vec<Outside>,
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
}

/// Configurations that see the same inputs, of which some are instantiated together.
struct Group<'a> {
    evaluation: Evaluation<'a>,
    /// What names of files begin with that are of strangers' flakes.
    prefixes: Vec<String>,
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
                found.insert(id.clone(), Known { outcome, definitions: Vec::new() });
            } else {
                by_inputs.entry(&host.inputs).or_default().push_back(id.clone());
            }
        }
        let group = |(inputs, ids): (&BTreeSet<InputName>, VecDeque<_>)| {
            let evaluation = self.evaluation(nix, &evaluable, &ids)?;
            let prefixes = outside::prefixes(&evaluable, inputs);
            Ok(Group { evaluation, prefixes, work: Mutex::new(Open { ids, size: 1 }) })
        };
        let groups = by_inputs.into_iter().map(group).collect::<Result<Vec<_>, EvaluateError>>()?;
        let memory = nix.memory_bytes();
        let work = Work { memory, told, groups, stop: AtomicBool::new(false), found: Mutex::new(found) };
        let processes = std::thread::available_parallelism().map_or(1, usize::from).min(PROCESSES);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..processes).map(|_| scope.spawn(|| work.run())).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
        })?;
        let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        cache.write(&found);
        let outside = outside::outside(&evaluable, &found);
        let configurations = found.into_iter().map(|(id, known)| (id, known.outcome)).collect();
        Ok(Checked { commit: draft.commit, configurations, cached, outside })
    }
}

struct Work<'a> {
    /// Bytes that one process may take.
    memory: u64,
    told: &'a (dyn Fn(&ConfigurationId, &Outcome) -> ControlFlow<()> + Sync),
    groups: Vec<Group<'a>>,
    stop: AtomicBool,
    found: Mutex<BTreeMap<ConfigurationId, Known>>,
}

impl Work<'_> {
    fn run(&self) -> Result<(), NixError> {
        while let Some((group, ids)) = self.next() {
            let Instantiated { mut done, last, heap_bytes, error } =
                group.evaluation.instantiate(&ids, &group.prefixes)?;
            let mut failed = Vec::new();
            let mut rest = Vec::new();
            for id in &ids {
                match done.remove(id) {
                    Some(Instance { derivation: Some(derivation), definitions }) => {
                        self.tell(id, Outcome::Ok { derivation }, definitions);
                    }
                    Some(Instance { derivation: None, .. }) => failed.push(id),
                    None if ids.len() == 1 || last.as_ref() == Some(id) => failed.push(id),
                    None => rest.push(id.clone()),
                }
            }
            group.give_back(rest, ids.len(), heap_bytes, self.memory);
            // Of one that was alone it is known why it ended.
            let known = error.filter(|_| ids.len() == 1);
            if let (Some(error), [id]) = (known, failed.as_slice()) {
                self.tell(id, Outcome::Failed(Box::new(Finding::of_error(error)?)), Vec::new());
                continue;
            }
            for id in failed {
                // Nix tells why only where nothing catches it.
                let outcome = match group.evaluation.derivation(id) {
                    Ok(derivation) => Outcome::Ok { derivation },
                    Err(error) => Outcome::Failed(Box::new(Finding::of_error(error)?)),
                };
                self.tell(id, outcome, Vec::new());
            }
        }
        Ok(())
    }

    /// Some configurations that see the same inputs.
    fn next(&self) -> Option<(&Group<'_>, Vec<ConfigurationId>)> {
        let some = |group| Some((group, Group::take(group)?));
        self.groups.iter().filter(|_| !self.stop.load(Ordering::Relaxed)).find_map(some)
    }

    fn tell(&self, id: &ConfigurationId, outcome: Outcome, definitions: Vec<DefinedBy>) {
        if (self.told)(id, &outcome).is_break() {
            self.stop.store(true, Ordering::Relaxed);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(id.clone(), Known { outcome, definitions });
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
        let each = heap_bytes.map(|bytes| (bytes / tried.max(1) as u64).max(1));
        let fit = each.map_or(1, |each| memory / 2 / each);
        open.size = usize::try_from(fit).unwrap_or(CHUNK).clamp(1, CHUNK.min(tried * 4));
        open.ids.extend(rest);
    }
}

impl Outcome {
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
