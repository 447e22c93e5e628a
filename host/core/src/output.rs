//! What a repository's flake offers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{nix, schema::nearest, untrusted};

/// Most outputs of a flake that are listed.
const MAX_KINDS: usize = 64;
/// Most names below them, those of systems among them.
const MAX_NAMES: usize = 4096;
/// Longest name, in bytes.
const MAX_NAME: usize = 128;
/// Most names that a message tells.
const TOLD: usize = 20;
/// Stands for the outputs that aren't listed themselves.
const REST: &str = "*";
/// What Nix adds to the outputs of every flake.
const ADDED: [&str; 13] = [
    "dirtyRev",
    "dirtyShortRev",
    "inputs",
    "lastModified",
    "lastModifiedDate",
    "narHash",
    "outPath",
    "outputs",
    "rev",
    "revCount",
    "shortRev",
    "sourceInfo",
    "submodules",
];

/// A Nix function from the outputs of a flake, `inputs.<name>.outputs`, to `{ names, kinds }`: `kinds` is what
/// [`Outputs::parse`] reads, `names` is its names, for when evaluating one of them ends all of the evaluation: then
/// `kinds.<name>` is a [`Kind`] of its own.
///
/// Only the sets whose names are listed are evaluated, not what is in them. A set with an `outPath` is one thing, a
/// derivation or another flake. Names that aren't visible ASCII aren't listed: Nix may print what is no UTF-8.
pub const DISCOVERY: &str = r#"outputs:
let
  inherit (builtins) all attrNames elem elemAt filter genList isAttrs isList length listToAttrs map match stringLength tryEval;
  perSystem = [ "apps" "bundlers" "checks" "devShells" "legacyPackages" "packages" ];
  most = 4096;
  is = pattern: name: stringLength name <= 128 && match pattern name != null;
  names =
    value:
    let
      found = (tryEval (if isAttrs value && !(value ? outPath) then attrNames value else null)).value;
    in
    if isList found && length found <= most && all (is "[!-~]+") found then found else null;
  systems =
    kind: found:
    let
      below = system: if kind == "legacyPackages" then null else names outputs.${kind}.${system};
      listed = map (name: { inherit name; value = below name; }) found;
      count = sum: one: sum + (if one.value == null then 0 else length one.value);
    in
    if builtins.foldl' count (length found) listed <= most then listToAttrs listed else null;
  list =
    kind:
    let
      found = names outputs.${kind};
    in
    if found != null && elem kind perSystem then systems kind found else found;
  every = attrNames outputs;
  usable = filter (is "[A-Za-z0-9_'+-]+") every;
  shown = genList (elemAt usable) (if length usable > 64 then 64 else length usable);
  rest = if length shown < length every then [ { name = "*"; value = null; } ] else [ ];
  kinds = listToAttrs (map (name: { inherit name; value = list name; }) shown ++ rest);
in
{
  names = attrNames kinds;
  inherit kinds;
}
"#;

/// The outputs of a flake by name: at most 64, with at most 4,096 names below them, of at most 128 bytes each.
///
/// Serialised as an object; see [`Kind`]. `"*": null` says that there are others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Kind>")]
pub struct Outputs(BTreeMap<String, Kind>);

/// What one output contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "what a flake offers is a list of names, an object of systems, or null")]
pub enum Kind {
    /// A list.
    Names(BTreeSet<String>),
    /// An object: the names for each system. `null` where they aren't listed.
    Systems(BTreeMap<String, Option<BTreeSet<String>>>),
    /// `null`: no set, one that can't be evaluated, or one that is too large or has unusual names.
    Unlisted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the outputs of a flake are at most {MAX_KINDS}, with {MAX_NAMES} names of 1 to {MAX_NAME} bytes that can be shown; take `outputs` out, or restore the file from git"
)]
pub struct TooMuch;

/// An output that the flake doesn't have. Its names are made for terminals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the flake has no `{output}`{}{}", if *.any_system { " for any system" } else { "" }, told(near.as_deref(), there, *more))]
pub struct Missing {
    /// With the system, unless it is missing for all of them. Up to what is missing.
    pub output: String,
    pub any_system: bool,
    /// What has nearly the same name.
    pub near: Option<String>,
    /// The first names of what is there instead, and how many more there are.
    pub there: Vec<String>,
    pub more: usize,
}

