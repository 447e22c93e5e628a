//! Identifiers: closed newtypes, checked where text enters.

use std::{fmt, str::FromStr};

/// Longest identifier, in bytes: that of a DNS label, which a configuration's identifier becomes.
pub const MAX_LENGTH: usize = 63;

/// Names that mean something else in a flake or in Nix's grammar.
const RESERVED: [&str; 14] = [
    "self", "builtins", "import", "true", "false", "null", "assert", "else", "if", "in", "inherit", "let", "or", "rec",
];
/// The last is the node of a flake.lock that is the project itself.
const RESERVED_TOO: [&str; 6] = ["then", "with", "throw", "outputs", "inputs", "root"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` can't be {what}: {reason}")]
pub struct IdError {
    text: String,
    what: &'static str,
    reason: IdReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdReason {
    #[error("it is empty; use 1 to {MAX_LENGTH} of a-z, 0-9 and `-`")]
    Empty,
    #[error("it is {0} bytes long, {MAX_LENGTH} are allowed")]
    TooLong(usize),
    #[error("allowed are a-z, 0-9 and, between them, `-`")]
    Characters,
    #[error("the word is reserved in Nix; choose another")]
    Reserved,
}

fn check(text: &str, also: &[u8]) -> Result<(), IdReason> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b);
    match text.as_bytes() {
        [] => Err(IdReason::Empty),
        bytes if bytes.len() > MAX_LENGTH => Err(IdReason::TooLong(bytes.len())),
        bytes if !bytes.iter().all(|&b| inner(b) || b == b'-') => Err(IdReason::Characters),
        [b'-', ..] | [.., b'-'] => Err(IdReason::Characters),
        _ if RESERVED.contains(&text) || RESERVED_TOO.contains(&text) => Err(IdReason::Reserved),
        _ => Ok(()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal $(, also $also:literal)?) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text, concat!($($also)?).as_bytes()).map_err(|reason| IdError { text: crate::untrusted::short(text), what: $what, reason })?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// The name of an input in the project's flake.
    InputName, "the name of an input");
identifier!(
    /// The name of a module in its repository.
    ModuleName, "the name of a module");
identifier!(
    /// A device configuration.
    ConfigurationId, "the identifier of a configuration");
identifier!(
    /// A tag.
    TagId, "the identifier of a tag");
identifier!(
    /// One use of a module in a target.
    InstanceId, "the name of an instance");
identifier!(
    /// A kind of device. Thymis's own are called after processors, which have a `_` in their names.
    DeviceType, "the identifier of a device type", also "_");

impl From<&ModuleName> for InstanceId {
    fn from(name: &ModuleName) -> Self {
        Self(name.0.clone())
    }
}

/// The input whose repository the built-in modules belong to.
pub const BUILT_IN: &str = "thymis";

/// A module's identity, written `<input>/<module>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId {
    pub input: InputName,
    pub name: ModuleName,
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.input, self.name)
    }
}

impl fmt::Debug for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A module of Thymis 0.9, as its state names it: `package.module.Class`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonClass(Box<str>);

/// Longest name of a Python class, in bytes.
pub const MAX_PYTHON_CLASS: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a module of Thymis 0.9, which are called `package.module.Class`")]
pub struct PythonClassError(String);

impl PythonClass {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PythonClass {
    type Err = PythonClassError;

    fn from_str(text: &str) -> Result<Self, PythonClassError> {
        // Python imports files of any name.
        let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let valid = text.len() <= MAX_PYTHON_CLASS && text.contains('.') && text.split('.').all(word);
        if valid { Ok(Self(text.into())) } else { Err(PythonClassError(crate::untrusted::short(text))) }
    }
}

impl fmt::Display for PythonClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PythonClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleIdError {
    #[error("`{0}` is not a module; write `<input>/<module>`, such as `thymis/device`")]
    Form(String),
    #[error(transparent)]
    Id(#[from] IdError),
}

impl FromStr for ModuleId {
    type Err = ModuleIdError;

    fn from_str(text: &str) -> Result<Self, ModuleIdError> {
        let (input, name) = text.split_once('/').ok_or_else(|| ModuleIdError::Form(crate::untrusted::short(text)))?;
        Ok(Self { input: input.parse()?, name: name.parse()? })
    }
}

impl serde::Serialize for ModuleId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ModuleId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a use of a module names: the module, or the class that it was in Thymis 0.9.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModuleRef {
    Id(ModuleId),
    /// Stands for the module that says it was this class.
    Python(PythonClass),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleRefError {
    #[error(transparent)]
    Id(#[from] ModuleIdError),
    #[error(
        "`{0}` is not a module; write `<input>/<module>`, such as `thymis/device`, or a class of Thymis 0.9, `package.module.Class`"
    )]
    Form(String),
}

impl FromStr for ModuleRef {
    type Err = ModuleRefError;

    fn from_str(text: &str) -> Result<Self, ModuleRefError> {
        if text.contains('/') || !text.contains('.') {
            return Ok(Self::Id(text.parse()?));
        }
        text.parse().map(Self::Python).map_err(|_| ModuleRefError::Form(crate::untrusted::short(text)))
    }
}

impl From<ModuleId> for ModuleRef {
    fn from(id: ModuleId) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Python(class) => fmt::Display::fmt(class, f),
        }
    }
}

impl fmt::Debug for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for ModuleRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ModuleRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_closed() {
        for good in ["a", "greenhouse-north", "0", "a--b", "x1"] {
            assert!(good.parse::<ConfigurationId>().is_ok(), "{good}");
        }
        for bad in ["", "-", "a-", "-a", "A", "a/b", "..", "a b", "a.b", "ä", "a\n", "a\0", "let", "self", "\u{202e}a"]
        {
            assert!(bad.parse::<ConfigurationId>().is_err(), "{bad}");
        }
        assert!("x".repeat(63).parse::<TagId>().is_ok());
    }

    #[test]
    fn refusals_name_the_text_and_the_rule() {
        insta::assert_snapshot!("../x".parse::<ConfigurationId>().unwrap_err(),
            @"`../x` can't be the identifier of a configuration: allowed are a-z, 0-9 and, between them, `-`");
        insta::assert_snapshot!("rec".parse::<TagId>().unwrap_err(),
            @"`rec` can't be the identifier of a tag: the word is reserved in Nix; choose another");
        assert!(
            "x".repeat(300).parse::<InputName>().unwrap_err().to_string().contains("300 bytes long, 63 are allowed")
        );
    }

    #[test]
    fn a_module_is_named_with_its_input() {
        let id: ModuleId = "temperature/temperature-logger".parse().unwrap();
        assert_eq!(id.to_string(), "temperature/temperature-logger");
        assert!("kiosk".parse::<ModuleId>().is_err());
        assert!("a/b/c".parse::<ModuleId>().is_err());
    }

    #[test]
    fn a_class_of_thymis_0_9_stands_for_a_module() {
        for text in ["thymis/kiosk", "thymis_controller.modules.kiosk.Kiosk"] {
            let module: ModuleRef = text.parse().unwrap();
            assert_eq!(module.to_string(), text);
            assert_eq!(matches!(module, ModuleRef::Python(_)), text.contains('.'));
        }
        for bad in ["kiosk", "a..b", ".a", "a.b c", "a.\u{1b}b", "../x", "a/b.c", ""] {
            assert!(bad.parse::<ModuleRef>().is_err(), "{bad}");
        }
    }
}
