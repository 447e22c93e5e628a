use crate::wit;

/// One text in several languages. English is what everyone else gets.
///
/// ```
/// use thymis_sdk::Localized;
/// let label = Localized::from("Temperature logger").and("de", "Temperaturlogger");
/// assert_eq!(label.get("de"), Some("Temperaturlogger"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Localized(Vec<(String, String)>);

impl Localized {
    /// Adds a text or replaces the one in the same language. `locale`: a BCP 47 tag such as `de` or `pt-BR`.
    #[must_use]
    pub fn and(mut self, locale: impl Into<String>, text: impl Into<String>) -> Self {
        let (locale, text) = (locale.into(), text.into());
        match self.0.iter_mut().find(|(present, _)| *present == locale) {
            Some((_, present)) => *present = text,
            None => self.0.push((locale, text)),
        }
        self
    }

    #[must_use]
    pub fn get(&self, locale: &str) -> Option<&str> {
        self.0.iter().find(|(present, _)| present == locale).map(|(_, text)| text.as_str())
    }

    pub(crate) fn into_wit(self) -> wit::Localized {
        self.0.into_iter().map(|(locale, text)| wit::Translation { locale, text }).collect()
    }
}

/// In English.
impl<T: Into<String>> From<T> for Localized {
    fn from(text: T) -> Self {
        Self(vec![("en".to_owned(), text.into())])
    }
}
