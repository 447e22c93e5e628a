//! Enforces a grant: what a module's answer may set and refer to.

use crate::{
    expr::{Configuration, Definition, Expr, Import, Ref},
    grant::Accepted,
    leaf::{class_of_leaf, leaves},
    option::{Class, OptionPath},
    permission::{Access, below},
    schema::{HandleKind, Settings},
    untrusted,
    wire::Strength,
};

/// Something that the grant doesn't cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("it {what}, which no permission of its grant covers. In the manifest, that would be:\n{}", manifest_lines(.kind, .value.as_deref(), *.force))]
    Missing { what: String, kind: &'static str, value: Option<String>, force: bool },
    #[error("it sets `{path}` with force, which its grant doesn't include. In the manifest, that would be:\n{}", manifest_lines("option", Some(.path), true))]
    Force { path: String },
    #[error("it sets `{path}`, which {found}; what was accepted at most {accepted}")]
    Class { path: String, found: Class, accepted: Class },
    #[error("it refers to {what} `{handle}`, which did not stand in its settings")]
    Handle { what: &'static str, handle: String },
    #[error("it refers to the secret `{0}` without placing it on the device")]
    NotPlaced(String),
}

fn manifest_lines(kind: &str, value: Option<&str>, force: bool) -> String {
    let mut lines = format!("    [[component.permission]]\n    kind = \"{kind}\"");
    if let Some(value) = value {
        lines.push_str(&format!("\n    value = {}", toml::Value::String(untrusted::line(value))));
    }
    lines.push_str("\n    reason = \"…\"");
    if force {
        lines.push_str("\n    force = true");
    }
    lines
}

/// The permissions that one component was given.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    pub permissions: &'a [Accepted],
}

