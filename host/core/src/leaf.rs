//! The options that a definition sets in the end: its attribute sets, taken apart.

use crate::{
    expr::{Expr, Kind},
    option::{Class, OptionPath, OptionPattern, class_of, worst_below},
};

/// Calls `see` with every path that the value sets, and what it sets there. Both branches of a choice count.
pub fn leaves(path: &OptionPath, value: &Expr, see: &mut dyn FnMut(&OptionPath, &Expr)) {
    match value {
        Expr::Attrs(attrs) if !attrs.is_empty() => {
            for (name, value) in attrs {
                leaves(&path.child(name), value, see);
            }
        }
        Expr::Call(call) => match (call.function.name, call.arguments.as_slice()) {
            ("lib.mkIf" | "lib.mkOrder", [_, inner]) => leaves(path, inner, see),
            ("lib.mkMerge", [Expr::List(items)]) => items.iter().for_each(|item| leaves(path, item, see)),
            ("if", [_, yes, no]) => {
                leaves(path, yes, see);
                leaves(path, no, see);
            }
            ("select", [_, Expr::Attrs(choices), otherwise]) => {
                choices.iter().for_each(|(_, choice)| leaves(path, choice, see));
                leaves(path, otherwise, see);
            }
            _ => see(path, value),
        },
        _ => see(path, value),
    }
}

/// The class of setting `path` to `value`. A value that is known only when it is evaluated may be a set of anything.
#[must_use]
pub fn class_of_leaf(path: &OptionPath, value: &Expr) -> Class {
    let own = class_of(path);
    if value.kind() == Kind::Unknown || value.kind() == Kind::Attrs {
        own.min(worst_below(&OptionPattern::literal(path)))
    } else {
        own
    }
}
