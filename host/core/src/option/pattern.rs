use std::{fmt, str::FromStr};

use super::path::{OptionPath, OptionPathError, split, write_segment};

/// Shortest text before the `*` of a segment `prefix-*`, in bytes.
const MIN_PREFIX: usize = 3;

/// Names that a `*` never stands for, because setting them takes the device over or locks its owner out.
const PROTECTED: [&str; 12] = [
    "root",
    "sshd",
    "nix-daemon",
    "thymis-agent",
    "thymis",
    "getty",
    "dbus",
    "polkit",
    "sudo",
    "login",
    "nixbld",
    "wheel",
];
const PROTECTED_PREFIXES: [&str; 2] = ["systemd-", "thymis-"];

/// One segment of an [`OptionPattern`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    Literal(String),
    /// `prefix-*`
    Prefix(String),
    /// `*`: any name that isn't protected.
    Any,
    /// `{settings.path}`: the value that the operator gave the setting.
    Setting(Vec<String>),
}

/// Which options a permission covers: every path at or below one that matches all segments.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OptionPattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error(transparent)]
    Path(#[from] OptionPathError),
    #[error("`{segment}`: at least {MIN_PREFIX} characters must stand before the `*`")]
    ShortPrefix { segment: String },
    #[error("`{segment}`: a `*` stands alone or at the end of a segment; quote the segment to mean the character")]
    Star { segment: String },
    #[error("`{segment}`: braces hold a setting, such as `{{settings.user}}`, and fill the whole segment")]
    Braces { segment: String },
    #[error("`{segment}` contains characters that aren't shown as what they are")]
    Characters { segment: String },
    #[error("`{segment}` starts the pattern: the first segment must be a literal name")]
    First { segment: String },
}

impl OptionPattern {
    /// The pattern that covers what lies at or below one path.
    #[must_use]
    pub fn literal(path: &OptionPath) -> Self {
        Self(path.segments().iter().cloned().map(Segment::Literal).collect())
    }

    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The same with the texts of its settings in their places; `None` where one has none, so that nothing is covered.
    pub(crate) fn filled(&self, setting: &dyn Fn(&[String]) -> Option<String>) -> Option<Self> {
        let fill = |segment: &Segment| match segment {
            Segment::Setting(key) => named(setting, key).map(Segment::Literal),
            other => Some(other.clone()),
        };
        self.0.iter().map(fill).collect::<Option<_>>().map(Self)
    }

    /// Whether `path` lies at or below this pattern. `setting` gives the text of a setting, if it has one.
    #[must_use]
    pub fn covers(&self, path: &OptionPath, setting: &dyn Fn(&[String]) -> Option<String>) -> bool {
        self.0.len() <= path.segments().len()
            && self.0.iter().zip(path.segments()).all(|(pattern, segment)| match pattern {
                Segment::Literal(name) => name == segment,
                Segment::Prefix(prefix) => {
                    segment.len() > prefix.len() && segment.starts_with(prefix.as_str()) && !is_protected(segment)
                }
                Segment::Any => !is_protected(segment),
                Segment::Setting(key) => named(setting, key).is_some_and(|value| value == *segment),
            })
    }
}

/// The name that a setting stands for. Its value may be the module's own default, so it is a wildcard like others.
fn named(setting: &dyn Fn(&[String]) -> Option<String>, key: &[String]) -> Option<String> {
    setting(key).filter(|name| !is_protected(name))
}

/// Names that no wildcard stands for.
fn is_protected(name: &str) -> bool {
    PROTECTED.contains(&name) || PROTECTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn segment(text: String, quoted: bool) -> Result<Segment, PatternError> {
    if quoted {
        return Ok(Segment::Literal(text));
    }
    if text == "*" {
        return Ok(Segment::Any);
    }
    if text.contains(['{', '}']) {
        let key: Option<Vec<String>> = text
            .strip_prefix("{settings.")
            .and_then(|rest| rest.strip_suffix('}'))
            .filter(|key| !key.contains(['{', '}']))
            .map(|key| key.split('.').map(str::to_owned).collect());
        return match key {
            Some(key) if key.iter().all(|part| !part.is_empty()) => Ok(Segment::Setting(key)),
            _ => Err(PatternError::Braces { segment: crate::untrusted::short(&text) }),
        };
    }
    match text.strip_suffix('*') {
        Some(prefix) if prefix.contains('*') => Err(PatternError::Star { segment: crate::untrusted::short(&text) }),
        Some(prefix) if prefix.len() < MIN_PREFIX => {
            Err(PatternError::ShortPrefix { segment: crate::untrusted::short(&text) })
        }
        Some(prefix) => Ok(Segment::Prefix(prefix.to_owned())),
        None if text.contains('*') => Err(PatternError::Star { segment: crate::untrusted::short(&text) }),
        None => Ok(Segment::Literal(text)),
    }
}

/// A setting's path contains dots: braces are taken together before the pattern is split.
fn shield(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|c| {
            match c {
                '{' => inside = true,
                '}' => inside = false,
                _ => {}
            }
            if c == '.' && inside { '\u{1}' } else { c }
        })
        .collect()
}

