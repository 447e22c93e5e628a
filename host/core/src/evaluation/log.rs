//! The lines of Nix's log, from the last to the first.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Before each line that is JSON. What a stranger prints is inside of it.
const MARK: &[u8] = b"@nix ";
/// Written by the handler of a signal, which can't write JSON.
const STACK_OVERFLOW: &[u8] = b"error: stack overflow (possible infinite recursion)";
const NO_MEMORY: [&[u8]; 2] =
    [b"GC Warning: Out of Memory!", b"terminate called after throwing an instance of 'std::bad_alloc'"];
/// The longest text that is read of an error, in bytes, and most entries of its trace.
const MAX_TEXT: usize = 64 << 10;
const MAX_FRAMES: usize = 1_000;
/// The longest text that is kept of lines which aren't JSON.
const MAX_PLAIN: usize = 8 << 10;
/// Nix warns so whenever there is no network.
const OFFLINE: &str = "you don't have Internet access";

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) end: Option<End>,
    /// The last lines that aren't JSON, of git for example.
    pub(super) plain: String,
    /// The collector, or the C++ runtime, got no more.
    pub(super) no_memory: bool,
}

/// The last thing that says why Nix stopped.
#[derive(Debug)]
pub(super) enum End {
    Error(Box<Error>),
    /// What isn't an error of the evaluator, without `error:`.
    Bare(String),
    StackOverflow(String),
}

#[derive(Debug, Default)]
pub(super) struct Error {
    /// Without colours.
    pub(super) text: String,
    /// Nix colours what it fills into its own messages.
    pub(super) coloured: bool,
    pub(super) place: Frame,
    /// The line of the place, from its column on and before it, as far as Nix shows it.
    pub(super) code: Option<(String, String)>,
    /// Innermost first.
    pub(super) trace: Vec<Frame>,
}

/// A text with a place, which only Nix can give.
#[derive(Debug, Default, Clone)]
pub(super) struct Frame {
    pub(super) text: String,
    pub(super) file: Option<String>,
    pub(super) line: u64,
    pub(super) column: u64,
}

pub(super) fn read(bytes: &[u8]) -> Log {
    let mut log = Log::default();
    let mut plain: Vec<Cow<'_, str>> = Vec::new();
    let mut kept = 0;
    for line in bytes.rsplit(|&b| b == b'\n') {
        let end = if let Some(json) = line.strip_prefix(MARK) {
            if log.end.is_none() { message(&String::from_utf8_lossy(json)) } else { None }
        } else if line == STACK_OVERFLOW {
            let text = String::from_utf8_lossy(line);
            Some(End::StackOverflow(text.strip_prefix("error: ").unwrap_or(&text).to_owned()))
        } else {
            let collector = line.starts_with(b"GC Warning: ");
            log.no_memory |= NO_MEMORY.iter().any(|begins| line.starts_with(begins));
            if !collector && !line.trim_ascii().is_empty() && kept < MAX_PLAIN {
                let line = String::from_utf8_lossy(line.get(..MAX_PLAIN).unwrap_or(line));
                if !line.contains(OFFLINE) {
                    kept += line.len() + 1;
                    plain.push(line);
                }
            }
            None
        };
        // Lines before it are read for what git said.
        if end.is_some() && log.end.is_none() {
            log.end = end;
        }
        if log.end.is_some() && kept >= MAX_PLAIN {
            break;
        }
    }
    plain.reverse();
    log.plain = plain.join("\n");
    log
}

