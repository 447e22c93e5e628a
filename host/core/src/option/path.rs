use std::{fmt, str::FromStr};

/// Most segments of a path.
const MAX_SEGMENTS: usize = 32;
/// Longest segment, in bytes.
const MAX_SEGMENT: usize = 256;

/// The path of a NixOS option or of an attribute below one, such as `services.nginx.virtualHosts."example.org"`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionPath(Vec<String>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionPathError {
    #[error("an option path is empty")]
    Empty,
    #[error("the option path `{path}` has {segments} segments, {MAX_SEGMENTS} are allowed")]
    TooDeep { path: String, segments: usize },
    #[error("a segment of the option path `{path}` is {length} bytes long, 1 to {MAX_SEGMENT} are allowed")]
    SegmentLength { path: String, length: usize },
    #[error("the option path `{0}` contains a NUL, which Nix can't hold")]
    Nul(String),
    #[error("the option path `{0}` isn't closed: a name that contains a dot stands in double quotes")]
    Quotes(String),
}

impl OptionPath {
    /// # Errors
    /// When there are no segments, too many, or one that is empty, too long or contains a NUL.
    pub fn new(segments: Vec<String>) -> Result<Self, OptionPathError> {
        let shown = || crate::untrusted::short(&segments.join("."));
        if segments.is_empty() {
            return Err(OptionPathError::Empty);
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(OptionPathError::TooDeep { path: shown(), segments: segments.len() });
        }
        for segment in &segments {
            if segment.is_empty() || segment.len() > MAX_SEGMENT {
                return Err(OptionPathError::SegmentLength { path: shown(), length: segment.len() });
            }
            if segment.contains('\0') {
                return Err(OptionPathError::Nul(shown()));
            }
        }
        Ok(Self(segments))
    }

    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// An attribute below this path. Its name is not bounded: it comes from a checked expression.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut child = self.clone();
        child.push(name);
        child
    }

    /// Goes to an attribute below this path.
    pub(crate) fn push(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    /// Undoes [`Self::push`].
    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// Without the segments of that name, if there are any and others remain.
    pub(crate) fn without(&self, name: &str) -> Option<Self> {
        let rest: Vec<String> = self.0.iter().filter(|segment| *segment != name).cloned().collect();
        (!rest.is_empty() && rest.len() < self.0.len()).then_some(Self(rest))
    }

    #[must_use]
    pub fn starts_with(&self, prefix: &OptionPath) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

/// Splits `a."b.c".d`; a segment in quotes is the text between them, `\"` and `\\` are escapes.
pub(super) fn split(text: &str) -> Result<Vec<(String, bool)>, OptionPathError> {
    let unclosed = || OptionPathError::Quotes(crate::untrusted::short(text));
    let mut segments = Vec::new();
    let mut characters = text.chars().peekable();
    loop {
        let mut segment = String::new();
        let quoted = characters.next_if_eq(&'"').is_some();
        loop {
            match characters.next() {
                None if quoted => return Err(unclosed()),
                None => break,
                Some('"') if quoted => break,
                Some('\\') if quoted => segment.push(characters.next().ok_or_else(unclosed)?),
                Some('"') => return Err(unclosed()),
                Some('.') if !quoted => {
                    segments.push((segment, false));
                    segment = String::new();
                    if characters.peek() == Some(&'"') {
                        break;
                    }
                    if characters.peek().is_none() {
                        return Err(OptionPathError::SegmentLength { path: crate::untrusted::short(text), length: 0 });
                    }
                }
                Some(c) => segment.push(c),
            }
        }
        if !quoted {
            if characters.peek().is_none() {
                segments.push((segment, false));
                return Ok(segments);
            }
            continue;
        }
        segments.push((segment, true));
        match characters.next() {
            None => return Ok(segments),
            Some('.') if characters.peek().is_some() => {}
            Some(_) => return Err(unclosed()),
        }
    }
}

impl FromStr for OptionPath {
    type Err = OptionPathError;

    fn from_str(text: &str) -> Result<Self, OptionPathError> {
        if text.is_empty() {
            return Err(OptionPathError::Empty);
        }
        Self::new(split(text)?.into_iter().map(|(segment, _)| segment).collect())
    }
}

pub(super) fn write_segment(f: &mut fmt::Formatter<'_>, segment: &str) -> fmt::Result {
    let plain = segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\'' | b'@'));
    if plain && !segment.is_empty() {
        f.write_str(segment)
    } else {
        write!(f, "\"{}\"", crate::untrusted::line(segment).replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl fmt::Display for OptionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write_segment(f, segment)?;
        }
        Ok(())
    }
}

impl fmt::Debug for OptionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(text: &str) -> Vec<String> {
        text.parse::<OptionPath>().unwrap().segments().to_vec()
    }

    #[test]
    fn quoted_segments_may_hold_dots() {
        assert_eq!(segments("a.b-c.d"), ["a", "b-c", "d"]);
        assert_eq!(segments(r#"environment.etc."foo.conf".text"#), ["environment", "etc", "foo.conf", "text"]);
        assert_eq!(segments(r#"a."x\"y""#), ["a", "x\"y"]);
        assert_eq!(segments(r#""x.y""#), ["x.y"]);
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a.\"b", "a\"b\"", "\"a\"b", "a.\"\"", "a\0b", "\"a\"."] {
            assert!(text.parse::<OptionPath>().is_err(), "{text:?}");
        }
        assert!(vec!["a"; 33].join(".").parse::<OptionPath>().is_err());
        assert!("x".repeat(257).parse::<OptionPath>().is_err());
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["a.b", r#"a."x.y".z"#, r#"a."q\"\\ ""#] {
            assert_eq!(text.parse::<OptionPath>().unwrap().to_string(), text);
        }
    }
}
