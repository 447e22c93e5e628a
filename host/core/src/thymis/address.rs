//! Flake references of Thymis's repositories, as addresses of git repositories.

/// An address without what must not be in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub text: String,
    /// Whether it held a user name or password, which is left out.
    pub had_credential: bool,
}

/// Endings of what Nix takes for an archive.
const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tbz2", ".tar.zst"];

/// `github:owner/name/branch`, `gitlab:…` and `sourcehut:…` become addresses that git can fetch; others stay. Whether one
/// can be an input is not looked at.
///
/// # Errors
/// Why no git repository stands there.
pub fn address(url: &str) -> Result<Address, &'static str> {
    let (text, had_credential) = without_credential(url.trim());
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if path.starts_with("http") && ARCHIVES.iter().any(|ending| path.ends_with(ending)) || path.starts_with("tarball+")
    {
        return Err("it is an archive, and an input is a git repository");
    }
    let text = forge(&text).unwrap_or(text);
    Ok(Address { text, had_credential })
}

/// The user `git` of SSH is no secret.
pub(super) fn without_credential(url: &str) -> (String, bool) {
    let (url, query) = without_secret_parameters(url);
    let (url, had) = without_user(&url);
    (url, had || query)
}

/// Parameters that no reference has are left out: some servers take tokens there.
fn without_secret_parameters(url: &str) -> (String, bool) {
    const KNOWN: [&str; 10] =
        ["ref", "rev", "dir", "host", "narHash", "lastModified", "revCount", "shallow", "submodules", "allRefs"];
    let Some((path, query)) = url.split_once('?') else { return (url.to_owned(), false) };
    let known = |pair: &&str| KNOWN.contains(&pair.split('=').next().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(known).collect();
    let had = kept.len() != query.split('&').count();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    (text, had)
}

fn without_user(url: &str) -> (String, bool) {
    let Some((scheme, rest)) = url.split_once("://") else {
        // `user:password@host:path`
        return match url.split_once('@') {
            Some((user, place)) if user.contains(':') && !user.contains('/') => (place.to_owned(), true),
            _ => (url.to_owned(), false),
        };
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if !scheme.ends_with("ssh") || user.contains(':') => {
            (format!("{scheme}://{host}{path}"), true)
        }
        _ => (url.to_owned(), false),
    }
}

/// `None` for another form, or one with parts that a git address doesn't have.
fn forge(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    let mut host = match scheme {
        "github" => "github.com",
        "gitlab" => "gitlab.com",
        "sourcehut" => "git.sr.ht",
        _ => return None,
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut segments = path.split('/');
    let (owner, name) = (decoded(segments.next()?)?, decoded(segments.next()?)?);
    let (mut reference, mut revision) = (None, None);
    match (segments.next(), segments.next()) {
        (None, _) => {}
        (Some(text), None) if is_revision(text) => revision = Some(text.to_owned()),
        (Some(text), None) => reference = Some(decoded(text)?),
        (Some(_), Some(_)) => return None,
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("host", value) => host = value,
            ("ref", value) if reference.is_none() => reference = Some(decoded(value)?),
            ("rev", value) if revision.is_none() => revision = Some(value.to_owned()),
            _ => return None,
        }
    }
    let reference = reference.map(|reference| format!("ref={reference}"));
    let revision = revision.map(|revision| format!("rev={revision}"));
    let query: Vec<String> = reference.into_iter().chain(revision).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Some(format!("git+https://{host}/{owner}/{name}{query}"))
}

/// A part of a path in which `/` may be written as `%2F`, and nothing else so.
fn decoded(part: &str) -> Option<String> {
    let decoded = part.replace("%2F", "/").replace("%2f", "/");
    (!decoded.is_empty() && !decoded.contains('%')).then_some(decoded)
}

fn is_revision(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forges_become_git_addresses() {
        let rev = "0123456789abcdef0123456789abcdef01234567";
        for (url, expected) in [
            ("github:acme/signage/v2", "git+https://github.com/acme/signage?ref=v2"),
            ("github:acme/signage", "git+https://github.com/acme/signage"),
            (&format!("github:a/b/{rev}"), &format!("git+https://github.com/a/b?rev={rev}")),
            (&format!("github:a/b?ref=x&rev={rev}"), &format!("git+https://github.com/a/b?ref=x&rev={rev}")),
            ("github:a/b?host=git.example.org", "git+https://git.example.org/a/b"),
            ("gitlab:group%2Fsub/name/feature%2Fx", "git+https://gitlab.com/group/sub/name?ref=feature/x"),
            ("sourcehut:~user/name", "git+https://git.sr.ht/~user/name"),
            ("git+https://example.org/a", "git+https://example.org/a"),
            // Not plain: left for the reader of addresses to refuse.
            ("github:a/b?dir=sub", "github:a/b?dir=sub"),
            ("github:a/b/c/d", "github:a/b/c/d"),
            ("github:a", "github:a"),
            ("github:a/b%00", "github:a/b%00"),
            ("git+ssh://git@example.org/a", "git+ssh://git@example.org/a"),
        ] {
            assert_eq!(address(url).unwrap(), Address { text: expected.to_owned(), had_credential: false }, "{url}");
        }
    }

    #[test]
    fn credentials_are_left_out() {
        for url in [
            "git+https://user:token@example.org/a",
            "git+https://token@example.org/a",
            "git+https://a@b@example.org/a",
            "git+https://example.org/a?access_token=x",
        ] {
            let address = address(url).unwrap();
            assert_eq!((address.text.as_str(), address.had_credential), ("git+https://example.org/a", true), "{url}");
        }
        assert!(address("git+ssh://user:password@example.org/a").unwrap().had_credential);
    }

    #[test]
    fn archives_are_no_repositories() {
        assert!(address("https://example.org/a.tar.gz?x=1").is_err());
        assert!(address("tarball+https://example.org/a").is_err());
    }
}
