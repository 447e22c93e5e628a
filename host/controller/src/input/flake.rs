//! The inputs that a repository's flake names. Nix wants them written out, so they can be read without evaluating.

use std::collections::{BTreeMap, BTreeSet};

use rnix::{
    Root,
    ast::{AttrSet, Expr, HasEntry as _},
};
use rowan::ast::AstNode as _;
use thymis_core::id::InputName;

/// Longest `flake.nix` that is read, in bytes.
pub(super) const MAX_BYTES: usize = thymis_core::nix::raw::MAX_BYTES;
const MAX_INPUTS: usize = 256;
/// Inputs of the project that an input of the same name in a repository follows.
const FOLLOWED: [&str; 2] = ["nixpkgs", "thymis"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlakeError {
    #[error("flake.nix is not UTF-8")]
    NotUtf8,
    #[error("flake.nix is not an attribute set that Nix can read: {0}")]
    Syntax(String),
    #[error("flake.nix has more than {MAX_INPUTS} inputs")]
    TooMany,
}

/// Every input, with the project's input that it follows.
pub(super) fn inputs(bytes: &[u8]) -> Result<BTreeMap<String, Option<InputName>>, FlakeError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FlakeError::NotUtf8)?;
    thymis_core::nix::raw::parse(text).map_err(|error| FlakeError::Syntax(error.to_string()))?;
    // As deep as the parser goes, which a small thread's stack doesn't hold.
    let names = std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, || names(text));
        reader.ok().and_then(|reader| reader.join().ok()).flatten()
    });
    let names = names.ok_or_else(|| FlakeError::Syntax("the file must be an attribute set".to_owned()))?;
    if names.len() > MAX_INPUTS {
        return Err(FlakeError::TooMany);
    }
    Ok(names
        .into_iter()
        .map(|name| {
            let follows = FOLLOWED.contains(&name.as_str()).then(|| name.parse().ok()).flatten();
            (name, follows)
        })
        .collect())
}

fn names(text: &str) -> Option<BTreeSet<String>> {
    let expr = Root::parse(text).syntax().children().find_map(Expr::cast)?;
    let Expr::AttrSet(flake) = unwrapped(expr) else { return None };
    let mut names = BTreeSet::new();
    for entry in flake.attrpath_values() {
        let path: Vec<String> =
            entry.attrpath()?.attrs().map(|attr| plain(&attr.syntax().text().to_string())).collect();
        match path.as_slice() {
            [inputs] if inputs == "inputs" => {
                if let Some(Expr::AttrSet(set)) = entry.value().map(unwrapped) {
                    names.extend(first_names(&set));
                }
            }
            [inputs, name, ..] if inputs == "inputs" => {
                names.insert(name.clone());
            }
            _ => {}
        }
    }
    Some(names)
}

fn first_names(set: &AttrSet) -> Vec<String> {
    set.attrpath_values()
        .filter_map(|entry| Some(plain(&entry.attrpath()?.attrs().next()?.syntax().text().to_string())))
        .collect()
}

fn unwrapped(expr: Expr) -> Expr {
    match expr {
        Expr::Paren(paren) => match paren.expr() {
            Some(inner) => unwrapped(inner),
            None => Expr::Paren(paren),
        },
        other => other,
    }
}

/// A name as written, without quotes.
fn plain(name: &str) -> String {
    name.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        inputs(text.as_bytes()).unwrap().into_keys().collect()
    }

    #[test]
    fn every_spelling_of_inputs_is_read() {
        assert_eq!(of("{ outputs = _: { }; }"), Vec::<String>::new());
        assert_eq!(of("{ inputs.nixpkgs.url = \"a\"; inputs.x.follows = \"y\"; outputs = _: { }; }"), ["nixpkgs", "x"]);
        assert_eq!(
            of("{ inputs = { nixpkgs.url = \"a\"; \"q\" = { url = \"b\"; }; }; outputs = _: { }; }"),
            ["nixpkgs", "q"]
        );
    }

    #[test]
    fn what_is_no_attribute_set_is_refused() {
        assert!(inputs(b"1").is_err());
        assert!(inputs(b"{ a = ").is_err());
        assert!(inputs(b"{ x = \"\xff\"; }").is_err());
    }
}
