//! `Option`, `Vec`, `BTreeMap`.

use std::collections::BTreeMap;

use super::{Place, Type, Value};
use crate::{Json, Problem, Problems};

/// Keys of a map become names of attributes, units and files, unless `key_pattern` says otherwise.
const KEY_PATTERN: &str = "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}";

impl<T: Value> Value for Option<T> {
    const OPTIONAL: bool = true;

    fn type_() -> Type {
        T::type_()
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        T::read(json, at, problems).map(Some)
    }

    fn absent(_at: &Place<'_>, _problems: &mut Problems) -> Option<Self> {
        Some(None)
    }

    fn write(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::write)
    }
}

impl<T: Value> Value for Vec<T> {
    fn type_() -> Type {
        Type::list(T::type_())
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Array(items) = json else {
            problems.push(Problem::at(at.pointer(), "must be a list"));
            return None;
        };
        // First all, so that all problems are found.
        let items: Vec<_> = items.iter().enumerate().map(|(i, item)| T::read(item, &at.index(i), problems)).collect();
        items.into_iter().collect()
    }

    fn write(&self) -> Json {
        self.iter().map(T::write).collect()
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn type_() -> Type {
        Type::map(T::type_()).constrain("key-pattern", KEY_PATTERN.into())
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Object(entries) = json else {
            problems.push(Problem::at(at.pointer(), "must be an object"));
            return None;
        };
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| Some((key.clone(), T::read(value, &at.key(key), problems)?))).collect();
        entries.into_iter().collect()
    }

    fn write(&self) -> Json {
        Json::Object(self.iter().map(|(key, value)| (key.clone(), value.write())).collect())
    }
}
