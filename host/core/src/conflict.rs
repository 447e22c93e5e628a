//! Disagreements between the modules of one device, found before anything is built.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    expr::{Definition, Expr},
    id::{ConfigurationId, InstanceId, ModuleId, TagId},
    leaf::leaves,
    option::OptionPath,
    wire::Strength,
};

/// NixOS's priorities (`lib.mkForce`, plain, `lib.mkDefault`).
pub const FORCE: u32 = 50;
pub const PLAIN: u32 = 100;
pub const DEFAULT: u32 = 1000;

/// Most conflicts that are told of one option.
const MAX_TOLD: usize = 64;

/// A configuration or a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetId {
    Configuration(ConfigurationId),
    Tag(TagId),
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(id) => write!(f, "configuration `{id}`"),
            Self::Tag(id) => write!(f, "tag `{id}`"),
        }
    }
}

impl TargetId {
    /// The generated file.
    #[must_use]
    pub fn file(&self) -> String {
        match self {
            Self::Configuration(id) => format!("hosts/{id}.nix"),
            Self::Tag(id) => format!("tags/{id}.nix"),
        }
    }
}

/// Which use of which module, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub target: TargetId,
    pub module: ModuleId,
    pub instance: InstanceId,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.module)?;
        if self.instance.as_str() != self.module.name.as_str() {
            write!(f, " as `{}`", self.instance)?;
        }
        write!(f, " in {}", self.target)
    }
}

/// What a definition sets, for comparing.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Two different ones conflict.
    Scalar(String),
    /// NixOS merges it, or only evaluation knows.
    Other,
}

/// One option that an instance sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub path: OptionPath,
    pub value: Value,
    pub strength: Strength,
    pub priority: u32,
    /// The definition was a set that replaces its siblings.
    pub replaces: Option<OptionPath>,
    pub origin: Arc<Origin>,
}

/// The options that the definitions of one instance set.
#[must_use]
pub fn facts(definitions: &[Definition], priority: u32, origin: &Arc<Origin>) -> Vec<Fact> {
    let mut facts = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let priority = match definition.strength {
            Strength::Merge => PLAIN,
            Strength::Override => priority,
            Strength::Fallback => DEFAULT,
            Strength::Force => FORCE,
        };
        leaves(&definition.path, &definition.value, &mut |path, value, chosen| {
            let replaces =
                (definition.strength != Strength::Merge && path != &definition.path).then(|| definition.path.clone());
            facts.push(Fact {
                path: path.clone(),
                value: if chosen { Value::Other } else { comparable(value) },
                strength: definition.strength,
                priority,
                replaces,
                origin: Arc::clone(origin),
            });
        });
    }
    facts
}

fn comparable(value: &Expr) -> Value {
    if !value.is_scalar() {
        return Value::Other;
    }
    let mut text = String::new();
    match value {
        Expr::Bool(value) => text.push_str(&value.to_string()),
        Expr::Int(value) => text.push_str(&value.to_string()),
        Expr::Float(value) => text.push_str(&value.to_string()),
        Expr::Text(_) => crate::nix::string(&value.literal().unwrap_or_default(), &mut text),
        _ => text.push_str("null"),
    }
    Value::Scalar(text)
}

/// Two values for one option at the priority that wins.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "`{path}` is set to {one_value} by {one} and to {other_value} by {other}, both with priority {priority}. Give one of the two targets a stronger (lower) priority, set the option in the configuration itself, or remove one of the two modules"
)]
pub struct Conflict {
    pub path: OptionPath,
    pub priority: u32,
    pub one: Arc<Origin>,
    pub one_value: String,
    pub other: Arc<Origin>,
    pub other_value: String,
}

/// A value that NixOS drops because another one has a stronger priority, where its author meant to merge.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "`{path}` from {dropped}, which is meant to merge, is dropped: {winner} sets `{winning_path}` with priority {priority}, which replaces it"
)]
pub struct Dropped {
    pub path: OptionPath,
    pub dropped: Arc<Origin>,
    pub winner: Arc<Origin>,
    pub winning_path: OptionPath,
    pub priority: u32,
}

