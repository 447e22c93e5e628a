use std::{
    ffi::OsString,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use thymis_core::digest::Digest;
use thymis_sandbox::{Incompatible, Limits};
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

/// Settings of the release profile that make components quick, and equal wherever they are built.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level=3",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.strip=true",
];

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    pub file: PathBuf,
    pub bytes: usize,
    pub digest: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{} has no Cargo.toml: name the folder of a module, or make one with `thymis module new NAME`", .0.display())]
    NoCrate(PathBuf),
    #[error("`cargo` can't be started: install Rust, see https://rustup.rs")]
    NoCargo(#[source] std::io::Error),
    #[error("Rust has no target {TARGET} on this machine: run `rustup target add {TARGET}`")]
    NoTarget,
    #[error("cargo can't build {}; what it said stands above", .0.display())]
    Cargo(PathBuf),
    #[error("{} makes no WebAssembly module: Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`", .0.display())]
    NoLibrary(PathBuf),
    #[error("{} is no Thymis module: {reason}. Does it call `thymis_sdk::export!`?", folder.display())]
    Encode { folder: PathBuf, reason: String },
    #[error("the component can't be used")]
    Incompatible(#[from] Incompatible),
    #[error("{} can't be read or written", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// Builds the crate in a folder into `modules/<crate>.wasm` beside it. Cargo's messages go to standard error.
///
/// # Errors
/// When cargo fails, or what it makes is no component that this program runs.
pub fn build(folder: &Path) -> Result<Built, BuildError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { path, source }
    };
    let folder = folder.canonicalize().map_err(|_| BuildError::NoCrate(folder.to_owned()))?;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoCrate(folder));
    }
    if !has_target()? {
        return Err(BuildError::NoTarget);
    }
    let library = compile(&folder, &manifest)?;
    let module = std::fs::read(&library).map_err(io(&library))?;
    let refuse =
        |reason: &dyn std::fmt::Display| BuildError::Encode { folder: folder.clone(), reason: format!("{reason:#}") };
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(|error| refuse(&error))?
        .encode()
        .map_err(|error| refuse(&error))?;
    thymis_sandbox::inspect(&component, &Limits::default())?;

    let name = library.file_name().map(PathBuf::from).unwrap_or_default();
    let modules = folder.join("modules");
    let file = modules.join(name);
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&modules)?;
        let mut temporary = tempfile::Builder::new().prefix(".thymis-").tempfile_in(&modules)?;
        temporary.write_all(&component)?;
        temporary.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        temporary.persist(&file)?;
        Ok(())
    };
    write().map_err(io(&file))?;
    Ok(Built { bytes: component.len(), digest: Digest::of(&component), file })
}

fn has_target() -> Result<bool, BuildError> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output()
        .map_err(BuildError::NoCargo)?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Runs cargo; answers the core module that it made.
fn compile(folder: &Path, manifest: &Path) -> Result<PathBuf, BuildError> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(manifest).current_dir(folder);
    for setting in PROFILE {
        command.args(["--config", setting]);
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", remapped(folder)).env_remove("RUSTFLAGS");
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        return Err(BuildError::Cargo(folder.to_owned()));
    }
    let library = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let of_folder = message.get("manifest_path").and_then(Value::as_str).map(Path::new) == Some(manifest);
        let files = message.get("filenames").filter(|_| of_folder)?.as_array()?;
        files
            .iter()
            .filter_map(Value::as_str)
            .map(PathBuf::from)
            .find(|file| file.extension().is_some_and(|end| end == "wasm"))
    };
    let messages = String::from_utf8_lossy(&output.stdout);
    messages.lines().filter_map(library).next_back().ok_or_else(|| BuildError::NoLibrary(folder.to_owned()))
}

/// Compiler flags that keep this machine's folders out of the component.
fn remapped(folder: &Path) -> OsString {
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = OsString::new();
    // Beside the folder may lie what its Cargo.toml refers to.
    let source = folder.parent().filter(|parent| parent.parent().is_some()).unwrap_or(folder);
    for (from, to) in [(cargo, "/cargo"), (Some(source.to_owned()), "/source")] {
        let Some(from) = from else { continue };
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}
