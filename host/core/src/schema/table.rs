//! The module's flat table of types, read into shapes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    condition::Condition,
    constraint::{Extras, json},
    limits,
    localized::{Kind, Localized},
    problem::{Problems, SchemaCode, nearest},
    shape::{Choice, Code, Group, List, Map, SECRET_KINDS, SECRET_PROCESSING, Secret, Setting, Shape},
};
use crate::{untrusted::short, wire};

/// The shapes of a table, by their index. `None`: broken, and the problem was noted.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) shapes: Vec<Option<Arc<Shape>>>,
    /// Where each type is used first, for messages.
    pub(super) places: Vec<String>,
}

impl Table {
    pub(super) fn check(problems: &mut Problems, types: Vec<wire::SettingType>, root: u32) -> Self {
        let mut table = Self { shapes: Vec::new(), places: places(&types, root) };
        let settings = types.iter().map(|t| if let wire::Shape::Group(s) = &t.shape { s.len() } else { 0 }).sum();
        let is_pattern = |extra: &&wire::Extra| matches!(extra.key.as_str(), "pattern" | "key-pattern");
        let patterns = types.iter().flat_map(|t| &t.constraints).filter(is_pattern).count();
        if !problems.within("", "types", types.len(), limits::TYPES)
            | !problems.within("", "settings", settings, limits::SETTINGS)
            | !problems.within("", "patterns", patterns, limits::PATTERNS)
        {
            return table;
        }
        let mut depths: Vec<usize> = Vec::with_capacity(types.len());
        for (index, type_) in types.into_iter().enumerate() {
            let place = table.places.get(index).cloned().unwrap_or_default();
            let depth = 1 + children(&type_.shape).filter_map(|id| depths.get(id as usize)).max().unwrap_or(&0);
            depths.push(depth);
            let shallow = problems.within(&place, "types within each other", depth, limits::TYPE_DEPTH);
            let shape = if shallow { table.shape(problems, &place, type_) } else { None };
            table.shapes.push(shape.map(Arc::new));
        }
        table
    }

    fn shape(&self, problems: &mut Problems, place: &str, type_: wire::SettingType) -> Option<Shape> {
        let mut extras = Extras::read(problems, place, "constraint", &type_.constraints);
        match type_.shape {
            wire::Shape::Scalar(name) => {
                let shape = match name.as_str() {
                    "bool" => Shape::Bool,
                    "int" => Shape::Int(extras.integers()),
                    "float" => Shape::Float(extras.floats()),
                    "string" => Shape::String(extras.text()),
                    "text" => Shape::Text(extras.text()),
                    "code" => Shape::Code(Code {
                        language: extras.string("language", limits::NAME_LENGTH),
                        text: extras.text(),
                    }),
                    "path" => Shape::Path(extras.text()),
                    "package" => Shape::Package,
                    "device-type" => Shape::DeviceType,
                    "artifact" => Shape::Artifact,
                    "secret" => Shape::Secret(Secret {
                        kinds: extras.known_names("secret-kinds", "the kind of secret", &SECRET_KINDS),
                        processing: extras.known_names("secret-processing", "the processing", &SECRET_PROCESSING),
                        in_image: extras.flag("secret-in-image"),
                    }),
                    "systemd-timer" => Shape::SystemdTimer,
                    _ => {
                        problems.unknown(place, "the kind of value", &name);
                        return None;
                    }
                };
                extras.finish(&format!("`{name}`"));
                Some(shape)
            }
            wire::Shape::Select(choices) => {
                extras.finish("a select");
                choices_of(problems, place, choices).map(Shape::Select)
            }
            wire::Shape::Group(settings) => {
                extras.finish("a group");
                Some(Shape::Group(self.group(problems, place, settings)))
            }
            wire::Shape::List(item_type) => {
                let items = extras.items();
                let unique_by = extras.string("unique-by", limits::NAME_LENGTH);
                extras.finish("a list");
                let item = self.get(problems, place, item_type)?;
                if let Some(key) = &unique_by {
                    check_unique_by(problems, place, key, &item);
                }
                Some(Shape::List(List { item, items, unique_by, item_type }))
            }
            wire::Shape::Map(item_type) => {
                let items = extras.items();
                let key_pattern = extras.required_pattern("key-pattern");
                extras.finish("a map");
                let item = self.get(problems, place, item_type)?;
                Some(Shape::Map(Map { item, items, key_pattern: key_pattern?, item_type }))
            }
        }
    }

    /// The shape of a type that was read before.
    fn get(&self, problems: &mut Problems, place: &str, id: u32) -> Option<Arc<Shape>> {
        let shape = self.shapes.get(id as usize);
        if shape.is_none() {
            let message = format!("names type {id}, which doesn't stand before it in the table of types");
            problems.push(place, SchemaCode::Reference, message);
        }
        shape.cloned().flatten()
    }

    fn group(&self, problems: &mut Problems, place: &str, settings: Vec<wire::Setting>) -> Group {
        let keys: HashSet<String> = settings.iter().map(|setting| setting.key.clone()).collect();
        let mut group = Group { settings: IndexMap::with_capacity(keys.len()), formerly: HashMap::new() };
        for setting in settings {
            if !is_key(&setting.key) {
                let message = format!(
                    "the key `{}` must be a letter and then letters, digits, `_` or `-`, at most {} in all",
                    short(&setting.key),
                    limits::NAME_LENGTH
                );
                problems.push(place, SchemaCode::Name, message);
                continue;
            }
            let place = format!("{place}/{}", setting.key);
            if group.settings.contains_key(&setting.key) {
                problems.push(&place, SchemaCode::Duplicate, "another setting of the group has the same key");
                continue;
            }
            let Some(setting) = self.setting(problems, &place, setting) else { continue };
            for former in &setting.formerly {
                if keys.contains(former) || group.formerly.insert(former.clone(), setting.key.clone()).is_some() {
                    let message =
                        format!("the earlier key `{}` also belongs to another setting of the group", short(former));
                    problems.push(&place, SchemaCode::Duplicate, message);
                }
            }
            group.settings.insert(setting.key.clone(), Arc::new(setting));
        }
        group
    }

