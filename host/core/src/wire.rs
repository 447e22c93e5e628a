//! What crosses the boundary between host and module, as plain tables: the latest released WIT version, unchecked.
//!
//! Every WIT version is lifted into these types (by the sandbox from components, by the controller from modules that are
//! linked natively), and everything behind them checks: [`crate::schema`] the descriptors, [`crate::expr`] the
//! configurations.

/// JSON text.
pub type Json = String;
/// `(locale, text)` pairs.
pub type Localized = Vec<Translation>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    pub locale: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    pub key: String,
    pub value: Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: Localized,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Scalar(String),
    Select(Vec<Choice>),
    Group(Vec<Setting>),
    List(u32),
    Map(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingType {
    pub shape: Shape,
    pub constraints: Vec<Extra>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub type_: u32,
    pub label: Localized,
    pub description: Localized,
    pub required: bool,
    pub default: Option<Json>,
    pub example: Option<Json>,
    pub conditions: Vec<Condition>,
    pub extra: Vec<Extra>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub when: Vec<Test>,
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub setting: String,
    pub any_of: Vec<Json>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Visible,
    Required,
    Allowed(Vec<Json>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub name: String,
    pub schema_version: u32,
    pub label: Localized,
    pub description: Localized,
    pub category: Localized,
    pub types: Vec<SettingType>,
    pub settings: u32,
    pub extra: Vec<Extra>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Literal(String),
    Embed(u32),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attr {
    pub name: String,
    pub value: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    pub root: String,
    pub path: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub function: String,
    pub arguments: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Vec<Part>),
    List(Vec<u32>),
    Attrs(Vec<Attr>),
    Ref(Reference),
    Call(Call),
    Raw(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strength {
    Merge,
    Override,
    Fallback,
    Force,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub path: Vec<String>,
    pub value: u32,
    pub strength: Strength,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub secret: String,
    pub path: String,
    pub owner: String,
    pub group: String,
    pub mode: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub fatal: bool,
    pub holds: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Configuration {
    pub exprs: Vec<Expr>,
    pub definitions: Vec<Definition>,
    pub imports: Vec<u32>,
    pub secrets: Vec<Placement>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    Configuration,
    Tag,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub kind: TargetKind,
    pub id: String,
    pub device_type: Option<String>,
    pub system: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub name: String,
    pub instance: String,
    pub settings: Json,
    pub target: Target,
    pub context: Vec<Extra>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: Option<String>,
    pub message: Localized,
}

/// What `generate` of a module answers: a configuration, or what is wrong with the settings.
pub type Answer = Result<Configuration, Vec<Problem>>;
