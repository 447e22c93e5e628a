use std::collections::BTreeMap;

use crate::{Json, Path};

/// A Nix expression that can't contain code by accident: whatever comes from settings is data in it.
///
/// Booleans, numbers, texts, lists and maps convert into it; [`text!`](crate::text!), [`list!`](crate::list!) and
/// [`attrs!`](crate::attrs!) compose, and [`crate::nix`] has references and functions.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr(pub(crate) Node);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Vec<Piece>),
    List(Vec<Expr>),
    Attrs(Vec<(String, Expr)>),
    Ref(&'static str, Path),
    Call(&'static str, Vec<Expr>),
    Raw(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Embed(Expr),
}

impl Expr {
    pub(crate) fn call(function: &'static str, arguments: impl Into<Vec<Self>>) -> Self {
        Self(Node::Call(function, arguments.into()))
    }

    pub(crate) fn reference(root: &'static str, path: Path) -> Self {
        Self(Node::Ref(root, path))
    }

    /// Items of any kind.
    pub fn list(items: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        Self(Node::List(items.into_iter().map(Into::into).collect()))
    }

    /// An attribute set. Of two attributes with one name, the later counts.
    pub fn attrs<K: Into<String>, V: Into<Self>>(attributes: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut set: Vec<(String, Self)> = Vec::new();
        for (name, value) in attributes {
            let (name, value) = (name.into(), value.into());
            match set.iter_mut().find(|(present, _)| *present == name) {
                Some((_, present)) => *present = value,
                None => set.push((name, value)),
            }
        }
        Self(Node::Attrs(set))
    }

    /// `template` with each `{}` replaced; what [`text!`](crate::text!) stands for, which also counts.
    #[doc(hidden)]
    #[must_use]
    pub fn format(template: &str, values: Vec<Self>) -> Self {
        let mut values = values.into_iter();
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut characters = template.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '{' if characters.next_if_eq(&'}').is_some() => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    match values.next().map(|value| value.0) {
                        Some(Node::Text(text)) => pieces.extend(text),
                        // Nix embeds strings and packages only.
                        Some(Node::Int(number)) => pieces.push(Piece::Literal(number.to_string())),
                        Some(node @ (Node::Bool(_) | Node::Float(_))) => {
                            pieces.push(Piece::Embed(Self::call("toString", [Self(node)])));
                        }
                        Some(node) => pieces.push(Piece::Embed(Self(node))),
                        None => {}
                    }
                }
                '{' | '}' => {
                    characters.next_if_eq(&c);
                    literal.push(c);
                }
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Self(Node::Text(pieces))
    }
}

impl From<&str> for Expr {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Expr {
    fn from(text: String) -> Self {
        Self(Node::Text(vec![Piece::Literal(text)]))
    }
}

impl From<&String> for Expr {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<bool> for Expr {
    fn from(value: bool) -> Self {
        Self(Node::Bool(value))
    }
}

macro_rules! numbers {
    ($node:ident: $($type:ty),*) => {
        $(impl From<$type> for Expr {
            fn from(number: $type) -> Self {
                Self(Node::$node(number.into()))
            }
        })*
    };
}

numbers!(Int: u8, u16, u32, i8, i16, i32, i64);
numbers!(Float: f32, f64);

impl<T: Into<Expr>> From<Vec<T>> for Expr {
    fn from(items: Vec<T>) -> Self {
        Self::list(items)
    }
}

impl<T: Into<Expr> + Clone> From<&Vec<T>> for Expr {
    fn from(items: &Vec<T>) -> Self {
        Self::list(items.iter().cloned())
    }
}

impl<T: Into<Expr>, const N: usize> From<[T; N]> for Expr {
    fn from(items: [T; N]) -> Self {
        Self::list(items)
    }
}

impl<T: Into<Expr>> From<BTreeMap<String, T>> for Expr {
    fn from(attributes: BTreeMap<String, T>) -> Self {
        Self::attrs(attributes)
    }
}

/// Plain data. A number that is no integer of 64 bits becomes a float.
impl From<Json> for Expr {
    fn from(json: Json) -> Self {
        Self(match json {
            Json::Null => Node::Null,
            Json::Bool(value) => Node::Bool(value),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Node::Float(number.as_f64().unwrap_or(f64::NAN)), Node::Int)
            }
            Json::String(text) => return Self::from(text),
            Json::Array(items) => return Self::list(items),
            Json::Object(attributes) => return Self::attrs(attributes),
        })
    }
}

impl From<&Expr> for Expr {
    fn from(expr: &Expr) -> Self {
        expr.clone()
    }
}
