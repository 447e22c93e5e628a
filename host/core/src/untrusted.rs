//! Text that a stranger wrote, made fit for a terminal, a log or a page.

/// The longest piece of foreign text that a message quotes, in characters.
const QUOTED: usize = 120;
/// The longest part of a message that was made with foreign text in it, in bytes.
pub(crate) const MESSAGE: usize = 1_000;
/// Most refusals, or things denied, that are kept of one answer.
pub(crate) const TOLD: usize = 64;

/// Characters that change how text around them is shown: controls (C0, C1, delete), line and paragraph separators,
/// directional marks and embeddings, invisible characters. List after Unicode TR 36 and the "Trojan Source" advisory.
fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// One line: what disturbs is shown as `\u{…}`, a newline as `\n`.
#[must_use]
pub fn line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if disturbs(c) {
            shown.extend(c.escape_default())
        } else {
            shown.push(c)
        }
        shown
    })
}

/// Several lines: as [`line`], but newlines and tabs stay.
#[must_use]
pub fn lines(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if disturbs(c) && c != '\n' && c != '\t' {
            shown.extend(c.escape_default())
        } else {
            shown.push(c)
        }
        shown
    })
}

/// JSON text in which what disturbs is escaped. Outside of its strings, JSON has nothing of that kind but newlines.
#[must_use]
pub fn json(text: &str) -> String {
    use std::fmt::Write as _;
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if disturbs(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
        shown
    })
}

/// The beginning of a text of more than that many bytes.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    format!("{}…", text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()).into()
}

/// Whether the text shows as what it is: [`line`] would change nothing.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.contains(disturbs)
}

/// A short quotation: one line, cut after 120 characters.
#[must_use]
pub fn short(text: &str) -> String {
    let mut characters = text.chars();
    let head: String = characters.by_ref().take(QUOTED).collect();
    let mut shown = line(&head);
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_newlines_and_bidi_are_neutralised() {
        assert_eq!(line("a\u{1b}[31mb\nc\u{202e}d"), "a\\u{1b}[31mb\\nc\\u{202e}d");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\r");
        assert_eq!(line("grüße 日本"), "grüße 日本");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a": "x\u{9b}31m\u{202e}\u{e0001}\ny" });
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|c| c == '\n' || !disturbs(c)));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn quotations_are_cut() {
        assert_eq!(short(&"x".repeat(500)).chars().count(), 121);
    }
}
