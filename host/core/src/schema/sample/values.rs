//! Values of one shape: a usual one, and those at its edges.

use serde_json::{Map as Object, Value, json};

use super::super::{
    limits, scalar,
    shape::{Bounds, Group, List, Map, Setting, Shape, Text},
};

/// What is known of a value before the schema is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Fulfils its shape; other settings may have to change with it.
    Good,
    /// The schema may refuse it.
    Maybe,
    Bad,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) label: String,
    pub(super) value: Value,
    pub(super) verdict: Verdict,
}

/// Texts that try patterns and lengths; the first that fit are the usual values.
const TEXTS: [&str; 26] = [
    "example",
    "another",
    "third-one",
    "a",
    "b",
    "abc",
    "a1",
    "1",
    "2",
    "42",
    "A",
    "Example",
    "EXAMPLE",
    "https://example.org",
    "https://example.net/page",
    "http://example.org",
    "example.org",
    "host.example.net",
    "192.0.2.1",
    "192.0.2.0/24",
    "2001:db8::1",
    "02:00:00:00:00:01",
    "8080:80",
    "ada@example.org",
    "/var/lib/example",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample ada",
];

/// Texts that mean something to somebody between a person and a device.
const NASTY: [(&str, &str); 11] = [
    ("empty", ""),
    ("quotes", "it's \"quoted\" `twice`"),
    ("interpolation", "${x} $${y} $(reboot)"),
    ("two single quotes", "''${x}''"),
    ("backslashes", "C:\\new\\table \\${x}"),
    ("unicode", "Grüße 漢字 🦀 e\u{301} \u{202e}gnp"),
    ("like a store path", "/nix/store/00000000000000000000000000000000-x/bin/x"),
    ("shell", "a; b | c & d > e # f *"),
    ("percent", "100% %n %%i"),
    ("like an option", "--help"),
    ("blanks", "  two  blanks  "),
];

const NASTY_LINES: [(&str, &str); 3] = [
    ("lines", "first\nsecond\n"),
    ("indented lines", "if true; then\n\techo \"${HOME:-x}\" ''\n    fi\n\n   "),
    ("no last newline", "a\r\nb\n\nc"),
];

/// Most of a list's or map's items that are tried, and most choices of one setting.
const ITEMS: usize = 64;
const PACKAGES: [&str; 4] = ["hello", "curl", "jq", "python3Packages.requests"];
const DEVICE_TYPES: [&str; 3] = ["generic-x86_64", "raspberry-pi-4", "generic-aarch64"];

/// Whether a value that was made up may mean nothing to the module.
pub(super) fn is_guess(shape: &Shape) -> bool {
    match shape {
        Shape::Int(_) | Shape::Float(_) | Shape::String(_) | Shape::Text(_) | Shape::Code(_) | Shape::Path(_) => true,
        Shape::List(List { item, .. }) | Shape::Map(Map { item, .. }) => is_guess(item),
        Shape::Group(_)
        | Shape::Bool
        | Shape::Package
        | Shape::DeviceType
        | Shape::Artifact
        | Shape::Secret(_)
        | Shape::SystemdTimer
        | Shape::Select(_) => false,
    }
}

/// The example of a setting, or else a usual value; values with another `number` are others, as far as there are some.
pub(super) fn of_setting(setting: &Setting, number: usize) -> Option<Value> {
    let own = setting.example.as_ref().or(setting.default.as_ref());
    own.filter(|_| number == 0).cloned().or_else(|| typical(&setting.shape, number))
}

