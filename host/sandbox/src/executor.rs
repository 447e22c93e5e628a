//! Calls beside an async runtime.
//!
//! A call takes processor time until it is done, so it would hold up whatever else a runtime's thread has to do. Here it
//! runs on one of a fixed number of threads, and the runtime awaits a message. No component gets all of the threads: what
//! others ask for goes past the queue of one that is slow or hostile.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use thymis_core::digest::Digest;
use tokio::sync::oneshot;

use crate::fault::{Error, HostFault};

/// Stack of a thread that runs calls. Guests have stacks of their own; this is for checking and printing their answers.
const STACK: usize = 8 << 20;

/// Runs calls for an async program. Its threads end when it is dropped and their calls are done.
#[derive(Debug)]
pub struct Executor {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Calls of one component at the same time.
    share: usize,
    /// Calls that may wait.
    waiting: usize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("share", &self.share).field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    running: BTreeMap<Digest, usize>,
    closed: bool,
}

struct Job {
    component: Digest,
    run: Box<dyn FnOnce() + Send>,
}

impl Executor {
    /// # Errors
    /// A thread can't be started.
    pub fn new(threads: usize, waiting_calls: u64) -> Result<Self, HostFault> {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            share: threads.saturating_sub(1).max(1),
            waiting: usize::try_from(waiting_calls).unwrap_or(usize::MAX),
        });
        let executor = Self { shared };
        for _ in 0..threads {
            let shared = executor.shared.clone();
            std::thread::Builder::new()
                .name("sandbox-call".into())
                .stack_size(STACK)
                .spawn(move || shared.work())
                .map_err(|source| HostFault::Thread { purpose: "runs calls", source })?;
        }
        Ok(executor)
    }

    /// Runs a call of this component, and whatever the caller does with its answer. One that nobody waits for any more
    /// isn't begun.
    ///
    /// # Errors
    /// Those of the call, and [`HostFault::Busy`].
    pub async fn run<T, E>(
        &self,
        component: Digest,
        call: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let run = Box::new(move || {
            if !sender.is_closed() {
                // Dropping the sender tells of a panic.
                if let Ok(answer) = catch_unwind(AssertUnwindSafe(call)) {
                    let _ = sender.send(answer);
                }
            }
        });
        self.shared.add(Job { component, run }).map_err(Error::from)?;
        receiver.await.unwrap_or_else(|_| Err(Error::from(HostFault::Panic).into()))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) -> Result<(), HostFault> {
        let mut queue = self.lock();
        if queue.waiting.len() >= self.waiting {
            return Err(HostFault::Busy { allowed: self.waiting as u64 });
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            (job.run)();
            self.done(job.component);
        }
    }

    /// The first whose component hasn't its share already; none when there won't be any.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            let Queue { waiting, running, closed } = &mut *queue;
            let fits = |job: &Job| running.get(&job.component).is_none_or(|count| *count < self.share);
            if let Some(job) = waiting.iter().position(fits).and_then(|index| waiting.remove(index)) {
                *running.entry(job.component).or_default() += 1;
                return Some(job);
            }
            if *closed && waiting.is_empty() {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, component: Digest) {
        let mut queue = self.lock();
        if let Some(count) = queue.running.get_mut(&component) {
            *count -= 1;
            if *count == 0 {
                queue.running.remove(&component);
            }
        }
        drop(queue);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// One thread for everything asynchronous.
    fn runtime() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    fn call<T: Send + 'static>(
        executor: &Arc<Executor>,
        component: &[u8],
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + 'static {
        let (executor, component) = (executor.clone(), Digest::of(component));
        async move { executor.run(component, move || Ok(call())).await }
    }

    #[test]
    fn a_call_that_takes_long_holds_up_nothing_else() {
        let executor = Arc::new(Executor::new(2, 8).unwrap());
        let answer = runtime().block_on(async {
            let (sender, receiver) = mpsc::channel();
            // Ends only when somebody else on this runtime's only thread has got on.
            let long = tokio::spawn(call(&executor, b"a", move || receiver.recv().unwrap()));
            tokio::task::yield_now().await;
            sender.send("go on").unwrap();
            long.await.unwrap().unwrap()
        });
        assert_eq!(answer, "go on");
    }

    #[test]
    fn one_component_never_has_all_threads() {
        let executor = Arc::new(Executor::new(3, 100).unwrap());
        runtime().block_on(async {
            let (sender, receiver) = mpsc::channel::<()>();
            let receiver = Arc::new(Mutex::new(receiver));
            // More than there are threads, each waiting for the other component's call.
            let hostile: Vec<_> = (0..10)
                .map(|_| {
                    let receiver = receiver.clone();
                    tokio::spawn(call(&executor, b"hostile", move || receiver.lock().unwrap().recv().is_err()))
                })
                .collect();
            tokio::task::yield_now().await;
            call(&executor, b"good", move || drop(sender)).await.unwrap();
            for call in hostile {
                assert!(call.await.unwrap().unwrap());
            }
        });
    }

    #[test]
    fn too_many_that_wait_are_refused_and_a_panic_is_one_calls_end() {
        let executor = Arc::new(Executor::new(1, 1).unwrap());
        runtime().block_on(async {
            let (started, starts) = tokio::sync::oneshot::channel();
            let (sender, receiver) = mpsc::channel::<()>();
            let running = tokio::spawn(call(&executor, b"a", move || {
                started.send(()).unwrap();
                receiver.recv().is_err()
            }));
            starts.await.unwrap();
            let waiting = tokio::spawn(call(&executor, b"a", || panic!("a mistake in the host")));
            tokio::task::yield_now().await;
            let refused = call(&executor, b"b", || ()).await.unwrap_err();
            insta::assert_snapshot!(refused, @"too many calls are waiting: the limit `waiting_calls` is 1; try again later");
            drop(sender);
            assert!(running.await.unwrap().unwrap());
            let panicked: Error = waiting.await.unwrap().unwrap_err();
            insta::assert_snapshot!(panicked, @"a call ended in a panic of the host: please report this");
            assert_eq!(call(&executor, b"a", || 7).await.unwrap(), 7);
        });
    }

    #[test]
    fn what_nobody_waits_for_is_not_begun() {
        let executor = Arc::new(Executor::new(1, 8).unwrap());
        runtime().block_on(async {
            let (sender, receiver) = mpsc::channel::<()>();
            let running = tokio::spawn(call(&executor, b"a", move || receiver.recv().is_err()));
            tokio::task::yield_now().await;
            let begun = Arc::new(Mutex::new(false));
            let mark = begun.clone();
            let left = tokio::spawn(call(&executor, b"a", move || *mark.lock().unwrap() = true));
            tokio::task::yield_now().await;
            left.abort();
            assert!(left.await.unwrap_err().is_cancelled());
            drop(sender);
            running.await.unwrap().unwrap();
            call(&executor, b"a", || ()).await.unwrap();
            assert!(!*begun.lock().unwrap());
        });
    }
}
