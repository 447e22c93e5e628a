//! Enforces a grant: what a module's answer may set and refer to.

use std::collections::HashSet;

use crate::{
    expr::{Configuration, Definition, Expr, Import, Ref},
    grant::Accepted,
    leaf::{class_of_leaf, leaves},
    option::{Class, OptionPath, OptionPattern},
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
        let value = untrusted::line(value);
        lines.push_str(&format!(
            "\n    value = {}",
            toml::Value::String(untrusted::cut(&value, untrusted::MESSAGE).into())
        ));
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
    /// Everything that isn't covered. Where that is very much, the first of it.
    pub fn check(&self, configuration: &Configuration, settings: &Settings) -> Result<(), Vec<Denied>> {
        let granted = Granted::new(*self, settings, configuration);
        let mut denied = DeniedList(Vec::new());
        for definition in &configuration.definitions {
            granted.definition(definition, &mut denied);
        }
        for import in &configuration.imports {
            match import {
                Import::Output(path) => granted.output(path, "imports", &mut denied),
                Import::Raw(_) => granted.raw(&mut denied),
            }
        }
        for placement in &configuration.secrets {
            if settings.resolve(&placement.secret).is_none_or(|handle| handle.kind != HandleKind::Secret) {
                denied.add(|| Denied::Handle { what: "the secret", handle: untrusted::short(&placement.secret) });
            }
            let covered = |access: &Access| matches!(access, Access::Secret(folder) if below(&placement.path, folder));
            if !self.any(covered) {
                denied.add(|| Denied::Missing {
                    what: format!("places a secret at `{}`", untrusted::short(&placement.path)),
                    kind: "secret",
                    value: Some(placement.path.clone()),
                    force: false,
                });
            }
        }
        for value in configuration.values() {
            value.visit(&mut |expr| granted.expression(expr, &mut denied));
        }
        if denied.0.is_empty() { Ok(()) } else { Err(denied.0) }
    }

    fn any(&self, covers: impl Fn(&Access) -> bool) -> bool {
        self.permissions.iter().any(|accepted| covers(&accepted.permission.access))
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
}

/// As many as are worth telling, without repeating the last.
struct DeniedList(Vec<Denied>);

impl DeniedList {
    fn add(&mut self, denied: impl FnOnce() -> Denied) {
        if self.0.len() == untrusted::TOLD {
            return;
        }
        let denied = denied();
        if self.0.last() != Some(&denied) {
            self.0.push(denied);
        }
    }
}

/// An option's path in a message.
fn shown(path: &OptionPath) -> String {
    untrusted::cut(&path.to_string(), untrusted::MESSAGE).into_owned()
}

/// An authority over one answer: settings stand in their places in its patterns.
struct Granted<'a> {
    authority: Authority<'a>,
    settings: &'a Settings,
    /// With the class that was accepted, and whether with force.
    options: Vec<(OptionPattern, Class, bool)>,
    configs: Vec<OptionPattern>,
    /// Handles of secrets that the answer places.
    placed: HashSet<&'a str>,
}

impl<'a> Granted<'a> {
    fn new(authority: Authority<'a>, settings: &'a Settings, configuration: &'a Configuration) -> Self {
        let setting = |key: &[String]| settings.text(key);
        let (mut options, mut configs) = (Vec::new(), Vec::new());
        for accepted in authority.permissions {
            match &accepted.permission.access {
                Access::Option { pattern, force } => {
                    options.extend(pattern.filled(&setting).map(|pattern| (pattern, accepted.class, *force)));
                }
                Access::Config(pattern) => configs.extend(pattern.filled(&setting)),
                _ => {}
            }
        }
        let placed = configuration.secrets.iter().map(|placement| placement.secret.as_str()).collect();
        Self { authority, settings, options, configs, placed }
    }

