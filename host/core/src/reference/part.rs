//! Parts of a reference: hosts, paths, refs, folders.

use std::fmt;

use super::{error::ReferenceError, transport::Transport};
use crate::untrusted;

/// Longest user name of SSH, in bytes.
const USER: usize = 64;

/// `[user@]host[:port]`; the default port is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Authority {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    pub(super) fn parse(transport: Transport, text: &str) -> Result<Self, ReferenceError> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) if transport == Transport::Ssh => (Some(parse_user(user)?), place),
            Some(_) => return Err(ReferenceError::Credential),
            None => (None, text),
        };
        let refused = || ReferenceError::Host { host: untrusted::short(place) };
        let (host, port) = match place.split_once(':') {
            Some((host, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                (host, Some(digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(refused)?))
            }
            // What stands behind `:` may be the beginning of a password with a `/` in it.
            Some((host, _)) => return Err(ReferenceError::Host { host: untrusted::short(host) }),
            None => (place, None),
        };
        let host = parse_host(host).ok_or_else(refused)?;
        Ok(Self { user, host, port: port.filter(|port| Some(*port) != transport.default_port()) })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Not quoted in the refusal: some write tokens there.
fn parse_user(user: &str) -> Result<String, ReferenceError> {
    if user.len() <= USER && is_name(user) { Ok(user.to_owned()) } else { Err(ReferenceError::User) }
}

/// In lower case, or `None` if that is no host.
pub(super) fn parse_host(host: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.split('.').all(label)).then(|| host.to_ascii_lowercase())
}

pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// The path of a repository, which starts with `/`, without trailing slashes.
///
/// Without `+`, `,` and `=`: Nix from 2.14 on rewrites them, and then an older one's lock file is stale to it.
pub(super) fn parse_path(path: &str) -> Result<String, ReferenceError> {
    let trimmed = path.trim_end_matches('/');
    let segments = trimmed.strip_prefix('/');
    if segments.is_some_and(|segments| segments.split('/').all(|segment| is_segment(segment, b"._~-@"))) {
        Ok(trimmed.to_owned())
    } else {
        Err(ReferenceError::Path { path: untrusted::short(path) })
    }
}

/// A folder in a repository, without trailing slashes; none if it is empty.
pub(super) fn parse_dir(text: &str) -> Result<Option<String>, ReferenceError> {
    let trimmed = text.trim_end_matches('/');
    if text.is_empty() {
        Ok(None)
    } else if trimmed.split('/').all(is_name) {
        Ok(Some(trimmed.to_owned()))
    } else {
        Err(ReferenceError::Dir { dir: untrusted::short(text) })
    }
}

/// The name of an owner, a user, a repository, a folder. None of them is an option of a program.
pub(super) fn is_name(text: &str) -> bool {
    is_segment(text, b"._-")
}

fn is_segment(text: &str, also: &[u8]) -> bool {
    !matches!(text, "" | "." | "..")
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
}

/// A branch or tag, or a full name in `refs/`, that both git and Nix take. Nix takes fewer from forges.
pub(super) fn parse_reference(text: &str, forge: bool) -> Result<String, ReferenceError> {
    let refused = || ReferenceError::Reference { reference: untrusted::short(text) };
    if is_revision(text) {
        return Err(ReferenceError::CommitAsReference { reference: text.to_owned() });
    }
    let also: &[u8] = if forge { b"._-/" } else { b"._-/+@" };
    let characters = text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b));
    let start = !forge || text.starts_with(|c: char| c.is_ascii_alphanumeric());
    // git-check-ref-format(1), as far as the characters leave it open. `HEAD` is what a reference without `ref` means.
    let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock");
    let format = text.split('/').all(part) && !text.contains("..") && !text.ends_with('.');
    if characters && start && format && !matches!(text, "@" | "HEAD") { Ok(text.to_owned()) } else { Err(refused()) }
}

/// Whether Nix or git could take it for a commit. A branch so called would look like a pin, which it is not.
pub(super) fn is_revision(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
