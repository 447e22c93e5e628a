//! Any answer of a module, also what no SDK makes. Mostly of the right kinds, or nothing would get past the check.

use thymis_core::{
    expr::{Argument, Kind, function},
    wire::{Attr, Call, Check, Configuration, Definition, Expr, Part, Placement, Reference, Strength},
};

use super::syntax::RAW;
use crate::decode::Bytes;

/// Deeper than is accepted.
const DEPTH: usize = 56;
const MOST: usize = 4000;

/// The first three are properties.
const FUNCTIONS: [&str; 23] = [
    "lib.mkIf",
    "lib.mkMerge",
    "lib.mkOrder",
    "if",
    "select",
    "eq",
    "not",
    "and",
    "or",
    "concat",
    "toString",
    "toJSON",
    "readFile",
    "lib.getExe",
    "withPackages",
    "override",
    "writeText",
    "writeShellScript",
    "writeShellApplication",
    "writePython3",
    "writePython3Unchecked",
    "formats.generate",
    "builtins.exec",
];
const OPTIONS: [&str; 8] =
    ["services", "systemd", "environment", "users", "networking", "boot", "assertions", "_module"];
const RAWS: [&str; 8] =
    ["1", "{ a = 1; }", "x: x # )", "let a = 1; in a", "''\n${a}''", "a b c", "1; }", "{ a, b ? (1) }@c: [ c ]"];

pub(super) fn decode(bytes: &mut Bytes<'_>) -> Configuration {
    let edits = bytes.below(8).saturating_sub(5);
    let mut maker = Maker { bytes, exprs: Vec::new() };
    let mut answer = Configuration::default();
    while !maker.bytes.0.is_empty() && maker.exprs.len() < MOST {
        match maker.bytes.below(8) {
            0..5 => answer.definitions.push(maker.definition()),
            5 => answer.imports.push(maker.import()),
            6 => answer.secrets.push(maker.placement()),
            _ => answer.checks.push(maker.check()),
        }
    }
    answer.exprs = maker.exprs;
    for _ in 0..edits {
        edit(&mut answer, bytes);
    }
    answer
}

/// Number of things in an answer, and the bytes of its texts.
pub(super) fn size(answer: &Configuration) -> (usize, usize) {
    let mut texts: Vec<&str> = Vec::new();
    let mut pieces = 0;
    for expr in &answer.exprs {
        pieces += 1;
        match expr {
            Expr::Text(parts) => {
                pieces += parts.len();
                texts.extend(parts.iter().map(|part| if let Part::Literal(text) = part { text } else { "" }));
            }
            Expr::Attrs(attrs) => texts.extend(attrs.iter().map(|attr| attr.name.as_str())),
            Expr::Ref(reference) => texts.extend(reference.path.iter().map(String::as_str)),
            Expr::Raw(text) => texts.push(text),
            _ => {}
        }
    }
    texts.extend(answer.definitions.iter().flat_map(|definition| &definition.path).map(String::as_str));
    texts.extend(answer.checks.iter().map(|check| check.message.as_str()));
    pieces += answer.definitions.len() + answer.imports.len() + answer.checks.len();
    (pieces, texts.into_iter().map(str::len).sum())
}

/// Puts another id where one stood.
fn edit(answer: &mut Configuration, bytes: &mut Bytes<'_>) {
    let other = u32::from(bytes.byte());
    let at = bytes.byte();
    if let Some(definition) = answer.definitions.first_mut()
        && at == 0
    {
        definition.value = other;
        return;
    }
    let ids: Vec<&mut u32> = answer.exprs.iter_mut().flat_map(ids).collect();
    let count = ids.len();
    if let Some(id) = ids.into_iter().nth(usize::from(at) % count.max(1)) {
        *id = other;
    }
}