/// Compares what all instances of one device set.
#[must_use]
pub fn compare<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> (Vec<Conflict>, Vec<Dropped>) {
    let mut by_path: BTreeMap<&OptionPath, Here<'a>> = BTreeMap::new();
    for fact in facts {
        by_path.entry(&fact.path).or_default().facts.push(fact);
        if let Some(path) = &fact.replaces {
            by_path.entry(path).or_default().replaced_by(fact);
        }
    }
    let mut conflicts = Vec::new();
    let mut dropped = Vec::new();
    for here in by_path.values().filter(|here| here.facts.len() > 1) {
        at_one_path(&here.facts, &mut conflicts, &mut dropped);
    }
    // What lies below a path follows it in the map's order, so the paths above one are a stack. A value is told of once.
    let mut above: Vec<(&OptionPath, &Here<'_>)> = Vec::new();
    for (path, here) in &by_path {
        while above.last().is_some_and(|(upper, _)| !path.starts_with(upper)) {
            above.pop();
        }
        if here.strongest.is_some() {
            above.push((path, here));
        }
        for fact in here.facts.iter().filter(|fact| fact.strength == Strength::Merge) {
            let winner = above.iter().find_map(|(upper, here)| Some((upper, here.winner_over(fact)?)));
            if let Some((replaced, winner)) = winner {
                dropped.push(Dropped {
                    path: fact.path.clone(),
                    dropped: Arc::clone(&fact.origin),
                    winner: Arc::clone(&winner.origin),
                    winning_path: (*replaced).clone(),
                    priority: winner.priority,
                });
            }
        }
    }
    (conflicts, dropped)
}

/// What is said of one path.
#[derive(Default)]
struct Here<'a> {
    facts: Vec<&'a Fact>,
    /// Of the sets that replace what lies below: the strongest, and the strongest of anybody else.
    strongest: Option<&'a Fact>,
    second: Option<&'a Fact>,
}

impl<'a> Here<'a> {
    fn replaced_by(&mut self, fact: &'a Fact) {
        match self.strongest {
            None => self.strongest = Some(fact),
            Some(known) if known.origin == fact.origin => {
                self.strongest = Some(if fact.priority < known.priority { fact } else { known });
            }
            Some(known) if fact.priority < known.priority => {
                (self.strongest, self.second) = (Some(fact), Some(known));
            }
            Some(_) if self.second.is_none_or(|known| fact.priority < known.priority) => self.second = Some(fact),
            Some(_) => {}
        }
    }

    fn winner_over(&self, fact: &Fact) -> Option<&'a Fact> {
        let wins = |one: &&Fact| one.priority < fact.priority && one.origin != fact.origin;
        self.strongest.filter(wins).or(self.second.filter(wins))
    }
}

/// A value for a message, which may reach a log: not where the option's name says that nobody is to read it.
fn shown(path: &OptionPath, value: &str) -> String {
    const HIDDEN: [&str; 5] = ["password", "passphrase", "secret", "token", "psk"];
    let name = path.segments().last().map(|name| name.to_lowercase()).unwrap_or_default();
    if HIDDEN.iter().any(|word| name.contains(word)) {
        return "a value that is not shown".to_owned();
    }
    crate::untrusted::short(value)
}

