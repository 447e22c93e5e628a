/// Bounds on one `nix` process. Each can be changed by its name in [`NixLimits::bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NixLimits {
    /// Seconds from beginning to end.
    pub seconds: u64,
    /// Seconds of processor time.
    pub cpu_seconds: u64,
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Bytes of what it prints, and of what it says.
    pub output_bytes: u64,
    /// Bytes that it may write into its store.
    pub store_bytes: u64,
    /// Bytes that completing a lock may receive.
    pub received_bytes: u64,
}

impl Default for NixLimits {
    fn default() -> Self {
        Self {
            seconds: 600,
            cpu_seconds: 600,
            memory_bytes: 4 << 30,
            output_bytes: 64 << 20,
            store_bytes: 1 << 30,
            received_bytes: 2 << 30,
        }
    }
}

impl NixLimits {
    /// The highest value of each: what the kernel takes for a size, and more seconds than anybody waits.
    pub const CEILING: u64 = 1 << 40;

    /// All of them: name, what it bounds, value.
    pub fn all(&mut self) -> [(&'static str, &'static str, &mut u64); 6] {
        [
            ("nix_seconds", "seconds from beginning to end", &mut self.seconds),
            ("nix_cpu_seconds", "seconds of processor time", &mut self.cpu_seconds),
            ("nix_memory_bytes", "bytes of address space", &mut self.memory_bytes),
            ("nix_output_bytes", "bytes that Nix prints", &mut self.output_bytes),
            ("nix_store_bytes", "bytes that Nix writes into its store", &mut self.store_bytes),
            ("nix_received_bytes", "bytes received to pin inputs of inputs", &mut self.received_bytes),
        ]
    }

    /// The bound of this name, to be changed.
    pub fn bound(&mut self, name: &str) -> Option<&mut u64> {
        self.all().into_iter().find(|(known, ..)| *known == name).map(|(_, _, bound)| bound)
    }
}
