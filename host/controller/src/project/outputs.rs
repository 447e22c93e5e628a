//! Whether the flakes have the outputs that a device's modules refer to.

use std::sync::Arc;

use thymis_core::{
    conflict::{Origin, TargetId},
    id::{InputName, TagId},
    instance::{Referred, Target},
    output::Missing,
    state::{Configuration, Use},
};

use super::{
    device,
    failure::{Failure, FailureKind, TOLD},
    generator::{Sections, TagOutput, Work},
};
use crate::why::{Asked, SettingUsed};

impl Work<'_> {
    /// The outputs that the flakes don't have for this device.
    pub(super) fn missing_outputs(
        &self,
        target: &Target,
        configuration: &Configuration,
        own: &Sections,
        tags: &[(&TagId, &TagOutput)],
    ) -> Vec<Failure> {
        let system = target.system.as_deref();
        let fail = |origin: Option<&Arc<Origin>>, kind| Failure {
            target: target.id.clone(),
            origin: origin.cloned(),
            kind: Arc::new(kind),
        };
        let mut failures = Vec::new();
        if let Some((input, module)) = device::imported(self.catalogue, configuration)
            && let Err(missing) = self.offered(input, module.segments(), system)
        {
            let place = "the device type".to_owned();
            failures.push(fail(None, self.no_output(place, input, missing, Vec::new())));
        }
        let of_tags = tags.iter().map(|(_, output)| &output.sections);
        for (origin, referred) in std::iter::once(own).chain(of_tags).flat_map(|sections| &sections.outputs) {
            let input = &origin.module.input;
            for Referred { path, place } in referred {
                if failures.len() == TOLD {
                    return failures;
                }
                let Err(missing) = self.offered(input, path, system) else { continue };
                let settings = self.leading_to(target, configuration, origin, path);
                failures.push(fail(Some(origin), self.no_output(format!("`{place}`"), input, missing, settings)));
            }
        }
        failures
    }

    fn offered(&self, input: &InputName, path: &[String], system: Option<&str>) -> Result<(), Missing> {
        self.catalogue.outputs(input).map_or(Ok(()), |outputs| outputs.check(path, system))
    }

    fn no_output(&self, place: String, input: &InputName, missing: Missing, settings: Vec<SettingUsed>) -> FailureKind {
        let entry = self.catalogue.inputs.get(input).and_then(|report| report.entry.as_ref());
        let revision = entry.map(|entry| entry.pin.revision.short()).unwrap_or_default();
        FailureKind::NoOutput { place, input: input.clone(), revision, missing: Box::new(missing), settings }
    }

    /// The settings of a use, in the configuration or one of its tags, that lead to an output.
    fn leading_to(
        &self,
        target: &Target,
        configuration: &Configuration,
        origin: &Arc<Origin>,
        path: &[String],
    ) -> Vec<SettingUsed> {
        let tag = match &origin.target {
            TargetId::Tag(tag) => self.state.tags.get(tag).map(|found| (tag, &found.value)),
            TargetId::Configuration(_) => None,
        };
        let (of_tag, uses) = match tag {
            Some((id, tag)) => (Some(Target::tag(id.clone(), tag.priority)), &tag.modules),
            None => (None, &configuration.modules),
        };
        let is_meant = |one: &&Use| self.catalogue.origin(&origin.target, one).is_ok_and(|other| other == *origin);
        let Some(one) = uses.iter().find(is_meant) else { return Vec::new() };
        let target = of_tag.as_ref().unwrap_or(target);
        Asked { state: self.state, catalogue: self.catalogue, target, origin, one }.leading_to(path)
    }
}