impl Authority<'_> {
    /// # Errors
    /// Everything that isn't covered.
    pub fn check(&self, configuration: &Configuration, settings: &Settings) -> Result<(), Vec<Denied>> {
        let mut denied = Vec::new();
        for definition in &configuration.definitions {
            self.definition(definition, settings, &mut denied);
        }
        for import in &configuration.imports {
            match import {
                Import::Output(path) => self.output(path, "imports", &mut denied),
                Import::Raw(_) => self.raw(&mut denied),
            }
        }
        for placement in &configuration.secrets {
            if settings.resolve(&placement.secret).is_none_or(|handle| handle.kind != HandleKind::Secret) {
                denied.push(Denied::Handle { what: "the secret", handle: untrusted::short(&placement.secret) });
            }
            let covered = |access: &Access| matches!(access, Access::Secret(folder) if below(&placement.path, folder));
            if !self.any(covered) {
                let what = format!("places a secret at `{}`", untrusted::short(&placement.path));
                denied.push(Denied::Missing {
                    what,
                    kind: "secret",
                    value: Some(placement.path.clone()),
                    force: false,
                });
            }
        }
        let values = configuration.definitions.iter().map(|definition| &definition.value);
        let conditions = configuration.checks.iter().filter_map(|check| check.holds.as_ref());
        for value in values.chain(conditions) {
            value.visit(&mut |expr| self.expression(expr, configuration, settings, &mut denied));
        }
        denied.dedup();
        if denied.is_empty() { Ok(()) } else { Err(denied) }
    }

    fn any(&self, covers: impl Fn(&Access) -> bool) -> bool {
        self.permissions.iter().any(|accepted| covers(&accepted.permission.access))
    }

    /// The worst class that was accepted for options at or below a pattern that covers `path`.
    fn accepted(&self, path: &OptionPath, settings: &Settings) -> Option<(Class, bool)> {
        let setting = |key: &[String]| settings.text(key);
        self.permissions
            .iter()
            .filter_map(|accepted| match &accepted.permission.access {
                Access::Option { pattern, force } if pattern.covers(path, &setting) => Some((accepted.class, *force)),
                _ => None,
            })
            .reduce(|(class, force), (other, other_force)| (class.min(other), force || other_force))
    }

    fn definition(&self, definition: &Definition, settings: &Settings, denied: &mut Vec<Denied>) {
        let path = &definition.path;
        let Some((accepted, force)) = self.accepted(path, settings) else {
            let force = definition.strength == Strength::Force;
            let what = format!("sets `{path}`{}", if force { " with force" } else { "" });
            return denied.push(Denied::Missing { what, kind: "option", value: Some(path.to_string()), force });
        };
        if definition.strength == Strength::Force && !force {
            denied.push(Denied::Force { path: path.to_string() });
        }
        leaves(path, &definition.value, &mut |leaf, _, _| {
            let found = class_of_leaf(leaf);
            if found < accepted {
                denied.push(Denied::Class { path: leaf.to_string(), found, accepted });
            }
        });
    }

    fn output(&self, path: &[String], verb: &str, denied: &mut Vec<Denied>) {
        if !self.any(|access| matches!(access, Access::Output(granted) if path.starts_with(granted))) {
            let value = path.join(".");
            denied.push(Denied::Missing {
                what: format!("{verb} the flake output `{}`", untrusted::short(&value)),
                kind: "output",
                value: Some(value),
                force: false,
            });
        }
    }

    fn source(&self, file: &str, denied: &mut Vec<Denied>) {
        if !self.any(|access| matches!(access, Access::Source(granted) if below(file, granted))) {
            let what = format!("reads the file `{}` of its repository", untrusted::short(file));
            denied.push(Denied::Missing { what, kind: "source", value: Some(file.to_owned()), force: false });
        }
    }

    /// # Errors
    /// When raw Nix isn't granted.
    pub fn check_raw(&self) -> Result<(), Denied> {
        if self.any(|access| matches!(access, Access::RawNix)) {
            Ok(())
        } else {
            Err(Denied::Missing { what: "writes Nix".to_owned(), kind: "raw-nix", value: None, force: false })
        }
    }

    fn raw(&self, denied: &mut Vec<Denied>) {
        denied.extend(self.check_raw().err());
    }

    fn expression(&self, expr: &Expr, configuration: &Configuration, settings: &Settings, denied: &mut Vec<Denied>) {
        let known = |handle: &str, kind| settings.resolve(handle).is_some_and(|known| known.kind == kind);
        match expr {
            Expr::Raw(_) => self.raw(denied),
            Expr::Ref(Ref::Output(path)) => self.output(path, "uses", denied),
            Expr::Ref(Ref::Source(file)) => self.source(file, denied),
            Expr::Ref(Ref::Artifact(handle)) => {
                if !known(handle, HandleKind::Artifact) {
                    denied.push(Denied::Handle { what: "the artifact", handle: untrusted::short(handle) });
                }
                if !self.any(|access| matches!(access, Access::Artifact)) {
                    denied.push(Denied::Missing {
                        what: "uses an artifact".to_owned(),
                        kind: "artifact",
                        value: None,
                        force: false,
                    });
                }
            }
            Expr::Ref(Ref::Secret(handle)) => {
                if !known(handle, HandleKind::Secret) {
                    denied.push(Denied::Handle { what: "the secret", handle: untrusted::short(handle) });
                } else if !configuration.secrets.iter().any(|placement| placement.secret == *handle) {
                    denied.push(Denied::NotPlaced(untrusted::short(handle)));
                }
            }
            Expr::Ref(Ref::Config(path)) => {
                let setting = |key: &[String]| settings.text(key);
                let covered =
                    |access: &Access| matches!(access, Access::Config(pattern) if pattern.covers(path, &setting));
                if !self.any(covered) && self.accepted(path, settings).is_none() {
                    let what = format!("reads the option `{path}`");
                    denied.push(Denied::Missing { what, kind: "config", value: Some(path.to_string()), force: false });
                }
            }
            _ => {}
        }
    }
}
