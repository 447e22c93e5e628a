use thymis_sandbox::{Limits, inspect};

use crate::shown;

/// A component as a repository ships it, read without compiling: what is accepted imports nothing but `diagnostics` and
/// WASI, and WASI only where it is permitted.
pub fn component(bytes: &[u8]) {
    let inspection = match inspect(bytes, &Limits::default()) {
        Ok(inspection) => inspection,
        Err(error) => return shown::fit(&error.to_string()),
    };
    assert_eq!(inspection.bytes, bytes.len() as u64);
    let patch = inspection.version.strip_prefix("0.1.").unwrap();
    assert!(!patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()), "{}", inspection.version);
    assert!(inspection.exports.contains(&format!("thymis:module/module@{}", inspection.version)));
    let others = inspection.imports.iter().filter(|name| !name.starts_with("thymis:module/diagnostics@0.1."));
    assert!(others.clone().all(|name| name.starts_with("wasi:")), "{:?}", inspection.imports);
    match inspection.permit(false) {
        Ok(()) => assert_eq!(others.count(), 0),
        Err(denied) => shown::fit(&denied.to_string()),
    }
    assert!(inspection.permit(true).is_ok());
}
