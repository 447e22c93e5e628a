//! Compiling in a process of its own.
//!
//! The host starts its own program again as [`COMMAND`]. That process has limits on processor time and memory, an empty
//! environment, no descriptors but three pipes, and on Linux a filter that lets it compute, read its request and write its
//! answer: no files, no network, no processes. It compiles one component and ends.

mod confine;
mod message;
mod process;

pub use confine::{bound, close_descriptors};
pub use process::serve;

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use thymis_core::digest::Digest;
use thymis_core::untrusted;
use wasmtime::Engine;

use crate::cache;
use crate::compile::{CompileBound, CompileError, Compiler};
use crate::inspect::code_bytes;
use crate::limits::{Limits, within};
use crate::slots::Slots;
use message::{Key, OVERHEAD};

/// The argument that makes a program a worker: it then calls [`serve`] with those that follow.
pub const COMMAND: &str = "compile-worker";

/// Bytes kept of what a worker writes to its standard error.
const SAID: u64 = 4 << 10;
/// How often an ending process is looked at.
const PATIENCE: Duration = Duration::from_millis(2);

/// Starts workers.
#[derive(Debug)]
pub(crate) struct Worker {
    program: PathBuf,
    limits: Limits,
    engine: Engine,
    slots: Slots,
}

/// What came back from a process.
struct Ended {
    /// Nothing if it had to be killed.
    status: Option<ExitStatus>,
    /// What it wrote, as far as it may.
    answer: Vec<u8>,
    said: String,
}

impl Worker {
    pub(crate) fn new(program: PathBuf, limits: Limits, engine: Engine) -> Self {
        let slots = Slots::new(limits.compile_workers);
        Self { program, limits, engine, slots }
    }

    fn run(&self, request: &[&[u8]], bounds: Bounds) -> std::io::Result<Ended> {
        let mut child = Command::new(&self.program)
            .arg(COMMAND)
            .args([bounds.cpu_seconds.to_string(), bounds.memory_bytes.to_string()])
            .env_clear()
            .current_dir("/")
            // A group of its own, so that whatever it may have started ends with it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let end = Instant::now() + Duration::from_millis(self.limits.compile_wait_ms);
        let most = self.limits.artifact_bytes.saturating_add(OVERHEAD).saturating_add(1);
        std::thread::scope(|scope| {
            let thread = || std::thread::Builder::new().name("sandbox-worker".into());
            // Each ends when the process does, or when its pipe was never opened.
            let pipes = || {
                thread().spawn_scoped(scope, move || {
                    // A worker that has ended reads no more; why is told by its status.
                    let _ = stdin.map(|mut stdin| request.iter().try_for_each(|part| stdin.write_all(part)));
                })?;
                let answer = thread().spawn_scoped(scope, move || read(stdout, most))?;
                Ok((answer, thread().spawn_scoped(scope, move || read(stderr, SAID))?))
            };
            let pipes: std::io::Result<_> = pipes();
            let status = reap(&mut child, if pipes.is_ok() { end } else { Instant::now() });
            let (answer, said) = pipes?;
            let said = said.join().unwrap_or_default();
            Ok(Ended {
                status,
                answer: answer.join().unwrap_or_default(),
                said: untrusted::short(&String::from_utf8_lossy(&said)),
            })
        })
    }
}

/// As much as this of what comes. Who writes more is told that nobody reads.
fn read(pipe: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.map(|pipe| pipe.take(most).read_to_end(&mut bytes));
    bytes
}

/// Ends a process, which is in a group of its own, and all that it started. Its status, if it ended by itself before `end`.
pub fn reap(child: &mut Child, end: Instant) -> Option<ExitStatus> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw)?;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended = loop {
        // It isn't waited for yet: until then nobody else can get its number, which is the group's.
        match waitid(WaitId::Pid(group), look) {
            Ok(Some(_)) => break true,
            // Where the host ignores its children's ends, this one's is known by now, and its number is free.
            Err(Errno::CHILD) => return None,
            Ok(None) | Err(_) if Instant::now() >= end => break false,
            Ok(None) | Err(_) => std::thread::sleep(PATIENCE),
        }
    };
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().ok().filter(|_| ended)
}

/// What one compilation may take.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    cpu_seconds: u64,
    memory_bytes: u64,
}

impl Bounds {
    /// Only code counts: data is cheap to add, and costs a compiler nothing.
    fn of(limits: &Limits, code_bytes: u64) -> Self {
        let mebibytes = |each: u64| code_bytes.saturating_mul(each) >> 20;
        let cpu_ms = limits.compile_cpu_ms.saturating_add(mebibytes(limits.compile_cpu_ms_per_mib));
        Self {
            cpu_seconds: cpu_ms.div_ceil(1000),
            memory_bytes: limits.compile_memory_bytes.saturating_add(mebibytes(limits.compile_memory_bytes_per_mib)),
        }
    }
}

impl Compiler for Worker {
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let _slot = self.slots.one();
        let bounds = Bounds::of(&self.limits, code_bytes(bytes));
        let failed = |reason: String| CompileError::Failed(reason);
        let key = Key::random().map_err(|error| failed(error.to_string()))?;
        let ended = self
            .run(&[key.bytes(), bytes], bounds)
            .map_err(|error| failed(format!("{} can't be started: {error}", self.program.display())))?;

        within("artifact_bytes", self.limits.artifact_bytes.saturating_add(OVERHEAD), ended.answer.len() as u64)?;
        let subject = cache::key(&Digest::of(bytes), &self.engine);
        if let Some(answer) = message::open(&key, &subject, ended.answer) {
            if !ended.said.is_empty() {
                tracing::warn!(said = ended.said, "the process that compiles");
            }
            return answer.map_err(CompileError::Invalid);
        }
        let Some(status) = ended.status else {
            let allowed = self.limits.compile_wait_ms;
            return Err(failed(format!("the worker didn't end within the limit `compile_wait_ms`, {allowed} ms")));
        };
        Err(if status.signal() == Some(Signal::XCPU.as_raw()) {
            CompileBound::Time { allowed_ms: bounds.cpu_seconds.saturating_mul(1000) }.into()
        } else if !status.success() && ended.said.contains("memory allocation of") {
            CompileBound::Memory { allowed_bytes: bounds.memory_bytes }.into()
        } else if status.success() {
            failed("the worker's answer isn't whole, or isn't about this component".into())
        } else if ended.said.is_empty() {
            failed(format!("the worker ended ({status})"))
        } else {
            failed(format!("the worker ended ({status}); it said: {}", ended.said))
        })
    }
}