fn ids(expr: &mut Expr) -> Vec<&mut u32> {
    match expr {
        Expr::Text(parts) => {
            parts.iter_mut().filter_map(|p| if let Part::Embed(id) = p { Some(id) } else { None }).collect()
        }
        Expr::List(items) => items.iter_mut().collect(),
        Expr::Attrs(attrs) => attrs.iter_mut().map(|attr| &mut attr.value).collect(),
        Expr::Call(call) => call.arguments.iter_mut().collect(),
        _ => Vec::new(),
    }
}

struct Maker<'a, 'b> {
    bytes: &'a mut Bytes<'b>,
    exprs: Vec<Expr>,
}

impl Maker<'_, '_> {
    fn push(&mut self, expr: Expr) -> u32 {
        self.exprs.push(expr);
        u32::try_from(self.exprs.len() - 1).unwrap()
    }

    fn definition(&mut self) -> Definition {
        let first = self.bytes.pick(&OPTIONS).to_owned();
        let rest = self.bytes.many(3, Bytes::text);
        let strength = self.bytes.pick(&[Strength::Merge, Strength::Override, Strength::Fallback, Strength::Force]);
        let value = self.argument(Argument::Definition, 0);
        Definition { path: [first].into_iter().chain(rest).collect(), value, strength }
    }

    fn import(&mut self) -> u32 {
        match self.bytes.below(4) {
            0 => self.raw(),
            1 => self.value(0),
            _ => {
                let path = vec!["nixosModules".to_owned(), self.bytes.text()];
                self.push(Expr::Ref(Reference { root: "output".to_owned(), path }))
            }
        }
    }

    fn placement(&mut self) -> Placement {
        let text = |bytes: &mut Bytes<'_>, usual: &str| if bytes.once_in(4) { bytes.text() } else { usual.to_owned() };
        Placement {
            secret: text(self.bytes, "secret:0"),
            path: format!("/run/{}", text(self.bytes, "\"${x}")),
            owner: text(self.bytes, "root"),
            group: text(self.bytes, "root"),
            mode: u16::from(self.bytes.byte()) * 3,
        }
    }

    fn check(&mut self) -> Check {
        let fatal = self.bytes.once_in(2);
        let holds = self.bytes.once_in(2).then(|| self.of(Kind::Bool, 0));
        Check { fatal, holds, message: self.bytes.text() }
    }

    fn literal(&mut self, text: impl Into<String>) -> u32 {
        self.push(Expr::Text(vec![Part::Literal(text.into())]))
    }

    fn raw(&mut self) -> u32 {
        let text = match self.bytes.below(12) {
            index @ 0..8 => RAWS[index].to_owned(),
            8 => RAW.to_owned(),
            _ => self.bytes.many(4, Bytes::text).join(" "),
        };
        self.push(Expr::Raw(text))
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> u32) -> u32 {
        let items = (0..self.bytes.below(4)).map(|_| item(self)).collect();
        self.push(Expr::List(items))
    }

    fn reference(&mut self, root: &str) -> u32 {
        let path = match root {
            "artifact" => vec!["artifact:1".to_owned()],
            "secret" => vec!["secret:0".to_owned()],
            "output" if self.bytes.once_in(2) => vec!["packages".to_owned(), self.bytes.text()],
            "system" => self.bytes.many(1, Bytes::text),
            _ => [self.bytes.text()].into_iter().chain(self.bytes.many(2, Bytes::text)).collect(),
        };
        self.push(Expr::Ref(Reference { root: root.to_owned(), path }))
    }

    fn call(&mut self, name: &str, depth: usize) -> u32 {
        let takes = function(name).map_or(&[][..], |function| function.arguments);
        let arguments = takes.iter().map(|argument| self.argument(*argument, depth + 1)).collect();
        self.push(Expr::Call(Call { function: name.to_owned(), arguments }))
    }

