//! What strangers' NixOS modules set beside what was granted to their repository.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use thymis_core::{
    id::{ConfigurationId, InputName},
    nix::Blame,
    option::{OptionPath, OptionPattern, Segment},
    permission::Access,
    store_path::SourcePath,
    untrusted,
};

use super::Known;
use crate::{
    nix::DefinedBy,
    project::{Evaluable, catalogue::is_base},
};

/// An option that a stranger's NixOS module defines, and that none of its repository's permissions covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Outside {
    pub configuration: ConfigurationId,
    pub input: InputName,
    /// The NixOS module: an output of the flake, or a file of its repository.
    pub module: String,
    pub option: String,
}

/// What names of files begin with that are of strangers' flakes.
pub(super) fn prefixes(evaluable: &Evaluable, inputs: &BTreeSet<InputName>) -> Vec<String> {
    let theirs = inputs.iter().filter(|name| !is_base(name));
    let of = |name: &InputName| {
        let source = evaluable.pin(name).map(|pin| SourcePath::of(&pin.nar_hash).to_string());
        [Some(format!("{name}#")), source]
    };
    theirs.flat_map(of).flatten().collect()
}

pub(super) fn outside(evaluable: &Evaluable, found: &BTreeMap<ConfigurationId, Known>) -> Vec<Outside> {
    let mut all = BTreeSet::new();
    for (configuration, known) in found {
        for defined in &known.definitions {
            let Some((input, module)) = owner(evaluable, &defined.file) else { continue };
            let patterns = granted(evaluable, &input);
            for option in options(defined) {
                if !patterns.iter().any(|pattern| touches(pattern, &option)) {
                    let option = untrusted::short(&option.to_string());
                    let (configuration, input, module) = (configuration.clone(), input.clone(), module.clone());
                    all.insert(Outside { configuration, input, module, option });
                }
            }
        }
    }
    all.into_iter().collect()
}

/// The options that are defined: below one that is a set of modules, each of these.
fn options(defined: &DefinedBy) -> Vec<OptionPath> {
    let path = |more: Option<&String>| {
        let mut text = String::new();
        for segment in defined.option.iter().chain(more) {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&quoted(segment));
        }
        text.parse().ok()
    };
    match defined.names.as_deref() {
        None | Some([]) => path(None).into_iter().collect(),
        Some(names) => names.iter().filter_map(|name| path(Some(name))).collect(),
    }
}

fn quoted(segment: &str) -> String {
    let mut text = String::new();
    thymis_core::nix::string(segment, &mut text);
    text
}

/// The input that a file is of, and how it is shown.
fn owner(evaluable: &Evaluable, file: &str) -> Option<(InputName, String)> {
    if let Ok(Blame::Output { input, .. }) = file.parse() {
        return Some((input, untrusted::short(file)));
    }
    let (source, below) = SourcePath::split(file)?;
    let input = evaluable.input_at(source)?;
    Some((input.clone(), untrusted::short(&format!("{input}: {below}"))))
}

fn granted(evaluable: &Evaluable, input: &InputName) -> Vec<OptionPattern> {
    evaluable
        .granted(input)
        .filter_map(|access| match access {
            Access::Option { pattern, .. } => Some(pattern.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a permission covers an option or something below it. What a setting stands for isn't known here.
fn touches(pattern: &OptionPattern, option: &OptionPath) -> bool {
    pattern.segments().iter().zip(option.segments()).all(|(pattern, segment)| match pattern {
        Segment::Literal(name) => name == segment,
        Segment::Prefix(prefix) => segment.starts_with(prefix.as_str()),
        Segment::Any | Segment::Setting(_) => true,
    })
}