pub(super) fn typical(shape: &Shape, number: usize) -> Option<Value> {
    let some = |values: &[&str]| values.get(number % values.len().max(1)).copied().map(Value::from);
    match shape {
        Shape::Bool => Some(Value::from(number.is_multiple_of(2))),
        Shape::Int(bounds) => {
            let number = i64::try_from(number).ok()?;
            let inside = [1, 60, 8080].map(|usual: i64| usual.saturating_add(number));
            let edges =
                [bounds.min.map(|min| min.saturating_add(number)), bounds.max.map(|max| max.saturating_sub(number))];
            let found = inside.into_iter().chain(edges.into_iter().flatten()).find(|value| bounds.contain(value));
            found.map(Value::from)
        }
        Shape::Float(bounds) => {
            #[expect(clippy::cast_precision_loss, reason = "numbers of examples are small")]
            let number = number as f64;
            let middle = bounds.min.zip(bounds.max).map(|(min, max)| min + (max - min) / (number + 2.0));
            let edges = [bounds.min.map(|min| min + number), bounds.max.map(|max| max - number)];
            let found =
                [Some(0.5 + number), middle].into_iter().chain(edges).flatten().find(|value| bounds.contain(value));
            found.map(Value::from)
        }
        Shape::String(_) | Shape::Text(_) | Shape::Code(_) => fitting(shape, number),
        Shape::Path(_) => fitting(shape, number).or_else(|| {
            let path = Value::from(format!("/var/lib/example-{number}"));
            scalar::check(shape, &path).is_ok().then_some(path)
        }),
        Shape::Package => some(&PACKAGES),
        Shape::DeviceType => some(&DEVICE_TYPES),
        Shape::Artifact => Some(Value::from(format!("example-{number}.bin"))),
        Shape::Secret(_) => Some(Value::from(format!("example-{number}"))),
        Shape::SystemdTimer => Some(json!({ "timer_type": "realtime", "on_calendar": ["daily"] })),
        Shape::Select(choices) => choices.get(number % choices.len().max(1)).map(|choice| choice.value.as_str().into()),
        Shape::Group(_) => Some(Value::Object(Object::new())),
        Shape::List(list) => items(list, list.items.min.unwrap_or(0).max(1)),
        Shape::Map(map) => entries(map, map.items.min.unwrap_or(0).max(1)),
    }
}

/// The text with that number among those that fulfil the shape: known ones, and the same made longer or shorter.
fn fitting(shape: &Shape, number: usize) -> Option<Value> {
    let text = constraints(shape)?;
    let min = text.length.min.unwrap_or(0).min(limits::LINE_BYTES);
    let stretched = TEXTS.iter().flat_map(|text| [stretch(text, min), stretch(text, min + 1)]);
    let cut = TEXTS.iter().map(|known| known.chars().take(text.length.max.unwrap_or(usize::MAX)).collect());
    let known = TEXTS.iter().map(|text| (*text).to_owned());
    let mut found: Vec<Value> = Vec::new();
    for text in known.chain(stretched).chain(cut).map(Value::from) {
        if scalar::check(shape, &text).is_ok() && !found.contains(&text) {
            if found.len() == number {
                return Some(text);
            }
            found.push(text);
        }
    }
    found.into_iter().next_back()
}

fn stretch(text: &str, length: usize) -> String {
    let mut stretched = text.to_owned();
    let last = text.chars().next_back().unwrap_or('x');
    stretched.extend(std::iter::repeat_n(last, length.saturating_sub(text.chars().count())));
    stretched
}

fn constraints(shape: &Shape) -> Option<&Text> {
    match shape {
        Shape::String(text) | Shape::Text(text) | Shape::Path(text) => Some(text),
        Shape::Code(code) => Some(&code.text),
        _ => None,
    }
}

/// One item, different from those with other numbers where items have to differ. Groups have the examples of all their
/// settings: what is in a list rarely means something with less.
pub(super) fn item(list: &List, number: usize) -> Option<Value> {
    let Shape::Group(group) = list.item.as_ref() else { return typical(&list.item, number) };
    let mut object = examples(group);
    if let Some(key) = list.unique_by.as_deref() {
        object.insert(key.to_owned(), of_setting(group.get(key)?, number)?);
    }
    Some(Value::Object(object))
}

pub(super) fn entry(map: &Map, number: usize) -> Option<Value> {
    match map.item.as_ref() {
        Shape::Group(group) => Some(Value::Object(examples(group))),
        item => typical(item, number),
    }
}

fn examples(group: &Group) -> Object<String, Value> {
    let example = |setting: &Setting| Some((setting.key.clone(), setting.example.clone()?));
    group.settings().filter_map(example).collect()
}

pub(super) fn items(list: &List, count: usize) -> Option<Value> {
    has_room(|| item(list, 0), count)?;
    (0..count.min(ITEMS)).map(|number| item(list, number)).collect::<Option<Vec<_>>>().map(Value::Array)
}

/// Lists of lists of … grow with the power of their depth; no settings may have that many values.
fn has_room(one: impl FnOnce() -> Option<Value>, count: usize) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let one = one()?;
    let (mut values, mut open) = (0, vec![&one]);
    while let Some(value) = open.pop() {
        values += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(entries) => open.extend(entries.values()),
            _ => {}
        }
    }
    (values * count.min(ITEMS) <= limits::NODES).then_some(())
}

/// The key with that number among those that the map allows.
pub(super) fn key(map: &Map, number: usize) -> Option<String> {
    let fits = |key: &String| key.len() <= limits::KEY_BYTES && map.key_pattern.regex.is_match(key);
    let known = TEXTS.iter().map(|text| (*text).to_owned());
    known.chain((0..=ITEMS).map(|number| format!("key{number}"))).filter(fits).nth(number)
}

