//! Why an evaluation failed, read from what `nix --log-format internal-json --show-trace` wrote to standard error.
//!
//! Nix quotes strangers, who can throw any text and add any trace entry. They can't write a line of the log or give an
//! error that they throw a place, so `infinite-recursion`, `stack-overflow`, `out-of-memory`, `import-from-derivation` and
//! `missing-output` are Nix's own word. `option`, `throw`, `forbidden`, `fetch`, the option and who is blamed may be made up:
//! they say where to look.

mod cause;
mod log;
mod module_error;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{nix::Blame, store_path::SourcePath, untrusted};

/// Longest message, in bytes.
pub const MAX_MESSAGE: usize = 8 << 10;
/// Most lines of a trace, and most failed assertions.
pub const MAX_LINES: usize = 100;
/// Most files that are blamed.
pub const MAX_BLAMED: usize = 16;
/// Longest line of a trace, and longest name of an option or a file, in bytes.
pub const MAX_LINE: usize = untrusted::MESSAGE;

/// All texts are fit for a terminal and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub cause: Cause,
    /// Lines. Empty where Nix said nothing, or so much that its error is cut off.
    pub message: String,
    /// As NixOS writes it, such as `services.x."a.b".port`.
    pub option: Option<String>,
    /// Those who defined the option, or else whose definitions were being evaluated, innermost first. Distinct.
    pub blamed: Vec<Blamed>,
    /// What assertions of the configuration say, where they failed.
    pub assertions: Vec<String>,
    /// Where the error is. What is thrown has none in Nix before 2.14.
    pub position: Option<Position>,
    /// What Nix was doing, innermost first.
    pub trace: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The configuration can't be generated. The caller says so.
    NotGenerated,
    /// NixOS refuses a definition, a declaration or a module.
    Option,
    /// `throw`, `abort`, `assert`, or an assertion of NixOS.
    Throw,
    /// A flake has no such output: an attribute is missing where a generated file takes it from `inputs`. Whether the file
    /// is the project's tells [`Position::source`].
    MissingOutput,
    ImportFromDerivation,
    InfiniteRecursion,
    StackOverflow,
    /// Nix got no more memory. It may go on for ever after that: then the caller has to stop it.
    OutOfMemory,
    /// The caller stopped it. The caller says so.
    Timeout,
    /// Pure or restricted evaluation forbids it.
    Forbidden,
    /// Something can't be fetched, or isn't what was locked.
    Fetch,
    Other,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    /// As NixOS names it.
    pub file: String,
    /// Where the name is one of ours.
    pub origin: Option<Blame>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub file: String,
    pub line: u64,
    pub column: u64,
}

impl Blamed {
    fn new(file: &str) -> Self {
        let origin = if file.len() <= MAX_LINE { file.parse().ok() } else { None };
        Self { file: line(file), origin }
    }

    /// The tree that the file is in, of an input for example, and its path there.
    #[must_use]
    pub fn source(&self) -> Option<(SourcePath, &str)> {
        SourcePath::split(&self.file)
    }
}

impl Position {
    /// The tree that the file is in, of an input for example, and its path there.
    #[must_use]
    pub fn source(&self) -> Option<(SourcePath, &str)> {
        SourcePath::split(&self.file)
    }
}

/// Reads everything that an evaluation which failed wrote to standard error, or the beginning of it.
#[must_use]
pub fn diagnose(log: &[u8]) -> Diagnosis {
    let log = log::read(log);
    let mut diagnosis = Diagnosis {
        cause: Cause::Other,
        message: String::new(),
        option: None,
        blamed: Vec::new(),
        assertions: Vec::new(),
        position: None,
        trace: Vec::new(),
    };
    let Some(end) = &log.end else {
        // A collector that gets no memory goes on collecting until somebody stops it.
        diagnosis.cause = if log.no_memory { Cause::OutOfMemory } else { Cause::Other };
        diagnosis.message = lines(&log.plain);
        return diagnosis;
    };
    match end {
        log::End::StackOverflow(text) => {
            diagnosis.cause = Cause::StackOverflow;
            diagnosis.message = lines(text);
        }
        log::End::Bare(text) => {
            diagnosis.cause = if text == "out of memory" { Cause::OutOfMemory } else { Cause::Other };
            diagnosis.message = lines(text);
        }
        log::End::Error(error) => explain(error, &log.plain, &mut diagnosis),
    }
    diagnosis
}

fn explain(error: &log::Error, plain: &str, diagnosis: &mut Diagnosis) {
    let refused = module_error::read(&error.text);
    diagnosis.cause = cause::of(error, refused.as_ref());
    let mut text = Cow::Borrowed(error.text.trim());
    if diagnosis.cause == Cause::Fetch && !plain.is_empty() {
        // Nix only says that git failed; git says why.
        text = format!("{text}\n{plain}").into();
    }
    diagnosis.message = lines(&text);
    let refused = refused.unwrap_or_default();
    // All of a configuration stands behind an assertion, so the trace would blame whoever comes first.
    let traced = refused.assertions.is_empty();
    let frames = || error.trace.iter().map(|frame| frame.text.as_str()).filter(|_| traced);
    let named = refused.option.or_else(|| frames().find_map(module_error::option_of_frame));
    diagnosis.option = named.map(line);
    let mut files = refused.files;
    if files.is_empty() {
        files.extend(frames().filter_map(module_error::file_of_frame));
    }
    for file in files {
        let blamed = Blamed::new(file);
        if diagnosis.blamed.len() < MAX_BLAMED && !diagnosis.blamed.contains(&blamed) {
            diagnosis.blamed.push(blamed);
        }
    }
    diagnosis.assertions = refused.assertions.iter().take(MAX_LINES).map(|text| lines(text)).collect();
    let position = |frame: &log::Frame| {
        let (line_number, column) = (frame.line, frame.column);
        frame.file.as_deref().map(|file| Position { file: line(file), line: line_number, column })
    };
    let thrown = || error.trace.first().filter(|frame| cause::is_throw(frame)).and_then(position);
    diagnosis.position = position(&error.place).or_else(thrown);
    diagnosis.trace = error.trace.iter().take(MAX_LINES).map(trace_line).collect();
}

fn trace_line(frame: &log::Frame) -> String {
    let text = frame.text.trim();
    match &frame.file {
        Some(file) => format!("{} at {}:{}:{}", line(text), line(file), frame.line, frame.column),
        None => line(text),
    }
}

fn line(text: &str) -> String {
    shown(text, MAX_LINE, untrusted::line)
}

fn lines(text: &str) -> String {
    shown(text.trim(), MAX_MESSAGE, untrusted::lines)
}

/// Escapes are longer than what they stand for, so it is cut again after that.
fn shown(text: &str, bytes: usize, show: impl Fn(&str) -> String) -> String {
    untrusted::cut(&show(&untrusted::cut(text, bytes)), bytes).into_owned()
}
