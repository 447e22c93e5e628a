//! Compiling components, behind an interface: a service compiles in a process of its own.

use thymis_core::untrusted;
use wasmtime::Engine;

use crate::fault::words;

/// Stack of the compiling thread. Readers of nested types recurse (see `Limits::type_section_bytes`); only touched pages
/// cost memory.
const STACK: usize = 64 << 20;

/// Turns a component that [`crate::inspect`] has passed into wasmtime's precompiled form, for the engine whose settings
/// the sandbox has.
///
/// Wasmtime bounds neither the time nor the memory of a compilation, so an implementation for a service must.
pub trait Compiler: Send + Sync {
    /// # Errors
    /// [`CompileError::Invalid`] where the component is at fault.
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("the component is invalid: {0}")]
    Invalid(String),
    #[error("the compiler failed: {0}")]
    Failed(String),
}

/// Compiles in this process, without bounds on time and memory: for the command line and tests.
#[derive(Debug, Clone)]
pub struct InProcess {
    engine: Engine,
}

impl InProcess {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

impl Compiler for InProcess {
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        // A thread of its own, as the caller's stack may be small.
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("sandbox-compile".into())
                .stack_size(STACK)
                .spawn_scoped(scope, || self.engine.precompile_component(bytes))
                .map_err(|error| CompileError::Failed(error.to_string()))?
                .join()
                .map_err(|panic| {
                    let panic = panic.downcast_ref::<String>().map_or("", String::as_str);
                    CompileError::Failed(format!("it panicked: {}", untrusted::short(panic)))
                })?
                .map_err(|error| CompileError::Invalid(words(&error)))
        })
    }
}
