//! What the printer wrote, as rnix reads it.

use std::collections::HashSet;

use rnix::{
    NodeOrToken, Root, SyntaxElement,
    SyntaxKind::{self, *},
    SyntaxNode,
    ast::{Expr, InterpolPart, Str},
};
use rowan::ast::AstNode as _;

/// Stands for raw Nix.
pub(super) const RAW: &str = "rawNix";

/// The forms that the printer uses.
const FORMS: [SyntaxKind; 19] = [
    NODE_APPLY,
    NODE_ATTRPATH,
    NODE_ATTRPATH_VALUE,
    NODE_ATTR_SET,
    NODE_BIN_OP,
    NODE_DYNAMIC,
    NODE_IDENT,
    NODE_IDENT_PARAM,
    NODE_IF_ELSE,
    NODE_INTERPOL,
    NODE_LAMBDA,
    NODE_LET_IN,
    NODE_LIST,
    NODE_LITERAL,
    NODE_PAREN,
    NODE_PATH_REL,
    NODE_SELECT,
    NODE_STRING,
    NODE_UNARY_OP,
];
/// Words of their own, and what they are taken from otherwise.
const WORDS: [&str; 7] = ["true", "false", "null", "toString", "packageOf", "blamed", RAW];
const ROOTS: [(&str, &[&str]); 6] = [
    ("builtins", &["path", "readFile", "toJSON"]),
    ("config", &[]),
    ("inputs", &["own"]),
    ("lib", &["concatLists", "getExe", "mkDefault", "mkForce", "mkIf", "mkMerge", "mkOrder", "mkOverride", "optional"]),
    ("pkgs", &[]),
    ("ps", &[]),
];
const OPERATORS: [&str; 6] = ["+", "-", "!", "==", "&&", "||"];

/// The text is exactly one expression.
pub(super) fn one_expression(text: &str) -> SyntaxNode {
    let parsed = Root::parse(text);
    assert!(parsed.errors().is_empty(), "{:?}: {text}", parsed.errors());
    let root = parsed.syntax();
    let [only] = root.children().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("not one: {text}"));
    assert!(Expr::can_cast(only.kind()), "{text}");
    only
}

/// The items of a list.
pub(super) fn items(text: &str) -> SyntaxNode {
    let list = one_expression(&format!("[\n{text}\n]"));
    assert_eq!(list.kind(), NODE_LIST, "{text}");
    for item in list.children() {
        assert!(matches!(item.kind(), NODE_ATTR_SET | NODE_PAREN), "{text}");
    }
    list
}

/// What all strings say, piece by piece, and all names.
pub(super) fn strings(tree: &SyntaxNode) -> HashSet<String> {
    let mut found = HashSet::new();
    for node in tree.descendants() {
        if node.kind() == NODE_IDENT {
            found.insert(node.text().to_string());
        }
        let mut piece = String::new();
        for part in Str::cast(node).iter().flat_map(Str::normalized_parts) {
            match part {
                InterpolPart::Literal(text) => piece += &text,
                InterpolPart::Interpolation(_) => drop(found.insert(std::mem::take(&mut piece))),
            }
        }
        found.insert(piece);
    }
    found
}

/// Nothing but the printer's forms, words and functions: no text of a module became code.
pub(super) fn only_own_forms(tree: &SyntaxNode) {
    for element in tree.descendants_with_tokens() {
        match element {
            NodeOrToken::Node(node) => form(&node),
            NodeOrToken::Token(token) => {
                let fits = match token.kind() {
                    TOKEN_COMMENT | TOKEN_ERROR | TOKEN_URI | TOKEN_REC => false,
                    TOKEN_STRING_START => token.text() == "\"",
                    TOKEN_PATH_REL => token.text() == "../artifacts",
                    _ => true,
                };
                assert!(fits, "{token:?} in {tree}");
            }
        }
    }
}

fn form(node: &SyntaxNode) {
    let text = node.text().to_string();
    let fits = match node.kind() {
        NODE_LET_IN => text.starts_with("let ps = pkgs.python3Packages; in ["),
        NODE_LAMBDA => text.starts_with("ps: ["),
        NODE_BIN_OP | NODE_UNARY_OP => {
            let operators = node.children_with_tokens().filter_map(NodeOrToken::into_token);
            operators.filter(|token| !token.kind().is_trivia()).all(|token| OPERATORS.contains(&token.text()))
        }
        NODE_IDENT => match node.parent().map(|parent| (parent.kind(), parent)) {
            Some((NODE_ATTRPATH | NODE_IDENT_PARAM, _)) => true,
            Some((NODE_SELECT, select)) => WORDS.contains(&text.as_str()) || root(&text, &select),
            _ => WORDS.contains(&text.as_str()),
        },
        kind => FORMS.contains(&kind),
    };
    assert!(fits, "{:?} in a section: {text}", node.kind());
}

fn root(name: &str, select: &SyntaxNode) -> bool {
    let path = select.children().find(|child| child.kind() == NODE_ATTRPATH);
    let first = path.and_then(|path| path.children().next()).map(|first| first.text().to_string());
    ROOTS.iter().any(|(root, members)| {
        *root == name && (members.is_empty() || first.as_deref().is_some_and(|first| members.contains(&first)))
    })
}

/// The trees differ in raw Nix only, which stands in parentheses.
pub(super) fn same_but_raw(plain: &SyntaxNode, tree: &SyntaxNode) {
    assert_eq!(plain.kind(), tree.kind(), "{plain} is not {tree}");
    if plain.kind() == NODE_PAREN && plain.children().any(|child| child.kind() == NODE_IDENT && child.text() == RAW) {
        return;
    }
    let parts = |node: &SyntaxNode| -> Vec<SyntaxElement> {
        node.children_with_tokens().filter(|part| !part.kind().is_trivia()).collect()
    };
    let (mine, theirs) = (parts(plain), parts(tree));
    assert_eq!(mine.len(), theirs.len(), "{plain} is not {tree}");
    for pair in mine.iter().zip(&theirs) {
        match pair {
            (NodeOrToken::Node(mine), NodeOrToken::Node(theirs)) => same_but_raw(mine, theirs),
            (NodeOrToken::Token(mine), NodeOrToken::Token(theirs)) => assert_eq!(mine.text(), theirs.text()),
            (mine, theirs) => panic!("{mine} is not {theirs}"),
        }
    }
}
