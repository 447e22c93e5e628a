use std::{
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use super::message::{Message, Response};

/// Asks `git http-backend`, which serves the repositories below a folder and sees nothing of the tests' environment.
/// `protocol`: the `Git-Protocol` header.
pub(super) fn ask(folder: &Path, message: &Message, protocol: &str) -> io::Result<Response> {
    let request = &message.request;
    let mut child = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &message.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", message.header("content-type"))
        .env("CONTENT_LENGTH", message.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", message.header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let output = thread::scope(|scope| {
        // It may answer before it has read all.
        scope.spawn(move || stdin.write_all(&message.body));
        child.wait_with_output()
    })?;
    parse(&output.stdout).ok_or_else(|| io::Error::other("git http-backend answered with no head"))
}

fn parse(output: &[u8]) -> Option<Response> {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..end]);
    let (mut status, mut headers) = ("200 OK".to_owned(), Vec::new());
    for line in head.lines() {
        match line.strip_prefix("Status: ") {
            Some(other) => other.clone_into(&mut status),
            None => headers.push(line.to_owned()),
        }
    }
    Some(Response { status, headers, body: output[end + 4..].to_vec() })
}
