//! Who can't prove to be the server is told nothing.

use thymis_tests::server::{Authority, HttpServer};

use crate::{Site, User, bearer, credential};

const TOKEN: &str = "SECRET-for-the-real-server";

#[test]
fn a_server_is_known_by_its_authority() {
    let (site, authority) = (Site::new(), Authority::new());
    let server = HttpServer::start_tls(site.path(), &authority);
    server.rule("one", bearer(TOKEN));
    let urls = [server.url("one"), format!("git+{}", server.url_at("localhost", "one"))];
    let tables: String = urls.iter().map(|url| credential(url, &[("token", TOKEN)])).collect();
    // To one no authority is known but the system's, to another one a stranger.
    for user in [User::new(), User::new().trusting(&Authority::new())] {
        user.keeps(&[TOKEN]);
        user.credentials(&tables);
        for url in &urls {
            user.assert_refused(url, "unreachable", "certificate");
        }
    }
    assert!(server.requests().is_empty());
    let user = User::new().trusting(&authority);
    user.keeps(&[TOKEN]);
    user.credentials(&tables);
    for url in &urls {
        user.assert_loads(url);
    }
}

#[test]
fn names_and_dates_of_a_certificate_count() {
    let (site, authority) = (Site::new(), Authority::new());
    let user = User::new().trusting(&authority);
    user.keeps(&[TOKEN]);
    for (certificate, words) in [
        (authority.expired(&["127.0.0.1", "localhost"]), "certificate"),
        (authority.certificate(&["127.0.0.2", "elsewhere.example"]), "certificate"),
        // Of addresses it says nothing.
        (authority.certificate(&["*.example"]), ""),
    ] {
        let server = HttpServer::start_tls_with(site.path(), certificate);
        for url in [server.url("one"), format!("git+{}", server.url_at("localhost", "one"))] {
            user.credentials(&credential(&url, &[("token", TOKEN)]));
            user.assert_refused(&url, "unreachable", words);
        }
        assert!(server.requests().is_empty());
    }
}

#[test]
fn a_server_without_tls_is_shown_nothing() {
    let (site, user) = (Site::new(), User::new());
    user.keeps(&[TOKEN]);
    let server = HttpServer::start(site.path());
    let url = server.url("one").replacen("git+http:", "git+https:", 1);
    user.credentials(&credential(&url, &[("token", TOKEN)]));
    user.assert_refused_with(&url, &["--limit", "fetch_stall_seconds=3"], "unreachable", "");
    assert!(server.requests().iter().all(|request| request.authorization.is_none()));
}