/// A message of Nix that ends it: an error, or what it prints when something else went wrong.
fn message(json: &str) -> Option<End> {
    let mut message = Message::default();
    // Where the line is cut off, what was read before is there.
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let whole = Fields(&mut message).deserialize(&mut deserializer).is_ok();
    if message.action.as_deref() != Some("msg") || message.level != 0 {
        return None;
    }
    let shown = message.shown.as_deref().unwrap_or_default();
    let Some(raw) = &message.raw else {
        // What a stranger traces begins with another word. An error that is cut off may look like this.
        let text = colourless(if whole { head(shown) } else { "" });
        return text.strip_prefix("error: ").map(|text| End::Bare(text.trim().to_owned()));
    };
    let place = message.place;
    Some(End::Error(Box::new(Error {
        text: colourless(head(raw)),
        coloured: head(raw).contains(COLOUR),
        code: place.file.as_deref().and_then(|file| code(shown, file, place.line, place.column)),
        place,
        trace: message.trace,
    })))
}

/// The line of the code that an error shows, cut in two at the column.
fn code(shown: &str, file: &str, line: u64, column: u64) -> Option<(String, String)> {
    let (_, after) = shown.split_once(&format!("{file}:{line}:{column}"))?;
    let number = format!("{line}| ");
    let code = after.lines().find_map(|text| text.trim_start().strip_prefix(&number))?;
    let (before, from) = code.split_at_checked(usize::try_from(column).ok()?.checked_sub(1)?)?;
    Some((before.to_owned(), from.to_owned()))
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}

/// What Nix writes before a value in a message of its own.
const COLOUR: &str = "\u{1b}[35;1m";

/// Without sequences that set colours. Other escapes stay, to be shown as what they are.
fn colourless(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m') {
            Some(rest) => out.push_str(rest),
            None => {
                out.push_str("\u{1b}[");
                out.push_str(part);
            }
        }
    }
    out
}

/// A line as it comes: nothing in it is as it should be until it was looked at.
#[derive(Default)]
struct Message<'a> {
    action: Option<Cow<'a, str>>,
    level: u64,
    shown: Option<Cow<'a, str>>,
    raw: Option<Cow<'a, str>>,
    place: Frame,
    trace: Vec<Frame>,
}

/// Fills in what it reads, so that it is there when a later part can't be read.
struct Fields<'m, 'a>(&'m mut Message<'a>);

impl<'de> DeserializeSeed<'de> for Fields<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let message = self.0;
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "action" => message.action = Some(map.next_value::<Text<'_>>()?.0),
                "level" => message.level = map.next_value()?,
                "msg" => message.shown = Some(map.next_value::<Text<'_>>()?.0),
                "raw_msg" => message.raw = Some(map.next_value::<Text<'_>>()?.0),
                "file" => {
                    message.place.file = map.next_value::<Option<Text<'_>>>()?.map(|file| head(&file.0).to_owned())
                }
                "line" => message.place.line = map.next_value::<Option<u64>>()?.unwrap_or_default(),
                "column" => message.place.column = map.next_value::<Option<u64>>()?.unwrap_or_default(),
                "trace" => map.next_value_seed(Trace(&mut message.trace))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct RawFrame<'a> {
    #[serde(borrow)]
    raw_msg: Cow<'a, str>,
    #[serde(borrow, default)]
    file: Option<Cow<'a, str>>,
    #[serde(default)]
    line: Option<u64>,
    #[serde(default)]
    column: Option<u64>,
}

struct Trace<'m>(&'m mut Vec<Frame>);

impl<'de> DeserializeSeed<'de> for Trace<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Trace<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trace")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut frames: A) -> Result<(), A::Error> {
        while self.0.len() < MAX_FRAMES {
            let Some(frame) = frames.next_element::<RawFrame<'de>>()? else { return Ok(()) };
            let short = |text: &str| colourless(text.get(..text.floor_char_boundary(MAX_PLAIN)).unwrap_or(text));
            self.0.push(Frame {
                text: short(&frame.raw_msg),
                // What has lines is no file: Nix gives the whole text there where it evaluates one of its own.
                file: frame.file.as_deref().filter(|file| !file.contains('\n')).map(short),
                line: frame.line.unwrap_or_default(),
                column: frame.column.unwrap_or_default(),
            });
        }
        while frames.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
