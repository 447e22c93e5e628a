use crate::{Config, Context, Json, Localized, Problems, Settings};

/// A configurable unit. The struct's fields are its settings; its doc comment is its description.
///
/// A module is a pure function: equal settings and context give an equal configuration. It is run in a sandbox without
/// clock, files or network.
pub trait Module: Settings {
    /// Whether one configuration or tag may use the module more than once. Then names of units and files need
    /// [`Context::instance`] in them.
    const MULTIPLE: bool = false;

    /// Raise it when stored settings need [`Module::migrate`].
    const SCHEMA_VERSION: u32 = 1;

    /// Earlier [`Module::name`]s.
    const FORMERLY: &'static [&'static str] = &[];

    /// SVG text.
    const ICON: Option<&'static str> = None;

    /// SVG text, on dark ground.
    const ICON_DARK: Option<&'static str> = None;

    /// Unique in the repository: `[a-z0-9-]`. Stored settings belong to it, so it never changes; by default it is made of
    /// the type's name, `TemperatureLogger` → `temperature-logger`.
    #[must_use]
    fn name() -> String {
        words(type_name::<Self>()).join("-")
    }

    /// By default made of the type's name: `TemperatureLogger` → `Temperature logger`.
    #[must_use]
    fn label() -> Localized {
        let text = words(type_name::<Self>()).join(" ");
        let mut characters = text.chars();
        Localized::from(characters.next().map_or_else(String::new, |c| c.to_uppercase().chain(characters).collect()))
    }

    /// By default the doc comment of the struct.
    #[must_use]
    fn description() -> Localized {
        Self::about()
    }

    #[must_use]
    fn category() -> Localized {
        Localized::default()
    }

    /// Brings settings stored under an earlier [`Module::SCHEMA_VERSION`] into the present form. They can be incomplete,
    /// and a secret in them is only the name of one.
    ///
    /// # Errors
    /// What makes that impossible.
    fn migrate(from_version: u32, settings: Json) -> Result<Json, Problems> {
        let _ = from_version;
        Ok(settings)
    }

    /// The NixOS configuration for these settings.
    ///
    /// # Errors
    /// What is wrong with the settings beyond what their types say.
    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems>;
}

/// The name of a type without its path.
fn type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// `LogFile` → `["log", "file"]`; an abbreviation stays together: `HTTPServer` → `["http", "server"]`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut characters = name.chars().peekable();
    let mut before = '_';
    while let Some(c) = characters.next() {
        let starts =
            c.is_uppercase() && (!before.is_uppercase() || characters.peek().is_some_and(|c| c.is_lowercase()));
        let letters = c.to_lowercase().filter(|c| *c != '_');
        match words.last_mut() {
            Some(word) if !starts && before != '_' => word.extend(letters),
            _ if c != '_' => words.push(letters.collect()),
            _ => {}
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_words() {
        assert_eq!(words("TemperatureLogger"), ["temperature", "logger"]);
        assert_eq!(words("HTTPServer"), ["http", "server"]);
        assert_eq!(words("Web_App2"), ["web", "app2"]);
    }
}
