use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use thymis_tests::Output;

/// When a call counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(5);

/// A process: its id, and when it began, as ids are used again.
pub(crate) type Process = (u32, u64);

/// A call of the program, and every process that it started.
pub(crate) struct Watched {
    child: Child,
    family: BTreeSet<Process>,
    files: tempfile::TempDir,
}

impl Watched {
    pub(crate) fn start(command: &mut Command) -> Self {
        let files = tempfile::TempDir::new().unwrap();
        let file = |name: &str| File::create(files.path().join(name)).unwrap();
        let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Self { child, family: BTreeSet::new(), files }
    }

    /// Goes on until this is so of the command lines of the processes. `false`: the call ended before.
    pub(crate) fn until(&mut self, holds: impl Fn(&[String]) -> bool) -> bool {
        let begin = Instant::now();
        while self.child.try_wait().unwrap().is_none() && begin.elapsed() < PATIENCE {
            let now = family(self.child.id());
            let lines: Vec<String> = now.iter().filter_map(|(id, _)| command_line(*id)).collect();
            self.family.extend(now);
            if holds(&lines) {
                return true;
            }
            sleep(MOMENT);
        }
        false
    }

    /// Sends a signal, by its name, to the program alone.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// How it ended, and what it left running. A call that hangs is ended; its code is -1, as after a signal.
    pub(crate) fn end(mut self) -> (Output, Vec<String>) {
        self.until(|_| false);
        let _ = self.child.kill();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        // What is being killed takes a moment.
        let begin = Instant::now();
        let left = loop {
            let left: Vec<Process> = self.family.iter().filter(|one| began(one.0) == Some(one.1)).copied().collect();
            if left.is_empty() || begin.elapsed() > Duration::from_secs(5) {
                break left;
            }
            sleep(MOMENT);
        };
        let lines = left.iter().map(|(id, _)| command_line(*id).unwrap_or_default()).collect();
        for (id, _) in left {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
        }
        let said = |name: &str| String::from_utf8_lossy(&fs::read(self.files.path().join(name)).unwrap()).into_owned();
        (Output { code, stdout: said("out"), stderr: said("err") }, lines)
    }
}

/// A process and those below it.
fn family(id: u32) -> Vec<Process> {
    let mut all: Vec<Process> = began(id).map(|began| (id, began)).into_iter().collect();
    for task in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().filter_map(Result::ok) {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().flat_map(|child| family(child.parse().unwrap())));
    }
    all
}

/// When a process began, if it lives.
fn began(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = stat.rsplit(')').next()?.split_whitespace();
    // What is dead and not yet waited for has ended.
    let state = words.next()?;
    (state != "Z").then(|| words.nth(18)?.parse().ok())?
}

fn command_line(id: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
}
