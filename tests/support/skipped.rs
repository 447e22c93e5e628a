use std::{env, fs::OpenOptions, io::Write as _, path::PathBuf};

/// Says that a check didn't run: to the file that `THYMIS_SKIPPED` names, which `script/test` sums up, and to stderr.
pub fn skipped(check: &str, why: &str) {
    eprintln!("skipped: {check}: {why}");
    if let Some(file) = env::var_os("THYMIS_SKIPPED") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{check}: {why}").unwrap();
    }
}

/// The folder with nixpkgs' own `lib`, from `THYMIS_NIXPKGS_LIB`. Where it isn't set, the check counts as skipped.
#[must_use]
pub fn real_lib(check: &str) -> Option<PathBuf> {
    match env::var_os("THYMIS_NIXPKGS_LIB").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => {
            skipped(check, "THYMIS_NIXPKGS_LIB names no folder with nixpkgs' lib");
            None
        }
    }
}
