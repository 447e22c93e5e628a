use std::{
    io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, DirEntry, include_dir};
use thymis_core::id::{IdError, ModuleName};

/// A repository with one module, in which `@name@`, `@crate@` and `@Type@` are replaced.
static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");
/// The SDK, which every repository carries, so that it builds from what it holds and the package registry.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk");
/// The Module interface that this program speaks.
pub const WIT: &str = include_str!("../../../../wit/v0.1/module.wit");
/// Of the SDK, what isn't needed to use it.
const UNUSED: [&str; 2] = ["tests", "target"];

#[derive(Debug, thiserror::Error)]
pub enum NewError {
    #[error(transparent)]
    Name(#[from] IdError),
    #[error("`{0}` can't be the name of a Rust crate: start it with a letter, and choose no word of Rust")]
    Crate(ModuleName),
    #[error("{} is there already: choose another name", .0.display())]
    Exists(PathBuf),
    #[error("{} can't be written", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Names that a crate can't have: Rust's words, and crates that every crate knows.
const NO_CRATES: [&str; 58] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "thymis_sdk",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "thymis_sdk_derive",
];
/// Types that the template's source uses; a module's own type gets a longer name.
const USED_TYPES: [&str; 18] = [
    "Artifact",
    "Choice",
    "Code",
    "Config",
    "Context",
    "Expr",
    "Localized",
    "Module",
    "Ok",
    "Option",
    "Problem",
    "Problems",
    "Result",
    "Secret",
    "Settings",
    "Some",
    "String",
    "Text",
];

/// Makes a repository with one module in a new folder.
///
/// # Errors
/// When the folder is there, or can't be written.
pub fn new(folder: &Path, name: &ModuleName) -> Result<(), NewError> {
    let crate_name = name.as_str().replace('-', "_");
    if !crate_name.starts_with(|c: char| c.is_ascii_lowercase()) || NO_CRATES.contains(&crate_name.as_str()) {
        return Err(NewError::Crate(name.clone()));
    }
    if folder.exists() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    let mut type_name: String = name
        .as_str()
        .split('-')
        .map(|word| {
            word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect::<String>()
        })
        .collect();
    if USED_TYPES.contains(&type_name.as_str()) {
        type_name.push_str("Module");
    }
    let fill = |text: &str| {
        text.replace("@name@", name.as_str()).replace("@crate@", &crate_name).replace("@Type@", &type_name)
    };
    for (path, bytes) in files(&TEMPLATE, &[]) {
        let path = path.to_string_lossy();
        let path = if path == "gitignore" { ".gitignore" } else { path.strip_suffix(".in").unwrap_or(&path) };
        let text = String::from_utf8_lossy(bytes);
        write(&folder.join(path), fill(&text).as_bytes())?;
    }
    write_sdk(folder)
}

/// Writes the SDK that this program carries into `vendor/thymis-sdk` of a repository.
///
/// # Errors
/// When the folder can't be written.
pub fn write_sdk(folder: &Path) -> Result<(), NewError> {
    let vendored = folder.join("vendor/thymis-sdk");
    match std::fs::remove_dir_all(&vendored) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(NewError::Write { path: vendored, source });
        }
        _ => {}
    }
    files(&SDK, &UNUSED).into_iter().try_for_each(|(path, bytes)| write(&vendored.join(path), bytes))
}

fn files<'a>(folder: &'a Dir<'a>, except: &[&str]) -> Vec<(&'a Path, &'a [u8])> {
    let mut found = Vec::new();
    for entry in folder.entries() {
        match entry {
            DirEntry::File(file) => found.push((file.path(), file.contents())),
            DirEntry::Dir(inner) if except.iter().any(|name| inner.path() == Path::new(name)) => {}
            DirEntry::Dir(inner) => found.extend(files(inner, &[])),
        }
    }
    found
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), NewError> {
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        std::fs::write(path, bytes)
    };
    write().map_err(|source| NewError::Write { path: path.to_owned(), source })
}
