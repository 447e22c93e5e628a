//! A module's settings as JSON Schema (2020-12), for editors, forms and checks outside of this program.
//!
//! The schema describes what is stored, before defaults are filled in. What [`Schema::validate`](super::Schema::validate)
//! accepts fulfils it. The other direction has gaps, because JSON Schema has no words for it: `unique-by` a setting,
//! conditions on the target or on settings of another group, patterns that ECMA-262 reads differently, and the bounds on
//! whole documents. All of that is said in keywords of its own, which begin with [`PREFIX`].

mod conditions;
mod ecma;
mod shapes;

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map as Object, Value, json};

use self::conditions::Truth;
use super::{
    Descriptor, Localized,
    condition::{Effect, Subject},
    shape::{Group, Setting, Shape},
};
use crate::id::ModuleId;

/// What keywords begin with that JSON Schema doesn't have.
pub const PREFIX: &str = "x-thymis-";
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Most entries that what JSON Schema says of conditions and of earlier keys may have. What is beyond is said in keywords of
/// its own only.
const MAX_ENTRIES: usize = 20_000;

type Keywords = Object<String, Value>;

/// The settings of one module. Its `$id` is `urn:thymis:module:<input>/<module>`.
#[must_use]
pub fn json_schema(id: &ModuleId, descriptor: &Descriptor) -> Value {
    let root = &descriptor.settings.frame.group;
    let mut document = Document::of(root);
    let mut keywords = Keywords::new();
    keywords.insert("$schema".to_owned(), DIALECT.into());
    keywords.insert("$id".to_owned(), format!("urn:thymis:module:{id}").into());
    texts(&mut keywords, &descriptor.label, &descriptor.description);
    let mut own = |key: &str, value: Value| keywords.insert(format!("{PREFIX}{key}"), value);
    own("module", id.to_string().into());
    own("schema-version", descriptor.schema_version.into());
    own("multiple", descriptor.multiple.into());
    if !descriptor.category.is_empty() {
        own("category", json!(descriptor.category));
    }
    for (key, icon) in [("icon", &descriptor.icon), ("icon-dark", &descriptor.icon_dark)] {
        if let Some(icon) = icon {
            own(key, icon.as_str().into());
        }
    }
    let former: Vec<&str> = descriptor
        .formerly
        .iter()
        .map(|name| name.as_str())
        .chain(descriptor.python.iter().map(|class| class.as_str()))
        .collect();
    if !former.is_empty() {
        own("formerly", json!(former));
    }
    keywords.extend(document.describe(root));
    if !document.definitions.is_empty() {
        keywords.insert("$defs".to_owned(), Value::Object(document.definitions));
    }
    Value::Object(keywords)
}

/// One document with the schema of each module, whole, in `$defs` under the module's identity.
#[must_use]
pub fn json_schemas<'a>(modules: impl IntoIterator<Item = (&'a ModuleId, &'a Descriptor)>) -> Value {
    let schemas: Keywords =
        modules.into_iter().map(|(id, descriptor)| (id.to_string(), json_schema(id, descriptor))).collect();
    json!({ "$schema": DIALECT, "$id": "urn:thymis:modules", "$defs": schemas })
}

/// A schema being written.
struct Document<'a> {
    root: &'a Arc<Shape>,
    /// How often a type is used; one that is used more than once stands in `$defs`, or small tables would become huge.
    uses: HashMap<*const Shape, usize>,
    names: HashMap<*const Shape, String>,
    visible: HashMap<*const Setting, Truth>,
    definitions: Keywords,
    /// How many more entries conditions and earlier keys may take.
    left: usize,
}

impl<'a> Document<'a> {
    fn of(root: &'a Arc<Shape>) -> Self {
        let mut document = Self {
            root,
            uses: HashMap::new(),
            names: HashMap::new(),
            visible: HashMap::new(),
            definitions: Keywords::new(),
            left: MAX_ENTRIES,
        };
        document.count(root);
        document
    }

