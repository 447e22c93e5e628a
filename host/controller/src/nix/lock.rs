//! Completing a `flake.lock`: Nix finds the inputs of inputs, in a jail whose only way out is our proxy, and without a credential.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use tempfile::TempDir;
use thymis_core::{
    digest::NarHash,
    evaluation::{self, Diagnosis},
    id::InputName,
    store_path::{STORE, SourcePath},
};

use super::{
    Nix, NixError,
    evaluation::failed,
    jail::Mount,
    network::{self, Asked, Proxy, Reach, Refusal},
    process::{End, read_plain},
    source::{Source, SourceError},
};
use crate::git::{TreeLimits, folder_hash};

/// The argument that makes the program the process in the jail; it then calls [`serve`] with those that follow.
pub const COMMAND: &str = "nix-lock-worker";
/// Where the certificates of authorities are on different systems.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];
/// In front of the names of sources that are here.
const SOURCES: &str = "--sources";
/// Longest lock, in bytes.
const LOCK: u64 = 64 << 20;
/// What is in the jail, and where.
const FLAKE: &str = "/flake";
const OUT: &str = "/out";
const PROXY: &str = "/proxy";
const PROGRAM: &str = "/thymis";
const CERTIFICATES: &str = "/certificates.crt";

/// A flake whose inputs are to be found.
#[derive(Debug)]
pub struct Locking {
    /// The text of its `flake.nix`, and of the lock as far as it is known.
    pub flake: String,
    pub lock: Vec<u8>,
    /// The sources of the direct inputs, and of others that are here.
    pub sources: Vec<Source>,
    /// The direct inputs of which Nix finds out what inputs they have: with source, and folder of the flake in it.
    pub incomplete: Vec<(InputName, SourcePath, Option<String>)>,
    pub reach: Reach,
}

/// A lock that Nix made, and the folder of the sources that it fetched.
#[derive(Debug)]
pub struct Locked {
    pub lock: Vec<u8>,
    fetched: TempDir,
}

/// Why Nix made no lock.
#[derive(Debug)]
pub struct Unlocked {
    pub diagnosis: Diagnosis,
    /// The hosts that weren't reached.
    pub refused: Vec<Asked>,
    /// As far as Nix got.
    pub lock: Vec<u8>,
}

