//! The options that a definition sets in the end: its attribute sets, taken apart.

use crate::{
    expr::Expr,
    option::{Class, OptionPath, class_at_and_below},
};

/// Calls `see` with every path that the value sets, what it sets there, and whether that depends on something that only
/// evaluation knows. Both branches of a choice count.
pub fn leaves(path: &OptionPath, value: &Expr, see: &mut dyn FnMut(&OptionPath, &Expr, bool)) {
    walk(&mut path.clone(), value, false, see);
}

fn walk(path: &mut OptionPath, value: &Expr, chosen: bool, see: &mut dyn FnMut(&OptionPath, &Expr, bool)) {
    match value {
        Expr::Attrs(attrs) if !attrs.is_empty() => {
            for (name, value) in attrs {
                path.push(name);
                walk(path, value, chosen, see);
                path.pop();
            }
        }
        _ => match value.choices() {
            Some(choices) => choices.into_iter().for_each(|choice| walk(path, choice, true, see)),
            None => see(path, value, chosen),
        },
    }
}

/// The class of setting `path`, to whatever: what is known only when it is evaluated may be a set of anything, and a text
/// may be a file that NixOS imports where it expects a set. So what lies below counts, with and without segments `config`.
#[must_use]
pub fn class_of_leaf(path: &OptionPath) -> Class {
    class_at_and_below(path)
}
