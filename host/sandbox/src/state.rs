//! What a store holds during one call.

use thymis_core::untrusted;
use wasmtime::ResourceLimiter;

use crate::bindings::v0_1::thymis::module::diagnostics;
use crate::limits::{Limits, within};
use crate::wasi::Wasi;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ceiling: Ceiling,
    pub(crate) diagnostics: Diagnostics,
    /// Present for components that may import WASI.
    pub(crate) wasi: Option<Box<Wasi>>,
}

impl State {
    pub(crate) fn new(limits: &Limits, wasi: bool) -> Self {
        Self {
            ceiling: Ceiling::new(limits),
            diagnostics: Diagnostics::new(limits),
            wasi: wasi.then(|| Box::new(Wasi::new(limits))),
        }
    }
}

/// Bounds memories and tables. A refusal traps instead of failing the guest's `memory.grow`: the fault then names the
/// limit, and a guest's outcome can't depend on how much it was given.
#[derive(Debug)]
pub(crate) struct Ceiling {
    memory_allowed: u64,
    /// Bytes of all memories. They never shrink, so this is the peak.
    pub(crate) memory_bytes: u64,
    table_allowed: u64,
    instances: u64,
    memories: u64,
    tables: u64,
}

impl Ceiling {
    fn new(limits: &Limits) -> Self {
        Self {
            memory_allowed: limits.memory_bytes,
            memory_bytes: 0,
            table_allowed: limits.table_elements,
            instances: limits.instances,
            memories: limits.memories,
            tables: limits.tables,
        }
    }
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl ResourceLimiter for Ceiling {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        within("memory_bytes", self.memory_allowed, total)?;
        let grows = maximum.is_none_or(|maximum| desired <= maximum);
        if grows {
            self.memory_bytes = total;
        }
        Ok(grows)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        within("table_elements", self.table_allowed, desired as u64)?;
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        // Beside the core instances, wasmtime counts the component itself.
        count(self.instances).saturating_add(1)
    }

    fn memories(&self) -> usize {
        count(self.memories)
    }

    fn tables(&self) -> usize {
        count(self.tables)
    }
}

/// What a module said through `diagnostics`. Wasmtime bounds one call's arguments; a guest that calls in a loop passes
/// any total, so the totals are kept here.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    calls: u64,
    calls_allowed: u64,
    bytes_left: u64,
    /// Message and place of the last panic, neutralised.
    pub(crate) panic: Option<(String, String)>,
}

impl Diagnostics {
    fn new(limits: &Limits) -> Self {
        Self { calls: 0, calls_allowed: limits.diagnostics_calls, bytes_left: limits.diagnostics_bytes, panic: None }
    }

    fn keep(&mut self, text: &str) -> String {
        let end = text.floor_char_boundary(count(self.bytes_left));
        self.bytes_left -= end as u64;
        let (kept, rest) = text.split_at(end);
        let mut kept = untrusted::lines(kept);
        if !rest.is_empty() {
            kept.push('…');
        }
        kept
    }
}

impl diagnostics::Host for State {
    fn panicked(&mut self, message: String, location: String) -> wasmtime::Result<()> {
        let it = &mut self.diagnostics;
        it.calls = within("diagnostics_calls", it.calls_allowed, it.calls.saturating_add(1))?;
        it.panic = Some((it.keep(&message), untrusted::short(&location)));
        Ok(())
    }
}
