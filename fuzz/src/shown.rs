//! What people get to see.

/// Most bytes of one message.
const MESSAGE: usize = 8 << 10;

/// A message can be shown as it is: it is short, and nothing in it steers a terminal or turns text around.
pub(crate) fn fit(message: &str) {
    fit_within(message, MESSAGE);
}

pub(crate) fn fit_within(message: &str, bytes: usize) {
    assert!(message.len() <= bytes, "a message has {} bytes: {:.200}…", message.len(), message);
    steers_nothing(message);
}

/// Written apart from the list that the program has.
pub(crate) fn steers_nothing(text: &str) {
    let steers = |c: char| {
        c != '\n' && c.is_control()
            || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(steers), "a text steers what shows it: {}", text.escape_debug());
}
