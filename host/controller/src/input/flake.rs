//! The inputs that a repository's flake names. Nix wants them written out, so they can be read without evaluating.

use std::collections::BTreeMap;

use rnix::{
    Root,
    ast::{AttrSet, Expr, HasEntry as _},
};
use rowan::ast::AstNode as _;
use thymis_core::id::InputName;

/// Longest `flake.nix` that is read, in bytes.
pub(crate) const FILE_BYTES: usize = thymis_core::nix::raw::MAX_BYTES;
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
    let follows = |name: &str| FOLLOWED.contains(&name).then(|| name.parse().ok()).flatten();
    Ok(urls(bytes)?.into_keys().map(|name| (name.clone(), follows(&name))).collect())
}

/// Every input, with its address where that is written as one text.
pub(crate) fn urls(bytes: &[u8]) -> Result<BTreeMap<String, Option<String>>, FlakeError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FlakeError::NotUtf8)?;
    thymis_core::nix::raw::parse(text).map_err(|error| FlakeError::Syntax(error.to_string()))?;
    // As deep as the parser goes, which a small thread's stack doesn't hold.
    let found = std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, || read(text));
        reader.ok().and_then(|reader| reader.join().ok()).flatten()
    });
    let found = found.ok_or_else(|| FlakeError::Syntax("the file must be an attribute set".to_owned()))?;
    if found.len() > MAX_INPUTS { Err(FlakeError::TooMany) } else { Ok(found) }
}

fn read(text: &str) -> Option<BTreeMap<String, Option<String>>> {
    let expr = Root::parse(text).syntax().children().find_map(Expr::cast)?;
    let Expr::AttrSet(flake) = unwrapped(expr) else { return None };
    let mut found = BTreeMap::new();
    walk(&flake, &[], &mut |path, value| match path {
        [inputs, name, rest @ ..] if inputs == "inputs" => {
            let url = found.entry(name.clone()).or_default();
            if let ([key], Expr::Str(text)) = (rest, value)
                && key == "url"
            {
                *url = literal(text);
            }
        }
        _ => {}
    });
    Some(found)
}

/// Tells every attribute below `inputs`, however it is spelt, and each set on the way.
fn walk(set: &AttrSet, above: &[String], tell: &mut impl FnMut(&[String], &Expr)) {
    for entry in set.attrpath_values() {
        let (Some(attrpath), Some(value)) = (entry.attrpath(), entry.value().map(unwrapped)) else { continue };
        let own = attrpath.attrs().map(|attr| plain(&attr.syntax().text().to_string()));
        let path: Vec<String> = above.iter().cloned().chain(own).collect();
        tell(&path, &value);
        if let Expr::AttrSet(set) = &value
            && path.first().is_some_and(|first| first == "inputs")
            && path.len() < 3
        {
            walk(set, &path, tell);
        }
    }
}

/// A text without anything embedded.
fn literal(text: &rnix::ast::Str) -> Option<String> {
    match text.normalized_parts().as_slice() {
        [] => Some(String::new()),
        [rnix::ast::InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
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
    fn addresses_are_read_where_they_are_plain_texts() {
        let text = r#"{
            inputs.a.url = "github:o/a"; inputs = { b.url = "path:/etc"; c = { url = "x${y}"; flake = false; }; };
            inputs.d.follows = "a"; inputs.e = { type = "git"; }; outputs = _: { };
        }"#;
        let found = urls(text.as_bytes()).unwrap();
        let found: Vec<(&str, Option<&str>)> =
            found.iter().map(|(name, url)| (name.as_str(), url.as_deref())).collect();
        assert_eq!(found, [("a", Some("github:o/a")), ("b", Some("path:/etc")), ("c", None), ("d", None), ("e", None)]);
    }

    #[test]
    fn what_is_no_attribute_set_is_refused() {
        assert!(inputs(b"1").is_err());
        assert!(inputs(b"{ a = ").is_err());
        assert!(inputs(b"{ x = \"\xff\"; }").is_err());
    }
}
