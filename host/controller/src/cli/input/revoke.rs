use std::{
    io::Read as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use thymis_core::{
    advisory::{self, Advisories},
    revocation::{Revocable, Revocation},
    untrusted,
};

use super::log::moment;
use crate::cli::{
    Answer, Context,
    arguments::Revoked,
    style::{BAD, GOOD, RESET},
};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn revoke(context: &Context, what: &Revoked, reason: &str) -> Answer {
    let revocation = Revocation { reason: reason.to_owned(), at: now() };
    let one = |what: Revocable| context.host.revocations.add([(what, revocation.clone())]).map(|_| vec![what]);
    let revoked = match what {
        Revoked::Input(name) => {
            context.project()?.revoke_input(name, &revocation)?.into_iter().map(Revocable::Digest).collect()
        }
        Revoked::Digest(digest) => one(Revocable::Digest(*digest))?,
        Revoked::Revision(revision) => one(Revocable::Revision(*revision))?,
    };
    let names: Vec<String> = revoked
        .iter()
        .map(|what| match what {
            Revocable::Digest(digest) => digest.to_string(),
            Revocable::Revision(revision) => revision.to_string(),
        })
        .collect();
    if context.json(&json!({ "revoked": names, "file": context.host.revocations.file() }))? {
        return Ok(());
    }
    for what in revoked {
        anstream::println!("{GOOD}Revoked{RESET} {what}");
    }
    kept(context);
    Ok(())
}

/// Revokes what a file names, and says which inputs of the project that concerns, if there is a project here.
pub(super) fn advisories(context: &Context, file: &Path) -> Answer {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(advisory::MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    let advisories = Advisories::parse(&file.display().to_string(), &bytes)?;
    let new = context.host.revocations.add(advisories.revocations(now()))?;
    let mut concerned = Vec::new();
    if let Ok(project) = context.project() {
        let revoked = context.host.revocations.read()?;
        for (name, entry) in &project.lock()?.inputs {
            if let Some((_, revocation)) = revoked.of_entry(entry) {
                concerned.push((name.clone(), untrusted::short(&revocation.reason)));
            }
        }
    }
    let shown: Vec<_> = concerned.iter().map(|(name, reason)| json!({ "name": name, "reason": reason })).collect();
    if context.json(&json!({ "new": new, "inputs": shown, "file": context.host.revocations.file() }))? {
        return Ok(());
    }
    anstream::println!("{GOOD}Revoked{RESET} what {} names; new: {new}", file.display());
    for (name, reason) in concerned {
        anstream::println!("  {BAD}{name}{RESET} can't be used here any more: {reason}");
    }
    kept(context);
    Ok(())
}

pub(super) fn revoked(context: &Context) -> Answer {
    let revoked = context.host.revocations.read()?;
    if context.json(&revoked)? {
        return Ok(());
    }
    let digests = revoked.digests.iter().map(|(digest, revocation)| (Revocable::Digest(*digest), revocation));
    let revisions = revoked.revisions.iter().map(|(revision, revocation)| (Revocable::Revision(*revision), revocation));
    let all: Vec<_> = digests.chain(revisions).collect();
    if all.is_empty() {
        anstream::println!("Nothing was revoked");
    }
    for (what, revocation) in all {
        let (at, reason) = (moment(revocation.at), untrusted::short(&revocation.reason));
        anstream::println!("{at}  {what}  {reason}");
    }
    Ok(())
}

fn kept(context: &Context) {
    let file = context.host.revocations.file();
    anstream::println!("It is kept in {}, for all projects of this user", file.display());
}
