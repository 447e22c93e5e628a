//! The file of credentials: what is none is refused, and nothing of it is quoted.

use std::{
    fs::File,
    io::Write as _,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use thymis_tests::server::{HttpServer, SshServer};

use crate::{Site, User, bearer, credential};

const TOKEN: &str = "SECRET-in-a-file";
const URL: &str = "git+https://git.example.org/one";
const SSH: &str = "git+ssh://git@git.example.org/one";

fn user() -> User {
    let user = User::new();
    // Also a part of it would be too much.
    user.keeps(&["SECRET"]);
    user
}

/// What is said of a file, which is refused before anything else happens.
#[track_caller]
fn refused(user: &User, file: &Path) -> String {
    let call = |more: &[&str]| {
        let mut command = user.command(&[&["input", "list", "--verbose"], more].concat());
        user.run(command.arg("--credentials").arg(file)).refused()
    };
    let said = call(&[]);
    assert_eq!(call(&["--json"]), said);
    said
}

#[track_caller]
fn assert_refused(user: &User, text: impl AsRef<[u8]>, words: &str) {
    let said = refused(user, &user.file("refused.toml", text, 0o600));
    assert!(said.contains(words), "{said}");
}

#[test]
fn files_that_hold_something_else_are_refused() {
    let user = user();
    let token = ("token", TOKEN);
    let key = ("ssh-key", "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET\n-----END OPENSSH PRIVATE KEY-----\n");
    let pinned = ("host-key", "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
    let good = credential(URL, &[token]);
    for (text, words) in [
        (String::new(), "no credentials"),
        ("# token\n".to_owned(), "no credentials"),
        (TOKEN.to_owned(), "line 1"),
        (format!("{good}token {TOKEN}\n"), "can't be understood: line 5"),
        (format!("{good}password = \"{TOKEN}\"\n"), "line 5: there is a key outside of a table"),
        (format!("{good}[credentials]\n"), "there is a key outside of a table"),
        (format!("[[credential]]\nrepository = \"{URL}\"\ntoken = [\"{TOKEN}\"]\n"), "line 3"),
        (format!("credential = \"{TOKEN}\"\n"), "line 1"),
        (format!("[[credential]]\ntoken = \"{TOKEN}\"\n"), "`repository` is missing"),
        (credential(&format!("https://me:{TOKEN}@git.example.org/one.git"), &[token]), "credential 1: `repository`"),
        (credential(TOKEN, &[token]), "credential 1: `repository`"),
        (format!("{good}{good}"), "credential 2: another one is for the same repository"),
        (good.clone() + &credential(&format!("{URL}?ref=other"), &[token]), "credential 2: another one"),
        (credential(SSH, &[token]), "credential 1: a token is for `git+https:`"),
        (credential("git+file:///one", &[token]), "credential 1: a token is for `git+https:`"),
        (credential(URL, &[key, pinned]), "credential 1: a token is for `git+https:`"),
        (credential(URL, &[]), "credential 1: it needs a `token`"),
        (credential(URL, &[token, key, pinned]), "and not both"),
        (credential(SSH, &[key]), "`host-key` is missing"),
        (credential(SSH, &[key, ("host-key", "")]), "`host-key` is missing"),
        (credential(SSH, &[key, ("host-key", "SHA256:x")]), "no host key"),
        (credential(SSH, &[("ssh-key", ""), pinned]), "is empty"),
        (credential(URL, &[("token", "")]), "`token`, `user` or `ssh-key` is empty"),
        (credential(URL, &[token, ("user", "")]), "is empty"),
        (credential(URL, &[token, ("user", "a:b")]), "can't be sent"),
        (credential(URL, &[("token", "SECRET\nX-Other: header")]), "can't be sent"),
        (credential(URL, &[("token", "SECRET with spaces")]), "can't be sent"),
        (credential(URL, &[("token", "SECRET\u{fc}")]), "can't be sent"),
        (credential(URL, &[("token", &"SECRET".repeat(2000))]), "too long"),
        (format!("{good}{}", "#".repeat(2 << 20)), "more than 1048576 bytes"),
    ] {
        assert_refused(&user, &text, words);
    }
    assert_refused(&user, b"[[credential]]\nrepository = \"\xff SECRET", "can't be read");
}

#[test]
fn a_secret_at_the_wrong_place_is_not_quoted_either() {
    let user = user();
    let key = ("ssh-key", "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n");
    assert_refused(&user, credential(SSH, &[key, ("host-key", TOKEN)]), "host-key");
    assert_refused(&user, credential(URL, &[(TOKEN, "token")]), "there is a key");
}

#[test]
fn only_the_owner_may_read_the_file() {
    let user = user();
    let text = credential(URL, &[("token", TOKEN)]);
    for mode in [0o644, 0o640, 0o604, 0o660, 0o622] {
        let said = refused(&user, &user.file("exposed.toml", &text, mode));
        assert!(said.contains("chmod 600"), "{said}");
    }
    let file = user.file("private.toml", &text, 0o400);
    user.run(user.command(&["input", "list"]).arg("--credentials").arg(file)).done();
}

#[test]
fn what_is_no_file_is_refused() {
    let user = user();
    let fifo = user.files().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let socket = user.files().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for place in [user.files(), &user.files().join("missing"), &socket] {
        let said = refused(&user, place);
        assert!(said.contains(place.to_str().unwrap()), "{said}");
    }
    // Nobody writes into it.
    let said = refused(&user, &fifo);
    assert!(said.contains("no credentials"), "{said}");
}

#[test]
fn a_pipe_may_take_its_time() {
    let user = user();
    let file = credential(URL, &[("token", TOKEN)]);
    let mut command = user.command(&["input", "list", "--credentials", "/dev/stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut pipe = program.stdin.take().unwrap();
    for part in [&file[..20], &file[20..]] {
        thread::sleep(Duration::from_millis(300));
        // A program that has ended takes no more; why is told below.
        let _ = pipe.write_all(part.as_bytes());
    }
    drop(pipe);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn credentials_come_from_an_argument_from_the_environment_and_from_standard_input() {
    let (site, user) = (Site::new(), user());
    let server = HttpServer::start(site.path());
    server.rule("one", bearer(TOKEN));
    let (good, wrong) = (credential(&server.url("one"), &[("token", TOKEN)]), credential(URL, &[("token", TOKEN)]));
    let (good, wrong) = (user.file("good", good, 0o600), user.file("wrong", wrong, 0o600));
    let call = || user.command(&["input", "test", &server.url("one")]);
    user.run(call().env("THYMIS_CREDENTIALS", &good)).done();
    user.run(call().arg("--credentials").arg("-").stdin(File::open(&good).unwrap())).done();
    // What is said counts more than what is set.
    user.run(call().env("THYMIS_CREDENTIALS", &wrong).arg("--credentials").arg(&good)).done();
    let said = user.run(call().env("THYMIS_CREDENTIALS", &good).arg("--credentials").arg(&wrong)).refused();
    assert!(said.starts_with("unauthorized: "), "{said}");
    let said = user.run(call().env("THYMIS_CREDENTIALS", "")).refused();
    assert!(said.starts_with("unauthorized: "), "{said}");

    for (text, words) in [("SECRET".to_owned(), "line 1"), ("#".repeat(2 << 20), "more than 1048576 bytes")] {
        let long = user.file("other", text, 0o600);
        let said = user.run(call().arg("--credentials").arg("-").stdin(File::open(long).unwrap())).refused();
        assert!(said.contains(words), "{said}");
    }
    let exposed = user.file("exposed", "", 0o644);
    let said = user.run(call().env("THYMIS_CREDENTIALS", &exposed)).refused();
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_key_that_is_none_is_refused_before_it_is_shown() {
    let (site, user) = (Site::new(), user());
    let server = SshServer::start(site.path());
    let url = server.url("one");
    user.credentials(&credential(&url, &[("ssh-key", TOKEN), ("host-key", server.host_key())]));
    user.assert_refused(&url, "unauthorized", "");
    user.credentials(&credential(
        &url,
        &[("ssh-key", server.key()), ("passphrase", TOKEN), ("host-key", server.host_key())],
    ));
    user.keeps(&[&crate::secret::middle(server.key())]);
    // The key has none: what is given for it is not missed.
    user.assert_loads(&url);
}
