//! A module that can be called: a component in the sandbox, or one that is part of this program.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use thymis_core::wire;
use thymis_sandbox::{Budget, Component, Limits, Outcome, Usage};

mod lifted {
    thymis_sandbox::lift!(thymis_sdk::wit::bindings::exports::thymis::module::module);
}

/// Something that answers `describe`, `migrate` and `generate`.
#[derive(Debug, Clone)]
pub enum Module {
    Component(Component),
    Native(Native),
}

/// A component's crate, linked natively. Its answers are bounded like anyone's.
#[derive(Clone)]
pub struct Native {
    component: thymis_sdk::Component,
    limits: Arc<Limits>,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Native")
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Sandbox(#[from] thymis_sandbox::Error),
    #[error("the built-in module's answer is too large")]
    Limit(#[from] thymis_sandbox::LimitExceeded),
    #[error("the built-in module panicked: please report this")]
    Panic,
}

impl Native {
    #[must_use]
    pub fn new(component: thymis_sdk::Component, limits: Limits) -> Self {
        Self { component, limits: Arc::new(limits) }
    }

    fn call<T>(&self, call: impl FnOnce(&thymis_sdk::Component) -> T) -> Result<T, CallError> {
        catch_unwind(AssertUnwindSafe(|| call(&self.component))).map_err(|_| CallError::Panic)
    }
}

impl Module {
    /// # Errors
    /// The module's or the host's fault.
    pub fn describe(&self) -> Result<Outcome<Vec<wire::Descriptor>>, CallError> {
        match self {
            Self::Component(component) => Ok(component.describe()?),
            Self::Native(native) => {
                let descriptors = native.call(thymis_sdk::Component::describe)?;
                let answer = lifted::descriptors(descriptors, &mut Budget::new(&native.limits))?;
                Ok(Outcome { answer, usage: Usage::default() })
            }
        }
    }

    /// # Errors
    /// The module's or the host's fault.
    pub fn migrate(
        &self,
        name: &str,
        from_version: u32,
        settings: &str,
    ) -> Result<Result<wire::Json, Vec<wire::Problem>>, CallError> {
        match self {
            Self::Component(component) => Ok(component.migrate(name, from_version, settings)?.answer),
            Self::Native(native) => {
                let answer = native.call(|component| component.migrate(name, from_version, settings))?;
                Ok(lifted::migrated(answer, &mut Budget::new(&native.limits))?)
            }
        }
    }

    /// # Errors
    /// The module's or the host's fault.
    pub fn generate(&self, request: &wire::Request) -> Result<Outcome<wire::Answer>, CallError> {
        match self {
            Self::Component(component) => Ok(component.generate(request)?),
            Self::Native(native) => {
                let answer = native.call(|component| component.generate(lifted::request(request.clone())))?;
                let answer = lifted::answer(answer, &mut Budget::new(&native.limits))?;
                Ok(Outcome { answer, usage: Usage::default() })
            }
        }
    }
}