impl Nix {
    /// Lets Nix find the inputs that a lock lacks.
    ///
    /// # Errors
    /// [`NixError::Unlocked`], and as an evaluation.
    pub fn lock(&self, locking: &Locking) -> Result<Locked, NixError> {
        let state = self.state(&locking.sources)?;
        let folder = self.scratch()?;
        for name in ["flake", "out"] {
            fs::DirBuilder::new().mode(0o700).create(folder.path().join(name))?;
        }
        fs::write(folder.path().join("flake/flake.nix"), &locking.flake)?;
        fs::write(folder.path().join("flake/flake.lock"), &locking.lock)?;
        let limits = network::Limits { bytes: self.inner.limits.received_bytes, ..network::Limits::default() };
        // The path of a socket has to be short.
        let meeting = tempfile::Builder::new().prefix("thymis-").tempdir_in("/tmp")?;
        let proxy = Proxy::start(meeting.path(), locking.reach.clone(), limits)?;

        let program = fs::canonicalize(&self.inner.program)?;
        let mount = |from: PathBuf, to, writable| Mount { from, to, writable };
        let mut mounts = vec![
            mount(folder.path().join("flake"), FLAKE, true),
            mount(folder.path().join("out"), OUT, true),
            mount(meeting.path().to_owned(), PROXY, false),
            mount(program, PROGRAM, false),
        ];
        let named = ["NIX_SSL_CERT_FILE", "SSL_CERT_FILE"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
        let certificates = named.chain(AUTHORITIES.map(PathBuf::from)).find_map(|file| file.canonicalize().ok());
        mounts.extend(certificates.map(|file| mount(file, CERTIFICATES, false)));
        let unconfined = self.is_unconfined();
        let place = |wanted: &str| {
            let mount = mounts.iter().find(|mount| mount.to == wanted);
            mount.map_or(Path::new(""), |mount| if unconfined { &mount.from } else { Path::new(mount.to) })
        };
        let certificates = place(CERTIFICATES).display().to_string();
        let environment = [
            ("NIX_SSL_CERT_FILE", certificates.clone()),
            ("GIT_SSL_CAINFO", certificates),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_ALLOW_PROTOCOL", "http:https".to_owned()),
        ];
        let mut jail = self.jail(&locking.sources, state.path(), &mounts)?;
        (jail.may_fetch, jail.environment) = (true, &environment);
        let mut command = jail.around(place(PROGRAM));
        let store = if unconfined { state.path().join("store") } else { STORE.into() };
        command.arg(COMMAND).arg(place(PROXY).join("socks")).args([place(FLAKE), place(OUT), &store]);
        command.arg(&jail.programs.nix);
        for (name, source, dir) in &locking.incomplete {
            // Nix 2.8 knows no `?dir=` here.
            let dir = dir.as_ref().map(|dir| format!("/{dir}")).unwrap_or_default();
            command.args(["--override-input", name.as_str(), &format!("path:{source}{dir}")]);
        }
        command.arg(SOURCES).args(locking.sources.iter().map(|source| source.path.name()));
        let ended = self.run(&mut command, Stdio::null())?;
        let refused: Vec<Asked> = proxy.finish().asked.into_iter().filter(|asked| asked.refused.is_some()).collect();
        if !matches!(ended.end, End::Exit(_)) {
            return Err(failed(&ended, &self.inner.limits));
        }
        let lock = read_plain(&folder.path().join("flake/flake.lock"), LOCK);
        if ended.end != End::Exit(0) {
            if refused.iter().any(|asked| asked.refused == Some(Refusal::Bytes)) {
                let (what, limit) = ("inputs of inputs are too large", self.inner.limits.received_bytes);
                return Err(NixError::Limit { what, name: "nix_received_bytes", limit });
            }
            let diagnosis = evaluation::diagnose(&ended.said);
            let lock = lock.unwrap_or_default();
            return Err(NixError::Unlocked(Box::new(Unlocked { diagnosis, refused, lock })));
        }
        Ok(Locked { lock: lock?, fetched: folder })
    }

    /// Keeps a source that was fetched while locking, whose hash the lock has; `None` where it wasn't fetched.
    ///
    /// # Errors
    /// When it isn't what its name says, or can't be kept.
    pub fn keep_fetched(&self, locked: &Locked, hash: &NarHash) -> Result<Option<Source>, SourceError> {
        if let Some(known) = self.source(hash) {
            return Ok(Some(known));
        }
        let fetched = locked.fetched.path().join("out").join(SourcePath::of(hash).name());
        if !fs::symlink_metadata(&fetched).is_ok_and(|meta| meta.is_dir()) {
            return Ok(None);
        }
        let write = |folder: &Path| {
            let failed = |source| SourceError::Io { folder: folder.to_owned(), source };
            fs::rename(&fetched, folder).map_err(failed)?;
            folder_hash(folder, TreeLimits::default()).map_err(failed)
        };
        self.keep(Some(hash), &write).map(Some)
    }
}

/// The process in the jail: connects the proxy, lets Nix lock and fetch, and copies what it fetched to where it is looked at.
pub fn serve(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut next = || arguments.next().map(PathBuf::from);
    let (Some(socket), Some(flake), Some(out), Some(store), Some(nix)) = (next(), next(), next(), next(), next())
    else {
        return ExitCode::from(2);
    };
    let mut rest: Vec<OsString> = arguments.collect();
    let known = rest.iter().position(|word| word == SOURCES).map(|place| rest.split_off(place)).unwrap_or_default();
    match run(&socket, &flake, &out, &store, &nix, &rest, &known) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{COMMAND}: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(
    socket: &Path,
    flake: &Path,
    out: &Path,
    store: &Path,
    nix: &Path,
    overrides: &[OsString],
    known: &[OsString],
) -> io::Result<ExitCode> {
    let forwarder = network::forward(socket, 0)?;
    let proxy = format!("socks5h://127.0.0.1:{}", forwarder.port());
    let reference = format!("path:{}", flake.display());
    let call = |command: &str, more: &[OsString]| {
        let mut call = Command::new(nix);
        call.args(["flake", command, &reference, "--log-format", "internal-json", "--show-trace"]).args(more);
        // Both spellings: git takes the one, curl the other.
        call.envs(["ALL_PROXY", "all_proxy"].map(|name| (name, &proxy))).stdin(Stdio::null()).stdout(Stdio::null());
        call.status()
    };
    for (command, more) in [("lock", overrides), ("archive", &[])] {
        let status = call(command, more)?;
        if !status.success() {
            return Ok(ExitCode::from(1));
        }
    }
    let mut bounds = Bounds { entries: TreeLimits::default().entries, depth: TreeLimits::default().depth };
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        let is_source = name.to_str().is_some_and(|name| name.parse::<SourcePath>().is_ok());
        if is_source && !known.contains(&name) && store.join(&name).is_dir() {
            copy(&store.join(&name), &out.join(&name), &mut bounds)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What may still be copied.
struct Bounds {
    entries: u64,
    depth: usize,
}

/// Copies a tree with the usual permissions, as Nix takes them all away.
fn copy(from: &Path, to: &Path, bounds: &mut Bounds) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "there is more than inputs may have");
    bounds.entries = bounds.entries.checked_sub(1).ok_or_else(too_large)?;
    let meta = fs::symlink_metadata(from)?;
    if meta.is_dir() {
        bounds.depth = bounds.depth.checked_sub(1).ok_or_else(too_large)?;
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name), bounds)?;
        }
        bounds.depth += 1;
        Ok(())
    } else if meta.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)
    } else {
        fs::copy(from, to)?;
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        fs::set_permissions(to, fs::Permissions::from_mode(mode))
    }
}
