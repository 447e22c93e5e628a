//! Whether one value that contains no others fulfils its shape. Refusals are the end of a sentence that begins with the
//! setting's name.

use serde_json::Value;

use super::{
    limits,
    problem::{SettingsCode, found, nearest},
    shape::{Bounds, Choice, Shape, Text},
};

/// Longest name of a secret.
const SECRET_LENGTH: usize = 128;
/// Longest chain of attributes in a package's name.
const PACKAGE_SEGMENTS: usize = 16;

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: SettingsCode,
    pub(super) predicate: String,
}

fn refuse<T>(code: SettingsCode, predicate: String) -> Result<T, Refusal> {
    Err(Refusal { code, predicate })
}

/// Groups, lists, maps and timers are none of this function's business: they pass.
pub(super) fn check(shape: &Shape, value: &Value) -> Result<(), Refusal> {
    match shape {
        Shape::Bool if value.is_boolean() => Ok(()),
        Shape::Bool => wrong_type("true or false", value),
        Shape::Int(bounds) => int(bounds, value),
        Shape::Float(bounds) => match value.as_f64() {
            Some(number) => within(bounds, &number, value),
            None => wrong_type("a number", value),
        },
        Shape::String(constraints) => {
            let text = string("one line of text", value)?;
            one_line("one line of text", text)?;
            constrained(constraints, text)
        }
        Shape::Text(constraints) => constrained(constraints, string("text", value)?),
        Shape::Code(code) => constrained(&code.text, string("text", value)?),
        Shape::Path(constraints) => {
            let text = string("an absolute path", value)?;
            path(text)?;
            constrained(constraints, text)
        }
        Shape::Package => package(string("the name of a package", value)?),
        Shape::DeviceType => device_type(string("a device type", value)?),
        Shape::Artifact => artifact(string("the name of an artifact", value)?),
        Shape::Secret(_) => secret(value),
        Shape::Select(choices) => select(choices, value),
        Shape::SystemdTimer | Shape::Group(_) | Shape::List(_) | Shape::Map(_) => Ok(()),
    }
}

pub(super) fn wrong_type<T>(expected: &str, value: &Value) -> Result<T, Refusal> {
    refuse(SettingsCode::WrongType, format!("must be {expected}; found {}", found(value)))
}

fn int(bounds: &Bounds<i64>, value: &Value) -> Result<(), Refusal> {
    match value.as_i64() {
        Some(number) => within(bounds, &number, value),
        None if value.is_u64() => {
            refuse(SettingsCode::OutOfRange, format!("must be at most {}; found {}", i64::MAX, found(value)))
        }
        None => wrong_type("an integer", value),
    }
}

fn within<T: PartialOrd + std::fmt::Display>(bounds: &Bounds<T>, number: &T, value: &Value) -> Result<(), Refusal> {
    if bounds.contain(number) {
        return Ok(());
    }
    refuse(SettingsCode::OutOfRange, format!("must be {}; found {}", range(bounds), found(value)))
}

pub(super) fn range<T: std::fmt::Display>(bounds: &Bounds<T>) -> String {
    match (&bounds.min, &bounds.max) {
        (Some(min), Some(max)) => format!("at least {min} and at most {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "anything".to_owned(),
    }
}

fn string<'a>(expected: &str, value: &'a Value) -> Result<&'a str, Refusal> {
    match value.as_str() {
        // Neither Nix's strings nor the device's files can hold it.
        Some(text) if text.contains('\0') => {
            refuse(SettingsCode::Format, format!("must not contain the character NUL; found {}", found(value)))
        }
        Some(text) => Ok(text),
        None => wrong_type(expected, value),
    }
}

fn one_line(expected: &str, text: &str) -> Result<(), Refusal> {
    if text.len() > limits::LINE_BYTES {
        let predicate = format!("must have at most {} bytes; found {}", limits::LINE_BYTES, text.len());
        return refuse(SettingsCode::TooLarge, predicate);
    }
    malformed_if(text.contains(['\n', '\r']), &format!("{expected}, without line breaks"), text)
}

fn malformed_if(malformed: bool, expected: &str, text: &str) -> Result<(), Refusal> {
    if malformed {
        return refuse(SettingsCode::Format, format!("must be {expected}; found {}", found(&Value::from(text))));
    }
    Ok(())
}

/// One line of text, as part of a larger value.
pub(super) fn line(value: &Value) -> Result<&str, Refusal> {
    let text = string("one line of text", value)?;
    one_line("one line of text", text)?;
    Ok(text)
}

