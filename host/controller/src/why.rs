//! Where the value of an option comes from.
//!
//! A module is a pure function, so which settings a definition depends on is found by asking it again with one setting
//! changed: no module has to keep track, and none can lie about it.

use std::{
    cmp::Reverse,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thymis_core::{
    authority::Authority,
    conflict::{Fact, Origin},
    digest::Digest,
    expr::{Configuration, Definition, Expr, Ref, Trust},
    id::ConfigurationId,
    instance::{self, Referred, Target},
    json::pointer_part,
    option::OptionPath,
    permission::Access,
    schema::{Effect, Settings, Shape},
    state::Use,
    wire::Strength,
};

use crate::project::{self, Catalogue, Failure, FailureKind, Loaded, State};

/// Definitions of one module at, above or below an option, beyond which a longer path must be named.
const CONCERNED: usize = 200;
/// How often a module is asked about its settings.
const ASKED: usize = 2_000;
/// The same where an output is missing, which may be so for every device.
const ASKED_OF_OUTPUTS: usize = 64;
/// For how long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One definition that has to do with an option.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    pub option: String,
    /// As far as it is known without evaluating.
    pub value: Option<String>,
    pub target: String,
    pub module: String,
    pub instance: String,
    pub strength: &'static str,
    pub priority: u32,
    /// Whether no other definition of the option is stronger.
    pub wins: bool,
    pub settings: Vec<SettingUsed>,
    /// Whether all settings were tried. A module with very many, or a slow one, isn't asked for ever.
    pub all_tried: bool,
    /// Absent for a built-in module.
    pub component: Option<Digest>,
    pub grant: Option<Digest>,
    /// The permission that covers it, and the reason given for it.
    pub permission: Option<String>,
    pub reason: Option<String>,
}

/// A setting that the value depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SettingUsed {
    /// JSON pointer.
    pub setting: String,
    pub value: Value,
    /// Nobody set it; it is the module's default.
    pub default: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    #[error("there is no configuration `{wanted}`; there are {}", listed_names(.known))]
    NoConfiguration { wanted: ConfigurationId, known: Vec<ConfigurationId> },
    #[error("{0}")]
    Failure(Failure),
    #[error(
        "no module of configuration `{configuration}` sets `{option}`: its value, if it has one, is NixOS's own, or that of a NixOS module which a flake provides"
    )]
    NotSet { configuration: ConfigurationId, option: OptionPath },
}

impl WhyError {
    pub(crate) fn no_configuration(state: &State, wanted: &ConfigurationId) -> Self {
        Self::NoConfiguration { wanted: wanted.clone(), known: state.configurations.keys().cloned().collect() }
    }
}

fn listed_names(known: &[ConfigurationId]) -> String {
    const SHOWN: usize = 20;
    let mut names: Vec<String> = known.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
    match known.len() {
        0 => names.push("none yet: write state/configurations/<id>.json".to_owned()),
        1..=SHOWN => {}
        all => names.push(format!("{} more", all - SHOWN)),
    }
    names.join(", ")
}

/// The definitions at, above or below an option of a configuration, the strongest first.
///
/// # Errors
/// When nothing sets it, or a module that may do so can't be asked.
pub fn why(
    state: &State,
    catalogue: &Catalogue,
    configuration: &ConfigurationId,
    option: &OptionPath,
) -> Result<Vec<Source>, WhyError> {
    let found =
        state.configurations.get(configuration).ok_or_else(|| WhyError::no_configuration(state, configuration))?;
    let own = project::target(state, catalogue, configuration, &found.value);
    let mut uses: Vec<(Target, &Use)> = found.value.modules.iter().map(|one| (own.clone(), one)).collect();
    for tag in &found.value.tags {
        let Some(parsed) = state.tags.get(tag) else { continue };
        let target = Target::tag(tag.clone(), parsed.value.priority);
        uses.extend(parsed.value.modules.iter().map(|one| (target.clone(), one)));
    }
    let mut sources = Vec::new();
    for (target, one) in uses {
        let fail =
            |origin, kind| WhyError::Failure(Failure { target: target.id.clone(), origin, kind: Arc::new(kind) });
        let origin = catalogue.origin(&target.id, one).map_err(|kind| fail(None, kind))?;
        let asked = Asked { state, catalogue, target: &target, origin: &origin, one };
        let of_use = asked.sources(option).map_err(|kind| fail(Some(Arc::clone(&origin)), kind))?;
        sources.extend(of_use);
    }
    if sources.is_empty() {
        return Err(WhyError::NotSet { configuration: configuration.clone(), option: option.clone() });
    }
    for index in 0..sources.len() {
        let wins = sources.get(index).is_some_and(|one| {
            sources.iter().all(|other| other.option != one.option || other.priority >= one.priority)
        });
        if let Some(one) = sources.get_mut(index) {
            one.wins = wins;
        }
    }
    sources.sort_by_key(|source| (source.option.clone(), Reverse(source.wins), source.priority));
    Ok(sources)
}

