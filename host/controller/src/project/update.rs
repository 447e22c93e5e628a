use std::ops::ControlFlow;

use thymis_core::{
    digest::Revision,
    grant::{Entry, Grant, More},
    id::InputName,
};

use super::{
    InputError, Project, ProjectError, Shown,
    inputs::{shown, unknown},
};
use crate::{
    git::{FetchLimits, FetchProgress, GitUrl},
    input::Contents,
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
        let project = self.state()?.project;
        let input = project.inputs.get(name).ok_or_else(|| unknown(name, &project))?;
        let url: GitUrl = input.url.parse()?;
        let before = self.lock()?.inputs.remove(name).ok_or_else(|| InputError::NotPinned(name.clone()))?;
        let from = before.pin.revision;

        let store = &self.host.store;
        let fetched = store.fetch_history(&url, &FetchLimits::default(), progress)?;
        let repository = self.as_input(name, &url, &fetched.snapshot)?;
        let revision = repository.pin.revision;
        let descends = store.descends(&url, revision, from)?.unwrap_or_default();

        let mut entry = Entry::pinned(repository.pin.clone());
        let mut reasons = Vec::new();
        if let (Contents::Modules(offer), Some(grant)) = (&repository.contents, &before.grant) {
            reasons.extend(offer.terms.beyond(&grant.terms).into_iter().map(Reason::More));
            if !descends {
                reasons.push(Reason::Unrelated);
            }
            entry.grant = Some(Grant { digest: offer.terms.digest(&entry.pin), terms: offer.terms.clone() });
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
        let shown = Box::new(shown(name, repository, Some(&entry)));
        Ok(if revision == from {
            Update::Current(from)
        } else if reasons.is_empty() {
            Update::Moved { from, shown }
        } else {
            Update::Waits { from, shown, reasons }
        })
    }
}
