//! What an answer sets and refers to, in the terms of permissions.

use thymis_core::{
    expr::{Configuration, Expr, Import, Ref},
    option::OptionPath,
    permission::{Access, below},
    schema::Settings,
    wire::Strength,
};

/// Something that needs a permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    Option { path: OptionPath, force: bool },
    Output(Vec<String>),
    Source(String),
    Artifact,
    Secret(String),
    Config(OptionPath),
    RawNix,
}

/// Everything that an answer touches, each once.
#[must_use]
pub fn touches(configuration: &Configuration) -> Vec<Touch> {
    let mut found = Vec::new();
    for definition in &configuration.definitions {
        found.push(Touch::Option { path: definition.path.clone(), force: definition.strength == Strength::Force });
    }
    for import in &configuration.imports {
        found.push(match import {
            Import::Output(path) => Touch::Output(path.clone()),
            Import::Raw(_) => Touch::RawNix,
        });
    }
    found.extend(configuration.secrets.iter().map(|placement| Touch::Secret(placement.path.clone())));
    let conditions = configuration.checks.iter().filter_map(|check| check.holds.as_ref());
    for value in configuration.definitions.iter().map(|definition| &definition.value).chain(conditions) {
        value.visit(&mut |expr| match expr {
            Expr::Raw(_) => found.push(Touch::RawNix),
            Expr::Ref(Ref::Output(path)) => found.push(Touch::Output(path.clone())),
            Expr::Ref(Ref::Source(file)) => found.push(Touch::Source(file.clone())),
            Expr::Ref(Ref::Artifact(_)) => found.push(Touch::Artifact),
            Expr::Ref(Ref::Config(path)) => found.push(Touch::Config(path.clone())),
            _ => {}
        });
    }
    found.sort();
    found.dedup();
    found
}

impl Touch {
    /// Whether the permission is one for this; `force` aside.
    #[must_use]
    pub fn is_covered(&self, access: &Access, settings: &Settings) -> bool {
        let setting = |key: &[String]| settings.text(key);
        match (self, access) {
            (Self::Option { path, .. }, Access::Option { pattern, .. })
            | (Self::Config(path), Access::Option { pattern, .. } | Access::Config(pattern)) => {
                pattern.covers(path, &setting)
            }
            (Self::Output(path), Access::Output(granted)) => path.starts_with(granted),
            (Self::Source(path), Access::Source(granted)) | (Self::Secret(path), Access::Secret(granted)) => {
                below(path, granted)
            }
            (Self::Artifact, Access::Artifact) | (Self::RawNix, Access::RawNix) => true,
            _ => false,
        }
    }

    #[must_use]
    pub fn is_forced(&self) -> bool {
        matches!(self, Self::Option { force: true, .. })
    }
}
