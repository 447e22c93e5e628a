//! Settings that fulfil their schema.

use serde::Serialize;
use serde_json::Value;

use super::shape::Secret;

/// Validated settings: defaults filled in, hidden settings left out, settings in the schema's order, maps sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    plain: Value,
    /// Only where it differs from `plain`.
    opaque: Option<Value>,
    handles: Vec<Handle>,
    device_types: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandleKind {
    Secret,
    Artifact,
}

/// What a module sees in place of a secret or an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// `secret:0`, `artifact:1`: numbered in the order of appearance.
    pub handle: String,
    pub kind: HandleKind,
    /// The name of the secret or artifact.
    pub value: String,
    /// Where it stands: a JSON pointer into [`Settings::plain`].
    pub pointer: String,
    /// What the schema says of a secret.
    pub secret: Option<Secret>,
}

impl Settings {
    pub(super) fn new(plain: Value, handles: Vec<Handle>, device_types: Vec<(String, String)>) -> Self {
        let opaque = (!handles.is_empty()).then(|| {
            let mut opaque = plain.clone();
            for handle in &handles {
                if let Some(value) = opaque.pointer_mut(&handle.pointer) {
                    *value = Value::from(handle.handle.as_str());
                }
            }
            opaque
        });
        Self { plain, opaque, handles, device_types }
    }

    /// The object that the module sees: handles in place of secrets and artifacts.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.opaque.as_ref().unwrap_or(&self.plain)
    }

    /// The object with the names of secrets and artifacts.
    #[must_use]
    pub fn plain(&self) -> &Value {
        &self.plain
    }

    #[must_use]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Values that have to be device types of the project, each with a JSON pointer into [`Settings::plain`].
    #[must_use]
    pub fn device_types(&self) -> &[(String, String)] {
        &self.device_types
    }

    /// What a module meant, if the handle stood in its settings.
    #[must_use]
    pub fn resolve(&self, handle: &str) -> Option<&Handle> {
        let index: usize = handle.split_once(':')?.1.parse().ok()?;
        self.handles.get(index).filter(|known| known.handle == handle)
    }

    /// The text that a setting stands for in a pattern of options; `key` are the keys from the outermost setting.
    #[must_use]
    pub fn text(&self, key: &[String]) -> Option<String> {
        self.get(&key.join("."))?.as_str().map(str::to_owned)
    }

    /// The value at keys joined by dots, such as `server.port`, with the names of secrets and artifacts.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.plain, |value, key| value.as_object()?.get(key))
    }
}