/// One use of a module that is asked.
pub(crate) struct Asked<'a> {
    pub(crate) state: &'a State,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) target: &'a Target,
    pub(crate) origin: &'a Arc<Origin>,
    pub(crate) one: &'a Use,
}

/// What a module answered.
struct Answered {
    settings: Settings,
    definitions: Vec<Definition>,
    outputs: Vec<Referred>,
}

/// What it answers where one setting differs.
struct Variant {
    setting: SettingUsed,
    answers: Vec<Answered>,
}

impl Asked<'_> {
    fn sources(&self, option: &OptionPath) -> Result<Vec<Source>, FailureKind> {
        let loaded = self.catalogue.get(&self.origin.module)?;
        let stored = project::migrated(loaded, self.one)?;
        let answered = self.ask(loaded, &stored)?;
        let facts = thymis_core::conflict::facts(&answered.definitions, self.target.priority, self.origin);
        let concerned: Vec<&Fact> =
            facts.iter().filter(|fact| fact.path.starts_with(option) || option.starts_with(&fact.path)).collect();
        if concerned.is_empty() {
            return Ok(Vec::new());
        }
        if concerned.len() > CONCERNED {
            return Err(FailureKind::Vague { option: option.to_string(), found: concerned.len() });
        }
        let (variants, all) = self.variants(loaded, &stored, &answered.settings, ASKED);
        let source = |fact| Source { all_tried: all, ..self.source(loaded, &answered, &variants, fact) };
        Ok(concerned.into_iter().map(source).collect())
    }

    /// The settings without which the module would not refer to an output of its flake, as far as few questions tell.
    pub(crate) fn leading_to(&self, output: &[String]) -> Vec<SettingUsed> {
        let found = || -> Result<Vec<SettingUsed>, FailureKind> {
            let loaded = self.catalogue.get(&self.origin.module)?;
            let stored = project::migrated(loaded, self.one)?;
            let answered = self.ask(loaded, &stored)?;
            let (variants, _) = self.variants(loaded, &stored, &answered.settings, ASKED_OF_OUTPUTS);
            let without = |other: &Answered| other.outputs.iter().all(|referred| referred.path != output);
            Ok(variants.into_iter().filter(|one| one.answers.iter().any(without)).map(|one| one.setting).collect())
        };
        found().unwrap_or_default()
    }

    fn ask(&self, loaded: &Loaded, stored: &Value) -> Result<Answered, FailureKind> {
        let settings =
            loaded.descriptor.settings.validate(stored, self.target.kind()).map_err(FailureKind::Settings)?;
        let request =
            instance::request(self.target, self.origin, &settings, self.state.project.controller_url.as_deref());
        let answer = loaded.module.generate(&request)?.answer.map_err(FailureKind::Problems)?;
        let trust = if loaded.is_built_in() { Trust::BuiltIn } else { Trust::External };
        let configuration = Configuration::check(answer, trust).map_err(instance::AnswerError::Refused)?;
        Authority { permissions: &loaded.permissions }
            .check(&configuration, &settings)
            .map_err(instance::AnswerError::Denied)?;
        let outputs = instance::outputs(&configuration);
        Ok(Answered { settings, definitions: configuration.definitions, outputs })
    }

    /// Each setting in turn with other values, and whether those were all. What the module refuses then says nothing.
    fn variants(&self, loaded: &Loaded, stored: &Value, settings: &Settings, most: usize) -> (Vec<Variant>, bool) {
        let (end, mut asked) = (Instant::now() + PATIENCE, 0);
        let mut all = true;
        let mut variants = Vec::new();
        for (pointer, value) in leaves(settings.plain(), String::new()) {
            let mut answers = Vec::new();
            for other in others(&value, &listed(loaded, &pointer)) {
                if asked == most || Instant::now() >= end {
                    all = false;
                    break;
                }
                asked += 1;
                let mut changed = settings.plain().clone();
                set(&mut changed, &pointer, other);
                answers.extend(self.ask(loaded, &changed).ok());
            }
            let default = stored.pointer(&pointer).is_none();
            variants.push(Variant { setting: SettingUsed { setting: pointer, value, default }, answers });
        }
        (variants, all)
    }

    fn source(&self, loaded: &Loaded, answered: &Answered, variants: &[Variant], fact: &Fact) -> Source {
        let key = |setting: &[String]| answered.settings.get(&setting.join("."))?.as_str().map(str::to_owned);
        let covering = loaded.permissions.iter().find(|accepted| {
            matches!(&accepted.permission.access, Access::Option { pattern, .. } if pattern.covers(&fact.path, &key))
        });
        let meaning = answered.at(&fact.path);
        let depends = |variant: &&Variant| variant.answers.iter().any(|other| other.at(&fact.path) != meaning);
        Source {
            option: fact.path.to_string(),
            value: match &fact.value {
                thymis_core::conflict::Value::Scalar(text) => Some(text.clone()),
                thymis_core::conflict::Value::Other => None,
            },
            target: self.target.id.to_string(),
            module: self.origin.module.to_string(),
            instance: self.origin.instance.to_string(),
            strength: match fact.strength {
                Strength::Merge => "merge",
                Strength::Override => "override",
                Strength::Fallback => "fallback",
                Strength::Force => "force",
            },
            priority: fact.priority,
            wins: false,
            settings: variants.iter().filter(depends).map(|variant| variant.setting.clone()).collect(),
            all_tried: true,
            component: loaded.component,
            grant: loaded.grant,
            permission: covering.map(|accepted| accepted.permission.access.to_string()),
            reason: covering.map(|accepted| accepted.permission.reason.clone()),
        }
    }
}

