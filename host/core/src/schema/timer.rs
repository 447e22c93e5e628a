//! When a unit runs: an object with `timer_type`, the form that Thymis stores.
//!
//! - `realtime`: `on_calendar`, a list of calendar expressions, at least one of them not blank
//! - `monotonic`: at least one of `on_boot_sec`, `on_startup_sec`, `on_active_sec`, `on_unit_active_sec`,
//!   `on_unit_inactive_sec`, not blank
//! - `continuous`: no timer, the unit always runs
//!
//! Besides, `persistent` (bool), `accuracy_sec`, `randomized_delay_sec`. Keys of another kind may stay, so that a person
//! who tries the kinds loses nothing.

use serde_json::Value;

use super::{
    place::At,
    problem::{SettingsCode, found, nearest},
    scalar,
    validate::Walk,
};

pub(super) const TYPES: [&str; 3] = ["realtime", "monotonic", "continuous"];
pub(crate) const TRIGGERS: [&str; 5] =
    ["on_boot_sec", "on_startup_sec", "on_active_sec", "on_unit_active_sec", "on_unit_inactive_sec"];
pub(crate) const KEYS: [&str; 10] = [
    "timer_type",
    "on_calendar",
    "persistent",
    "accuracy_sec",
    "randomized_delay_sec",
    "on_boot_sec",
    "on_startup_sec",
    "on_active_sec",
    "on_unit_active_sec",
    "on_unit_inactive_sec",
];
/// Calendar expressions of one timer.
pub(super) const CALENDARS: usize = 64;

pub(super) fn check(walk: &mut Walk<'_>, value: &Value, at: &At<'_>) -> Option<Value> {
    let Value::Object(timer) = value else {
        return walk.wrong_type(at, "a timer: an object with `timer_type`", value);
    };
    for (key, value) in timer {
        let here = at.key(key);
        walk.charge(1, key.len() + value.as_str().map_or(0, str::len), 0);
        match key.as_str() {
            _ if value.is_null() => {
                walk.refuse(&here, SettingsCode::Null, "is null; remove the key to unset it");
            }
            "timer_type" if value.as_str().is_some_and(|name| TYPES.contains(&name)) => {}
            "timer_type" => {
                let predicate = format!("must be one of `{}`; found {}", TYPES.join("`, `"), found(value));
                walk.refuse(&here, SettingsCode::Choice, &predicate);
            }
            "persistent" if value.is_boolean() => {}
            "persistent" => {
                walk.refuse(&here, SettingsCode::WrongType, &format!("must be true or false; found {}", found(value)))
            }
            "on_calendar" => calendars(walk, value, &here),
            known if KEYS.contains(&known) => {
                walk.accept(&here, scalar::line(value));
            }
            unknown => {
                let hint = nearest(unknown, KEYS.into_iter()).map_or_else(
                    || format!("; known are `{}`", KEYS.join("`, `")),
                    |near| format!("; did you mean `{near}`?"),
                );
                walk.refuse(&here, SettingsCode::UnknownSetting, &format!("is not a part of a timer{hint}"));
            }
        }
    }
    let blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let set = |key: &str| timer.get(key).is_some_and(|value| !blank(value));
    let missing = match timer.get("timer_type").and_then(Value::as_str) {
        None if timer.contains_key("timer_type") => None,
        None => Some(format!("needs `timer_type`, one of `{}`", TYPES.join("`, `"))),
        Some("realtime") => match timer.get("on_calendar") {
            Some(Value::Array(list)) if list.iter().all(blank) => {
                Some("needs a calendar expression in `on_calendar`".to_owned())
            }
            None => Some("needs `on_calendar`, such as [\"daily\"]".to_owned()),
            Some(_) => None,
        },
        Some("monotonic") if !TRIGGERS.into_iter().any(set) => {
            Some(format!("needs a time span in one of `{}`", TRIGGERS.join("`, `")))
        }
        Some(_) => None,
    };
    if let Some(predicate) = missing {
        walk.refuse(at, SettingsCode::Missing, &predicate);
        return None;
    }
    // In one order, whatever the stored one was.
    let ordered = KEYS.into_iter().filter_map(|key| Some((key.to_owned(), timer.get(key)?.clone())));
    Some(Value::Object(ordered.collect()))
}

fn calendars(walk: &mut Walk<'_>, value: &Value, at: &At<'_>) {
    let Value::Array(list) = value else {
        let predicate = format!("must be a list of calendar expressions; found {}", found(value));
        return walk.refuse(at, SettingsCode::WrongType, &predicate);
    };
    if list.len() > CALENDARS {
        let predicate = format!("must have at most {CALENDARS} items; found {}", list.len());
        return walk.refuse(at, SettingsCode::Items, &predicate);
    }
    for (index, calendar) in list.iter().enumerate() {
        walk.charge(1, calendar.as_str().map_or(0, str::len), 0);
        walk.accept(&at.item(index), scalar::line(calendar));
    }
}
