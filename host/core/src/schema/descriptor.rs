//! A module's description of itself, checked.

use std::sync::Arc;

use super::{
    budget::Budget,
    constraint::Extras,
    limits,
    localized::{Kind, Localized},
    problem::{Problems, SchemaCode, SchemaProblem},
    schema::Schema,
    table::Table,
};
use crate::{
    id::{ModuleName, PythonClass},
    untrusted::short,
    wire,
};

#[derive(Debug, Clone)]
pub struct Descriptor {
    pub name: ModuleName,
    /// Settings stored under another version need the module's `migrate`.
    pub schema_version: u32,
    pub label: Localized,
    pub description: Localized,
    pub category: Localized,
    /// SVG text, by a stranger.
    pub icon: Option<String>,
    pub icon_dark: Option<String>,
    /// Whether one target can use the module more than once.
    pub multiple: bool,
    /// Earlier names.
    pub formerly: Vec<ModuleName>,
    /// What the module was in Thymis 0.9.
    pub python: Vec<PythonClass>,
    pub settings: Arc<Schema>,
}

impl Descriptor {
    /// All descriptors of one component.
    ///
    /// # Errors
    /// All problems of all modules, at most [`limits::PROBLEMS`] for each; once there are so many, the other modules aren't
    /// looked at.
    pub fn check_all(descriptors: Vec<wire::Descriptor>) -> Result<Vec<Self>, Vec<SchemaProblem>> {
        if descriptors.len() > limits::MODULES {
            let mut problems = Problems::of("*");
            problems.within("", "modules in its component", descriptors.len(), limits::MODULES);
            return Err(problems.into_vec());
        }
        let mut checked: Vec<Self> = Vec::new();
        let mut all = Vec::new();
        let mut budget = Budget::default();
        for descriptor in descriptors {
            let mut problems = Problems::of(&descriptor.name);
            std::mem::swap(&mut problems.budget, &mut budget);
            checked.extend(Self::check_with(descriptor, &mut problems));
            std::mem::swap(&mut problems.budget, &mut budget);
            all.extend(problems.into_vec());
            if all.len() >= limits::PROBLEMS {
                return Err(all);
            }
        }
        let mut names = std::collections::HashSet::new();
        for descriptor in &checked {
            let mut problems = Problems::of(descriptor.name.as_str());
            for name in [&descriptor.name].into_iter().chain(&descriptor.formerly) {
                if !names.insert(name) {
                    let message = format!("two modules of the component are or were called `{name}`");
                    problems.push("", SchemaCode::Duplicate, message);
                }
            }
            all.extend(problems.into_vec());
        }
        if all.is_empty() { Ok(checked) } else { Err(all) }
    }

    /// # Errors
    /// All problems, at most [`limits::PROBLEMS`].
    pub fn check(descriptor: wire::Descriptor) -> Result<Self, Vec<SchemaProblem>> {
        let mut problems = Problems::of(&descriptor.name);
        Self::check_with(descriptor, &mut problems).ok_or_else(|| problems.into_vec())
    }

    fn check_with(descriptor: wire::Descriptor, problems: &mut Problems) -> Option<Self> {
        let bytes = text_bytes(&descriptor);
        if !problems.within("", "bytes of text", bytes, limits::DESCRIPTOR_BYTES) {
            return None;
        }
        let name = module_name(problems, &descriptor.name);
        let label = Localized::check(problems, "", "label", Kind::Label, descriptor.label);
        let description = Localized::check(problems, "", "description", Kind::Description, descriptor.description);
        let category = Localized::check(problems, "", "category", Kind::Label, descriptor.category);

        let mut extras = Extras::read(problems, "", "property", &descriptor.extra);
        let icon = extras.string("icon", limits::ICON_BYTES);
        let icon_dark = extras.string("icon-dark", limits::ICON_BYTES);
        let multiple = extras.flag("multiple");
        let former = extras.names("formerly");
        extras.finish("a module");
        let (python, formerly): (Vec<_>, Vec<_>) = former.into_iter().partition(|name| name.contains('.'));
        let formerly = formerly.iter().filter_map(|name| module_name(problems, name)).collect();
        let python = python.iter().filter_map(|name| python_class(problems, name)).collect();

        let table = Table::check(problems, descriptor.types, descriptor.settings);
        let settings = Schema::link(problems, &table, descriptor.settings).map(Arc::new);
        match (name, settings) {
            (Some(name), Some(settings)) if problems.is_empty() => Some(Self {
                name,
                schema_version: descriptor.schema_version,
                label,
                description,
                category,
                icon,
                icon_dark,
                multiple,
                formerly,
                python,
                settings,
            }),
            _ => None,
        }
    }
}

fn module_name(problems: &mut Problems, name: &str) -> Option<ModuleName> {
    name.parse()
        .map_err(|error: crate::id::IdError| problems.push("", SchemaCode::Name, short(&error.to_string())))
        .ok()
}

fn python_class(problems: &mut Problems, name: &str) -> Option<PythonClass> {
    name.parse()
        .map_err(|error: crate::id::PythonClassError| problems.push("", SchemaCode::Name, short(&error.to_string())))
        .ok()
}

/// Bytes of everything in the descriptor that has no fixed size.
fn text_bytes(descriptor: &wire::Descriptor) -> usize {
    let localized = |texts: &wire::Localized| texts.iter().map(|t| t.locale.len() + t.text.len()).sum::<usize>();
    let extras = |extras: &[wire::Extra]| extras.iter().map(|e| e.key.len() + e.value.len()).sum::<usize>();
    let values = |values: &[wire::Json]| values.iter().map(String::len).sum::<usize>();
    let condition = |condition: &wire::Condition| {
        let tests: usize = condition.when.iter().map(|test| test.setting.len() + values(&test.any_of)).sum();
        tests + if let wire::Effect::Allowed(allowed) = &condition.effect { values(allowed) } else { 0 }
    };
    let setting = |setting: &wire::Setting| {
        setting.key.len()
            + localized(&setting.label)
            + localized(&setting.description)
            + setting.default.as_ref().map_or(0, String::len)
            + setting.example.as_ref().map_or(0, String::len)
            + setting.conditions.iter().map(condition).sum::<usize>()
            + extras(&setting.extra)
    };
    let shape = |shape: &wire::Shape| match shape {
        wire::Shape::Scalar(name) => name.len(),
        wire::Shape::Select(choices) => choices.iter().map(|c| c.value.len() + localized(&c.label)).sum(),
        wire::Shape::Group(settings) => settings.iter().map(setting).sum(),
        wire::Shape::List(_) | wire::Shape::Map(_) => 0,
    };
    descriptor.name.len()
        + localized(&descriptor.label)
        + localized(&descriptor.description)
        + localized(&descriptor.category)
        + descriptor.types.iter().map(|type_| shape(&type_.shape) + extras(&type_.constraints)).sum::<usize>()
        + extras(&descriptor.extra)
}
