//! Instantiating several configurations in one process: what most of them share is evaluated once.
//!
//! What becomes of each is told in the log as it is known, behind a word that nobody can guess, because Nix prints nothing
//! that can be read if one of them ends the process.

use std::{collections::BTreeMap, fmt::Write as _, process::Stdio};

use serde::{Deserialize, Serialize};
use thymis_core::{digest::Digest, id::ConfigurationId, nix};

use super::{
    Evaluation, NixError,
    evaluation::failed,
    process::{End, read_plain},
};

/// Longest file of Nix's statistics, in bytes.
const STATISTICS: u64 = 1 << 20;
/// Most options of one configuration that are listed, and most names below one.
const MOST: usize = 1000;
/// Most bytes of them that are kept.
const KEPT: usize = 256 << 10;

/// What became of several configurations.
#[derive(Debug, Default)]
pub struct Instantiated {
    pub done: BTreeMap<ConfigurationId, Instance>,
    /// The one that was being evaluated when the process ended too early.
    pub last: Option<ConfigurationId>,
    /// Bytes of Nix's heap at the end, where it came so far.
    pub heap_bytes: Option<u64>,
    pub error: Option<NixError>,
}

/// One configuration.
#[derive(Debug, Default)]
pub struct Instance {
    /// The store path of the derivation that makes the system; absent where it can't be evaluated.
    pub derivation: Option<String>,
    /// What strangers' NixOS modules define, where that was asked for.
    pub definitions: Vec<DefinedBy>,
    /// Whether that is all of it. A module can keep Nix from telling.
    pub is_known: bool,
}

/// An option with a file that defines it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DefinedBy {
    pub option: Vec<String>,
    pub file: String,
    /// Of a set of modules (`systemd.services`), those that are defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

impl Evaluation<'_> {
    /// Instantiates configurations one after the other; beside that lists the options that are defined by files whose
    /// names begin with one of `prefixes`.
    ///
    /// # Errors
    /// When `nix` or the jail is missing. What else goes wrong is part of the answer.
    pub fn instantiate(&self, ids: &[ConfigurationId], prefixes: &[String]) -> Result<Instantiated, NixError> {
        let mark = mark()?;
        let state = self.nix.state(&self.sources)?;
        let statistics = state.path().join("statistics.json");
        let mut jail = self.nix.jail(&self.sources, state.path(), &[])?;
        jail.urls = &self.urls;
        let inside = if jail.unconfined { statistics.clone() } else { "/nix/var/statistics.json".into() };
        let environment = [("NIX_SHOW_STATS", "1".to_owned()), ("NIX_SHOW_STATS_PATH", inside.display().to_string())];
        jail.environment = &environment;
        let mut command = self.command(&jail, "nixosConfigurations", &expression(&mark, ids, prefixes));
        let ended = self.nix.run_within(&mut command, Stdio::null(), &self.limits)?;
        let mut found = read(&mark, &ended.said, ids);
        let statistics = read_plain(&statistics, STATISTICS).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        found.heap_bytes = statistics.map(|Statistics { gc }| gc.heap_size);
        found.error = match ended.end {
            End::Exit(0) => None,
            _ => Some(failed(&ended, &self.limits)),
        };
        Ok(found)
    }
}

/// A word that nobody can guess.
fn mark() -> Result<String, NixError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(std::io::Error::from)?;
    Ok(Digest::of(&key).hex())
}

#[derive(Deserialize)]
struct Statistics {
    gc: Collector,
}

#[derive(Deserialize)]
struct Collector {
    #[serde(rename = "heapSize")]
    heap_size: u64,
}

