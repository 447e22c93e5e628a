//! One call of one export: a fresh store, an instance, the call, and nothing left of it.
//!
//! Guests run on a fiber (wasmtime's `call_async`), never on the caller's stack: guest code may use
//! `Limits::stack_bytes`, and a synchronous call on a thread with less than that left (a rayon or tokio worker, a test)
//! ends in an abort of the process instead of a trap. The pool keeps the fibers' stacks: measured, an instance and a call
//! take 6.7 µs this way and 6.0 µs synchronously. Nothing that a guest can call waits for anything, so the future is
//! polled once, without an executor.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use thymis_core::{digest::Digest, untrusted, wire};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use crate::bindings::v0_1::{ModuleProviderPre, exports::thymis::module::module::Guest};
use crate::engine::ticks;
use crate::fault::{Error, FaultKind, HostFault, ModuleFault, words};
use crate::lift::Budget;
use crate::limits::{LimitExceeded, Limits};
use crate::metrics::Ledger;
use crate::slots::Slots;
use crate::state::State;

/// What one call used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Units of fuel, about one WebAssembly instruction each; the same on every machine.
    pub fuel: u64,
    /// Bytes of linear memory at the end, which is the peak.
    pub memory_bytes: u64,
    /// Bytes of text in the answer.
    pub output_bytes: u64,
    /// What the module wrote to its standard output and error (with WASI): bounded, neutralised.
    pub said: String,
}

/// An answer and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<T> {
    pub answer: T,
    pub usage: Usage,
}

/// Which export, and the fuel it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export<'a> {
    pub(crate) name: &'static str,
    /// The module that it is about; empty where it is about all of them.
    pub(crate) module: &'a str,
    pub(crate) limit: &'static str,
    pub(crate) fuel: u64,
}

/// What calls share.
pub(crate) struct Caller<'a> {
    pub(crate) pre: &'a ModuleProviderPre<State>,
    pub(crate) limits: &'a Limits,
    pub(crate) slots: &'a Slots,
    pub(crate) wasi: bool,
    pub(crate) ledger: &'a Ledger,
    pub(crate) component: Digest,
}

/// A finished attempt: its store is gone, and with it its place in the pool.
struct Attempt<T> {
    result: Result<T, Failure>,
    fuel: u64,
    state: State,
}

enum Failure {
    Instantiation(wasmtime::Error),
    Call(wasmtime::Error),
    Waits,
}

/// Interrupts the guest after so much processor time of this thread. The epoch ticks in wall-clock time, of which a guest
/// on a busy machine gets a part only: where the deadline hasn't come by then, it is moved by what is left.
fn arm(store: &mut Store<State>, deadline: Duration) {
    let start = processor_time();
    store.set_epoch_deadline(ticks(deadline));
    store.epoch_deadline_callback(move |_| {
        let left = deadline.saturating_sub(processor_time().saturating_sub(start));
        Ok(if left.is_zero() { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(ticks(left)) })
    });
}

/// Of this thread, which a call never leaves.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

