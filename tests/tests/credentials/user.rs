//! Who runs the program, and watches that none of their secrets comes out of it.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

use tempfile::TempDir;
use thymis_tests::{Output, World, server::Authority};

use crate::secret::{self, assert_in_no_file};

/// Somebody with a project. Whatever the program answers is searched for their secrets at once, and in the end whatever it
/// wrote.
pub(crate) struct User {
    pub(crate) world: World,
    /// Outside of the world: here secrets may be.
    files: TempDir,
    secrets: Mutex<Vec<String>>,
    environment: Vec<(&'static str, OsString)>,
}

impl User {
    /// With a project without inputs.
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        Self::of(World::copy_of(TEMPLATE.get_or_init(|| {
            let world = World::empty();
            world.thymis_in(world.path(), &["init", "project"]).done();
            world.kept()
        })))
    }

    pub(crate) fn of(world: World) -> Self {
        let temporary = world.path().join("temporary");
        fs::create_dir(&temporary).unwrap();
        // The name of the world goes as far as to the process that fetches.
        let environment = vec![("TMPDIR", temporary.into()), ("NO_PROXY", world.path().as_os_str().to_owned())];
        Self { world, files: TempDir::new().unwrap(), secrets: Mutex::default(), environment }
    }

    pub(crate) fn trusting(mut self, authority: &Authority) -> Self {
        self.environment.push(("SSL_CERT_FILE", authority.file().into()));
        self
    }

    /// Reaches servers by HTTPS through this address.
    pub(crate) fn behind(mut self, proxy: &str) -> Self {
        self.environment.push(("HTTPS_PROXY", proxy.into()));
        self
    }

    /// Has something that must appear nowhere.
    pub(crate) fn keeps(&self, secrets: &[&str]) {
        self.secrets.lock().unwrap().extend(secrets.iter().map(|secret| (*secret).to_owned()));
    }

    /// Calls get this file of credentials from now on.
    pub(crate) fn credentials(&self, text: &str) {
        self.file("credentials.toml", text, 0o600);
    }

    /// A file beside the world.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let credentials = self.files.path().join("credentials.toml");
        if credentials.exists() {
            command.arg("--credentials").arg(credentials);
        }
        command
    }

    #[track_caller]
    pub(crate) fn thymis(&self, arguments: &[&str]) -> Output {
        self.run(&mut self.command(arguments))
    }

    #[track_caller]
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let output = Output::of(command);
        for text in [&output.stdout, &output.stderr] {
            assert!(!secret::holds(text.as_bytes(), &self.secrets.lock().unwrap()), "a secret was said: {text}");
        }
        output
    }

    /// Looks at a repository: its status, or what was said instead, which begins with the status.
    #[track_caller]
    pub(crate) fn test(&self, url: &str, more: &[&str]) -> Result<String, String> {
        let output = self.thymis(&[&["input", "test", url, "--json", "--verbose"], more].concat());
        if output.code == 0 {
            return Ok(output.json()["status"].as_str().unwrap().to_owned());
        }
        let error = output.json()["error"].as_str().unwrap().to_owned();
        let said = output.refused();
        assert!(said.ends_with(error.trim_end()), "people and programs are told the same: {said}\n{error}");
        Err(error)
    }

    #[track_caller]
    pub(crate) fn assert_refused(&self, url: &str, status: &str, words: &str) {
        self.assert_refused_with(url, &[], status, words);
    }

    #[track_caller]
    pub(crate) fn assert_refused_with(&self, url: &str, more: &[&str], status: &str, words: &str) {
        let said = self.test(url, more).expect_err(url);
        assert!(said.starts_with(&format!("{status}: ")) && said.contains(words), "{said}");
    }

    #[track_caller]
    pub(crate) fn assert_loads(&self, url: &str) {
        assert_eq!(self.test(url, &[]).as_deref(), Ok("loaded"), "{url}");
    }

    #[track_caller]
    pub(crate) fn assert_kept_secrets(&self) {
        assert_in_no_file(self.world.path(), &self.secrets.lock().unwrap());
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// Where the program makes temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.world.path().join("temporary")
    }

    /// Where the program keeps copies of repositories.
    pub(crate) fn copies(&self) -> PathBuf {
        self.world.home().join("cache/thymis/repositories")
    }

    pub(crate) fn files(&self) -> &Path {
        self.files.path()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_kept_secrets();
        }
    }
}
