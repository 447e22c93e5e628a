//! The side that starts the process that fetches, watches it, and ends it.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    ops::ControlFlow,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use thymis_core::{
    reference::{FlakeReference, Transport},
    untrusted,
};
use thymis_sandbox::worker::reap;

use super::{
    Answer, COMMAND, FetchErrorKind, FetchLimits, FetchProgress, Phase, Task, Work,
    error::too_large,
    worker::{Message, Request},
};
use crate::git::credential::{Credential, Kind};

/// The longest line that is read, in bytes.
const LINE: u64 = 1 << 20;
/// Bytes kept of what the process writes to its standard error.
const SAID: u64 = 4 << 10;
/// What of the environment it gets: authorities of certificates, and proxies.
const PASSED: [&str; 10] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

pub(super) fn perform(
    program: &Path,
    work: &Work<'_>,
    task: Task,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Answer, FetchErrorKind> {
    let Work { copies, url, credential, limits, tree_limits } = *work;
    let request = Request {
        folder: copies.folder().to_owned(),
        url: url.clone(),
        task,
        limits,
        tree_limits,
        credential: credential.map(|credential| credential.expose().expose_secret().to_owned()),
    };
    let request = serde_json::to_string(&request).map_err(|error| FetchErrorKind::Worker(error.to_string()))?;
    let request = SecretString::from(request);
    let home = known_hosts(url, credential).map_err(|error| FetchErrorKind::Worker(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg(COMMAND).env_clear().current_dir("/").process_group(0);
    command.envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(home.as_ref().map(|home| ("HOME", home.path())));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed =
        |error: std::io::Error| FetchErrorKind::Worker(format!("{} can't be started: {error}", program.display()));
    let mut child = command.spawn().map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());

    let (sender, receiver) = mpsc::sync_channel(64);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A process that has ended reads no more; why is told by its status.
            let _ = stdin.map(|mut stdin| stdin.write_all(request.expose_secret().as_bytes()));
        });
        scope.spawn(move || {
            let Some(stdout) = stdout else { return };
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = line(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.map(|stderr| stderr.take(SAID).read_to_end(&mut said));
            untrusted::short(&String::from_utf8_lossy(&said))
        });
        let answer = watch(&receiver, &limits, progress);
        // It ends by itself, or it has to.
        let patience = if answer.is_ok() { Duration::from_secs(5) } else { Duration::ZERO };
        drop(receiver);
        let status = reap(&mut child, Instant::now() + patience);
        let said = said.join().unwrap_or_default();
        if !said.is_empty() {
            tracing::debug!(said, "the process that fetches");
        }
        let ended = match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(ended(status, &said, &limits)),
            Err(stopped) => Err(stopped),
        };
        if ended.is_err() {
            copies.sweep(url);
        }
        ended
    })
}

/// Waits for the answer; `None` where the process ended without one.
fn watch(
    messages: &mpsc::Receiver<Message>,
    limits: &FetchLimits,
    progress: &mut dyn FnMut(FetchProgress) -> ControlFlow<()>,
) -> Result<Option<Result<Answer, FetchErrorKind>>, FetchErrorKind> {
    let begin = Instant::now();
    let stall = Duration::from_secs(limits.stall_seconds);
    let total = Duration::from_secs(limits.total_seconds);
    // What had come when the present stretch of patience began.
    let (mut since, mut before) = (Instant::now(), FetchProgress::default());
    let mut phase = Phase::Receiving;
    loop {
        let in_total = (total.saturating_sub(begin.elapsed()), "fetch_total_seconds", limits.total_seconds);
        let (left, name, seconds) = match phase {
            Phase::Receiving => {
                (stall.saturating_sub(since.elapsed()), "fetch_stall_seconds", limits.stall_seconds).min(in_total)
            }
            Phase::Waiting | Phase::Reading => in_total,
        };
        match messages.recv_timeout(left) {
            Ok(Message::Progress(now)) => {
                let unpacks = now.total_objects > 0 && now.objects == now.total_objects && now.deltas > before.deltas;
                if now.bytes >= before.bytes.saturating_add(FetchLimits::PACE) || unpacks {
                    (since, before) = (Instant::now(), now);
                }
                if progress(now).is_break() {
                    return Err(FetchErrorKind::Stopped);
                }
            }
            Ok(Message::Phase(now)) => (since, phase) = (Instant::now(), now),
            Ok(Message::Done(answer)) => return Ok(Some(Ok(answer))),
            Ok(Message::Failed(kind)) => return Ok(Some(Err(kind))),
            Err(RecvTimeoutError::Timeout) if name == "fetch_total_seconds" => {
                return Err(FetchErrorKind::TooLong { seconds, name: name.to_owned() });
            }
            Err(RecvTimeoutError::Timeout) => return Err(FetchErrorKind::Slow { seconds, name: name.to_owned() }),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

fn line(reader: &mut impl std::io::BufRead) -> Option<Message> {
    let mut bytes = Vec::new();
    reader.by_ref().take(LINE).read_until(b'\n', &mut bytes).ok()?;
    let mut message = serde_json::from_slice(&bytes).ok()?;
    // What the process says was perhaps put into its mouth.
    make_plain(&mut message);
    serde_json::from_value(message).ok()
}

fn make_plain(value: &mut Value) {
    match value {
        Value::String(text) if !untrusted::is_plain(text) => *text = untrusted::line(text),
        Value::Array(values) => values.iter_mut().for_each(make_plain),
        Value::Object(object) => object.values_mut().for_each(make_plain),
        _ => {}
    }
}

/// Why there is no answer.
fn ended(status: Option<ExitStatus>, said: &str, limits: &FetchLimits) -> FetchErrorKind {
    let signal = status.and_then(|status| status.signal());
    let is = |wanted: Signal| signal == Some(wanted.as_raw());
    if is(Signal::XCPU) {
        too_large("fetch_cpu_seconds", limits.cpu_seconds)
    } else if is(Signal::XFSZ) {
        too_large("fetch_bytes", limits.bytes)
    } else if said.contains("memory allocation of") {
        too_large("fetch_memory_bytes", limits.memory_bytes)
    } else {
        let status = status.map_or_else(|| "killed".to_owned(), |status| status.to_string());
        FetchErrorKind::Worker(if said.is_empty() { status } else { format!("{status}; it said: {said}") })
    }
}

/// A home with the pinned keys of an SSH server: libgit2 then asks the server for a key of a kind that is pinned.
fn known_hosts(url: &FlakeReference, credential: Option<&Credential>) -> std::io::Result<Option<TempDir>> {
    let (Transport::Ssh, Some(Kind::Ssh { host_keys, .. })) = (url.transport(), credential.map(Credential::kind))
    else {
        return Ok(None);
    };
    let (host, port) = (url.host().unwrap_or_default(), url.port().unwrap_or(22));
    let lines: String = host_keys.iter().filter_map(|key| key.known_host(host, port)).collect();
    let home = tempfile::Builder::new().prefix("thymis-ssh-").tempdir()?;
    std::fs::create_dir(home.path().join(".ssh"))?;
    std::fs::write(home.path().join(".ssh/known_hosts"), lines)?;
    Ok(Some(home))
}