impl Caller<'_> {
    /// Calls an export and lifts its answer.
    pub(crate) fn call<T, U>(
        &self,
        export: Export<'_>,
        call: impl AsyncFn(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
        lift: impl FnOnce(T, &mut Budget<'_>) -> Result<U, LimitExceeded>,
    ) -> Result<Outcome<U>, Error> {
        let slot = self.slots.one();
        let start = Instant::now();
        let Attempt { result, fuel, state } = self.attempt(export, call)?;
        let time = start.elapsed();
        drop(slot);

        let mut usage = Usage {
            fuel,
            memory_bytes: state.ceiling.memory_bytes,
            output_bytes: 0,
            said: state.wasi.as_ref().map(|wasi| untrusted::lines(&wasi.said())).unwrap_or_default(),
        };
        let lifted = match result {
            Ok(answer) => {
                let mut budget = Budget::new(self.limits);
                let lifted = lift(answer, &mut budget);
                usage.output_bytes = budget.output_bytes();
                lifted.map_err(FaultKind::from)
            }
            Err(failure) => Err(self.kind(export, failure, state)?),
        };
        self.ledger.record(self.component, export.module, time, &usage, lifted.is_err());
        match lifted {
            Ok(answer) => Ok(Outcome { answer, usage }),
            Err(kind) => Err(ModuleFault { call: export.name, kind, said: usage.said }.into()),
        }
    }

    fn attempt<T>(
        &self,
        export: Export<'_>,
        call: impl AsyncFn(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<Attempt<T>, HostFault> {
        let mut store = Store::new(self.pre.engine(), State::new(self.limits, self.wasi));
        store.limiter(|state| &mut state.ceiling);
        store.set_hostcall_fuel(usize::try_from(self.limits.hostcall_fuel).unwrap_or(usize::MAX));
        // Both are armed before instantiation: a start function and a `realloc` are guest code too.
        store.set_fuel(export.fuel).map_err(HostFault::engine)?;
        arm(&mut store, Duration::from_millis(self.limits.deadline_ms));

        let result = {
            let run = pin!(async {
                let instance = self.pre.instantiate_async(&mut store).await.map_err(Failure::Instantiation)?;
                call(instance.thymis_module_module(), &mut store).await.map_err(Failure::Call)
            });
            match run.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(Failure::Waits),
            }
        };
        let fuel = export.fuel.saturating_sub(store.get_fuel().unwrap_or(export.fuel));
        Ok(Attempt { result, fuel, state: store.into_data() })
    }

    /// Whose fault a failure is, told by types.
    fn kind(&self, export: Export<'_>, failure: Failure, state: State) -> Result<FaultKind, HostFault> {
        let (error, instantiation) = match failure {
            Failure::Waits => return Ok(FaultKind::Waits),
            Failure::Instantiation(error) => (error, true),
            Failure::Call(error) => (error, false),
        };
        if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
            return Ok(FaultKind::Limit(*limit));
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Ok(FaultKind::Exit { code: exit.0 });
        }
        Ok(match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => FaultKind::OutOfFuel { limit: export.limit, allowed: export.fuel },
            Some(Trap::Interrupt) => FaultKind::Timeout { allowed_ms: self.limits.deadline_ms },
            Some(Trap::StackOverflow) => FaultKind::Stack { allowed: self.limits.stack_bytes },
            Some(trap) => match (trap, state.diagnostics.panic) {
                (Trap::UnreachableCodeReached, Some((message, location))) => FaultKind::Panic { message, location },
                _ => FaultKind::Trap { reason: trap.to_string().trim_start_matches("wasm trap: ").into() },
            },
            // More instances than the pool has, though the gate in front of it lets no more in.
            None if instantiation && error.is::<PoolConcurrencyLimitError>() => return Err(HostFault::engine(error)),
            None => self.border(&error),
        })
    }

    /// What was wrong where data crosses. The library has no types for most of it.
    fn border(&self, error: &wasmtime::Error) -> FaultKind {
        let reason = words(error);
        let passed = |limit, allowed, requested| FaultKind::Limit(LimitExceeded { limit, allowed, requested });
        if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
            let allowed = self.limits.wasi_resources;
            return passed("wasi_resources", allowed, allowed.saturating_add(1));
        }
        let drawn = reason.strip_prefix("requested len ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let Some(drawn) = drawn {
            return passed("wasi_random_bytes", self.limits.wasi_random_bytes, drawn);
        }
        if reason.contains("fuel allocated for hostcalls") {
            return FaultKind::Crossing { allowed: self.limits.hostcall_fuel };
        }
        FaultKind::Border { reason }
    }
}

/// Between this version's types and the latest ones.
pub(crate) mod v0_1 {
    crate::lift!(crate::bindings::v0_1::exports::thymis::module::module);
}

pub(crate) type Migrated = Result<wire::Json, Vec<wire::Problem>>;
