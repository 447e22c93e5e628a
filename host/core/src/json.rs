//! JSON files of a project: read strictly, written in one form.

use std::{cell::Cell, collections::HashSet, fmt};

use serde::{Deserialize, Serialize, de, de::DeserializeSeed as _};

use crate::untrusted;

/// Longest file, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most values of a file: two bytes are enough for one, and it takes a hundred in memory.
pub const MAX_VALUES: usize = 1 << 20;

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
            message: untrusted::line(&untrusted::cut(message, untrusted::MESSAGE)),
        })
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let unique = Unique { left: &Cell::new(MAX_VALUES) };
    unique.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(error)?;
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
#[derive(Clone, Copy)]
struct Unique<'a> {
    /// How many more values there may be.
    left: &'a Cell<usize>,
}

impl<'de> de::DeserializeSeed<'de> for Unique<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(de::Error::custom(format!("the file has more than {MAX_VALUES} values; split it up")));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Unique<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value_seed(self)?;
            if !seen.insert(key.clone()) {
                let key = untrusted::short(&key);
                return Err(de::Error::custom(format!("the key `{key}` is there twice; keep one of the two")));
            }
        }
        Ok(())
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

    #[test]
    fn a_file_of_millions_of_values_is_refused() {
        let many = |count: usize| format!("[{}0]", "0,".repeat(count));
        assert!(parse::<Value>("state.json", many(MAX_VALUES - 2).as_bytes()).is_ok());
        let refused = refused(many(MAX_VALUES - 1).as_bytes());
        assert!(refused.ends_with("the file has more than 1048576 values; split it up"), "{refused}");
    }

    #[test]
    fn a_message_is_short_whatever_it_quotes() {
        let text = format!("\"{}\"", "\\u001b".repeat(1_000_000));
        let message = object::<serde_json::Map<String, Value>>("state.json", text.as_bytes()).unwrap_err().to_string();
        assert!(message.len() < 8_000, "{}", message.len());
    }
}
