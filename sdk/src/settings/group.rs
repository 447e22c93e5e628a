use super::{Place, Settings, Value};
use crate::{Json, Problem, Problems};

type Object = serde_json::Map<String, Json>;

/// A group that is being read, setting by setting.
#[derive(Debug)]
pub struct Group<'a> {
    object: &'a Object,
    at: &'a Place<'a>,
    problems: &'a mut Problems,
}

impl Group<'_> {
    #[doc(hidden)]
    pub fn read<T: Value>(&mut self, key: &str) -> Option<T> {
        let at = self.at.key(key);
        match self.object.get(key) {
            Some(json) => T::read(json, &at, self.problems),
            None => T::absent(&at, self.problems),
        }
    }

    /// The host fills defaults in; a hidden setting is absent all the same.
    #[doc(hidden)]
    pub fn read_or<T: Value>(&mut self, key: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.object.get(key) {
            Some(json) => T::read(json, &self.at.key(key), self.problems),
            None => Some(default()),
        }
    }
}

#[doc(hidden)]
pub fn read_group<S: Settings>(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<S> {
    match json {
        Json::Object(object) => S::read_group(&mut Group { object, at, problems }),
        _ => {
            problems.push(Problem::at(at.pointer(), "must be an object"));
            None
        }
    }
}

/// An absent group is one without any values: its settings have defaults of their own, or are named as missing.
#[doc(hidden)]
pub fn absent_group<S: Settings>(at: &Place<'_>, problems: &mut Problems) -> Option<S> {
    S::read_group(&mut Group { object: &Object::new(), at, problems })
}

#[doc(hidden)]
#[must_use]
pub fn write_group<const N: usize>(settings: [(&str, Json); N]) -> Json {
    let present = settings.into_iter().filter(|(_, value)| !value.is_null());
    Json::Object(present.map(|(key, value)| (key.to_owned(), value)).collect())
}