    fn argument(&mut self, argument: Argument, depth: usize) -> u32 {
        if self.bytes.once_in(32) {
            return self.value(depth);
        }
        match argument {
            Argument::Definition if self.bytes.once_in(3) => {
                let name = self.bytes.pick(&FUNCTIONS[..3]);
                self.call(name, depth)
            }
            Argument::Value | Argument::Definition => self.value(depth),
            Argument::Of(kind) => self.of(kind, depth),
            Argument::StoreName => {
                let name = if self.bytes.once_in(4) { self.bytes.text() } else { "run-1.sh".to_owned() };
                self.literal(name)
            }
            Argument::Format => {
                let name = self.bytes.pick(&["json", "yaml", "toml", "ini", "with"]);
                self.literal(name)
            }
            Argument::PackageNames => self.list(|maker| {
                let name = maker.bytes.text();
                maker.literal(name)
            }),
            Argument::Packages => self.list(|maker| maker.of(Kind::Package, depth + 1)),
            Argument::Lists => self.list(|maker| maker.of(Kind::List, depth + 1)),
            Argument::Definitions => self.list(|maker| maker.argument(Argument::Definition, depth + 1)),
        }
    }

    fn of(&mut self, kind: Kind, depth: usize) -> u32 {
        if depth > DEPTH {
            return self.push(Expr::Bool(true));
        }
        match kind {
            Kind::Bool if self.bytes.once_in(3) => {
                let name = self.bytes.pick(&FUNCTIONS[5..9]);
                self.call(name, depth)
            }
            Kind::Bool => {
                let value = self.bytes.once_in(2);
                self.push(Expr::Bool(value))
            }
            Kind::Int => {
                let value = if self.bytes.once_in(4) { i64::MIN } else { self.bytes.number() };
                self.push(Expr::Int(value))
            }
            Kind::Text => self.text(depth),
            Kind::List => self.list(|maker| maker.value(depth + 1)),
            Kind::Attrs => self.attrs(depth),
            Kind::Source => self.reference("source"),
            Kind::Package if self.bytes.once_in(3) => {
                let name = self.bytes.pick(&FUNCTIONS[14..22]);
                self.call(name, depth)
            }
            Kind::Package => {
                let root = self.bytes.pick(&["pkgs", "output"]);
                self.reference(root)
            }
            _ => self.value(depth),
        }
    }

    fn text(&mut self, depth: usize) -> u32 {
        let parts = (0..self.bytes.below(4))
            .map(|_| match self.bytes.below(4) {
                0 => {
                    let kind = self.bytes.pick(&[Kind::Text, Kind::Package, Kind::Source]);
                    Part::Embed(self.of(kind, depth + 1))
                }
                _ => Part::Literal(self.bytes.text()),
            })
            .collect();
        self.push(Expr::Text(parts))
    }

    fn attrs(&mut self, depth: usize) -> u32 {
        let attrs = (0..self.bytes.below(5))
            .map(|_| {
                let name = self.bytes.text();
                Attr { name, value: self.value(depth + 1) }
            })
            .collect();
        self.push(Expr::Attrs(attrs))
    }

    fn value(&mut self, depth: usize) -> u32 {
        if depth > DEPTH || self.exprs.len() > MOST {
            return self.push(Expr::Null);
        }
        match self.bytes.below(12) {
            0 => self.push(Expr::Null),
            1 => self.of(Kind::Bool, depth),
            2 => self.of(Kind::Int, depth),
            3 => {
                let value = f64::from_bits(self.bytes.number().cast_unsigned());
                self.push(Expr::Float(value))
            }
            4 | 5 => self.text(depth),
            6 => self.of(Kind::List, depth),
            7 | 8 => self.attrs(depth),
            9 => {
                let roots = ["pkgs", "config", "output", "source", "artifact", "secret", "system", "builtins"];
                let root = self.bytes.pick(&roots);
                self.reference(root)
            }
            10 => {
                let name = if self.bytes.once_in(32) { "lib.mkIf" } else { self.bytes.pick(&FUNCTIONS[3..]) };
                self.call(name, depth)
            }
            _ => self.raw(),
        }
    }
}