fn told(near: Option<&str>, there: &[String], more: usize) -> String {
    let names: Vec<String> = there.iter().map(|name| format!("`{name}`")).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    match (near, names.is_empty()) {
        (_, true) => "; nothing is there".to_owned(),
        (None, _) => format!("; there {verb} {}{more}", names.join(", ")),
        (Some(near), _) => format!("; did you mean `{near}`? There {verb} {}{more}", names.join(", ")),
    }
}

impl Missing {
    fn new<'a>(path: &[&str], any_system: bool, there: impl Iterator<Item = &'a String> + Clone) -> Self {
        let near = path.last().and_then(|name| nearest(name, there.clone().map(String::as_str)));
        Self {
            output: untrusted::short(&path.join(".")),
            any_system,
            near: near.map(untrusted::short),
            more: there.clone().count().saturating_sub(TOLD),
            there: there.take(TOLD).map(|name| untrusted::short(name)).collect(),
        }
    }
}

fn is_listable(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && untrusted::is_plain(name)
}

impl Kind {
    /// Without names that can't be listed.
    fn plain(self) -> Self {
        match self {
            Self::Names(names) if names.iter().all(|name| is_listable(name)) => Self::Names(names),
            Self::Systems(systems) if systems.keys().all(|name| is_listable(name)) => {
                let plain = |names: &BTreeSet<String>| names.iter().all(|name| is_listable(name));
                Self::Systems(systems.into_iter().map(|(system, names)| (system, names.filter(plain))).collect())
            }
            _ => Self::Unlisted,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Names(names) => names.len(),
            Self::Systems(systems) => systems.len() + systems.values().flatten().map(BTreeSet::len).sum::<usize>(),
            Self::Unlisted => 0,
        }
    }
}

/// What is too much is left unlisted, the longest lists first.
impl FromIterator<(String, Kind)> for Outputs {
    fn from_iter<I: IntoIterator<Item = (String, Kind)>>(kinds: I) -> Self {
        let mut listed = BTreeMap::new();
        let mut found: Vec<(String, Kind)> = Vec::new();
        for (name, kind) in kinds {
            if found.len() < MAX_KINDS && is_listable(&name) && name != REST {
                found.push((name, kind.plain()));
            } else {
                listed.insert(REST.to_owned(), Kind::Unlisted);
            }
        }
        found.sort_by_key(|(_, kind)| kind.count());
        let mut left = MAX_NAMES;
        for (name, kind) in found {
            let rest = left.checked_sub(kind.count());
            left = rest.unwrap_or(left);
            listed.insert(name, if rest.is_some() { kind } else { Kind::Unlisted });
        }
        Self(listed)
    }
}

impl TryFrom<BTreeMap<String, Kind>> for Outputs {
    type Error = TooMuch;

    fn try_from(kinds: BTreeMap<String, Kind>) -> Result<Self, TooMuch> {
        let bounded: Self = kinds.clone().into_iter().collect();
        if bounded.0 == kinds { Ok(bounded) } else { Err(TooMuch) }
    }
}

