use proptest::prelude::*;

use super::*;

const REV: &str = "0123456789abcdef0123456789abcdef01234567";

fn parse(text: &str) -> FlakeReference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn one_spelling_for_one_repository() {
    for (text, canonical) in [
        ("https://Example.ORG:443/a/b.git/", "git+https://example.org/a/b.git"),
        ("https://github.example.com/o/r.git", "git+https://github.example.com/o/r.git"),
        ("https://github.com/o/digit.git", "git+https://github.com/o/digit.git"),
        ("git+https://example.org:8443/a", "git+https://example.org:8443/a"),
        ("git+file:///srv/x/", "git+file:///srv/x"),
        ("git+http://127.0.0.1:8000/x", "git+http://127.0.0.1:8000/x"),
        ("git+http://Example.org:80/x", "git+http://example.org/x"),
        ("git+file:///x?ref=refs/tags/v1", "git+file:///x?ref=refs/tags/v1"),
        ("git+file:///x?ref=@scope&dir=", "git+file:///x?ref=@scope"),
        ("git+file:///x?ref=b&dir=n/f/", "git+file:///x?dir=n/f&ref=b"),
        ("git+ssh://git@Host:22/x", "git+ssh://git@host/x"),
        ("git+ssh://host:2222/~u/x", "git+ssh://host:2222/~u/x"),
        ("git@host:owner/repo.git", "git+ssh://git@host/owner/repo.git"),
        ("git@host:/srv/repo.git?ref=v1", "git+ssh://git@host/srv/repo.git?ref=v1"),
        ("example.org:~u/repo.git/", "git+ssh://example.org/~u/repo.git"),
        ("github:Acme/b_c.git/", "github:Acme/b_c.git"),
        ("github:a/b?ref=feature/x", "github:a/b/feature/x"),
        ("github:a/b/refs/tags/v1", "github:a/b/refs/tags/v1"),
        ("github:a/b?host=GIT.example.org&dir=x", "github:a/b?dir=x&host=git.example.org"),
        ("github:a/b?host=github.com", "github:a/b"),
        ("gitlab:group%2fsub%2Fone/p/main", "gitlab:group%2Fsub%2Fone/p/main"),
        ("sourcehut:~o/r", "sourcehut:~o/r"),
    ] {
        let reference = parse(text);
        assert_eq!(reference.to_string(), canonical);
        assert_eq!(canonical.parse(), Ok(reference));
    }
    for (text, canonical) in [
        (format!("git+file:///x?rev={REV}&ref=a/b"), format!("git+file:///x?ref=a/b&rev={REV}")),
        (format!("github:a/b?rev={REV}&dir=d"), format!("github:a/b/{REV}?dir=d")),
    ] {
        assert_eq!(parse(&text).to_string(), canonical);
    }
}

#[test]
fn what_git_fetches() {
    for (text, url) in [
        ("github:o/r/main?dir=x", "https://github.com/o/r.git"),
        ("github:o/r?host=git.example.org", "https://git.example.org/o/r.git"),
        ("gitlab:group%2Fsub/p", "https://gitlab.com/group/sub/p.git"),
        ("sourcehut:~o/r", "https://git.sr.ht/~o/r"),
        ("git@host:o/digit.git", "ssh://git@host/o/digit.git"),
        ("git+ssh://host:2222/x", "ssh://host:2222/x"),
        ("git+file:///x?ref=a", "file:///x"),
        ("git+https://github.com/o/r", "https://github.com/o/r"),
    ] {
        assert_eq!(parse(text).fetch_url(), url);
    }
}

