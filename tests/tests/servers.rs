//! The servers that tests fetch from, asked by git itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use thymis_tests::{
    commit, git,
    server::{Authority, HttpServer, Request, Rule, SshServer, bare_clone, push},
};

/// A folder with `work`, a repository of one commit, and `bare.git`, its clone.
struct Folder {
    folder: TempDir,
    commit: String,
}

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let work = folder.path().join("work");
        fs::create_dir(&work).unwrap();
        fs::write(work.join("file"), "text").unwrap();
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
        let commit = commit(&work);
        bare_clone(&work, folder.path(), "bare.git");
        Self { folder, commit }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// What git makes of a URL: the commit that it cloned, or what it said.
fn clone(url: &str, options: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let to = TempDir::new().unwrap();
    let output = client(to.path(), url, options, environment).output().unwrap();
    said(output).map(|_| git(to.path(), &["rev-parse", "HEAD"]).trim().to_owned())
}

fn client(to: &Path, url: &str, options: &[&str], environment: &[(&str, &str)]) -> Command {
    let url = url.strip_prefix("git+").unwrap_or(url);
    let mut command = Command::new("git");
    command.args(options).args(["clone", "--quiet", url]).arg(to);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_TERMINAL_PROMPT", "0");
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("LC_ALL", "C")]).env("HOME", to).envs(environment.iter().copied());
    command.stdin(Stdio::null());
    command
}

fn said(output: Output) -> Result<String, String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

#[track_caller]
fn assert_refused(answer: Result<String, String>, why: &str) {
    let text = answer.expect_err("git clones nothing");
    assert!(text.contains(why), "{text}");
}

#[test]
fn http_serves_bare_repositories_and_work_trees_and_what_is_pushed() {
    let folder = Folder::new();
    let server = HttpServer::start(folder.path());
    assert!(server.url("work").starts_with("git+http://127.0.0.1:"));
    for repository in ["work", "bare.git"] {
        for protocol in ["protocol.version=0", "protocol.version=2"] {
            assert_eq!(clone(&server.url(repository), &["-c", protocol], &[]), Ok(folder.commit.clone()));
        }
    }
    let work = folder.path().join("work");
    fs::write(work.join("file"), "other text").unwrap();
    let second = commit(&work);
    push(&work, &folder.path().join("bare.git"));
    assert_eq!(clone(&server.url("bare.git"), &[], &[]), Ok(second));
}

#[test]
fn http_takes_long_requests() {
    let folder = Folder::new();
    let work = folder.path().join("work");
    let files: Vec<String> = (0..1500).map(|number| format!("file-{number}")).collect();
    for file in &files {
        fs::write(work.join(file), file).unwrap();
    }
    let write: Vec<&str> = ["hash-object", "-w"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let objects = git(&work, &write);
    // A tag each, all of which a clone asks for.
    let tags = objects.lines().enumerate().map(|(number, object)| format!("{object} refs/tags/{number:04}\n"));
    fs::write(work.join(".git/packed-refs"), tags.collect::<String>()).unwrap();
    let server = HttpServer::start(folder.path());
    // As it is, git packs the request; with little room it sends chunks.
    for options in [&[][..], &["-c", "http.postBuffer=65536"]] {
        assert_eq!(clone(&server.url("work"), options, &[]), Ok(folder.commit.clone()));
    }
}

#[test]
fn a_token_opens_one_repository_and_requests_are_known() {
    let folder = Folder::new();
    let server = HttpServer::start(folder.path());
    let token = |text: &str| format!("http.extraHeader=Authorization: Bearer {text}");
    server.rule("work", Rule::Token { authorization: "Bearer right".to_owned() });
    assert_refused(clone(&server.url("work"), &["-c", &token("wrong")], &[]), "could not read Username");
    let refused = server.requests();
    assert_eq!(refused.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), ["/work/info/refs"]);
    assert_eq!(refused[0].query, "service=git-upload-pack");
    assert_eq!(refused[0].authorization.as_deref(), Some("Bearer wrong"));
    assert!(refused[0].user_agent.starts_with("git/"), "{refused:?}");

    assert_eq!(clone(&server.url("work"), &["-c", &token("right")], &[]), Ok(folder.commit.clone()));
    assert_eq!(server.requests().last().unwrap().path, "/work/git-upload-pack");
    assert_eq!(clone(&server.url("bare.git"), &[], &[]), Ok(folder.commit.clone()));
    assert_eq!(server.requests().last().unwrap().authorization, None);
}

