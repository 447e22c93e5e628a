//! One use of a module in a target: what it is asked, and what becomes of its answer.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    authority::{Authority, Denied},
    conflict::{Fact, Origin, TargetId, facts},
    expr::{Configuration, Expr, Import, Ref, Refusal, RefusalKind, Trust},
    id::TagId,
    nix::{self, Printer},
    schema::{Descriptor, HandleKind, Settings},
    secret::Placed,
    untrusted, wire,
};

/// Most bytes that the references to secrets and artifacts of one answer may take when they are written out.
const MAX_REFERRED: usize = 4 << 20;

/// The target's part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: TargetId,
    /// Of definitions that override.
    pub priority: u32,
    /// Both absent for a tag.
    pub device_type: Option<String>,
    pub system: Option<String>,
    /// How a device of this type can be installed, the usual way first.
    pub image_formats: Vec<String>,
}

impl Target {
    /// A tag's devices may differ, so nothing is known of them.
    #[must_use]
    pub fn tag(id: TagId, priority: u32) -> Self {
        Self { id: TargetId::Tag(id), priority, device_type: None, system: None, image_formats: Vec::new() }
    }

    #[must_use]
    pub fn kind(&self) -> wire::TargetKind {
        match self.id {
            TargetId::Configuration(_) => wire::TargetKind::Configuration,
            TargetId::Tag(_) => wire::TargetKind::Tag,
        }
    }
}

/// What the module is asked.
#[must_use]
pub fn request(target: &Target, origin: &Origin, settings: &Settings, controller_url: Option<&str>) -> wire::Request {
    let id = match &target.id {
        TargetId::Configuration(id) => id.to_string(),
        TargetId::Tag(id) => id.to_string(),
    };
    let formats = &target.image_formats;
    let context = [
        controller_url.map(|url| ("controller-url", Value::from(url))),
        (!formats.is_empty()).then(|| ("image-formats", Value::from(formats.as_slice()))),
    ];
    let extra = |(key, value): (&str, Value)| wire::Extra { key: key.to_owned(), value: value.to_string() };
    let context = context.into_iter().flatten().map(extra).collect();
    wire::Request {
        name: origin.module.name.to_string(),
        instance: origin.instance.to_string(),
        settings: settings.json().to_string(),
        target: wire::Target {
            kind: target.kind(),
            id,
            device_type: target.device_type.clone(),
            system: target.system.clone(),
        },
        context,
    }
}

/// A checked answer in its printed form, with what the rest of the device needs to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// An item of the file's `imports`.
    pub section: String,
    pub facts: Vec<Fact>,
    /// Whether the section refers to the module's own input.
    pub uses_input: bool,
    /// The outputs of that input's flake that it refers to, each place once.
    pub outputs: Vec<Referred>,
    /// Whether it contains raw Nix, which may refer to any input.
    pub uses_raw: bool,
    /// Files below `artifacts/`.
    pub artifacts: Vec<String>,
    /// Files of the module's repository.
    pub sources: Vec<String>,
    pub secrets: Vec<Placed>,
}

/// An output of the module's own flake, and where it is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referred {
    /// Without the device's system.
    pub path: Vec<String>,
    /// The option whose definition refers to it, `imports` or `checks`; made for terminals.
    pub place: String,
}

/// Why an answer can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("its answer is refused:\n{}", list(.0))]
    Refused(Vec<Refusal>),
    #[error("it is denied:\n{}", list(.0))]
    Denied(Vec<Denied>),
}

fn list<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<String> = items.iter().take(SHOWN).map(|item| format!("  - {}", item.to_string())).collect();
    match items.len() {
        ..=SHOWN => {}
        // The rest of them weren't kept.
        untrusted::TOLD.. => lines.push("  - and more".to_owned()),
        count => lines.push(format!("  - and {} more", count - SHOWN)),
    }
    lines.join("\n")
}

