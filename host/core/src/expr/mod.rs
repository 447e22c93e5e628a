//! Expressions: what a module wants an option to be, as a checked tree.
//!
//! [`Expr`] comes from a table only (the private module `table`), which refuses everything that the printer must never
//! see: see [`RefusalKind`] for the list and the reasons.

mod function;
mod inspect;
mod refusal;
mod store_path;
mod table;

pub use function::{Argument, Function, Kind, function};
pub use refusal::{Refusal, RefusalKind};
pub use table::{Check, Configuration, Definition, Import, Trust};

use crate::option::OptionPath;

/// Deepest nesting of an expression: bounds recursion here, in the printer and in Nix.
pub const MAX_DEPTH: usize = 48;

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite, and zero or normal.
    Float(f64),
    Text(Vec<Part>),
    List(Vec<Expr>),
    /// Names are unique and not refused.
    Attrs(Vec<(String, Expr)>),
    Ref(Ref),
    Call(Call),
    /// Exactly one Nix expression.
    Raw(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Literal(String),
    Embed(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Ref {
    /// A package of nixpkgs, by attribute path.
    Package(Vec<String>),
    Config(OptionPath),
    /// An output of the own flake, by attribute path.
    Output(Vec<String>),
    /// A file of the own repository.
    Source(String),
    /// The handle of an artifact.
    Artifact(String),
    /// The handle of a secret.
    Secret(String),
    System,
}

/// As many arguments as the function takes, each of a kind it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub function: &'static Function,
    pub arguments: Vec<Expr>,
}

impl Expr {
    /// Text without embedded parts.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let Self::Text(parts) = self else { return None };
        parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_str()),
                Part::Embed(_) => None,
            })
            .collect()
    }

    /// A value that NixOS does not merge: two different ones at one priority conflict.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Null) || self.literal().is_some()
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Attrs(_) => Kind::Attrs,
            Self::Ref(Ref::Package(_)) => Kind::Package,
            Self::Ref(Ref::Source(_)) => Kind::Source,
            Self::Ref(Ref::Artifact(_) | Ref::Secret(_) | Ref::System) => Kind::Text,
            Self::Ref(Ref::Config(_) | Ref::Output(_)) | Self::Raw(_) => Kind::Unknown,
            Self::Call(call) => call.function.result,
        }
    }

    /// What a condition, merge, order or choice may turn out to be; `None` of anything else, and where it isn't written
    /// down.
    #[must_use]
    pub fn choices(&self) -> Option<Vec<&Self>> {
        let Self::Call(call) = self else { return None };
        match (call.function.name, call.arguments.as_slice()) {
            ("lib.mkIf" | "lib.mkOrder", [_, inner]) => Some(vec![inner]),
            ("lib.mkMerge", [Self::List(items)]) => Some(items.iter().collect()),
            ("if", [_, yes, no]) => Some(vec![yes, no]),
            ("select", [_, Self::Attrs(choices), otherwise]) => {
                Some(choices.iter().map(|(_, choice)| choice).chain([otherwise]).collect())
            }
            _ => None,
        }
    }

    /// This expression and all below it, outermost first.
    pub fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Expr)) {
        see(self);
        match self {
            Self::Text(parts) => parts.iter().for_each(|part| {
                if let Part::Embed(inner) = part {
                    inner.visit(see);
                }
            }),
            Self::List(items) => items.iter().for_each(|item| item.visit(see)),
            Self::Attrs(attrs) => attrs.iter().for_each(|(_, value)| value.visit(see)),
            Self::Call(call) => call.arguments.iter().for_each(|argument| argument.visit(see)),
            _ => {}
        }
    }
}
