//! The program and the processes that fetch for it, as the system shows them.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::User;

/// Long enough on a busy machine; only what hangs takes it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that works for a user.
#[derive(Debug)]
pub(crate) struct Process {
    folder: PathBuf,
}

impl Process {
    /// Those of a user: the name of their world is handed on to all of them.
    pub(crate) fn of(user: &User) -> Vec<Self> {
        let name = user.world.path().as_os_str().as_encoded_bytes().to_owned();
        let own = std::process::id().to_string();
        let folders = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let processes = folders.filter(|it| it.file_name().to_string_lossy().parse::<u32>().is_ok());
        let processes = processes.filter(|it| *it.file_name() != *own).map(|it| Self { folder: it.path() });
        processes.filter(|it| it.environment().windows(name.len()).any(|window| window == name)).collect()
    }

    /// Waits until one of a user's processes fetches.
    pub(crate) fn fetching(user: &User) -> Self {
        wait(|| Self::of(user).into_iter().find(Self::fetches), "nothing fetches")
    }

    pub(crate) fn fetches(&self) -> bool {
        self.arguments().ends_with(b"\0fetch-worker\0")
    }

    /// Waits until a user has none any more.
    #[track_caller]
    pub(crate) fn assert_none(user: &User) {
        wait(|| Self::of(user).is_empty().then_some(()), "processes are left running");
    }

    pub(crate) fn arguments(&self) -> Vec<u8> {
        self.read("cmdline")
    }

    pub(crate) fn environment(&self) -> Vec<u8> {
        self.read("environ")
    }

    /// The most memory that it had of its own, in bytes; 0 once it ended.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.read("status");
        let line = String::from_utf8_lossy(&status);
        let line = line.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap_or("0 kB").trim().to_owned();
        line.trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Empty once it ended.
    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.join(file)).unwrap_or_default()
    }
}

/// Waits for something.
#[track_caller]
pub(crate) fn wait<T>(mut found: impl FnMut() -> Option<T>, otherwise: &str) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{otherwise}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Files of a user's copies of repositories that a fetch leaves behind: all but locks and what an empty repository has.
pub(crate) fn leftovers(user: &User) -> Vec<String> {
    let mut left = Vec::new();
    for folder in [user.copies(), user.temporary()] {
        walk(&folder, &mut left);
    }
    let usual = |path: &String| {
        let name = path.rsplit('/').next().unwrap();
        path.contains("/hooks/") || path.contains("/info/") || ["lock", "config", "description", "HEAD"].contains(&name)
    };
    left.retain(|path| !usual(path));
    left
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("new-") || name.starts_with("thymis-") {
                found.push(path.display().to_string());
            }
            walk(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}
