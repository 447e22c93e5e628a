//! A whole life with private inputs, of which nothing keeps or tells a secret.

use std::{fs, path::Path};

use thymis_tests::{
    Example, World, commit,
    server::{Authority, HttpServer, Rule, SshServer, bare_clone, push},
};

use crate::{
    User, basic, credential,
    secret::{base64, middle},
};

const TOKEN: &str = "SECRET-of-a-lifetime";

/// A repository that may be changed, and its clone that is served.
fn served(user: &User, example: Example, folder: &Path) -> impl Fn(&str) + use<> {
    let work = user.world.own(example);
    let bare = bare_clone(&work, folder, example.name());
    move |text| {
        let file = work.join("README.md");
        fs::write(&file, fs::read_to_string(&file).unwrap() + text).unwrap();
        commit(&work);
        push(&work, &bare);
    }
}

#[test]
fn nothing_that_is_written_or_said_has_a_secret_in_it() {
    let (authority, user) = (Authority::new(), User::of(World::generated()));
    let user = user.trusting(&authority);
    let folder = tempfile::TempDir::new().unwrap();
    let change_first = served(&user, Example::TemperatureLogger, folder.path());
    let change_second = served(&user, Example::WebApp, folder.path());
    let (https, ssh) = (HttpServer::start_tls(folder.path(), &authority), SshServer::start(folder.path()));
    let inputs =
        [("temperature", https.url(Example::TemperatureLogger.name())), ("web", ssh.url(Example::WebApp.name()))];
    https.rule(Example::TemperatureLogger.name(), basic("reader", TOKEN));
    user.keeps(&[TOKEN, &base64(&format!("reader:{TOKEN}")), &middle(ssh.key()), &middle(ssh.other_key())]);
    let table = |token: &str, key: &str| {
        credential(&inputs[0].1, &[("user", "reader"), ("token", token)])
            + &credential(&inputs[1].1, &[("ssh-key", key), ("host-key", ssh.host_key())])
    };
    user.credentials(&table(TOKEN, ssh.key()));

    for (name, url) in &inputs {
        assert_eq!(user.test(url, &[]).as_deref(), Ok("awaiting-grant"));
        user.thymis(&["--verbose", "input", "test", url]).done();
        user.thymis(&["--verbose", "input", "add", "--replace", name, url]).done();
        user.thymis(&["--verbose", "input", "show", name]).done();
        user.thymis(&["--verbose", "input", "accept", name, "--yes"]).done();
    }
    user.thymis(&["--verbose", "generate"]).done();
    user.thymis(&["--verbose", "commit", "--message", "Private inputs"]).done();
    change_first("More words.\n");
    change_second("More words.\n");
    user.thymis(&["--verbose", "input", "update", "temperature", "web"]).done();
    user.thymis(&["--verbose", "generate"]).done();
    user.thymis(&["--verbose", "commit", "--message", "Updated"]).done();
    for more in [&["list"][..], &["show", "web"], &["show", "temperature"], &["log"], &["revoked"]] {
        user.thymis(&[&["input"], more, &["--verbose"]].concat()).done();
        user.thymis(&[&["input"], more, &["--verbose", "--json"]].concat()).done();
    }
    user.thymis(&["modules", "--verbose"]).done();
    user.thymis(&["input", "rollback", "web", "--verbose"]).done();
    assert!(https.requests().iter().any(|request| request.authorization.is_some()));
    assert!(ssh.log().contains("Accepted publickey"));
    user.assert_kept_secrets();

    // What fails says nothing either.
    let fails = |urls: &[&str]| {
        for url in urls {
            for json in [&[][..], &["--json"]] {
                for words in [&["input", "test", url][..], &["input", "add", "other", url]] {
                    let output =
                        user.thymis(&[words, &["--verbose", "--limit", "fetch_stall_seconds=1"], json].concat());
                    assert_eq!(output.code, 1, "{}", output.stdout);
                }
            }
        }
    };
    let [(_, first), (_, second)] = &inputs;
    for rule in [Rule::Hang, Rule::CutPack, Rule::Status(403), Rule::Redirect(https.url_at("localhost", "web-app"))] {
        https.rule(Example::TemperatureLogger.name(), rule);
        // With no copy there is something to send.
        fs::remove_dir_all(user.copies()).unwrap();
        fails(&[first]);
    }
    https.rule(Example::TemperatureLogger.name(), basic("reader", "another"));
    user.credentials(&table(TOKEN, ssh.other_key()));
    fails(&[first, second]);
    user.credentials(&table(TOKEN, ssh.key()));
    ssh.replace_by_impostor();
    fails(&[second, &format!("git+https://reader:{TOKEN}@127.0.0.1/x"), &format!("{first}?token={TOKEN}")]);
}