pub(super) fn entries(map: &Map, count: usize) -> Option<Value> {
    has_room(|| entry(map, 0), count)?;
    let keyed = |number| Some((key(map, number)?, entry(map, number)?));
    (0..count.min(ITEMS)).map(keyed).collect::<Option<Object<_, _>>>().map(Value::Object)
}

/// What is worth trying, the most telling first.
pub(super) fn variants(shape: &Shape) -> Vec<Variant> {
    let mut list = Vec::new();
    let mut add = |label: &str, verdict, value: Option<Value>| {
        if let Some(value) = value {
            list.push(Variant { label: label.to_owned(), value, verdict });
        }
    };
    use Verdict::{Bad, Good, Maybe};
    match shape {
        Shape::Bool => {
            add("true", Good, Some(true.into()));
            add("false", Good, Some(false.into()));
            add("a text", Bad, Some("yes".into()));
        }
        Shape::Int(bounds) => {
            add("a usual number", Good, typical(shape, 0));
            add("another number", Good, typical(shape, 1));
            add("min", Good, bounds.min.map(Value::from));
            add("max", Good, bounds.max.map(Value::from));
            add("min - 1", Bad, bounds.min.and_then(|min| min.checked_sub(1)).map(Value::from));
            add("max + 1", Bad, bounds.max.and_then(|max| max.checked_add(1)).map(Value::from));
            add("0", if bounds.contain(&0) { Good } else { Bad }, Some(0.into()));
            add("the lowest", if bounds.contain(&i64::MIN) { Good } else { Bad }, Some(i64::MIN.into()));
            add("the highest", if bounds.contain(&i64::MAX) { Good } else { Bad }, Some(i64::MAX.into()));
            add("a fraction", Bad, Some(1.5.into()));
        }
        Shape::Float(bounds) => {
            add("a usual number", Good, typical(shape, 0));
            add("another number", Good, typical(shape, 1));
            add("min", Good, bounds.min.map(Value::from));
            add("max", Good, bounds.max.map(Value::from));
            add("below min", Bad, bounds.min.and_then(|min| beyond(min, -1.0)).map(Value::from));
            add("above max", Bad, bounds.max.and_then(|max| beyond(max, 1.0)).map(Value::from));
            add("a whole number", if bounds.contain(&1.0) { Good } else { Bad }, Some(1.into()));
            add("a text", Bad, Some("1".into()));
        }
        Shape::String(_) | Shape::Text(_) | Shape::Code(_) | Shape::Path(_) => texts(shape, &mut add),
        Shape::Package => {
            add("a package", Good, typical(shape, 0));
            add("another package", Good, typical(shape, 1));
            add("a package of a set", Good, typical(shape, 3));
            add("no package", Bad, Some("${x}".into()));
        }
        Shape::DeviceType => {
            add("a device type", Good, typical(shape, 0));
            add("another device type", Good, typical(shape, 1));
            add("no identifier", Bad, Some("../x".into()));
        }
        Shape::Artifact => {
            add("an artifact", Good, typical(shape, 0));
            add("an artifact in a folder", Good, Some("folder/it's ${x}.txt".into()));
            add("a path upwards", Bad, Some("../x".into()));
        }
        Shape::Secret(_) => {
            add("a secret", Good, typical(shape, 0));
            add("a value in place of a name", Bad, Some("pass word".into()));
        }
        Shape::SystemdTimer => timers(&mut add),
        Shape::Select(choices) => {
            for choice in choices.iter().take(ITEMS) {
                add(&format!("\"{}\"", choice.value), Good, Some(choice.value.as_str().into()));
            }
            let other = TEXTS.into_iter().find(|text| choices.iter().all(|choice| choice.value != *text));
            add("no choice", Bad, other.map(Value::from));
        }
        Shape::Group(_) => {
            add("present", Good, Some(Value::Object(Object::new())));
            add("a text", Bad, Some("x".into()));
        }
        Shape::List(list) => {
            for count in counts(&list.items) {
                let verdict = if list.items.contain(&count) { Good } else { Bad };
                add(&counted(count, "item"), verdict, items(list, count));
            }
            if let (Some(_), Some(twice)) = (&list.unique_by, item(list, 0)) {
                add("an item twice", Bad, Some(json!([twice, twice])));
            }
            add("a text", Bad, Some("x".into()));
        }
        Shape::Map(map) => {
            for count in counts(&map.items) {
                let verdict = if map.items.contain(&count) { Good } else { Bad };
                add(&counted(count, "entry"), verdict, entries(map, count));
            }
            for (what, key) in NASTY.iter().map(|(what, text)| (format!("the key {what}"), (*text).to_owned())) {
                let verdict = if map.key_pattern.regex.is_match(&key) { Maybe } else { Bad };
                let entry = entry(map, 0).map(|value| Value::Object(Object::from_iter([(key, value)])));
                add(&what, verdict, entry);
            }
        }
    }
    list
}