#[test]
fn a_reference_tells_what_it_names() {
    let ssh = parse("git+ssh://git@host:2222/o/Digit.git?ref=v1&dir=n");
    assert_eq!((ssh.host(), ssh.user(), ssh.transport()), (Some("host"), Some("git"), Transport::Ssh));
    assert_eq!((ssh.reference(), ssh.dir(), ssh.revision()), (Some("v1"), Some("n"), None));
    assert_eq!(ssh.full_references(), ["refs/heads/v1"]);
    assert_eq!(ssh.repository().to_string(), "git+ssh://git@host:2222/o/Digit.git");
    let pinned = ssh.at(REV.parse().unwrap());
    assert_eq!(pinned.to_string(), format!("git+ssh://git@host:2222/o/Digit.git?dir=n&ref=v1&rev={REV}"));
    let forge = parse("github:o/r/v1?dir=n");
    assert_eq!(forge.full_references(), ["refs/heads/v1", "refs/tags/v1"]);
    assert_eq!(forge.at(REV.parse().unwrap()).to_string(), format!("github:o/r/{REV}?dir=n"));
    assert_eq!((forge.host(), forge.transport(), forge.local_path()), (Some("github.com"), Transport::Https, None));
    assert_eq!(parse("github:o/r/refs/tags/v1").full_references(), ["refs/tags/v1"]);
    let local = parse("git+file:///srv/x");
    assert_eq!((local.local_path(), local.host()), (Some("/srv/x".into()), None));
    assert_eq!(serde_json::to_string(&local).unwrap(), "\"git+file:///srv/x\"");
    assert_eq!(serde_json::from_str::<FlakeReference>("\"git+file:///srv/x/\"").unwrap(), local);
}

#[test]
fn well_known_hosts_are_forges() {
    for (text, forge) in [
        ("github:o/r?host=git.example.org", Some(Forge::GitHub)),
        ("gitlab:o/r", Some(Forge::GitLab)),
        ("https://GitLab.com/o/r.git", Some(Forge::GitLab)),
        ("git@github.com:o/r.git", Some(Forge::GitHub)),
        ("git+ssh://git@git.sr.ht/~o/r", Some(Forge::SourceHut)),
        ("git+https://bitbucket.org/o/r", Some(Forge::Bitbucket)),
        ("git+https://github.com.evil.org/o/r", None),
        ("git+https://github.com:8443/o/r", None),
        ("git+http://github.com/o/r", None),
        ("git+file:///github.com/o/r", None),
    ] {
        assert_eq!(parse(text).forge(), forge, "{text}");
    }
}

#[test]
fn only_http_to_this_machine_is_not_plain() {
    for (text, plain) in [
        ("git+http://127.0.0.1:8000/x", false),
        ("git+http://localhost/x", false),
        ("git+https://example.org/x", false),
        ("git+file:///x", false),
        ("git+http://example.org/x", true),
        ("git+http://127.0.0.1.evil.org/x", true),
        ("git+http://localhost.evil/x", true),
        ("git+http://0177.0.0.1/x", true),
        ("git+http://0/x", true),
    ] {
        assert_eq!(parse(text).is_plain_http(), plain, "{text}");
    }
}

#[test]
fn names_for_inputs() {
    for (text, name) in [
        ("git+https://h/digit.git", Some("digit")),
        ("github:acme/thymis-modules", Some("thymis-modules")),
        ("github:acme/My_Repo.nix/main", Some("my-repo-nix")),
        ("git+file:///srv/self", None),
        ("git+file:///srv/.git", None),
        ("git+file:///srv/_", None),
    ] {
        assert_eq!(parse(text).suggested_name().as_ref().map(InputName::as_str), name, "{text}");
    }
    assert_eq!(parse(&format!("git+file:///{}", "a".repeat(64))).suggested_name(), None);
}

