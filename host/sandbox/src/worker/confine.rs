//! What a worker gives up before it reads a stranger's bytes.

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit};

/// Closes whatever a library of the host may have left open across `exec`, but for the first three.
pub fn close_descriptors() {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map(|entries| entries.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_else(|_| (0..1024).collect());
    for descriptor in open {
        if descriptor > 2 {
            let _ = nix::unistd::close(descriptor);
        }
    }
}

/// Bounds on processor time and address space; no files, no core dumps. The process ends with its parent.
pub(super) fn resources(cpu_seconds: u64, memory_bytes: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Calls of modules that are loaded already go first.
    let _ = nice(10);
    let bounds = [
        // The signal of the first can be told apart from others; the second kills.
        (Resource::Cpu, cpu_seconds, cpu_seconds.saturating_add(1)),
        (Resource::As, memory_bytes, memory_bytes),
        (Resource::Fsize, 0, 0),
        (Resource::Core, 0, 0),
        (Resource::Nofile, 3, 3),
    ];
    bound(&bounds)
}

/// Sets soft and hard bounds of this process.
///
/// # Errors
/// When the system doesn't take one.
pub fn bound(bounds: &[(Resource, u64, u64)]) -> io::Result<()> {
    for &(resource, soft, hard) in bounds {
        // Whoever started the host may have bounded it more tightly.
        let inherited = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let within = |bound: u64| Some(bound.min(inherited));
        setrlimit(resource, Rlimit { current: within(soft), maximum: within(hard) })?;
    }
    Ok(())
}

/// Forbids all threads every system call but those that computing, reading the request and writing the answer take.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(super) fn system_calls() -> Result<(), seccompiler::Error> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};

    let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(allowed()?, denied, SeccompAction::Allow, arch)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter_all_threads(&program)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
pub(super) fn system_calls() -> Result<(), &'static str> {
    Err("this system has no filter")
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn allowed() -> Result<std::collections::BTreeMap<i64, Vec<seccompiler::SeccompRule>>, seccompiler::BackendError> {
    use seccompiler::{SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompRule};

    // Where an argument is this number, of which the kernel reads 32 bits.
    let argument = |index: u8, value: u32| {
        SeccompRule::new(vec![SeccompCondition::new(index, Dword, SeccompCmpOp::Eq, u64::from(value))?])
    };
    let always = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
    ];
    let mut rules: std::collections::BTreeMap<_, _> = always.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_read, vec![argument(0, 0)?]);
    rules.insert(libc::SYS_write, vec![argument(0, 1)?, argument(0, 2)?]);
    rules.insert(libc::SYS_writev, vec![argument(0, 2)?]);
    // Memory, not files.
    rules.insert(libc::SYS_mmap, vec![argument(4, u32::MAX)?]);
    // To end itself with a signal.
    rules.insert(libc::SYS_tgkill, vec![argument(0, std::process::id())?]);
    Ok(rules)
}
