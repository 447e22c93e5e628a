//! What is wrong with a text, in words for who wrote it.

use rnix::{ParseError, SyntaxKind};
use thymis_sdk::Localized;

/// Longest text that the host takes, in bytes.
pub(crate) const MAX_BYTES: usize = 256 << 10;
/// Most words and signs that the host takes.
pub(crate) const MAX_WORDS: usize = 16_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// In bytes.
    pub(crate) at: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Expected(&'static str),
    Unexpected,
    /// After the expression.
    Extra,
    /// A text without closing quotes.
    OpenText,
    TwoNames,
    End,
    /// A brace that nothing opened.
    Closes,
    CarriageReturn,
    // Of the text as a whole.
    TooLong,
    TooManyWords,
    TooDeep,
}

impl Fault {
    pub(crate) fn whole(what: What) -> Self {
        Self { at: 0, what }
    }

    pub(crate) fn of(error: &ParseError, text: &str) -> Self {
        let (range, what) = match error {
            ParseError::UnexpectedWanted(_, range, wanted) if wanted.contains(&SyntaxKind::TOKEN_STRING_END) => {
                (Some(range), What::OpenText)
            }
            ParseError::UnexpectedWanted(_, range, wanted) => {
                (Some(range), expected(wanted).unwrap_or(What::Unexpected))
            }
            ParseError::Unexpected(range) | ParseError::DuplicatedArgs(range, _) => (Some(range), What::Unexpected),
            ParseError::UnexpectedExtra(range) => (Some(range), What::Extra),
            ParseError::UnexpectedDoubleBind(range) => (Some(range), What::TwoNames),
            ParseError::UnexpectedEOFWanted(wanted) => (None, expected(wanted).unwrap_or(What::End)),
            ParseError::RecursionLimitExceeded => (None, What::TooDeep),
            _ => (None, What::End),
        };
        Self { at: range.map_or(text.len(), |range| range.start().into()), what }
    }

    /// The same, where `text` was the part of a longer one that starts at `start` and goes on with a newline and a brace.
    pub(crate) fn in_body(mut self, start: usize, text: &str) -> Self {
        self.at = self.at.saturating_sub(start);
        let brace = text.len() + 1;
        // Behind the brace, it closed something of the text; at the brace, nobody sees what doesn't belong there.
        let vague = match self.what {
            What::Expected(_) => self.at > brace,
            What::Unexpected => self.at >= brace,
            _ => false,
        };
        if vague {
            self.what = What::End;
        }
        self
    }

    /// With line and column, both counted from 1, the column in characters.
    pub(crate) fn message(&self, text: &str) -> Localized {
        let (english, german) = self.what.words();
        if matches!(self.what, What::TooLong | What::TooManyWords | What::TooDeep) {
            return Localized::from(english).and("de", german);
        }
        // At the end, the place is behind the last word.
        let at = self.at.min(text.trim_end().len());
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Localized::from(format!("line {line}, column {column}: {english}"))
            .and("de", format!("Zeile {line}, Spalte {column}: {german}"))
    }
}

impl What {
    /// English and German.
    fn words(&self) -> (String, String) {
        let (english, german) = match self {
            Self::Expected(sign) => {
                return (format!("`{sign}` is expected here"), format!("hier wird `{sign}` erwartet"));
            }
            Self::TooLong => {
                return (
                    format!("is too long: at most {MAX_BYTES} bytes are allowed"),
                    format!("ist zu lang: höchstens {MAX_BYTES} Bytes sind erlaubt"),
                );
            }
            Self::TooManyWords => {
                return (
                    format!("is too long: at most {MAX_WORDS} words and signs are allowed"),
                    format!("ist zu lang: höchstens {MAX_WORDS} Wörter und Zeichen sind erlaubt"),
                );
            }
            Self::TooDeep => ("is nested too deeply", "ist zu tief verschachtelt"),
            Self::Unexpected => ("this doesn't belong here", "das gehört nicht hierher"),
            Self::Extra => {
                ("there is more after the end of the expression", "nach dem Ende des Ausdrucks steht noch etwas")
            }
            Self::OpenText => (
                "this text is not closed: quotes are missing",
                "dieser Text ist nicht geschlossen: Anführungszeichen fehlen",
            ),
            Self::TwoNames => ("the arguments have two names", "die Argumente haben zwei Namen"),
            Self::End => (
                "the text ends too early: something is missing or not closed",
                "der Text endet zu früh: etwas fehlt oder ist nicht geschlossen",
            ),
            Self::Closes => ("this closes more than was opened", "das schließt mehr, als geöffnet wurde"),
            Self::CarriageReturn => (
                "a carriage return stands here without a newline; write newlines",
                "hier steht ein Wagenrücklauf ohne Zeilenumbruch; schreiben Sie Zeilenumbrüche",
            ),
        };
        (english.to_owned(), german.to_owned())
    }
}

/// What the parser wants, where that is one sign or word.
fn expected(wanted: &[SyntaxKind]) -> Option<What> {
    let sign = match wanted {
        [SyntaxKind::TOKEN_SEMICOLON] => ";",
        [SyntaxKind::TOKEN_ASSIGN] => "=",
        [SyntaxKind::TOKEN_COLON] => ":",
        [SyntaxKind::TOKEN_L_BRACE] => "{",
        [SyntaxKind::TOKEN_R_BRACE | SyntaxKind::TOKEN_INTERPOL_END] => "}",
        [SyntaxKind::TOKEN_R_PAREN] => ")",
        [SyntaxKind::TOKEN_THEN] => "then",
        [SyntaxKind::TOKEN_ELSE] => "else",
        _ => return None,
    };
    Some(What::Expected(sign))
}
