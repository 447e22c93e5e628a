//! One process from beginning to end, within the bounds on its time and output.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use rustix::fs::{Mode, OFlags};
use thymis_sandbox::worker::reap;

use super::NixLimits;

/// What came of a process.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    /// Both are cut where they were too long.
    pub(super) printed: Vec<u8>,
    pub(super) said: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With its exit code.
    Exit(i32),
    /// The system ended it, with this signal.
    Killed(i32),
    /// It ran longer than it may.
    Clock,
    /// It printed more than it may.
    Output,
}

impl From<Option<ExitStatus>> for End {
    fn from(status: Option<ExitStatus>) -> Self {
        let code = status.and_then(|status| status.code());
        match (code, status.and_then(|status| status.signal())) {
            // bubblewrap's way to tell a signal of what it ran.
            (Some(code), _) if code > 128 => Self::Killed(code - 128),
            (Some(code), _) => Self::Exit(code),
            (None, Some(signal)) => Self::Killed(signal),
            (None, None) => Self::Killed(9),
        }
    }
}

/// Runs a command to its end. `None`: there is no such program.
pub(super) fn run(command: &mut Command, input: Stdio, limits: &NixLimits) -> io::Result<Option<Ended>> {
    command.process_group(0).current_dir("/");
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let deadline = Instant::now() + Duration::from_secs(limits.seconds.min(NixLimits::CEILING));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, receiver) = mpsc::channel();
    Ok(Some(std::thread::scope(|scope| {
        let other = sender.clone();
        let printed = scope.spawn(move || read(stdout, limits.output_bytes, &sender));
        let said = scope.spawn(move || read(stderr, limits.output_bytes, &other));
        let stopped = watch(&receiver, deadline);
        let patience = if stopped.is_none() { deadline } else { Instant::now() };
        let status = reap(&mut child, patience);
        let end = match stopped {
            Some(stopped) => stopped,
            None if status.is_none() => End::Clock,
            None => status.into(),
        };
        Ended { end, printed: printed.join().unwrap_or_default(), said: said.join().unwrap_or_default() }
    })))
}

/// A file that a process in the jail may have put there as something else.
pub(super) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let length = file.metadata()?;
    if !length.is_file() || length.len() > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file, or too large"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits until both pipes are closed; why that isn't waited for any longer.
fn watch(closed: &mpsc::Receiver<bool>, deadline: Instant) -> Option<End> {
    for _ in 0..2 {
        match closed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(true) => {}
            Ok(false) => return Some(End::Output),
            Err(RecvTimeoutError::Timeout) => return Some(End::Clock),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

/// Reads a pipe; tells whether that was all.
fn read(pipe: Option<impl Read>, most: u64, closed: &mpsc::Sender<bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = pipe.is_none_or(|pipe| {
        let mut pipe = pipe.take(most);
        let read = pipe.read_to_end(&mut bytes);
        read.is_err() || pipe.limit() > 0
    });
    // Whoever doesn't hear it has ended the process already.
    let _ = closed.send(all);
    bytes
}
