use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Example, Fixtures, Lib, Program, copy, git};

/// What a call of the program came to.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it can't be started, a signal ends it, or what it prints isn't UTF-8.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().expect("no signal ends it"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// # Panics
    /// When the command ended with another code than 0.
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What a refusal says, without `error: ` in front.
    ///
    /// # Panics
    /// When the command ended with another code than 1.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, 1, "{}\n{}", self.stdout, self.stderr);
        let (_, message) = self.stderr.split_once("error: ").unwrap_or(("", &self.stderr));
        message.trim_end().to_owned()
    }

    /// # Panics
    /// When standard output isn't JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A temporary folder with a home and a project of its own.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
}

impl World {
    /// Without a project.
    #[must_use]
    pub fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// With a project that has the inputs `nixpkgs`, `thymis`, `temperature` and `web`, the last two accepted, and no
    /// configurations or tags.
    #[must_use]
    pub fn with_inputs() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        Self::copy_of(TEMPLATE.get_or_init(|| {
            let world = Self::empty();
            world.thymis_in(world.path(), &["init", "project"]).done();
            for (name, repository) in Self::inputs() {
                world.add(name, repository).done();
            }
            for name in ["temperature", "web"] {
                world.thymis(&["input", "accept", name, "--yes"]).done();
            }
            // Copies find the components compiled.
            world.thymis(&["modules"]).done();
            world.kept()
        }))
    }

    /// The same with the state of `tests/fixtures/project`, generated and committed.
    #[must_use]
    pub fn generated() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        Self::copy_of(TEMPLATE.get_or_init(|| {
            let world = Self::with_inputs();
            world.copy_state();
            world.thymis(&["generate"]).done();
            world.thymis(&["commit", "--message", "First"]).done();
            world.kept()
        }))
    }

    /// Name and repository of the inputs.
    #[must_use]
    pub fn inputs() -> [(&'static str, &'static Path); 4] {
        static NIXPKGS: OnceLock<&'static Path> = OnceLock::new();
        let nixpkgs = NIXPKGS.get_or_init(|| {
            let real = Fixtures::nixpkgs(Lib::Real, "projects on nixpkgs' own lib");
            real.or_else(|| Fixtures::nixpkgs(Lib::Small, "")).unwrap()
        });
        [
            ("nixpkgs", nixpkgs),
            ("thymis", Fixtures::thymis()),
            ("temperature", Example::TemperatureLogger.repository()),
            ("web", Example::WebApp.repository()),
        ]
    }

    /// A copy of what [`World::kept`] answers.
    #[must_use]
    pub fn copy_of(template: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        // `cp` keeps modes and times, so that git and caches see nothing new.
        let status = Command::new("cp").arg("-a").arg(template.join(".")).arg(folder.path()).status().unwrap();
        assert!(status.success());
        Self { folder }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Runs the program in the project's folder.
    #[must_use]
    pub fn thymis(&self, arguments: &[&str]) -> Output {
        self.thymis_in(&self.project(), arguments)
    }

    /// Runs the program in a folder.
    #[must_use]
    pub fn thymis_in(&self, folder: &Path, arguments: &[&str]) -> Output {
        Output::of(self.command(arguments).current_dir(folder))
    }

    /// A call in the project's folder that is yet to be started, and may be given more before.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Program::command(&self.home());
        command.args(arguments).current_dir(self.project());
        command
    }

    /// Adds a local repository as an input.
    #[must_use]
    pub fn add(&self, name: &str, repository: &Path) -> Output {
        self.thymis(&["input", "add", name, &format!("git+file://{}", repository.display())])
    }

    /// Copies the state of `tests/fixtures/project`, all but its `project.json`.
    pub fn copy_state(&self) {
        for folder in ["configurations", "tags"] {
            copy(&Fixtures::folder().join("project/state").join(folder), &self.project().join("state").join(folder));
        }
    }

    /// Writes a file of the project.
    pub fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let path = self.project().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// # Panics
    /// When there is no such file in the project.
    #[must_use]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.project().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Runs git in the project; answers what it prints.
    #[expect(clippy::must_use_candidate, reason = "git also does things")]
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.project(), arguments)
    }

    /// A copy of a repository that may be changed.
    #[must_use]
    pub fn own(&self, example: Example) -> PathBuf {
        let place = self.path().join("repositories").join(example.name());
        copy(example.repository(), &place);
        place
    }

    /// Keeps this world for the rest of the process, as something to copy. What dead processes kept is removed.
    #[must_use]
    pub fn kept(self) -> PathBuf {
        let temporary = std::env::temp_dir();
        for entry in fs::read_dir(&temporary).unwrap().filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix("thymis-world-").and_then(|rest| rest.split('-').next());
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = temporary.join(format!("thymis-world-{}-{number}", std::process::id()));
        // A process that died may have had the same number.
        let _ = fs::remove_dir_all(&place);
        fs::rename(self.folder.keep(), &place).unwrap();
        place
    }
}
