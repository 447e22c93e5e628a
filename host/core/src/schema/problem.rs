//! What is wrong with a module's description, or with somebody's settings.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{budget::Budget, limits};
use crate::untrusted::{cut, short};

/// Longest message, in bytes: what it quotes is short, but there may be much of it.
pub(super) const LONGEST: usize = 2_000;

/// Why a description was refused; the names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaCode {
    /// Uses a name that this version doesn't know: it was made for a newer one.
    Incompatible,
    /// Something is larger than [`limits`] allow.
    Limit,
    /// A key, name, locale or text is malformed.
    Name,
    /// A key, choice, locale or name stands there twice.
    Duplicate,
    /// A type or setting that is named is not there, or not before its user.
    Reference,
    /// A constraint is malformed, missing, contradictory or of another shape.
    Constraint,
    /// A default or an example doesn't fulfil its own type.
    Value,
    /// A condition is malformed, or conditions depend on each other in a circle.
    Condition,
}

/// One problem of a module's description, for its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("module `{module}`{}: {message}", Place(.place))]
pub struct SchemaProblem {
    /// The module's name, as far as it can be shown.
    pub module: String,
    /// Keys of settings from the outermost, such as `/server/port`; `*` stands for items of lists and maps. Empty: the
    /// module itself.
    pub place: String,
    pub code: SchemaCode,
    /// One sentence.
    pub message: String,
}

impl SchemaProblem {
    /// Whether a newer host might load the module.
    #[must_use]
    pub fn is_incompatible(&self) -> bool {
        self.code == SchemaCode::Incompatible
    }
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", setting `{}`", self.0) }
    }
}

/// Gathers the problems of one descriptor.
#[derive(Debug)]
pub(super) struct Problems {
    module: String,
    list: Vec<SchemaProblem>,
    pub(super) budget: Budget,
}

impl Problems {
    pub(super) fn of(module: &str) -> Self {
        Self { module: short(module), list: Vec::new(), budget: Budget::default() }
    }

    pub(super) fn push(&mut self, place: &str, code: SchemaCode, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.budget.problems -= 1;
        let message = cut(&message.into(), LONGEST).into_owned();
        let problem = SchemaProblem { module: self.module.clone(), place: place.to_owned(), code, message };
        // A type that is used in several places is checked in each.
        if !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    /// Whether it makes no difference any more what else is found.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= limits::PROBLEMS || self.budget.problems == 0
    }

    pub(super) fn unknown(&mut self, place: &str, what: &str, name: &str) {
        self.push(
            place,
            SchemaCode::Incompatible,
            format!(
                "{what} `{}` is not known here: the module was made for a newer Thymis; update Thymis or use an older \
                 version of the module",
                short(name)
            ),
        );
    }

    /// Whether `count` is within the limit; says so if not.
    pub(super) fn within(&mut self, place: &str, what: &str, count: usize, limit: usize) -> bool {
        if count > limit {
            self.push(place, SchemaCode::Limit, format!("has {count} {what}; at most {limit} are allowed"));
        }
        count <= limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<SchemaProblem> {
        self.list
    }
}

/// Why a value was refused; the names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingsCode {
    UnknownSetting,
    Missing,
    Null,
    WrongType,
    OutOfRange,
    Length,
    Items,
    Pattern,
    /// Not one of the choices, or not one that is allowed beside the other settings.
    Choice,
    Duplicate,
    /// A key of a map is malformed.
    Key,
    /// Malformed text: a line break, NUL, a path that isn't absolute, …
    Format,
    TooLarge,
    /// More problems than are reported at once.
    More,
}

/// One problem of somebody's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{message}", Pointer(.pointer))]
pub struct SettingsProblem {
    /// JSON pointer (RFC 6901) into the settings; empty for the whole. Uses present keys where an earlier one is stored.
    pub pointer: String,
    pub code: SettingsCode,
    /// One sentence; quotes are cut and made fit for a terminal.
    pub message: String,
}

/// Keys of maps are anybody's text.
struct Pointer<'a>(&'a str);

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", short(self.0)) }
    }
}

/// What stands there, for a sentence.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("\"{}\"", short(text)),
        Value::Array(items) => format!("a list of {}", counted(items.len(), "item")),
        Value::Object(entries) => format!("an object with {}", counted(entries.len(), "key")),
    }
}

pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The candidate that was probably meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Beyond these sizes the search would cost more than the hint is worth.
    if name.len() > limits::NAME_LENGTH {
        return None;
    }
    let farthest = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .take(256)
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 2 * farthest)
        .map(|candidate| (distance(name, candidate, farthest), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one to the other: a character more, less, another, or two neighbours swapped. Upper and lower case, `-` and
/// `_` are the same. What is farther apart than `farthest` is anything above it.
fn distance(a: &str, b: &str, farthest: usize) -> usize {
    let fold = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(fold).collect();
    const FAR: usize = usize::MAX / 2;
    let cell = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(FAR);
    let mut before: Vec<usize> = vec![FAR; b.len() + 1];
    let mut spare = before.clone();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (line, a) in a.chars().map(fold).enumerate() {
        // Only cells near the diagonal can be that close.
        let start = line.saturating_sub(farthest);
        let mut row = std::mem::take(&mut spare);
        row.fill(FAR);
        if let (0, Some(first)) = (start, row.first_mut()) {
            *first = line + 1;
        }
        let mut left = start.checked_sub(1).and_then(|column| b.get(column)).copied();
        for (column, &b) in b.iter().enumerate().skip(start).take(2 * farthest + 1) {
            let replaced = cell(&above, column) + usize::from(a != b);
            let mut least = replaced.min(cell(&above, column + 1) + 1).min(cell(&row, column) + 1);
            if previous == Some(b) && left == Some(a) && column > 0 {
                least = least.min(cell(&before, column - 1) + 1);
            }
            if let Some(cell) = row.get_mut(column + 1) {
                *cell = least;
            }
            left = Some(b);
        }
        spare = std::mem::replace(&mut before, std::mem::replace(&mut above, row));
        previous = Some(a);
    }
    cell(&above, b.len())
}
