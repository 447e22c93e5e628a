//! Identifiers for what is called otherwise in Thymis 0.9, where any text is one.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    hash::Hash,
    str::FromStr,
};

/// Leaves room for a number within [`crate::id::MAX_LENGTH`].
const LONGEST: usize = 56;

/// An identifier for each text, all different. What is one already, and comes first, stays; the others are made of
/// allowed characters, none of them one of `reserved`.
pub(super) fn identifiers<I>(texts: &[&str], fallback: &str, reserved: &[&str]) -> Vec<I>
where
    I: FromStr + Display + Clone + Eq + Hash,
{
    let mut names = Names { taken: HashSet::new(), numbers: HashMap::new() };
    let kept: Vec<Option<I>> =
        texts.iter().map(|text| text.parse().ok().filter(|id: &I| names.taken.insert(id.clone()))).collect();
    for word in reserved {
        names.taken.extend(word.parse().ok());
    }
    let new = |(kept, text): (Option<I>, &&str)| kept.unwrap_or_else(|| names.make(&plain(text, fallback)));
    kept.into_iter().zip(texts).map(new).collect()
}

struct Names<I> {
    taken: HashSet<I>,
    /// The last number given to a name, so that thousands of equal ones don't take thousands of tries each.
    numbers: HashMap<String, usize>,
}

impl<I: FromStr + Clone + Eq + Hash> Names<I> {
    fn make(&mut self, name: &str) -> I {
        loop {
            let number = self.numbers.entry(name.to_owned()).or_insert(0);
            *number += 1;
            let text = if *number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            if let Ok(id) = text.parse::<I>()
                && self.taken.insert(id.clone())
            {
                return id;
            }
        }
    }
}

/// Allowed characters only, though perhaps a reserved word.
pub(super) fn plain(text: &str, fallback: &str) -> String {
    let mut plain = String::new();
    for c in text.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => plain.push(c),
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
        if plain.len() >= LONGEST {
            break;
        }
    }
    plain.truncate(LONGEST);
    plain.truncate(plain.trim_end_matches('-').len());
    if plain.is_empty() { fallback.to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::InputName;

    fn named(texts: &[&str]) -> String {
        let ids: Vec<InputName> = identifiers(texts, "input", &["thymis"]);
        ids.iter().map(InputName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_an_identifier_stays_and_the_others_get_one() {
        assert_eq!(named(&["kiosk.berlin", "lobby"]), "kiosk-berlin lobby");
        assert_eq!(named(&["Lobby", "lobby", "LOBBY"]), "lobby-2 lobby lobby-3");
        assert_eq!(named(&["", "../..", "日本", "self", "a", "a"]), "input input-2 input-3 self-2 a a-2");
        assert_eq!(named(&["Büro Süd (1. OG)", "-x-", "a  b"]), "buero-sued-1-og x a-b");
        assert_eq!(named(&["thymis", "Nixpkgs"]), "thymis nixpkgs");
        assert_eq!(named(&["Thymis"]), "thymis-2");
    }

    #[test]
    fn long_and_many_are_no_trouble() {
        let long = "x".repeat(10_000);
        let texts: Vec<&str> = std::iter::repeat_n(long.as_str(), 20_000).collect();
        let ids: Vec<InputName> = identifiers(&texts, "input", &[]);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), texts.len());
    }
}
