//! For module authors: new repositories, components, a look at what a module answers, tests of it, and the permissions that
//! it needs.

mod build;
mod case;
mod permissions;
mod run;
mod situation;
mod snapshot;
mod template;
mod test;
mod touch;
mod unused;

pub use build::{BuildError, Built, build};
pub use case::{Case, CaseError, Cases, Fault, LIMIT, Tried};
pub use permissions::{Needed, NeededError, needed};
pub use run::{Component, Run, RunError, inspect, run};
pub use situation::{DeviceKind, Situation, Subject};
pub use template::{NewError, WIT, new, write_sdk};
pub use test::{Failure, Report, TestError, components, module, test};
pub use touch::{Touch, touches};
pub use unused::{Use, unused};