#[test]
fn redirects_lead_to_another_repository_of_another_host() {
    let folder = Folder::new();
    let server = HttpServer::start(folder.path());
    server.rule("moved", Rule::Redirect(server.url_at("localhost", "bare.git")));
    assert_eq!(clone(&server.url("moved"), &[], &[]), Ok(folder.commit.clone()));
    let requests = server.requests();
    let host = |request: &Request| request.host.split(':').next().unwrap().to_owned();
    assert_eq!((host(&requests[0]), requests[0].path.as_str()), ("127.0.0.1".to_owned(), "/moved/info/refs"));
    assert_eq!((host(&requests[1]), requests[1].path.as_str()), ("localhost".to_owned(), "/bare.git/info/refs"));
}

#[test]
fn refusals_and_a_cut_pack_are_errors() {
    let folder = Folder::new();
    let server = HttpServer::start(folder.path());
    for (rule, why) in [
        (Rule::Status(403), "403"),
        (Rule::Status(404), "not found"),
        (Rule::Status(410), "410"),
        (Rule::Status(429), "429"),
        (Rule::Status(500), "500"),
        (Rule::CutPack, "early EOF"),
    ] {
        server.rule("work", rule);
        assert_refused(clone(&server.url("work"), &[], &[]), why);
    }
}

#[test]
fn what_never_ends_ends_with_the_server() {
    let folder = Folder::new();
    for rule in [Rule::Hang, Rule::Drip, Rule::EndlessRefs, Rule::Endless, Rule::EndlessPack] {
        let server = HttpServer::start(folder.path());
        server.rule("work", rule.clone());
        let (url, to) = (server.url("work"), TempDir::new().unwrap());
        let mut git = client(to.path(), &url, &[], &[]).stderr(Stdio::piped()).spawn().unwrap();
        while server.requests().is_empty() {
            thread::sleep(Duration::from_millis(10));
        }
        // Time for git to take what is there, were it all.
        thread::sleep(Duration::from_millis(500));
        assert!(git.try_wait().unwrap().is_none(), "{rule:?} ended");
        drop(server);
        assert!(said(git.wait_with_output().unwrap()).is_err(), "{rule:?}");
        let address = url.trim_start_matches("git+http://").trim_end_matches("/work");
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}

#[test]
fn tls_is_trusted_by_its_authority_its_names_and_its_dates() {
    let folder = Folder::new();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let trust = |authority: &Authority| format!("http.sslCAInfo={}", authority.file().display());
    let server = HttpServer::start_tls(folder.path(), &authority);
    assert!(server.url("work").starts_with("git+https://127.0.0.1:"));
    for url in [server.url("work"), server.url_at("localhost", "work")] {
        assert_eq!(clone(&url, &["-c", &trust(&authority)], &[]), Ok(folder.commit.clone()));
        assert_refused(clone(&url, &["-c", &trust(&stranger)], &[]), "certificate");
    }
    let expired = authority.expired(&["127.0.0.1", "localhost"]);
    let elsewhere = authority.certificate(&["127.0.0.2", "elsewhere.example"]);
    for certificate in [expired, elsewhere] {
        let server = HttpServer::start_tls_with(folder.path(), certificate);
        assert_refused(clone(&server.url("work"), &["-c", &trust(&authority)], &[]), "certificate");
        assert_eq!(server.requests(), []);
    }
    if let Some(server) = HttpServer::start_tls_at("127.0.0.2:443", folder.path(), &authority) {
        assert_eq!(server.url("work"), "git+https://127.0.0.2/work");
        assert_eq!(clone(&server.url("work"), &["-c", &trust(&authority)], &[]), Ok(folder.commit.clone()));
    }
}

#[test]
fn ssh_lets_one_key_read_the_folder_and_shows_its_host_key() {
    let folder = Folder::new();
    let server = SshServer::start(folder.path());
    let files = TempDir::new().unwrap();
    let known = files.path().join("known");
    fs::write(&known, server.known_host()).unwrap();
    let with = |key: &str| {
        let file = files.path().join("key");
        fs::write(&file, key).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        format!(
            "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={}",
            file.display(),
            known.display(),
        )
    };
    let clone = |place: &str, key: &str| clone(place, &[], &[("GIT_SSH_COMMAND", &with(key))]);
    for repository in ["work", "bare.git"] {
        assert_eq!(clone(&server.url(repository), server.key()), Ok(folder.commit.clone()));
    }
    assert_refused(clone(&server.url("work"), server.other_key()), "Permission denied (publickey)");
    assert!(server.log().contains("Accepted publickey"), "{}", server.log());
    assert!(server.fingerprint().starts_with("SHA256:"));

    let outside = Folder::new();
    let url = server.url("work").replace(folder.path().to_str().unwrap(), outside.path().to_str().unwrap());
    assert_refused(clone(&url, server.key()), "only serves repositories for reading");

    server.replace_by_impostor();
    assert_refused(clone(&server.url("work"), server.key()), "Host key verification failed");
}