/// A function of all configurations that tells about some.
fn expression(mark: &str, ids: &[ConfigurationId], prefixes: &[String]) -> String {
    let list = |texts: &mut dyn Iterator<Item = &str>| {
        texts.fold(String::new(), |mut list, text| {
            list.push(' ');
            nix::string(text, &mut list);
            list
        })
    };
    let ids = list(&mut ids.iter().map(|id| id.as_str()));
    let prefixes = list(&mut prefixes.iter().map(String::as_str));
    let mut text = String::new();
    let _ = write!(
        text,
        r#"all:
let
  inherit (builtins) any attrNames concatMap elem elemAt filter foldl' genList isAttrs length listToAttrs map seq stringLength substring toJSON trace tryEval;
  ids = [{ids} ];
  prefixes = [{prefixes} ];
  tell = what: trace "{mark} ${{toJSON what}}";
  first = list: genList (elemAt list) (if length list > {MOST} then {MOST} else length list);
  isTheirs = file: any (prefix: substring 0 (stringLength prefix) file == prefix) prefixes;
  below = value: if isAttrs value && !(value ? outPath || value ? _type) then first (attrNames value) else null;
  names = value: let found = tryEval (below value); in if found.success then found.value else null;
  defined =
    path: option:
    let
      # A default is a definition by whoever declares the option.
      isDefault = file: option.highestPrio or 1500 >= 1500 && elem file (map toString option.declarations);
      isMeant = definition: let file = toString definition.file; in isTheirs file && !isDefault file;
      found = tryEval (
        map
          (definition: {{ option = path; file = toString definition.file; names = names definition.value; }})
          (filter isMeant option.definitionsWithLocations)
      );
    in
    if found.success then found.value else [ ];
  walk =
    path: set:
    concatMap (
      name:
      let
        found = tryEval (if isAttrs set.${{name}} then set.${{name}}._type or "set" else "value");
        here = path ++ [ name ];
      in
      if name == "_module" || !found.success then [ ]
      else if found.value == "option" then defined here set.${{name}}
      else if found.value == "set" then walk here set.${{name}}
      else [ ]
    ) (attrNames set);
  # Of all before anything else, so that no walk ends what isn't told yet.
  derivations = listToAttrs (
    map (id: {{ name = id; value = tryEval all.${{id}}.config.system.build.toplevel.drvPath; }}) ids
  );
  make =
    id:
    let
      value = if derivations.${{id}}.success then derivations.${{id}}.value else null;
    in
    tell {{ inherit id; begun = true; }} (seq value (tell {{ inherit id; derivation = value; }} null));
  look =
    id:
    let
      theirs = walk [ ] all.${{id}}.options;
      told = {{ inherit id; definitions = first theirs; whole = length theirs <= {MOST}; }};
    in
    if prefixes == [ ] || !derivations.${{id}}.success then null else tell told null;
in
seq (foldl' (before: id: seq before (make id)) null ids) (map look ids)"#
    );
    text
}

/// A line of the log.
#[derive(Deserialize)]
struct Told {
    id: ConfigurationId,
    #[serde(default)]
    begun: bool,
    #[serde(default)]
    derivation: Option<String>,
    #[serde(default)]
    definitions: Option<Vec<DefinedBy>>,
    #[serde(default)]
    whole: bool,
}

fn read(mark: &str, log: &[u8], ids: &[ConfigurationId]) -> Instantiated {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        msg: std::borrow::Cow<'a, str>,
    }
    let mut found = Instantiated::default();
    for line in log.split(|byte| *byte == b'\n') {
        let Some(line) = line.strip_prefix(b"@nix ") else { continue };
        if memchr(line, mark.as_bytes()).is_none() {
            continue;
        }
        let Ok(Line { msg }) = serde_json::from_slice(line) else { continue };
        let Some((_, told)) = msg.split_once(mark) else { continue };
        let told = told.trim_end_matches("\u{1b}[0m");
        let Ok(told) = serde_json::from_str::<Told>(told) else { continue };
        if !ids.contains(&told.id) {
            continue;
        }
        if told.begun {
            found.last = Some(told.id);
        } else {
            let one = found.done.entry(told.id).or_default();
            match told.definitions {
                Some(definitions) => {
                    let all = definitions.len();
                    one.definitions = bounded(definitions);
                    one.is_known = told.whole && one.definitions.len() == all;
                }
                None => one.derivation = told.derivation,
            }
        }
    }
    // What was told of it stays, whatever came later.
    found.last = found.last.filter(|id| !found.done.contains_key(id));
    found
}

/// Where names are too many or too long, the option itself is kept.
fn bounded(definitions: Vec<DefinedBy>) -> Vec<DefinedBy> {
    let bytes = |one: &DefinedBy| {
        let texts = one.option.iter().chain(one.names.iter().flatten()).chain([&one.file]);
        texts.map(|text| size_of::<String>() + text.len()).sum::<usize>()
    };
    let mut left = KEPT;
    let mut kept = Vec::new();
    for mut one in definitions {
        if bytes(&one) > left {
            one.names = None;
        }
        if let Some(rest) = left.checked_sub(bytes(&one)) {
            left = rest;
            kept.push(one);
        }
    }
    kept
}

fn memchr(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
