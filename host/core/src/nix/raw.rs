//! Raw Nix: parsed before it is accepted.

use rnix::{ParseError, Root, SyntaxKind, ast::Expr};
use rowan::ast::AstNode as _;

/// Longest raw text, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Most words and signs of a raw text: the parser's time grows with the square of a chain such as `a + b + …`.
const MAX_WORDS: usize = 16_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    #[error("it is {0} bytes long, {MAX_BYTES} are allowed")]
    TooLong(usize),
    #[error("it has more than {MAX_WORDS} words and signs")]
    TooManyWords,
    #[error("it contains a NUL")]
    Nul,
    #[error("it contains a carriage return that doesn't end a line; write newlines")]
    CarriageReturn,
    #[error("line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: &'static str },
    #[error("it ends too early: something is not closed")]
    End,
    #[error("it is nested too deeply")]
    TooDeep,
    #[error("it holds no expression")]
    Empty,
}

/// # Errors
/// When the text is not exactly one Nix expression.
pub fn parse(text: &str) -> Result<(), RawError> {
    if text.len() > MAX_BYTES {
        return Err(RawError::TooLong(text.len()));
    }
    if text.contains('\0') {
        return Err(RawError::Nul);
    }
    // The parser recurses 512 levels deep at most, which is more than a small thread's stack holds.
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse_here(text));
        parser.ok().and_then(|parser| parser.join().ok()).unwrap_or(Err(RawError::TooDeep))
    })
}

const STACK: usize = 64 << 20;

fn parse_here(text: &str) -> Result<(), RawError> {
    // To Nix it ends a comment, to the parser it doesn't: what follows would be code to one of them only.
    if text.replace("\r\n", "\n").contains('\r') {
        return Err(RawError::CarriageReturn);
    }
    if words_and_signs(text) > MAX_WORDS {
        return Err(RawError::TooManyWords);
    }
    let parsed = Root::parse(text);
    if let Some(error) = parsed.errors().first() {
        return Err(syntax(text, error));
    }
    let unclosed = parsed.syntax().descendants().find(|node| {
        let last = node.last_child_or_token().map(|last| last.kind());
        node.kind() == SyntaxKind::NODE_PAREN && last != Some(SyntaxKind::TOKEN_R_PAREN)
    });
    // The parser takes any sign for the end of parentheses, Nix doesn't.
    if let Some(node) = unclosed {
        return Err(syntax(text, &ParseError::Unexpected(node.text_range())));
    }
    match parsed.syntax().children().filter_map(Expr::cast).count() {
        1 => Ok(()),
        _ => Err(RawError::Empty),
    }
}

/// At least as many as the parser sees.
fn words_and_signs(text: &str) -> usize {
    let mut in_word = false;
    text.chars().fold(0, |count, c| {
        let word = c.is_alphanumeric() || c == '_';
        let nothing_new = c.is_whitespace() || word && in_word;
        in_word = word;
        count + usize::from(!nothing_new)
    })
}

fn syntax(text: &str, error: &ParseError) -> RawError {
    let (range, message) = match error {
        ParseError::UnexpectedEOF | ParseError::UnexpectedEOFWanted(_) => return RawError::End,
        ParseError::RecursionLimitExceeded => return RawError::TooDeep,
        ParseError::UnexpectedExtra(range) => (range, "there is more after the expression"),
        ParseError::UnexpectedDoubleBind(range) => (range, "an argument set has two names"),
        ParseError::DuplicatedArgs(range, _) => (range, "an argument is there twice"),
        ParseError::Unexpected(range) | ParseError::UnexpectedWanted(_, range, _) => {
            (range, "this doesn't belong here")
        }
        _ => return RawError::End,
    };
    let before = text.get(..usize::from(range.start())).unwrap_or_default();
    RawError::Syntax {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_expression() {
        for good in ["1", "{ a = 1; }", "x: x # comment", "let a = 1; in a", "''\n  ${a}''", "a b c"] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "# only a comment",
            "1; }",
            ") (",
            "{ a = 1; } }",
            "a = 1;",
            "''",
            "\"${\"",
            "1\0",
            "/* open",
            "] [",
            "1 # \r) (",
            "(1;",
            "[ (1] ]",
            "1\r",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        insta::assert_snapshot!(parse("{\n  a = ;\n}").unwrap_err(), @"line 2, column 7: this doesn't belong here");
        insta::assert_snapshot!(parse("1 }").unwrap_err(), @"line 1, column 3: there is more after the expression");
    }

    #[test]
    fn deep_and_long_texts_are_refused_before_they_cost_anything() {
        let started = std::time::Instant::now();
        for text in ["[", "{", "(", "1+", "a ", "a.", "a: ", "!", "a//", "\"${", "if a then b else "] {
            assert!(parse(&text.repeat(MAX_BYTES / text.len())).is_err(), "{text}");
            // The longest that is looked at, well formed or not.
            let _ = parse(&format!("{}1", text.repeat(MAX_WORDS / 8)));
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        let _ = parse(&format!("{}{}", "[".repeat(MAX_WORDS / 2), "]".repeat(MAX_WORDS / 2)));
    }
}
