//! What a process gives up before it becomes bubblewrap or `nix`. Limits, and the filter of system calls, stay.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command, process::ExitCode};

use rustix::process::{Resource, Signal, set_parent_process_death_signal};
use thymis_sandbox::worker::{bound, close_descriptors};

use super::NixLimits;

/// The argument that makes the program this process; it then calls [`serve`] with those that follow.
pub const COMMAND: &str = "nix-worker";
/// Longest file: Nix's database reserves 8 MiB of itself.
const FILE: u64 = 16 << 20;

/// The arguments in front of a command that is to run so.
pub(super) fn arguments(limits: &NixLimits) -> [String; 4] {
    let file = limits.store_bytes.max(FILE);
    [COMMAND.to_owned(), limits.cpu_seconds.to_string(), limits.memory_bytes.to_string(), file.to_string()]
}

/// Bounds this process and becomes the command that the arguments name after the bounds. Returns only where it can't.
pub fn serve(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let (Some(cpu), Some(memory), Some(file)) = (number(), number(), number()) else { return ExitCode::from(2) };
    let Some(program) = arguments.next() else { return ExitCode::from(2) };
    close_descriptors();
    let bounds = [
        // Nix's garbage collector has its own use for the signal of the first.
        (Resource::Cpu, cpu, cpu),
        (Resource::As, memory, memory),
        (Resource::Fsize, file, file),
        (Resource::Core, 0, 0),
        (Resource::Nofile, 1024, 1024),
    ];
    let failed = set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into).and_then(|()| bound(&bounds));
    if let Err(error) = failed {
        eprintln!("{COMMAND}: {error}");
        return ExitCode::from(2);
    }
    crate::system_calls::deny(&[]);
    let error = Command::new(program).args(arguments).exec();
    eprintln!("{COMMAND}: {error}");
    ExitCode::from(2)
}