#[test]
fn what_is_not_a_reference_is_refused_with_the_way_out() {
    let capital = REV.to_uppercase();
    for (text, says) in [
        ("", "git+https://host/path"),
        ("/srv/x", "git+file://"),
        ("../x", "git+file://"),
        ("./a:b", "git+file://"),
        ("file:///x", "git+file://"),
        ("path:./x", "git+file://"),
        ("path:/x", "git+file://"),
        ("git+file:x", "git+file://"),
        ("git+file://host/x", "git+file://"),
        ("nixpkgs", "a name from a registry"),
        ("nixpkgs/nixos-25.11", "a name from a registry"),
        ("flake:nixpkgs", "a name from a registry"),
        ("tarball+https://h/x", "is an archive"),
        ("file+https://h/x", "is an archive"),
        ("https://h/x.tar.gz", "is an archive"),
        ("hg+https://h/x", "`hg+https:` is not git"),
        ("svn://h/x", "`svn:` is not git"),
        ("git://h/x", "write `git+https://…`"),
        ("ssh://git@h/x", "write `git+ssh://`"),
        ("ssh://h/x", "write `git+ssh://`"),
        ("git@host:a/b", "ends in `.git`"),
        ("https://h/x", "here `git+https://h/x`"),
        ("https://h/x.gitx", "here `git+https://h/x.gitx`"),
        ("s3://h/x.git", "`s3:` is not understood"),
        ("gitea:o/r.git", "`gitea:` is not understood"),
        ("GitHub:o/r", "`GitHub:` is not understood"),
        ("bitbucket:o/r", "`bitbucket:` is not understood"),
        ("ext::sh -c id", "`ext:` is not understood"),
        ("git+ext://sh", "`git+ext:` is not understood"),
        ("git+https:h/x", "`git+https:h/x` is not the address"),
        ("git+file:///", "path of a repository"),
        ("git+file:///a/../b", "without `.` or `..`"),
        ("git+file:///a//b", "without `.` or `..`"),
        ("git+file:///a%2e", "is an escape"),
        ("git+file:///a b", "letters, digits"),
        ("git+file:///grün", "letters, digits"),
        ("git+file:///a\u{202e}b", "letters, digits"),
        ("git+https://h/-x", "no `-` in front"),
        ("git+ssh://h/-x", "no `-` in front"),
        ("git@h:-x.git", "no `-` in front"),
        ("https://user:secret@host/x", "never in an address"),
        ("https://secret@host/x", "never in an address"),
        ("http://secret@host/x", "never in an address"),
        ("git+https://secret@host/x", "never in an address"),
        ("git+file://secret@host/x", "never in an address"),
        ("git+file://user:secret@host/x", "never in an address"),
        ("git+ssh://user:secret@host/x", "never in an address"),
        ("https:user:secret@host/x", "never in an address"),
        ("https:/user:secret@host/x", "never in an address"),
        ("https://user:a?secret@host/x", "never in an address"),
        ("git+https://user%3Asecret@host/x", "`%3A` is an escape"),
        ("git+https://sec#ret@host/x", "leave it out with what follows"),
        ("git+https://user:sec/ret@host/x", "`user` is not a host"),
        ("user:secret@host:a/b.git", "never in an address"),
        ("github:secret@a/b", "never in an address"),
        ("git+https://h/x?access_token=secret", "`access_token` is not understood"),
        ("http://example.org/x", "git+https://example.org"),
        ("git+https://-x/y", "not a host"),
        ("git+ssh://-oProxyCommand=id/x", "not a host"),
        ("git+ssh://git@-oProxyCommand/x", "not a host"),
        ("git+ssh://-oProxyCommand@h/x", "the user before `@`"),
        ("-oProxyCommand@h:x.git", "the user before `@`"),
        ("git+ssh://@h/x", "the user before `@`"),
        ("git+ssh://git@[::1]/x", "IPv4"),
        ("git+https://a..b/y", "not a host"),
        ("git+https://a:0/y", "not a host"),
        ("git+https://a:/y", "not a host"),
        ("git+https://a:+1/y", "not a host"),
        ("git+https://a\\b/y", "not a host"),
        ("git+https:///y", "not a host"),
        ("git+https://host", "path of a repository"),
        ("git+https://h/x#y", "leave it out with what follows"),
        ("github:a/b#secret@\n", "leave it out with what follows"),
        ("git+https://h/x?", "`` is not understood"),
        ("git+https://h/x?submodules=1", "`submodules`"),
        ("git+https://h/x?shallow=1", "`shallow`"),
        ("github:a/b?allRefs=1", "`allRefs`"),
        ("github:a/b?narHash=x", "`narHash`"),
        ("github:a/b?lfs=1", "`lfs`"),
        ("git+https://h/x?host=a", "`host`"),
        ("git+https://h/x?ref=a&ref=b", "once each"),
        ("github:a/b/x?ref=x", "once each"),
        ("git+https://h/x?ref=--upload-pack=x", "no `-` in front"),
        ("git+https://h/x?ref=a..b", "branch name"),
        ("git+https://h/x?ref=a.lock", "branch name"),
        ("git+https://h/x?ref=a.lock/b", "branch name"),
        ("git+https://h/x?ref=a/.b", "branch name"),
        ("git+https://h/x?ref=a.", "branch name"),
        ("git+https://h/x?ref=a//b", "branch name"),
        ("git+https://h/x?ref=a/", "branch name"),
        ("git+https://h/x?ref=@", "branch name"),
        ("git+https://h/x?ref=HEAD", "branch name"),
        ("git+https://h/x?ref=", "branch name"),
        ("git+https://h/x?ref=a@{1}", "branch name"),
        ("git+https://h/x?ref=a%0ab", "is an escape"),
        ("github:a/b/a+b", "branch name"),
        ("github:a/b/_x", "branch name"),
        ("github:a/b/-x", "branch name"),
        (&format!("git+https://h/x?ref={REV}"), "write `rev="),
        (&format!("github:a/b?ref={capital}"), "write `rev="),
        (&format!("github:a/b/{capital}"), "40 lower-case"),
        (&format!("github:a/b/x?rev={REV}"), "leave out `x`"),
        ("git+https://h/x?rev=main", "40 lower-case"),
        ("git+https://h/x?dir=../x", "relative path"),
        ("git+https://h/x?dir=/x", "relative path"),
        ("git+https://h/x?dir=a//b", "relative path"),
        ("github:a/b?dir=-x", "relative path"),
        ("git+https://h/x\n", "letters, digits"),
        ("github:a", "write `github:owner/repo`"),
        ("github:/a/b", "write `github:owner/repo`"),
        ("github://a/b", "write `github:owner/repo`"),
        ("github:-x/b", "write `github:owner/repo`"),
        ("github:a/..", "write `github:owner/repo`"),
        ("github:~a/b", "write `github:owner/repo`"),
        ("github:a%2Fb/c", "is an escape"),
        ("gitlab:a/b%2Fc", "gitlab:group%2Fsubgroup/repo"),
        ("gitlab:a%2F/b", "gitlab:group%2Fsubgroup/repo"),
        ("gitlab:a%2f..%2fb/c", "gitlab:group%2Fsubgroup/repo"),
        ("gitlab:a%252Fb/c", "is an escape"),
        ("gitlab:a/b/x%2Fy", "branch name"),
        ("sourcehut:o/r", "write `sourcehut:~owner/repo`"),
        ("github:a/b?host=h:8443", "not a host"),
        ("github:a/b?host=", "not a host"),
        ("github:a/b?host=-x", "not a host"),
    ] {
        let message = text.parse::<FlakeReference>().expect_err(text).to_string();
        assert!(message.contains(says), "{text}: {message}");
        assert!(!["secret@", "ret@", "sec/"].iter().any(|part| message.contains(part)), "{message}");
        assert!(crate::untrusted::is_plain(&message), "{message}");
    }
}