fn constrained(constraints: &Text, text: &str) -> Result<(), Refusal> {
    if constraints.length != Bounds::default() {
        let length = text.chars().count();
        if !constraints.length.contain(&length) {
            let predicate = format!("must have {} characters; found {length}", range(&constraints.length));
            return refuse(SettingsCode::Length, predicate);
        }
    }
    let Some(pattern) = &constraints.pattern else { return Ok(()) };
    // Matching takes time in proportion to the length and to the stranger's pattern.
    if text.len() > limits::MATCHED_BYTES {
        let predicate = format!(
            "must have at most {} bytes, because a pattern belongs to it; found {}",
            limits::MATCHED_BYTES,
            text.len()
        );
        return refuse(SettingsCode::TooLarge, predicate);
    }
    if pattern.regex.is_match(text) {
        return Ok(());
    }
    let predicate = format!(
        "must match the pattern `{}`; found {}",
        crate::untrusted::short(pattern.as_str()),
        found(&Value::from(text))
    );
    refuse(SettingsCode::Pattern, predicate)
}

fn path(text: &str) -> Result<(), Refusal> {
    const EXPECTED: &str = "an absolute path such as `/var/lib/app`, without `..`";
    one_line(EXPECTED, text)?;
    malformed_if(!text.starts_with('/') || text.split('/').any(|segment| segment == ".."), EXPECTED, text)
}

fn package(text: &str) -> Result<(), Refusal> {
    const EXPECTED: &str = "the name of a package in nixpkgs such as `curl` or `python3Packages.requests`";
    one_line(EXPECTED, text)?;
    let is_attribute = |segment: &str| {
        let mut bytes = segment.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\'' | b'+'))
    };
    let segments = text.split('.').count();
    malformed_if(segments > PACKAGE_SEGMENTS || !text.split('.').all(is_attribute), EXPECTED, text)
}

/// Whether the project has it is known to who has the project.
fn device_type(text: &str) -> Result<(), Refusal> {
    match text.parse::<crate::id::DeviceType>() {
        Ok(_) => Ok(()),
        Err(_) => malformed_if(true, "the identifier of a device type such as `raspberry-pi-4`", text),
    }
}

fn artifact(text: &str) -> Result<(), Refusal> {
    const EXPECTED: &str =
        "the name of a file in the project's `artifacts`, such as `nginx.conf`, without `.` and `..`";
    one_line(EXPECTED, text)?;
    let bad = |segment: &str| matches!(segment, "" | "." | "..");
    malformed_if(text.split('/').any(bad) || text.contains(|c: char| c.is_control() || c == '\\'), EXPECTED, text)
}

/// Doesn't quote what it found: people paste the secret itself where its name belongs.
fn secret(value: &Value) -> Result<(), Refusal> {
    let is_name = |text: &str| {
        (1..=SECRET_LENGTH).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    match value.as_str() {
        Some(text) if is_name(text) => Ok(()),
        Some(_) => refuse(
            SettingsCode::Format,
            format!(
                "must be the name of a secret of the project: 1 to {SECRET_LENGTH} of A-Z, a-z, 0-9, `.`, `_`, `-`; what was found is not shown"
            ),
        ),
        None => refuse(
            SettingsCode::WrongType,
            "must be the name of a secret of the project, as text; what was found is not shown".to_owned(),
        ),
    }
}

fn select(choices: &[Choice], value: &Value) -> Result<(), Refusal> {
    let Some(text) = value.as_str() else {
        return wrong_type(&format!("one of {}", listed(choices.iter().map(|choice| choice.value.as_str()))), value);
    };
    if choices.iter().any(|choice| choice.value == text) {
        return Ok(());
    }
    let values = || choices.iter().map(|choice| choice.value.as_str());
    let hint = nearest(text, values())
        .map_or_else(String::new, |near| format!("; did you mean {}?", found(&Value::from(near))));
    refuse(SettingsCode::Choice, format!("must be one of {}; found {}{hint}", listed(values()), found(value)))
}

/// The first dozen, and how many there are besides.
fn listed<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let mut values = values.map(|value| found(&Value::from(value)));
    let mut list = values.by_ref().take(12).collect::<Vec<_>>().join(", ");
    let more = values.count();
    if more > 0 {
        list += &format!(" and {more} more");
    }
    list
}

/// Values that a condition allows.
pub(super) fn listed_values(values: &[Value]) -> String {
    let mut list = values.iter().take(12).map(found).collect::<Vec<_>>().join(", ");
    if values.len() > 12 {
        list += &format!(" and {} more", values.len() - 12);
    }
    list
}
