//! Trees of types as the WIT package's flat table: a type names only earlier ones.

use super::{Effect, Field, Shape, Test, Type};
use crate::{Json, wit};

/// The table, and the row of `root`.
pub(crate) fn table(root: Type) -> (Vec<wit::SettingType>, wit::TypeId) {
    let mut table = Table(Vec::new());
    let root = table.add(root);
    (table.0, root)
}

pub(crate) fn extra(key: &str, value: &Json) -> wit::Extra {
    wit::Extra { key: key.to_owned(), value: value.to_string() }
}

struct Table(Vec<wit::SettingType>);

impl Table {
    fn add(&mut self, type_: Type) -> wit::TypeId {
        let shape = match type_.shape {
            Shape::Scalar(name) => wit::Shape::Scalar(name.to_owned()),
            Shape::Select(choices) => wit::Shape::Select(
                choices
                    .into_iter()
                    .map(|(value, label)| wit::Choice { value: value.to_owned(), label: label.into_wit() })
                    .collect(),
            ),
            Shape::Group(fields) => wit::Shape::Group(fields.into_iter().map(|field| self.setting(field)).collect()),
            Shape::List(item) => wit::Shape::List(self.add(*item)),
            Shape::Map(item) => wit::Shape::Map(self.add(*item)),
        };
        let row = wit::SettingType {
            shape,
            constraints: type_.constraints.iter().map(|(key, value)| extra(key, value)).collect(),
        };
        // A select or scalar that is used often stands in the table once.
        let position = self.0.iter().position(|present| *present == row).unwrap_or_else(|| {
            self.0.push(row);
            self.0.len() - 1
        });
        u32::try_from(position).unwrap_or(u32::MAX)
    }

    fn setting(&mut self, field: Field) -> wit::Setting {
        let formerly = (!field.formerly.is_empty()).then(|| extra("formerly", &Json::from(field.formerly)));
        wit::Setting {
            key: field.key,
            type_: self.add(field.type_),
            label: field.label.into_wit(),
            description: field.description.into_wit(),
            required: field.required,
            default: field.default.map(|value| value.to_string()),
            example: field.example.map(|value| value.to_string()),
            conditions: field.conditions.into_iter().map(condition).collect(),
            extra: formerly.into_iter().collect(),
        }
    }
}

fn condition((when, effect): (Vec<Test>, Effect)) -> wit::Condition {
    wit::Condition {
        when: when.into_iter().map(|test| wit::Test { setting: test.subject, any_of: texts(&test.any_of) }).collect(),
        effect: match effect {
            Effect::Visible => wit::Effect::Visible,
            Effect::Required => wit::Effect::Required,
            Effect::Allowed(values) => wit::Effect::Allowed(texts(&values)),
        },
    }
}

fn texts(values: &[Json]) -> Vec<wit::Json> {
    values.iter().map(ToString::to_string).collect()
}
