use serde::{Deserialize, Serialize};

/// Bounds on one fetch. Each can be changed by its name in [`FetchLimits::bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchLimits {
    /// Bytes received.
    pub bytes: u64,
    /// Git objects received.
    pub objects: u64,
    /// Branches and tags that the repository has.
    pub refs: u64,
    /// Seconds in which at least [`FetchLimits::PACE`] bytes have to arrive.
    pub stall_seconds: u64,
    /// Seconds from beginning to end.
    pub total_seconds: u64,
    /// Seconds of processor time of the process that fetches.
    pub cpu_seconds: u64,
    /// Bytes of memory of that process; what it maps from files isn't counted.
    pub memory_bytes: u64,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            objects: 5_000_000,
            refs: 100_000,
            stall_seconds: 60,
            total_seconds: 3600,
            cpu_seconds: 300,
            memory_bytes: 1 << 30,
        }
    }
}

impl FetchLimits {
    /// What counts as a sign of life, in bytes.
    pub const PACE: u64 = 4 << 10;

    /// All of them: name, what it bounds, value.
    pub fn all(&mut self) -> [(&'static str, &'static str, &mut u64); 7] {
        [
            ("fetch_bytes", "bytes received", &mut self.bytes),
            ("fetch_objects", "git objects received", &mut self.objects),
            ("fetch_refs", "branches and tags of a repository", &mut self.refs),
            ("fetch_stall_seconds", "seconds in which next to nothing arrives", &mut self.stall_seconds),
            ("fetch_total_seconds", "seconds from beginning to end", &mut self.total_seconds),
            ("fetch_cpu_seconds", "seconds of processor time", &mut self.cpu_seconds),
            ("fetch_memory_bytes", "bytes of memory to unpack what was received", &mut self.memory_bytes),
        ]
    }

    /// The bound of this name, to be changed.
    pub fn bound(&mut self, name: &str) -> Option<&mut u64> {
        self.all().into_iter().find(|(known, ..)| *known == name).map(|(_, _, bound)| bound)
    }
}