impl Outputs {
    /// Reads the `kinds` of [`DISCOVERY`] as Nix prints them.
    ///
    /// # Errors
    /// When the text has another form. What is too much or unusual is left unlisted.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<BTreeMap<String, Kind>>(json).map(|kinds| kinds.into_iter().collect())
    }

    /// Those that are known by name.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), kind)).filter(|(name, _)| *name != REST)
    }

    /// Whether there are others.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.0.contains_key(REST)
    }

    /// Whether an output that a module refers to is there for a device of this system. For a tag, which has none, it is
    /// enough that it is there for one.
    ///
    /// # Errors
    /// When it is known not to be there.
    pub fn check(&self, path: &[String], system: Option<&str>) -> Result<(), Missing> {
        let mut full: Vec<&str> = path.iter().map(String::as_str).collect();
        if nix::is_per_system(path) {
            match (system, self.0.get(full.first().copied().unwrap_or_default())) {
                (Some(system), _) => full.insert(1, system),
                (None, Some(Kind::Systems(systems))) => return any(&full, systems),
                (None, _) => full.truncate(1),
            }
        }
        self.find(&full)
    }

    fn find(&self, path: &[&str]) -> Result<(), Missing> {
        let [first, below @ ..] = path else { return Ok(()) };
        let upto = |depth: usize| path.get(..depth).unwrap_or(path);
        if ADDED.contains(first) {
            return Ok(());
        }
        match (self.0.get(*first).or_else(|| self.0.get(REST)), below) {
            (None, _) => Err(Missing::new(upto(1), false, self.0.keys())),
            (Some(Kind::Names(names)), [name, ..]) if !names.contains(*name) => {
                Err(Missing::new(upto(2), false, names.iter()))
            }
            (Some(Kind::Systems(systems)), [system, below @ ..]) => match (systems.get(*system), below) {
                (None, _) => Err(Missing::new(upto(2), false, systems.keys())),
                (Some(Some(names)), [name, ..]) if !names.contains(*name) => {
                    Err(Missing::new(upto(3), false, names.iter()))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// An output without its system.
fn any(path: &[&str], systems: &BTreeMap<String, Option<BTreeSet<String>>>) -> Result<(), Missing> {
    let name = path.get(1);
    let has = |names: &BTreeSet<String>| name.is_none_or(|name| names.contains(*name));
    if systems.values().any(|names| names.as_ref().is_none_or(has)) {
        return Ok(());
    }
    let there: BTreeSet<&String> = systems.values().flatten().flatten().collect();
    Err(Missing::new(path.get(..2).unwrap_or(path), true, there.iter().copied()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn outputs(value: Value) -> Outputs {
        Outputs::parse(value.to_string().as_bytes()).unwrap()
    }

    fn example() -> Outputs {
        outputs(json!({
            "packages": { "x86_64-linux": ["default", "bar"], "aarch64-linux": ["bar", "arm"], "riscv64-linux": null },
            "apps": { "x86_64-linux": ["run"] },
            "checks": {},
            "devShells": { "x86_64-linux": ["default"] },
            "legacyPackages": { "x86_64-linux": null },
            "nixosModules": ["default"],
            "lib": null,
        }))
    }

    fn check(outputs: &Outputs, path: &str, system: Option<&str>) -> String {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        outputs.check(&path, system).map_or_else(|missing| missing.to_string(), |()| String::new())
    }

    #[test]
    fn what_nix_lists_is_what_is_kept() {
        nix::raw::parse(DISCOVERY).unwrap();
        let bounds =
            [format!("most = {MAX_NAMES};"), format!("<= {MAX_NAME} "), format!("> {MAX_KINDS} "), format!("{REST:?}")];
        let per_system = ["apps", "legacyPackages", "packages"].map(|kind| {
            assert!(nix::is_per_system(&[kind.to_owned()]));
            format!("{kind:?} ")
        });
        for part in bounds.iter().chain(&per_system) {
            assert!(DISCOVERY.contains(part), "{part}");
        }
    }

    #[test]
    fn what_is_there_or_may_be_is_not_missing() {
        for path in ["packages.default", "packages.default.out", "packages", "apps.run", "legacyPackages.a.b", "lib.x"]
        {
            assert_eq!(check(&example(), path, Some("x86_64-linux")), "", "{path}");
        }
        assert_eq!(check(&example(), "packages.anything", Some("riscv64-linux")), "");
        for path in ["nixosModules", "nixosModules.default", "nixosModules.default.x", "devShells.x86_64-linux.default"]
        {
            assert_eq!(check(&example(), path, None), "", "{path}");
        }
        // Nix adds these.
        assert_eq!(check(&example(), "rev", None) + &check(&example(), "inputs.nixpkgs.lib", None), "");
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_there() {
        let on = |path| check(&example(), path, Some("x86_64-linux"));
        insta::assert_snapshot!(on("packages.foo"), @"the flake has no `packages.x86_64-linux.foo`; there are `bar`, `default`");
        insta::assert_snapshot!(on("packages.defualt.x"), @"the flake has no `packages.x86_64-linux.defualt`; did you mean `default`? There are `bar`, `default`");
        insta::assert_snapshot!(on("nixosModules.sensor"), @"the flake has no `nixosModules.sensor`; there is `default`");
        insta::assert_snapshot!(on("nixosModule"), @"the flake has no `nixosModule`; did you mean `nixosModules`? There are `apps`, `checks`, `devShells`, `legacyPackages`, `lib`, `nixosModules`, `packages`");
        insta::assert_snapshot!(on("checks.a"), @"the flake has no `checks.a`; nothing is there");
        insta::assert_snapshot!(on("devShells.default"), @"the flake has no `devShells.default`; there is `x86_64-linux`");
        insta::assert_snapshot!(check(&example(), "legacyPackages.a", Some("aarch64-linux")),
            @"the flake has no `legacyPackages.aarch64-linux`; there is `x86_64-linux`");
    }

    #[test]
    fn a_tag_misses_what_no_system_has() {
        assert_eq!(check(&example(), "packages.anything", None), "", "one system isn't listed");
        let known = outputs(json!({ "packages": { "a": ["x"], "b": ["y"] }, "apps": {} }));
        assert_eq!(check(&known, "packages.y", None) + &check(&known, "packages", None), "");
        insta::assert_snapshot!(check(&known, "packages.foo", None), @"the flake has no `packages.foo` for any system; there are `x`, `y`");
        insta::assert_snapshot!(check(&known, "apps.run", None), @"the flake has no `apps.run` for any system; nothing is there");
        insta::assert_snapshot!(check(&known, "legacyPackages.foo", None), @"the flake has no `legacyPackages`; there are `apps`, `packages`");
    }

    #[test]
    fn what_is_too_much_or_odd_is_unlisted_and_nothing_is_refused() {
        let names = |count: usize| (0..count).map(|index| format!("n{index:05}")).collect::<Vec<_>>();
        let many = outputs(json!({
            "checks": { "a": names(4000) }, "lib": names(200), "overlays": ["a\u{1b}[31m"], "templates": ["x".repeat(129)],
            "apps": { "a": ["x\n"], "b": ["y"] }, "bundlers": { "a\u{202e}": ["x"] }, "tests": [""], "nixosModules": ["x".repeat(128)],
        }));
        assert_eq!(
            serde_json::to_value(&many).unwrap(),
            json!({ "apps": { "a": null, "b": ["y"] }, "bundlers": null, "checks": null, "lib": names(200),
                "nixosModules": ["x".repeat(128)], "overlays": null, "templates": null, "tests": null })
        );
        let kinds: BTreeMap<String, Kind> = names(100).into_iter().map(|name| (name, Kind::Unlisted)).collect();
        let kinds = outputs(json!(kinds));
        assert_eq!((kinds.kinds().count(), kinds.has_more()), (64, true));
        assert_eq!(check(&kinds, "packages.x", Some("a")) + &check(&kinds, "n00099", None), "");
        let odd = outputs(json!({ "a\n": ["x"], "lib": ["x"] }));
        assert_eq!(check(&odd, "a\n.y", None), "");
        assert_eq!(check(&odd, "lib.y", None), "the flake has no `lib.y`; did you mean `x`? There is `x`");
        assert_eq!(serde_json::to_string(&odd).unwrap(), r#"{"*":null,"lib":["x"]}"#);
    }

    #[test]
    fn a_message_is_short_and_harmless() {
        let names: Vec<String> = (0..100).map(|index| format!("{index:0128}")).collect();
        let told = check(&outputs(json!({ "lib": names })), "lib.\u{1b}[31mx", None);
        assert!(told.len() < 3_000 && told.ends_with("` and 80 more") && !told.contains('\u{1b}'), "{told}");
        assert_eq!(check(&outputs(json!({})), "lib", None), "the flake has no `lib`; nothing is there");
    }

    #[test]
    fn a_lock_holds_nothing_that_is_not_listed_like_this() {
        let read = |value: Value| serde_json::from_value::<Outputs>(value).map_err(|error| error.to_string());
        let text = serde_json::to_value(example()).unwrap();
        assert_eq!(read(text), Ok(example()));
        insta::assert_snapshot!(read(json!({ "lib": ["a\n"] })).unwrap_err(),
            @"the outputs of a flake are at most 64, with 4096 names of 1 to 128 bytes that can be shown; take `outputs` out, or restore the file from git");
        insta::assert_snapshot!(read(json!({ "lib": true })).unwrap_err(), @"what a flake offers is a list of names, an object of systems, or null");
        for bad in [json!([]), json!(null), json!({ "*": ["x"] }), json!({ "a\n": null }), json!({ "lib": [1] })] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        for bad in ["", "{", "[]", "{} {}", "{\"lib\": \"\"}", "{\"packages\": {\"a\": {}}}", "\u{0}"] {
            assert!(Outputs::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
