//! Regular expressions of the crate `regex` in the notation of ECMA-262, which JSON Schema uses.

/// Characters that ECMA-262 allows to escape (with the flag `u`).
const SYNTAX: &str = "^$\\.*+?()[]{}|/";

/// The expression that matches the same whole values, for ECMA-262 with the flag `u`. `None` where the two notations differ
/// in meaning: classes such as `\d` (all of Unicode's here, ASCII's there), `\b`, flags, named groups, set operations.
pub(super) fn ecma(source: &str) -> Option<String> {
    let mut written = String::with_capacity(source.len() + 6);
    let mut chars = source.chars().peekable();
    // Whether there is something that can be repeated.
    let mut repeatable = false;
    while let Some(c) = chars.next() {
        repeatable = match c {
            '\\' => {
                written.push_str(&escape(chars.next()?)?);
                true
            }
            '[' => {
                class(&mut chars, &mut written)?;
                true
            }
            // Any character but `\n`; in ECMA-262 also none of three others.
            '.' => {
                written.push_str("[^\\n]");
                true
            }
            '(' => {
                written.push('(');
                if chars.next_if_eq(&'?').is_some() {
                    chars.next_if_eq(&':')?;
                    written.push_str("?:");
                }
                false
            }
            ')' => {
                written.push(')');
                true
            }
            '|' | '^' | '$' => {
                written.push(c);
                false
            }
            '*' | '+' | '?' | '{' => {
                if !repeatable {
                    return None;
                }
                written.push(c);
                if c == '{' {
                    let count: String = std::iter::from_fn(|| chars.next_if(|c| *c != '}')).collect();
                    chars.next()?;
                    let (least, most) = count.split_once(',').unwrap_or((&count, ""));
                    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
                    if least.is_empty() || !digits(least) || !digits(most) {
                        return None;
                    }
                    written.push_str(&count);
                    written.push('}');
                }
                if chars.next_if_eq(&'?').is_some() {
                    written.push('?');
                }
                false
            }
            ']' | '}' => {
                written.push('\\');
                written.push(c);
                true
            }
            literal => {
                written.push(literal);
                true
            }
        };
    }
    Some(format!("^(?:{written})$"))
}

/// What stands after a backslash.
fn escape(c: char) -> Option<String> {
    match c {
        'n' | 'r' | 't' | 'f' | 'v' => Some(format!("\\{c}")),
        _ if SYNTAX.contains(c) => Some(format!("\\{c}")),
        '<' | '>' => None,
        _ if c.is_ascii_punctuation() => Some(c.to_string()),
        _ => None,
    }
}

/// A class in brackets: single characters and ranges.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, written: &mut String) -> Option<()> {
    written.push('[');
    if chars.next_if_eq(&'^').is_some() {
        written.push('^');
    }
    let mut before = None;
    loop {
        let c = chars.next()?;
        match c {
            ']' if before.is_none() => return None,
            ']' => break,
            '[' => return None,
            // Twice in a row they are operators on sets.
            '&' | '~' | '-' if before == Some(c) => return None,
            '\\' => {
                let escaped = chars.next()?;
                match escaped {
                    '-' => written.push_str("\\-"),
                    '&' | '~' => return None,
                    _ => written.push_str(&escape(escaped)?),
                }
            }
            '^' => written.push_str("\\^"),
            literal => written.push(literal),
        }
        before = Some(c);
    }
    written.push(']');
    Some(())
}
