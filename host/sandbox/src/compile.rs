//! Compiling components, behind an interface: see [`crate::worker`] for the one that a service uses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thymis_core::untrusted;
use wasmtime::Engine;

use crate::fault::words;
use crate::limits::LimitExceeded;

/// Stack of the compiling thread. Readers of nested types recurse (see `Limits::type_section_bytes`); only touched pages
/// cost memory.
pub(crate) const STACK: usize = 64 << 20;

/// Turns a component that [`crate::inspect`] has passed into wasmtime's precompiled form, for the engine whose settings
/// the sandbox has.
///
/// Wasmtime bounds neither the time nor the memory of a compilation, so an implementation for strangers' components must.
pub trait Compiler: Send + Sync {
    /// # Errors
    /// [`CompileError::Invalid`] and [`CompileError::Bound`] where the component is at fault.
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("the component is invalid: {0}")]
    Invalid(String),
    #[error(transparent)]
    Bound(#[from] CompileBound),
    #[error("the compiled component is too large: {0}")]
    Large(#[from] LimitExceeded),
    #[error("the compiler failed: {0}")]
    Failed(String),
}

/// What compiling a component took too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompileBound {
    #[error(
        "compiling the component takes too much processor time: the limit `compile_cpu_ms` allows {allowed_ms} ms for so \
         much code, with `compile_cpu_ms_per_mib`; make it smaller or simpler, or choose higher limits"
    )]
    Time { allowed_ms: u64 },
    #[error(
        "compiling the component takes too much memory: the limit `compile_memory_bytes` allows {allowed_bytes} \
         bytes for so much code, with `compile_memory_bytes_per_mib`; make it smaller or simpler, or choose \
         higher limits"
    )]
    Memory { allowed_bytes: u64 },
}

/// Compiles in this process, without bounds on time and memory: for tests, and for what the program itself brings.
#[derive(Debug, Clone)]
pub struct InProcess {
    engine: Engine,
}

impl InProcess {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }

    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }
}

impl Compiler for InProcess {
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        // A thread of its own, as the caller's stack may be small.
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("sandbox-compile".into())
                .stack_size(STACK)
                .spawn_scoped(scope, || compile(&self.engine, bytes))
                .map_err(|error| CompileError::Failed(error.to_string()))?
                .join()
                .map_err(|_| CompileError::Failed("its thread ended".into()))?
        })
    }
}

pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    // What it can't compile it mostly says, and in some places it panics. Either comes from the component alone.
    catch_unwind(AssertUnwindSafe(|| engine.precompile_component(bytes)))
        .map_err(|panic| {
            let panic = panic.downcast_ref::<String>().map_or("", String::as_str);
            CompileError::Invalid(format!("the compiler gave up: {}", untrusted::short(panic)))
        })?
        .map_err(|error| CompileError::Invalid(words(&error)))
}
