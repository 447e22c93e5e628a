//! What one `nix` process sees, by bubblewrap: its programs, the sources that it is shown, and folders in memory. No network, no
//! `/etc`, no home, nothing of the controller.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use thymis_core::store_path::STORE;

use super::{NixError, NixLimits, program::Programs, source::Source, worker};

/// Bytes of the home, which Nix writes little into.
const HOME_BYTES: u64 = 16 << 20;
/// What bubblewrap's own messages begin with.
const SAYS: &str = "bwrap: ";

/// Around one `nix` process.
#[derive(Debug)]
pub(super) struct Jail<'a> {
    pub(super) programs: &'a Programs,
    /// This program, to be started again.
    pub(super) program: &'a Path,
    pub(super) limits: &'a NixLimits,
    /// Without bubblewrap: only limits and settings then.
    pub(super) unconfined: bool,
    pub(super) sources: &'a [Source],
    /// What Nix knows of its store: becomes `/nix/var`.
    pub(super) state: &'a Path,
    /// Folders that it may read, and write where that is said, at this place.
    pub(super) mounts: &'a [Mount],
    /// Addresses that evaluation may name.
    pub(super) urls: &'a [String],
    /// Nix runs no code of strangers, and asks for what their inputs name.
    pub(super) may_fetch: bool,
    pub(super) environment: &'a [(&'static str, String)],
}

/// A folder or file of the machine at another place in the jail.
#[derive(Debug, Clone)]
pub(super) struct Mount {
    pub(super) from: PathBuf,
    pub(super) to: &'static str,
    pub(super) writable: bool,
}

impl Jail<'_> {
    /// The command that runs one of Nix's programs, by its name, in the jail.
    pub(super) fn command(&self, name: &str) -> Command {
        self.around(&self.programs.nix.with_file_name(name))
    }

    /// The command that runs a program in the jail.
    pub(super) fn around(&self, inner: &Path) -> Command {
        let mut command = Command::new(self.program);
        command.args(worker::arguments(self.limits)).env_clear();
        match self.programs.bwrap.as_ref().filter(|_| !self.unconfined) {
            Some(bwrap) => {
                command.arg(bwrap).args(self.bubblewrap()).arg("--");
            }
            None => {
                command.envs(self.variables("/nonexistent"));
                let (state, real) = (self.state.join("nix"), self.state.join("store"));
                command.env("NIX_REMOTE", format!("local?state={}&real={}", in_url(&state), in_url(&real)));
                command.env("NIX_STATE_DIR", state).env("HOME", self.state);
            }
        }
        command.arg(inner);
        command
    }

    fn bubblewrap(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = [
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--die-with-parent",
            "--new-session",
            "--cap-drop",
            "ALL",
            // Nix as root wants to change how the store is mounted.
            "--uid",
            "1000",
            "--gid",
            "1000",
            "--hostname",
            "nix",
            "--clearenv",
        ]
        .map(OsString::from)
        .into();
        let mut say =
            |those: &[&dyn AsRef<std::ffi::OsStr>]| words.extend(those.iter().map(|it| it.as_ref().to_owned()));
        for (name, value) in self.variables("/home") {
            say(&[&"--setenv", &name, &value]);
        }
        if self.programs.usr {
            say(&[&"--ro-bind", &"/usr", &"/usr"]);
            for name in ["lib", "lib64", "bin"] {
                // As it is on this machine.
                if Path::new("/usr").join(name).is_dir() {
                    say(&[&"--symlink", &format!("usr/{name}"), &format!("/{name}")]);
                }
            }
        }
        let bytes = self.limits.store_bytes.to_string();
        say(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
        say(&[&"--size", &bytes, &"--tmpfs", &"/tmp"]);
        // Git's copies of what is fetched are there.
        let home = if self.may_fetch { self.limits.store_bytes } else { HOME_BYTES };
        say(&[&"--size", &home.to_string(), &"--tmpfs", &"/home"]);
        say(&[&"--size", &HOME_BYTES.to_string(), &"--tmpfs", &"/dev/shm"]);
        say(&[&"--size", &bytes, &"--tmpfs", &STORE]);
        for folder in &self.programs.elsewhere {
            say(&[&"--ro-bind", folder, folder]);
        }
        for path in &self.programs.closure {
            say(&[&"--ro-bind", path, path]);
        }
        for source in self.sources {
            say(&[&"--ro-bind", &source.folder, &source.path.to_string()]);
        }
        say(&[&"--bind", &self.state, &"/nix/var"]);
        for mount in self.mounts {
            say(&[if mount.writable { &"--bind" } else { &"--ro-bind" }, &mount.from, &mount.to]);
        }
        // They are in memory, too, and without a size.
        say(&[&"--remount-ro", &"/dev", &"--remount-ro", &"/"]);
        words
    }

    fn variables(&self, home: &str) -> Vec<(&'static str, OsString)> {
        let path = std::env::join_paths(&self.programs.folders).unwrap_or_default();
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("PATH", path),
            ("HOME", home.into()),
            // There is no file that says who runs it.
            ("USER", "nix".into()),
            ("NIX_CONF_DIR", "/nonexistent".into()),
            ("NIX_USER_CONF_FILES", "/nonexistent".into()),
            ("NIX_CONFIG", self.settings().into()),
            // What it reserves at first would be more than small limits allow.
            ("GC_INITIAL_HEAP_SIZE", "32M".into()),
        ];
        variables.extend(self.environment.iter().map(|(name, value)| (*name, value.into())));
        variables
    }

    /// The second line of defence: what Nix itself forbids.
    fn settings(&self) -> String {
        format!(
            "experimental-features = nix-command flakes
pure-eval = true
restrict-eval = {}
allowed-uris = {}
allow-import-from-derivation = false
accept-flake-config = false
use-registries = false
flake-registry =
substitute = false
substituters =
max-jobs = 0
builders =
build-users-group =
sandbox = true
sandbox-fallback = false
netrc-file = /dev/null
connect-timeout = 10
download-attempts = 2
warn-dirty = false
",
            !self.may_fetch,
            // What isn't one word would be other settings.
            self.urls.iter().filter(|url| is_word(url)).cloned().collect::<Vec<_>>().join(" ")
        )
    }
}

/// Whether a text can be one of several values of a setting.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// A path as a value in the query of a URL.
fn in_url(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// That the jail could not be made, or the program in it not started, where that is so.
pub(super) fn refused(said: &[u8]) -> Option<NixError> {
    // Later lines may be those of others.
    let first = said.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(first);
    let line = text.strip_prefix(SAYS)?;
    Some(if line.starts_with("execvp") { NixError::Start(line.to_owned()) } else { NixError::Jail(line.to_owned()) })
}
