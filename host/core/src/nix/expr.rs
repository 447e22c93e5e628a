use super::atom;
use crate::{
    expr::{Argument, Call, Expr, Part, Ref},
    id::InputName,
    option::OptionPath,
};

/// Outputs that a flake has once per system.
const PER_SYSTEM: [&str; 3] = ["packages", "legacyPackages", "apps"];
/// The function that [`super::host`] and [`super::tag`] define where it is used.
pub(super) const GUARD: &str = "packageOf";
pub(super) const SYSTEM: &str = "pkgs.stdenv.hostPlatform.system";

/// Whether the device's system is inserted after the first segment of this output.
#[must_use]
pub fn is_per_system(output: &[String]) -> bool {
    output.first().is_some_and(|segment| PER_SYSTEM.contains(&segment.as_str()))
}

/// Writes expressions of one instance of a module.
#[derive(Clone, Copy)]
pub struct Printer<'a> {
    /// The module's own input.
    pub input: &'a InputName,
    /// From an artifact's handle to the file below `artifacts/`.
    pub artifact: &'a dyn Fn(&str) -> Option<String>,
    /// From a secret's handle to its path on the device.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Printer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("input", self.input).finish_non_exhaustive()
    }
}

/// Where an expression stands: after `=` it may be an application, elsewhere it is put into parentheses.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Position {
    Free,
    Argument,
}

pub(super) fn newline(indent: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..indent {
        out.push_str("  ");
    }
}

/// `a.b."c.d"`
pub(super) fn path(segments: &[String], out: &mut String) {
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        atom::name(segment, out);
    }
}

