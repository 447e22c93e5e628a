//! Runs attacks on one sandbox, beside modules that do nothing wrong.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use serde_json::json;
use thymis_core::{
    expr::{Configuration, Trust},
    instance::AnswerError,
    schema::{Descriptor, SchemaProblem},
    wire,
};
use thymis_sandbox::{Component, Error, HostFault, Limits, Outcome, Sandbox};
use thymis_tests::{
    Example,
    guest::{Guest, request},
};

/// An attack with a name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    attack: fn(&Stage) -> Ended,
}

pub(crate) const fn case(name: &'static str, attack: fn(&Stage) -> Ended) -> Case {
    Case { name, attack }
}

/// How each case ended, once it did.
type ByName = HashMap<&'static str, Arc<OnceLock<Ended>>>;

impl Case {
    /// How it ends, and that nobody else notices.
    fn ended(&self) -> Ended {
        let stage = Stage::get();
        let ended = (self.attack)(stage);
        stage.assert_good_modules_answer_as_ever(self.name);
        ended
    }

    /// How it ended the first time.
    fn first(&self) -> Ended {
        static FIRST: LazyLock<Mutex<ByName>> = LazyLock::new(Mutex::default);
        let first = FIRST.lock().unwrap().entry(self.name).or_default().clone();
        first.get_or_init(|| self.ended()).clone()
    }
}

/// What became of an attack: whose fault the host calls it, and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    kind: &'static str,
    text: String,
}

impl Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

impl Ended {
    pub(crate) fn module_fault(text: impl Display) -> Self {
        Self { kind: "ModuleFault", text: text.to_string() }
    }

    pub(crate) fn denied(text: impl Display) -> Self {
        Self { kind: "Denied", text: text.to_string() }
    }

    pub(crate) fn incompatible(text: impl Display) -> Self {
        Self { kind: "Incompatible", text: text.to_string() }
    }

    pub(crate) fn host_fault(text: impl Display) -> Self {
        Self { kind: "HostFault", text: text.to_string() }
    }

    /// What a repository's component ends in that isn't what the schema allows.
    pub(crate) fn described_wrongly(problems: &[SchemaProblem]) -> Self {
        const SHOWN: usize = 20;
        let told: Vec<_> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
        if problems.iter().any(SchemaProblem::is_incompatible) {
            Self::incompatible(told.join("\n"))
        } else {
            Self::module_fault(told.join("\n"))
        }
    }

    /// There is an answer, and the attack had no effect on anything else: what came out instead.
    pub(crate) fn harmless(text: impl Display) -> Self {
        Self { kind: "No effect", text: text.to_string() }
    }

    /// With another name for a path that differs from run to run.
    pub(crate) fn at(self, path: &Path, name: &str) -> Self {
        Self { text: self.text.replace(path.to_str().unwrap(), name), ..self }
    }

    /// Without what differs from one run to another.
    pub(crate) fn replace(&self, from: &str, to: &str) -> Self {
        Self { kind: self.kind, text: self.text.replace(from, to) }
    }

    /// Of an attack that takes several calls, or that looks at what came out.
    pub(crate) fn of(attempt: impl FnOnce() -> Result<String, Error>) -> Self {
        attempt().map_or_else(Self::from, Self::harmless)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            Error::ModuleFault(it) => Self::module_fault(it),
            Error::Denied(it) => Self::denied(it),
            Error::Incompatible(it) => Self::incompatible(it),
            Error::HostFault(it) => it.into(),
        }
    }
}

impl From<HostFault> for Ended {
    fn from(error: HostFault) -> Self {
        Self::host_fault(error)
    }
}

impl From<AnswerError> for Ended {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused(_) => Self::module_fault(error),
            AnswerError::Denied(_) => Self::denied(error),
        }
    }
}

/// What an answer consists of, in a line.
pub(crate) fn summary(answer: &wire::Answer) -> String {
    match answer {
        Ok(it) => format!(
            "an answer of {} expressions, {} definitions, {} imports, {} secrets, {} checks",
            it.exprs.len(),
            it.definitions.len(),
            it.imports.len(),
            it.secrets.len(),
            it.checks.len()
        ),
        Err(problems) => format!("{} problems with the settings", problems.len()),
    }
}

/// Where attacks take place: a sandbox that has good modules loaded.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    good: Vec<Good>,
}

/// A module that does nothing wrong, and what it answers when nobody else does.
struct Good {
    component: Component,
    request: wire::Request,
    answer: Outcome<wire::Answer>,
}

impl Good {
    fn new(sandbox: &Sandbox, bytes: &[u8], request: wire::Request) -> Self {
        let component = sandbox.load(bytes, false).unwrap();
        let answer = component.generate(&request).unwrap();
        assert!(answer.answer.is_ok());
        Self { component, request, answer }
    }
}

