use std::fmt::Display;

use serde_json::Value;
use thymis_core::{
    grant::Lock,
    json,
    state::{Configuration, Project, Tag},
};

use crate::shown;

/// The files that people edit, and the lock: what is read is written as something that reads the same.
pub fn state(bytes: &[u8]) {
    let Some((file, bytes)) = bytes.split_first() else { return };
    match file % 4 {
        0 => read(Project::parse, bytes),
        1 => read(|bytes| Configuration::parse("state/configurations/x.json", bytes), bytes),
        2 => read(|bytes| Tag::parse("state/tags/x.json", bytes), bytes),
        _ => read(Lock::parse, bytes),
    }
}

fn read<T: PartialEq + serde::Serialize, E: Display>(parse: impl Fn(&[u8]) -> Result<T, E>, bytes: &[u8]) {
    let parsed = match parse(bytes) {
        Ok(parsed) => parsed,
        Err(error) => return shown::fit(&error.to_string()),
    };
    let written = json::write(&parsed).unwrap();
    match parse(&written) {
        Ok(again) => assert!(again == parsed, "it means something else: {}", String::from_utf8_lossy(&written)),
        Err(error) => panic!("what was written isn't read: {error}"),
    }
    assert!(serde_json::from_slice::<Value>(&written).is_ok_and(|value| value.is_object()));
}
