//! The cases in which a module is tried: what its schema suggests, in several surroundings, and its author's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use thymis_core::{
    conflict::TargetId,
    expr::RefusalKind,
    id::IdError,
    instance::{self, AnswerError},
    json::{self, JsonError},
    schema::{Descriptor, Expected, Settings, SettingsProblem},
    untrusted, wire,
};

use super::situation::{DeviceKind, Situation, Subject};
use crate::{module::CallError, report};

/// Most cases of one module.
pub const LIMIT: usize = 400;
/// Most cases of its author's own, and largest file of one.
const MAX_OWN: usize = 200;
const MAX_OWN_BYTES: u64 = 1 << 20;

/// Settings, and what must become of them.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub settings: Value,
    pub expected: Expected,
    pub(super) situation: Situation,
    /// Whether what it prints is compared with what it printed before.
    pub snapshot: bool,
}

/// The cases of one module.
#[derive(Debug, Default)]
pub struct Cases {
    pub list: Vec<Case>,
    /// Where the schema contradicts itself.
    pub contradictions: Vec<String>,
    /// For what no case was found.
    pub untried: Vec<String>,
    pub left_out: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {MAX_OWN_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("{} has more than {MAX_OWN} files", .0.display())]
    TooMany(PathBuf),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("a name of this program's own is refused")]
    Name(#[from] IdError),
}

impl Cases {
    /// What the schema suggests, at most `limit`. `kinds` are tried with the usual settings.
    ///
    /// # Errors
    /// None but of this program's own names.
    pub fn of(descriptor: &Descriptor, kinds: &[DeviceKind], limit: usize) -> Result<Self, IdError> {
        let samples = descriptor.settings.samples(limit);
        let mut list = Vec::new();
        for sample in samples.list {
            let snapshot = matches!(sample.name.as_str(), "defaults" | "examples" | "defaults on a tag");
            let case = Case {
                situation: Situation::on(sample.target)?,
                name: sample.name,
                settings: sample.settings,
                expected: sample.expected,
                snapshot,
            };
            match case.name.as_str() {
                "defaults" | "examples" | "everything" => list.extend(elsewhere(&case, kinds)?),
                "defaults on a tag" | "examples on a tag" | "everything on a tag" => {
                    let mut other = case.clone();
                    other.name = other.name.replace("a tag", "another tag");
                    other.snapshot = false;
                    other.situation.target.id = TargetId::Tag("another-tag".parse()?);
                    list.push(other);
                }
                _ => {}
            }
            list.push(case);
        }
        let over = list.len().saturating_sub(limit);
        list.truncate(limit);
        Ok(Self {
            list,
            contradictions: samples.contradictions,
            untried: samples.untried,
            left_out: samples.left_out + over,
        })
    }

    /// The settings in files of a folder, each named after its file. They come first.
    ///
    /// # Errors
    /// When a file can't be read or is not JSON. There may be no such folder.
    pub fn add_own(&mut self, folder: &Path) -> Result<(), CaseError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| CaseError::Read { path, source }
        };
        let entries = match fs::read_dir(folder) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            entries => entries.map_err(read(folder))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(read(folder))?.path();
            if path.extension().is_some_and(|end| end == "json") && path.is_file() {
                files.push(path);
            }
        }
        if files.len() > MAX_OWN {
            return Err(CaseError::TooMany(folder.to_owned()));
        }
        files.sort();
        let mut own = Vec::new();
        for path in files {
            if fs::metadata(&path).map_err(read(&path))?.len() > MAX_OWN_BYTES {
                return Err(CaseError::TooLarge(path));
            }
            let settings = json::parse(&path.display().to_string(), &fs::read(&path).map_err(read(&path))?)?;
            own.push(Case {
                name: untrusted::short(&path.file_stem().unwrap_or_default().to_string_lossy()),
                settings,
                expected: Expected::Configuration,
                situation: Situation::on(wire::TargetKind::Configuration)?,
                snapshot: true,
            });
        }
        own.append(&mut self.list);
        self.list = own;
        Ok(())
    }
}

/// The same settings on other devices, under another name, and where the controller's URL isn't known.
fn elsewhere(case: &Case, kinds: &[DeviceKind]) -> Result<Vec<Case>, IdError> {
    let at = |what: &str, situation| Case {
        name: format!("{}, {what}", case.name),
        situation,
        snapshot: false,
        expected: Expected::Configuration.min_of(case.expected),
        settings: case.settings.clone(),
    };
    let mut cases = Vec::new();
    let mut other = case.situation.clone();
    other.instance = Some("another-instance".parse()?);
    other.target.id = TargetId::Configuration("another-device".parse()?);
    cases.push(at("as another instance", other));
    let mut device = case.situation.clone();
    device.target.id = TargetId::Configuration("other-host".parse()?);
    cases.push(at("on another device", device));
    let mut offline = case.situation.clone();
    offline.controller_url = None;
    cases.push(at("without a controller's URL", offline));
    for kind in kinds.iter().filter(|_| case.name == "defaults") {
        let what = format!("on {} ({})", kind.device_type, kind.system);
        cases.push(at(&what, Situation::configuration(kind.clone())?));
    }
    Ok(cases)
}

