use serde_json::Value;

use super::limits;

/// What is left for all descriptors of a component: many small modules are as much work as a large one.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) settings: usize,
    pub(super) tests: usize,
    json_values: usize,
    compiled: usize,
    pub(super) matching: usize,
    /// Problems that are looked into, also those that turn out to be known.
    pub(super) problems: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            settings: limits::EXPANDED_SETTINGS,
            tests: limits::EXPANDED_TESTS,
            json_values: limits::JSON_VALUES,
            compiled: limits::PATTERNS_COMPILED_BYTES,
            matching: limits::MATCHING,
            problems: 2 * limits::PROBLEMS,
        }
    }
}

impl Budget {
    /// Whether there is room for a default, an example or a constraint.
    pub(super) fn json(&mut self, value: &Value) -> bool {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            let Some(left) = self.json_values.checked_sub(1) else { return false };
            self.json_values = left;
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(entries) => open.extend(entries.values()),
                _ => {}
            }
        }
        true
    }

    /// Whether there is room for a pattern of that size.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.compiled
    }

    /// Takes the room for it, if there is some.
    pub(super) fn compile(&mut self, bytes: usize) -> bool {
        let left = self.compiled.checked_sub(bytes);
        self.compiled = left.unwrap_or_default();
        left.is_some()
    }
}