    fn setting(&self, problems: &mut Problems, place: &str, setting: wire::Setting) -> Option<Setting> {
        let label = Localized::check(problems, place, "label", Kind::Label, setting.label);
        let description = Localized::check(problems, place, "description", Kind::Description, setting.description);
        let mut extras = Extras::read(problems, place, "property", &setting.extra);
        let formerly = extras.names("formerly");
        extras.finish("a setting");
        let default = setting.default.and_then(|text| json(problems, place, "the default", &text));
        let example = setting.example.and_then(|text| json(problems, place, "the example", &text));
        let conditions = if problems.within(place, "conditions", setting.conditions.len(), limits::CONDITIONS) {
            setting
                .conditions
                .into_iter()
                .filter_map(|condition| Condition::check(problems, place, condition))
                .collect()
        } else {
            Vec::new()
        };
        let shape = self.get(problems, place, setting.type_)?;
        let (key, required) = (setting.key, setting.required);
        Some(Setting { key, label, description, shape, required, default, example, conditions, formerly })
    }
}

fn choices_of(problems: &mut Problems, place: &str, choices: Vec<wire::Choice>) -> Option<Vec<Choice>> {
    if choices.is_empty() {
        problems.push(place, SchemaCode::Constraint, "a select needs at least one choice");
    }
    if choices.is_empty() || !problems.within(place, "choices", choices.len(), limits::CHOICES) {
        return None;
    }
    let mut seen = HashSet::new();
    for choice in &choices {
        if !seen.insert(choice.value.as_str()) {
            problems.push(place, SchemaCode::Duplicate, format!("has the choice `{}` twice", short(&choice.value)));
        }
        if choice.value.len() > limits::LABEL_BYTES || choice.value.contains(char::is_control) {
            let message = format!(
                "the choice `{}` must be one line of at most {} bytes without control characters",
                short(&choice.value),
                limits::LABEL_BYTES
            );
            problems.push(place, SchemaCode::Name, message);
        }
    }
    let mut checked = Vec::with_capacity(choices.len());
    for wire::Choice { value, label } in choices {
        let what = format!("label of the choice `{}`", short(&value));
        checked.push(Choice { label: Localized::check(problems, place, &what, Kind::Label, label), value });
    }
    Some(checked)
}

fn check_unique_by(problems: &mut Problems, place: &str, key: &str, item: &Shape) {
    if problems.is_full() {
        return;
    }
    let is_single = |shape: &Shape| shape.is_comparable() || matches!(shape, Shape::Secret(_) | Shape::Artifact);
    let message = match item {
        _ if key.is_empty() && is_single(item) => return,
        Shape::Group(group) if !key.is_empty() => match group.get(key) {
            Some(setting) if is_single(&setting.shape) => return,
            Some(setting) => {
                format!("`unique-by` names `{key}`, a {}: only single values can be compared", setting.shape.name())
            }
            None => {
                let hint = nearest(key, group.settings.keys().map(String::as_str))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("`unique-by` names `{}`, which is not a setting of the items{hint}", short(key))
            }
        },
        Shape::Group(_) => "`unique-by` must name a setting of the items, since they are groups".to_owned(),
        _ if key.is_empty() => format!("`unique-by` can't compare items of shape {}", item.name()),
        _ => format!("`unique-by` must be empty, since the items are of shape {} and have no settings", item.name()),
    };
    problems.push(place, SchemaCode::Constraint, message);
}

fn is_key(key: &str) -> bool {
    let mut bytes = key.bytes();
    key.len() <= limits::NAME_LENGTH
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn children(shape: &wire::Shape) -> impl Iterator<Item = u32> {
    let (settings, item) = match shape {
        wire::Shape::Group(settings) => (settings.as_slice(), None),
        wire::Shape::List(item) | wire::Shape::Map(item) => (&[][..], Some(*item)),
        wire::Shape::Scalar(_) | wire::Shape::Select(_) => (&[][..], None),
    };
    settings.iter().map(|setting| setting.type_).chain(item)
}

/// Names each type after its first use, from the root downwards: a type stands before its users.
fn places(types: &[wire::SettingType], root: u32) -> Vec<String> {
    let mut places: Vec<Option<String>> = vec![None; types.len().min(limits::TYPES)];
    if let Some(place) = places.get_mut(root as usize) {
        *place = Some(String::new());
    }
    for (index, type_) in types.iter().enumerate().take(places.len()).rev() {
        let Some(Some(place)) = places.get(index).cloned() else { continue };
        // A name that is too long, because of hostile keys or depth, only makes messages worse.
        let mut name = |id: u32, key: &str| {
            if let Some(slot @ None) = places.get_mut(id as usize)
                && place.len() < 1024
            {
                *slot = Some(format!("{place}/{}", short(key)));
            }
        };
        match &type_.shape {
            wire::Shape::Group(settings) => settings.iter().for_each(|setting| name(setting.type_, &setting.key)),
            wire::Shape::List(item) | wire::Shape::Map(item) => name(*item, "*"),
            wire::Shape::Scalar(_) | wire::Shape::Select(_) => {}
        }
    }
    places.into_iter().enumerate().map(|(index, place)| place.unwrap_or_else(|| format!("type {index}"))).collect()
}
