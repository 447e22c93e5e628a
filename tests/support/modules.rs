use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::{
    Fixtures,
    fixtures::{copy, placed},
};

/// The program, which cargo builds beside the tests.
#[derive(Debug, Clone, Copy)]
pub struct Program;

impl Program {
    /// The executable.
    #[must_use]
    pub fn path() -> PathBuf {
        Self::folder().join("thymis-under-test")
    }

    /// Where cargo puts components, apart from the rest, so that its calls don't wait for each other.
    #[must_use]
    pub fn modules_target() -> PathBuf {
        Self::folder().with_file_name("modules")
    }

    /// `target/debug`: tests lie in its `deps`.
    pub(crate) fn folder() -> PathBuf {
        std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
    }

    /// A call that sees nothing of the user's configuration but Rust's folders.
    #[must_use]
    pub fn command(home: &Path) -> Command {
        let mut command = Command::new(Self::path());
        command.env_clear().env("HOME", home).env("XDG_CACHE_HOME", home.join("cache"));
        for name in ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(user) = std::env::var_os("HOME").map(PathBuf::from) {
            for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
                if std::env::var_os(name).is_none() {
                    command.env(name, user.join(folder));
                }
            }
        }
        command.env("CARGO_TARGET_DIR", Self::modules_target()).env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null());
        command
    }
}

/// Repositories with modules that tests use, of `example-modules` and of `tests/fixtures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    TemperatureLogger,
    WebApp,
    ContainerStack,
    CustomBoard,
    DevelopmentMachine,
    QtKiosk,
    VmHost,
    /// Settings that must be given, and a NixOS module that tells which inputs it sees.
    Picky,
}

impl Example {
    const ALL: [Self; 8] = [
        Self::TemperatureLogger,
        Self::WebApp,
        Self::ContainerStack,
        Self::CustomBoard,
        Self::DevelopmentMachine,
        Self::QtKiosk,
        Self::VmHost,
        Self::Picky,
    ];

    /// The example whose folder has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|example| example.name() == name)
    }

    /// The folder's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TemperatureLogger => "temperature-logger",
            Self::WebApp => "web-app",
            Self::ContainerStack => "container-stack",
            Self::CustomBoard => "custom-board",
            Self::DevelopmentMachine => "development-machine",
            Self::QtKiosk => "qt-kiosk",
            Self::VmHost => "vm-host",
            Self::Picky => "picky",
        }
    }

    /// Its component, as a path in the repository.
    #[must_use]
    pub fn file(self) -> String {
        format!("modules/{}.wasm", self.name().replace('-', "_"))
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(self) -> Vec<u8> {
        std::fs::read(self.repository().join(self.file())).unwrap()
    }

    /// The git repository with the component committed, which nobody may change: [`copy`] it. Components are built by the
    /// program, once per process. Several processes may do so at once: cargo makes them wait.
    #[must_use]
    pub fn repository(self) -> &'static Path {
        static PLACES: [OnceLock<PathBuf>; Example::ALL.len()] = [const { OnceLock::new() }; Example::ALL.len()];
        let index = Self::ALL.iter().position(|example| *example == self).unwrap();
        PLACES[index].get_or_init(|| {
            let crate_folder = self.crate_folder();
            build(&crate_folder);
            let work = tempfile::TempDir::new().unwrap();
            copy(&crate_folder, work.path());
            for left in ["target", "Cargo.lock", ".gitignore", "modules"] {
                let left = work.path().join(left);
                let _ = fs::remove_dir_all(&left).or_else(|_| fs::remove_file(&left));
            }
            fs::create_dir(work.path().join("modules")).unwrap();
            fs::copy(crate_folder.join(self.file()), work.path().join(self.file())).unwrap();
            placed(self.name(), work)
        })
    }

    /// Where cargo builds it. The fixture is built outside of `tests/fixtures`, at a place that stays: cargo then knows
    /// what is built already.
    fn crate_folder(self) -> PathBuf {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        if self != Self::Picky {
            return checkout.join("example-modules").join(self.name());
        }
        let (from, to) = (Fixtures::folder().join("picky"), Program::modules_target().join("fixtures/picky"));
        for file in ["README.md", "flake.nix", "thymis.toml", "src/lib.rs"] {
            replace(&to.join(file), &fs::read_to_string(from.join(file)).unwrap());
        }
        let manifest = fs::read_to_string(from.join("Cargo.toml.in")).unwrap();
        replace(&to.join("Cargo.toml"), &manifest.replace("{{sdk}}", checkout.join("sdk").to_str().unwrap()));
        // The same versions as the workspace has.
        replace(&to.join("Cargo.lock"), &fs::read_to_string(checkout.join("Cargo.lock")).unwrap());
        to
    }
}

fn build(folder: &Path) {
    let home = tempfile::TempDir::new().unwrap();
    let mut command = Program::command(home.path());
    let output =
        command.args(["module", "build"]).arg(folder).output().expect("cargo builds the program with the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a file at once, and only where it differs.
fn replace(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    let folder = path.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    file.persist(path).unwrap();
}
