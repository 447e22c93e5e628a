//! A server can't send a fetch elsewhere, least of all with a token.

use thymis_tests::server::{HttpServer, Request, Rule};

use crate::{Site, User, bearer, credential};

const TOKEN: &str = "SECRET-for-one-place";

#[test]
fn redirects_are_told_and_not_followed() {
    let (site, user) = (Site::new(), User::new());
    user.keeps(&[TOKEN]);
    let (server, other) = (HttpServer::start(site.path()), HttpServer::start(site.path()));
    let url = server.url("one");
    let mut answers = Vec::new();
    for with_token in [false, true] {
        if with_token {
            user.credentials(&credential(&url, &[("token", TOKEN)]));
        }
        let usual = || if with_token { bearer(TOKEN) } else { Rule::Open };
        for to in [
            server.url_at("localhost", "one"),
            server.url_at("localhost", "two"),
            server.url_at("127.0.0.1", "two"),
            other.url_at("127.0.0.1", "one"),
            "/two".to_owned(),
        ] {
            // From the beginning, or once the refs are told.
            for place in ["", "/git-upload-pack"] {
                server.rule("one", usual());
                server.rule("one/git-upload-pack", usual());
                server.rule(&format!("one{place}"), Rule::Redirect(format!("{to}{place}")));
                answers.push((format!("one{place} to {to}{place}"), user.test(&url, &[])));
            }
        }
    }
    let elsewhere = |it: &Request| !it.path.starts_with("/one/") || !it.host.starts_with("127.0.0.1:");
    let strays: Vec<Request> = server.requests().into_iter().filter(elsewhere).chain(other.requests()).collect();
    let told = |answer: &Result<String, String>| {
        answer.as_ref().is_err_and(|said| {
            said.starts_with("unreachable: ")
                && said.contains("which is not followed: the repository was renamed or moved")
        })
    };
    answers.retain(|(_, answer)| !told(answer));
    assert!(strays.is_empty() && answers.is_empty(), "followed: {strays:#?}\nand told: {answers:#?}");
}

#[test]
fn an_input_that_moved_away_stays_where_it_was() {
    let (site, user) = (Site::new(), User::new());
    let server = HttpServer::start(site.path());
    user.thymis(&["input", "add", "one", &server.url("one")]).done();
    let before = user.world.read("modules.lock");
    server.rule("one", Rule::Redirect(server.url_at("127.0.0.1", "two")));
    let output = user.thymis(&["input", "update", "one", "--json"]);
    assert_eq!(output.code, 1);
    assert_eq!(output.json()[0]["status"], "unreachable");
    assert!(output.json()[0]["error"].as_str().unwrap().contains("renamed or moved"), "{}", output.stdout);
    assert_eq!(user.world.read("modules.lock"), before);
}
