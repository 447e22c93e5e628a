//! SSH: a key for the server, and the server's key.

use thymis_tests::server::SshServer;

use crate::{Site, User, credential, secret::middle};

fn user(server: &SshServer) -> User {
    let user = User::new();
    user.keeps(&[&middle(server.key()), &middle(server.other_key())]);
    user
}

#[test]
fn a_key_opens_a_repository_of_the_server_whose_key_is_pinned() {
    let site = Site::new();
    let server = SshServer::start(site.path());
    let (user, url) = (user(&server), server.url("one"));
    // As its owner publishes it, as ssh-keyscan prints it, and as its file has it.
    for host_key in [server.fingerprint(), server.known_host(), server.host_key().to_owned()] {
        user.credentials(&credential(&url, &[("ssh-key", server.key()), ("host-key", &host_key)]));
        user.assert_loads(&url);
    }
    user.thymis(&["input", "add", "one", &url]).done();
    let commit = site.commit("one", "More.\n");
    let updated = user.thymis(&["input", "update", "one", "--json"]).done().json();
    assert_eq!(updated[0]["to"], commit.as_str());
    assert!(server.log().contains("Accepted publickey"));

    user.credentials(&credential(&url, &[("ssh-key", server.other_key()), ("host-key", server.host_key())]));
    user.assert_refused(&url, "unauthorized", "an SSH key that may read this repository");
}

#[test]
fn one_of_several_pinned_keys_is_enough() {
    let site = Site::new();
    let (server, stranger) = (SshServer::start(site.path()), SshServer::start(site.path()));
    let (user, url) = (user(&server), server.url("one"));
    let table = credential(&url, &[("ssh-key", server.key())]);
    user.credentials(&format!(
        "{}host-key = [{:?}, {:?}]\n",
        table.trim_end().to_owned() + "\n",
        stranger.fingerprint(),
        server.host_key()
    ));
    user.assert_loads(&url);
    user.credentials(&format!("{}host-key = [{:?}]\n", table.trim_end().to_owned() + "\n", stranger.fingerprint()));
    user.assert_refused(&url, "failed", &stranger.fingerprint());
}

#[test]
fn an_impostor_is_refused_before_the_key_is_used() {
    let site = Site::new();
    let server = SshServer::start(site.path());
    let (user, url) = (user(&server), server.url("one"));
    server.replace_by_impostor();
    for host_key in [server.fingerprint(), server.host_key().to_owned()] {
        user.credentials(&credential(&url, &[("ssh-key", server.key()), ("host-key", &host_key)]));
        let said = user.test(&url, &[]).unwrap_err();
        assert!(said.contains("isn't the one whose key is pinned"), "{said}");
        // The key that came and the one that should have.
        assert!(said.contains(&host_key), "{said}");
        let shown = said.split("it showed ").nth(1).unwrap().split(',').next().unwrap();
        assert!(shown.starts_with("ssh-ed25519 SHA256:") && !shown.contains(&server.fingerprint()), "{said}");
    }
    let log = server.log();
    assert!(log.contains("Connection"), "{log}");
    for attempt in ["publickey", "Accepted", "Failed", "authenticating"] {
        assert!(!log.contains(attempt), "{log}");
    }
}

#[test]
fn without_a_credential_no_server_is_trusted() {
    let site = Site::new();
    let server = SshServer::start(site.path());
    let (user, url) = (user(&server), server.url("one"));
    user.assert_refused(&url, "unauthorized", "none was given for it");
    // One for another repository of the server, another user or port is none.
    let other_user = url.replacen("git+ssh://", "git+ssh://not-", 1);
    let (user_and_host, path) = url.trim_start_matches("git+ssh://").split_once('/').unwrap();
    let scp = format!("{}:{path}.git", user_and_host.split(':').next().unwrap());
    let other_port = format!("git+ssh://{}:1/{path}", user_and_host.split(':').next().unwrap());
    let tables: String = [&server.url("two"), &other_user, &other_port, &scp]
        .into_iter()
        .map(|url| credential(url, &[("ssh-key", server.key()), ("host-key", server.host_key())]))
        .collect();
    user.credentials(&tables);
    user.assert_refused(&url, "unauthorized", "the 4 that were given are for other repositories");
    assert!(!server.log().contains("publickey"), "{}", server.log());
}
