//! The one place that starts `nix`.
//!
//! What it evaluates is a stranger's code, so every call is pure, has a cleared environment, no import from derivation, no
//! settings of a flake, no registry, no lock file to write, and reads the locked inputs only.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use thymis_core::{id::ConfigurationId, nix, option::OptionPath, untrusted};

use crate::{
    git::{DRAFT_REF, Oid},
    input::FlakeLock,
};

const TIMEOUT: Duration = Duration::from_secs(600);
const MAX_OUTPUT: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum NixError {
    #[error("there is no `nix` on this machine: install it (https://nixos.org/download, or Debian's package nix-bin)")]
    NotInstalled,
    #[error("`nix` can't be run")]
    Io(#[from] io::Error),
    #[error("`nix` was stopped after {} seconds", TIMEOUT.as_secs())]
    Timeout,
    #[error("Nix can't evaluate it:\n{}", untrusted::lines(.0))]
    Evaluation(String),
    #[error("`nix` answered something that is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("the folder {} can't be named in a flake reference: use a path of letters, digits, `/`, `.`, `_` and `-`", .0.display())]
    Path(PathBuf),
}

/// A way to call `nix`.
#[derive(Debug)]
pub struct Nix {
    home: tempfile::TempDir,
}

impl Nix {
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> Result<Self, NixError> {
        Ok(Self { home: tempfile::Builder::new().prefix("thymis-nix-").tempdir()? })
    }

    /// The values of options of a configuration, by option, as JSON, evaluated from a commit of the project. `None`: it has
    /// no value.
    ///
    /// # Errors
    /// When `nix` is missing, or the configuration doesn't evaluate.
    pub fn options(
        &self,
        project: &std::path::Path,
        commit: Oid,
        lock: Option<&FlakeLock>,
        configuration: &ConfigurationId,
        options: &[OptionPath],
    ) -> Result<BTreeMap<String, Option<Value>>, NixError> {
        let project = project.canonicalize()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let folder =
            project.to_str().filter(|path| path.chars().all(plain)).ok_or_else(|| NixError::Path(project.clone()))?;
        let mut apply = String::from("config: {");
        for option in options {
            apply.push(' ');
            nix::string(&option.to_string(), &mut apply);
            let mut path = String::new();
            for (index, segment) in option.segments().iter().enumerate() {
                path.push_str(if index == 0 { "" } else { "." });
                nix::string(segment, &mut path);
            }
            // A list of one or none tells what isn't set from what is null.
            apply.push_str(&format!(" = if config ? {path} then [ config.{path} ] else [ ]"));
            apply.push(';');
        }
        apply.push_str(" }");
        // Without a ref, Nix asks for HEAD, which isn't there before the first commit.
        let source = format!("git+file://{folder}?ref={DRAFT_REF}&rev={commit}");
        let reference = format!("{source}#nixosConfigurations.\"{configuration}\".config");
        let mut urls: Vec<String> = lock.map(|lock| lock.urls().into_iter().collect()).unwrap_or_default();
        urls.push(format!("file://{folder}"));
        let mut command = Command::new("nix");
        command.args(["eval", "--json", &reference, "--apply", &apply]);
        command.args(["--restrict-eval", "--option", "allowed-uris", &urls.join(" ")]);
        command.args(["--no-update-lock-file", "--no-write-lock-file"]);
        let output = self.run(&mut command)?;
        let values: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&output)?;
        Ok(values.into_iter().map(|(option, value)| (option, value.into_iter().next())).collect())
    }

    /// The lock that Nix makes for the text of a flake. It fetches what the flake's inputs name.
    ///
    /// # Errors
    /// When `nix` is missing, or can't find or fetch an input.
    pub fn lock(&self, flake: &str) -> Result<Vec<u8>, NixError> {
        let folder = tempfile::Builder::new().prefix("thymis-lock-").tempdir()?;
        std::fs::write(folder.path().join("flake.nix"), flake)?;
        let reference = format!("path:{}", folder.path().display());
        self.run(Command::new("nix").args(["flake", "lock", &reference]))?;
        Ok(std::fs::read(folder.path().join("flake.lock"))?)
    }

    fn run(&self, command: &mut Command) -> Result<Vec<u8>, NixError> {
        command.args([
            "--extra-experimental-features",
            "nix-command flakes",
            "--pure-eval",
            "--no-allow-import-from-derivation",
            "--no-accept-flake-config",
            "--no-use-registries",
        ]);
        // Evaluating needs no binary cache.
        for (name, value) in [("flake-registry", ""), ("netrc-file", "/dev/null"), ("substituters", "")] {
            command.args(["--option", name, value]);
        }
        command.env_clear().env("HOME", self.home.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // Where root evaluates without a daemon, Nix would look for users to build as.
        command.env("NIX_CONFIG", "build-users-group =");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NixError::NotInstalled,
            _ => NixError::Io(error),
        })?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if start.elapsed() > TIMEOUT {
                child.kill()?;
                child.wait()?;
                return Err(NixError::Timeout);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let output = stdout.join().unwrap_or_default();
        let said = stderr.join().unwrap_or_default();
        if status.success() {
            Ok(output)
        } else {
            Err(NixError::Evaluation(String::from_utf8_lossy(&said).trim().to_owned()))
        }
    }
}

fn reader(pipe: Option<impl io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        bytes
    })
}
