//! Quoting, for values that become part of something with a syntax of its own. Nix itself needs none.

/// One word of a POSIX shell command.
#[must_use]
pub fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// One word of a systemd command line, such as `serviceConfig.ExecStart`.
#[must_use]
pub fn systemd_word(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // Specifiers and variables.
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A value in a systemd unit where only specifiers (`%h`) are special: `environment.<name>`, `description`.
#[must_use]
pub fn systemd_value(value: &str) -> String {
    value.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_stay_one_word() {
        assert_eq!(super::shell("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(super::systemd_word("a \"b\" 50% $X\n\\"), r#""a \"b\" 50%% $$X\n\\""#);
        assert_eq!(super::systemd_value("100% \"x\""), "100%% \"x\"");
    }
}
