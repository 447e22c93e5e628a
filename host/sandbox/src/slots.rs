//! How many calls run at once, and who runs alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A counted gate in front of the pool: more calls than it has slots would fail instead of waiting.
#[derive(Debug)]
pub(crate) struct Slots {
    all: u64,
    free: Mutex<u64>,
    changed: Condvar,
    /// Held by whoever gathers all slots: two of them would each hold half and wait for the other.
    gathering: Mutex<()>,
}

/// Held slots, given back on drop.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    slots: &'a Slots,
    count: u64,
}

impl Slots {
    pub(crate) fn new(all: u64) -> Self {
        let all = all.max(1);
        Self { all, free: Mutex::new(all), changed: Condvar::new(), gathering: Mutex::new(()) }
    }

    /// Waits for a slot.
    pub(crate) fn one(&self) -> Held<'_> {
        // Passing through here lets a gatherer go first.
        drop(lock(&self.gathering));
        self.take()
    }

    /// Waits until nobody else runs.
    pub(crate) fn alone(&self) -> Held<'_> {
        let _gathering = lock(&self.gathering);
        let mut held = self.take();
        while held.count < self.all {
            std::mem::forget(self.take());
            held.count += 1;
        }
        held
    }

    fn take(&self) -> Held<'_> {
        let mut free =
            self.changed.wait_while(lock(&self.free), |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Held { slots: self, count: 1 }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(&self.slots.free) += self.count;
        self.slots.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn alone_means_that_nobody_else_runs() {
        let slots = Slots::new(3);
        let running = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for index in 0..8 {
                let (slots, running) = (&slots, &running);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let alone = index < 2;
                        let _held = if alone { slots.alone() } else { slots.one() };
                        let before = running.fetch_add(1, Ordering::SeqCst);
                        assert!(before < if alone { 1 } else { 3 });
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(*lock(&slots.free), 3);
    }
}
