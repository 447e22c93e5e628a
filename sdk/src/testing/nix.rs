//! Expressions as text for eyes: close to what the host prints, which alone decides about the real Nix.

use crate::{
    Expr,
    expr::{Node, Piece},
};

pub(super) fn expr(expr: &Expr) -> String {
    indented(expr, 0)
}

fn indented(expr: &Expr, depth: usize) -> String {
    match &expr.0 {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Int(number) => number.to_string(),
        Node::Float(number) => format!("{number:?}"),
        Node::Text(pieces) => text(pieces, depth),
        Node::List(items) if items.iter().all(is_short) => {
            let items: Vec<_> = items.iter().map(|item| atom(item, depth)).collect();
            if items.is_empty() { "[ ]".to_owned() } else { format!("[ {} ]", items.join(" ")) }
        }
        Node::List(items) => {
            let items = items.iter().map(|item| format!("{}{}\n", margin(depth + 1), atom(item, depth + 1)));
            format!("[\n{}{}]", items.collect::<String>(), margin(depth))
        }
        Node::Attrs(set) if set.is_empty() => "{ }".to_owned(),
        Node::Attrs(set) => {
            let name = |name: &String| crate::Path::new([name]).to_string();
            let lines =
                set.iter().map(|(n, v)| format!("{}{} = {};\n", margin(depth + 1), name(n), indented(v, depth + 1)));
            format!("{{\n{}{}}}", lines.collect::<String>(), margin(depth))
        }
        Node::Ref("pkgs", path) => format!("pkgs.{path}"),
        Node::Ref("config", path) => format!("config.{path}"),
        Node::Ref("system", _) => "system".to_owned(),
        Node::Ref("source", path) => format!("<source {}>", path.names().join("/")),
        Node::Ref(root, path) => format!("<{root} {path}>"),
        Node::Call(function, arguments) => {
            let arguments = arguments.iter().map(|argument| format!(" {}", atom(argument, depth)));
            format!("{function}{}", arguments.collect::<String>())
        }
        Node::Raw(nix) => format!("({nix})"),
    }
}

/// In parentheses where an argument or list item needs them.
fn atom(expr: &Expr, depth: usize) -> String {
    let text = indented(expr, depth);
    let negative =
        matches!(expr.0, Node::Int(number) if number < 0) || matches!(expr.0, Node::Float(number) if number < 0.0);
    if matches!(expr.0, Node::Call(..)) || negative { format!("({text})") } else { text }
}

fn is_short(expr: &Expr) -> bool {
    match &expr.0 {
        Node::Text(pieces) => {
            pieces.iter().map(|p| if let Piece::Literal(text) = p { text.len() } else { 20 }).sum::<usize>() < 30
        }
        Node::List(items) => items.is_empty(),
        Node::Attrs(set) => set.is_empty(),
        Node::Call(..) | Node::Raw(_) => false,
        _ => true,
    }
}

fn text(pieces: &[Piece], depth: usize) -> String {
    let lines = pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('\n')));
    let body: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Embed(expr) => format!("${{{}}}", indented(expr, depth)),
            Piece::Literal(text) if lines => text.replace("''", "'''").replace("${", "''${"),
            Piece::Literal(text) => text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"),
        })
        .collect();
    if !lines {
        return format!("\"{body}\"");
    }
    let margin_inside = margin(depth + 1);
    let lines: String = body
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{margin_inside}{line}\n") })
        .collect();
    format!("''\n{lines}{}''", margin(depth))
}

fn margin(depth: usize) -> String {
    "  ".repeat(depth)
}
