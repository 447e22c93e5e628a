//! Forges take a token under names of their own, and say nothing of what it has to allow.

use thymis_tests::{
    Example, commit, copy, git,
    server::{Authority, HttpServer},
    skipped,
};

use crate::{Site, User, basic, credential, proxy::Proxy, secret::base64};

const TOKEN: &str = "SECRET-of-a-forge";

/// Reference, host, the repository's path, the user that the forge wants, words about what a token has to allow.
const FORGES: [(&str, &str, &str, &str, &str); 5] = [
    ("github:owner/repo", "github.com", "owner/repo.git", "x-access-token", "`Contents: read-only`"),
    ("git+https://github.com/owner/other", "github.com", "owner/other", "x-access-token", "`Contents: read-only`"),
    ("gitlab:group%2Fsub/repo", "gitlab.com", "group/sub/repo.git", "oauth2", "scope `read_repository`"),
    ("git+https://bitbucket.org/owner/third", "bitbucket.org", "owner/third", "x-token-auth", "scope `repository`"),
    ("github:owner/repo?host=git.example.org", "git.example.org", "owner/repo.git", "x-access-token", "classic"),
];

#[test]
fn a_forge_is_told_a_token_in_its_own_way_and_what_it_must_allow_is_told() {
    let (site, authority) = (Site::new(), Authority::new());
    let hosts: Vec<&str> = FORGES.iter().map(|(_, host, ..)| *host).collect();
    let server = HttpServer::start_tls_with(site.path(), authority.certificate(&hosts));
    let proxy = Proxy::to(&server.url(""));
    let user = User::new().trusting(&authority).behind(&proxy.url());
    for (reference, host, path, name, words) in FORGES {
        user.keeps(&[TOKEN, &base64(&format!("{name}:{TOKEN}"))]);
        if !site.path().join(path).exists() {
            site.make(path);
        }
        server.rule(path, basic(name, TOKEN));
        user.credentials(&credential("github:owner/third", &[("token", TOKEN)]));
        user.assert_refused(reference, "unauthorized", words);
        user.credentials(&credential(reference, &[("token", "SECRET-that-is-wrong")]));
        let before = server.requests().len();
        user.assert_refused(reference, "unauthorized", words);
        assert_eq!(server.requests().len(), before + 1, "one attempt");
        user.credentials(&credential(reference, &[("token", TOKEN)]));
        user.assert_loads(reference);
        assert!(server.requests().last().unwrap().host.starts_with(host));
    }
    let said = proxy.said();
    assert!(said.iter().any(|line| line.starts_with("CONNECT github.com:443")), "{said:?}");
    assert!(!said.iter().any(|line| line.to_ascii_lowercase().contains("authorization")), "{said:?}");
}

#[test]
fn a_forge_at_an_address() {
    let (site, authority) = (Site::new(), Authority::new());
    let Some(server) = HttpServer::start_tls_at("127.0.0.2:443", site.path(), &authority) else {
        return skipped("forges at an address", "port 443 of 127.0.0.2 can't be had");
    };
    let user = User::new().trusting(&authority);
    site.make("owner/repo.git");
    for (forge, name, words) in
        [("github", "x-access-token", "`Contents: read-only`"), ("gitlab", "oauth2", "scope `read_repository`")]
    {
        let reference = format!("{forge}:owner/repo?host=127.0.0.2");
        user.keeps(&[TOKEN, &base64(&format!("{name}:{TOKEN}"))]);
        server.rule("owner/repo.git", basic(name, TOKEN));
        user.credentials(&credential(&reference, &[("token", "SECRET-that-is-wrong")]));
        user.assert_refused(&reference, "unauthorized", words);
        user.credentials(&credential(&reference, &[("token", TOKEN)]));
        user.assert_loads(&reference);
    }
}

#[test]
fn a_tag_of_a_forge_stays_where_it_was_accepted() {
    let (site, authority) = (Site::new(), Authority::new());
    let server = HttpServer::start_tls_with(site.path(), authority.certificate(&["github.com"]));
    let proxy = Proxy::to(&server.url(""));
    let user = User::new().trusting(&authority).behind(&proxy.url());
    let folder = site.path().join("owner/sensors.git");
    copy(Example::TemperatureLogger.repository(), &folder);
    git(&folder, &["tag", "v1"]);
    user.thymis(&["input", "add", "sensors", "github:owner/sensors/v1"]).done();
    user.thymis(&["input", "accept", "sensors", "--yes"]).done();
    let update = || user.thymis(&["input", "update", "sensors", "--json"]).done().json()[0].clone();
    assert_eq!(update()["result"], "current");

    // A branch of that name goes before the tag, as with the forge.
    std::fs::write(folder.join("more"), "x").unwrap();
    commit(&folder);
    git(&folder, &["branch", "v1"]);
    for _ in 0..2 {
        let waits = update();
        assert_eq!(waits["reasons"][0], "it is on `refs/heads/v1` now, and was on `refs/tags/v1`", "{waits}");
    }
    git(&folder, &["branch", "--delete", "--force", "v1"]);
    git(&folder, &["tag", "--force", "v1"]);
    for _ in 0..2 {
        assert_eq!(update()["reasons"][0], "the tag `v1` was moved to another commit: tags are meant to stay");
    }
    user.thymis(&["input", "accept", "sensors", "--yes"]).done();
    assert_eq!(update()["result"], "current");
}
