//! Runs the module's scripts with bash, in a folder of their own, with programs that record what they are given.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Records the program's name and arguments, each ended by NUL, and a second NUL. Then `body`.
const STUB: &str = "#!/usr/bin/env bash\nprintf '%s\\0' \"${0##*/}\" \"$@\" '' >>\"$RECORD\"\n";

pub struct Stage {
    folder: PathBuf,
}

impl Stage {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::create_dir_all(folder.join("home/.config/chromium")).unwrap();
        fs::create_dir_all(folder.join("run")).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A program on the `PATH`. `body` is bash; `count` in it tells how often it was called.
    pub fn program(&self, name: &str, body: &str) -> &Self {
        let count = format!("echo >>\"$RECORD.{name}\"; count=$(wc -l <\"$RECORD.{name}\")\n");
        let path = self.path("bin").join(name);
        fs::write(&path, format!("{STUB}{count}{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs a script as nixpkgs' `writeShellApplication` does, until it ends. Gives the calls of programs, in order.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Vec<Vec<String>> {
        let script = self.file("script", &format!("set -o errexit\nset -o nounset\nset -o pipefail\n{script}"));
        let mut child = Command::new("bash")
            .arg(script)
            .args(arguments)
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()))
            .env("HOME", self.path("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("DISPLAY", ":7")
            .env("RECORD", self.path("record"))
            .stdin(Stdio::null())
            // `session.sh` ends its whole group.
            .process_group(0)
            .spawn()
            .unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("the script doesn't end; it called {:?}", self.calls());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!self.path("pwned").exists(), "a setting was run");
        self.calls()
    }

    pub fn calls(&self) -> Vec<Vec<String>> {
        let record = String::from_utf8(fs::read(self.path("record")).unwrap_or_default()).unwrap();
        record.split_terminator("\0\0").map(|call| call.split('\0').map(str::to_owned).collect()).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Calls of one program, without its name.
pub fn of<'a>(calls: &'a [Vec<String>], program: &str) -> Vec<&'a [String]> {
    calls.iter().filter(|call| call[0] == program).map(|call| &call[1..]).collect()
}
