//! The smallest pieces of Nix text: names, strings, numbers.

/// Words that can't stand as a bare attribute name.
const KEYWORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];

/// An attribute name: bare where Nix's grammar reads it as one, a string otherwise.
pub fn name(name: &str, out: &mut String) {
    let bare = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\''))
        && !KEYWORDS.contains(&name);
    if bare { out.push_str(name) } else { string(name, out) }
}

/// A string in double quotes.
pub fn string(text: &str, out: &mut String) {
    out.push('"');
    string_content(text, out);
    out.push('"');
}

/// The inside of a string in double quotes. Newlines stay, so that scripts can be read and compared line by line; a carriage
/// return is escaped, because Nix turns a bare one into a newline.
pub(super) fn string_content(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Checked expressions have none; Nix would end the file here.
            '\0' => out.push('\u{FFFD}'),
            // `$$`, `${` and a `$` before an embedded part mean something else.
            '$' if matches!(characters.peek(), None | Some('$' | '{')) => out.push_str("\\$"),
            c => out.push(c),
        }
    }
}

pub(super) fn int(value: i64, out: &mut String) {
    use std::fmt::Write as _;
    let _ = match value {
        // Its digits alone are one too many for Nix.
        i64::MIN => write!(out, "(-{} - 1)", i64::MAX),
        value if value < 0 => write!(out, "({value})"),
        value => write!(out, "{value}"),
    };
}

/// A finite number that is zero or normal. Nix wants digits and a point before an exponent.
pub(super) fn float(value: f64, out: &mut String) {
    use std::fmt::Write as _;
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    let negative = value.is_sign_negative() && value != 0.0;
    let _ = if value == 0.0 {
        write!(out, "0.0")
    } else if negative {
        write!(out, "(-{digits}{point}e{exponent})")
    } else {
        write!(out, "{digits}{point}e{exponent}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        string(text, &mut out);
        out
    }

    #[test]
    fn nothing_in_a_string_is_code() {
        assert_eq!(shown("a\"b"), r#""a\"b""#);
        assert_eq!(shown("${x}"), r#""\${x}""#);
        assert_eq!(shown("$${x}"), r#""\$\${x}""#);
        assert_eq!(shown("\\${x}"), r#""\\\${x}""#);
        assert_eq!(shown("costs $"), r#""costs \$""#);
        assert_eq!(shown("$HOME ''"), r#""$HOME ''""#);
        assert_eq!(shown("a\r\n\tb"), "\"a\\r\n\\tb\"");
    }

    #[test]
    fn keywords_and_odd_names_are_quoted() {
        let shown = |text: &str| {
            let mut out = String::new();
            name(text, &mut out);
            out
        };
        for bare in ["a", "_x", "a-b'", "nginx", "true"] {
            assert_eq!(shown(bare), bare);
        }
        for quoted in ["or", "let", "1a", "a.b", "", "a b", "ä", "-a"] {
            assert_eq!(shown(quoted), format!("\"{quoted}\""));
        }
    }

    #[test]
    fn numbers_have_the_form_that_nix_reads() {
        let shown = |value: f64| {
            let mut out = String::new();
            float(value, &mut out);
            out
        };
        assert_eq!(shown(0.1), "1.0e-1");
        assert_eq!(shown(-2.5), "(-2.5e0)");
        assert_eq!(shown(f64::MAX), "1.7976931348623157e308");
        assert_eq!(shown(-0.0), "0.0");
    }
}
