//! The conversation with a server, by libgit2.
//!
//! The remote's list of refs is asked for first, and the wanted commit is checked against that list: what an earlier fetch
//! left proves nothing.

use std::{
    cell::{Cell, RefCell},
    ops::ControlFlow,
};

use git2::{
    AutotagOption, CertificateCheckStatus, Cred, CredentialType, ErrorClass, ErrorCode, FetchOptions, Oid, Remote,
    RemoteCallbacks, Repository,
};
use secrecy::ExposeSecret as _;
use thymis_core::{digest::Revision, untrusted};

use super::{
    Done, FetchErrorKind, FetchProgress, Phase, Wanted, Work,
    error::too_large,
    http::{self, HttpFailure, Session},
    refs::Heads,
};
use crate::git::{
    GitError,
    bare::oid,
    copies::{Depth, kept, pinned},
    credential::{Credential, Kind},
    host_key,
    snapshot::Snapshot,
    tree::TreeError,
};

/// No ref has this name, so asking for it transfers nothing: the list of refs comes under the same callbacks as the rest.
const NOTHING: &str = "refs/thymis/nothing:refs/thymis/nothing";

/// One fetch under way.
pub(super) struct Fetch<'a> {
    pub(super) work: &'a Work<'a>,
    /// The commit that is wanted; by default the newest.
    pub(super) revision: Option<Revision>,
    pub(super) phase: &'a dyn Fn(Phase),
}

/// What happened during a conversation that libgit2's errors don't tell.
#[derive(Default)]
struct Seen {
    /// The server asked for a credential that it wasn't shown, or again.
    asked: Cell<bool>,
    shown: Cell<bool>,
    host_key: RefCell<Option<String>>,
    stop: RefCell<Option<FetchErrorKind>>,
    /// Bytes of a folder's progress in words.
    said: Cell<u64>,
}

