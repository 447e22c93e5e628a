//! JSON files of a project: read strictly, written in one form.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize, de};

/// Longest file, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {kind}")]
pub struct JsonError {
    pub file: String,
    pub kind: JsonErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    #[error("the file is {0} bytes long, {MAX_BYTES} are allowed")]
    TooLong(usize),
    #[error("the file is not UTF-8 (byte {0}): save it as UTF-8, or restore it from git")]
    NotUtf8(usize),
    #[error("line {0}: there are conflict markers of a git merge; resolve them first")]
    Conflict(usize),
    #[error("the file ends too early, in line {0}: it was cut off; restore it from git")]
    Truncated(usize),
    #[error("line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    #[error("the file has version {found}, this Thymis knows version {known}: update Thymis")]
    Newer { found: u64, known: u32 },
    #[error("the file has no `\"version\": {0}`")]
    NoVersion(u32),
}

/// # Errors
/// When the bytes are not exactly one JSON value of that form. A key that is there twice is an error at any depth.
pub fn parse<T: for<'de> Deserialize<'de>>(file: &str, bytes: &[u8]) -> Result<T, JsonError> {
    let fail = |kind| JsonError { file: file.to_owned(), kind };
    if bytes.len() > MAX_BYTES {
        return Err(fail(JsonErrorKind::TooLong(bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| fail(JsonErrorKind::NotUtf8(error.valid_up_to())))?;
    let marker = |line: &&str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let error = |error: serde_json::Error| {
        if let Some(line) = text.lines().position(|line| marker(&line)) {
            return fail(JsonErrorKind::Conflict(line + 1));
        }
        if error.is_eof() {
            return fail(JsonErrorKind::Truncated(error.line()));
        }
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        fail(JsonErrorKind::Syntax {
            line: error.line(),
            column: error.column(),
            message: crate::untrusted::line(message),
        })
    };
    serde_json::from_str::<Unique>(text).map_err(error)?;
    serde_json::from_str(text).map_err(error)
}

/// As [`parse`], for what is written as an object. serde would take a list of the fields for one.
///
/// # Errors
/// As [`parse`], and where the value is no object.
pub fn object<T: for<'de> Deserialize<'de>>(file: &str, bytes: &[u8]) -> Result<T, JsonError> {
    let parsed = parse(file, bytes)?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(parsed);
    }
    let message = "an object is expected, `{ … }`".to_owned();
    Err(JsonError { file: file.to_owned(), kind: JsonErrorKind::Syntax { line: 1, column: 1, message } })
}

/// Two spaces of indentation and a newline at the end.
///
/// # Errors
/// When a map's keys are not strings.
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Any value whose objects have no key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> de::Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value::<Unique>()?;
            if !seen.insert(key.clone()) {
                let key = crate::untrusted::short(&key);
                return Err(de::Error::custom(format!("the key `{key}` is there twice; keep one of the two")));
            }
        }
        Ok(Unique)
    }
}

/// A key as one part of a JSON pointer (RFC 6901).
#[must_use]
pub fn pointer_part(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn refused(bytes: &[u8]) -> String {
        parse::<Value>("modules.lock", bytes).unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_file_place_and_way_out() {
        insta::assert_snapshot!(refused(b"{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}"),
            @"modules.lock: line 1, column 30: the key `c` is there twice; keep one of the two");
        insta::assert_snapshot!(refused(b"{\n<<<<<<< HEAD\n\"a\": 1\n=======\n"),
            @"modules.lock: line 2: there are conflict markers of a git merge; resolve them first");
        insta::assert_snapshot!(refused(b"{\"a\": [1,"),
            @"modules.lock: the file ends too early, in line 1: it was cut off; restore it from git");
        insta::assert_snapshot!(refused(b"{\"a\": \"\xff\"}"), @"modules.lock: the file is not UTF-8 (byte 7): save it as UTF-8, or restore it from git");
        assert!(refused(b"{} {}").contains("trailing characters"));
        assert!(refused(&[b'['; 100_000]).contains("recursion limit"));
    }
}
