use std::fmt;

use super::function;

/// Something that a module's answer must not contain, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The definition, import or check, and the attribute path inside it.
    pub place: String,
    pub kind: RefusalKind,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.kind)
    }
}

/// Why something is refused. The sentences tell what NixOS would have made of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalKind {
    #[error("the expression {id} names the expression {names}, which isn't before it")]
    Forward { id: usize, names: u32 },
    #[error("the expression {0} is named more than once; an expression is a tree")]
    Shared(u32),
    #[error("there is no expression {0}")]
    Missing(u32),
    #[error("an expression is nested deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
    #[error(transparent)]
    Path(#[from] crate::option::OptionPathError),
    #[error("`{0}` is part of a NixOS module's structure, not an option")]
    ReservedOption(String),
    #[error("the attribute name `{0}` means something to Nix or to the module system and can't be set by a module")]
    ReservedName(String),
    #[error("a set with `type = \"derivation\"` would pass as a package; refer to one instead")]
    ForgedDerivation,
    #[error(
        "an attribute `key` that starts with `:anon-`, or may come to, is the name of another definition to NixOS, which then drops that one"
    )]
    ForgedKey,
    #[error("the attribute `{0}` is there twice")]
    DuplicateName(String),
    #[error("an attribute name is empty or {0} bytes long, 1 to 1024 are allowed")]
    NameLength(usize),
    #[error(
        "a text spells a path of the Nix store, or the beginning of one, where NixOS would import it; refer to a package, an output or a source"
    )]
    StorePath,
    #[error("a text contains a NUL, which Nix can't hold")]
    Nul,
    #[error("{0} is not a number that Nix can hold")]
    NotFinite(String),
    #[error("{0} is too close to zero to be written in Nix; use 0 or at least 2.3e-308")]
    Subnormal(String),
    #[error("unknown reference `{0}`; known are pkgs, config, output, source, artifact, secret, system")]
    UnknownRoot(String),
    #[error("the reference `{root}` has a bad path: {why}")]
    ReferencePath { root: &'static str, why: &'static str },
    #[error("unknown function `{0}`; known are {names}", names = function::names())]
    UnknownFunction(String),
    #[error("`{function}` takes {takes} arguments, {given} are given")]
    ArgumentCount { function: &'static str, takes: usize, given: usize },
    #[error("argument {index} of `{function}` must be {expected}")]
    Argument { function: &'static str, index: usize, expected: String },
    #[error("`{0}` may stand only at the top of a definition: inside a value it would be taken for data")]
    Property(&'static str),
    #[error("a text embeds {0}, which Nix can't turn into text")]
    Embed(&'static str),
    #[error("this isn't one Nix expression: {0}")]
    RawSyntax(String),
    #[error(
        "its options, written out one by one, take {0} bytes, {1} are allowed: nest less deeply below shorter names"
    )]
    Spelled(usize, usize),
    #[error("its options, written out one by one, have {0} names, {1} are allowed: nest less deeply, or set fewer")]
    SpelledNames(usize, usize),
    #[error(
        "its references to secrets and artifacts, written out, take {0} bytes, {1} are allowed: refer to them less often"
    )]
    Referred(usize, usize),
    #[error("an import must be a reference to a NixOS module among the outputs of the own flake, or raw Nix")]
    Import,
    #[error("a check's condition must be a bool")]
    Condition,
    #[error("a secret is to be placed badly: {0}")]
    Placement(&'static str),
}
