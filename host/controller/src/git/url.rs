//! The address of a git repository, in the spelling that flakes use.

use std::{fmt, path::PathBuf, str::FromStr};

use thymis_core::{digest::Revision, untrusted};

/// The longest address in bytes, also as it is printed at a commit.
const LENGTH: usize = 1024;

const FORMS: &str = "`git+https://host/path`, `https://host/path` or `git+file:///absolute/path`, each with `?ref=` \
                     (a branch, or `refs/…`) and `&rev=` (40 hexadecimal digits) if wanted";

/// An address such as `git+https://host/path?ref=main`, always printed in one canonical spelling.
///
/// Hosts are in lower case, default ports and trailing slashes left out, `ref` stands before `rev`. There is never a user
/// name or password in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitUrl {
    transport: Transport,
    /// `host[:port]`; empty for a local repository.
    authority: String,
    /// Starts with `/`.
    path: String,
    reference: Option<String>,
    revision: Option<Revision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Transport {
    File,
    Http,
    Https,
}

impl Transport {
    fn scheme(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Why a text is not a [`GitUrl`]; every message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the address has {length} bytes; at most {LENGTH} are allowed")]
    TooLong { length: usize },
    #[error("`{text}` is not the address of a git repository: write {FORMS}")]
    Form { text: String },
    #[error(
        "`{text}` is a path: write it as `git+file://` and the absolute path, for example `git+file:///srv/modules`"
    )]
    LocalPath { text: String },
    #[error(
        "the address holds a user name or a password: leave out what stands before `@`; a credential is given apart, never in an address"
    )]
    Credential,
    #[error(
        "`http:` sends everything readable and changeable on the way: write `git+https://{host}…` (only hosts on this machine may use `git+http://`)"
    )]
    PlainHttp { host: String },
    #[error(
        "`{host}` is not a host: write a name or an IPv4 address in letters, digits, `-` and `.`, with `:port` if wanted"
    )]
    Host { host: String },
    #[error(
        "`{path}` is not the path of a repository: use letters, digits and `. _ ~ - + @ , =` between single `/`, without `.` or `..`"
    )]
    Path { path: String },
    #[error(
        "`{key}` is not understood in the address of a repository: only `ref` and `rev`, once each (for a flake in a subfolder there is no support yet)"
    )]
    Query { key: String },
    #[error(
        "`ref={reference}` is not a branch name or a full name such as `refs/tags/v1`: use letters, digits and `. _ - + @ /`, and no `-` in front"
    )]
    Reference { reference: String },
    #[error("`rev={revision}` is not a commit: 40 lower-case hexadecimal digits")]
    Revision { revision: String },
}

impl GitUrl {
    /// The address that libgit2 fetches and that a `flake.lock` node of type `git` holds: `file:///x`, `https://host/x`.
    #[must_use]
    pub fn fetch_url(&self) -> String {
        format!("{}://{}{}", self.transport.scheme(), self.authority, self.path)
    }

    /// The repository without branch and commit: `git+https://host/x`.
    #[must_use]
    pub fn repository(&self) -> Self {
        Self { reference: None, revision: None, ..self.clone() }
    }

    /// The same repository and branch at one commit.
    #[must_use]
    pub fn at(&self, revision: Revision) -> Self {
        Self { revision: Some(revision), ..self.clone() }
    }

    /// The branch name, or full name in `refs/`, of `?ref=`.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// The commit of `rev=`.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The folder of a `git+file:` address.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.transport == Transport::File).then(|| PathBuf::from(&self.path))
    }

    /// Name in full of the ref asked for: a plain name is a branch, as in Nix.
    pub(super) fn full_reference(&self) -> Option<String> {
        self.reference.as_deref().map(full)
    }
}

fn full(reference: &str) -> String {
    if reference.starts_with("refs/") { reference.to_owned() } else { format!("refs/heads/{reference}") }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "git+{}", self.fetch_url())?;
        let mut separator = '?';
        if let Some(reference) = &self.reference {
            write!(f, "{separator}ref={reference}")?;
            separator = '&';
        }
        if let Some(revision) = &self.revision {
            write!(f, "{separator}rev={revision}")?;
        }
        Ok(())
    }
}

