//! The consent log of a project, held against what was committed.

use std::collections::BTreeSet;

use thymis_core::consent::{self, Action, Log, LogError, Record};

use super::{Project, ProjectError};
use crate::git::{HistoryError, Oid};

impl Project {
    /// The consent log, which has what the branch has. In a merge it may have what the other side has instead; what either
    /// side revoked is in it.
    ///
    /// # Errors
    /// When the file can't be read, its chain is broken, or lines are gone.
    pub fn consent(&self) -> Result<Log, ProjectError> {
        let mut bytes = self.read(consent::FILE)?.unwrap_or_default();
        // As git may have written it; a line has no such character in it.
        bytes.retain(|byte| *byte != b'\r');
        let mut log = self.whole_log(&bytes)?;
        if let Some(other) = self.repository.merging()? {
            for side in self.repository.head()?.into_iter().chain([other]) {
                keep_revocations(&mut log, &self.committed_log(side)?)?;
            }
        }
        Ok(log)
    }

    pub(super) fn whole_log(&self, bytes: &[u8]) -> Result<Log, ProjectError> {
        let log = Log::parse(bytes)?;
        let Some(head) = self.repository.head()? else { return Ok(log) };
        if bytes.starts_with(self.committed_log(head)?.bytes()) {
            return Ok(log);
        }
        if let Some(other) = self.repository.merging()?
            && let Some(common) = self.repository.common(head, other)?
        {
            // Otherwise a branch without a log, or with a cut one, would take the lines of both away.
            let (theirs, common) = (self.committed_log(other)?, self.committed_log(common)?);
            let is_log = theirs.head().is_some() && theirs.bytes().starts_with(common.bytes());
            if is_log && bytes.starts_with(theirs.bytes()) {
                return Ok(log);
            }
        }
        Err(ProjectError::LogCut)
    }

    /// Empty where it was committed broken: that is no measure.
    fn committed_log(&self, commit: Oid) -> Result<Log, ProjectError> {
        let tree = self.repository.tree_of(commit)?;
        let bytes = self.repository.read(tree, consent::FILE, consent::MAX_BYTES).map_err(HistoryError::from)?;
        Ok(bytes.and_then(|bytes| Log::parse(&bytes).ok()).unwrap_or_default())
    }
}

/// Adds what another log revoked, so that it counts after what this one accepted.
fn keep_revocations(log: &mut Log, other: &Log) -> Result<(), LogError> {
    let key = |record: &Record| {
        let is_revocation = matches!(record.action, Action::Revoked { .. });
        is_revocation.then(|| (record.at, record.input.clone(), record.grant))
    };
    let here: BTreeSet<_> = log.records().filter_map(|(_, record)| key(record)).collect();
    let is_lost = |record: &&Record| key(record).is_some_and(|key| !here.contains(&key));
    let lost: Vec<Record> = other.records().map(|(_, record)| record).filter(is_lost).cloned().collect();
    lost.into_iter().try_for_each(|record| log.append(record).map(|_| ()))
}