fn at_one_path(facts: &[&Fact], conflicts: &mut Vec<Conflict>, dropped: &mut Vec<Dropped>) {
    let Some(winning) = facts.iter().map(|fact| fact.priority).min() else { return };
    let mut winners = facts.iter().filter(|fact| fact.priority == winning);
    let Some(first) = winners.next() else { return };
    let before = conflicts.len();
    for other in winners {
        if let (Value::Scalar(one_value), Value::Scalar(other_value)) = (&first.value, &other.value)
            && one_value != other_value
            && conflicts.len() - before < MAX_TOLD
        {
            conflicts.push(Conflict {
                path: first.path.clone(),
                priority: winning,
                one: Arc::clone(&first.origin),
                one_value: shown(&first.path, one_value),
                other: Arc::clone(&other.origin),
                other_value: shown(&first.path, other_value),
            });
        }
    }
    for loser in facts.iter().filter(|fact| fact.strength == Strength::Merge && fact.priority > winning) {
        dropped.push(Dropped {
            path: loser.path.clone(),
            dropped: Arc::clone(&loser.origin),
            winner: Arc::clone(&first.origin),
            winning_path: first.path.clone(),
            priority: winning,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(target: &str, module: &str) -> Arc<Origin> {
        let target = match target.strip_prefix("tag:") {
            Some(tag) => TargetId::Tag(tag.parse().unwrap()),
            None => TargetId::Configuration(target.parse().unwrap()),
        };
        let module: ModuleId = module.parse().unwrap();
        Arc::new(Origin { target, instance: InstanceId::from(&module.name), module })
    }

    fn definition(path: &str, value: Expr, strength: Strength) -> Definition {
        Definition { path: path.parse().unwrap(), value, strength }
    }

    fn text(text: &str) -> Expr {
        Expr::Text(vec![crate::expr::Part::Literal(text.to_owned())])
    }

    #[test]
    fn two_overrides_of_one_priority_conflict_with_both_names() {
        let a =
            facts(&[definition("time.timeZone", text("UTC"), Strength::Override)], 90, &origin("tag:core", "x/zone"));
        let b = facts(
            &[definition("time.timeZone", text("Europe/Berlin"), Strength::Override)],
            90,
            &origin("tag:office", "y/zone"),
        );
        let (conflicts, _) = compare(a.iter().chain(&b));
        insta::assert_snapshot!(conflicts[0], @r#"`time.timeZone` is set to "UTC" by `x/zone` in tag `core` and to "Europe/Berlin" by `y/zone` in tag `office`, both with priority 90. Give one of the two targets a stronger (lower) priority, set the option in the configuration itself, or remove one of the two modules"#);
    }

    #[test]
    fn passwords_are_not_told() {
        let of = |text_: &str, tag| {
            facts(
                &[definition("thymis.config.wifi-password", text(text_), Strength::Override)],
                90,
                &origin(tag, "x/a"),
            )
        };
        let (conflicts, _) = compare(of("hunter2", "tag:core").iter().chain(&of("hunter3", "tag:office")));
        assert!(!conflicts[0].to_string().contains("hunter"), "{}", conflicts[0]);
    }

    #[test]
    fn a_stronger_definition_settles_it() {
        let a = facts(&[definition("a.b", text("1"), Strength::Override)], 90, &origin("tag:core", "x/a"));
        let b = facts(&[definition("a.b", text("2"), Strength::Override)], 90, &origin("tag:office", "x/a"));
        let c = facts(&[definition("a.b", text("3"), Strength::Override)], 80, &origin("host", "x/a"));
        let (conflicts, _) = compare(a.iter().chain(&b).chain(&c));
        assert_eq!(conflicts, []);
        let equal = compare(a.iter().chain(&a));
        assert_eq!(equal.0, []);
    }

    #[test]
    fn what_only_evaluation_chooses_is_left_to_evaluation() {
        let function = crate::expr::function("if").unwrap();
        let arguments = vec![Expr::Bool(true), text("1"), text("2")];
        let either = Expr::Call(crate::expr::Call { function, arguments });
        let one = facts(&[definition("a.b", either, Strength::Override)], 80, &origin("host", "x/a"));
        assert_eq!(compare(&one).0, []);
    }

    #[test]
    fn a_replaced_merge_is_named() {
        let list = Expr::List(vec![Expr::Int(22)]);
        let a = facts(&[definition("ports", list.clone(), Strength::Merge)], 90, &origin("tag:core", "x/a"));
        let b = facts(&[definition("ports", list, Strength::Override)], 80, &origin("host", "x/b"));
        let (conflicts, dropped) = compare(a.iter().chain(&b));
        assert_eq!(conflicts, []);
        insta::assert_snapshot!(dropped[0], @"`ports` from `x/a` in tag `core`, which is meant to merge, is dropped: `x/b` in configuration `host` sets `ports` with priority 80, which replaces it");
    }

    #[test]
    fn as_many_leaves_as_a_module_may_return_are_compared_in_no_time() {
        let leaves = |prefix: &str| Expr::Attrs((0..20_000).map(|n| (format!("{prefix}{n}"), Expr::Int(1))).collect());
        let mine = facts(&[definition("a", leaves("x"), Strength::Override)], 80, &origin("host", "x/a"));
        let yours = facts(&[definition("a", leaves("y"), Strength::Merge)], 80, &origin("tag:core", "x/b"));
        let started = std::time::Instant::now();
        let (conflicts, dropped) = compare(mine.iter().chain(&yours));
        assert_eq!((conflicts.len(), dropped.len()), (0, 20_000));
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_set_that_replaces_drops_its_siblings() {
        let mine = Expr::Attrs(vec![("mine".to_owned(), Expr::Int(1))]);
        let a = facts(&[definition("users.users", mine, Strength::Override)], 80, &origin("host", "x/a"));
        let b = facts(
            &[definition("users.users.alice", Expr::List(vec![]), Strength::Merge)],
            80,
            &origin("tag:core", "x/b"),
        );
        let (_, dropped) = compare(a.iter().chain(&b));
        assert_eq!(dropped.len(), 1);
        assert_eq!(dropped[0].path.to_string(), "users.users.alice");
    }
}