impl FromStr for GitUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > LENGTH {
            return Err(UrlError::TooLong { length: text.len() });
        }
        // Also where the scheme is another one or misspelt: what is refused below is quoted.
        if text.split('/').any(has_password) {
            return Err(UrlError::Credential);
        }
        let (address, query) = match text.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (text, None),
        };
        let (transport, rest) = transport(address)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = match transport {
            Transport::File if authority.is_empty() => String::new(),
            Transport::File if authority.contains('@') => return Err(UrlError::Credential),
            Transport::File => return Err(UrlError::LocalPath { text: untrusted::short(text) }),
            Transport::Http | Transport::Https => parse_authority(transport, authority)?,
        };
        let (reference, revision) = query.map(parse_query).transpose()?.unwrap_or_default();
        let url = Self { transport, authority, path: parse_path(path)?, reference, revision };
        match url.at(Revision::from_bytes([0; 20])).to_string().len() {
            length if length > LENGTH => Err(UrlError::TooLong { length }),
            _ => Ok(url),
        }
    }
}

/// `user:password@host`. No part of an address that is accepted has a `:` before an `@`.
fn has_password(part: &str) -> bool {
    part.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'))
}

fn transport(address: &str) -> Result<(Transport, &str), UrlError> {
    let forms = [
        ("git+https://", Transport::Https),
        ("https://", Transport::Https),
        ("git+http://", Transport::Http),
        ("git+file://", Transport::File),
    ];
    if let Some(parsed) = forms.iter().find_map(|(scheme, transport)| Some((*transport, address.strip_prefix(scheme)?)))
    {
        return Ok(parsed);
    }
    let text = untrusted::short(address);
    let after_scheme = address.split_once("://").map_or("", |(_, rest)| rest);
    if after_scheme.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return Err(UrlError::Credential);
    }
    if let Some(rest) = address.strip_prefix("http://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Err(UrlError::PlainHttp { host: untrusted::short(host) });
    }
    let looks_local = ["file:", "git+file:", "path:"].iter().any(|scheme| address.starts_with(scheme))
        || address.starts_with(['/', '.', '~'])
        || !address.is_empty() && !address.contains(':');
    Err(if looks_local { UrlError::LocalPath { text } } else { UrlError::Form { text } })
}

fn parse_authority(transport: Transport, authority: &str) -> Result<String, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::Credential);
    }
    let refused = || UrlError::Host { host: untrusted::short(authority) };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host = host.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(refused());
    }
    let on_this_machine =
        host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    if transport == Transport::Http && !on_this_machine {
        return Err(UrlError::PlainHttp { host });
    }
    let default = if transport == Transport::Http { 80 } else { 443 };
    let port = match port {
        None => default,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(refused)?
        }
        Some(_) => return Err(refused()),
    };
    Ok(if port == default { host } else { format!("{host}:{port}") })
}

fn parse_path(path: &str) -> Result<String, UrlError> {
    let refused = || UrlError::Path { path: untrusted::short(path) };
    let trimmed = path.trim_end_matches('/');
    let segments = trimmed.strip_prefix('/').ok_or_else(refused)?;
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-+@,=".contains(&b))
    };
    if segments.split('/').all(plain) { Ok(trimmed.to_owned()) } else { Err(refused()) }
}

fn parse_query(query: &str) -> Result<(Option<String>, Option<Revision>), UrlError> {
    let mut reference = None;
    let mut revision = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "ref" if reference.is_none() => reference = Some(parse_reference(value)?),
            "rev" if revision.is_none() => {
                revision = Some(value.parse().map_err(|_| UrlError::Revision { revision: untrusted::short(value) })?);
            }
            _ => return Err(UrlError::Query { key: untrusted::short(key) }),
        }
    }
    Ok((reference, revision))
}

fn parse_reference(text: &str) -> Result<String, UrlError> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@/".contains(&b));
    // `HEAD` is what an address without `ref` means already.
    let accepted = plain
        && !text.is_empty()
        && !text.starts_with('-')
        && text != "HEAD"
        && git2::Reference::is_valid_name(&full(text));
    if accepted { Ok(text.to_owned()) } else { Err(UrlError::Reference { reference: untrusted::short(text) }) }
}