impl Stage {
    /// The one of this process.
    pub(crate) fn get() -> &'static Self {
        static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::new(Stage::limits()));
        &STAGE
    }

    /// The usual ones, but little fuel: a loop then ends soon. The deadline is behind everything on any machine.
    pub(crate) fn limits() -> Limits {
        const FUEL: u64 = 5_000_000;
        Limits::default()
            .with_describe_fuel(FUEL)
            .with_migrate_fuel(FUEL)
            .with_generate_fuel(FUEL)
            .with_deadline_ms(60_000)
            .with_concurrent_calls(8)
    }

    fn new(limits: Limits) -> Self {
        let sandbox = Sandbox::new(limits, None).unwrap();
        let settings = json!({ "log-file": "/var/log/temperature.log", "interval": 60, "unit": "celsius" });
        let logger =
            wire::Request { name: "temperature-logger".into(), context: vec![], ..request(&settings.to_string()) };
        let good = vec![
            Good::new(&sandbox, &Example::TemperatureLogger.component(), logger),
            Good::new(&sandbox, &Guest::echo().component(), request(r#"{"a":"ä"}"#)),
        ];
        Self { sandbox, good }
    }

    /// Good modules answer with the same bytes as ever, and do the same work for it.
    #[track_caller]
    pub(crate) fn assert_good_modules_answer_as_ever(&self, after: &str) {
        for good in &self.good {
            let answer = good.component.generate(&good.request);
            assert!(
                answer.as_ref().is_ok_and(|answer| *answer == good.answer),
                "after {after}: {answer:?} instead of {:?}",
                good.answer
            );
        }
    }

    pub(crate) fn load(&self, guest: &Guest) -> Result<Component, Error> {
        self.sandbox.load(&guest.component(), false)
    }

    /// How loading a component ends.
    pub(crate) fn loading(&self, bytes: &[u8]) -> Ended {
        Ended::of(|| self.sandbox.load(bytes, false).map(|_| "it is loaded".into()))
    }

    /// How asking a guest for its modules ends, once they are checked.
    pub(crate) fn describe(&self, guest: &Guest) -> Ended {
        let descriptors = match self.load(guest).and_then(|component| component.describe()) {
            Ok(described) => described.answer,
            Err(error) => return error.into(),
        };
        match Descriptor::check_all(descriptors) {
            Ok(modules) => Ended::harmless(format!("{} modules", modules.len())),
            Err(problems) => Ended::described_wrongly(&problems),
        }
    }

    /// How having a guest migrate settings ends.
    pub(crate) fn migrate(&self, guest: &Guest) -> Ended {
        Ended::of(|| {
            Ok(match self.load(guest)?.migrate("echo", 1, "{}")?.answer {
                Ok(settings) => format!("{} bytes of settings", settings.len()),
                Err(problems) => format!("{} problems with the settings", problems.len()),
            })
        })
    }

    /// How asking a guest for a configuration ends, once that is checked.
    pub(crate) fn generate(&self, guest: &Guest) -> Ended {
        let answer = match self.load(guest).and_then(|component| component.generate(&request("{}"))) {
            Ok(outcome) => outcome.answer,
            Err(error) => return error.into(),
        };
        let told = summary(&answer);
        match answer.map(|configuration| Configuration::check(configuration, Trust::External)) {
            Ok(Err(refusals)) => AnswerError::Refused(refusals).into(),
            Ok(Ok(_)) | Err(_) => Ended::harmless(told),
        }
    }

    /// How asking a guest for a configuration ends in a sandbox of its own.
    pub(crate) fn generate_within(limits: Limits, guest: &Guest) -> Ended {
        Ended::of(|| {
            let component = Sandbox::new(limits, None)?.load(&guest.component(), false)?;
            Ok(summary(&component.generate(&request("{}"))?.answer))
        })
    }
}

/// Runs a group's cases one by one. How they end is its snapshot.
#[track_caller]
pub(crate) fn run(group: &str, cases: &[Case]) {
    let told: Vec<_> = cases.iter().map(|case| format!("## {}\n{}\n", case.name, case.first())).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(group, told.join("\n")));
}

/// Runs all cases on several threads, each in an order of its own: they end as they did before.
pub(crate) fn run_at_once(threads: usize, cases: &[&Case]) {
    for case in cases {
        case.first();
    }
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for step in 0..cases.len() {
                    let at = (step + thread * cases.len() / threads) % cases.len();
                    let case = cases[if thread % 2 == 0 { at } else { cases.len() - 1 - at }];
                    assert_eq!(case.ended(), case.first(), "{}", case.name);
                }
            });
        }
    });
}
