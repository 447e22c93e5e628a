use std::fmt;

use crate::problem::token;

/// Where in the settings a value is read.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a>(Step<'a>);

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    /// The module's settings.
    pub const ROOT: Self = Self(Step::Root);

    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Self {
        Self(Step::Key(self, key))
    }

    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Self(Step::Index(self, index))
    }

    /// JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Root => Ok(()),
            Step::Key(parent, key) => write!(f, "{parent}/{}", token(key)),
            Step::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}
