//! Which permissions nothing used that was tried.
//!
//! An operator may see this before accepting anything, so components of strangers are called here. That gives them nothing:
//! the sandbox has no files, network or clock to offer, an answer is only looked at, and the same calls would follow the
//! acceptance. What they could take is time, which is bounded by fuel over all calls together, so that everybody sees the
//! same result. A module that behaves well only here gains nothing either: permissions are enforced on every generation,
//! and "nothing used it" is no promise.

use std::collections::BTreeMap;

use thymis_core::{
    expr::{Configuration, Trust},
    grant::Accepted,
    permission::Access,
    schema::Descriptor,
};
use thymis_sandbox::Sandbox;

use super::{case::Cases, situation::Subject, touch::touches};
use crate::{input::Offer, module::Module};

/// Most cases of one module.
const CASES: usize = 60;
/// Most fuel of all calls together: two or three seconds of a machine.
const FUEL: u64 = 4_000_000_000;
/// Most modules of one offer, and failed calls of one module: what they used isn't known.
const MODULES: usize = 64;
const FAULTS: usize = 2;

/// What trying said about one permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    Used,
    /// Nothing that was tried used it.
    Unused,
    /// Used, but never with the force that it includes.
    NeverForced,
    /// The component couldn't be tried.
    Unknown,
}

impl Use {
    /// For a person who is about to accept the permission; nothing where there is nothing to point out.
    #[must_use]
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::Used | Self::Unknown => None,
            Self::Unused => Some("nothing that was tried used it"),
            Self::NeverForced => Some("nothing that was tried used its force"),
        }
    }
}

/// For each component's file, what was found of each of its permissions.
#[must_use]
pub fn unused(sandbox: &Sandbox, offer: &Offer) -> BTreeMap<String, Vec<Use>> {
    let mut budget = Budget { fuel: FUEL, modules: MODULES };
    offer
        .terms
        .components
        .iter()
        .map(|(file, terms)| {
            let bytes = offer.components.get(file).map_or(&[][..], Vec::as_slice);
            let uses = uses(sandbox, bytes, &terms.permissions, &mut budget);
            (file.clone(), uses.unwrap_or_else(|| vec![Use::Unknown; terms.permissions.len()]))
        })
        .collect()
}

struct Budget {
    fuel: u64,
    modules: usize,
}

fn uses(sandbox: &Sandbox, bytes: &[u8], permissions: &[Accepted], budget: &mut Budget) -> Option<Vec<Use>> {
    if permissions.is_empty() {
        return Some(Vec::new());
    }
    // What `describe` takes isn't told: that it may be called at all has its price.
    budget.fuel = budget.fuel.checked_sub(sandbox.limits().describe_fuel / 2)?;
    let wasi = permissions.iter().any(|accepted| accepted.permission.access == Access::Wasi);
    let component = sandbox.load(bytes, wasi).ok()?;
    let imports_wasi = component.inspection().wasi().next().is_some();
    let module = Module::Component(component);
    let descriptors = Descriptor::check_all(module.describe().ok()?.answer).ok()?;

    let mut uses = vec![Use::Unused; permissions.len()];
    for (accepted, found) in permissions.iter().zip(&mut uses) {
        if accepted.permission.access == Access::Wasi && imports_wasi {
            *found = Use::Used;
        }
    }
    let limit = sandbox.limits().generate_fuel;
    for descriptor in &descriptors {
        budget.modules = budget.modules.checked_sub(1)?;
        let subject = Subject { module: &module, descriptor, permissions: None, trust: Trust::External };
        let mut faults = 0;
        for case in Cases::of(descriptor, &[], CASES).ok()?.list {
            match case.probe(subject) {
                Ok((answer, fuel)) => {
                    budget.fuel = budget.fuel.checked_sub(fuel)?;
                    let Some((answer, settings)) = answer else { continue };
                    let Ok(configuration) = Configuration::check(answer, Trust::External) else { continue };
                    note(&configuration, &settings, permissions, &mut uses);
                }
                Err(_) => {
                    budget.fuel = budget.fuel.checked_sub(limit)?;
                    faults += 1;
                    if faults > FAULTS {
                        return None;
                    }
                }
            }
        }
    }
    Some(uses)
}

fn note(
    configuration: &Configuration,
    settings: &thymis_core::schema::Settings,
    permissions: &[Accepted],
    uses: &mut [Use],
) {
    for touch in touches(configuration) {
        for (accepted, found) in permissions.iter().zip(&mut *uses) {
            *found = found.and(&touch, &accepted.permission.access, settings);
        }
    }
}

impl Use {
    /// What is known after one more thing was touched.
    pub(super) fn and(
        self,
        touch: &super::touch::Touch,
        access: &Access,
        settings: &thymis_core::schema::Settings,
    ) -> Self {
        if self == Self::Used || !touch.is_covered(access, settings) {
            return self;
        }
        if matches!(access, Access::Option { force: true, .. }) && !touch.is_forced() {
            return Self::NeverForced;
        }
        Self::Used
    }
}
