//! What none of the processes ask of the kernel that this program starts for strangers' bytes.

/// Forbids these and what no process of ours needs, for this process and what it becomes.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(crate) fn deny(also: &[i64]) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

    let always = [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_open_by_handle_at,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
    ];
    let filter = || -> Result<(), Box<dyn std::error::Error>> {
        let rules = always.iter().chain(also).map(|call| (*call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
        Ok(apply_filter(&BpfProgram::try_from(filter)?)?)
    };
    if let Err(error) = filter() {
        eprintln!("system calls aren't filtered: {error}");
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
pub(crate) fn deny(_also: &[i64]) {
    eprintln!("system calls aren't filtered: this system has no filter");
}