impl Printer<'_> {
    pub(super) fn write(&self, expr: &Expr, position: Position, indent: usize, out: &mut String) {
        match expr {
            Expr::Null => out.push_str("null"),
            Expr::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Expr::Int(value) => atom::int(*value, out),
            Expr::Float(value) => atom::float(*value, out),
            Expr::Text(parts) => self.text(parts, indent, out),
            Expr::List(items) => self.list(items, indent, out, &|item, indent, out| {
                self.write(item, Position::Argument, indent, out);
            }),
            Expr::Attrs(attrs) => self.attrs(attrs, indent, out),
            Expr::Ref(reference) => self.reference(reference, position, out),
            Expr::Call(call) => {
                parenthesised(position, out, |out| self.call(call, indent, out));
            }
            Expr::Raw(text) => {
                // The newline ends a comment on the last line.
                out.push('(');
                out.push_str(text);
                newline(indent, out);
                out.push(')');
            }
        }
    }

    fn text(&self, parts: &[Part], indent: usize, out: &mut String) {
        out.push('"');
        for part in parts {
            match part {
                Part::Literal(text) => atom::string_content(text, out),
                Part::Embed(inner) => {
                    out.push_str("${");
                    self.write(inner, Position::Free, indent, out);
                    out.push('}');
                }
            }
        }
        out.push('"');
    }

    fn list(&self, items: &[Expr], indent: usize, out: &mut String, item_of: &dyn Fn(&Expr, usize, &mut String)) {
        if items.is_empty() {
            return out.push_str("[ ]");
        }
        if items.len() == 1 || items.iter().all(|item| matches!(item, Expr::Int(_) | Expr::Bool(_))) {
            out.push('[');
            for item in items {
                out.push(' ');
                item_of(item, indent, out);
            }
            return out.push_str(" ]");
        }
        out.push('[');
        for item in items {
            newline(indent + 1, out);
            item_of(item, indent + 1, out);
        }
        newline(indent, out);
        out.push(']');
    }

    fn attrs(&self, attrs: &[(String, Expr)], indent: usize, out: &mut String) {
        if attrs.is_empty() {
            return out.push_str("{ }");
        }
        out.push('{');
        for (name, value) in attrs {
            newline(indent + 1, out);
            atom::name(name, out);
            out.push_str(" = ");
            self.write(value, Position::Free, indent + 1, out);
            out.push(';');
        }
        newline(indent, out);
        out.push('}');
    }

    fn reference(&self, reference: &Ref, position: Position, out: &mut String) {
        match reference {
            Ref::Package(segments) => {
                out.push_str("pkgs.");
                path(segments, out);
            }
            Ref::Config(option) => {
                out.push_str("config.");
                path(option.segments(), out);
            }
            // Outside of packages a grant is for the whole device anyway.
            Ref::Output(segments) if is_per_system(segments) => parenthesised(position, out, |out| {
                out.push_str(GUARD);
                out.push(' ');
                self.output(segments, out);
            }),
            Ref::Output(segments) => self.output(segments, out),
            Ref::Source(file) => parenthesised(position, out, |out| {
                self.file(file, out, |out| {
                    out.push_str("inputs.");
                    atom::name(self.input.as_str(), out);
                });
            }),
            Ref::Artifact(handle) => parenthesised(position, out, |out| {
                let file = (self.artifact)(handle).unwrap_or_default();
                self.file(&file, out, |out| out.push_str("../artifacts"));
            }),
            Ref::Secret(handle) => atom::string(&(self.secret)(handle).unwrap_or_default(), out),
            Ref::System => out.push_str(SYSTEM),
        }
    }

    /// Copies one file alone: the folder around it stays out of the device's closure.
    fn file(&self, file: &str, out: &mut String, folder: impl Fn(&mut String)) {
        out.push_str("builtins.path { path = ");
        folder(out);
        out.push_str(" + ");
        atom::string(&format!("/{file}"), out);
        out.push_str("; name = ");
        atom::string(&store_name(file), out);
        out.push_str("; }");
    }

    pub(super) fn output(&self, segments: &[String], out: &mut String) {
        out.push_str("inputs.");
        atom::name(self.input.as_str(), out);
        for (index, segment) in segments.iter().enumerate() {
            out.push('.');
            atom::name(segment, out);
            if index == 0 && is_per_system(segments) {
                out.push_str(".${");
                out.push_str(SYSTEM);
                out.push('}');
            }
        }
    }

    pub(super) fn call(&self, call: &Call, indent: usize, out: &mut String) {
        let mut rest = call.function.template;
        while let Some((before, after)) = rest.split_once('{') {
            let argument = after.split_once('}').and_then(|(index, after)| {
                let index: usize = index.parse().ok()?;
                Some((call.arguments.get(index)?, call.function.arguments.get(index)?, after))
            });
            out.push_str(before);
            rest = match argument {
                Some((argument, kind, after)) => {
                    self.argument(argument, *kind, indent, out);
                    after
                }
                None => {
                    out.push('{');
                    after
                }
            };
        }
        out.push_str(rest);
    }

    fn argument(&self, argument: &Expr, kind: Argument, indent: usize, out: &mut String) {
        match (kind, argument) {
            (Argument::PackageNames, Expr::List(names)) => self.list(names, indent, out, &|name, _, out| {
                out.push_str("ps.");
                atom::name(&name.literal().unwrap_or_default(), out);
            }),
            (Argument::Format, _) => atom::name(&argument.literal().unwrap_or_default(), out),
            _ => self.write(argument, Position::Argument, indent, out),
        }
    }
}

fn parenthesised(position: Position, out: &mut String, inner: impl FnOnce(&mut String)) {
    if position == Position::Free {
        return inner(out);
    }
    out.push('(');
    inner(out);
    out.push(')');
}

/// A file's name as Nix allows it in the store: what isn't allowed becomes `-`.
fn store_name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or_default();
    let name: String = base
        .chars()
        .take(120)
        .map(|c| if c.is_ascii_alphanumeric() || "+-_?=.".contains(c) { c } else { '-' })
        .collect();
    if name.is_empty() || name.starts_with('.') { format!("file{name}") } else { name }
}

/// The text of an option's path, as Nix reads it.
pub(super) fn option(option: &OptionPath, out: &mut String) {
    path(option.segments(), out);
}
