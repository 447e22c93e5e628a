use serde::{Deserialize, Serialize};

use super::{Action, FILE, MAX_BYTES, MAX_LINE, MAX_LINES, Record, VERSION};
use crate::{
    digest::{Digest, NarHash, Revision},
    id::InputName,
    json::{self, JsonErrorKind},
};

/// Why there is no log, or a record can't be added to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error("{FILE} is {0} bytes long, {MAX_BYTES} are allowed: keep it under another name, and a new one is begun")]
    TooLong(usize),
    #[error("{FILE} has more than {MAX_LINES} lines: keep it under another name, and a new one is begun")]
    TooMany,
    #[error("{FILE}, line {line}: {kind}")]
    Line {
        /// From 1.
        line: usize,
        kind: LineError,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("the line is {0} bytes long, {MAX_LINE} are allowed")]
    TooLong(usize),
    #[error("the line ends too early: it was cut off; restore the file from git")]
    CutOff,
    #[error("there are conflict markers of a git merge: keep the lines of one side, the other's can't follow them")]
    Conflict,
    #[error("this is no record: {0}; restore the file from git")]
    Json(String),
    #[error("the record has version {0}, this Thymis knows version {VERSION}: update Thymis")]
    Newer(u64),
    #[error(
        "the line before it isn't the one that it was written after: lines were changed, removed or moved; restore the file from git"
    )]
    Previous,
}

/// The log of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    bytes: Vec<u8>,
    /// Each with the digest of its line.
    records: Vec<(Digest, Record)>,
}

/// An input at a revision, in [`Log::history`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Past<'a> {
    /// Seconds since 1970.
    pub since: u64,
    pub url: &'a str,
    pub revision: Revision,
    pub nar_hash: NarHash,
    /// What was accepted there, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Digest>,
}

