//! From the flat tables of a module's answer to checked trees.

use super::{
    Argument, Call, Expr, Kind, MAX_DEPTH, Part, Ref, Refusal, RefusalKind, function,
    function::{FORMATS, is_package_name, is_store_name},
    inspect::{Inspection, Located, is_reserved_name},
};
use crate::{
    leaf::leaves,
    nix::{is_per_system, raw},
    option::OptionPath,
    untrusted,
    wire::{self, Placement, Strength},
};

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Part of this program.
    BuiltIn,
    /// A stranger's.
    External,
}

/// What a module made of its settings, checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Configuration {
    pub definitions: Vec<Definition>,
    pub imports: Vec<Import>,
    pub secrets: Vec<Placement>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub path: OptionPath,
    pub value: Expr,
    pub strength: Strength,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Import {
    /// An output of the own flake, by attribute path.
    Output(Vec<String>),
    Raw(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub fatal: bool,
    pub holds: Option<Expr>,
    pub message: String,
}

/// First segments of a definition that NixOS reads as structure of the module around it.
const STRUCTURE: [&str; 8] =
    ["config", "options", "imports", "disabledModules", "freeformType", "meta", "key", "require"];

/// Most bytes of raw Nix in one answer: it is parsed before anyone asks whether it is permitted.
const MAX_RAW: usize = raw::MAX_BYTES;
/// Most bytes that the paths of all options may take that an answer sets.
const MAX_SPELLED: usize = 8 << 20;
/// Most names that these paths may have together: each path is kept on its own, to be compared with those of others.
const MAX_SPELLED_NAMES: usize = 400_000;

impl Configuration {
    /// # Errors
    /// Everything that is refused, with its place. Where that is very much, the first of it.
    pub fn check(answer: wire::Configuration, trust: Trust) -> Result<Self, Vec<Refusal>> {
        let mut table = Table::build(answer.exprs)?;
        let mut refusals = Vec::new();
        let mut definitions = Vec::with_capacity(answer.definitions.len());
        for definition in answer.definitions {
            let place = untrusted::short(&definition.path.join("."));
            match table.definition(definition, trust) {
                Ok(definition) => definitions.push(definition),
                Err(kinds) => refusals.extend(kinds.into_iter().map(|(inner, kind)| Refusal {
                    place: if inner.is_empty() {
                        place.clone()
                    } else {
                        format!("{place}.{}", untrusted::short(&inner.join(".")))
                    },
                    kind,
                })),
            }
            if refusals.len() >= untrusted::TOLD {
                return Err(refusals);
            }
        }
        let mut note = |place: &str, kind| refusals.push(Refusal { place: place.to_owned(), kind });
        let mut imports = Vec::with_capacity(answer.imports.len());
        for (index, id) in answer.imports.into_iter().enumerate() {
            let import = match table.take(id) {
                // A package is no NixOS module, and its permission doesn't say that it is used as one.
                Ok(Expr::Ref(Ref::Output(path))) if !is_per_system(&path) => Ok(Import::Output(path)),
                Ok(Expr::Raw(text)) => Ok(Import::Raw(text)),
                Ok(_) => Err(RefusalKind::Import),
                Err(kind) => Err(kind),
            };
            match import {
                Ok(import) => imports.push(import),
                Err(kind) => note(&format!("import {index}"), kind),
            }
        }
        let (bytes, names) = spelled(&definitions);
        if bytes > MAX_SPELLED {
            note("the definitions", RefusalKind::Spelled(bytes, MAX_SPELLED));
        } else if names > MAX_SPELLED_NAMES {
            note("the definitions", RefusalKind::SpelledNames(names, MAX_SPELLED_NAMES));
        }
        let mut checks = Vec::with_capacity(answer.checks.len());
        for (index, check) in answer.checks.into_iter().enumerate() {
            match table.condition(check, trust) {
                Ok(check) => checks.push(check),
                Err(kind) => note(&format!("check {index}"), kind),
            }
        }
        for placement in &answer.secrets {
            if let Err(why) = check_placement(placement) {
                note(&format!("secret {}", untrusted::short(&placement.secret)), RefusalKind::Placement(why));
            }
        }
        if refusals.is_empty() {
            Ok(Self { definitions, imports, secrets: answer.secrets, checks })
        } else {
            Err(refusals)
        }
    }
}

impl Configuration {
    /// What its definitions set and its checks demand.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Expr> {
        let conditions = self.checks.iter().filter_map(|check| check.holds.as_ref());
        self.definitions.iter().map(|definition| &definition.value).chain(conditions)
    }
}