#[test]
fn what_is_accepted_is_not_too_long_once_it_is_printed() {
    let url = |length| format!("git@h:{}.git", "a".repeat(length)).parse::<FlakeReference>();
    let longest = (0..2000).map_while(|length| url(length + 1).ok()).last().unwrap();
    let pinned = longest.at(REV.parse().unwrap());
    assert_eq!(pinned.to_string().len(), MAX_LENGTH);
    assert_eq!(pinned.to_string().parse(), Ok(pinned));
    assert!(matches!(url(MAX_LENGTH - 20), Err(ReferenceError::TooLong { length: 1069 })));
    let long = parse(&format!("github:a/b/{}", "c".repeat(MAX_LENGTH - 11)));
    assert_eq!(long.to_string().len(), MAX_LENGTH);
    assert!(matches!("x".repeat(MAX_LENGTH + 1).parse::<FlakeReference>(), Err(ReferenceError::TooLong { .. })));
}

/// Most are references; some have a part such as `..` that isn't.
fn spelled() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        "(github|gitlab):[a-zA-Z0-9_][a-zA-Z0-9._-]{0,4}/[a-zA-Z0-9._]{1,4}/{0,2}",
        "gitlab:[a-z0-9]{1,3}(%2[fF][a-z0-9._]{1,3}){1,2}/[a-z0-9]{1,4}",
        "sourcehut:~[a-z0-9_]{1,3}/[a-z0-9._-]{1,4}",
        "git[+]https?://[a-zA-Z0-9]{1,3}([.][a-z0-9]{1,3}){0,2}(:(80|443|8443))?(/[a-zA-Z0-9._~@-]{1,4}){1,3}/?",
        "git[+]ssh://([a-z0-9_][a-z0-9._-]{0,3}@)?[A-Za-z0-9]{1,3}(:(22|2222))?(/[a-z0-9._~-]{1,4}){1,3}/?",
        "git[+]file://(/[a-zA-Z0-9._~@-]{1,4}){1,3}/{0,2}",
        "https://[a-z]{1,3}[.](org|com)(/[a-z~]{1,3}){1,2}[.]git/?",
        "([a-z]{1,3}@[a-z]{1,3}|[a-z]{1,3}[.]org):/?(~?[a-z0-9]{1,3}/){0,2}[a-z]{1,3}[.]git",
    ];
    let at = prop_oneof![
        Just(String::new()),
        "&ref=[a-zA-Z0-9][a-zA-Z0-9._/-]{0,6}",
        "&ref=refs/(heads|tags)/[a-z@+]{1,3}",
        "&ref=[a-z@+_]{1,4}",
        "&rev=[0-9a-f]{40}",
    ];
    (place, at, "(&dir=[a-zA-Z0-9._]{0,3}(/[a-z0-9._-]{1,3}){0,2})?", "(&host=[a-zA-Z0-9]{1,3}[.][a-z]{2})?").prop_map(
        |(place, at, dir, host)| {
            let host = if place.contains("://") || place.contains('@') { "" } else { &host };
            format!("{place}{}", format!("{host}{at}{dir}").replacen('&', "?", 1))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(reference in spelled().prop_filter_map("no reference", |text| text.parse::<FlakeReference>().ok())) {
        let printed = reference.to_string();
        let again: FlakeReference = printed.parse().unwrap();
        prop_assert_eq!(&again, &reference);
        prop_assert_eq!(again.to_string(), printed);
        for other in [reference.repository(), reference.at(REV.parse().unwrap())] {
            prop_assert_eq!(other.to_string().parse::<FlakeReference>().unwrap(), other);
        }
        let url = reference.fetch_url();
        prop_assert!(url.bytes().all(|b| b.is_ascii_graphic()) && !url.starts_with('-') && !url.contains('%'));
    }

    #[test]
    fn no_text_is_a_panic_nor_disturbs(
        start in "(github:|gitlab:|sourcehut:~|git[+](https|http|ssh|file)://|https://|a@|)",
        rest in "(\\PC|[\\x00-\\x7f]|[/:?&=@#%.-]){0,40}",
    ) {
        match format!("{start}{rest}").parse::<FlakeReference>() {
            Ok(reference) => {
                let printed = reference.to_string();
                prop_assert!(printed.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert_eq!(printed.parse(), Ok(reference));
            }
            Err(error) => prop_assert!(crate::untrusted::is_plain(&error.to_string())),
        }
    }
}
