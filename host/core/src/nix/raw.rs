//! Raw Nix: parsed before it is accepted.

use rnix::{ParseError, Root, SyntaxKind, ast::Expr, tokenize};
use rowan::ast::AstNode as _;

/// Longest raw text, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Most words and signs of a raw text.
const MAX_WORDS: usize = 16_000;
/// The parser's time grows with the square of a row such as `a + b + …`: all texts that are parsed together may take it
/// as long as one row of so many words and signs.
const MAX_ROW: usize = 4_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    #[error("it is {0} bytes long, {MAX_BYTES} are allowed")]
    TooLong(usize),
    #[error("it has more than {MAX_WORDS} words and signs")]
    TooManyWords,
    #[error(
        "its expressions take longer to parse than a row of {MAX_ROW} words and signs, which is the limit for all raw Nix together: give parts of long ones names with `let`, and set operators off with blanks"
    )]
    LongRow,
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
    parse_all(&[text]).map_err(|(_, error)| error)
}

/// # Errors
/// The index of the first text that is not exactly one Nix expression.
pub(crate) fn parse_all(texts: &[&str]) -> Result<(), (usize, RawError)> {
    if texts.is_empty() {
        return Ok(());
    }
    // The parser recurses 512 levels deep at most, which is more than a small thread's stack holds.
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse_here(texts));
        parser.ok().and_then(|parser| parser.join().ok()).unwrap_or(Err((0, RawError::TooDeep)))
    })
}

const STACK: usize = 64 << 20;

fn parse_here(texts: &[&str]) -> Result<(), (usize, RawError)> {
    let mut effort = 0;
    for (index, text) in texts.iter().enumerate() {
        one(text, &mut effort).map_err(|error| (index, error))?;
    }
    Ok(())
}

/// Adds what it costs to `effort` before it does it.
fn one(text: &str, effort: &mut usize) -> Result<(), RawError> {
    if text.len() > MAX_BYTES {
        return Err(RawError::TooLong(text.len()));
    }
    if text.contains('\0') {
        return Err(RawError::Nul);
    }
    // To Nix it ends a comment, to the parser it doesn't: what follows would be code to one of them only.
    if text.replace("\r\n", "\n").contains('\r') {
        return Err(RawError::CarriageReturn);
    }
    if words_and_signs(text) > MAX_WORDS {
        return Err(RawError::TooManyWords);
    }
    add_effort(text, effort)?;
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

/// Brackets, or a string, with what stands in them so far.
#[derive(Default)]
struct Level {
    is_list: bool,
    is_string: bool,
    /// Words and signs, those of inner brackets included.
    all: usize,
    /// Of the expression that isn't over yet.
    row: usize,
}

/// Counts how often a word or sign is wrapped into the node of one more operator: each wraps all of the row before it.
/// Besides, the parser looks at each word and sign, whether it begins an address or a path, to the next blank.
fn add_effort(text: &str, effort: &mut usize) -> Result<(), RawError> {
    use SyntaxKind::*;
    let mut levels = vec![Level::default()];
    let mut after_dot = false;
    let (mut here, mut blank) = (0, 0);
    for (kind, token) in tokenize(text) {
        if here >= blank {
            let rest = text.get(here..).unwrap_or_default();
            blank = here + rest.find(|c: char| c.is_whitespace() || "(){}[]\";".contains(c)).unwrap_or(rest.len());
        }
        let ahead = blank.saturating_sub(here);
        here += token.len();
        if matches!(kind, TOKEN_WHITESPACE | TOKEN_COMMENT) {
            continue;
        }
        *effort = effort.saturating_add(if kind == TOKEN_STRING_CONTENT { 0 } else { ahead / 8 });
        let inner = match kind {
            TOKEN_R_PAREN | TOKEN_R_BRACK | TOKEN_R_BRACE | TOKEN_STRING_END | TOKEN_INTERPOL_END
                if levels.len() > 1 =>
            {
                levels.pop().map_or(0, |level| level.all)
            }
            _ => 0,
        };
        let Some(level) = levels.last_mut() else { break };
        level.all += 1 + inner;
        match kind {
            TOKEN_SEMICOLON | TOKEN_COMMA => level.row = 0,
            // Items of a list, and pieces of a string, stand beside each other.
            _ if inner == 0 && (level.is_string || level.is_list && kind != TOKEN_DOT && !after_dot) => level.row = 1,
            _ => {
                *effort = effort.saturating_add(level.row);
                level.row += 1 + inner;
            }
        }
        after_dot = kind == TOKEN_DOT;
        match kind {
            TOKEN_L_PAREN | TOKEN_L_BRACE | TOKEN_INTERPOL_START => levels.push(Level::default()),
            TOKEN_L_BRACK => levels.push(Level { is_list: true, ..Level::default() }),
            TOKEN_STRING_START => levels.push(Level { is_string: true, ..Level::default() }),
            _ => {}
        }
        if *effort > MAX_ROW * MAX_ROW / 2 {
            return Err(RawError::LongRow);
        }
    }
    Ok(())
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
    fn long_rows_are_refused_however_they_are_cut_up() {
        for text in ["a ", "a+", "a.", "a//", "a&&", "a.b or ", "{}.a ", "a b + "] {
            let text = format!("{}1", text.repeat(MAX_ROW));
            assert!(matches!(parse(&text), Err(RawError::LongRow | RawError::TooManyWords)), "{text:.10}");
        }
        let row = format!("{}1", "a ".repeat(MAX_ROW / 2));
        assert_eq!(parse(&row), Ok(()));
        assert_eq!(parse_all(&[&row, &row]), Ok(()));
        insta::assert_snapshot!(parse_all(&[row.as_str(); 5]).unwrap_err().1, @"its expressions take longer to parse than a row of 4000 words and signs, which is the limit for all raw Nix together: give parts of long ones names with `let`, and set operators off with blanks");
        let address = format!("{}1", "abcdefghijklmno.".repeat(7_000));
        assert_eq!(parse(&address), Err(RawError::LongRow));
        // In brackets, each row wraps those inside.
        let nested = (0..400).fold("1".to_owned(), |inner, _| format!("({inner}) a a a a a a a a a a"));
        assert!(matches!(parse(&nested), Err(RawError::LongRow)));
    }

    #[test]
    fn what_stands_beside_each_other_may_be_long() {
        let words = |word: &str| word.repeat(5_000);
        for text in [
            format!("[ {} ]", words("a ")),
            format!("[ {} ]", "a.b ".repeat(3_000)),
            format!("{{ {} }}", "a = 1; ".repeat(3_000)),
            format!("{{ {} ... }}: 1", (0..3_000).map(|n| format!("a{n}, ")).collect::<String>()),
            format!("''\n{}''", words("word ")),
            format!("\"{}\"", "${a} b ".repeat(2_000)),
            format!("let {} in 1", (0..3_000).map(|n| format!("a{n} = 1; ")).collect::<String>()),
        ] {
            assert_eq!(parse(&text), Ok(()), "{text:.20}");
        }
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
