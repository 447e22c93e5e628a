//! One call of one export: a fresh store, an instance, the call, and nothing left of it.
//!
//! Guests run on a fiber (wasmtime's `call_async`), never on the caller's stack: guest code may use
//! `Limits::stack_bytes`, and a synchronous call on a thread with less than that left (a rayon or tokio worker, a test)
//! ends in an abort of the process instead of a trap. The pool keeps the fibers' stacks: measured, an instance and a call
//! take 6.7 µs this way and 6.0 µs synchronously. Nothing that a guest can call waits for anything, so the future is
//! polled once, without an executor.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use thymis_core::{untrusted, wire};
use wasmtime::{Store, Trap};

use crate::bindings::v0_1::{ModuleProviderPre, exports::thymis::module::module::Guest};
use crate::engine::deadline_ticks;
use crate::fault::{Error, FaultKind, HostFault, ModuleFault, words};
use crate::lift::Budget;
use crate::limits::{LimitExceeded, Limits};
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
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) limit: &'static str,
    pub(crate) fuel: u64,
}

/// What calls share.
pub(crate) struct Caller<'a> {
    pub(crate) pre: &'a ModuleProviderPre<State>,
    pub(crate) limits: &'a Limits,
    pub(crate) slots: &'a Slots,
    pub(crate) wasi: bool,
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

impl Failure {
    fn is_timeout(&self) -> bool {
        match self {
            Self::Instantiation(error) | Self::Call(error) => error.downcast_ref() == Some(&Trap::Interrupt),
            Self::Waits => false,
        }
    }
}

impl Caller<'_> {
    /// Calls an export and lifts its answer.
    pub(crate) fn call<T, U>(
        &self,
        export: Export,
        call: impl AsyncFn(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
        lift: impl FnOnce(T, &mut Budget<'_>) -> Result<U, LimitExceeded>,
    ) -> Result<Outcome<U>, Error> {
        let slot = self.slots.one();
        let mut attempt = self.attempt(export, &call)?;
        drop(slot);
        if attempt.result.as_ref().is_err_and(Failure::is_timeout) {
            // Perhaps the machine was busy: once more, alone, before it is the module's fault.
            let _alone = self.slots.alone();
            attempt = self.attempt(export, &call)?;
        }

        let Attempt { result, fuel, state } = attempt;
        let mut usage = Usage {
            fuel,
            memory_bytes: state.ceiling.memory_bytes,
            output_bytes: 0,
            said: state.wasi.as_ref().map(|wasi| untrusted::lines(&wasi.said())).unwrap_or_default(),
        };
        let fault = |kind, said| Error::ModuleFault(ModuleFault { call: export.name, kind, said });
        match result {
            Ok(answer) => {
                let mut budget = Budget::new(self.limits);
                match lift(answer, &mut budget) {
                    Ok(answer) => {
                        usage.output_bytes = budget.output_bytes();
                        Ok(Outcome { answer, usage })
                    }
                    Err(limit) => Err(fault(limit.into(), usage.said)),
                }
            }
            Err(failure) => Err(fault(self.kind(export, failure, state)?, usage.said)),
        }
    }

    fn attempt<T>(
        &self,
        export: Export,
        call: &impl AsyncFn(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<Attempt<T>, HostFault> {
        let mut store = Store::new(self.pre.engine(), State::new(self.limits, self.wasi));
        store.limiter(|state| &mut state.ceiling);
        store.set_hostcall_fuel(usize::try_from(self.limits.hostcall_fuel).unwrap_or(usize::MAX));
        // Both are armed before instantiation: a start function and a `realloc` are guest code too.
        store.set_fuel(export.fuel).map_err(HostFault::engine)?;
        store.epoch_deadline_trap();
        store.set_epoch_deadline(deadline_ticks(self.limits));

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
    fn kind(&self, export: Export, failure: Failure, state: State) -> Result<FaultKind, HostFault> {
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
            None if instantiation => return Err(HostFault::engine(error)),
            None => FaultKind::Crossing { reason: words(&error), allowed: self.limits.hostcall_fuel },
        })
    }
}

/// Between this version's types and the latest ones.
pub(crate) mod v0_1 {
    crate::lift!(crate::bindings::v0_1::exports::thymis::module::module);
}

pub(crate) type Migrated = Result<wire::Json, Vec<wire::Problem>>;
