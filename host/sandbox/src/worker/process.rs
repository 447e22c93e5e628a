//! The worker's side.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use thymis_core::digest::Digest;
use wasmtime::Engine;

use super::{confine, message};
use crate::cache;
use crate::compile::{CompileError, STACK, compile};
use crate::engine::compiler;

/// Compiles one component within bounds: the request on the standard input, the answer on the standard output.
///
/// `arguments` are those after [`super::COMMAND`]. The process must have no other threads, and must end with the code that
/// this returns.
pub fn serve(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let numbers: Vec<u64> = arguments.filter_map(|it| it.to_str()?.parse().ok()).collect();
    let &[cpu_seconds, memory_bytes] = numbers.as_slice() else {
        return Err(format!("{} is started by the program itself", super::COMMAND));
    };
    // A panic is an answer, and where it happened in the compiler helps nobody.
    std::panic::set_hook(Box::new(|_| {}));
    confine::close_descriptors();
    // On some processors it reads a file to know what they can do.
    let engine = compiler().map_err(|error| error.to_string())?;
    confine::resources(cpu_seconds, memory_bytes).map_err(|error| format!("limits can't be set: {error}"))?;
    // Before the filter: it allows no new thread. The compiler's stack is larger than what a main thread may have.
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            if let Err(error) = confine::system_calls() {
                // The other bounds hold without it; the host logs this.
                let _ = writeln!(io::stderr(), "system calls aren't filtered: {error}");
            }
            answer(&engine)
        })
        .map_err(|error| error.to_string())?
        .join()
        .map_err(|_| "the compiler panicked".to_owned())?
}

fn answer(engine: &Engine) -> Result<(), String> {
    let mut request = Vec::new();
    io::stdin().lock().read_to_end(&mut request).map_err(|error| error.to_string())?;
    let (key, component) = message::Key::split(&request).ok_or("the request is cut short")?;
    let made = match compile(engine, component) {
        Err(CompileError::Invalid(reason)) => Err(reason),
        other => Ok(other.map_err(|error| error.to_string())?),
    };
    let subject = cache::key(&Digest::of(component), engine);
    let (kind, body, mac) = message::seal(&key, &subject, made).ok_or("no MAC")?;
    let mut stdout = io::stdout().lock();
    [&[kind][..], &body, &mac]
        .iter()
        .try_for_each(|part| stdout.write_all(part))
        .and_then(|()| stdout.flush())
        .map_err(|error| error.to_string())
}
