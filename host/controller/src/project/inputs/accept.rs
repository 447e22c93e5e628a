use thymis_core::{
    consent::Action,
    digest::{Digest, Revision},
    grant::{Entry, Grant},
    id::InputName,
    reference::FlakeReference,
    revocation::{self, Revocable, Revocation},
};

use super::{
    InputError, Pending, Shown, is_named, shown, unknown,
    update::{Step, Way},
};
use crate::{
    input::{Contents, Repository, Status},
    project::{Generator, Project, ProjectError},
};

impl Project {
    /// What a pinned input contains, read anew from its commit.
    ///
    /// # Errors
    /// When there is no such input, or it can't be read.
    pub fn show_input(&self, name: &InputName, generator: &mut Generator) -> Result<Shown, InputError> {
        let (entry, repository) = self.pinned_input(name)?;
        let mut present = shown(name, repository, Some(&entry));
        if self.host.revocations.read()?.of_entry(&entry).is_some() {
            present.status = Status::Failed;
        }
        if let Some(pin) = entry.next.clone() {
            let url: FlakeReference = entry.pin.url.parse()?;
            // The repository may not have it any more.
            present.next = Some(match self.read_next(name, &entry, pin) {
                Ok(next) => {
                    let pending = self.waiting(name, &url, &entry, &next, generator)?;
                    Ok((Box::new(shown(name, next, None)), Box::new(pending)))
                }
                Err(error) => Err(Box::new(error)),
            });
        }
        Ok(present)
    }

    /// Why an update waits, and what it changes.
    fn waiting(
        &self,
        name: &InputName,
        url: &FlakeReference,
        before: &Entry,
        after: &Repository,
        generator: &mut Generator,
    ) -> Result<Pending, InputError> {
        let branch = before.next_branch.as_deref();
        let step = Step { name, url, before, after, branch, way: Way::Update };
        let between = self.host.store.compare(url, after.pin.revision, before.pin.revision);
        // Where it isn't here, it was looked at when the update was found.
        let related = between.is_ok();
        let between = between.unwrap_or_default();
        let reasons = self.reasons(&step, between.as_ref(), related)?;
        Ok(Pending { reasons, comparison: self.compare(&step, between, generator)? })
    }

    /// What [`Self::accept_input`] would grant; with why it has to be accepted and what it changes where it is an update.
    ///
    /// # Errors
    /// As [`Self::accept_input`].
    pub fn show_meant(
        &self,
        name: &InputName,
        revision: Option<Revision>,
        digest: Option<Digest>,
        generator: &mut Generator,
    ) -> Result<(Shown, Option<Pending>), InputError> {
        let (url, before) = self.entry(name)?;
        let (entry, repository) = self.meant(name, &before, revision, digest)?;
        let changes = if entry.pin == before.pin {
            None
        } else {
            Some(self.waiting(name, &url, &before, &repository, generator)?)
        };
        let shown = shown(name, repository, Some(&entry));
        Ok((shown, changes))
    }

    /// Grants an input what it asks for. That is the update that waits, if there is one, unless `revision` or `digest`, which
    /// are what the operator saw, name the pinned revision.
    ///
    /// # Errors
    /// When it isn't what the operator saw, or there is nothing to accept.
    pub fn accept_input(
        &self,
        name: &InputName,
        revision: Option<Revision>,
        digest: Option<Digest>,
    ) -> Result<Grant, InputError> {
        let (_, before) = self.entry(name)?;
        let (mut entry, repository) = self.meant(name, &before, revision, digest)?;
        let found = entry.pin.revision;
        if let Some(expected) = revision.filter(|expected| *expected != found) {
            return Err(InputError::OtherRevision { name: name.clone(), expected, found });
        }
        let Contents::Modules(offer) = repository.contents else {
            return Err(InputError::NothingToAccept(name.clone()));
        };
        let found = offer.terms.digest(&entry.pin);
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(InputError::OtherDigest { name: name.clone(), expected, found });
        }
        let grant = Grant { digest: found, terms: offer.terms };
        entry.grant = Some(grant.clone());
        self.unrevoked(name, &entry)?;
        if entry.outputs.is_none() {
            entry.outputs = self.offered(&self.state()?.project, name, &entry);
        }
        let record = self.record(Action::Accepted, name, &entry);
        self.replace_entry(name, &before, entry, vec![record])?;
        Ok(grant)
    }

    /// The entry that is to be accepted, not granted yet, with what it contains.
    fn meant(
        &self,
        name: &InputName,
        before: &Entry,
        revision: Option<Revision>,
        digest: Option<Digest>,
    ) -> Result<(Entry, Repository), InputError> {
        let Some(pin) = before.next.clone() else { return self.proven_input(name) };
        let next = self.read_next(name, before, pin.clone());
        let named = |repository: &Repository| is_named(repository, revision, digest);
        // The present one may be gone where the update isn't, and the other way round.
        if !next.as_ref().is_ok_and(named)
            && (revision.is_some() || digest.is_some())
            && let Ok((entry, repository)) = self.proven_input(name)
            && named(&repository)
        {
            return Ok((entry, repository));
        }
        let repository = next?;
        if matches!(repository.contents, Contents::Plain) {
            return Err(InputError::LostModules(name.clone()));
        }
        let branch = before.next_branch.clone().or(before.branch.clone());
        let (held, private) = (before.held, before.private);
        Ok((Entry { held, branch, private, ..Entry::pinned(pin) }, repository))
    }

    /// Revokes what an input was granted: the grant, and its components at whatever revision. It outlives the project's
    /// history. Answers the digests.
    ///
    /// # Errors
    /// When there is no such input, it has no grant, or the revocation can't be kept.
    pub fn revoke_input(&self, name: &InputName, revocation: &Revocation) -> Result<Vec<Digest>, InputError> {
        // The lock alone is needed: a mistake elsewhere in the state mustn't stand in the way.
        let Some(entry) = self.lock()?.inputs.remove(name) else { return Err(unknown(name, &self.state()?.project)) };
        let grant = entry.grant.as_ref().ok_or_else(|| InputError::NothingToRevoke(name.clone()))?;
        let digests: Vec<Digest> = revocation::digests(grant).collect();
        self.host.revocations.add(digests.iter().map(|digest| (Revocable::Digest(*digest), revocation.clone())))?;
        if let Err(error) = self.log_revocation(name, &entry, revocation) {
            tracing::warn!("it is revoked, but {} doesn't say so: {error}", thymis_core::consent::FILE);
        }
        Ok(digests)
    }

    fn log_revocation(&self, name: &InputName, entry: &Entry, revocation: &Revocation) -> Result<(), InputError> {
        let project_lock = self.repository.lock().map_err(ProjectError::from)?;
        let record = self.record(Action::Revoked { reason: revocation.reason.clone() }, name, entry);
        self.write_inputs(&project_lock, &self.state()?.project, self.lock()?, vec![record])
    }
}