/// What any version of a record has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Log {
    /// # Errors
    /// When a line is no record, or isn't after the line that it was written after. An empty file is an empty log.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_BYTES {
            return Err(LogError::TooLong(bytes.len()));
        }
        let mut records: Vec<(Digest, Record)> = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if records.len() == MAX_LINES {
                return Err(LogError::TooMany);
            }
            let fail = |kind| LogError::Line { line: records.len() + 1, kind };
            let record = read(line).map_err(fail)?;
            if record.previous != records.last().map(|(digest, _)| *digest) {
                return Err(fail(LineError::Previous));
            }
            records.push((Digest::of(line.strip_suffix(b"\n").unwrap_or(line)), record));
        }
        Ok(Self { bytes: bytes.to_vec(), records })
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes a record after the last one, and answers the digest of its line. What was there stays byte for byte.
    ///
    /// # Errors
    /// When the record or the log would become too long; nothing was added.
    pub fn append(&mut self, record: Record) -> Result<Digest, LogError> {
        let line = self.records.len() + 1;
        if line > MAX_LINES {
            return Err(LogError::TooMany);
        }
        let record = Record { version: VERSION, previous: self.head(), ..record };
        let fail = |kind| LogError::Line { line, kind };
        let bytes = serde_json::to_vec(&record).map_err(|error| fail(LineError::Json(error.to_string())))?;
        if bytes.len() > MAX_LINE {
            return Err(fail(LineError::TooLong(bytes.len())));
        }
        let total = self.bytes.len() + bytes.len() + 1;
        if total > MAX_BYTES {
            return Err(LogError::TooLong(total));
        }
        let digest = Digest::of(&bytes);
        self.bytes.extend(bytes);
        self.bytes.push(b'\n');
        self.records.push((digest, record));
        Ok(digest)
    }

    /// The digest of the last line.
    #[must_use]
    pub fn head(&self) -> Option<Digest> {
        self.records.last().map(|(digest, _)| *digest)
    }

    /// Every record with the digest of its line, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = (Digest, &Record)> + ExactSizeIterator {
        self.records.iter().map(|(digest, record)| (*digest, record))
    }

    /// Whether a line has that digest.
    #[must_use]
    pub fn contains(&self, line: &Digest) -> bool {
        self.records.iter().any(|(digest, _)| digest == line)
    }

    /// Whether a grant was accepted for this URL, by an operator or because an update asked for nothing more, and wasn't
    /// revoked since.
    #[must_use]
    pub fn accepted(&self, url: &str, grant: &Digest) -> bool {
        let about = |record: &&Record| record.grant == Some(*grant) && record.url.as_deref() == Some(url);
        let accepts = |record: &Record| match record.action {
            Action::Accepted | Action::Updated => Some(true),
            Action::Revoked { .. } => Some(false),
            _ => None,
        };
        self.records().rev().map(|(_, record)| record).filter(about).find_map(accepts).unwrap_or_default()
    }

    /// As [`Self::accepted`], for this input, under its present name or an earlier one.
    #[must_use]
    pub fn accepted_for(&self, input: &InputName, url: &str, grant: &Digest) -> bool {
        let accepts = |record: &&Record| {
            let accepts = matches!(record.action, Action::Accepted | Action::Updated);
            accepts && record.grant == Some(*grant) && record.url.as_deref() == Some(url)
        };
        self.accepted(url, grant) && self.about(input).iter().any(accepts)
    }

    /// What was done to an input since it was last added, newest first.
    fn about(&self, input: &InputName) -> Vec<&Record> {
        let mut name = input;
        let mut found = Vec::new();
        for (_, record) in self.records().rev() {
            match &record.action {
                Action::Renamed { to } if to == name => name = &record.input,
                _ if record.input != *name => {}
                // What comes before is another input's.
                Action::Renamed { .. } | Action::Removed => break,
                _ => found.push(record),
            }
        }
        found
    }

    /// The revisions that led to where an input is, since it was last added under this name or an earlier one, newest last.
    /// What it was rolled back from isn't among them. One that was removed or goes by another name has none.
    #[must_use]
    pub fn history(&self, input: &InputName) -> Vec<Past<'_>> {
        let mut way: Vec<Past<'_>> = Vec::new();
        for record in self.about(input).into_iter().rev() {
            let rolled_back = record.action == Action::RolledBack;
            let moves = rolled_back || matches!(record.action, Action::Added | Action::Accepted | Action::Updated);
            let Some(step) = record.past().filter(|_| moves) else { continue };
            let there = |past: &Past<'_>| (past.url, past.revision) == (step.url, step.revision);
            if let Some(at) = way.iter().rposition(there).filter(|_| rolled_back) {
                way.truncate(at + 1);
            } else {
                way.push(step);
            }
        }
        let mut past = way;
        // A revision is added, then accepted: that is one.
        past.dedup_by(|later, earlier| {
            let same = (later.url, later.revision, later.nar_hash) == (earlier.url, earlier.revision, earlier.nar_hash);
            let goes_on = same && (earlier.grant.is_none() || earlier.grant == later.grant);
            if goes_on {
                earlier.grant = later.grant;
            }
            goes_on
        });
        past
    }
}

/// One line with its newline.
fn read(line: &[u8]) -> Result<Record, LineError> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    if text.len() > MAX_LINE {
        return Err(LineError::TooLong(text.len()));
    }
    let parsed = json::object::<Record>(FILE, text).map_err(|error| error.kind);
    let version = match &parsed {
        Ok(record) => u64::from(record.version),
        Err(JsonErrorKind::Syntax { .. }) => {
            serde_json::from_slice::<Versioned>(text).map_or(u64::from(VERSION), |found| found.version)
        }
        Err(_) => u64::from(VERSION),
    };
    if version != u64::from(VERSION) {
        return Err(LineError::Newer(version));
    }
    match parsed {
        Ok(_) if text.len() == line.len() => Err(LineError::CutOff),
        Ok(record) => Ok(record),
        Err(JsonErrorKind::Truncated(_)) => Err(LineError::CutOff),
        Err(JsonErrorKind::Conflict(_)) => Err(LineError::Conflict),
        Err(JsonErrorKind::Syntax { column, message, .. }) => {
            Err(LineError::Json(format!("column {column}: {message}")))
        }
        Err(kind) => Err(LineError::Json(kind.to_string())),
    }
}
