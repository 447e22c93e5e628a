//! Expressions as JSON: plain data as it is, everything else as text that looks like Nix.

use super::nix;
use crate::{
    Expr, Json,
    expr::{Node, Piece},
};

pub(super) fn json(expr: &Expr) -> Json {
    match &expr.0 {
        Node::Null => Json::Null,
        Node::Bool(value) => (*value).into(),
        Node::Int(number) => (*number).into(),
        Node::Float(number) => (*number).into(),
        Node::Text(pieces) => pieces.iter().map(piece).collect::<String>().into(),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Attrs(set) => Json::Object(set.iter().map(|(name, value)| (name.clone(), json(value))).collect()),
        Node::Ref(..) | Node::Call(..) | Node::Raw(_) => nix::expr(expr).into(),
    }
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Embed(expr) => format!("${{{}}}", nix::expr(expr)),
    }
}

/// Puts `value` at the path; attribute sets are merged, of other values the later counts.
pub(super) fn insert(tree: &mut Json, path: &[String], value: Json) {
    match path {
        [] => merge(tree, value),
        [name, rest @ ..] => {
            if !tree.is_object() {
                *tree = Json::Object(serde_json::Map::new());
            }
            if let Json::Object(object) = tree {
                insert(object.entry(name.clone()).or_insert(Json::Null), rest, value);
            }
        }
    }
}

fn merge(tree: &mut Json, value: Json) {
    match (tree, value) {
        (Json::Object(object), Json::Object(more)) => {
            for (name, value) in more {
                merge(object.entry(name).or_insert(Json::Null), value);
            }
        }
        (tree, value) => *tree = value,
    }
}

pub(super) fn get<'a>(tree: &'a Json, path: &[String]) -> Option<&'a Json> {
    path.iter().try_fold(tree, |tree, name| tree.get(name))
}