    /// The worst class that was accepted for options at or below a pattern that covers `path`.
    fn accepted(&self, path: &OptionPath) -> Option<(Class, bool)> {
        self.options
            .iter()
            .filter(|(pattern, ..)| covers(pattern, path))
            .map(|(_, class, force)| (*class, *force))
            .reduce(|(class, force), (other, other_force)| (class.min(other), force || other_force))
    }

    fn definition(&self, definition: &Definition, denied: &mut DeniedList) {
        let path = &definition.path;
        let Some((accepted, force)) = self.accepted(path) else {
            return denied.add(|| {
                let force = definition.strength == Strength::Force;
                let path = shown(path);
                let what = format!("sets `{path}`{}", if force { " with force" } else { "" });
                Denied::Missing { what, kind: "option", value: Some(path), force }
            });
        };
        if definition.strength == Strength::Force && !force {
            denied.add(|| Denied::Force { path: shown(path) });
        }
        leaves(path, &definition.value, &mut |leaf, _, _| {
            let found = class_of_leaf(leaf);
            if found < accepted {
                denied.add(|| Denied::Class { path: shown(leaf), found, accepted });
            }
        });
    }

    fn output(&self, path: &[String], verb: &str, denied: &mut DeniedList) {
        if !self.authority.any(|access| matches!(access, Access::Output(granted) if path.starts_with(granted))) {
            denied.add(|| {
                let value = path.join(".");
                let what = format!("{verb} the flake output `{}`", untrusted::short(&value));
                Denied::Missing { what, kind: "output", value: Some(value), force: false }
            });
        }
    }

    fn source(&self, file: &str, denied: &mut DeniedList) {
        if !self.authority.any(|access| matches!(access, Access::Source(granted) if below(file, granted))) {
            denied.add(|| {
                let what = format!("reads the file `{}` of its repository", untrusted::short(file));
                Denied::Missing { what, kind: "source", value: Some(file.to_owned()), force: false }
            });
        }
    }

    fn raw(&self, denied: &mut DeniedList) {
        if let Err(missing) = self.authority.check_raw() {
            denied.add(|| missing);
        }
    }

    fn expression(&self, expr: &Expr, denied: &mut DeniedList) {
        let known = |handle: &str, kind| self.settings.resolve(handle).is_some_and(|known| known.kind == kind);
        match expr {
            Expr::Raw(_) => self.raw(denied),
            Expr::Ref(Ref::Output(path)) => self.output(path, "uses", denied),
            Expr::Ref(Ref::Source(file)) => self.source(file, denied),
            Expr::Ref(Ref::Artifact(handle)) => {
                if !known(handle, HandleKind::Artifact) {
                    denied.add(|| Denied::Handle { what: "the artifact", handle: untrusted::short(handle) });
                }
                if !self.authority.any(|access| matches!(access, Access::Artifact)) {
                    denied.add(|| Denied::Missing {
                        what: "uses an artifact".to_owned(),
                        kind: "artifact",
                        value: None,
                        force: false,
                    });
                }
            }
            Expr::Ref(Ref::Secret(handle)) => {
                if !known(handle, HandleKind::Secret) {
                    denied.add(|| Denied::Handle { what: "the secret", handle: untrusted::short(handle) });
                } else if !self.placed.contains(handle.as_str()) {
                    denied.add(|| Denied::NotPlaced(untrusted::short(handle)));
                }
            }
            Expr::Ref(Ref::Config(path)) => {
                let covered = self.configs.iter().any(|pattern| covers(pattern, path));
                if !covered && self.accepted(path).is_none() {
                    denied.add(|| {
                        let path = shown(path);
                        let what = format!("reads the option `{path}`");
                        Denied::Missing { what, kind: "config", value: Some(path), force: false }
                    });
                }
            }
            _ => {}
        }
    }
}

/// Of a pattern that is filled in.
fn covers(pattern: &OptionPattern, path: &OptionPath) -> bool {
    pattern.covers(path, &|_| None)
}