impl Fetch<'_> {
    /// Brings the wanted commit into the store's copy, and reads all of it once.
    pub(super) fn run(
        &self,
        wanted: Wanted,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Done, FetchErrorKind> {
        let authorization = self.work.credential.and_then(Credential::authorization);
        let session = Session {
            url: &self.work.url.fetch_url(),
            authorization: authorization.as_ref(),
            proxy: !self.work.url.is_this_machine(),
        };
        let (done, failure) = http::during(session, || self.attempt(wanted, progress));
        done.map_err(|kind| match (kind, failure) {
            // libgit2 knows only that there was no answer.
            (FetchErrorKind::Git(_) | FetchErrorKind::Unreachable(_), Some(failure)) => self.http_failed(failure),
            (kind, _) => kind,
        })
    }

    fn attempt(
        &self,
        wanted: Wanted,
        progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
    ) -> Result<Done, FetchErrorKind> {
        self.check_local()?;
        // libgit2 can't fetch without history from a folder.
        let local = self.work.url.local_path().is_some();
        let depth = if local || wanted == Wanted::History { Depth::History } else { Depth::Tip };
        (self.phase)(Phase::Waiting);
        let lock = self.work.copies.lock(self.work.url)?;
        (self.phase)(Phase::Receiving);
        let repository = self.work.copies.repository(self.work.url, depth)?;
        let seen = Seen::default();
        let mut remote = repository.remote_anonymous(&self.work.url.fetch_url())?;
        let told = RefCell::new(progress);
        let mut options = self.options(depth, &seen, &told);
        let mut ask = |remote: &mut Remote<'_>, refspecs: &[String]| {
            remote.download(refspecs, Some(&mut options)).map_err(|error| self.failed(error, &seen))
        };
        ask(&mut remote, &[NOTHING.to_owned()])?;
        let heads = Heads::new(remote.list()?)
            .ok_or_else(|| FetchErrorKind::Contents("a branch or tag whose name is not UTF-8".to_owned()))?;
        let refs = self.work.limits.refs;
        if heads.0.is_empty() {
            return Err(FetchErrorKind::Empty);
        }
        if heads.0.len() as u64 > refs {
            return Err(too_large("fetch_refs", refs));
        }
        let candidates = match self.candidates(&heads) {
            // Its branch may be gone since.
            Err(_) if wanted == Wanted::Pinned => Vec::new(),
            candidates => candidates?,
        };
        let target = self.revision.map(oid).transpose()?;
        let tip = match target {
            None => candidates.first(),
            Some(target) => candidates.iter().find(|(_, tip)| *tip == target),
        };
        if let (None, Some(target), true) = (tip, target, wanted == Wanted::Pinned) {
            let is_here = || repository.find_commit(target).is_ok();
            // A folder gives nothing, and says nothing.
            if is_here() || ask(&mut remote, &[target.to_string()]).is_ok() && is_here() {
                return self.keep(&repository, depth, None, target, &heads, &pinned);
            }
        }
        if tip.is_none() && target.is_some() && depth == Depth::Tip {
            // Servers give what is on no branch too, and old servers nothing but branches: the history tells.
            drop((options, remote, lock));
            return self.attempt(Wanted::History, told.into_inner());
        }
        let tips = tip.map_or(candidates.as_slice(), std::slice::from_ref);
        // A revision alone may hang on any branch or tag; a ref of the remote becomes none here.
        let refspecs: Vec<String> = tips.iter().map(|(name, _)| format!("+{name}:{name}")).collect();
        if !tips.iter().all(|(_, oid)| repository.find_commit(*oid).is_ok()) {
            ask(&mut remote, &refspecs)?;
        }
        (self.phase)(Phase::Reading);
        let (name, commit) = match tip {
            Some((name, tip)) => {
                let commit = repository.find_object(*tip, None).and_then(|object| object.peel_to_commit())?;
                (Some(name.clone()), commit.id())
            }
            None => (self.work.url.full_references().into_iter().next(), self.reachable(&repository, tips, target)?),
        };
        self.keep(&repository, depth, name, commit, &heads, &kept)
    }

    /// The last step: a commit of which everything was read counts as fetched.
    fn keep(
        &self,
        repository: &Repository,
        depth: Depth,
        name: Option<String>,
        commit: Oid,
        heads: &Heads,
        reference: &dyn Fn(Revision) -> String,
    ) -> Result<Done, FetchErrorKind> {
        (self.phase)(Phase::Reading);
        let revision = Revision::from_bytes(commit.as_bytes().try_into().unwrap_or_default());
        // Everything in it is unpacked here, within the bounds of this process, before anyone else does so.
        let copy = self.work.copies.copy(self.work.url, depth);
        let damaged = |reason: String| FetchErrorKind::Damaged { copy: copy.clone(), reason };
        Snapshot::open(&copy, revision, self.work.tree_limits)
            .map_err(|error| damaged(crate::report::chain(&error)))?
            .nar_hash()
            .map_err(|error| match error {
                TreeError::Missing { .. } | TreeError::Git { .. } => damaged(crate::report::chain(&error)),
                refused => FetchErrorKind::Contents(crate::report::chain(&refused)),
            })?;
        repository.reference(&reference(revision), commit, true, "fetched")?;
        let reference = name.filter(|name| name != "HEAD").or_else(|| heads.default_branch());
        Ok(Done { revision, reference, refs: heads.refs() })
    }

    /// Refs from which the commit may come, with the objects that they name.
    fn candidates(&self, heads: &Heads) -> Result<Vec<(String, Oid)>, FetchErrorKind> {
        let mut names = self.work.url.full_references();
        if names.is_empty() {
            if self.revision.is_some() {
                return Ok(heads.branches_and_tags());
            }
            names.push("HEAD".to_owned());
        }
        let found: Option<(String, Oid)> = names.iter().find_map(|name| heads.commit(name));
        let not_found = || {
            let reference = names.first().cloned().unwrap_or_default();
            FetchErrorKind::RefNotFound { hint: heads.hint(&reference), reference }
        };
        found.map(|candidate| vec![candidate]).ok_or_else(not_found)
    }

    fn reachable(
        &self,
        repository: &Repository,
        tips: &[(String, Oid)],
        target: Option<Oid>,
    ) -> Result<Oid, FetchErrorKind> {
        let mut walk = repository.revwalk()?;
        for (_, tip) in tips {
            // A tag may name a file; no commit comes from there.
            if let Ok(commit) = repository.find_object(*tip, None).and_then(|object| object.peel_to_commit()) {
                walk.push(commit.id())?;
            }
        }
        for commit in walk {
            let commit = commit?;
            if Some(commit) == target {
                return Ok(commit);
            }
        }
        Err(match self.revision {
            Some(revision) => FetchErrorKind::missing_revision(self.work.url, revision),
            None => FetchErrorKind::Empty,
        })
    }

    fn options<'cb>(
        &'cb self,
        depth: Depth,
        seen: &'cb Seen,
        progress: &'cb RefCell<&mut dyn FnMut(FetchProgress) -> ControlFlow<()>>,
    ) -> FetchOptions<'cb> {
        let mut options = FetchOptions::new();
        options.remote_callbacks(self.callbacks(seen, progress)).download_tags(AutotagOption::None);
        if depth == Depth::Tip {
            options.depth(1);
        }
        options
    }

    fn callbacks<'cb>(
        &'cb self,
        seen: &'cb Seen,
        progress: &'cb RefCell<&mut dyn FnMut(FetchProgress) -> ControlFlow<()>>,
    ) -> RemoteCallbacks<'cb> {
        let limits = self.work.limits;
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |url, user, allowed| self.show(seen, url, user, allowed));
        callbacks.certificate_check(move |certificate, _| match certificate.as_hostkey() {
            // libgit2's own check of TLS counts.
            None => Ok(CertificateCheckStatus::CertificatePassthrough),
            Some(key) => self.check_host_key(seen, key.hostkey().unwrap_or_default()),
        });
        // From a folder nothing arrives for a while, and this is all that is heard.
        callbacks.sideband_progress(move |text| {
            if self.work.url.local_path().is_some() {
                let said = seen.said.get().saturating_add(text.len() as u64);
                seen.said.set(said);
                // Who wants to stop is asked again when something is received.
                let _ = progress.borrow_mut()(FetchProgress { bytes: said, ..FetchProgress::default() });
            }
            true
        });
        callbacks.transfer_progress(move |now| {
            let (bytes, objects) = (now.received_bytes() as u64, now.total_objects() as u64);
            let stop = if bytes > limits.bytes {
                Some(too_large("fetch_bytes", limits.bytes))
            } else if objects > limits.objects {
                Some(too_large("fetch_objects", limits.objects))
            } else {
                let report = FetchProgress {
                    bytes: bytes.saturating_add(if self.work.url.local_path().is_some() { seen.said.get() } else { 0 }),
                    objects: now.received_objects() as u64,
                    total_objects: objects,
                    deltas: now.indexed_deltas() as u64,
                };
                progress.borrow_mut()(report).is_break().then_some(FetchErrorKind::Stopped)
            };
            let go_on = stop.is_none();
            if let Some(stop) = stop {
                seen.stop.replace(Some(stop));
            }
            go_on
        });
        callbacks
    }

    /// An SSH key, once. By HTTP the credential was shown from the beginning.
    fn show(&self, seen: &Seen, url: &str, user: Option<&str>, allowed: CredentialType) -> Result<Cred, git2::Error> {
        let user = user.or(self.work.url.user()).unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        match self.work.credential.map(Credential::kind) {
            Some(Kind::Ssh { key, passphrase, .. })
                if url == self.work.url.fetch_url() && !seen.shown.replace(true) =>
            {
                let passphrase = passphrase.as_ref().map(|passphrase| passphrase.expose_secret());
                Cred::ssh_key_from_memory(user, None, key.expose_secret(), passphrase)
            }
            _ => {
                seen.asked.set(true);
                Err(git2::Error::from_str("no credential is given"))
            }
        }
    }

    fn check_host_key(&self, seen: &Seen, found: &[u8]) -> Result<CertificateCheckStatus, git2::Error> {
        let Some(Kind::Ssh { host_keys, .. }) = self.work.credential.map(Credential::kind) else {
            seen.asked.set(true);
            return Err(git2::Error::from_str("no key of the server is pinned"));
        };
        if host_keys.iter().any(|key| key.is(found)) {
            return Ok(CertificateCheckStatus::CertificateOk);
        }
        seen.host_key.replace(Some(host_key::describe(found)));
        Err(git2::Error::from_str("another server"))
    }

    /// libgit2 doesn't say why a folder can't be fetched from.
    fn check_local(&self) -> Result<(), FetchErrorKind> {
        let Some(folder) = self.work.url.local_path() else { return Ok(()) };
        if !folder.exists() {
            return Err(FetchErrorKind::NoFolder(folder));
        }
        match Repository::open(&folder) {
            Ok(repository) if repository.commondir().join("objects/info/alternates").exists() => {
                Err(FetchErrorKind::Alternates)
            }
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::Owner => Err(FetchErrorKind::Owner),
            Err(error) => Err(FetchErrorKind::NotARepository(Some(error.into()))),
        }
    }

    fn failed(&self, error: git2::Error, seen: &Seen) -> FetchErrorKind {
        if let Some(stop) = seen.stop.take() {
            return stop;
        }
        if let (Some(shown), Some(Kind::Ssh { host_keys, .. })) =
            (seen.host_key.take(), self.work.credential.map(Credential::kind))
        {
            let pinned = host_keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return FetchErrorKind::HostKey { shown, pinned };
        }
        let credential = self.work.credential.is_some();
        if seen.asked.get() || error.code() == ErrorCode::Auth {
            return FetchErrorKind::refused(self.work.url, credential);
        }
        match error.class() {
            ErrorClass::Ssh if credential && error.message().contains("authentic") => {
                FetchErrorKind::refused(self.work.url, credential)
            }
            _ if is_out_of_memory(error.message()) => too_large("fetch_memory_bytes", self.work.limits.memory_bytes),
            ErrorClass::Net | ErrorClass::Os | ErrorClass::Ssh => FetchErrorKind::Unreachable(error.into()),
            _ if error.code() == ErrorCode::Certificate => FetchErrorKind::Unreachable(error.into()),
            _ => FetchErrorKind::Git(GitError::from(error)),
        }
    }

    fn http_failed(&self, failure: HttpFailure) -> FetchErrorKind {
        let credential = self.work.credential.is_some();
        match failure {
            HttpFailure::Redirect(to) => FetchErrorKind::Moved(to),
            HttpFailure::Status(401 | 403) => FetchErrorKind::refused(self.work.url, credential),
            HttpFailure::Status(404 | 410) => FetchErrorKind::NotFound { credential },
            HttpFailure::Status(status) => FetchErrorKind::Server { status },
            HttpFailure::NotGit(kind) => {
                let answer = format!("its server answers with `{}`", untrusted::short(&kind));
                FetchErrorKind::NotARepository(Some(GitError::new(answer)))
            }
            HttpFailure::Elsewhere => {
                FetchErrorKind::Unreachable(GitError::new("another address was asked for".to_owned()))
            }
            HttpFailure::Tls(text) | HttpFailure::Connect(text) | HttpFailure::Broken(text) => {
                FetchErrorKind::Unreachable(GitError::new(text))
            }
        }
    }
}

/// In the words of libgit2, and of the system where it maps a file.
pub(super) fn is_out_of_memory(message: &str) -> bool {
    ["ut of memory", "annot allocate memory"].iter().any(|words| message.contains(words))
}
