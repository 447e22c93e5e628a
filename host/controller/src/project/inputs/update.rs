use std::{collections::BTreeMap, ops::ControlFlow, sync::mpsc};

use thymis_core::{
    consent::Action,
    digest::Revision,
    grant::{Entry, Grant, More},
    id::InputName,
    reference::FlakeReference,
    untrusted,
};

use super::{Comparison, InputError, Shown, shown};
use crate::{
    git::{Between, FetchError, FetchProgress, Fetched, Relation, Store},
    input::{Contents, Repository},
    project::{Generator, Project},
};

/// Repositories that are fetched at once.
const AT_ONCE: usize = 16;

/// What looking for a newer revision of an input came to.
#[derive(Debug)]
pub enum Update {
    /// There is none. The default branch may have got another name: from, to.
    Current { revision: Revision, default_branch: Option<(String, String)> },
    /// It was pinned with `thymis input pin`, and stays there.
    Held(Revision),
    /// It is pinned to the newer one. What was accepted covers what that asks for, or nothing was accepted before.
    Moved { from: Revision, shown: Box<Shown>, comparison: Box<Comparison> },
    /// The newer one waits to be accepted. Until then everything goes on with the old one.
    Waits { from: Revision, shown: Box<Shown>, comparison: Box<Comparison>, reasons: Vec<Reason> },
}

/// Why an update must be accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    #[error("{0}")]
    More(More),
    #[error("its flake has another input, `{0}`")]
    FlakeInput(String),
    #[error("it has no modules any more: remove the input, or pin it anew with `thymis input add --replace`")]
    NoModules,
    #[error("what was accepted is revoked")]
    Revoked,
    #[error("the grant in modules.lock isn't one that was given for the present revision")]
    Unaccepted,
    #[error("its history doesn't contain the present revision: it was rewritten (force-pushed)")]
    Unrelated,
    #[error("it goes back to an older revision, which the present one contains")]
    Older,
    #[error("the tag `{0}` was moved to another commit: tags are meant to stay")]
    MovedTag(String),
    #[error("it is on `{to}` now, and was on `{from}`")]
    OtherRef { from: String, to: String },
}

/// An input on its way from one revision to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) name: &'a InputName,
    pub(super) url: &'a FlakeReference,
    pub(super) before: &'a Entry,
    pub(super) after: &'a Repository,
    /// Full name of the ref that led there, where that is known.
    pub(super) branch: Option<&'a str>,
    pub(super) way: Way,
}

impl Step<'_> {
    /// What is granted at the end of it, if there are modules.
    pub(super) fn grant(&self) -> Option<Grant> {
        let Contents::Modules(offer) = &self.after.contents else { return None };
        Some(Grant { digest: offer.terms.digest(&self.after.pin), terms: offer.terms.clone() })
    }
}

/// How an input moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Update,
    Pin,
    RollBack,
}

