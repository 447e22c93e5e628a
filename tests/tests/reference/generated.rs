//! Descriptions of modules and documents of settings, made from a tape of random numbers: a shorter tape is a smaller case.

use serde_json::{Map, Value, json};
use thymis_core::{schema::Descriptor, wire};

pub(crate) struct Tape<'a> {
    numbers: std::iter::Copied<std::slice::Iter<'a, u32>>,
    /// Leave out what JSON Schema can't tell.
    exact: bool,
}

/// What the tape chose for one type: enough to make values of it.
#[derive(Clone)]
enum Kind {
    Scalar(&'static str),
    /// Between 1 and 9.
    Number,
    /// Two to four of `a` to `c`.
    Word,
    Select,
    Group(Vec<(String, Vec<String>, Kind)>),
    List(Box<Kind>),
    Map(Box<Kind>),
}

const SCALARS: [&str; 12] = [
    "bool",
    "float",
    "string",
    "text",
    "code",
    "path",
    "package",
    "device-type",
    "artifact",
    "secret",
    "systemd-timer",
    "int",
];

impl<'a> Tape<'a> {
    pub(crate) fn new(numbers: &'a [u32], exact: bool) -> Self {
        Self { numbers: numbers.iter().copied(), exact }
    }

    /// Less than `bound`; 0 at the end of the tape.
    fn below(&mut self, bound: usize) -> usize {
        self.numbers.next().unwrap_or(0) as usize % bound
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == bound - 1
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

/// A module, and documents of its settings, most of them right.
pub(crate) fn module(tape: &mut Tape<'_>, documents: usize) -> Option<(Descriptor, Vec<Value>)> {
    let mut types = Vec::new();
    let (settings, kind) = group(tape, &mut types, 0, &[]);
    let descriptor = wire::Descriptor {
        name: "generated".to_owned(),
        schema_version: 0,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        types,
        settings,
        extra: Vec::new(),
    };
    let descriptor = Descriptor::check(descriptor).ok()?;
    let documents = (0..documents).map(|_| value(tape, &kind)).collect();
    Some((descriptor, documents))
}

fn add(types: &mut Vec<wire::SettingType>, shape: wire::Shape, constraints: Value) -> u32 {
    let constraints = constraints.as_object().unwrap().iter();
    let constraints = constraints.map(|(key, value)| wire::Extra { key: key.clone(), value: value.to_string() });
    types.push(wire::SettingType { shape, constraints: constraints.collect() });
    (types.len() - 1) as u32
}

fn type_(tape: &mut Tape<'_>, types: &mut Vec<wire::SettingType>, depth: usize, outer: &[Subject]) -> (u32, Kind) {
    let scalar = |kind: &str| wire::Shape::Scalar(kind.to_owned());
    match tape.below(if depth < 3 { 9 } else { 5 }) {
        0 => (add(types, scalar("bool"), json!({})), Kind::Scalar("bool")),
        1 => (add(types, scalar("int"), json!({ "min": 1, "max": 9 })), Kind::Number),
        2 => {
            let pattern = json!({ "pattern": *tape.pick(&["[a-c]+", "a|[^a-]+.*", "[a-c]{2,4}"]), "min-length": 2, "max-length": 4 });
            (add(types, scalar("string"), pattern), Kind::Word)
        }
        3 => {
            let choice = |value: &str| wire::Choice { value: value.to_owned(), label: Vec::new() };
            (add(types, wire::Shape::Select(vec![choice("a"), choice("b")]), json!({})), Kind::Select)
        }
        4 => {
            let kind = *tape.pick(&SCALARS);
            (add(types, scalar(kind), json!({})), Kind::Scalar(kind))
        }
        5 => {
            let (item, kind) = type_(tape, types, depth + 1, outer);
            let single = !matches!(kind, Kind::Group(_) | Kind::List(_) | Kind::Map(_) | Kind::Scalar("systemd-timer"));
            let constraints = match &kind {
                Kind::Group(settings) if !tape.exact && tape.one_in(2) => json!({ "unique-by": settings[0].0 }),
                _ if single && tape.one_in(2) => json!({ "unique-by": "", "max-items": 3 }),
                _ => json!({ "min-items": 1 }),
            };
            (add(types, wire::Shape::List(item), constraints), Kind::List(Box::new(kind)))
        }
        6 => {
            let (item, kind) = type_(tape, types, depth + 1, outer);
            let constraints = json!({ "key-pattern": "[a-c]{1,3}", "max-items": 2 });
            (add(types, wire::Shape::Map(item), constraints), Kind::Map(Box::new(kind)))
        }
        _ => group(tape, types, depth + 1, outer),
    }
}

/// What a condition can name, with values that it can have.
type Subject = (String, Vec<Value>);

fn group(tape: &mut Tape<'_>, types: &mut Vec<wire::SettingType>, depth: usize, outer: &[Subject]) -> (u32, Kind) {
    let mut settings = Vec::new();
    let mut kinds = Vec::new();
    let mut siblings: Vec<Subject> = Vec::new();
    for index in 0..=tape.below(5) {
        let key = format!("s{index}");
        let absolute: Vec<Subject> = if depth == 0 {
            siblings.iter().map(|(key, values)| (format!("/{key}"), values.clone())).collect()
        } else {
            outer.to_vec()
        };
        let (type_, kind) = type_(tape, types, depth, &absolute);
        let formerly: Vec<String> = (0..tape.below(4).saturating_sub(1)).map(|n| format!("old{n}-{key}")).collect();
        let composite = matches!(kind, Kind::Group(_) | Kind::List(_) | Kind::Map(_));
        let may_default =
            !matches!(kind, Kind::Scalar("secret" | "artifact")) && !(composite && (tape.exact || depth > 1));
        let default = (may_default && tape.one_in(3)).then(|| value(&mut Tape::new(&[], true), &kind).to_string());
        let mut subjects = siblings.clone();
        if !tape.exact {
            subjects.extend(absolute);
            subjects.push(("@target".to_owned(), vec![json!("configuration"), json!("tag")]));
        }
        let own = comparable(&kind);
        let conditions =
            (0..tape.below(4).saturating_sub(1)).filter_map(|_| condition(tape, &subjects, own.as_ref())).collect();
        settings.push(wire::Setting {
            key: key.clone(),
            type_,
            label: Vec::new(),
            description: Vec::new(),
            required: tape.one_in(3),
            default,
            example: None,
            conditions,
            extra: vec![wire::Extra { key: "formerly".to_owned(), value: json!(formerly).to_string() }],
        });
        if let Some(values) = own {
            siblings.push((key.clone(), values));
        }
        if let (Kind::Group(inner), 0) = (&kind, depth) {
            // A path through a group.
            let inner = inner.iter().filter_map(|(name, _, kind)| Some((name, comparable(kind)?)));
            let paths: Vec<Subject> = inner.map(|(name, values)| (format!("{key}/{name}"), values)).collect();
            if !tape.exact {
                siblings.extend(paths.into_iter().map(|(path, values)| (format!("/{path}"), values)));
            }
        }
        kinds.push((key, formerly, kind));
    }
    siblings.clear();
    (add(types, wire::Shape::Group(settings), json!({})), Kind::Group(kinds))
}

fn comparable(kind: &Kind) -> Option<Vec<Value>> {
    match kind {
        Kind::Scalar("bool") => Some(vec![json!(true), json!(false)]),
        Kind::Number => Some(vec![json!(1), json!(2)]),
        Kind::Select => Some(vec![json!("a"), json!("b")]),
        _ => None,
    }
}

fn condition(tape: &mut Tape<'_>, subjects: &[Subject], own: Option<&Vec<Value>>) -> Option<wire::Condition> {
    if subjects.is_empty() {
        return None;
    }
    let mut when = Vec::new();
    for _ in 0..=tape.below(2) {
        let (setting, values) = tape.pick(subjects).clone();
        when.push(wire::Test {
            // A path that leads through a group is absolute already.
            setting: setting.replace("//", "/"),
            any_of: vec![tape.pick(&values).to_string()],
        });
    }
    let effect = match (tape.below(4), own) {
        (0, _) => wire::Effect::Required,
        (1, Some(values)) => wire::Effect::Allowed(vec![tape.pick(values).to_string()]),
        _ => wire::Effect::Visible,
    };
    Some(wire::Condition { when, effect })
}

/// A value of the kind, rarely a wrong one.
fn value(tape: &mut Tape<'_>, kind: &Kind) -> Value {
    if tape.one_in(40) {
        let odd = [
            json!(null),
            json!(0),
            json!(17),
            json!("a\nb"),
            json!(""),
            json!("\u{0}"),
            json!([]),
            json!({}),
            json!(true),
            json!("z"),
        ];
        return tape.pick(&odd).clone();
    }
    match kind {
        Kind::Number => json!(1 + tape.below(3)),
        Kind::Word => json!(*tape.pick(&["ab", "abc", "cccc"])),
        Kind::Select => json!(*tape.pick(&["a", "b"])),
        Kind::Scalar(name) => scalar(tape, name),
        Kind::List(item) => (0..=tape.below(2)).map(|_| value(tape, item)).collect(),
        Kind::Map(item) => {
            let keys = ["a", "bc", "ccc", "D"];
            (0..tape.below(3)).map(|_| ((*tape.pick(&keys)).to_owned(), value(tape, item))).collect()
        }
        Kind::Group(settings) => {
            let mut object = Map::new();
            for (key, formerly, kind) in settings {
                let stored = tape.below(3) < 2 || tape.exact && matches!(kind, Kind::Group(_));
                let key = if formerly.is_empty() || tape.below(2) == 0 { key } else { tape.pick(formerly) };
                if stored {
                    object.insert(key.clone(), value(tape, kind));
                }
                if tape.one_in(20) {
                    for key in formerly {
                        object.insert(key.clone(), value(tape, kind));
                    }
                }
            }
            if tape.one_in(40) {
                object.insert("unknown".to_owned(), json!(1));
            }
            Value::Object(object)
        }
    }
}

/// The first of each is right.
fn scalar(tape: &mut Tape<'_>, name: &str) -> Value {
    let texts: &[&str] = match name {
        "bool" => return json!(tape.below(2) == 0),
        "int" => return json!(tape.below(100)),
        "float" => return json!(tape.below(100) as f64 / 4.0),
        "systemd-timer" => return timer(tape),
        "string" => &["a", "", "ä${x}\u{2028}𝕏", "a\rb"],
        "text" | "code" => &["a\nb", "", "\u{1b}", "a\u{0}b"],
        "path" => &["/a", "/", "/a/..b/c..", "/a b/\u{2028}", "/a/..", "/../b", "a", "", "/a/../b", "/a\n"],
        "package" => &["curl", "python3Packages.requests", "_7zz", "a.", ".", "a b", "a..b", "", "-a", "a'+-"],
        "device-type" => &["raspberry-pi-4", "generic-x86_64", "-a", "a-", "A", "", "a.b"],
        "artifact" => &[
            "a", "a/b.txt", "..a", "a/..b", "/a", "a/", "a//b", "..", "a/../b", ".", "a\\b", "a\nb", "a\u{85}", "",
            "x/./y",
        ],
        _ => &["a", "5f0f-6a2b_x.Y", "", "a b", "a/b", "ä", "a\n"],
    };
    let index = if tape.one_in(4) { tape.below(texts.len()) } else { tape.below(2.min(texts.len())) };
    // The second of some is wrong or not by its own constraints: what counts is that both sides agree.
    json!(texts[index])
}

fn timer(tape: &mut Tape<'_>) -> Value {
    let mut timer = Map::new();
    let kind = *tape.pick(&["continuous", "realtime", "monotonic", "sometimes"]);
    timer.insert("timer_type".to_owned(), kind.into());
    let spans = [json!("5min"), json!(" "), json!("\u{85}"), json!("\u{feff}"), json!("a\nb"), json!(5), json!(null)];
    let calendars =
        [json!(["daily"]), json!([" ", "daily"]), json!(["", "\t"]), json!([]), json!("daily"), json!(["a\nb"])];
    if tape.below(3) > 0 {
        timer.insert("on_calendar".to_owned(), tape.pick(&calendars).clone());
    }
    for key in ["on_boot_sec", "on_unit_inactive_sec", "accuracy_sec", "persistent", "unknown"] {
        if tape.one_in(4) {
            timer.insert(key.to_owned(), tape.pick(&spans).clone());
        }
    }
    if tape.one_in(10) {
        timer.remove("timer_type");
    }
    Value::Object(timer)
}
