//! From text.

use std::str::FromStr;

use super::{
    FlakeReference, MAX_LENGTH,
    error::ReferenceError,
    forge::{Forge, Project},
    part::{Authority, is_revision, parse_dir, parse_host, parse_path, parse_reference},
    place::{Place, Repository},
    transport::Transport,
};
use crate::{digest::Revision, untrusted};

/// Endings of what Nix takes for an archive.
const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tbz2", ".tar.zst"];

impl FromStr for FlakeReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > MAX_LENGTH {
            return Err(ReferenceError::TooLong { length: text.len() });
        }
        // Also where the scheme is another one or misspelt: what is refused below is quoted.
        if text.split('/').any(has_password) {
            return Err(ReferenceError::Credential);
        }
        if text.contains('#') {
            return Err(ReferenceError::Fragment);
        }
        let (address, query) = text.split_once('?').map_or((text, None), |(address, query)| (address, Some(query)));
        if let Some(escape) = escape(address).or_else(|| query.and_then(escape)) {
            return Err(ReferenceError::Escape { escape });
        }
        let (place, in_path) = parse_place(address)?;
        let query = query.map(|query| Query::parse(query, place.is_forge())).transpose()?.unwrap_or_default();
        let reference = complete(place, in_path, query)?;
        let pinned = reference.at(Revision::from_bytes([0; 20]));
        match pinned.to_string().len().max(reference.to_string().len()) {
            length if length > MAX_LENGTH => Err(ReferenceError::TooLong { length }),
            _ => Ok(reference),
        }
    }
}

/// `user:password@host`. No part of a reference that is accepted has a `:` before an `@`.
fn has_password(part: &str) -> bool {
    part.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'))
}

/// The first escape that is not a separator of groups. No more is quoted: it can stand in a password.
fn escape(part: &str) -> Option<String> {
    let separators = if part.starts_with("gitlab:") { ["%2F", "%2f"].as_slice() } else { &[] };
    let rest = separators.iter().fold(part.to_owned(), |rest, separator| rest.replace(separator, ""));
    rest.split_once('%').map(|(_, after)| untrusted::short(&format!("%{}", after.chars().take(2).collect::<String>())))
}

/// The repository, and for a forge what follows in the path.
fn parse_place(address: &str) -> Result<(Place, Option<&str>), ReferenceError> {
    let Some((scheme, rest)) = address.split_once(':') else { return Err(without_scheme(address)) };
    if let Some(forge) = Forge::of_scheme(scheme) {
        let (project, in_path) = Project::parse(forge, rest)?;
        return Ok((Place::Forge(project), in_path));
    }
    let repository = match (scheme, rest.strip_prefix("//")) {
        ("git+https", Some(rest)) => remote(Transport::Https, rest)?,
        ("git+http", Some(rest)) => remote(Transport::Http, rest)?,
        ("git+ssh", Some(rest)) => remote(Transport::Ssh, rest)?,
        ("git+file", Some(path)) => local(path, address)?,
        ("https", Some(rest)) => web(rest)?,
        (_, Some(rest)) => return Err(other_scheme(scheme, rest, address)),
        (_, None) => scp(scheme, rest).unwrap_or_else(|| Err(other_scheme(scheme, rest, address)))?,
    };
    Ok((Place::Git(repository), None))
}

fn authority_and_path(rest: &str) -> (&str, &str) {
    rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""))
}

fn remote(transport: Transport, rest: &str) -> Result<Repository, ReferenceError> {
    let (authority, path) = authority_and_path(rest);
    Ok(Repository::remote(transport, Authority::parse(transport, authority)?, parse_path(path)?))
}

fn local(rest: &str, address: &str) -> Result<Repository, ReferenceError> {
    match authority_and_path(rest) {
        ("", path) => Ok(Repository::local(parse_path(path)?)),
        (authority, _) if authority.contains('@') => Err(ReferenceError::Credential),
        _ => Err(ReferenceError::LocalPath { text: untrusted::short(address) }),
    }
}

/// `https://host/path.git`: other pages have addresses of that form too.
fn web(rest: &str) -> Result<Repository, ReferenceError> {
    let repository = remote(Transport::Https, rest)?;
    let url = repository.url();
    if url.ends_with(".git") {
        Ok(repository)
    } else if ARCHIVES.iter().any(|ending| url.ends_with(ending)) {
        Err(ReferenceError::Archive { text: untrusted::short(&url) })
    } else {
        Err(ReferenceError::WebPage { text: untrusted::short(&url) })
    }
}

