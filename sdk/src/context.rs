use crate::{Json, wit};

/// Where the module is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    instance: String,
    target: Target,
    device_type: Option<String>,
    system: Option<String>,
    values: Vec<(String, Json)>,
}

/// What has the module: one device's configuration, or a tag that several share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its identifier.
    Configuration(String),
    /// Its identifier.
    Tag(String),
}

impl Context {
    pub(crate) fn from_wit(instance: String, target: wit::Target, context: Vec<wit::Extra>) -> Self {
        let values = context.into_iter().filter_map(|e| Some((e.key, serde_json::from_str(&e.value).ok()?))).collect();
        let wit::Target { kind, id, device_type, system } = target;
        let target = match kind {
            wit::TargetKind::Configuration => Target::Configuration(id),
            wit::TargetKind::Tag => Target::Tag(id),
        };
        Self { instance, target, device_type, system, values }
    }

    /// Tells apart two uses of the module in one target; a valid part of a systemd unit's name.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    #[must_use]
    pub fn is_tag(&self) -> bool {
        matches!(self.target, Target::Tag(_))
    }

    /// Such as `raspberry-pi-4`. Absent for a tag: its devices may differ.
    #[must_use]
    pub fn device_type(&self) -> Option<&str> {
        self.device_type.as_deref()
    }

    /// Such as `aarch64-linux`. Absent for a tag: use [`crate::nix::system`], which is known when the device is built.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    /// The controller's own URL.
    #[must_use]
    pub fn controller_url(&self) -> Option<&str> {
        self.get("controller-url").and_then(Json::as_str)
    }

    /// How a device of this type can be installed, the usual way first; empty where that isn't known.
    #[must_use]
    pub fn image_formats(&self) -> Vec<&str> {
        let formats = self.get("image-formats").and_then(Json::as_array);
        formats.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// Anything else that the host says.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.values.iter().find(|(present, _)| present == key).map(|(_, value)| value)
    }
}
