use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// No file system's times are coarser.
const GRAIN: Duration = Duration::from_secs(2);

/// What the file system says of a file. While it says the same, the file holds the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file that is read after `now`. `None`: it was changed so recently that its times can't tell the next change.
    pub(crate) fn of(metadata: &Metadata, now: SystemTime) -> Option<Self> {
        let stamp = Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            // The one of the two times that nobody can set.
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        let settled = now.checked_sub(GRAIN)?.duration_since(UNIX_EPOCH).ok()?;
        (stamp.changed.0 < i64::try_from(settled.as_secs()).ok()?).then_some(stamp)
    }
}
