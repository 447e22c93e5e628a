/// An attack with a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What the flake's output evaluates to. The names that it may use are [`super::stage::Stage`]'s.
    pub(crate) nix: &'static str,
    pub(crate) ends: Ends,
    pub(crate) alone: Alone,
    /// As for `--limit`.
    pub(crate) limits: &'static [&'static str],
}

/// What the operator sees.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// A refusal with one of these words in it.
    Refused(&'static [&'static str]),
    /// This value, as JSON.
    Value(&'static str),
}

/// What becomes of it when Nix evaluates it with nothing around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Nix has a bar of its own.
    Barred,
    /// The answer holds a secret.
    Tells,
    /// A server is asked.
    Asks,
    /// It evaluates.
    Works,
}

/// Ends in a refusal with one of these words.
pub(crate) const fn refused(name: &'static str, nix: &'static str, words: &'static [&'static str]) -> Case {
    Case { name, nix, ends: Ends::Refused(words), alone: Alone::Barred, limits: &[] }
}

/// Ends in this value.
pub(crate) const fn harmless(name: &'static str, nix: &'static str, json: &'static str) -> Case {
    Case { name, nix, ends: Ends::Value(json), alone: Alone::Barred, limits: &[] }
}

impl Case {
    pub(crate) const fn alone(self, alone: Alone) -> Self {
        Self { alone, ..self }
    }

    pub(crate) const fn within(self, limits: &'static [&'static str]) -> Self {
        Self { limits, ..self }
    }

    /// The name of its configuration, and of the flake's output.
    pub(crate) fn id(&self) -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
        let words: String = self.name.chars().map(letter).collect();
        let id = words.split_whitespace().fold("of".to_owned(), |id, word| id + "-" + word);
        // As long as a configuration's name may be.
        id[..id.len().min(63)].trim_end_matches('-').to_owned()
    }
}
