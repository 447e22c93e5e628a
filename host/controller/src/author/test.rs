//! Tries a module in everything that its schema suggests.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thymis_core::{id::IdError, schema::Descriptor, untrusted, wire};
use thymis_sandbox::Sandbox;

use super::{
    case::{Case, CaseError, Cases, Fault, LIMIT, Tried},
    run::{Component, RunError, inspect},
    situation::DeviceKind,
    snapshot::{self, Compared},
};
use crate::{builtin, report};

/// Where an author keeps settings to be tried too.
const SETTINGS: &str = "tests/settings";

/// What came out of testing one module.
#[derive(Debug, Default)]
pub struct Report {
    pub module: String,
    /// Cases that became Nix, that the module refused with reasons, and that the host refused; all as they should.
    pub generated: usize,
    pub problems: usize,
    pub refused: usize,
    pub failures: Vec<Failure>,
    /// What couldn't be tried, and why.
    pub untried: Vec<String>,
    /// Cases beyond the bound.
    pub left_out: usize,
    /// Whether a manifest was there to hold answers against.
    pub permitted: bool,
    pub snapshots: usize,
    /// Files that were written.
    pub written: Vec<PathBuf>,
}

/// A case that went wrong.
#[derive(Debug)]
pub struct Failure {
    pub case: String,
    /// Ready for `thymis module run --settings`. Absent: it is about the schema alone.
    pub settings: Option<Value>,
    pub on_tag: bool,
    pub what: String,
}

impl Failure {
    fn of(case: &Case, what: String) -> Self {
        let on_tag = case.kind() == wire::TargetKind::Tag;
        Self { case: case.name.clone(), settings: Some(case.settings.clone()), on_tag, what }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TestError {
    #[error("{} has no components in modules/: run `thymis module build` first", .0.display())]
    NotBuilt(PathBuf),
    #[error("{} can't be read or written", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Component(#[from] Box<RunError>),
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("the built-in modules can't be asked for the kinds of devices")]
    BuiltIn(#[from] thymis_core::manifest::ManifestError),
    #[error("a name of this program's own is refused")]
    Name(#[from] IdError),
    #[error(
        "{}: the components have several modules: put the cases of each into a folder of its name", .0.display()
    )]
    WhichModule(PathBuf),
}

/// The components of a repository's folder, or the one that is named.
///
/// # Errors
/// When there is none, or it can't be used.
pub fn components(sandbox: &Sandbox, place: &Path) -> Result<Vec<(PathBuf, Component)>, TestError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TestError::Io { path, source }
    };
    let mut files = Vec::new();
    if place.is_dir() {
        let folder = place.join("modules");
        if folder.is_dir() {
            for entry in std::fs::read_dir(&folder).map_err(io(&folder))? {
                let path = entry.map_err(io(&folder))?.path();
                if path.extension().is_some_and(|end| end == "wasm") {
                    files.push(path);
                }
            }
        }
        if files.is_empty() {
            return Err(TestError::NotBuilt(place.to_owned()));
        }
        files.sort();
    } else {
        files.push(place.to_owned());
    }
    let load = |file: PathBuf| match inspect(sandbox, &file) {
        Ok(component) => Ok((file, component)),
        Err(source) => Err(Box::new(source).into()),
    };
    files.into_iter().map(load).collect()
}

/// Tests all modules of components that lie in one repository.
///
/// # Errors
/// When the tests can't be made; a module that fails them is a [`Failure`].
pub fn test(components: &[(PathBuf, Component)], update: bool) -> Result<Vec<Report>, TestError> {
    let built_in = builtin::all(&thymis_sandbox::Limits::default())?;
    let mut kinds: Vec<DeviceKind> = built_in.iter().flat_map(|one| DeviceKind::of(&one.manifest)).collect();
    let modules: usize = components.iter().map(|(_, component)| component.descriptors.len()).sum();
    let mut reports = Vec::new();
    for (_, component) in components {
        let new: Vec<_> = component.device_kinds.iter().filter(|kind| !kinds.contains(kind)).cloned().collect();
        kinds.extend(new);
        for descriptor in &component.descriptors {
            let mut cases = Cases::of(descriptor, &kinds, LIMIT)?;
            if let Some(repository) = &component.repository {
                let folder = repository.join(SETTINGS);
                let before = cases.list.len();
                cases.add_own(&folder)?;
                if cases.list.len() > before && modules > 1 {
                    return Err(TestError::WhichModule(folder));
                }
                cases.add_own(&folder.join(descriptor.name.as_str()))?;
            }
            reports.push(module(component, descriptor, cases, update)?);
        }
    }
    Ok(reports)
}

/// Tests one module.
///
/// # Errors
/// When snapshots can't be read or written.
pub fn module(component: &Component, descriptor: &Descriptor, cases: Cases, update: bool) -> Result<Report, TestError> {
    let subject = component.subject(descriptor);
    let contradiction = |what| Failure { case: "the schema".to_owned(), settings: None, on_tag: false, what };
    let mut report = Report {
        module: descriptor.name.to_string(),
        failures: cases.contradictions.into_iter().map(contradiction).collect(),
        untried: cases.untried,
        left_out: cases.left_out,
        permitted: subject.permissions.is_some(),
        ..Report::default()
    };
    let mut examples = false;
    let mut printed = Vec::new();
    for case in &cases.list {
        match case.try_twice(subject) {
            Ok(Tried::Refused) => report.refused += 1,
            Ok(Tried::Problems) => report.problems += 1,
            Ok(Tried::Nix(nix)) => {
                report.generated += 1;
                examples |= case.name == "examples";
                if case.snapshot {
                    printed.push((case, nix));
                }
            }
            // It means something beside the other examples only.
            Err(Fault::Problems(_)) if examples && case.name.ends_with(": the example") => report.problems += 1,
            Err(fault) => report.failures.push(Failure::of(case, report::chain(&fault))),
        }
    }
    // What a wrong module prints is nothing to keep.
    if let Some(repository) = component.repository.as_ref().filter(|_| report.failures.is_empty()) {
        for (case, nix) in printed {
            compare(repository, case, &nix, update, &mut report)?;
        }
    }
    Ok(report)
}

/// Compares what was printed with what stands in the repository, or writes it there.
fn compare(repository: &Path, case: &Case, nix: &str, update: bool, report: &mut Report) -> Result<(), TestError> {
    let path = snapshot::file(repository, &report.module, &case.name);
    let compared = snapshot::compare(&path, nix, update);
    match compared.map_err(|source| TestError::Io { path: path.clone(), source })? {
        Compared::Same => report.snapshots += 1,
        Compared::Written => report.written.push(path),
        Compared::Different(difference) => {
            let what = format!(
                "what it prints is not what stands in {}; if that is meant, run it again with --update\n{}",
                path.display(),
                untrusted::lines(&difference)
            );
            report.failures.push(Failure::of(case, what));
        }
    }
    Ok(())
}
