//! References and functions of Nix: a closed list, since the host prints each of them.
//!
//! ```
//! use thymis_sdk::prelude::*;
//!
//! let command = text!("{} --retry {}", nix::get_exe(nix::pkgs("curl")), 3);
//! let when_enabled = nix::mk_if(nix::config("services.nginx.enable"), command);
//! ```

use crate::{Artifact, Expr, IntoPath, Path, Secret, expr::Node};

// ---- references ----

/// A package of nixpkgs: `nix::pkgs("python3Packages.requests")`.
#[track_caller]
pub fn pkgs(path: impl IntoPath) -> Expr {
    Expr::reference("pkgs", path.into_path())
}

/// The value of an option of the device. Needs the permission `config` unless the module may set that option.
#[track_caller]
pub fn config(path: impl IntoPath) -> Expr {
    Expr::reference("config", path.into_path())
}

/// An output of the repository's own flake, such as `packages.default` (the device's system is inserted) or
/// `nixosModules.default`. Needs the permission `output`.
#[track_caller]
pub fn output(path: impl IntoPath) -> Expr {
    Expr::reference("output", path.into_path())
}

/// One file of the repository: `nix::source("scripts/run.py")`. Needs the permission `source`.
#[must_use]
pub fn source(file: &str) -> Expr {
    Expr::reference("source", Path::new(file.split('/')))
}

/// One file of the project.
#[must_use]
pub fn artifact(artifact: &Artifact) -> Expr {
    Expr::reference("artifact", Path::new([artifact.handle()]))
}

/// Where a secret will be on the device. The module places it: [`crate::Config::place`].
#[must_use]
pub fn secret_path(secret: &Secret) -> Expr {
    Expr::reference("secret", Path::new([secret.handle()]))
}

/// The device's system, such as `aarch64-linux`.
#[must_use]
pub fn system() -> Expr {
    Expr::reference("system", Path::default())
}

/// `null`
#[must_use]
pub fn null() -> Expr {
    Expr(Node::Null)
}

/// One Nix expression as it is. Needs the permission `raw-nix`, which people are right to refuse.
pub fn raw(nix: impl Into<String>) -> Expr {
    Expr(Node::Raw(nix.into()))
}

// ---- how a definition counts: only around a whole value ----

/// The definition counts where `condition` holds on the device.
pub fn mk_if(condition: impl Into<Expr>, value: impl Into<Expr>) -> Expr {
    Expr::call("lib.mkIf", [condition.into(), value.into()])
}

/// Several definitions of one option.
pub fn mk_merge(values: impl IntoIterator<Item = impl Into<Expr>>) -> Expr {
    Expr::call("lib.mkMerge", [Expr::list(values)])
}

/// Where in the merged list or lines this definition goes: 1000 is the middle, lower comes first.
pub fn mk_order(order: i64, value: impl Into<Expr>) -> Expr {
    Expr::call("lib.mkOrder", [order.into(), value.into()])
}

/// Before those of others.
pub fn mk_before(value: impl Into<Expr>) -> Expr {
    mk_order(500, value)
}

/// After those of others.
pub fn mk_after(value: impl Into<Expr>) -> Expr {
    mk_order(1500, value)
}

// ---- logic, when the device is built ----

/// One of two values.
pub fn if_else(condition: impl Into<Expr>, then: impl Into<Expr>, otherwise: impl Into<Expr>) -> Expr {
    Expr::call("if", [condition.into(), then.into(), otherwise.into()])
}

/// The attribute of `values` that has the name `key`, or else `otherwise`:
/// `nix::select(nix::system(), attrs! { "aarch64-linux" => … }, …)`.
pub fn select(key: impl Into<Expr>, values: impl Into<Expr>, otherwise: impl Into<Expr>) -> Expr {
    Expr::call("select", [key.into(), values.into(), otherwise.into()])
}

/// Whether two values are equal.
pub fn eq(a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::call("eq", [a.into(), b.into()])
}

/// Logical negation.
pub fn not(condition: impl Into<Expr>) -> Expr {
    Expr::call("not", [condition.into()])
}

/// Whether both hold.
pub fn and(a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::call("and", [a.into(), b.into()])
}

/// Whether one holds.
pub fn or(a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::call("or", [a.into(), b.into()])
}

// ---- values ----

/// The items of several lists in one.
pub fn concat(lists: impl IntoIterator<Item = impl Into<Expr>>) -> Expr {
    Expr::call("concat", [Expr::list(lists)])
}

/// A number, path or package as text.
pub fn to_string(value: impl Into<Expr>) -> Expr {
    Expr::call("toString", [value.into()])
}

/// Plain data as JSON text.
pub fn to_json(value: impl Into<Expr>) -> Expr {
    Expr::call("toJSON", [value.into()])
}

/// The text of a file of the repository: `nix::read_file(nix::source("motd.txt"))`.
pub fn read_file(source: impl Into<Expr>) -> Expr {
    Expr::call("readFile", [source.into()])
}

// ---- packages ----

/// The path of a package's main program.
pub fn get_exe(package: impl Into<Expr>) -> Expr {
    Expr::call("lib.getExe", [package.into()])
}

/// An interpreter with packages of its own: `nix::with_packages(nix::pkgs("python3"), &["requests"])`.
pub fn with_packages(interpreter: impl Into<Expr>, packages: &[&str]) -> Expr {
    Expr::call("withPackages", [interpreter.into(), names(packages)])
}

/// A package with other arguments.
pub fn override_package(package: impl Into<Expr>, arguments: impl Into<Expr>) -> Expr {
    Expr::call("override", [package.into(), arguments.into()])
}

/// A file in the store. `name` is a plain text.
pub fn write_text(name: impl Into<String>, text: impl Into<Expr>) -> Expr {
    Expr::call("writeText", [name.into().into(), text.into()])
}

/// A shell script; its path is the script itself.
pub fn write_shell_script(name: impl Into<String>, text: impl Into<Expr>) -> Expr {
    Expr::call("writeShellScript", [name.into().into(), text.into()])
}

/// A package with the shell program `bin/<name>`, checked when it is built, with `inputs` on its `PATH`.
pub fn write_shell_application(
    name: impl Into<String>,
    inputs: impl IntoIterator<Item = impl Into<Expr>>,
    text: impl Into<Expr>,
) -> Expr {
    Expr::call("writeShellApplication", [name.into().into(), Expr::list(inputs), text.into()])
}

/// A Python script that can import `libraries` (names in `python3Packages`); its path is the script itself. The device isn't
/// built where `flake8` finds something in it, be it a long line.
pub fn write_python3(name: impl Into<String>, libraries: &[&str], text: impl Into<Expr>) -> Expr {
    Expr::call("writePython3", [name.into().into(), names(libraries), text.into()])
}

/// The same without `flake8`: for scripts that somebody else wrote.
pub fn write_python3_unchecked(name: impl Into<String>, libraries: &[&str], text: impl Into<Expr>) -> Expr {
    Expr::call("writePython3Unchecked", [name.into().into(), names(libraries), text.into()])
}

/// Formats of [`write_data`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
    Toml,
    /// Sections of keys and values.
    Ini,
}

/// A file in the store with `data` in it.
pub fn write_data(format: Format, file: impl Into<String>, data: impl Into<Expr>) -> Expr {
    let format = match format {
        Format::Json => "json",
        Format::Yaml => "yaml",
        Format::Toml => "toml",
        Format::Ini => "ini",
    };
    Expr::call("formats.generate", [format.into(), file.into().into(), data.into()])
}

fn names(names: &[&str]) -> Expr {
    Expr::list(names.iter().copied())
}
