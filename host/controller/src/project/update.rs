use std::ops::ControlFlow;

use thymis_core::{
    digest::Revision,
    grant::{Entry, Grant, More},
    id::InputName,
    untrusted,
};

use super::{InputError, Project, ProjectError, Shown, inputs::shown};
use crate::{
    git::{FetchLimits, FetchProgress, Fetched, GitUrl},
    input::{Contents, Repository},
};

/// What looking for a newer revision of an input came to.
#[derive(Debug)]
pub enum Update {
    /// There is none.
    Current(Revision),
    /// It is pinned to the newer one. What was accepted covers what that asks for, or nothing was accepted before.
    Moved { from: Revision, shown: Box<Shown> },
    /// The newer one waits to be accepted. Until then everything goes on with the old one.
    Waits { from: Revision, shown: Box<Shown>, reasons: Vec<Reason> },
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
    #[error("its history doesn't contain the present revision: it was rewritten, or goes back")]
    Unrelated,
}

impl Project {
    /// Fetches an input and moves to its newest revision, flake and components together, or has that wait.
    ///
    /// # Errors
    /// When there is no such input, or its newest revision can't be an input; nothing was changed.
    pub fn update_input(
        &self,
        name: &InputName,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Update, InputError> {
        let (url, before) = self.entry(name)?;
        let from = before.pin.revision;
        let fetched = self.fetch_update(&url, &before, progress)?;
        let repository = self.as_input(name, &url, &fetched.snapshot)?;
        let revision = repository.pin.revision;

        let reasons = self.reasons(&url, &before, &repository, false)?;
        let mut entry = Entry::pinned(repository.pin.clone());
        if let (Contents::Modules(offer), Some(_)) = (&repository.contents, &before.grant) {
            let grant = Grant { digest: offer.terms.digest(&entry.pin), terms: offer.terms.clone() };
            if revision != from {
                self.unrevoked(name, &grant)?;
            }
            entry.grant = Some(grant);
        }
        if !reasons.is_empty() {
            entry = Entry { next: Some(entry.pin), ..before.clone() };
        }
        if repository.pin == before.pin {
            entry = Entry { next: None, ..before.clone() };
        }
        if entry != before {
            let project_lock = self.repository.lock().map_err(ProjectError::from)?;
            let mut lock = self.lock()?;
            match lock.inputs.get_mut(name).filter(|now| **now == before) {
                Some(now) => *now = entry.clone(),
                None => return Err(InputError::Changed(name.clone())),
            }
            self.write_inputs(&project_lock, &self.state()?.project, lock)?;
        }
        if revision == from {
            before.grant.as_ref().map_or(Ok(()), |grant| self.unrevoked(name, grant))?;
            return Ok(Update::Current(from));
        }
        let shown = Box::new(shown(name, repository, Some(&entry)));
        Ok(if reasons.is_empty() { Update::Moved { from, shown } } else { Update::Waits { from, shown, reasons } })
    }

    /// With its history where something was accepted: that must be part of it.
    fn fetch_update(
        &self,
        url: &GitUrl,
        before: &Entry,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Fetched, InputError> {
        let (store, limits) = (&self.host.store, FetchLimits::default());
        Ok(match before.grant {
            Some(_) => store.fetch_history(url, &limits, progress)?,
            None => store.fetch(url, &limits, progress)?,
        })
    }

    /// Why somebody has to accept the update of an input that was accepted. `related` is what counts where its history isn't
    /// here.
    pub(super) fn reasons(
        &self,
        url: &GitUrl,
        before: &Entry,
        new: &Repository,
        related: bool,
    ) -> Result<Vec<Reason>, InputError> {
        let Some(grant) = &before.grant else { return Ok(Vec::new()) };
        let Contents::Modules(offer) = &new.contents else { return Ok(vec![Reason::NoModules]) };
        let mut reasons: Vec<Reason> = offer.terms.beyond(&grant.terms).into_iter().map(Reason::More).collect();
        // A lock that was edited grants nothing, and moving on must not make it whole.
        if grant.terms.digest(&before.pin) != grant.digest {
            reasons.push(Reason::Unaccepted);
        }
        if self.host.revocations.read()?.of(grant).is_some() {
            reasons.push(Reason::Revoked);
        }
        let inputs = new.pin.inputs.keys().filter(|input| !before.pin.inputs.contains_key(*input));
        reasons.extend(inputs.map(|input| Reason::FlakeInput(untrusted::short(input))));
        if !self.host.store.descends(url, new.pin.revision, before.pin.revision)?.unwrap_or(related) {
            reasons.push(Reason::Unrelated);
        }
        Ok(reasons)
    }
}
