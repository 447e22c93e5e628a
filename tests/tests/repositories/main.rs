//! Repositories that an attacker made, added as inputs with the real program: what can't be used is refused in a sentence, and
//! nothing that a stranger wrote takes the machine's memory, hangs, or leaves something behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attacks;
mod commits;
mod files;
mod packs;
mod refs;
mod served;
mod sources;
mod trees;

use attacks::Attacks;
use std::fs;
use thymis_tests::{
    Example,
    repository::{Id, RawRepository, entry},
};

const FLAKE: (&str, &str) = ("flake.nix", "{ outputs = _: { }; }");
const MODULE: &str = "temperature-logger";
const PLAIN: &str = "without modules";

/// The files of a repository with modules, by path; what stands in `others` replaces them.
fn modules(repository: &RawRepository, others: &[(&str, &str, Id)]) -> Id {
    let example = Example::TemperatureLogger;
    let file = |name: &str| fs::read(example.repository().join(name)).unwrap();
    let mut root = Vec::new();
    let replaced = |name: &str| others.iter().find(|(_, other, _)| *other == name);
    let mut put = |name: &str, mode: &str, id: &dyn Fn() -> Id| match replaced(name) {
        Some((mode, _, id)) => root.push((name.to_owned(), entry(mode, name, *id))),
        None => root.push((name.to_owned(), entry(mode, name, id()))),
    };
    for name in ["flake.nix", "README.md", "thymis.toml"] {
        put(name, "100644", &|| repository.blob(file(name)));
    }
    put("modules", "40000", &|| {
        let component = example.file();
        let name = component.rsplit('/').next().unwrap();
        repository.tree(&match replaced(&component) {
            Some((mode, _, id)) => entry(mode, name, *id),
            None => entry("100644", name, repository.blob(example.component())),
        })
    });
    for (mode, name, id) in others {
        if !name.contains('/') && !root.iter().any(|(known, _)| known == name) {
            root.push(((*name).to_owned(), entry(mode, name, *id)));
        }
    }
    root.sort();
    repository.tree(&root.into_iter().flat_map(|(_, entry)| entry).collect::<Vec<u8>>())
}

/// A repository with modules in which this replaces or joins a file.
fn with(others: impl FnOnce(&RawRepository) -> Vec<(&'static str, &'static str, Id)>) -> RawRepository {
    RawRepository::with(|repository| {
        let others = others(repository);
        modules(repository, &others)
    })
}
