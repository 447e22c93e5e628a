//! The smallest list of permissions that covers what a component was seen to do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thymis_core::{
    expr::Configuration,
    grant::Accepted,
    id::IdError,
    option::{OptionPattern, PatternError, Segment, worst_below},
    permission::{Access, Permission},
    schema::{Expected, Group, Schema, Settings, Shape},
};

use super::{
    case::{Cases, LIMIT},
    run::Component,
    touch::{Touch, touches},
    unused::Use,
};

/// Stands where only the author can say it.
const REASON: &str = "TODO: say why";

/// What a component needs, beside what its manifest asks for.
#[derive(Debug)]
pub struct Needed {
    /// The smallest list, the worst first.
    pub permissions: Vec<Permission>,
    /// Of those that the manifest asks for, which nothing used, in its order. Absent: no manifest lists the component.
    pub unused: Option<Vec<(Permission, Use)>>,
    /// What is used and not covered by the manifest.
    pub missing: Vec<Permission>,
    /// Cases that had an answer, and that had none.
    pub answered: usize,
    pub without: usize,
}

/// What one answer touched, and the texts that its names can come from.
struct Observation {
    touches: Vec<Touch>,
    texts: Vec<Text>,
}

/// A text of the settings or of the request; with the setting's path, where a permission can name it.
struct Text {
    text: String,
    setting: Option<Vec<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum NeededError {
    #[error("a name of this program's own is refused")]
    Name(#[from] IdError),
    #[error("an option that the module sets can't be written as a pattern")]
    Pattern(#[from] PatternError),
}

/// Tries all modules of a component without any authority.
///
/// # Errors
/// When what was found can't be written down.
pub fn needed(component: &Component) -> Result<Needed, NeededError> {
    let declared: &[Accepted] = component.permissions.as_deref().unwrap_or_default();
    let mut uses = vec![Use::Unused; declared.len()];
    let (mut seen, mut missing) = (Vec::new(), Vec::new());
    let (mut answered, mut without) = (0, 0);
    for descriptor in &component.descriptors {
        let subject = component.subject(descriptor);
        for case in Cases::of(descriptor, &component.device_kinds, LIMIT)?.list {
            if case.expected == Expected::Refusal {
                continue;
            }
            let found = case.probe(subject).ok().and_then(|(answer, _)| answer);
            let found = found
                .and_then(|(answer, settings)| Some((Configuration::check(answer, subject.trust).ok()?, settings)));
            let Some((configuration, settings)) = found else {
                without += 1;
                continue;
            };
            answered += 1;
            let touches = touches(&configuration);
            let mut uncovered = Vec::new();
            for touch in &touches {
                let mut covered = false;
                for (accepted, found) in declared.iter().zip(&mut uses) {
                    let access = &accepted.permission.access;
                    *found = found.and(touch, access, &settings);
                    let enough = !touch.is_forced() || matches!(access, Access::Option { force: true, .. });
                    covered |= enough && touch.is_covered(access, &settings);
                }
                if !covered {
                    uncovered.push(touch.clone());
                }
            }
            let mut texts = texts(&descriptor.settings, &settings);
            texts.extend(case.names().map(|text| Text { text, setting: None }));
            missing.push(Observation { touches: uncovered, texts: texts.iter().map(Text::copy).collect() });
            seen.push(Observation { touches, texts });
        }
    }
    let wasi = component.uses_wasi();
    for (accepted, found) in declared.iter().zip(&mut uses) {
        if accepted.permission.access == Access::Wasi && wasi {
            *found = Use::Used;
        }
    }
    let unused = declared.iter().zip(uses).filter(|(_, found)| *found != Use::Used);
    let unused = unused.map(|(accepted, found)| (accepted.permission.clone(), found)).collect();
    Ok(Needed {
        permissions: smallest(&seen, wasi)?,
        missing: smallest(&missing, wasi && declared.iter().all(|one| one.permission.access != Access::Wasi))?,
        unused: component.permissions.is_some().then_some(unused),
        answered,
        without,
    })
}

impl Text {
    fn copy(&self) -> Self {
        Self { text: self.text.clone(), setting: self.setting.clone() }
    }
}

/// All texts of the settings, also keys of maps.
fn texts(schema: &Schema, settings: &Settings) -> Vec<Text> {
    let mut found = Vec::new();
    for setting in schema.settings() {
        if let Some(value) = settings.plain().get(&setting.key) {
            of_value(&setting.shape, value, Some(vec![setting.key.clone()]), &mut found);
        }
    }
    found.retain(|text| !text.text.is_empty());
    found
}

fn of_value(shape: &Shape, value: &Value, path: Option<Vec<String>>, found: &mut Vec<Text>) {
    let group = |group: &Group, found: &mut Vec<Text>| {
        for setting in group.settings() {
            let Some(value) = value.get(&setting.key) else { continue };
            let path = path.clone().map(|path| path.into_iter().chain([setting.key.clone()]).collect());
            of_value(&setting.shape, value, path, found);
        }
    };
    match (shape, value) {
        (Shape::Group(inner), _) => group(inner, found),
        (Shape::List(list), Value::Array(items)) => {
            items.iter().for_each(|item| of_value(&list.item, item, None, found));
        }
        (Shape::Map(map), Value::Object(entries)) => {
            for (key, entry) in entries {
                found.push(Text { text: key.clone(), setting: None });
                of_value(&map.item, entry, None, found);
            }
        }
        // Each choice was tried, so its names stand there literally.
        (Shape::Select(_), _) => {}
        (_, Value::String(text)) => found.push(Text { text: text.clone(), setting: path }),
        _ => {}
    }
}

fn smallest(seen: &[Observation], wasi: bool) -> Result<Vec<Permission>, PatternError> {
    let mut accesses: Vec<Access> = Vec::new();
    for force in [false, true] {
        let of = |touch: &Touch| match touch {
            Touch::Option { path, force: forced } if *forced == force => Some(path.segments().to_vec()),
            _ => None,
        };
        for segments in shared(generalised(seen, of)) {
            accesses.push(Access::Option { pattern: pattern(&segments)?, force });
        }
    }
    // What may be set may be read.
    let reads =
        generalised(seen, |touch| if let Touch::Config(path) = touch { Some(path.segments().to_vec()) } else { None });
    for segments in reads {
        let set =
            |access: &Access| matches!(access, Access::Option { pattern, .. } if covers(pattern.segments(), &segments));
        if !accesses.iter().any(set) {
            accesses.push(Access::Config(pattern(&segments)?));
        }
    }
    let all: BTreeSet<&Touch> = seen.iter().flat_map(|one| &one.touches).collect();
    let mut outputs: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    for touch in all {
        match touch {
            Touch::Output(path) => outputs.entry(path.first().map_or("", String::as_str)).or_default().push(path),
            Touch::Source(file) => accesses.push(Access::Source(file.clone())),
            Touch::Artifact => accesses.push(Access::Artifact),
            Touch::Secret(path) => accesses.push(Access::Secret(path.clone())),
            Touch::RawNix => accesses.push(Access::RawNix),
            Touch::Option { .. } | Touch::Config(_) => {}
        }
    }
    for (kind, paths) in outputs {
        // Where one of them is the whole device already, naming each gives nothing less away.
        if paths.len() > 1 && paths.iter().all(|path| path.len() > 1) && kind == "nixosModules" {
            accesses.push(Access::Output(vec![kind.to_owned()]));
        } else {
            accesses.extend(paths.into_iter().map(|path| Access::Output(path.clone())));
        }
    }
    if wasi {
        accesses.push(Access::Wasi);
    }
    accesses.sort_by_key(Access::class);
    Ok(accesses.into_iter().map(|access| Permission { access, reason: REASON.to_owned() }).collect())
}

/// The patterns of all paths that `of` finds, with names that were seen to follow a text of the settings left open.
fn generalised(seen: &[Observation], of: impl Fn(&Touch) -> Option<Vec<String>>) -> BTreeSet<Vec<Part>> {
    // Paths that differ in one name only, where that name has a text in it: `(path without it, its index, how)`, and the
    // texts.
    let mut followed: BTreeMap<(Vec<String>, usize, Part), BTreeSet<String>> = BTreeMap::new();
    for one in seen {
        for path in one.touches.iter().filter_map(&of) {
            for (index, name) in path.iter().enumerate().skip(1) {
                let mut masked = path.clone();
                if let Some(slot) = masked.get_mut(index) {
                    slot.clear();
                }
                for text in &one.texts {
                    if let Some(part) = part(name, text) {
                        followed.entry((masked.clone(), index, part)).or_default().insert(text.text.clone());
                    }
                }
            }
        }
    }
    // One value could be a coincidence.
    let mut proved: BTreeMap<(Vec<String>, usize), Part> = BTreeMap::new();
    for ((masked, index, part), _) in followed.into_iter().filter(|(_, texts)| texts.len() > 1) {
        let place = (masked, index);
        let best = match (proved.remove(&place), part) {
            (None, part) => part,
            (Some(Part::Prefix(one)), Part::Prefix(other)) => common(&one, &other),
            (Some(earlier), part) => earlier.min(part),
        };
        proved.insert(place, best);
    }
    let mut patterns = BTreeSet::new();
    for path in seen.iter().flat_map(|one| &one.touches).filter_map(&of) {
        let open = |(index, name): (usize, &String)| {
            let mut masked = path.clone();
            if let Some(slot) = masked.get_mut(index) {
                slot.clear();
            }
            match proved.get(&(masked, index)) {
                Some(Part::Prefix(prefix)) if !name.starts_with(prefix.as_str()) => Part::Literal(name.clone()),
                Some(part) => part.clone(),
                None => Part::Literal(name.clone()),
            }
        };
        patterns.insert(path.iter().enumerate().map(open).collect::<Vec<_>>());
    }
    let all = patterns.clone();
    patterns.retain(|one| !all.iter().any(|other| other != one && part_covers(other, one)));
    patterns
}

/// A segment of a pattern; the first kinds say more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Literal(String),
    Setting(Vec<String>),
    Prefix(String),
    Any,
}

/// Texts that are shorter stand in names by chance.
const MIN_INSIDE: usize = 3;
/// Shortest text before a `*`.
const MIN_PREFIX: usize = 3;

/// How a name follows a text.
fn part(name: &str, text: &Text) -> Option<Part> {
    if name == text.text {
        return Some(text.setting.clone().map_or(Part::Any, Part::Setting));
    }
    let inside = || name.find(text.text.as_str()).filter(|_| text.text.len() >= MIN_INSIDE);
    let start = name.strip_suffix(text.text.as_str()).map(str::len).or_else(inside)?;
    Some(prefix(name.get(..start)?))
}

fn prefix(text: &str) -> Part {
    if text.len() < MIN_PREFIX || text.contains('*') { Part::Any } else { Part::Prefix(text.to_owned()) }
}

fn common(one: &str, other: &str) -> Part {
    let length = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    prefix(one.get(..length).unwrap_or_default())
}

fn part_covers(pattern: &[Part], path: &[Part]) -> bool {
    pattern.len() <= path.len()
        && pattern.iter().zip(path).all(|(pattern, part)| match (pattern, part) {
            (Part::Any, _) => true,
            (Part::Prefix(prefix), Part::Prefix(text) | Part::Literal(text)) => text.starts_with(prefix.as_str()),
            _ => pattern == part,
        })
}

fn covers(pattern: &[Segment], path: &[Part]) -> bool {
    pattern.len() <= path.len()
        && pattern.iter().zip(path).all(|(segment, part)| match (segment, part) {
            (Segment::Literal(name), Part::Literal(other)) => name == other,
            (Segment::Setting(key), Part::Setting(other)) => key == other,
            (Segment::Prefix(prefix), Part::Literal(name) | Part::Prefix(name)) => name.starts_with(prefix.as_str()),
            (Segment::Any, _) => true,
            _ => false,
        })
}

/// Paths that belong to one thing, such as a service, become the path to it, unless that is worse than the worst of them.
fn shared(patterns: BTreeSet<Vec<Part>>) -> Vec<Vec<Part>> {
    let mut things: BTreeMap<Vec<Part>, Vec<Vec<Part>>> = BTreeMap::new();
    for path in patterns {
        let depth = thing(&path);
        things.entry(path.iter().take(depth).cloned().collect()).or_default().push(path);
    }
    things.into_values().flat_map(|paths| merged(paths, 0)).collect()
}

/// How many names it takes to name one thing: `services.nginx`, `systemd.services.logger`, `users.users.ada`.
fn thing(path: &[Part]) -> usize {
    match path.first() {
        Some(Part::Literal(first)) if matches!(first.as_str(), "systemd" | "users" | "environment") => 3,
        _ => 2,
    }
}

fn merged(paths: Vec<Vec<Part>>, split: usize) -> Vec<Vec<Part>> {
    let [first, others @ ..] = paths.as_slice() else { return paths };
    if others.is_empty() {
        return paths;
    }
    let same = |length: &usize| others.iter().all(|other| other.get(..*length) == first.get(..*length));
    let length = (1..=first.len()).rev().find(same).unwrap_or(0);
    let common = first.iter().take(length).cloned().collect::<Vec<_>>();
    let class = |path: &[Part]| pattern(path).map(|pattern| worst_below(&pattern)).ok();
    let worst = paths.iter().filter_map(|path| class(path)).min();
    if length >= thing(first) && class(&common) >= worst {
        return vec![common];
    }
    // Worse together: in smaller groups.
    let mut groups: BTreeMap<Option<Part>, Vec<Vec<Part>>> = BTreeMap::new();
    for path in paths {
        groups.entry(path.get(length.max(split)).cloned()).or_default().push(path);
    }
    groups.into_values().flat_map(|group| merged(group, length.max(split) + 1)).collect()
}

fn pattern(parts: &[Part]) -> Result<OptionPattern, PatternError> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let part = |part: &Part| match part {
        Part::Literal(name) => quoted(name),
        Part::Setting(path) => format!("{{settings.{}}}", path.join(".")),
        Part::Prefix(prefix) => format!("{prefix}*"),
        Part::Any => "*".to_owned(),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(".").parse()
}
