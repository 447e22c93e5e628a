//! Leaving an input where it is, and going back.

use std::ops::ControlFlow;

use thymis_core::{consent::Action, digest::Revision, grant::Entry, id::InputName, reference::FlakeReference};

use super::{InputError, Update, update::Way};
use crate::{
    git::{FetchProgress, Fetched},
    project::{Generator, Project},
};

impl Project {
    /// Leaves an input at a revision, by default the present one: updates don't move it any more, and one that waits is
    /// dismissed. Another revision has to be on its ref, and may have to be accepted.
    ///
    /// # Errors
    /// When there is no such input or revision.
    pub fn pin_input(
        &self,
        name: &InputName,
        revision: Option<Revision>,
        generator: &mut Generator,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Update, InputError> {
        let (url, before) = self.entry(name)?;
        match revision.filter(|revision| *revision != before.pin.revision) {
            None => {
                let after = Entry { held: true, next: None, next_branch: None, ..before.clone() };
                self.hold(name, &before, after, Action::Held)?;
                Ok(Update::Held(before.pin.revision))
            }
            Some(revision) => {
                movable(name, &url)?;
                let fetched = self.host.store.fetch_revision(&url, revision, progress)?;
                self.move_input(name, &url, &before, fetched, Way::Pin, generator)
            }
        }
    }

    /// Lets updates move an input again; answers whether they couldn't.
    ///
    /// # Errors
    /// When there is no such input.
    pub fn unpin_input(&self, name: &InputName) -> Result<bool, InputError> {
        let (_, before) = self.entry(name)?;
        self.hold(name, &before, Entry { held: false, ..before.clone() }, Action::Released)?;
        Ok(before.held)
    }

    /// Goes back to an earlier revision, by default the one before the present one, and stays there. What was accepted there
    /// counts again.
    ///
    /// # Errors
    /// When none is known, or it can't be had any more.
    pub fn roll_input_back(
        &self,
        name: &InputName,
        revision: Option<Revision>,
        generator: &mut Generator,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Update, InputError> {
        let (url, before) = self.entry(name)?;
        movable(name, &url)?;
        let log = self.consent()?;
        let past = log.history(name);
        let earlier = past.iter().rev().filter(|past| past.url == before.pin.url);
        let mut earlier = earlier.map(|past| past.revision).skip_while(|revision| *revision != before.pin.revision);
        let earlier = earlier.find(|revision| *revision != before.pin.revision);
        let revision = revision.or(earlier).ok_or_else(|| InputError::NoEarlier(name.clone()))?;
        let fetched = match self.host.store.snapshot(&url, revision)? {
            Some(snapshot) => {
                Fetched { revision, reference: before.branch.clone(), refs: Default::default(), snapshot }
            }
            // Where it was pinned once, it was on a branch then.
            None if past.iter().any(|past| past.revision == revision && past.url == before.pin.url) => {
                self.host.store.fetch_pinned(&url, revision)?
            }
            None => self.host.store.fetch_revision(&url, revision, progress)?,
        };
        self.move_input(name, &url, &before, fetched, Way::RollBack, generator)
    }

    fn hold(&self, name: &InputName, before: &Entry, after: Entry, action: Action) -> Result<(), InputError> {
        let mut records = Vec::new();
        if let Some(next) = before.next.as_ref().filter(|_| after.next.is_none()) {
            records.push(self.record(Action::Withdrawn, name, &Entry::pinned(next.clone())));
        }
        if after.held != before.held {
            records.push(self.record(action, name, &after));
        }
        if after == *before {
            return Ok(());
        }
        self.replace_entry(name, before, after, records)
    }
}

fn movable(name: &InputName, url: &FlakeReference) -> Result<(), InputError> {
    if url.revision().is_some() { Err(InputError::Fixed(name.clone())) } else { Ok(()) }
}
