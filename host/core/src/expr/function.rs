//! The functions that an expression may call.

use std::fmt;

/// What an expression evaluates to, as far as it is known without evaluating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List,
    Attrs,
    Package,
    /// A file of the own repository.
    Source,
    /// `mkIf` and its like: means something at the top of a definition only.
    Property,
    /// Known when evaluated.
    Unknown,
}

/// What a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Any value, but no property.
    Value,
    /// Any value or a property.
    Definition,
    Of(Kind),
    /// A literal that can be the name of a store path.
    StoreName,
    /// A list of literals that are names of packages.
    PackageNames,
    /// A list of packages.
    Packages,
    /// A literal: `json`, `yaml`, `toml` or `ini`.
    Format,
    /// A list of lists.
    Lists,
    /// A list of values and properties.
    Definitions,
}

/// How a call is printed. `{0}` stands for the first argument in parentheses where Nix needs them, and so on.
#[derive(PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    pub arguments: &'static [Argument],
    pub result: Kind,
    pub template: &'static str,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn of(name: &'static str, arguments: &'static [Argument], result: Kind, template: &'static str) -> Function {
    Function { name, arguments, result, template }
}

use Argument::{Definition, Definitions, Format, Lists, Of, PackageNames, Packages, StoreName, Value};

const FUNCTIONS: &[Function] = &[
    of("lib.mkIf", &[Of(Kind::Bool), Definition], Kind::Property, "lib.mkIf {0} {1}"),
    of("lib.mkMerge", &[Definitions], Kind::Property, "lib.mkMerge {0}"),
    of("lib.mkOrder", &[Of(Kind::Int), Value], Kind::Property, "lib.mkOrder {0} {1}"),
    of("if", &[Of(Kind::Bool), Value, Value], Kind::Unknown, "if {0} then {1} else {2}"),
    of("select", &[Of(Kind::Text), Of(Kind::Attrs), Value], Kind::Unknown, "{1}.${{0}} or {2}"),
    of("eq", &[Value, Value], Kind::Bool, "{0} == {1}"),
    of("not", &[Of(Kind::Bool)], Kind::Bool, "!{0}"),
    of("and", &[Of(Kind::Bool), Of(Kind::Bool)], Kind::Bool, "{0} && {1}"),
    of("or", &[Of(Kind::Bool), Of(Kind::Bool)], Kind::Bool, "{0} || {1}"),
    of("concat", &[Lists], Kind::List, "lib.concatLists {0}"),
    of("toString", &[Value], Kind::Text, "toString {0}"),
    of("toJSON", &[Value], Kind::Text, "builtins.toJSON {0}"),
    of("readFile", &[Of(Kind::Source)], Kind::Text, "builtins.readFile {0}"),
    of("lib.getExe", &[Of(Kind::Package)], Kind::Text, "lib.getExe {0}"),
    of("withPackages", &[Of(Kind::Package), PackageNames], Kind::Package, "{0}.withPackages (ps: {1})"),
    of("override", &[Of(Kind::Package), Of(Kind::Attrs)], Kind::Package, "{0}.override {1}"),
    of("writeText", &[StoreName, Of(Kind::Text)], Kind::Package, "pkgs.writeText {0} {1}"),
    of("writeShellScript", &[StoreName, Of(Kind::Text)], Kind::Package, "pkgs.writeShellScript {0} {1}"),
    of(
        "writeShellApplication",
        &[StoreName, Packages, Of(Kind::Text)],
        Kind::Package,
        "pkgs.writeShellApplication { name = {0}; runtimeInputs = {1}; text = {2}; }",
    ),
    of(
        "writePython3",
        &[StoreName, PackageNames, Of(Kind::Text)],
        Kind::Package,
        "pkgs.writers.writePython3 {0} { libraries = let ps = pkgs.python3Packages; in {1}; } {2}",
    ),
    of(
        "writePython3Unchecked",
        &[StoreName, PackageNames, Of(Kind::Text)],
        Kind::Package,
        "pkgs.writers.writePython3 {0} { libraries = let ps = pkgs.python3Packages; in {1}; doCheck = false; } {2}",
    ),
    of(
        "formats.generate",
        &[Format, StoreName, Of(Kind::Attrs)],
        Kind::Package,
        "(pkgs.formats.{0} { }).generate {1} {2}",
    ),
];

/// The function of this name.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The names of all functions, for messages.
#[must_use]
pub(super) fn names() -> String {
    FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>().join(", ")
}

/// The formats of `pkgs.formats` that `formats.generate` knows.
pub(super) const FORMATS: [&str; 4] = ["json", "yaml", "toml", "ini"];

/// A name that Nix takes for a store path: letters, digits and `+-._?=`, not starting with a dot, at most 200 bytes.
#[must_use]
pub(super) fn is_store_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b))
}

/// A name in a package set.
#[must_use]
pub(super) fn is_package_name(name: &str) -> bool {
    name.len() <= 128
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+'".contains(&b))
}

impl Argument {
    /// What is expected, for a message.
    #[must_use]
    pub(super) fn expected(self) -> String {
        match self {
            Self::Value => "a value; properties such as mkIf stand at the top of a definition".to_owned(),
            Self::Definition => "a value or a property".to_owned(),
            Self::Of(kind) => format!("{kind:?}").to_lowercase(),
            Self::StoreName => {
                "a literal name of 1 to 200 letters, digits and +-._?=, not starting with a dot".to_owned()
            }
            Self::PackageNames => "a list of literal package names".to_owned(),
            Self::Packages => "a list of packages".to_owned(),
            Self::Format => format!("one of the literals {}", FORMATS.join(", ")),
            Self::Lists => "a list of lists".to_owned(),
            Self::Definitions => "a list of values and properties".to_owned(),
        }
    }
}
