//! Names for people and for files, from the author's identifiers.

/// `log_file`, `LogFile` → `["log", "file"]`; an abbreviation stays together: `HTTPServer` → `["http", "server"]`.
fn words(identifier: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut characters = identifier.chars().peekable();
    let mut before = '_';
    while let Some(c) = characters.next() {
        let starts =
            c.is_uppercase() && (!before.is_uppercase() || characters.peek().is_some_and(|c| c.is_lowercase()));
        if (starts || c == '_') && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c != '_' {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `LogFile` → `log-file`
pub(crate) fn kebab(identifier: &str) -> String {
    words(identifier).join("-")
}

/// `log_file` → `Log file`
pub(crate) fn sentence(identifier: &str) -> String {
    let text = words(identifier).join(" ");
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_words() {
        assert_eq!(sentence("log_file"), "Log file");
        assert_eq!(sentence("SdCardImage"), "Sd card image");
        assert_eq!(kebab("HTTPServer"), "http-server");
        assert_eq!(kebab("RaspberryPi4"), "raspberry-pi4");
        assert_eq!(sentence("_"), "");
    }
}
