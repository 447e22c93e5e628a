//! Trees of expressions as the WIT package's flat table: an expression names only earlier ones, each at most once.

use crate::{
    Expr,
    config::Draft,
    expr::{Node, Piece},
    wit,
};

pub(crate) fn configuration(draft: Draft) -> wit::Configuration {
    let mut table = Table(Vec::new());
    let definitions = draft
        .definitions
        .into_iter()
        .map(|(path, value, strength)| wit::Definition { path: path.into_names(), value: table.add(value), strength })
        .collect();
    let imports = draft.imports.into_iter().map(|module| table.add(module)).collect();
    let checks = draft
        .checks
        .into_iter()
        .map(|check| wit::Check {
            fatal: check.fatal,
            holds: check.holds.map(|holds| table.add(holds)),
            message: check.message,
        })
        .collect();
    let secrets = draft.secrets.into_iter().map(|placement| placement.0).collect();
    wit::Configuration { exprs: table.0, definitions, imports, secrets, checks }
}

struct Table(Vec<wit::Expr>);

impl Table {
    /// After all that it is made of.
    fn add(&mut self, expr: Expr) -> wit::ExprId {
        let row = match expr.0 {
            Node::Null => wit::Expr::Null,
            Node::Bool(value) => wit::Expr::Bool(value),
            Node::Int(number) => wit::Expr::Int(number),
            Node::Float(number) => wit::Expr::Float(number),
            Node::Text(pieces) => wit::Expr::Text(pieces.into_iter().map(|piece| self.part(piece)).collect()),
            Node::List(items) => wit::Expr::List(self.all(items)),
            Node::Attrs(set) => wit::Expr::Attrs(
                set.into_iter().map(|(name, value)| wit::Attr { name, value: self.add(value) }).collect(),
            ),
            Node::Ref(root, path) => wit::Expr::Ref(wit::Reference { root: root.to_owned(), path: path.into_names() }),
            Node::Call(function, arguments) => {
                wit::Expr::Call(wit::Call { function: function.to_owned(), arguments: self.all(arguments) })
            }
            Node::Raw(nix) => wit::Expr::Raw(nix),
        };
        self.0.push(row);
        // The host refuses tables long before their length exceeds 32 bits.
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    fn all(&mut self, exprs: Vec<Expr>) -> Vec<wit::ExprId> {
        exprs.into_iter().map(|expr| self.add(expr)).collect()
    }

    fn part(&mut self, piece: Piece) -> wit::Part {
        match piece {
            Piece::Literal(text) => wit::Part::Literal(text),
            Piece::Embed(expr) => wit::Part::Embed(self.add(expr)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{config::Draft, prelude::*, wit};

    #[test]
    fn expressions_name_only_earlier_ones_and_each_once() {
        let mut draft = Draft::default();
        let shared = text!("{}/bin/{}", nix::pkgs("curl"), nix::system());
        draft
            .config()
            .set("a", nix::mk_if(true, list![1, &shared, attrs! { "x" => &shared, "y" => nix::null() }]))
            .set("b", &shared)
            .import(nix::output("nixosModules.default"))
            .assert(nix::not(false), "never");
        let flat = draft.into_wit();

        let mut used = vec![0; flat.exprs.len()];
        for (index, expr) in flat.exprs.iter().enumerate() {
            let children = match expr {
                wit::Expr::Text(parts) => {
                    parts.iter().filter_map(|p| if let wit::Part::Embed(id) = p { Some(*id) } else { None }).collect()
                }
                wit::Expr::List(ids) => ids.clone(),
                wit::Expr::Attrs(attrs) => attrs.iter().map(|attr| attr.value).collect(),
                wit::Expr::Call(call) => call.arguments.clone(),
                _ => Vec::new(),
            };
            for child in children {
                assert!((child as usize) < index);
                used[child as usize] += 1;
            }
        }
        let roots = flat.definitions.iter().map(|d| d.value).chain(flat.imports.iter().copied());
        for root in roots.chain(flat.checks.iter().filter_map(|check| check.holds)) {
            used[root as usize] += 1;
        }
        assert!(used.iter().all(|uses| *uses == 1), "{used:?}");
    }
}