impl serde::Serialize for GitUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for GitUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_one_repository() {
        let rev = "0123456789abcdef0123456789abcdef01234567";
        for (text, canonical) in [
            ("https://Example.ORG:443/a/b.git/", "git+https://example.org/a/b.git"),
            ("git+https://example.org:8443/a", "git+https://example.org:8443/a"),
            ("git+file:///srv/x/", "git+file:///srv/x"),
            ("git+http://127.0.0.1:8000/x", "git+http://127.0.0.1:8000/x"),
            ("git+file:///x?ref=refs/tags/v1", "git+file:///x?ref=refs/tags/v1"),
        ] {
            let url: GitUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(url));
        }
        let url: GitUrl = format!("git+file:///x?rev={rev}&ref=a/b").parse().unwrap();
        assert_eq!(url.to_string(), format!("git+file:///x?ref=a/b&rev={rev}"));
        assert_eq!(url.fetch_url(), "file:///x");
        assert_eq!(url.repository().to_string(), "git+file:///x");
        assert_eq!(serde_json::to_string(&url.repository()).unwrap(), "\"git+file:///x\"");
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_the_way_out() {
        for (text, says) in [
            ("", "git+https://host/path"),
            ("/srv/x", "git+file://"),
            ("../x", "git+file://"),
            ("file:///x", "git+file://"),
            ("git+file:x", "git+file://"),
            ("git+file://host/x", "git+file://"),
            ("git+file:///", "path of a repository"),
            ("git+file:///a/../b", "without `.` or `..`"),
            ("git+file:///a%2e", "letters, digits"),
            ("git+file:///a b", "letters, digits"),
            ("https://user:secret@host/x", "never in an address"),
            ("https://token@host/x", "never in an address"),
            ("git+file://token@host/x", "never in an address"),
            ("git+file://user:secret@host/x", "never in an address"),
            ("https:user:secret@host/x", "never in an address"),
            ("https:/user:secret@host/x", "never in an address"),
            ("https://user:a?secret@host/x", "never in an address"),
            ("user:secret@host:a/b", "never in an address"),
            ("git@host:a/b", "git+https://host/path"),
            ("http://example.org/x", "git+https://example.org"),
            ("git+http://example.org/x", "git+https://example.org"),
            ("git+http://127.0.0.1.evil.org/x", "git+https://"),
            ("git+http://localhost.evil/x", "git+https://"),
            ("https://-x/y", "not a host"),
            ("https://a..b/y", "not a host"),
            ("https://a:0/y", "not a host"),
            ("https://a:+1/y", "not a host"),
            ("https://a\\b/y", "not a host"),
            ("https://host", "path of a repository"),
            ("ssh://host/x", "git+https://host/path"),
            ("ext::sh -c id", "git+https://host/path"),
            ("github:a/b", "git+https://host/path"),
            ("https://h/x#y", "letters, digits"),
            ("https://h/x?dir=a", "`dir`"),
            ("https://h/x?ref=a&ref=b", "once each"),
            ("https://h/x?ref=--upload-pack=x", "no `-` in front"),
            ("https://h/x?ref=a..b", "branch name"),
            ("https://h/x?ref=a.lock", "branch name"),
            ("https://h/x?ref=", "branch name"),
            ("https://h/x?ref=a%0ab", "branch name"),
            ("https://h/x?rev=main", "40 lower-case"),
            ("https://h/x\n", "letters, digits"),
        ] {
            let message = text.parse::<GitUrl>().expect_err(text).to_string();
            assert!(message.contains(says), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn what_is_accepted_is_not_too_long_once_it_is_printed() {
        let url = |length| format!("https://h/{}", "a".repeat(length)).parse::<GitUrl>();
        let longest = (0..2000).map_while(|length| url(length + 1).ok()).last().unwrap();
        let pinned = longest.at(Revision::from_bytes([1; 20]));
        assert_eq!(pinned.to_string().len(), LENGTH);
        assert_eq!(pinned.to_string().parse(), Ok(pinned));
        assert!(matches!(url(LENGTH - 20), Err(UrlError::TooLong { length: 1063 })));
    }
}
