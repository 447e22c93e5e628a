use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use thymis_tests::{Disk, Program, World};

/// What the program and the processes that it starts may occupy together, in bytes.
const MEMORY: u64 = 3 << 29;
/// What a refusal may say, in bytes.
const SENTENCE: usize = 2048;
/// What a refused repository may leave in the cache, in bytes.
const LEFT: u64 = 64 << 20;
/// When a call counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What adding came to.
struct Added {
    code: Option<i32>,
    said: String,
    peak: u64,
}

/// Repositories added to one project, one after the other. Everything that is wrong is told at the end.
pub(crate) struct Attacks {
    world: World,
    /// What the cache holds of other repositories.
    others: BTreeSet<PathBuf>,
    wrong: Vec<String>,
}

impl Attacks {
    pub(crate) fn new() -> Self {
        let world = World::with_inputs();
        let others = entries(&copies(&world)).collect();
        Self { world, others, wrong: Vec::new() }
    }

    /// The address is refused in a sentence with these words.
    pub(crate) fn refused(&mut self, what: &str, url: &str, words: &str) {
        self.refused_within(&[], what, url, words);
    }

    /// The same with these `--limit`s.
    pub(crate) fn refused_within(&mut self, limits: &[&str], what: &str, url: &str, words: &str) {
        let before = Disk::visible(&self.world.project());
        let added = add(&self.world, url, limits);
        self.note(what, added.code == Some(1), &format!("ended with {:?}: {}", added.code, added.said));
        self.note(what, added.said.contains(words), &format!("doesn't say `{words}`: {}", added.said));
        if added.code != Some(0) {
            self.note(what, before == Disk::visible(&self.world.project()), "the project changed on disk");
        }
        self.bounded(what, &added);
    }

    /// The address loads, and `input show` says these words.
    pub(crate) fn loads(&mut self, what: &str, url: &str, words: &str) {
        let added = add(&self.world, url, &[]);
        self.note(what, added.code == Some(0), &format!("ended with {:?}: {}", added.code, added.said));
        if added.code == Some(0) {
            let shown = self.world.thymis(&["input", "show", "x"]).done().stdout;
            self.note(what, shown.contains(words), &format!("doesn't show `{words}`: {shown}"));
            self.note(what, !shown.contains(hidden), &format!("shows control characters: {shown:?}"));
        }
        self.bounded(what, &added);
    }

    /// The address loads or is refused; answers what was said.
    pub(crate) fn either(&mut self, what: &str, url: &str) -> String {
        self.either_within(&[], what, url)
    }

    /// The same with these `--limit`s.
    pub(crate) fn either_within(&mut self, limits: &[&str], what: &str, url: &str) -> String {
        let added = add(&self.world, url, limits);
        self.bounded(what, &added);
        added.said
    }

    pub(crate) fn note(&mut self, what: &str, right: bool, otherwise: &str) {
        if !right {
            self.wrong.push(format!("{what}: {otherwise}"));
        }
    }

    /// # Panics
    /// With everything that was wrong.
    #[track_caller]
    pub(crate) fn done(self) {
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
    }

    /// Whatever it came to; the next one meets a project and a cache without it.
    fn bounded(&mut self, what: &str, Added { code, said, peak }: &Added) {
        self.note(what, matches!(code, Some(0 | 1)), &format!("ended with {code:?}: {said}"));
        self.note(what, !said.contains("panicked"), said);
        self.note(what, said.len() <= SENTENCE, &format!("says {} bytes", said.len()));
        self.note(what, said.trim_end().lines().count() <= 1, &format!("says several lines: {said}"));
        self.note(what, !said.contains(hidden), &format!("says control characters: {said:?}"));
        self.note(what, *peak <= MEMORY, &format!("occupied {} MiB", peak >> 20));
        self.clean(what);
        if *code == Some(0) {
            *self = Self { wrong: std::mem::take(&mut self.wrong), ..Self::new() };
        }
    }

    /// The cache holds whole packs only, and not too much of them.
    fn clean(&mut self, what: &str) {
        let folder = copies(&self.world);
        let mut files = Vec::new();
        for entry in entries(&folder).filter(|entry| !self.others.contains(entry)) {
            list(&entry, &mut files);
            let _ = fs::remove_dir_all(&entry).or_else(|_| fs::remove_file(&entry));
        }
        let names: BTreeSet<&Path> = files.iter().map(|(path, _)| path.strip_prefix(&folder).unwrap()).collect();
        for name in &names {
            let half = match name.extension() {
                Some(extension) if extension == "pack" => !names.contains(name.with_extension("idx").as_path()),
                _ => ["new-", "tmp", "pack_git2"]
                    .iter()
                    .any(|begin| name.components().any(|part| part.as_os_str().to_string_lossy().starts_with(begin))),
            };
            self.note(what, !half, &format!("left {}", name.display()));
        }
        let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        self.note(what, bytes <= LEFT, &format!("left {} MiB", bytes >> 20));
    }
}

/// Where the program keeps what it fetched.
fn copies(world: &World) -> PathBuf {
    world.home().join("cache/thymis/repositories")
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path())
}

/// Files with their lengths.
fn list(path: &Path, files: &mut Vec<(PathBuf, u64)>) {
    if path.is_dir() {
        entries(path).for_each(|entry| list(&entry, files));
    } else {
        files.push((path.to_owned(), path.metadata().unwrap().len()));
    }
}

/// What may not reach a terminal.
fn hidden(c: char) -> bool {
    let invisible = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    c.is_control() && c != '\n' || invisible.iter().any(|range| range.contains(&c))
}

/// Adds an address as the input `x`, and watches what that takes.
fn add(world: &World, url: &str, limits: &[&str]) -> Added {
    let (out, err) = (world.path().join("stdout"), world.path().join("stderr"));
    let begin = Instant::now();
    let mut child = Program::command(&world.home())
        .args(limits.iter().flat_map(|limit| ["--limit", limit]))
        .args(["input", "add", "x", url])
        .current_dir(world.project())
        .stdout(fs::File::create(out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        let family = family(child.id());
        peak = peak.max(family.iter().map(|process| occupied(*process)).sum());
        if begin.elapsed() > PATIENCE || peak > 2 * MEMORY {
            child.kill().unwrap();
            child.wait().unwrap();
            for process in family.into_iter().skip(1) {
                let _ = Command::new("kill").args(["-9", &process.to_string()]).stderr(Stdio::null()).status();
            }
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let said = String::from_utf8_lossy(&fs::read(err).unwrap()).into_owned();
    Added { code, said, peak }
}

/// A process and those below it.
fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().filter_map(Result::ok) {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().flat_map(|child| family(child.parse().unwrap())));
    }
    all
}

/// The most bytes of memory that a process ever occupied at once, but for files that it mapped.
fn occupied(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
