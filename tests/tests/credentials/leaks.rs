//! What other users of the machine see of a fetch.

use std::{os::unix::process::ExitStatusExt as _, process::Stdio};

use thymis_tests::server::{HttpServer, Rule, SshServer};

use crate::{
    Site, User, credential,
    processes::{Process, wait},
    secret::{base64, holds, middle},
};

const TOKEN: &str = "SECRET-of-a-moment";

#[test]
fn arguments_and_environment_of_a_fetch_show_no_secret() {
    let site = Site::new();
    let (server, ssh) = (HttpServer::start(site.path()), SshServer::start(site.path()));
    let user = User::new();
    user.keeps(&[TOKEN, &base64(&format!("reader:{TOKEN}")), &middle(ssh.key())]);
    server.rule("one", Rule::Hang);
    let url = server.url("one");
    user.credentials(
        &(credential(&url, &[("user", "reader"), ("token", TOKEN)])
            + &credential(&ssh.url("one"), &[("ssh-key", ssh.key()), ("host-key", ssh.host_key())])),
    );
    let mut command = user.command(&["input", "test", &url, "--verbose"]);
    let mut program = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait(|| server.requests().iter().any(|it| it.authorization.is_some()).then_some(()), "the token isn't sent");
    Process::fetching(&user);
    let processes = Process::of(&user);
    assert!(processes.len() >= 2, "the program and what fetches: {processes:?}");
    for process in processes {
        for seen in [process.arguments(), process.environment()] {
            assert!(!holds(&seen, &user.secrets()), "{}", String::from_utf8_lossy(&seen));
        }
    }
    // Nor is it on the disk meanwhile.
    user.assert_kept_secrets();
    program.kill().unwrap();
    assert_eq!(program.wait().unwrap().signal(), Some(9));
    Process::assert_none(&user);
}