trait MinOf {
    fn min_of(self, other: Self) -> Self;
}

impl MinOf for Expected {
    /// The weaker of two demands.
    fn min_of(self, other: Self) -> Self {
        if other == Self::Configuration { self } else { other }
    }
}

/// What became of a case, as it should.
#[derive(Debug)]
pub enum Tried {
    /// The host refused the settings.
    Refused,
    /// The module refuses them with reasons, or what it makes of a hostile text is refused as one.
    Problems,
    /// The file of a device or tag that uses nothing else.
    Nix(String),
}

/// What is wrong with a module in one case.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("these settings break the module's own schema, and were not refused")]
    NotRefused,
    #[error("the schema refuses these settings:\n{}", lines(.0.iter().map(ToString::to_string)))]
    Settings(Vec<SettingsProblem>),
    #[error("the module refuses what it names itself as default or example, or what its author keeps as a case:\n{}", lines(.0.iter().cloned()))]
    Problems(Vec<String>),
    #[error(
        "two calls with the same settings have different answers: a module is a pure function, so it keeps no state and doesn't iterate over a `HashMap`"
    )]
    Different,
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("what is printed is not Nix, which is this program's fault: please report it ({0})")]
    Nix(String),
    #[error("a name of this program's own is refused")]
    Name(#[from] IdError),
}

fn lines(items: impl Iterator<Item = String>) -> String {
    items.take(20).map(|item| format!("  - {item}")).collect::<Vec<_>>().join("\n")
}

impl Case {
    /// Tries the case; twice, to see that the answer is the same.
    ///
    /// # Errors
    /// What is wrong with the module.
    pub fn try_twice(&self, subject: Subject<'_>) -> Result<Tried, Fault> {
        let settings = match (subject.descriptor.settings.validate(&self.settings, self.kind()), self.expected) {
            (Err(_), Expected::Refusal) => return Ok(Tried::Refused),
            (Ok(_), Expected::Refusal) => return Err(Fault::NotRefused),
            (Err(problems), _) => return Err(Fault::Settings(problems)),
            (Ok(settings), _) => settings,
        };
        let origin = self.situation.origin(subject.descriptor)?;
        let answer = self.situation.ask(subject, &origin, &settings)?.answer;
        if self.situation.ask(subject, &origin, &settings)?.answer != answer {
            return Err(Fault::Different);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) if self.expected == Expected::Answer => return Ok(Tried::Problems),
            Err(problems) => return Err(Fault::Problems(problems.iter().map(report::problem).collect())),
        };
        let authority = subject.permissions.map(|permissions| thymis_core::authority::Authority { permissions });
        let priority = self.situation.target.priority;
        match instance::render(answer, &origin, priority, &settings, authority, subject.trust) {
            Ok(rendered) => {
                let nix = self.situation.file(&rendered.section);
                if let Some(error) = rnix::Root::parse(&nix).errors().first() {
                    return Err(Fault::Nix(error.to_string()));
                }
                Ok(Tried::Nix(nix))
            }
            // Nobody but the operator wrote it there, and it is refused to protect them.
            Err(AnswerError::Refused(refusals))
                if self.settings.to_string().contains("/nix/store")
                    && refusals.iter().all(|refusal| refusal.kind == RefusalKind::StorePath) =>
            {
                Ok(Tried::Problems)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The answer of one call, and the fuel it took; nothing where there is none.
    pub(super) fn probe(&self, subject: Subject<'_>) -> Result<(Option<(wire::Configuration, Settings)>, u64), Fault> {
        let Ok(settings) = subject.descriptor.settings.validate(&self.settings, self.kind()) else {
            return Ok((None, 0));
        };
        let origin = self.situation.origin(subject.descriptor)?;
        let outcome = self.situation.ask(subject, &origin, &settings)?;
        Ok((outcome.answer.ok().map(|answer| (answer, settings)), outcome.usage.fuel))
    }

    /// The names of target and instance, of which a module may make names.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let target = match &self.situation.target.id {
            TargetId::Configuration(id) => id.to_string(),
            TargetId::Tag(id) => id.to_string(),
        };
        [target].into_iter().chain(self.situation.instance.as_ref().map(ToString::to_string))
    }

    pub(super) fn kind(&self) -> wire::TargetKind {
        self.situation.target.kind()
    }
}
