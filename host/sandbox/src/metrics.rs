//! What modules cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thymis_core::digest::Digest;

use crate::call::Usage;

/// All calls of one module of one component, since the sandbox was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    pub calls: u64,
    /// Calls that ended in a fault of the module.
    pub faults: u64,
    /// From start to end, without waiting for a slot.
    pub time: Duration,
    pub fuel: u64,
    /// The highest of a call.
    pub memory_bytes: u64,
}

/// Whose metrics: a component, and the name of one of its modules; empty for `describe`, which is about all of them.
pub type MetricsKey = (Digest, String);

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<MetricsKey, Metrics>>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<MetricsKey, Metrics>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, component: Digest, module: &str, time: Duration, usage: &Usage, fault: bool) {
        let mut ledger = self.lock();
        let it = ledger.entry((component, module.to_owned())).or_default();
        it.calls = it.calls.saturating_add(1);
        it.faults = it.faults.saturating_add(fault.into());
        it.time = it.time.saturating_add(time);
        it.fuel = it.fuel.saturating_add(usage.fuel);
        it.memory_bytes = it.memory_bytes.max(usage.memory_bytes);
    }

    pub(crate) fn all(&self) -> BTreeMap<MetricsKey, Metrics> {
        self.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_add_up_and_memory_is_the_highest() {
        let (ledger, component) = (Ledger::default(), Digest::of(b"component"));
        let usage = |fuel, memory_bytes| Usage { fuel, memory_bytes, ..Usage::default() };
        ledger.record(component, "a", Duration::from_millis(2), &usage(10, 300), false);
        ledger.record(component, "a", Duration::from_millis(3), &usage(5, 200), true);
        ledger.record(component, "b", Duration::from_millis(1), &usage(1, 1), false);
        let all = ledger.all();
        let a = Metrics { calls: 2, faults: 1, time: Duration::from_millis(5), fuel: 15, memory_bytes: 300 };
        assert_eq!(all[&(component, "a".to_owned())], a);
        assert_eq!(all.len(), 2);
    }
}
