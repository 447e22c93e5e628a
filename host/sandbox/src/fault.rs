//! What can go wrong, by whose fault it is.

use std::path::PathBuf;

use thymis_core::untrusted;

use crate::compile::CompileBound;
use crate::limits::{LimitError, LimitExceeded};

/// Why a component wasn't loaded, or a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The module's own code is to blame.
    #[error(transparent)]
    ModuleFault(#[from] ModuleFault),
    /// It asks for what it wasn't granted.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It isn't a component that this host can run.
    #[error(transparent)]
    Incompatible(#[from] Incompatible),
    /// The machine or the host is to blame.
    #[error(transparent)]
    HostFault(#[from] HostFault),
}

/// A call that the module's code brought to an end.
#[derive(Debug, thiserror::Error)]
#[error("`{call}` {kind}{}", said_after(.said))]
pub struct ModuleFault {
    /// `describe`, `migrate` or `generate`.
    pub call: &'static str,
    pub kind: FaultKind,
    /// What the module had written to its standard output and error (with WASI): bounded, neutralised, maybe empty.
    pub said: String,
}

fn said_after(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("\nthe module wrote:\n{said}") }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error("panicked at {location}: {message}")]
    Panic { message: String, location: String },
    /// One of WebAssembly's traps, in wasmtime's words.
    #[error("trapped: {reason}")]
    Trap { reason: String },
    #[error("ended the program (exit code {code}) instead of returning an answer")]
    Exit { code: i32 },
    #[error(
        "used up its fuel: the limit `{limit}` is {allowed} instructions; \
         look for an endless loop, or do less work in one call"
    )]
    OutOfFuel { limit: &'static str, allowed: u64 },
    #[error("took too long: the limit `deadline_ms` is {allowed_ms} ms of processor time; do less work in one call")]
    Timeout { allowed_ms: u64 },
    #[error("recursed too deeply: the limit `stack_bytes` is {allowed}; look for an endless recursion")]
    Stack { allowed: u64 },
    #[error("asked for too much: {0}; make the module use or return less")]
    Limit(#[from] LimitExceeded),
    #[error("waited for something that never comes: a module has no clock, no input and no network")]
    Waits,
    #[error(
        "moved too much at once between module and host: one crossing may take {allowed} bytes, the limit \
         `hostcall_fuel`; make the module return less"
    )]
    Crossing { allowed: u64 },
    /// Where data crosses between module and host: an answer that can't be read, a host function misused.
    #[error(
        "failed at the border to the host: {reason}; its bindings are broken, or it misuses a host function: build it on an \
         SDK for `thymis:module`"
    )]
    Border { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(
        "the component imports WASI ({}), which was not granted; add `[[component.permission]]` with `kind = \"wasi\"` \
         and a reason to its `thymis.toml`, or build it without WASI", list(.imports)
    )]
    Wasi { imports: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    #[error("this is not WebAssembly: it doesn't start with `\\0asm`")]
    NotWasm,
    #[error("this is a core WebAssembly module, not a component; run `thymis module build`")]
    CoreModule,
    #[error("the component is truncated: it ends after {bytes} bytes, in the middle of a section")]
    Truncated { bytes: u64 },
    #[error("the component is malformed at byte {offset}: {reason}")]
    Malformed { offset: u64, reason: String },
    #[error("the component is too large: {0}; make it smaller, or have it ask for less")]
    Limit(#[from] LimitExceeded),
    #[error(
        "the component exports no `thymis:module/module`, but {}; build it on the Thymis SDK, or against the WIT \
         package `thymis:module`", list(.exports)
    )]
    OtherInterface { exports: Vec<String> },
    #[error(
        "the component exports version {found} of `thymis:module/module`, and this host supports {supported}; \
         build it on an SDK of that version, or use a host that supports its own"
    )]
    OtherVersion { found: String, supported: &'static str },
    #[error(
        "the component imports {}, which no module may; a module imports nothing but `thymis:module/diagnostics`, \
         and WASI where its manifest declares it", list(.imports)
    )]
    ForbiddenImport { imports: Vec<String> },
    #[error("the component doesn't fit the WIT package {supported}: {reason}")]
    Mismatch { supported: &'static str, reason: String },
    #[error("the component is invalid: {reason}")]
    Invalid { reason: String },
    #[error(transparent)]
    Compile(#[from] CompileBound),
}

/// Names from a component, for people.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".into();
    }
    let mut text: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{}`", untrusted::short(name))).collect();
    if names.len() > SHOWN {
        text.push(format!("{} more", names.len() - SHOWN));
    }
    text.join(", ")
}

#[derive(Debug, thiserror::Error)]
pub enum HostFault {
    #[error("the WebAssembly engine can't run here: {reason}")]
    Engine { reason: String },
    #[error(
        "the WebAssembly engine can't run here: {reason}; each of the `concurrent_calls` reserves 4 GiB of address space for \
         each of its `memories`, so a machine with less of it needs lower limits"
    )]
    Pool { reason: String },
    #[error("no thread that {purpose} could be started")]
    Thread { purpose: &'static str, source: std::io::Error },
    #[error("the cache of compiled components: {action} {}", .path.display())]
    Cache { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "the cache of compiled components {} belongs to someone else or can be written by others; \
         `chmod 700` it, or choose another folder", .path.display()
    )]
    CacheOpen { path: PathBuf },
    #[error("the system gives no random bytes: {reason}")]
    Random { reason: String },
    #[error("the compiler failed: {reason}")]
    Compiler { reason: String },
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("too many calls are waiting: the limit `waiting_calls` is {allowed}; try again later")]
    Busy { allowed: u64 },
    #[error("a call ended in a panic of the host: please report this")]
    Panic,
}

impl HostFault {
    pub(crate) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine { reason: words(&error) }
    }
}

/// All that an error of wasmtime says, on one line. It may quote the component.
pub(crate) fn words(error: &wasmtime::Error) -> String {
    const SHOWN: usize = 600;
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    untrusted::line(text.get(..text.floor_char_boundary(SHOWN)).unwrap_or_default())
}