fn check_placement(placement: &Placement) -> Result<(), &'static str> {
    let account = |name: &str| {
        !name.is_empty()
            && name.len() <= 32
            && !name.starts_with(['-', '.'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let path = placement.path.strip_prefix('/').ok_or("its path must be absolute")?;
    if path == "nix" || path.starts_with("nix/") {
        return Err("its path must not lie in /nix");
    }
    if !crate::permission::relative(path) {
        return Err("its path has empty segments, `.`, `..` or control characters, or is too long");
    }
    if !account(&placement.owner) || !account(&placement.group) {
        return Err("owner and group are 1 to 32 of A-Z, a-z, 0-9, `.`, `-` and `_`");
    }
    if placement.mode > 0o777 {
        return Err("its mode has more than permission bits");
    }
    Ok(())
}

/// Expressions that nothing took yet, with their depth.
struct Table(Vec<Option<(Expr, usize)>>);

impl Table {
    fn build(exprs: Vec<wire::Expr>) -> Result<Self, Vec<Refusal>> {
        let raw = || {
            let texts = exprs.iter().enumerate();
            texts.filter_map(
                |(id, expr)| if let wire::Expr::Raw(text) = expr { Some((id, text.as_str())) } else { None },
            )
        };
        let bytes: usize = raw().map(|(_, text)| text.len()).sum();
        if bytes > MAX_RAW {
            let kind = RefusalKind::RawSyntax(raw::RawError::TooLong(bytes).to_string());
            return Err(vec![Refusal { place: "all raw Nix together".to_owned(), kind }]);
        }
        let (ids, texts): (Vec<usize>, Vec<&str>) = raw().unzip();
        let bad = raw::parse_all(&texts).err().and_then(|(index, error)| Some((*ids.get(index)?, error)));
        let mut table = Self(Vec::with_capacity(exprs.len()));
        for (id, expr) in exprs.into_iter().enumerate() {
            let node = match &bad {
                Some((of, error)) if *of == id => Err(RefusalKind::RawSyntax(error.to_string())),
                _ => table.node(id, expr),
            };
            match node {
                Ok(node) => table.0.push(Some(node)),
                Err(kind) => return Err(vec![Refusal { place: format!("expression {id}"), kind }]),
            }
        }
        Ok(table)
    }

    fn take(&mut self, id: u32) -> Result<Expr, RefusalKind> {
        self.take_with_depth(id).map(|(expr, _)| expr)
    }

    fn take_with_depth(&mut self, id: u32) -> Result<(Expr, usize), RefusalKind> {
        let slot = self.0.get_mut(id as usize).ok_or(RefusalKind::Missing(id))?;
        slot.take().ok_or(RefusalKind::Shared(id))
    }

    fn node(&mut self, id: usize, expr: wire::Expr) -> Result<(Expr, usize), RefusalKind> {
        let mut deepest = 0;
        let mut child = |names: u32| {
            if names as usize >= id {
                return Err(RefusalKind::Forward { id, names });
            }
            let (expr, depth) = self.take_with_depth(names)?;
            deepest = deepest.max(depth);
            Ok(expr)
        };
        let expr = match expr {
            wire::Expr::Null => Expr::Null,
            wire::Expr::Bool(value) => Expr::Bool(value),
            wire::Expr::Int(value) => Expr::Int(value),
            wire::Expr::Float(value) if !value.is_finite() => return Err(RefusalKind::NotFinite(value.to_string())),
            wire::Expr::Float(value) if value.is_subnormal() => {
                return Err(RefusalKind::Subnormal(format!("{value:e}")));
            }
            wire::Expr::Float(value) => Expr::Float(value),
            wire::Expr::Text(parts) => Expr::Text(
                parts
                    .into_iter()
                    .map(|part| match part {
                        wire::Part::Literal(text) if text.contains('\0') => Err(RefusalKind::Nul),
                        wire::Part::Literal(text) => Ok(Part::Literal(text)),
                        wire::Part::Embed(id) => child(id).and_then(embed).map(Part::Embed),
                    })
                    .collect::<Result<_, _>>()?,
            ),
            wire::Expr::List(items) => Expr::List(items.into_iter().map(&mut child).collect::<Result<_, _>>()?),
            wire::Expr::Attrs(attrs) => Expr::Attrs(
                attrs
                    .into_iter()
                    .map(|attr| Ok::<_, RefusalKind>((attr.name, child(attr.value)?)))
                    .collect::<Result<_, _>>()?,
            ),
            wire::Expr::Ref(reference) => Expr::Ref(check_reference(reference)?),
            wire::Expr::Call(call) => {
                let arguments = call.arguments.into_iter().map(child).collect::<Result<Vec<_>, _>>()?;
                Expr::Call(check_call(&call.function, arguments)?)
            }
            // Parsed before, with all others.
            wire::Expr::Raw(text) => Expr::Raw(text),
        };
        if deepest + 1 > MAX_DEPTH { Err(RefusalKind::TooDeep) } else { Ok((expr, deepest + 1)) }
    }

    fn definition(&mut self, definition: wire::Definition, trust: Trust) -> Result<Definition, Vec<Located>> {
        let alone = |kind: RefusalKind| vec![(Vec::new(), kind)];
        let path = OptionPath::new(definition.path).map_err(|error| alone(error.into()))?;
        let value = self.take(definition.value).map_err(alone)?;
        let mut found = Vec::new();
        for (index, segment) in path.segments().iter().enumerate() {
            if index == 0 && STRUCTURE.contains(&segment.as_str()) {
                found.push((Vec::new(), RefusalKind::ReservedOption(segment.clone())));
            } else if trust == Trust::External && is_reserved_name(segment) {
                found.push((Vec::new(), RefusalKind::ReservedName(untrusted::short(segment))));
            }
        }
        let mut inspection = Inspection { trust, place: Vec::new(), found };
        if let Some(name) = path.segments().last() {
            inspection.meaning(name, &value);
        }
        inspection.property(&value);
        let found = inspection.found;
        if found.is_empty() { Ok(Definition { path, value, strength: definition.strength }) } else { Err(found) }
    }

    fn condition(&mut self, check: wire::Check, trust: Trust) -> Result<Check, RefusalKind> {
        if check.message.contains('\0') {
            return Err(RefusalKind::Nul);
        }
        let holds = check.holds.map(|id| self.take(id)).transpose()?;
        if let Some(holds) = &holds {
            if !matches!(holds.kind(), Kind::Bool | Kind::Unknown) {
                return Err(RefusalKind::Condition);
            }
            let mut inspection = Inspection { trust, place: Vec::new(), found: Vec::new() };
            inspection.value(holds);
            if let Some((_, kind)) = inspection.found.pop() {
                return Err(kind);
            }
        }
        Ok(Check { fatal: check.fatal, holds, message: check.message })
    }
}

fn embed(expr: Expr) -> Result<Expr, RefusalKind> {
    match expr.kind() {
        Kind::Text | Kind::Package | Kind::Source | Kind::Unknown => Ok(expr),
        Kind::Null => Err(RefusalKind::Embed("null")),
        Kind::Bool => Err(RefusalKind::Embed("a bool (use toString)")),
        Kind::Int | Kind::Float => Err(RefusalKind::Embed("a number (use toString)")),
        Kind::List => Err(RefusalKind::Embed("a list")),
        Kind::Attrs => Err(RefusalKind::Embed("a set")),
        Kind::Property => Err(RefusalKind::Embed("a property")),
    }
}

fn check_reference(reference: wire::Reference) -> Result<Ref, RefusalKind> {
    let bad = |root, why| RefusalKind::ReferencePath { root, why };
    let path = reference.path;
    let named = |root| {
        let usable = |name: &String| is_package_name(name) && !is_reserved_name(name);
        if path.is_empty() || path.len() > 16 {
            Err(bad(root, "it has 1 to 16 segments"))
        } else if path.iter().all(usable) {
            Ok(path.clone())
        } else {
            Err(bad(root, "a segment is 1 to 128 letters, digits and _-+'"))
        }
    };
    let handle = |root| match path.as_slice() {
        [handle] => Ok(handle.clone()),
        _ => Err(bad(root, "it is the one handle that stood in the settings")),
    };
    match reference.root.as_str() {
        "pkgs" => Ok(Ref::Package(named("pkgs")?)),
        "output" => Ok(Ref::Output(named("output")?)),
        "config" => {
            if path.iter().any(|segment| is_reserved_name(segment)) {
                return Err(bad("config", "a segment is reserved"));
            }
            Ok(Ref::Config(OptionPath::new(path)?))
        }
        "source" => {
            let path = path.join("/");
            if crate::permission::relative(&path) {
                Ok(Ref::Source(path))
            } else {
                Err(bad("source", "it is the name of a file, without empty segments, `.` and `..`"))
            }
        }
        "artifact" => Ok(Ref::Artifact(handle("artifact")?)),
        "secret" => Ok(Ref::Secret(handle("secret")?)),
        "system" if path.is_empty() => Ok(Ref::System),
        "system" => Err(bad("system", "it is empty")),
        other => Err(RefusalKind::UnknownRoot(untrusted::short(other))),
    }
}

fn check_call(name: &str, arguments: Vec<Expr>) -> Result<Call, RefusalKind> {
    let function = function(name).ok_or_else(|| RefusalKind::UnknownFunction(untrusted::short(name)))?;
    if function.arguments.len() != arguments.len() {
        return Err(RefusalKind::ArgumentCount {
            function: function.name,
            takes: function.arguments.len(),
            given: arguments.len(),
        });
    }
    for (index, (argument, takes)) in arguments.iter().zip(function.arguments).enumerate() {
        if !fits(argument, *takes) {
            return Err(RefusalKind::Argument {
                function: function.name,
                index: index + 1,
                expected: takes.expected(),
            });
        }
    }
    Ok(Call { function, arguments })
}

fn fits(expr: &Expr, argument: Argument) -> bool {
    let literal = |test: fn(&str) -> bool| expr.literal().is_some_and(|text| test(&text));
    let items = |test: &dyn Fn(&Expr) -> bool| matches!(expr, Expr::List(items) if items.iter().all(test));
    match argument {
        Argument::Definition => true,
        Argument::Value => expr.kind() != Kind::Property,
        Argument::Of(kind) => expr.kind() == kind || expr.kind() == Kind::Unknown && kind != Kind::Source,
        Argument::StoreName => literal(is_store_name),
        Argument::Format => literal(|text| FORMATS.contains(&text)),
        Argument::PackageNames => {
            items(&|item| item.literal().is_some_and(|name| is_package_name(&name) && !is_reserved_name(&name)))
        }
        Argument::Packages => items(&|item| matches!(item.kind(), Kind::Package | Kind::Unknown)),
        Argument::Lists => items(&|item| matches!(item.kind(), Kind::List | Kind::Unknown)),
        Argument::Definitions => matches!(expr, Expr::List(_)),
    }
}

/// How many bytes the paths of all options take that are set, and how many names they have: a name high up is part of every
/// path below it.
fn spelled(definitions: &[Definition]) -> (usize, usize) {
    let (mut bytes, mut names) = (0_usize, 0_usize);
    for definition in definitions {
        leaves(&definition.path, &definition.value, &mut |path, _, _| {
            bytes = bytes.saturating_add(path.segments().iter().map(String::len).sum());
            names = names.saturating_add(path.segments().len());
        });
    }
    (bytes, names)
}