impl FromStr for OptionPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(OptionPathError::Empty.into());
        }
        if !crate::untrusted::is_plain(text) {
            return Err(PatternError::Characters { segment: crate::untrusted::short(text) });
        }
        let parts: Vec<_> =
            split(&shield(text))?.into_iter().map(|(part, quoted)| (part.replace('\u{1}', "."), quoted)).collect();
        OptionPath::new(parts.iter().map(|(part, _)| part.clone()).collect())?;
        let segments = parts.into_iter().map(|(part, quoted)| segment(part, quoted)).collect::<Result<Vec<_>, _>>()?;
        match segments.first() {
            Some(Segment::Literal(_)) => Ok(Self(segments)),
            _ => Err(PatternError::First { segment: crate::untrusted::short(text) }),
        }
    }
}

impl fmt::Display for OptionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match segment {
                Segment::Literal(name) => write_segment(f, name)?,
                Segment::Prefix(prefix) => write!(f, "{prefix}*")?,
                Segment::Any => f.write_str("*")?,
                Segment::Setting(key) => write!(f, "{{settings.{}}}", key.join("."))?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for OptionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, path: &str) -> bool {
        let setting = |key: &[String]| (key == ["web", "user"]).then(|| "alice".to_owned());
        pattern.parse::<OptionPattern>().unwrap().covers(&path.parse().unwrap(), &setting)
    }

    #[test]
    fn a_path_must_lie_at_or_below() {
        assert!(covers("systemd.services.logger", "systemd.services.logger"));
        assert!(covers("systemd.services.logger", "systemd.services.logger.script"));
        assert!(!covers("systemd.services.logger", "systemd.services"));
        assert!(!covers("systemd.services.logger", "systemd.services.logger2"));
        assert!(!covers("systemd.services.logger", "systemd.services.\"logger.script\""));
    }

    #[test]
    fn wildcards_stand_for_one_name_and_never_for_a_protected_one() {
        assert!(covers("systemd.services.*", "systemd.services.x.script"));
        for name in ["sshd", "nix-daemon", "systemd-networkd", "thymis-agent"] {
            assert!(!covers("systemd.services.*", &format!("systemd.services.{name}.script")), "{name}");
        }
        assert!(!covers("users.users.*", "users.users.root.password"));
        assert!(covers("systemd.services.web-*", "systemd.services.web-a"));
        assert!(!covers("systemd.services.web-*", "systemd.services.web-"));
        assert!(!covers("systemd.services.\"web-*\"", "systemd.services.web-a"));
    }

    #[test]
    fn settings_are_substituted() {
        assert!(covers("users.users.{settings.web.user}.shell", "users.users.alice.shell"));
        assert!(!covers("users.users.{settings.web.user}.shell", "users.users.bob.shell"));
        assert!(!covers("users.users.{settings.other}.shell", "users.users.alice.shell"));
    }

    #[test]
    fn vague_patterns_are_refused() {
        for text in
            ["*", "", "a.b*", "a.*b", "a.b*c", "a.{x}", "a.{settings.}", "a.pre{settings.x}", "{settings.x}", "abc*"]
        {
            assert!(text.parse::<OptionPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in [
            "a.b",
            "a.*.c",
            "a.web-*",
            "a.\"x.y\".z",
            "a.\"web-*\"",
            "a.\"*\"",
            "a.\"x*y\"",
            "a.\"q\\\"*\"",
            "a.\"{settings.x}\"",
            "a.{settings.x.y}",
        ] {
            assert_eq!(text.parse::<OptionPattern>().unwrap().to_string(), text);
        }
    }
}
