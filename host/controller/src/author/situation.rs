//! Where a module is asked while its author looks at it: no project is around it.

use std::sync::Arc;

use thymis_core::{
    conflict::{Origin, TargetId},
    expr::Trust,
    grant::Accepted,
    id::{ConfigurationId, IdError, InputName, InstanceId, ModuleId, TagId},
    instance::{self, Target},
    manifest::Manifest,
    schema::{Descriptor, Settings},
    state::{CONFIGURATION_PRIORITY, TAG_PRIORITY},
    wire,
};
use thymis_sandbox::Outcome;

use crate::module::{CallError, Module};

const CONTROLLER: &str = "https://controller.example.org";

/// One module of a component, and what its answers are held against.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub module: &'a Module,
    pub descriptor: &'a Descriptor,
    /// Absent: nothing is denied.
    pub permissions: Option<&'a [Accepted]>,
    pub trust: Trust,
}

/// A kind of device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKind {
    pub device_type: String,
    pub system: String,
    pub image_formats: Vec<String>,
}

impl DeviceKind {
    /// Those that a manifest adds.
    pub(super) fn of(manifest: &Manifest) -> impl Iterator<Item = Self> {
        manifest.device_types.iter().map(|entry| Self {
            device_type: entry.id.to_string(),
            system: entry.system.clone(),
            image_formats: entry.image_formats.clone(),
        })
    }

    pub(super) fn usual() -> Self {
        Self {
            device_type: "generic-x86_64".to_owned(),
            system: "x86_64-linux".to_owned(),
            image_formats: vec!["usb-stick-installer".to_owned(), "nixos-vm".to_owned(), "qcow".to_owned()],
        }
    }
}

/// What surrounds the settings in a request.
#[derive(Debug, Clone)]
pub struct Situation {
    pub(super) target: Target,
    /// Absent: called as the module.
    pub(super) instance: Option<InstanceId>,
    pub(super) controller_url: Option<&'static str>,
}

impl Situation {
    pub(super) fn configuration(kind: DeviceKind) -> Result<Self, IdError> {
        let id: ConfigurationId = "device".parse()?;
        let target = Target {
            id: TargetId::Configuration(id),
            priority: CONFIGURATION_PRIORITY,
            device_type: Some(kind.device_type),
            system: Some(kind.system),
            image_formats: kind.image_formats,
        };
        Ok(Self { target, instance: None, controller_url: Some(CONTROLLER) })
    }

    pub(super) fn tag() -> Result<Self, IdError> {
        let id: TagId = "tag".parse()?;
        let target = Target::tag(id, TAG_PRIORITY);
        Ok(Self { target, instance: None, controller_url: Some(CONTROLLER) })
    }

    pub(super) fn on(kind: wire::TargetKind) -> Result<Self, IdError> {
        match kind {
            wire::TargetKind::Configuration => Self::configuration(DeviceKind::usual()),
            wire::TargetKind::Tag => Self::tag(),
        }
    }

    pub(super) fn origin(&self, descriptor: &Descriptor) -> Result<Arc<Origin>, IdError> {
        let input: InputName = "this".parse()?;
        Ok(Arc::new(Origin {
            target: self.target.id.clone(),
            instance: self.instance.clone().unwrap_or_else(|| InstanceId::from(&descriptor.name)),
            module: ModuleId { input, name: descriptor.name.clone() },
        }))
    }

    pub(super) fn ask(
        &self,
        subject: Subject<'_>,
        origin: &Origin,
        settings: &Settings,
    ) -> Result<Outcome<wire::Answer>, CallError> {
        subject.module.generate(&instance::request(&self.target, origin, settings, self.controller_url))
    }

    /// The file in which that section stands alone.
    pub(super) fn file(&self, section: &str) -> String {
        match &self.target.id {
            TargetId::Configuration(id) => thymis_core::nix::host(id, &[], &[section]),
            TargetId::Tag(id) => thymis_core::nix::tag(id, &[section]),
        }
    }
}
