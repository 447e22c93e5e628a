//! Types of settings as trees; [`super::table`] makes the WIT package's flat table of them.

use super::Value;
use crate::{Json, Localized};

/// What values look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    pub shape: Shape,
    /// Keys and values of the WIT package's `setting-type.constraints`.
    pub constraints: Vec<(&'static str, Json)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One of the WIT package's names.
    Scalar(&'static str),
    Select(Vec<(&'static str, Localized)>),
    Group(Vec<Field>),
    List(Box<Type>),
    Map(Box<Type>),
}

/// One setting of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub key: String,
    pub type_: Type,
    pub label: Localized,
    pub description: Localized,
    pub required: bool,
    pub default: Option<Json>,
    pub example: Option<Json>,
    pub formerly: Vec<&'static str>,
    pub conditions: Vec<(Vec<Test>, Effect)>,
}

/// Holds where the setting `subject` has one of the values.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// A sibling's key, `/an/absolute/path` or `@target`.
    pub subject: String,
    pub any_of: Vec<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Visible,
    Required,
    /// Only these values.
    Allowed(Vec<Json>),
}

impl Type {
    fn new(shape: Shape) -> Self {
        Self { shape, constraints: Vec::new() }
    }

    #[must_use]
    pub fn scalar(name: &'static str) -> Self {
        Self::new(Shape::Scalar(name))
    }

    #[must_use]
    pub fn select(choices: Vec<(&'static str, Localized)>) -> Self {
        Self::new(Shape::Select(choices))
    }

    #[must_use]
    pub fn group(fields: Vec<Field>) -> Self {
        Self::new(Shape::Group(fields))
    }

    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::new(Shape::List(Box::new(item)))
    }

    #[must_use]
    pub fn map(item: Self) -> Self {
        Self::new(Shape::Map(Box::new(item)))
    }

    /// Adds a constraint or replaces the one that the Rust type brings.
    #[must_use]
    pub fn constrain(mut self, key: &'static str, value: Json) -> Self {
        match self.constraints.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = value,
            None => self.constraints.push((key, value)),
        }
        self
    }
}

impl Test {
    pub fn new(subject: impl Into<String>, any_of: Vec<Json>) -> Self {
        Self { subject: subject.into(), any_of }
    }
}

impl Field {
    #[must_use]
    pub fn new<T: Value>(key: &str, label: Localized, description: Localized) -> Self {
        Self {
            key: key.to_owned(),
            type_: T::type_(),
            label,
            description,
            required: !T::OPTIONAL,
            default: None,
            example: None,
            formerly: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// With a default, the setting isn't required.
    #[must_use]
    pub fn default(mut self, value: Json) -> Self {
        self.default = Some(value);
        self.required = false;
        self
    }

    #[must_use]
    pub fn example(mut self, value: Json) -> Self {
        self.example = Some(value);
        self
    }

    #[must_use]
    pub fn constrain(mut self, key: &'static str, value: Json) -> Self {
        self.type_ = self.type_.constrain(key, value);
        self
    }

    /// Changes the type of the items of a list or map.
    #[must_use]
    pub fn items(mut self, change: impl FnOnce(Type) -> Type) -> Self {
        if let Shape::List(item) | Shape::Map(item) = &mut self.type_.shape {
            let before = std::mem::replace(item.as_mut(), Type::scalar("bool"));
            **item = change(before);
        }
        self
    }

    #[must_use]
    pub fn formerly(mut self, key: &'static str) -> Self {
        self.formerly.push(key);
        self
    }

    #[must_use]
    pub fn condition(mut self, when: Vec<Test>, effect: Effect) -> Self {
        self.conditions.push((when, effect));
        self
    }
}
