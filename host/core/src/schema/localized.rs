//! Texts in several languages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    limits,
    problem::{Problems, SchemaCode},
};
use crate::{untrusted::short, wire};

/// Translations of one text by locale (BCP 47, such as `en`, `de`, `pt-BR`). May be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Localized(BTreeMap<String, String>);

/// One line, or paragraphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Label,
    Description,
}

impl Localized {
    /// The text for a locale: exactly, else for its language, else English, else any.
    #[must_use]
    pub fn get(&self, locale: &str) -> Option<&str> {
        let language = locale.split('-').next().unwrap_or(locale);
        [locale, language, "en"]
            .into_iter()
            .find_map(|locale| self.0.get(locale))
            .or_else(|| self.0.values().next())
            .map(String::as_str)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `(locale, text)`, sorted by locale.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(locale, text)| (locale.as_str(), text.as_str()))
    }

    pub(super) fn check(
        problems: &mut Problems,
        place: &str,
        what: &str,
        kind: Kind,
        translations: wire::Localized,
    ) -> Self {
        let mut texts = BTreeMap::new();
        if !problems.within(place, &format!("translations of the {what}"), translations.len(), limits::TRANSLATIONS) {
            return Self(texts);
        }
        let (limit, shape) = match kind {
            Kind::Label => (limits::LABEL_BYTES, "one line without control characters"),
            Kind::Description => (limits::DESCRIPTION_BYTES, "without control characters but tabs and newlines"),
        };
        for wire::Translation { locale, text } in translations {
            if !is_locale(&locale) {
                let message = format!(
                    "the {what} has the locale `{}`, which is not a language tag such as `en` or `pt-BR`",
                    short(&locale)
                );
                problems.push(place, SchemaCode::Name, message);
                continue;
            }
            let disturbing = |c: char| c.is_control() && !(kind == Kind::Description && matches!(c, '\n' | '\t'));
            if text.len() > limit {
                let message =
                    format!("the {what} for `{locale}` has {} bytes; at most {limit} are allowed", text.len());
                problems.push(place, SchemaCode::Limit, message);
            } else if text.contains(disturbing) {
                problems.push(place, SchemaCode::Name, format!("the {what} for `{locale}` must be {shape}"));
            } else if texts.insert(locale.clone(), text).is_some() {
                problems.push(place, SchemaCode::Duplicate, format!("the {what} has two translations for `{locale}`"));
            }
        }
        Self(texts)
    }
}

fn is_locale(text: &str) -> bool {
    let mut subtags = text.split('-');
    text.len() <= 35
        && subtags.next().is_some_and(|language| {
            (2..=8).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase())
        })
        && subtags.all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric()))
}
