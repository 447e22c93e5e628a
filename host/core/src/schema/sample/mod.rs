//! Settings to try a module with, made from its schema alone: always the same ones, in the same order.
//!
//! Every setting is varied on its own around settings that are as few as the schema allows. What a value needs beside it
//! (a group around it, a condition that makes it visible, another setting that becomes required) is found by asking
//! [`Schema::validate`] and mending what it refuses.

mod document;
#[cfg(test)]
mod tests;
mod values;

use std::collections::HashMap;

use serde_json::{Map as Object, Value};

use super::{
    condition::{Condition, Effect, Subject, same},
    schema::Schema,
    settings::Settings,
    shape::{Group, Setting, Shape},
};
use crate::wire::TargetKind;
use document::{Document, Path};
use values::{Variant, Verdict};

/// Most places of settings that are looked at: a schema may describe many more.
const MAX_SITES: usize = 400;

/// Settings to try a module with.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Says what is special about them.
    pub name: String,
    pub settings: Value,
    pub target: TargetKind,
    pub expected: Expected,
}

/// What must become of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Every value is one that the module names itself: it has to generate a configuration.
    Configuration,
    /// The module may have reasons to refuse it.
    Answer,
    /// The settings don't fulfil the schema.
    Refusal,
}

/// The samples of a schema.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// Names are unique. The most telling come first.
    pub list: Vec<Sample>,
    /// Where the schema contradicts itself: sentences that name the setting.
    pub contradictions: Vec<String>,
    /// What can't be tried, for want of a value that fulfils the constraints.
    pub untried: Vec<String>,
    /// How many more there are than were asked for.
    pub left_out: usize,
}

impl Schema {
    /// At most `limit` samples.
    #[must_use]
    pub fn samples(&self, limit: usize) -> Samples {
        let mut sampler = Sampler { schema: self, samples: Samples::default(), seen: HashMap::new(), limit };
        sampler.whole();
        let mut sites = Vec::new();
        if let Shape::Group(group) = self.frame.group.as_ref() {
            collect(group, &Path::new(), &mut sites);
        }
        for site in &sites {
            sampler.example(site);
        }
        for site in &sites {
            sampler.conditions(site);
        }
        // Each setting's most telling value first, then each one's second, …
        let variants: Vec<Vec<Variant>> = sites.iter().map(|site| values::variants(site.shape)).collect();
        for rank in 0..variants.iter().map(Vec::len).max().unwrap_or(0) {
            for (site, variants) in sites.iter().zip(&variants) {
                if let Some(variant) = variants.get(rank) {
                    sampler.variant(site, variant);
                }
            }
        }
        for site in &sites {
            sampler.missing(site);
        }
        sampler.samples
    }
}

/// A setting, or an item of a list or map, and where its value goes.
struct Site<'a> {
    path: Path,
    shape: &'a Shape,
    setting: Option<&'a Setting>,
}

fn collect<'a>(group: &'a Group, around: &Path, sites: &mut Vec<Site<'a>>) {
    for setting in group.settings() {
        let path = around.with(&setting.key);
        let mut inner = Some((path.clone(), setting.shape.as_ref()));
        sites.push(Site { path, shape: &setting.shape, setting: Some(setting) });
        // Through lists of maps of … to the first group.
        while let Some((path, shape)) = inner.take() {
            if sites.len() >= MAX_SITES {
                return;
            }
            let (path, item) = match shape {
                Shape::Group(group) => {
                    collect(group, &path, sites);
                    break;
                }
                Shape::List(list) => (path.with("0"), list.item.as_ref()),
                Shape::Map(map) => match values::key(map, 0) {
                    Some(key) => (path.with(&key), map.item.as_ref()),
                    None => break,
                },
                _ => break,
            };
            sites.push(Site { path: path.clone(), shape: item, setting: None });
            inner = Some((path, item));
        }
    }
}

struct Sampler<'a> {
    schema: &'a Schema,
    samples: Samples,
    /// Settings, and which sample has them.
    seen: HashMap<(TargetKind, String), usize>,
    limit: usize,
}

const TARGETS: [(TargetKind, &str); 2] = [(TargetKind::Configuration, ""), (TargetKind::Tag, " on a tag")];