impl Answered {
    /// What is said of one path, and the artifacts that it means: these stand there as handles, equal for all names.
    fn at(&self, path: &OptionPath) -> (Vec<(Strength, &Expr)>, Vec<&str>) {
        let found = at(&self.definitions, path);
        let mut artifacts = Vec::new();
        for (_, value) in &found {
            value.visit(&mut |expr| {
                if let Expr::Ref(Ref::Artifact(handle)) = expr {
                    artifacts.extend(self.settings.resolve(handle).map(|known| known.value.as_str()));
                }
            });
        }
        (found, artifacts)
    }
}

/// What definitions say of one path.
fn at<'a>(definitions: &'a [Definition], path: &OptionPath) -> Vec<(Strength, &'a Expr)> {
    let mut found = Vec::new();
    for definition in definitions.iter().filter(|definition| path.starts_with(&definition.path)) {
        collect(&definition.path, &definition.value, path, definition.strength, &mut found);
    }
    found
}

/// Follows attribute sets down to the path; whatever else lies on the way counts as a whole.
fn collect<'a>(
    at: &OptionPath,
    value: &'a Expr,
    path: &OptionPath,
    strength: Strength,
    found: &mut Vec<(Strength, &'a Expr)>,
) {
    match value {
        Expr::Attrs(attrs) if at != path => {
            for (name, value) in attrs {
                // Looked at before a path is made of it: a set may have tens of thousands.
                if path.segments().get(at.segments().len()) == Some(name) {
                    collect(&at.child(name), value, path, strength, found);
                }
            }
        }
        _ => found.push((strength, value)),
    }
}

/// Single values in settings, with their JSON pointers.
fn leaves(value: &Value, pointer: String) -> Vec<(String, Value)> {
    match value {
        Value::Object(entries) => {
            entries.iter().flat_map(|(key, value)| leaves(value, format!("{pointer}/{}", pointer_part(key)))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| leaves(value, format!("{pointer}/{index}"))).collect()
        }
        other => vec![(pointer, other.clone())],
    }
}

/// Values near the present one and those `listed`, of which one at least should be allowed. `None`: unset.
fn others(present: &Value, listed: &[Value]) -> Vec<Option<Value>> {
    let near = match present {
        Value::Bool(value) => vec![Value::from(!value)],
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => vec![value.saturating_add(1).into(), value.saturating_sub(1).into()],
            (None, Some(value)) => vec![(value + 1.0).into(), (value - 1.0).into()],
            (None, None) => Vec::new(),
        },
        Value::String(text) => {
            vec![format!("{text}x").into(), text.chars().skip(1).collect::<String>().into()]
        }
        _ => Vec::new(),
    };
    let listed = listed.iter().filter(|value| *value != present).cloned();
    near.into_iter().chain(listed).map(Some).chain([None]).collect()
}

/// Values that the setting's type or conditions list.
fn listed(loaded: &Loaded, pointer: &str) -> Vec<Value> {
    let mut keys = pointer.split('/').skip(1);
    let Some(setting) = keys.next().and_then(|key| loaded.descriptor.settings.get(key)) else { return Vec::new() };
    let (mut shape, mut conditions) = (setting.shape.as_ref(), setting.conditions.as_slice());
    for key in keys {
        (shape, conditions) = match shape {
            Shape::Group(group) => match group.get(key) {
                Some(setting) => (setting.shape.as_ref(), setting.conditions.as_slice()),
                None => return Vec::new(),
            },
            Shape::List(list) => (list.item.as_ref(), [].as_slice()),
            Shape::Map(map) => (map.item.as_ref(), [].as_slice()),
            _ => return Vec::new(),
        };
    }
    let mut values = match shape {
        Shape::Select(choices) => choices.iter().map(|choice| Value::from(choice.value.as_str())).collect(),
        _ => Vec::new(),
    };
    for condition in conditions {
        if let Effect::Allowed(allowed) = &condition.effect {
            values.extend(allowed.iter().cloned());
        }
    }
    values
}

fn set(settings: &mut Value, pointer: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            if let Some(place) = settings.pointer_mut(pointer) {
                *place = value;
            }
        }
        None => {
            let Some((parent, key)) = pointer.rsplit_once('/') else { return };
            match settings.pointer_mut(parent) {
                Some(Value::Object(entries)) => {
                    entries.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
                }
                Some(Value::Array(items)) => {
                    if let Some(index) = key.parse().ok().filter(|index| *index < items.len()) {
                        items.remove(index);
                    }
                }
                _ => {}
            }
        }
    }
}
