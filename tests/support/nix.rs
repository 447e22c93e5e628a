use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

/// Real Nix, with a home of its own, no registries, no network use and no user's configuration.
///
/// `nix eval --json` prints floats with six digits: compare inside of Nix, against [`Nix::json_file`].
#[derive(Debug)]
pub struct Nix {
    home: TempDir,
}

impl Nix {
    #[must_use]
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap() }
    }

    /// `nix` or one of its old programs, with the settings that every call needs.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("NIX_CONFIG", CONFIG)
            .stdin(Stdio::null());
        command
    }

    /// A folder that lives as long as this value.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into [`Nix::folder`] and gives its path.
    #[must_use]
    pub fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// Nix text that reads this JSON back, exactly, without a word of Nix's own syntax in between.
    #[must_use]
    pub fn json_file(&self, name: &str, value: &Value) -> String {
        let path = self.file(name, &value.to_string());
        format!("(builtins.fromJSON (builtins.readFile {}))", path.display())
    }

    /// Evaluates an expression completely.
    ///
    /// # Errors
    /// What Nix says.
    pub fn eval(&self, expression: &str) -> Result<Value, String> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = self.file(&format!("eval-{number}.nix"), expression);
        json_of(self.command("nix-instantiate").args(["--eval", "--strict", "--json", "--read-write-mode"]).arg(file))
    }

    /// Evaluates an output of a flake in pure mode: `git+file:///folder?rev=…#attribute`.
    ///
    /// # Errors
    /// What Nix says.
    pub fn eval_flake(&self, reference: &str) -> Result<Value, String> {
        json_of(self.command("nix").args(["eval", "--json", "--no-update-lock-file", reference]))
    }

    /// One for the whole process.
    #[must_use]
    pub fn shared() -> &'static Self {
        static NIX: OnceLock<Nix> = OnceLock::new();
        NIX.get_or_init(Self::new)
    }
}

impl Default for Nix {
    fn default() -> Self {
        Self::new()
    }
}

const CONFIG: &str = "experimental-features = nix-command flakes
build-users-group =
substitute = false
flake-registry =
use-registries = false
accept-flake-config = false
allow-import-from-derivation = false
warn-dirty = false
";

fn json_of(command: &mut Command) -> Result<Value, String> {
    let output = command.output().expect("Nix is installed");
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