/// Checks an answer against its form and its grant, and prints it. Without an authority nothing is denied: for authors who
/// have no manifest yet.
///
/// # Errors
/// All refusals, or else everything that was denied.
pub fn render(
    answer: wire::Configuration,
    origin: &Arc<Origin>,
    priority: u32,
    settings: &Settings,
    authority: Option<Authority<'_>>,
    trust: Trust,
) -> Result<Rendered, AnswerError> {
    // Parsing raw Nix is work, and is done only for who may write it.
    if let Some(authority) = authority
        && answer.exprs.iter().any(|expr| matches!(expr, wire::Expr::Raw(_)))
    {
        authority.check_raw().map_err(|denied| AnswerError::Denied(vec![denied]))?;
    }
    let configuration = Configuration::check(answer, trust).map_err(AnswerError::Refused)?;
    if let Some(authority) = authority {
        authority.check(&configuration, settings).map_err(AnswerError::Denied)?;
    }

    let named = |handle: &str, kind| settings.resolve(handle).filter(|known| known.kind == kind);
    let artifact = |handle: &str| named(handle, HandleKind::Artifact).map(|known| known.value.clone());
    let mut places = HashMap::new();
    for placement in &configuration.secrets {
        places.entry(placement.secret.as_str()).or_insert(placement.path.as_str());
    }
    let secret = |handle: &str| places.get(handle).map(|path| (*path).to_owned());
    let referred = referred(&configuration, &|reference| match reference {
        Ref::Secret(handle) => places.get(handle.as_str()).map_or(0, |path| path.len()),
        Ref::Artifact(handle) => named(handle, HandleKind::Artifact).map_or(0, |known| known.value.len()),
        _ => 0,
    });
    if referred > MAX_REFERRED {
        let (place, kind) = ("the definitions".to_owned(), RefusalKind::Referred(referred, MAX_REFERRED));
        return Err(AnswerError::Refused(vec![Refusal { place, kind }]));
    }
    let printer = Printer { input: &origin.module.input, artifact: &artifact, secret: &secret };
    let file = origin.target.file();
    let section = nix::Section { file: &file, module: &origin.module, instance: &origin.instance, priority };

    let mut rendered = Rendered {
        section: nix::section(&section, &printer, &configuration),
        facts: facts(&configuration.definitions, priority, origin),
        uses_input: false,
        outputs: outputs(&configuration),
        uses_raw: false,
        artifacts: Vec::new(),
        sources: Vec::new(),
        secrets: Vec::new(),
    };
    for import in &configuration.imports {
        match import {
            Import::Output(_) => rendered.uses_input = true,
            Import::Raw(_) => rendered.uses_raw = true,
        }
    }
    for value in configuration.values() {
        value.visit(&mut |expr| match expr {
            Expr::Ref(Ref::Output(_)) => rendered.uses_input = true,
            Expr::Ref(Ref::Source(file)) => {
                rendered.uses_input = true;
                rendered.sources.push(file.clone());
            }
            Expr::Ref(Ref::Artifact(handle)) => rendered.artifacts.extend(artifact(handle)),
            Expr::Raw(_) => rendered.uses_raw = true,
            _ => {}
        });
    }
    for placement in configuration.secrets {
        let Some(secret) = named(&placement.secret, HandleKind::Secret) else { continue };
        rendered.secrets.push(Placed {
            secret: secret.value.clone(),
            path: placement.path,
            owner: placement.owner,
            group: placement.group,
            mode: format!("{:04o}", placement.mode),
            of: secret.secret.clone().unwrap_or_default(),
            by: Arc::clone(origin),
            priority,
        });
    }
    Ok(rendered)
}

/// The outputs of the own flake that a configuration refers to, each place once.
#[must_use]
pub fn outputs(configuration: &Configuration) -> Vec<Referred> {
    let mut found = BTreeSet::new();
    let mut add = |path: &[String], place: &str| {
        found.insert(Referred { path: path.to_vec(), place: place.to_owned() });
    };
    for import in &configuration.imports {
        if let Import::Output(path) = import {
            add(path, "imports");
        }
    }
    let mut visit = |value: &Expr, place: &dyn Fn() -> String| {
        let mut shown: Option<String> = None;
        value.visit(&mut |expr| {
            if let Expr::Ref(Ref::Output(path)) = expr {
                add(path, shown.get_or_insert_with(place));
            }
        });
    };
    for definition in &configuration.definitions {
        visit(&definition.value, &|| untrusted::short(&definition.path.to_string()));
    }
    for check in configuration.checks.iter().filter_map(|check| check.holds.as_ref()) {
        visit(check, &|| "checks".to_owned());
    }
    found.into_iter().collect()
}

/// How many bytes the references of an answer stand for: a short handle may be a long path.
fn referred(configuration: &Configuration, length: &dyn Fn(&Ref) -> usize) -> usize {
    let mut bytes = 0_usize;
    for value in configuration.values() {
        value.visit(&mut |expr| {
            if let Expr::Ref(reference) = expr {
                bytes = bytes.saturating_add(length(reference));
            }
        });
    }
    bytes
}

/// A module as its descriptor names it.
#[must_use]
pub fn find<'a>(descriptors: &'a [Descriptor], name: &crate::id::ModuleName) -> Option<&'a Descriptor> {
    descriptors.iter().find(|descriptor| descriptor.name == *name || descriptor.formerly.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_known_with_what_needs_them() {
        let output = |path: &[&str]| wire::Reference {
            root: "output".to_owned(),
            path: path.iter().map(|&part| part.into()).collect(),
        };
        let outputs_of_flake =
            [["packages", "b"], ["packages", "a"], ["packages", "b"], ["nixosModules", "x"], ["lib", "holds"]];
        let mut exprs: Vec<wire::Expr> = outputs_of_flake.iter().map(|path| wire::Expr::Ref(output(path))).collect();
        exprs.push(wire::Expr::List(vec![0, 1, 2]));
        let definition = wire::Definition {
            path: vec!["x".into(), "a.b\u{202e}".into()],
            value: 5,
            strength: wire::Strength::Merge,
        };
        let check = wire::Check { fatal: true, holds: Some(4), message: String::new() };
        let answer = wire::Configuration {
            exprs,
            definitions: vec![definition],
            imports: vec![3],
            checks: vec![check],
            ..wire::Configuration::default()
        };
        let found = outputs(&Configuration::check(answer, Trust::External).unwrap());
        let found: Vec<String> =
            found.iter().map(|Referred { path, place }| format!("{} in {place}", path.join("."))).collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        lib.holds in checks
        nixosModules.x in imports
        packages.a in x."a.b\\u{202e}"
        packages.b in x."a.b\\u{202e}"
        "#);
    }
}
