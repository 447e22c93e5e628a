//! How many run at once.

use std::sync::{Condvar, Mutex, PoisonError};

/// A counted gate: in front of the pool of instances, which fails where more want in than it has places, and in front of
/// the processes that compile.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<u64>,
    given_back: Condvar,
}

/// A held slot, given back on drop.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(all: u64) -> Self {
        Self { free: Mutex::new(all.max(1)), given_back: Condvar::new() }
    }

    /// Waits for a slot.
    pub(crate) fn one(&self) -> Held<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.given_back.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Held(self)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_run_than_there_are_slots() {
        let (slots, running) = (Slots::new(3), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _held = slots.one();
                        assert!(running.fetch_add(1, Ordering::SeqCst) < 3);
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(*slots.free.lock().unwrap(), 3);
    }
}
