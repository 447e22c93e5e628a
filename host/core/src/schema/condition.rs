//! When a setting is visible, required, or limited to some values.

use std::sync::Arc;

use serde_json::Value;

use super::{
    limits,
    problem::{Problems, SchemaCode},
};
use crate::{untrusted::short, wire};

/// Where all of `when` hold, `effect` holds. Several [`Effect::Visible`]: one of them must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub when: Vec<Test>,
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Visible,
    Required,
    /// The setting must have one of these values.
    Allowed(Arc<[Value]>),
}

/// Holds where the subject has one of the values; what is hidden or absent has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub subject: Subject,
    pub any_of: Arc<[Value]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The key of a setting in the same group.
    Sibling(String),
    /// Keys from the outermost group, no list or map among them.
    Absolute(Vec<String>),
    /// `configuration` or `tag`.
    Target,
}

impl Condition {
    /// Whether the forms are right. What the subjects are is checked once all types are known.
    pub(super) fn check(problems: &mut Problems, place: &str, condition: wire::Condition) -> Option<Self> {
        if !problems.within(place, "tests in one condition", condition.when.len(), limits::TESTS) {
            return None;
        }
        let effect = match condition.effect {
            wire::Effect::Visible => Effect::Visible,
            wire::Effect::Required => Effect::Required,
            wire::Effect::Allowed(values) => Effect::Allowed(json_values(problems, place, "`allowed`", values)?),
        };
        let mut when = Vec::with_capacity(condition.when.len());
        for wire::Test { setting, any_of } in condition.when {
            let any_of = json_values(problems, place, &format!("the test of `{}`", short(&setting)), any_of)?;
            let subject = match setting.strip_prefix('/') {
                _ if setting == "@target" => Subject::Target,
                None if setting.starts_with('@') => {
                    problems.unknown(place, "the subject of a condition", &setting);
                    return None;
                }
                None => Subject::Sibling(setting),
                Some(path) => Subject::Absolute(path.split('/').map(str::to_owned).collect()),
            };
            when.push(Test { subject, any_of });
        }
        Some(Self { when, effect })
    }
}

fn json_values(problems: &mut Problems, place: &str, what: &str, values: Vec<wire::Json>) -> Option<Arc<[Value]>> {
    if values.is_empty() {
        problems.push(place, SchemaCode::Condition, format!("{what} lists no values, so it can never hold"));
        return None;
    }
    if !problems.within(place, &format!("values in {what}"), values.len(), limits::TEST_VALUES) {
        return None;
    }
    values.iter().map(|text| super::constraint::json(problems, place, what, text)).collect()
}

/// Equality of two single values: `1` and `1.0` are the same number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}