impl Project {
    /// Fetches inputs and moves each to its newest revision, flake and components together, or has that wait. All are fetched
    /// at once; `told` hears of each when it is done. One that fails holds up no other.
    ///
    /// # Errors
    /// When the project itself can't be read.
    pub fn update_inputs(
        &self,
        names: &[InputName],
        generator: &mut Generator,
        progress: &(dyn Fn(&InputName, FetchProgress) -> ControlFlow<()> + Sync),
        told: &mut dyn FnMut(&InputName, Result<Update, InputError>),
    ) -> Result<(), InputError> {
        let mut open = Vec::new();
        for name in names {
            match self.entry(name) {
                Ok((_, entry)) if entry.held => told(name, Ok(Update::Held(entry.pin.revision))),
                Ok((url, entry)) => open.push((name, url, entry)),
                Err(error) => told(name, Err(error)),
            }
        }
        let entries: BTreeMap<&InputName, &Entry> = open.iter().map(|(name, _, entry)| (*name, entry)).collect();
        let store = &self.host.store;
        let queue = std::sync::Mutex::new(open.iter());
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..open.len().min(AT_ONCE) {
                let (queue, sender) = (&queue, sender.clone());
                scope.spawn(move || {
                    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    while let Some((name, url, entry)) = next() {
                        let fetched = fetch(store, url, entry, &mut |now| progress(name, now));
                        let _ = sender.send((*name, url, fetched));
                    }
                });
            }
            drop(sender);
            for (name, url, fetched) in receiver {
                let Some(before) = entries.get(name) else { continue };
                let updated = fetched
                    .map_err(InputError::from)
                    .and_then(|fetched| self.move_input(name, url, before, fetched, Way::Update, generator));
                told(name, updated);
            }
        });
        Ok(())
    }

    /// Pins an input to what was fetched, or has that wait.
    pub(super) fn move_input(
        &self,
        name: &InputName,
        url: &FlakeReference,
        before: &Entry,
        fetched: Fetched,
        way: Way,
        generator: &mut Generator,
    ) -> Result<Update, InputError> {
        let repository = self.as_input(name, url, &fetched.snapshot)?;
        let found = fetched.reference;
        let step = Step { name, url, before, after: &repository, branch: found.as_deref(), way };
        let (from, to) = (before.pin.revision, repository.pin.revision);
        let held = before.held || way != Way::Update;
        let branch = if way == Way::Update { found.clone() } else { before.branch.clone() };
        let renamed = match (&before.branch, &branch) {
            (Some(from), Some(to)) if url.reference().is_none() && from != to => Some((from.clone(), to.clone())),
            _ => None,
        };
        // Once private, always: a later credential may be missing here.
        let private = before.private || self.host.store.has_credential(url);
        let mut entry = Entry { held, branch, private, ..Entry::pinned(repository.pin.clone()) };
        entry.grant = step.grant().filter(|_| before.grant.is_some());
        if to != from {
            self.unrevoked(name, &entry)?;
        }
        let same = repository.pin == before.pin;
        // A history that can't be read is none that contains the present revision.
        let between = if same { Ok(None) } else { self.host.store.compare(url, to, from) };
        let between = between.inspect_err(|error| tracing::warn!("{name}: its history isn't known: {error}"));
        let between = between.unwrap_or_default();
        let reasons = if same { Vec::new() } else { self.reasons(&step, between.as_ref(), false)? };
        let comparison = if same { None } else { Some(self.compare(&step, between, generator)?) };
        let comparison =
            comparison.map(|comparison| Box::new(Comparison { default_branch: renamed.clone(), ..comparison }));
        if same {
            // Which ref was asked for by name is part of what was accepted.
            let branch = before.branch.clone().filter(|_| url.reference().is_some()).or(entry.branch);
            entry = Entry { next: None, next_branch: None, held, branch, ..before.clone() };
        } else if !reasons.is_empty() {
            entry = Entry { next: Some(entry.pin), next_branch: entry.branch, held, ..before.clone() };
        }
        // As before: of what was accepted, and of what needs no acceptance.
        if entry.pin != before.pin && (entry.grant.is_some() || before.outputs.is_some()) {
            entry.outputs = self.offered(&self.state()?.project, name, &entry);
        }
        if entry != *before {
            let action = match way {
                _ if entry.pin == before.pin && entry.held != before.held => Some(Action::Held),
                _ if entry.pin == before.pin => None,
                Way::RollBack | Way::Pin if self.was_there(name, &entry)? => Some(Action::RolledBack),
                // What was never accepted is by that.
                Way::RollBack | Way::Update | Way::Pin => Some(Action::Updated),
            };
            let records = action.map(|action| self.record(action, name, &entry)).into_iter().collect();
            self.replace_entry(name, before, entry.clone(), records)?;
        }
        let Some(comparison) = comparison else {
            self.unrevoked(name, &entry)?;
            return Ok(match way {
                Way::Update => Update::Current { revision: from, default_branch: renamed },
                Way::Pin | Way::RollBack => Update::Held(from),
            });
        };
        let shown = Box::new(shown(name, repository, Some(&entry)));
        Ok(if reasons.is_empty() {
            Update::Moved { from, shown, comparison }
        } else {
            Update::Waits { from, shown, comparison, reasons }
        })
    }

    /// Whether the input was there on its way to where it is, with these very bytes accepted if there is something to accept.
    fn was_there(&self, name: &InputName, entry: &Entry) -> Result<bool, InputError> {
        let log = self.consent()?;
        let there = log.history(name).iter().any(|past| past.revision == entry.pin.revision);
        let accepted = entry.grant.as_ref().is_none_or(|grant| log.accepted(&entry.pin.url, &grant.digest));
        Ok(there && accepted)
    }

    /// Why somebody has to accept where an input goes that was accepted. `related` is what counts where its history isn't
    /// here.
    pub(super) fn reasons(
        &self,
        step: &Step<'_>,
        between: Option<&Between>,
        related: bool,
    ) -> Result<Vec<Reason>, InputError> {
        let Step { url, before, after, branch, way, .. } = *step;
        let Some(grant) = &before.grant else { return Ok(Vec::new()) };
        let Contents::Modules(offer) = &after.contents else { return Ok(vec![Reason::NoModules]) };
        // These very bytes were accepted before: who goes there by its name needs no second acceptance.
        let (log, digest) = (self.consent()?, offer.terms.digest(&after.pin));
        if way != Way::Update && log.accepted(&after.pin.url, &digest) {
            return Ok(Vec::new());
        }
        let mut reasons = Vec::new();
        // A lock that was edited grants nothing, and moving on must not make it whole.
        if grant.terms.digest(&before.pin) != grant.digest {
            reasons.push(Reason::Unaccepted);
        }
        if self.host.revocations.read()?.of_entry(before).is_some() {
            reasons.push(Reason::Revoked);
        }
        if !log.accepted_for(step.name, &after.pin.url, &digest) {
            reasons.extend(offer.terms.beyond(&grant.terms).into_iter().map(Reason::More));
            let inputs = after.pin.inputs.keys().filter(|input| !before.pin.inputs.contains_key(*input));
            reasons.extend(inputs.map(|input| Reason::FlakeInput(untrusted::short(input))));
        }
        // An update goes where the repository's owner wants it to, also back to a flaw.
        if way == Way::Update && after.pin.revision != before.pin.revision {
            let tag = |name: &str| name.strip_prefix("refs/tags/").map(untrusted::short);
            match (before.branch.as_deref().or(url.reference()), branch) {
                (Some(from), Some(to)) if from != to && url.reference().is_some() => {
                    reasons.push(Reason::OtherRef { from: untrusted::short(from), to: untrusted::short(to) });
                }
                (Some(from), _) => reasons.extend(tag(from).map(Reason::MovedTag)),
                (None, _) => {}
            }
        }
        match between.map(|between| between.relation) {
            Some(Relation::Same | Relation::Newer) => {}
            None if related => {}
            Some(Relation::Older) => reasons.push(Reason::Older),
            Some(Relation::Unrelated) | None => reasons.push(Reason::Unrelated),
        }
        Ok(reasons)
    }
}

/// With its history where something was accepted: that must be part of it.
fn fetch(
    store: &Store,
    url: &FlakeReference,
    before: &Entry,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Fetched, FetchError> {
    match before.grant {
        Some(_) => store.fetch_history(url, progress),
        None => store.fetch(url, progress),
    }
}