    /// Whether there is room to say which values are stored for a setting: each of its keys counts where those before it
    /// are absent.
    fn has_room(&mut self, setting: &Setting, values: &[Value]) -> bool {
        let keys = 1 + setting.formerly.len();
        let long = values.iter().filter_map(Value::as_str).map(str::len).sum::<usize>() / 64;
        let left = self.left.checked_sub(keys * keys / 2 + keys * (values.len() + long));
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    fn count(&mut self, shape: &Arc<Shape>) {
        let uses = self.uses.entry(Arc::as_ptr(shape)).or_default();
        *uses += 1;
        if *uses > 1 {
            return;
        }
        match shape.as_ref() {
            Shape::Group(group) => group.settings().for_each(|setting| self.count(&setting.shape)),
            Shape::List(list) => self.count(&list.item),
            Shape::Map(map) => self.count(&map.item),
            _ => {}
        }
    }

    /// Puts keywords into `$defs`; what refers to them.
    fn define(&mut self, kind: &str, keywords: Keywords) -> String {
        let name = format!("{kind}-{}", self.definitions.len() + 1);
        self.definitions.insert(name.clone(), Value::Object(keywords));
        format!("#/$defs/{name}")
    }

    /// The keywords of a type, or a reference to them.
    fn shape(&mut self, shape: &'a Arc<Shape>, referred: bool) -> Keywords {
        let address = Arc::as_ptr(shape);
        if let Some(name) = self.names.get(&address) {
            return reference(name);
        }
        let keywords = self.describe(shape);
        let shared = self.uses.get(&address).is_some_and(|uses| *uses > 1) && !shapes::is_short(shape);
        if !referred && !shared {
            return keywords;
        }
        let name = self.define("type", keywords);
        self.names.insert(address, name.clone());
        reference(&name)
    }

    fn describe(&mut self, shape: &'a Arc<Shape>) -> Keywords {
        let mut keywords = match shape.as_ref() {
            Shape::Group(group) => self.group(group),
            Shape::List(list) => shapes::list(list, self.shape(&list.item, false)),
            Shape::Map(map) => shapes::map(map, self.shape(&map.item, false)),
            single => shapes::single(single),
        };
        keywords.insert(format!("{PREFIX}type"), shape.name().into());
        keywords
    }

    fn group(&mut self, group: &'a Group) -> Keywords {
        let mut schema = GroupSchema::default();
        for (order, setting) in group.settings().enumerate() {
            self.setting(group, order, setting, &mut schema);
        }
        schema.keywords()
    }

    fn setting(&mut self, group: &'a Group, order: usize, setting: &'a Setting, schema: &mut GroupSchema) {
        let visible = self.visible(setting, group, 0);
        let can_hide = setting.conditions.iter().any(|condition| matches!(condition.effect, Effect::Visible));
        let type_ = self.shape(&setting.shape, can_hide || !setting.formerly.is_empty());
        let mut property = annotations(order, setting);
        if can_hide {
            // Whatever is stored for a hidden setting doesn't count.
            property.insert(format!("{PREFIX}when-visible"), Value::Object(type_.clone()));
            schema.rule(&visible, json!({ "properties": { setting.key.as_str(): type_ } }));
        } else {
            property.extend(type_.clone());
        }
        schema.properties.insert(setting.key.clone(), Value::Object(property));

        let has_room = self.has_room(setting, &[]);
        for (index, former) in setting.formerly.iter().enumerate() {
            let renamed = json!({ "deprecated": true, format!("{PREFIX}renamed-to"): setting.key });
            schema.properties.insert(former.clone(), renamed);
            schema.dependent.insert(former.clone(), json!({ "properties": { setting.key.as_str(): false } }));
            if !has_room {
                continue;
            }
            // The first one that is stored counts.
            let earlier = setting.formerly.iter().take(index);
            let counts = match absent(earlier) {
                Some(absent) => Truth::When(absent),
                None => Truth::Always,
            };
            let counts = Truth::all([visible.clone(), counts]);
            schema.rule(&counts, json!({ "properties": { former.as_str(): type_ } }));
        }

        let mut required = if setting.required { Truth::Always } else { Truth::Never };
        for condition in &setting.conditions {
            match &condition.effect {
                Effect::Visible => {}
                Effect::Required => required = Truth::any([required, self.rule(condition, group, 0)]),
                Effect::Allowed(values) if !self.has_room(setting, values) => {}
                Effect::Allowed(values) => {
                    let applies = Truth::all([visible.clone(), self.rule(condition, group, 0)]);
                    let without = setting.default.as_ref().is_none_or(|default| conditions::contains(values, default));
                    schema.rule(&applies, conditions::stored_is(setting, values, without));
                }
            }
        }
        let implied = setting.default.is_some()
            || matches!(setting.shape.as_ref(), Shape::Group(group) if !must_be_stored(group));
        if !implied {
            schema.require(setting, &Truth::all([visible, required]));
        }
    }
}

/// Whether `{}` is refused as such a group whatever its conditions say.
fn must_be_stored(group: &Group) -> bool {
    group.settings().any(|setting| {
        let always = setting.conditions.iter().all(|condition| !matches!(condition.effect, Effect::Visible));
        setting.required
            && always
            && setting.default.is_none()
            && if let Shape::Group(inner) = setting.shape.as_ref() { must_be_stored(inner) } else { true }
    })
}

/// Holds where none of these keys is stored; `None`: there are none.
fn absent<'k>(keys: impl Iterator<Item = &'k String>) -> Option<Value> {
    let keys: Keywords = keys.map(|key| (key.clone(), false.into())).collect();
    (!keys.is_empty()).then(|| json!({ "properties": keys }))
}