/// `user@host:path.git`. Without a user only a host with a `.` is one, else any unknown scheme would be; `None` if so.
fn scp(place: &str, path: &str) -> Option<Result<Repository, ReferenceError>> {
    let host = place.rsplit_once('@').map(|(_, host)| host);
    if place.contains('/') || host.is_none() && !place.contains('.') {
        return None;
    }
    if !path.trim_end_matches('/').ends_with(".git") {
        return Some(Err(ReferenceError::Scp));
    }
    let absolute = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let authority = Authority::parse(Transport::Ssh, place);
    Some(authority.and_then(|authority| Ok(Repository::remote(Transport::Ssh, authority, parse_path(&absolute)?))))
}

fn without_scheme(address: &str) -> ReferenceError {
    let text = untrusted::short(address);
    if address.starts_with(['/', '.', '~']) {
        ReferenceError::LocalPath { text }
    } else if address.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        ReferenceError::Registry { text }
    } else {
        ReferenceError::Form { text }
    }
}

fn other_scheme(scheme: &str, rest: &str, address: &str) -> ReferenceError {
    let text = untrusted::short(address);
    let authority = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
    let (application, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    match (application, transport) {
        ("ssh", "") => ReferenceError::BareSsh,
        _ if authority.contains('@') => ReferenceError::Credential,
        ("http", "") => ReferenceError::PlainHttp { host: untrusted::short(authority) },
        ("path", _) | ("file", "") | ("git", "file") => ReferenceError::LocalPath { text },
        ("flake", "") => ReferenceError::Registry { text },
        ("tarball" | "file", _) => ReferenceError::Archive { text },
        ("git", "" | "git") => ReferenceError::GitProtocol,
        ("git", "https" | "http" | "ssh") | ("https", "") => ReferenceError::Form { text },
        ("hg" | "mercurial" | "svn" | "bzr" | "cvs" | "fossil", _) => {
            ReferenceError::OtherSystem { scheme: untrusted::short(scheme) }
        }
        _ if address.starts_with(['/', '.', '~']) => ReferenceError::LocalPath { text },
        _ => ReferenceError::Scheme { scheme: untrusted::short(scheme) },
    }
}

#[derive(Default)]
struct Query {
    dir: Option<String>,
    host: Option<String>,
    reference: Option<String>,
    revision: Option<Revision>,
}

impl Query {
    fn parse(text: &str, forge: bool) -> Result<Self, ReferenceError> {
        let mut query = Self::default();
        let mut seen = Vec::new();
        for pair in text.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refused = || ReferenceError::Query { key: untrusted::short(key) };
            if seen.contains(&key) {
                return Err(refused());
            }
            seen.push(key);
            match key {
                "dir" => query.dir = parse_dir(value)?,
                "host" if forge => {
                    let refused = || ReferenceError::Host { host: untrusted::short(value) };
                    query.host = Some(parse_host(value).ok_or_else(refused)?);
                }
                "ref" => query.reference = Some(parse_reference(value, forge)?),
                "rev" => query.revision = Some(parse_revision(value)?),
                _ => return Err(refused()),
            }
        }
        Ok(query)
    }
}

fn parse_revision(text: &str) -> Result<Revision, ReferenceError> {
    text.parse().map_err(|_| ReferenceError::Revision { revision: untrusted::short(text) })
}

fn complete(place: Place, in_path: Option<&str>, query: Query) -> Result<FlakeReference, ReferenceError> {
    let Query { dir, host, mut reference, mut revision } = query;
    let Place::Forge(project) = place else { return Ok(FlakeReference { place, reference, revision, dir }) };
    match in_path {
        Some(text) if is_revision(text) && revision.is_none() => revision = Some(parse_revision(text)?),
        Some(text) if !is_revision(text) && reference.is_none() => reference = Some(parse_reference(text, true)?),
        Some(text) => {
            return Err(ReferenceError::Query { key: if is_revision(text) { "rev" } else { "ref" }.to_owned() });
        }
        None => {}
    }
    if let (Some(reference), Some(_)) = (&reference, revision) {
        return Err(ReferenceError::ReferenceAndRevision { reference: untrusted::short(reference) });
    }
    let project = host.map_or(project.clone(), |host| project.on(host));
    Ok(FlakeReference { place: Place::Forge(project), reference, revision, dir })
}
