//! What the module system of NixOS says. It throws texts, so anybody can say the same.

use crate::nix::Blame;

#[derive(Debug, Default)]
pub(super) struct ModuleError<'a> {
    pub(super) option: Option<&'a str>,
    pub(super) files: Vec<&'a str>,
    /// What assertions say that failed. Else it is about an option or a module.
    pub(super) assertions: Vec<String>,
}

impl ModuleError<'_> {
    /// An assertion may be one about an option, which is gone for example.
    pub(super) fn is_about_options(&self) -> bool {
        self.assertions.is_empty() || self.option.is_some()
    }
}

/// Before the name of an option.
const OPTION: [&str; 7] = [
    "A definition for option ",
    "The option definition ",
    "The option value ",
    "The unique option ",
    "The option ",
    "Cannot merge definitions of ",
    "An option declaration for ",
];
/// Elsewhere in texts that begin so.
const OPTION_IN: [(&str, &str); 2] =
    [("In module ", "for the option\n"), ("In module ", ": expected an option declaration at option path ")];
/// About a module, and what stands around its file.
const MODULE: [(&str, &str, &str); 7] = [
    ("In module `", "", "', you're trying to define"),
    ("In module ", "", ": expected an option declaration"),
    ("Expected a module, but found a value of type ", "while trying to load a module into ", ".\n"),
    ("Module imports can't be nested lists. ", "\n- In `", "': "),
    ("Module `", "", "' has an unsupported attribute"),
    ("The module `", "", "` (class: "),
    ("module ", "", " ("),
];
const NO_MODULE: &str = ") does not look like a module.";
/// How far the quote after a file is looked for, in bytes.
const MAX_FILE: usize = 4 << 10;
const ASSERTIONS: &str = "Failed assertions:\n";

pub(super) fn read(text: &str) -> Option<ModuleError<'_>> {
    let text = text.trim();
    if let Some(list) = text.strip_prefix(ASSERTIONS) {
        return Some(assertions(list));
    }
    if let Some((option, rest)) = named(text) {
        let mut files: Vec<&str> = definitions(rest).collect();
        if files.is_empty() {
            files = listed(rest);
        }
        return Some(ModuleError { option: Some(option), files, assertions: Vec::new() });
    }
    let (begins, before, after) = MODULE
        .iter()
        .find(|(begins, ..)| text.starts_with(begins) && (*begins != "module " || text.contains(NO_MODULE)))?;
    let rest = text.strip_prefix(begins)?;
    let file = rest.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(file, _)| file);
    // A module without a file is called after the one that imports it.
    let file = file.and_then(|file| file.split(":anon-").next()).filter(|file| !file.is_empty());
    let option = OPTION_IN.iter().filter(|(begins, _)| text.starts_with(begins)).find_map(|(_, before)| {
        let (_, rest) = text.split_once(before)?;
        Some(quoted(rest)?.0)
    });
    Some(ModuleError { option, files: file.into_iter().collect(), assertions: Vec::new() })
}

/// The option in ``while evaluating the option `a.b':``
pub(super) fn option_of_frame(text: &str) -> Option<&str> {
    Some(quoted(text.strip_prefix("while evaluating the option ")?)?.0)
}

/// The file in ``while evaluating definitions from `FILE':``
pub(super) fn file_of_frame(text: &str) -> Option<&str> {
    let rest = ["while evaluating definitions from `", "while evaluating a definition from `"]
        .iter()
        .find_map(|begins| text.strip_prefix(begins))?;
    Some(file(rest)?.0)
}

/// The option that a text is about, and what follows the name.
fn named(text: &str) -> Option<(&str, &str)> {
    OPTION.iter().find_map(|begins| quoted(text.strip_prefix(begins)?))
}

/// What stands between quotes, as messages set them, and what follows. A name in it that is quoted itself may hold quotes.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix(['`', '\'', '‘'])?;
    let close = |c: char| matches!(c, '\'' | '`' | '’');
    let (mut in_name, mut escaped) = (false, false);
    let end = inner.char_indices().find(|&(_, c)| {
        let ends = !in_name && close(c);
        in_name ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = end.map(|(at, _)| at).or_else(|| inner.find(close))?;
    let (name, rest) = inner.split_at_checked(end)?;
    let mut rest = rest.chars();
    rest.next();
    (!name.is_empty()).then_some((name, rest.as_str()))
}

/// A file up to the quote after it, and what follows. The names of outputs may hold a quote between letters.
fn file(text: &str) -> Option<(&str, &str)> {
    let near = text.get(..text.floor_char_boundary(MAX_FILE)).unwrap_or(text);
    let ends = |at: usize| {
        let rest = text.get(at + 1..)?;
        (!rest.starts_with(|c: char| c.is_alphanumeric())).then_some((text.get(..at)?, rest))
    };
    near.match_indices('\'').find_map(|(at, _)| ends(at)).filter(|(file, _)| !file.is_empty() && !file.contains('\n'))
}

/// The files in lines ``- In `FILE': value``. Values of several lines are indented.
fn definitions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| Some(file(line.strip_prefix("- In `")?)?.0))
}

/// The files in ``in `A' and `B'``.
fn listed(text: &str) -> Vec<&str> {
    let mut files = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(" in `") {
        rest = after;
        while let Some((name, after)) = file(rest) {
            files.push(name);
            rest = after;
            match after.strip_prefix(" and `") {
                Some(next) => rest = next,
                None => break,
            }
        }
    }
    files
}

fn assertions(list: &str) -> ModuleError<'_> {
    let list = list.strip_prefix("- ").unwrap_or(list);
    let mut error = ModuleError::default();
    for item in list.split("\n- ").take(super::MAX_LINES) {
        if let Some((option, rest)) = named(item) {
            error.option.get_or_insert(option);
            error.files.extend(listed(rest));
        } else if let Some(blamed) = blamed(item) {
            error.files.push(blamed);
        }
        error.assertions.push(item.trim().to_owned());
    }
    error
}

/// Our own begin with who asserts it.
fn blamed(item: &str) -> Option<&str> {
    let after_file = item.find(": ")? + 2;
    let end = after_file + item.get(after_file..)?.find(": ")?;
    item.get(..end).filter(|text| text.parse::<Blame>().is_ok())
}
