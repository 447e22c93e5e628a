//! The side of the process that fetches.

use std::{
    io::{self, Read as _, Write as _},
    ops::ControlFlow,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use rustix::process::Resource;
use serde::{Deserialize, Serialize};
use thymis_core::reference::FlakeReference;
use thymis_sandbox::worker::bound;

use super::{
    Answer, FetchErrorKind, FetchLimits, FetchProgress, Phase, Task, Work, confine, error::too_large, here,
    remote::is_out_of_memory,
};
use crate::git::{copies::Copies, credential::Credentials, tree::TreeLimits};

/// The argument that makes the program this process; it then calls [`serve`].
pub const COMMAND: &str = "fetch-worker";

/// How often progress is told.
const PACE: Duration = Duration::from_millis(100);

/// What is to be fetched, on standard input.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Request {
    pub(super) folder: PathBuf,
    pub(super) url: FlakeReference,
    pub(super) task: Task,
    pub(super) limits: FetchLimits,
    pub(super) tree_limits: TreeLimits,
    /// As [`Credentials::parse`] reads it.
    pub(super) credential: Option<String>,
}

/// A line of standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Message {
    Phase(Phase),
    Progress(FetchProgress),
    Done(Answer),
    Failed(FetchErrorKind),
}

/// Fetches what the request on standard input names. The process must have no other threads, and must end with the code that
/// this returns.
#[must_use]
pub fn serve() -> ExitCode {
    let answer = match run() {
        Ok(answer) => Message::Done(answer),
        Err(kind) => Message::Failed(kind),
    };
    if tell(&answer).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run() -> Result<Answer, FetchErrorKind> {
    let broken = |error: &dyn std::fmt::Display| FetchErrorKind::Worker(error.to_string());
    // A panic may quote a stranger, and where it happened helps nobody.
    std::panic::set_hook(Box::new(|_| {}));
    thymis_sandbox::worker::close_descriptors();
    // What is read next is a secret.
    bound(&[(Resource::Core, 0, 0)]).map_err(|error| broken(&error))?;
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(|error| broken(&error))?;
    let request: Request = serde_json::from_str(&text).map_err(|_| broken(&"the request is cut short"))?;
    let text = request.credential.map(secrecy::SecretString::from);
    let credentials = match &text {
        Some(text) => Credentials::parse(secrecy::ExposeSecret::expose_secret(text)).map_err(|error| broken(&error))?,
        None => Credentials::default(),
    };
    let copies = Copies::new(request.folder);
    let own = copies.prepare(&request.url)?;
    confine::resources(&request.limits).map_err(|error| broken(&error))?;
    confine::files(&own, request.url.local_path().as_deref());
    confine::system_calls();

    let mut told: Option<Instant> = None;
    let mut progress = |progress: FetchProgress| {
        if told.is_none_or(|at| at.elapsed() >= PACE) {
            told = Some(Instant::now());
            if tell(&Message::Progress(progress)).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    let phase = |phase: Phase| {
        // The parent that doesn't hear it ends this process.
        let _ = tell(&Message::Phase(phase));
    };
    let work = Work {
        copies: &copies,
        url: &request.url,
        credential: credentials.of(&request.url),
        limits: request.limits,
        tree_limits: request.tree_limits,
    };
    here(&work, request.task, &phase, &mut progress).map_err(|kind| match kind {
        FetchErrorKind::Git(_) | FetchErrorKind::Damaged { .. } if is_out_of_memory(&kind.to_string()) => {
            too_large("fetch_memory_bytes", request.limits.memory_bytes)
        }
        other => other,
    })
}

fn tell(message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}
