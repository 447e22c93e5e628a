use std::{fmt, iter};

/// A chain of names: of a NixOS option, an output, a file.
///
/// Written as text with dots where all of it is known when the module is compiled (`"services.nginx.enable"`; a name with
/// a dot stands in quotes: `"services.nginx.virtualHosts.\"example.org\""`), and as an array or with [`path!`](crate::path!)
/// where a part comes from the settings: each part is one name there, whatever it contains.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Path(Vec<String>);

/// What can be written for a [`Path`]. Only texts of the program itself are split at dots, never those from settings:
///
/// ```compile_fail,E0716
/// # use thymis_sdk::prelude::*;
/// fn generate(name: String, config: &mut Config) {
///     config.set(format!("systemd.services.{name}.enable").as_str(), true);
/// }
/// ```
pub trait IntoPath {
    /// # Panics
    /// Where a text is not a path: a fault of the module, reported with the caller's line.
    #[track_caller]
    fn into_path(self) -> Path;
}

impl Path {
    /// Each name as it is.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.0
    }

    pub(crate) fn join(&self, below: Self) -> Self {
        Self(self.0.iter().cloned().chain(below.0).collect())
    }

    /// `None`: an empty name, or a quote that isn't closed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = match rest.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    let end = rest.find('.').unwrap_or(rest.len());
                    let (name, after) = rest.split_at_checked(end)?;
                    (name.to_owned(), after)
                }
            };
            if name.is_empty() || (rest == name && name.contains('"')) {
                return None;
            }
            names.push(name);
            if after.is_empty() {
                return Some(Self(names));
            }
            rest = after.strip_prefix('.')?;
        }
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((name, characters.as_str())),
            '\\' => name.push(characters.next()?),
            c => name.push(c),
        }
    }
}

impl IntoPath for Path {
    fn into_path(self) -> Path {
        self
    }
}

impl IntoPath for &'static str {
    #[track_caller]
    #[allow(clippy::panic, reason = "a fault of the module's author, who gets the line")]
    fn into_path(self) -> Path {
        match Path::parse(self) {
            Some(path) => path,
            None => panic!("`{self}` is not a path: names with dots between them, a name with a dot in double quotes"),
        }
    }
}

impl<S: Into<String>, const N: usize> IntoPath for [S; N] {
    fn into_path(self) -> Path {
        Path::new(self)
    }
}

impl<S: Into<String>> IntoPath for Vec<S> {
    fn into_path(self) -> Path {
        Path::new(self)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = iter::once("").chain(iter::repeat("."));
        self.0.iter().zip(dots).try_for_each(|(name, dot)| {
            let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\''));
            if plain {
                write!(f, "{dot}{name}")
            } else {
                write!(f, "{dot}\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
            }
        })
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_at_dots_outside_quotes() {
        let names = |text| Path::parse(text).map(Path::into_names);
        assert_eq!(names("a.b-c").unwrap(), ["a", "b-c"]);
        assert_eq!(names(r#"a."b.c\"d".e"#).unwrap(), ["a", "b.c\"d", "e"]);
        for wrong in ["", ".a", "a.", "a..b", "\"a", "\"a\"b", "a.\"\"", "a\"b"] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_from_settings_stay_one_name() {
        let hostile = "x.y\"; z = ${1}".to_owned();
        let path = crate::path!["services", hostile.clone()];
        assert_eq!(path.names(), ["services", &hostile]);
        assert_eq!(Path::parse(&path.to_string()), Some(path));
    }

    #[test]
    #[should_panic(expected = "`a..b` is not a path")]
    fn a_wrong_path_is_the_authors_fault() {
        let _ = "a..b".into_path();
    }
}
