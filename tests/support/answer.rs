use serde_json::Value;
use thymis_core::wire::{Attr, Call, Check, Configuration, Definition, Expr, Part, Reference, Strength};

/// A module's answer, built id by id, with nothing checked: what a hostile module could return.
#[derive(Debug, Default, Clone)]
pub struct Answer(pub Configuration);

impl Answer {
    pub fn push(&mut self, expr: Expr) -> u32 {
        self.0.exprs.push(expr);
        u32::try_from(self.0.exprs.len() - 1).unwrap()
    }

    pub fn text(&mut self, text: &str) -> u32 {
        self.push(Expr::Text(vec![Part::Literal(text.to_owned())]))
    }

    pub fn list(&mut self, items: impl Into<Vec<u32>>) -> u32 {
        self.push(Expr::List(items.into()))
    }

    pub fn attrs(&mut self, attrs: &[(&str, u32)]) -> u32 {
        let attr = |(name, value): &(&str, u32)| Attr { name: (*name).to_owned(), value: *value };
        self.push(Expr::Attrs(attrs.iter().map(attr).collect()))
    }

    pub fn reference(&mut self, root: &str, path: &[&str]) -> u32 {
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        self.push(Expr::Ref(Reference { root: root.to_owned(), path }))
    }

    pub fn call(&mut self, function: &str, arguments: impl Into<Vec<u32>>) -> u32 {
        self.push(Expr::Call(Call { function: function.to_owned(), arguments: arguments.into() }))
    }

    /// JSON as expressions, innermost first.
    pub fn data(&mut self, data: &Value) -> u32 {
        let expr = match data {
            Value::Null => Expr::Null,
            Value::Bool(value) => Expr::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => Expr::Int(value),
                None => Expr::Float(number.as_f64().unwrap()),
            },
            Value::String(text) => Expr::Text(vec![Part::Literal(text.clone())]),
            Value::Array(items) => Expr::List(items.iter().map(|item| self.data(item)).collect()),
            Value::Object(entries) => Expr::Attrs(
                entries.iter().map(|(name, value)| Attr { name: name.clone(), value: self.data(value) }).collect(),
            ),
        };
        self.push(expr)
    }

    pub fn define(&mut self, path: &[&str], value: u32, strength: Strength) -> &mut Self {
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        self.0.definitions.push(Definition { path, value, strength });
        self
    }

    pub fn check(&mut self, fatal: bool, holds: Option<u32>, message: &str) -> &mut Self {
        self.0.checks.push(Check { fatal, holds, message: message.to_owned() });
        self
    }

    /// One definition of JSON.
    #[must_use]
    pub fn of(path: &[&str], data: &Value) -> Self {
        let mut answer = Self::default();
        let value = answer.data(data);
        answer.define(path, value, Strength::Merge);
        answer
    }
}
