//! What a tree must not hold: data that NixOS takes for code.

use std::collections::HashSet;

use super::{Expr, Kind, Part, RefusalKind, Trust, store_path::spells_store_path};
use crate::untrusted;

const MAX_NAME: usize = 1024;

/// Attribute names that turn data into code: an override or a forged definition, a coerced path, a derivation, an import.
const CODE_NAMES: [&str; 9] =
    ["_type", "_module", "_file", "_class", "outPath", "drvPath", "imports", "disabledModules", "freeformType"];

pub(super) fn is_reserved_name(name: &str) -> bool {
    CODE_NAMES.contains(&name) || name.starts_with("__")
}

/// A refusal, with the attribute path to it.
pub(super) type Located = (Vec<String>, RefusalKind);

/// Looks through a tree for what must not reach NixOS.
pub(super) struct Inspection {
    pub(super) trust: Trust,
    /// The attribute path to where it looks.
    pub(super) place: Vec<String>,
    pub(super) found: Vec<Located>,
}

impl Inspection {
    fn note(&mut self, kind: RefusalKind) {
        if self.found.len() < untrusted::TOLD {
            self.found.push((self.place.clone(), kind));
        }
    }

    fn inside(&mut self, name: String, look: impl FnOnce(&mut Self)) {
        self.place.push(name);
        look(self);
        self.place.pop();
    }

    /// The top of a definition: properties may stand here, one in another.
    pub(super) fn property(&mut self, expr: &Expr) {
        match expr {
            Expr::Call(call) if call.function.result == Kind::Property => {
                for argument in &call.arguments {
                    match (call.function.name, argument) {
                        ("lib.mkMerge", Expr::List(items)) => items.iter().for_each(|item| self.property(item)),
                        _ => self.property(argument),
                    }
                }
            }
            _ => self.value(expr),
        }
    }

    pub(super) fn value(&mut self, expr: &Expr) {
        match expr {
            Expr::Text(parts) => {
                if self.trust == Trust::External && spells_store_path(expr) {
                    self.note(RefusalKind::StorePath);
                }
                self.parts(parts);
            }
            Expr::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.inside(index.to_string(), |inspection| inspection.value(item));
                }
            }
            Expr::Attrs(attrs) => self.attrs(attrs),
            Expr::Call(call) => {
                if call.function.result == Kind::Property {
                    self.note(RefusalKind::Property(call.function.name));
                }
                call.arguments.iter().for_each(|argument| self.value(argument));
            }
            _ => {}
        }
    }

    /// A text inside a text was read as part of it.
    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Literal(_) => {}
                Part::Embed(Expr::Text(inner)) => self.parts(inner),
                Part::Embed(inner) => self.value(inner),
            }
        }
    }

    fn attrs(&mut self, attrs: &[(String, Expr)]) {
        let mut seen = HashSet::with_capacity(attrs.len());
        for (name, value) in attrs {
            if name.is_empty() || name.len() > MAX_NAME {
                self.note(RefusalKind::NameLength(name.len()));
            } else if name.contains('\0') {
                self.note(RefusalKind::Nul);
            } else if !seen.insert(name.as_str()) {
                self.note(RefusalKind::DuplicateName(untrusted::short(name)));
            } else if self.trust == Trust::External && is_reserved_name(name) {
                self.note(RefusalKind::ReservedName(untrusted::short(name)));
            } else {
                self.meaning(name, value);
            }
            self.inside(untrusted::short(name), |inspection| inspection.value(value));
        }
    }

    /// Names that mean something with certain values only, or with values that may come to be those.
    pub(super) fn meaning(&mut self, name: &str, value: &Expr) {
        match name {
            _ if self.trust == Trust::BuiltIn => {}
            "type" if may_be_derivation(value) => self.note(RefusalKind::ForgedDerivation),
            "key" if may_be_module_key(value) => self.note(RefusalKind::ForgedKey),
            _ => {}
        }
    }
}

/// `derivation`, or a value that is only known when it is evaluated.
fn may_be_derivation(value: &Expr) -> bool {
    match value {
        Expr::Text(_) => value.literal().is_none_or(|text| text == "derivation"),
        _ => value.choices().map_or_else(
            || matches!(value.kind(), Kind::Unknown | Kind::Text),
            |choices| choices.into_iter().any(may_be_derivation),
        ),
    }
}

/// Starts, or may come to start, like the names that NixOS gives to modules without a file.
fn may_be_module_key(value: &Expr) -> bool {
    const START: &str = ":anon-";
    match value {
        Expr::Text(parts) => match parts.iter().find(|part| !matches!(part, Part::Literal(text) if text.is_empty())) {
            Some(Part::Literal(text)) => START.starts_with(text.as_str()) || text.starts_with(START),
            Some(Part::Embed(inner)) => inner.literal().is_some_and(|text| text.is_empty()) || may_be_module_key(inner),
            None => false,
        },
        Expr::Call(call) if call.function.name == "readFile" => true,
        Expr::Call(call) if call.function.name == "toString" => call.arguments.iter().any(may_be_module_key),
        _ => value
            .choices()
            .map_or_else(|| value.kind() == Kind::Unknown, |choices| choices.into_iter().any(may_be_module_key)),
    }
}
