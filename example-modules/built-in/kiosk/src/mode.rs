//! Display modes as Thymis 0.9 reads them.

use std::fmt;

/// Width and height in pixels, refresh rate in hertz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) refresh: u16,
}

impl Default for Mode {
    fn default() -> Self {
        Self { width: 1920, height: 1080, refresh: 60 }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}@{}", self.width, self.height, self.refresh)
    }
}

impl Mode {
    /// `1920x1080`, `1360x768_60.00`, `3840x2160@30`; what follows is ignored, and so are fractions of a hertz.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (width, rest) = number(text)?;
        let (height, rest) = number(rest.strip_prefix('x')?)?;
        let refresh = match rest.strip_prefix(['_', '@']) {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => number(rest)?.0,
            _ => 0,
        };
        let refresh = if refresh == 0 { Self::default().refresh } else { refresh };
        (width > 0 && height > 0).then_some(Self { width, height, refresh })
    }
}

/// The number that `text` starts with, and what follows.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn all_forms_of_thymis_are_read() {
        for (text, shown) in [
            ("1920x1080", "1920x1080@60"),
            ("1360x768_60.00", "1360x768@60"),
            ("3840x2160@30", "3840x2160@30"),
            ("1280x720@59.94", "1280x720@59"),
            ("1280x720p", "1280x720@60"),
            ("1280x720@", "1280x720@60"),
            ("1280x720@0.5", "1280x720@60"),
            ("1280x720 @50", "1280x720@60"),
        ] {
            assert_eq!(Mode::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "auto", " 1920x1080", "1920", "1920x", "x1080", "0x0", "99999x1", "１９２０x1080"] {
            assert_eq!(Mode::parse(text), None, "{text}");
        }
    }
}
