use std::fmt;

use crate::{Localized, wit};

/// What is wrong with the settings, in words for the person who set them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    setting: Option<String>,
    message: Localized,
}

impl Problem {
    /// A problem of all settings together.
    pub fn new(message: impl Into<Localized>) -> Self {
        Self { setting: None, message: message.into() }
    }

    /// A problem of one setting: its key, or a JSON pointer (RFC 6901) such as `/containers/0/image`.
    pub fn at(setting: impl Into<String>, message: impl Into<Localized>) -> Self {
        let setting = setting.into();
        let pointer =
            if setting.starts_with('/') || setting.is_empty() { setting } else { format!("/{}", token(&setting)) };
        Self { setting: Some(pointer), message: message.into() }
    }

    /// JSON pointer into the settings.
    #[must_use]
    pub fn setting(&self) -> Option<&str> {
        self.setting.as_deref()
    }

    #[must_use]
    pub fn message(&self) -> &Localized {
        &self.message
    }
}

/// One step of a JSON pointer.
pub(crate) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(setting) = &self.setting {
            write!(f, "{setting}: ")?;
        }
        f.write_str(self.message.get("en").unwrap_or("(no English message)"))
    }
}

/// All that is wrong at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// `Ok` where nothing was pushed: ends a function that gathers problems.
    ///
    /// # Errors
    /// The problems.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn into_wit(self) -> Vec<wit::Problem> {
        self.0.into_iter().map(|p| wit::Problem { setting: p.setting, message: p.message.into_wit() }).collect()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "{problem}"))
    }
}
