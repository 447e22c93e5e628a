//! The SDK carries its own copy of the WIT package, because it is also used outside this repository.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_debug_implementations)]

use std::{fs, path::Path};

#[test]
fn the_copy_of_the_wit_package_is_the_released_one() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = fs::read(sdk.join("wit/module.wit")).unwrap();
    // Absent in the repositories of authors.
    if let Ok(released) = fs::read(sdk.join("../wit/v0.1/module.wit")) {
        assert!(copy == released, "copy wit/v0.1/module.wit to sdk/wit/module.wit");
    }
}
