//! Tokens open the repository that they are for, and nobody else sees them.

use thymis_tests::server::{Authority, HttpServer};

use crate::{Site, User, basic, bearer, credential, secret::base64};

const FIRST: &str = "SECRET-of-the-first";
const SECOND: &str = "SECRET-of-the-second";

/// A user with these secrets in all their spellings.
fn user() -> User {
    let user = User::new();
    let pair = |token: &str| base64(&format!("reader:{token}"));
    user.keeps(&[FIRST, SECOND, &pair(FIRST), &pair(SECOND)]);
    user
}

/// The `Authorization` of each request for a repository.
fn shown(server: &HttpServer, repository: &str) -> Vec<Option<String>> {
    let path = format!("/{repository}/");
    server.requests().into_iter().filter(|it| it.path.starts_with(&path)).map(|it| it.authorization).collect()
}

#[test]
fn two_repositories_of_one_host_have_a_token_each() {
    let (site, user) = (Site::new(), user());
    let server = HttpServer::start(site.path());
    let (one, two) = (server.url("one"), server.url("two"));
    for user_name in [None, Some("reader")] {
        let rule = |token| user_name.map_or_else(|| bearer(token), |name| basic(name, token));
        let table = |url: &str, token: &str| {
            let name = user_name.map(|name| ("user", name));
            credential(url, &name.into_iter().chain([("token", token)]).collect::<Vec<_>>())
        };
        server.rule("one", rule(FIRST));
        server.rule("two", rule(SECOND));
        // The credential is the repository's, whatever ref or folder of it is wanted.
        user.credentials(&(table(&one, FIRST) + &table(&format!("{two}?ref=main"), SECOND)));
        for (name, url) in [("one", &one), ("two", &two)] {
            user.thymis(&["input", "add", "--replace", name, url]).done();
        }
        user.assert_loads(&format!("{one}?ref=refs/heads/main"));
        assert!(shown(&server, "one").iter().chain(&shown(&server, "two")).all(Option::is_some));

        let before = [shown(&server, "one").len(), shown(&server, "two").len()];
        user.credentials(&(table(&one, SECOND) + &table(&two, FIRST)));
        for (url, repository, before) in [(&one, "one", before[0]), (&two, "two", before[1])] {
            user.assert_refused(url, "unauthorized", "does not let the given credential in");
            assert_eq!(shown(&server, repository).len(), before + 1, "one attempt");
        }
    }
}

#[test]
fn a_credential_for_something_else_is_not_sent() {
    let (site, user) = (Site::new(), user());
    let (authority, server) = (Authority::new(), HttpServer::start(site.path()));
    let user = user.trusting(&authority);
    let (other, secure) = (HttpServer::start(site.path()), HttpServer::start_tls(site.path(), &authority));
    for server in [&server, &other, &secure] {
        server.rule("one", bearer(FIRST));
    }
    let url = server.url("one");
    let elsewhere = [
        server.url("two"),
        server.url("one.git"),
        server.url("one/one"),
        server.url("On"),
        other.url("one"),
        format!("git+{}", server.url_at("localhost", "one")),
        url.replacen("git+http:", "git+https:", 1),
    ];
    let tables: String = elsewhere.iter().map(|url| credential(url, &[("token", FIRST)])).collect();
    user.credentials(&tables);
    user.assert_refused(&url, "unauthorized", "the 7 that were given are for other repositories");
    assert_eq!(shown(&server, "one"), [None]);
    // Nor that for a plain address over a secure one.
    user.credentials(&credential(&secure.url("one").replacen("git+https:", "git+http:", 1), &[("token", FIRST)]));
    user.assert_refused(&secure.url("one"), "unauthorized", "the one that was given is for another repository");
    assert_eq!(shown(&secure, "one"), [None]);
    // The address is the same in another spelling of its host.
    let named = server.url_at("LOCALHOST", "one/");
    user.credentials(&credential(&format!("git+{}", server.url_at("localhost", "one")), &[("token", FIRST)]));
    user.assert_loads(&format!("git+{named}"));
}

#[test]
fn a_repository_that_may_not_be_seen_is_told_from_one_that_wants_a_credential() {
    let (site, user) = (Site::new(), user());
    let server = HttpServer::start(site.path());
    user.assert_refused(&server.url("none"), "unreachable", "needs a credential");
    user.credentials(&credential(&server.url("none"), &[("token", FIRST)]));
    user.assert_refused(&server.url("none"), "unreachable", "the given credential may not see it");
}
