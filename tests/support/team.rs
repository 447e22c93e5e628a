use std::{
    cell::RefCell,
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Output, Program, World, commit, git, server::bare_clone};

/// How documents name where repositories are.
const SHOWN: [&str; 2] = ["git@git.example.org:", "git+https://git.example.org/"];

/// The sample project on a server, for several people: `team/fleet.git`.
#[derive(Debug)]
pub struct Team {
    world: World,
}

impl Team {
    /// With nobody in it yet.
    ///
    /// # Panics
    /// When git can't.
    #[must_use]
    pub fn new() -> Self {
        let world = World::generated();
        let servers = world.path().join("servers");
        fs::create_dir_all(servers.join("team")).unwrap();
        bare_clone(&world.project(), &servers, "team/fleet.git");
        Self { world }
    }

    /// The folder that the server has its repositories in.
    #[must_use]
    pub fn servers(&self) -> PathBuf {
        self.world.path().join("servers")
    }

    /// Puts a flake without modules on the server; answers its URL.
    #[expect(clippy::must_use_candidate, reason = "documents write the URL themselves")]
    pub fn flake(&self, name: &str) -> String {
        let folder = self.servers().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("flake.nix"), format!("{{ outputs = _: {{ name = \"{name}\"; }}; }}")).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        commit(&folder);
        format!("git+file://{}", folder.display())
    }

    /// Somebody with a machine of their own: another home, nothing fetched or compiled yet.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let home = self.world.path().join(name);
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::create_dir_all(home.join(".config/nix")).unwrap();
        symlink(Program::path(), home.join("bin/thymis")).unwrap();
        let servers = self.servers();
        let servers = servers.display();
        let config = format!(
            "[user]\n  name = {name}\n  email = {name}@example.org\n[core]\n  editor = true\n[url \"{servers}/\"]\n  insteadOf = {}\n",
            SHOWN[0]
        );
        fs::write(home.join(".gitconfig"), config).unwrap();
        // Nobody's cache and registry; devices of another architecture are built here, too.
        let nix = "experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nsubstitute = false\n\
                   flake-registry =\nextra-platforms = x86_64-linux aarch64-linux\n";
        fs::write(home.join(".config/nix/nix.conf"), nix).unwrap();
        Person { folder: RefCell::new(home.clone()), servers: servers.to_string(), home }
    }

    /// The same with a clone, in which everything was generated once.
    #[must_use]
    pub fn member(&self, name: &str) -> Person {
        let person = self.person(name);
        person.done("git clone git@git.example.org:team/fleet.git");
        person.done("cd fleet");
        person.done("thymis generate");
        person
    }
}

impl Default for Team {
    fn default() -> Self {
        Self::new()
    }
}

/// Who types lines into a shell.
#[derive(Debug)]
pub struct Person {
    home: PathBuf,
    servers: String,
    folder: RefCell<PathBuf>,
}

impl Person {
    /// Runs a line in a shell, where `cd` was last.
    #[must_use]
    pub fn run(&self, line: &str) -> Output {
        if let Some(folder) = line.strip_prefix("cd ") {
            let folder = self.folder.borrow().join(folder);
            assert!(folder.is_dir(), "{line}");
            self.folder.replace(folder);
        }
        let line = line.replace(SHOWN[1], &format!("git+file://{}/", self.servers));
        let mut path = self.home.join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", if line.starts_with("cd ") { "true" } else { &line }]).current_dir(&*self.folder.borrow());
        command.env_clear().env("PATH", path).env("HOME", &self.home).env("XDG_CACHE_HOME", self.home.join("cache"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C").stdin(Stdio::null());
        Output::of(&mut command)
    }

    /// Runs a line that has to end well; answers what it prints.
    ///
    /// # Panics
    /// When it doesn't.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.code, 0, "{line}\n{}\n{}", output.stdout, output.stderr);
        output.stdout
    }

    /// Runs a line that has to fail; answers all that it says.
    ///
    /// # Panics
    /// When it doesn't.
    #[track_caller]
    pub fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        assert_ne!(output.code, 0, "{line}\n{}\n{}", output.stdout, output.stderr);
        output.stdout + &output.stderr
    }

    /// Writes a file, where `cd` was last.
    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.borrow().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// # Panics
    /// When there is no such file.
    #[must_use]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.borrow().join(file)).unwrap()
    }
}