fn reference(name: &str) -> Keywords {
    Keywords::from_iter([("$ref".to_owned(), name.into())])
}

fn texts(keywords: &mut Keywords, label: &Localized, description: &Localized) {
    for (key, text) in [("title", label), ("description", description)] {
        if let Some(english) = text.get("en") {
            keywords.insert(key.to_owned(), english.into());
            keywords.insert(format!("{PREFIX}{key}"), json!(text));
        }
    }
}

fn annotations(order: usize, setting: &Setting) -> Keywords {
    let mut keywords = Keywords::new();
    texts(&mut keywords, &setting.label, &setting.description);
    if let Some(default) = &setting.default {
        keywords.insert("default".to_owned(), default.clone());
    }
    if let Some(example) = &setting.example {
        keywords.insert("examples".to_owned(), json!([example]));
    }
    let mut own = |key: &str, value: Value| keywords.insert(format!("{PREFIX}{key}"), value);
    own("order", order.into());
    own("required", setting.required.into());
    if !setting.formerly.is_empty() {
        own("formerly", json!(setting.formerly));
    }
    if !setting.conditions.is_empty() {
        let conditions = setting.conditions.iter().map(|condition| {
            let tests = condition.when.iter().map(|test| {
                let subject = match &test.subject {
                    Subject::Sibling(key) => key.clone(),
                    Subject::Absolute(path) => format!("/{}", path.join("/")),
                    Subject::Target => "@target".to_owned(),
                };
                json!({ "setting": subject, "any-of": test.any_of.as_ref() })
            });
            let when: Vec<Value> = tests.collect();
            match &condition.effect {
                Effect::Visible => json!({ "effect": "visible", "when": when }),
                Effect::Required => json!({ "effect": "required", "when": when }),
                Effect::Allowed(values) => json!({ "effect": "allowed", "values": values.as_ref(), "when": when }),
            }
        });
        own("conditions", conditions.collect());
    }
    keywords
}

/// The parts of a group's schema.
#[derive(Default)]
struct GroupSchema {
    properties: Keywords,
    required: Vec<String>,
    /// By a key that is there, what then holds.
    dependent: Keywords,
    all_of: Vec<Value>,
}

impl GroupSchema {
    fn rule(&mut self, when: &Truth, then: Value) {
        match when {
            Truth::Never => {}
            Truth::Always => self.all_of.push(then),
            Truth::When(condition) => self.all_of.push(json!({ "if": condition, "then": then })),
        }
    }

    fn require(&mut self, setting: &Setting, when: &Truth) {
        if setting.formerly.is_empty() {
            match when {
                Truth::Always => self.required.push(setting.key.clone()),
                _ => self.rule(when, json!({ "required": [setting.key] })),
            }
        } else {
            let keys = std::iter::once(&setting.key).chain(&setting.formerly);
            let one: Vec<Value> = keys.map(|key| json!({ "required": [key] })).collect();
            self.rule(when, json!({ "anyOf": one }));
        }
    }

    fn keywords(self) -> Keywords {
        let mut keywords = Keywords::new();
        keywords.insert("type".to_owned(), "object".into());
        keywords.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            keywords.insert("required".to_owned(), json!(self.required));
        }
        keywords.insert("additionalProperties".to_owned(), false.into());
        if !self.dependent.is_empty() {
            keywords.insert("dependentSchemas".to_owned(), Value::Object(self.dependent));
        }
        if !self.all_of.is_empty() {
            keywords.insert("allOf".to_owned(), self.all_of.into());
        }
        keywords
    }
}