impl<'a> Sampler<'a> {
    fn add(&mut self, name: String, settings: Value, target: TargetKind, expected: Expected) {
        let key = (target, settings.to_string());
        if let Some(earlier) = self.seen.get(&key) {
            // The same settings for two reasons: what is demanded more strictly counts.
            if let Some(sample) = self.samples.list.get_mut(*earlier)
                && expected == Expected::Configuration
            {
                sample.expected = expected;
            }
            return;
        }
        if self.samples.list.iter().any(|one| one.name == name) {
            return;
        }
        self.seen.insert(key, self.samples.list.len());
        if self.samples.list.len() >= self.limit {
            self.samples.left_out += 1;
            return;
        }
        self.samples.list.push(Sample { name, settings, target, expected });
    }

    fn document(&self, target: TargetKind) -> Document<'a> {
        Document::new(self.schema, target)
    }

    /// The fewest settings, the examples of all, and something for every setting.
    fn whole(&mut self) {
        for (target, on) in TARGETS {
            let mut document = self.document(target);
            match document.complete(&Path::new()) {
                Ok(_) => {
                    let expected = if document.guessed { Expected::Answer } else { Expected::Configuration };
                    self.add(format!("defaults{on}"), document.value, target, expected);
                }
                Err(why) => self.samples.untried.push(format!("the fewest settings{on}: {why}")),
            }
        }
        let Shape::Group(group) = self.schema.frame.group.as_ref() else { return };
        for (name, all) in [("examples", false), ("everything", true)] {
            for (target, on) in TARGETS {
                let mut document = self.document(target);
                document.value = Value::Object(filled(group, all, 0));
                if document.complete(&Path::new()).is_ok() {
                    self.add(format!("{name}{on}"), document.value, target, Expected::Answer);
                }
            }
        }
    }

    /// A sample with this value, and what it needs beside it. Answers why there is none.
    fn put(&mut self, site: &Site<'_>, value: &Value) -> Result<(Document<'a>, Settings), String> {
        let mut reason = String::new();
        for (target, _) in TARGETS {
            let mut document = self.document(target);
            document.place(&site.path, value.clone());
            match document.visible(&site.path) {
                Ok(settings) => return Ok((document, settings)),
                Err(why) if reason.is_empty() => reason = why,
                Err(_) => {}
            }
        }
        Err(reason)
    }

    fn example(&mut self, site: &Site<'_>) {
        let Some(example) = site.setting.and_then(|setting| setting.example.as_ref()) else { return };
        match self.put(site, example) {
            Ok((document, _)) => {
                let expected = if document.guessed { Expected::Answer } else { Expected::Configuration };
                self.add(format!("{}: the example", site.path), document.value, document.target, expected);
            }
            Err(why) => self.samples.contradictions.push(format!("the example of `{}` is refused: {why}", site.path)),
        }
    }

    fn variant(&mut self, site: &Site<'_>, variant: &Variant) {
        let name = format!("{}: {}", site.path, variant.label);
        match (variant.verdict, self.put(site, &variant.value)) {
            (Verdict::Good | Verdict::Maybe, Ok((document, _))) => {
                self.add(name, document.value, document.target, Expected::Answer);
            }
            (Verdict::Good, Err(why)) => self.samples.untried.push(format!("{name}: {why}")),
            (Verdict::Maybe, Err(_)) => {}
            (Verdict::Bad, accepted) => {
                if let Ok((document, _)) = accepted {
                    return self.add(name, document.value, document.target, Expected::Refusal);
                }
                // The same settings are right with another value, so it is this value that is refused.
                let Some(good) = values::typical(site.shape, 0) else { return };
                if let Ok((mut document, _)) = self.put(site, &good) {
                    document.place(&site.path, variant.value.clone());
                    self.add(name, document.value, document.target, Expected::Refusal);
                }
            }
        }
    }

    /// Leaving out what is required.
    fn missing(&mut self, site: &Site<'_>) {
        let Some(setting) = site.setting.filter(|setting| setting.required && setting.default.is_none()) else {
            return;
        };
        if matches!(*setting.shape, Shape::Group(_)) {
            return;
        }
        let Some(good) = values::of_setting(setting, 0) else { return };
        if let Ok((mut document, _)) = self.put(site, &good) {
            document.remove(&site.path);
            self.add(format!("{}: missing", site.path), document.value, document.target, Expected::Refusal);
        }
    }

    /// Each condition where it holds and where it doesn't.
    fn conditions(&mut self, site: &Site<'_>) {
        let Some(setting) = site.setting else { return };
        let Some(around) = site.path.parent() else { return };
        for (index, condition) in setting.conditions.iter().enumerate() {
            let number = if setting.conditions.len() > 1 { format!(" {}", index + 1) } else { String::new() };
            let name = format!("{}: condition{number}", site.path);
            for holds in [true, false] {
                let state = if holds { "holds" } else { "doesn't hold" };
                let Some(document) = self.state(&around, condition, holds) else { continue };
                let (mut with, mut without) = (document.clone(), document);
                if let Some(value) = values::of_setting(setting, 0) {
                    with.place(&site.path, value);
                }
                if with.complete(&site.path).is_ok() {
                    self.add(format!("{name} {state}"), with.value.clone(), with.target, Expected::Answer);
                }
                without.remove(&site.path);
                let required = matches!(condition.effect, Effect::Required) && setting.default.is_none();
                let present = with.has(&site.path) && !matches!(*setting.shape, Shape::Group(_));
                if holds && required && present {
                    with.remove(&site.path);
                    self.add(format!("{name} {state}, missing"), with.value, with.target, Expected::Refusal);
                } else if without.complete(&Path::new()).is_ok() {
                    self.add(format!("{name} {state}, unset"), without.value, without.target, Expected::Answer);
                }
                if holds && let Effect::Allowed(allowed) = &condition.effect {
                    self.not_allowed(&name, site, allowed, self.state(&around, condition, true));
                }
            }
        }
    }

    fn not_allowed(&mut self, name: &str, site: &Site<'_>, allowed: &[Value], document: Option<Document<'a>>) {
        let Some(mut document) = document else { return };
        let others = values::variants(site.shape).into_iter().filter(|variant| variant.verdict == Verdict::Good);
        let Some(other) = others.map(|variant| variant.value).find(|other| !allowed.iter().any(|one| same(one, other)))
        else {
            return;
        };
        if let Some(first) = allowed.first() {
            document.place(&site.path, first.clone());
        }
        if document.complete(&site.path).is_ok() && document.has(&site.path) {
            document.place(&site.path, other);
            self.add(format!("{name} holds, not allowed"), document.value, document.target, Expected::Refusal);
        }
    }

    /// Settings in which a condition holds, or doesn't.
    fn state(&self, around: &Path, condition: &Condition, holds: bool) -> Option<Document<'a>> {
        let mut document = self.document(TargetKind::Configuration);
        for test in &condition.when {
            let path = match &test.subject {
                Subject::Target => {
                    let tag = test.any_of.iter().all(|kind| kind.as_str() == Some("tag"));
                    document.target = if tag == holds { TargetKind::Tag } else { TargetKind::Configuration };
                    continue;
                }
                Subject::Sibling(key) => around.with(key),
                Subject::Absolute(keys) => Path::from(keys.as_slice()),
            };
            if holds {
                document.place(&path, test.any_of.first()?.clone());
            } else {
                let shape = document.shape_at(&path)?;
                let others = values::variants(shape).into_iter().filter(|variant| variant.verdict == Verdict::Good);
                let other =
                    others.map(|variant| variant.value).find(|other| !test.any_of.iter().any(|one| same(one, other)));
                document.place(&path, other?);
            }
            document.reveal(&path, 0);
        }
        Some(document)
    }
}

/// The examples of a group's settings; with `all` also usual values for those without.
fn filled(group: &Group, all: bool, depth: usize) -> Object<String, Value> {
    let mut object = Object::new();
    for setting in group.settings() {
        let value = match setting.shape.as_ref() {
            Shape::Group(inner) if setting.example.is_none() && depth < super::limits::TYPE_DEPTH => {
                let inner = filled(inner, all, depth + 1);
                (!inner.is_empty() || all).then_some(Value::Object(inner))
            }
            _ if all => values::of_setting(setting, 0),
            _ => setting.example.clone(),
        };
        if let Some(value) = value {
            object.insert(setting.key.clone(), value);
        }
    }
    object
}