/// The next number that is surely another one; none where numbers get too large.
fn beyond(bound: f64, step: f64) -> Option<f64> {
    let next = bound + step * (bound.abs() * 0.001).max(0.001);
    next.is_finite().then_some(next)
}

/// How many items are tried.
fn counts(bounds: &Bounds<usize>) -> Vec<usize> {
    let below = bounds.min.and_then(|min| min.checked_sub(1));
    let above = bounds.max.and_then(|max| max.checked_add(1));
    let mut counts = Vec::new();
    for count in [Some(2), Some(1), Some(0), bounds.min, bounds.max, below, above].into_iter().flatten() {
        if count <= ITEMS && !counts.contains(&count) {
            counts.push(count);
        }
    }
    counts
}

fn counted(count: usize, noun: &str) -> String {
    super::super::problem::counted(count, noun).replace("entrys", "entries")
}

fn texts(shape: &Shape, add: &mut dyn FnMut(&str, Verdict, Option<Value>)) {
    use Verdict::{Bad, Good, Maybe};
    add("a usual text", Good, typical(shape, 0));
    add("another text", Good, typical(shape, 1));
    let free = constraints(shape).is_some_and(|text| text.pattern.is_none());
    let line = matches!(shape, Shape::String(_) | Shape::Path(_));
    let longest = if line { limits::LINE_BYTES } else { limits::JSON_BYTES };
    if let Some(text) = constraints(shape) {
        // A path has to start with a slash.
        let of_length = |length: usize| {
            let start = if matches!(shape, Shape::Path(_)) { "/" } else { "x" };
            (1..=longest).contains(&length).then(|| Value::from(format!("{start}{}", "x".repeat(length - 1))))
        };
        let good = if free { Good } else { Maybe };
        add("min-length", good, text.length.min.and_then(of_length));
        add("max-length", good, text.length.max.and_then(of_length));
        add("longer than max-length", Bad, text.length.max.and_then(|max| of_length(max.saturating_add(1))));
        add("shorter than min-length", Bad, text.length.min.and_then(|min| of_length(min.saturating_sub(1))));
    }
    for (label, text) in NASTY {
        let text =
            if matches!(shape, Shape::Path(_)) && !text.starts_with('/') { format!("/{text}") } else { text.into() };
        add(label, Maybe, Some(text.into()));
    }
    for (label, text) in NASTY_LINES {
        let text = if matches!(shape, Shape::Path(_)) { format!("/{text}") } else { text.into() };
        add(label, if line { Bad } else { Maybe }, Some(text.into()));
    }
    if matches!(shape, Shape::Path(_)) {
        add("a relative path", Bad, Some("x/y".into()));
        add("a path upwards", Bad, Some("/x/../y".into()));
    }
    add("NUL", Bad, Some("\0".into()));
    add("a number", Bad, Some(5.into()));
}

fn timers(add: &mut dyn FnMut(&str, Verdict, Option<Value>)) {
    use Verdict::{Bad, Good};
    let calendars = json!(["Mon..Fri 08:00", "*-*-01 00:00:00"]);
    add("realtime", Good, Some(json!({ "timer_type": "realtime", "on_calendar": ["daily"] })));
    add(
        "monotonic",
        Good,
        Some(json!({ "timer_type": "monotonic", "on_boot_sec": "5min", "on_unit_active_sec": "1h" })),
    );
    add("continuous", Good, Some(json!({ "timer_type": "continuous" })));
    add(
        "realtime with everything",
        Good,
        Some(json!({
            "timer_type": "realtime", "on_calendar": calendars, "persistent": true, "accuracy_sec": "1s",
            "randomized_delay_sec": "1min",
        })),
    );
    add(
        "monotonic with everything",
        Good,
        Some(json!({
            "timer_type": "monotonic", "on_boot_sec": "1", "on_startup_sec": "2", "on_active_sec": "3",
            "on_unit_active_sec": "4", "on_unit_inactive_sec": "5", "persistent": false,
        })),
    );
    add("realtime without a calendar", Bad, Some(json!({ "timer_type": "realtime" })));
    add("monotonic without a span", Bad, Some(json!({ "timer_type": "monotonic" })));
    add("no kind", Bad, Some(json!({})));
}
