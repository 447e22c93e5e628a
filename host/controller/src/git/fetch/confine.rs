//! What the process that fetches gives up before it talks to a stranger.

use std::{io, path::Path};

use rustix::process::{Resource, Signal};
use thymis_sandbox::worker::bound;

use super::FetchLimits;

/// Room on top of what may be received, for the index of a pack.
const INDEX: u64 = 512 << 20;

/// What names servers and tells whom to trust. What isn't there isn't needed.
const READ: [&str; 22] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/static/ssl",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/gitconfig",
    "/run/systemd/resolve",
    "/dev/null",
    "/dev/urandom",
    "/var/lib/ca-certificates",
];

/// Bounds on processor time, memory and files; no core dumps. The process ends with its parent.
pub(super) fn resources(limits: &FetchLimits) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let file = limits.bytes.saturating_add(INDEX);
    bound(&[
        // The signal of the first can be told apart from others; the second kills.
        (Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.saturating_add(1)),
        (Resource::Data, limits.memory_bytes, limits.memory_bytes),
        (Resource::Fsize, file, file),
        (Resource::Core, 0, 0),
        (Resource::Nofile, 256, 256),
    ])
}

/// Files: the copy to fill, the folder to fetch from, and what talking to servers takes. Where the system can't bound it, the
/// process goes on without, and says so.
#[cfg(target_os = "linux")]
pub(super) fn files(own: &Path, source: Option<&Path>) {
    use landlock::{
        ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
        Scope, path_beneath_rules,
    };

    let abi = ABI::V6;
    let never = AccessFs::Execute
        | AccessFs::MakeBlock
        | AccessFs::MakeChar
        | AccessFs::MakeFifo
        | AccessFs::MakeSock
        | AccessFs::MakeSym;
    let variable = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from);
    let mut read: Vec<std::path::PathBuf> = READ.iter().map(Into::into).collect();
    read.extend(["SSL_CERT_FILE", "SSL_CERT_DIR", "HOME"].into_iter().filter_map(variable));
    if let Some(source) = source {
        read.push(source.to_owned());
        read.extend(worktree(source));
    }
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(&read, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules([own], AccessFs::from_all(abi) & !never))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Ok(RulesetStatus::NotEnforced) => eprintln!("files aren't bounded: this system has no Landlock"),
        Err(error) => eprintln!("files aren't bounded: {error}"),
    }
}

/// The git folder of a work tree that `git worktree` made, and the one that it shares: both know the work tree. What else a
/// folder says of where its objects are isn't believed.
#[cfg(target_os = "linux")]
fn worktree(source: &Path) -> Vec<std::path::PathBuf> {
    let found = || {
        let repository = git2::Repository::open(source).ok()?;
        let back = std::fs::read_to_string(repository.path().join("gitdir")).ok()?;
        let own = Path::new(back.trim()).canonicalize().ok()?;
        let shared = repository.commondir().canonicalize().ok()?;
        let mutual = own == source.join(".git").canonicalize().ok()?
            && repository.path().canonicalize().ok()?.parent()? == shared.join("worktrees");
        mutual.then(|| vec![repository.path().to_owned(), shared])
    };
    found().unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn files(_own: &Path, _source: Option<&Path>) {
    eprintln!("files aren't bounded: this system has no Landlock");
}

/// No other program is started, and nothing of the kernel is asked for that fetching doesn't take.
#[cfg(target_os = "linux")]
pub(super) fn system_calls() {
    crate::system_calls::deny(&[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_setsid,
        libc::SYS_setpgid,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
    ]);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn system_calls() {
    crate::system_calls::deny(&[]);
}
