use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thymis_core::{
    digest::NarHash,
    grant::Pin,
    id::InputName,
    json::{self, JsonError},
    reference::FlakeReference,
    untrusted,
};

const MAX_NODES: usize = 10_000;
/// Most inputs of one node, and most steps of a path that is followed.
const MAX_EDGES: usize = 256;
const MAX_PATH: usize = 32;

/// `flake.lock`, version 7: <https://nix.dev/manual/nix/latest/command-ref/new-cli/nix3-flake#lock-files>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlakeLock {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) root: String,
    version: u32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Node {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flake: Option<bool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) inputs: BTreeMap<String, Edge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) locked: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Value>,
}

impl Node {
    /// An attribute of what it is locked to.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.locked.as_ref()?.get(name)?.as_str()
    }

    pub(super) fn hash(&self) -> Option<NarHash> {
        self.text("narHash")?.parse().ok()
    }

    pub(super) fn address(&self) -> Option<String> {
        let forge = || Some(format!("{}:{}/{}", self.text("type")?, self.text("owner")?, self.text("repo")?));
        self.text("url").map(str::to_owned).or_else(forge)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Edge {
    Node(String),
    Follows(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlakeLockError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("flake.lock has version {0}; this Thymis knows version 7")]
    Version(u32),
    #[error("flake.lock has {0} nodes, {MAX_NODES} are allowed")]
    TooMany(usize),
    #[error(
        "flake.lock has a node with more than {MAX_EDGES} inputs, or one that follows a path of more than {MAX_PATH} names"
    )]
    TooLarge,
    #[error(
        "flake.lock and modules.lock disagree on `{input}`: {what} {flake} there, {modules} here. Restore both files from one commit, or run `thymis input add --replace {input} URL`"
    )]
    Disagrees { input: InputName, what: &'static str, flake: String, modules: String },
    #[error(
        "flake.lock has no node for `{input}`, which modules.lock pins. Restore both files from one commit, or run `thymis input add --replace {input} URL`"
    )]
    Absent { input: InputName },
}

impl FlakeLock {
    /// # Errors
    /// When the bytes are not a lock in the version that this program knows.
    pub fn parse(bytes: &[u8]) -> Result<Self, FlakeLockError> {
        let lock: Self = json::object("flake.lock", bytes)?;
        if lock.version != 7 {
            return Err(FlakeLockError::Version(lock.version));
        }
        if lock.nodes.len() > MAX_NODES {
            return Err(FlakeLockError::TooMany(lock.nodes.len()));
        }
        let is_long = |edge: &Edge| matches!(edge, Edge::Follows(path) if path.len() > MAX_PATH);
        let has_many = |(name, node): (&String, &Node)| *name != lock.root && node.inputs.len() > MAX_EDGES;
        if lock.nodes.iter().any(has_many) || lock.nodes.values().any(|node| node.inputs.values().any(is_long)) {
            return Err(FlakeLockError::TooLarge);
        }
        Ok(lock)
    }

    /// The lock for these pins. Nodes below a direct input are taken over from `old` where that input is unchanged.
    #[must_use]
    pub fn compose(pins: &BTreeMap<InputName, Pin>, old: Option<&Self>) -> Self {
        let mut nodes = BTreeMap::new();
        let root = Node {
            inputs: pins.keys().map(|name| (name.to_string(), Edge::Node(name.to_string()))).collect(),
            ..Node::default()
        };
        for (name, pin) in pins {
            let mut node = direct(pin);
            let same = old
                .and_then(|old| Some((old, old.direct(name.as_str())?)))
                .filter(|(_, before)| before.locked == node.locked);
            for (own, target) in &pin.inputs {
                if let Some(target) = target.as_ref().filter(|target| pins.contains_key(*target)) {
                    node.inputs.insert(own.clone(), Edge::Follows(vec![target.to_string()]));
                } else if let Some((old, edge)) = same.and_then(|(old, before)| Some((old, before.inputs.get(own)?))) {
                    node.inputs.insert(own.clone(), adopted(name, edge));
                    if let Edge::Node(below) = edge {
                        nodes.extend(old.adopted_below(name, below));
                    }
                }
            }
            nodes.insert(name.to_string(), node);
        }
        nodes.insert("root".to_owned(), root);
        Self { nodes, root: "root".to_owned(), version: 7 }
    }

    /// Inputs of inputs that no node is known for: only Nix can find out what they are.
    #[must_use]
    pub fn incomplete(&self, pins: &BTreeMap<InputName, Pin>) -> Vec<String> {
        let mut missing = Vec::new();
        for (name, pin) in pins {
            let node = self.direct(name.as_str());
            for own in pin.inputs.keys() {
                if node.is_none_or(|node| !node.inputs.contains_key(own)) {
                    missing.push(format!("{name}/{}", untrusted::short(own)));
                }
            }
        }
        missing
    }

    /// Takes the nodes below a direct input over from a lock that Nix made for the same inputs.
    pub fn graft(&mut self, input: &InputName, from: &Self) {
        let Some(edges) = from.direct(input.as_str()).map(|node| &node.inputs) else { return };
        for edge in edges.values() {
            let Edge::Node(name) = edge else { continue };
            self.nodes.extend(from.adopted_below(input, name));
        }
        let own = self.nodes.get(&self.root).and_then(|root| root.inputs.get(input.as_str())).cloned();
        if let Some(Edge::Node(own)) = own
            && let Some(node) = self.nodes.get_mut(&own)
        {
            node.inputs = edges.iter().map(|(own, edge)| (own.clone(), adopted(input, edge))).collect();
        }
    }

    /// A node and all below it, under names of this input.
    fn adopted_below(&self, input: &InputName, name: &str) -> BTreeMap<String, Node> {
        let adopt = |(name, mut node): (String, Node)| {
            node.inputs = node.inputs.iter().map(|(own, edge)| (own.clone(), adopted(input, edge))).collect();
            (named_below(input, &name), node)
        };
        self.below(name).into_iter().map(adopt).collect()
    }

    /// # Errors
    /// When a node is not what the pin says.
    pub fn agrees(&self, pins: &BTreeMap<InputName, Pin>) -> Result<(), FlakeLockError> {
        for (name, pin) in pins {
            let node = self.direct(name.as_str()).ok_or_else(|| FlakeLockError::Absent { input: name.clone() })?;
            let wanted = direct(pin);
            for what in ["type", "url", "host", "owner", "repo", "dir", "rev", "narHash"] {
                let shown = |node: &Node| {
                    let value = node.locked.as_ref().and_then(|locked| locked.get(what)).and_then(Value::as_str);
                    untrusted::short(value.unwrap_or("nothing"))
                };
                if shown(node) != shown(&wanted) {
                    return Err(FlakeLockError::Disagrees {
                        input: name.clone(),
                        what,
                        flake: shown(node),
                        modules: shown(&wanted),
                    });
                }
            }
        }
        Ok(())
    }

    /// The NAR hashes of all nodes but the direct ones.
    #[must_use]
    pub fn below_direct(&self) -> BTreeSet<NarHash> {
        let root = self.nodes.get(&self.root);
        let direct: BTreeSet<&str> = root
            .iter()
            .flat_map(|root| root.inputs.values())
            .filter_map(|edge| if let Edge::Node(name) = edge { Some(name.as_str()) } else { None })
            .collect();
        let below = self.nodes.iter().filter(|(name, _)| !direct.contains(name.as_str()));
        below.filter_map(|(_, node)| node.hash()).collect()
    }

    /// The addresses of all nodes, as evaluation needs them.
    #[must_use]
    pub fn urls(&self) -> BTreeSet<String> {
        self.nodes.values().filter_map(Node::address).collect()
    }

    /// The NAR hashes of an input and all inputs below it, as far as they are locked.
    #[must_use]
    pub fn sources(&self, input: &InputName) -> BTreeSet<NarHash> {
        let mut hashes = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.resolve(&[input.to_string()]).into_iter().collect();
        while let Some(name) = open.pop() {
            let Some(node) = self.nodes.get(name).filter(|_| seen.insert(name)) else { continue };
            hashes.extend(node.hash());
            open.extend(node.inputs.values().filter_map(|edge| match edge {
                Edge::Node(name) => Some(name.as_str()),
                Edge::Follows(path) => self.resolve(path),
            }));
        }
        hashes
    }

    /// The node that a path of inputs leads to from the root.
    pub(super) fn resolve(&self, path: &[String]) -> Option<&str> {
        let mut node = self.root.as_str();
        // What is followed may follow something itself; a circle leads nowhere.
        let mut rest: Vec<&String> = path.iter().rev().collect();
        let mut steps = 0;
        while let Some(step) = rest.pop() {
            steps += 1;
            match self.nodes.get(node)?.inputs.get(step).filter(|_| steps <= MAX_NODES)? {
                Edge::Node(name) => node = name,
                Edge::Follows(path) => {
                    node = &self.root;
                    rest.extend(path.iter().rev());
                }
            }
        }
        Some(node)
    }

    fn direct(&self, name: &str) -> Option<&Node> {
        match self.nodes.get(&self.root)?.inputs.get(name)? {
            Edge::Node(node) => self.nodes.get(node),
            Edge::Follows(_) => None,
        }
    }

    /// The node and all below it.
    fn below(&self, name: &str) -> BTreeMap<String, Node> {
        let mut found = BTreeMap::new();
        let mut open = vec![name];
        while let Some((name, node)) = open.pop().and_then(|name| self.nodes.get_key_value(name)) {
            if found.insert(name.clone(), node.clone()).is_none() {
                open.extend(node.inputs.values().filter_map(|edge| match edge {
                    Edge::Node(below) => Some(below.as_str()),
                    Edge::Follows(_) => None,
                }));
            }
        }
        found
    }
}

/// A name that no other input's nodes have: names of inputs have no `_`.
fn named_below(input: &InputName, name: &str) -> String {
    let own = format!("{input}_");
    if name.starts_with(&own) { name.to_owned() } else { own + name }
}

fn adopted(input: &InputName, edge: &Edge) -> Edge {
    match edge {
        Edge::Node(name) => Edge::Node(named_below(input, name)),
        follows @ Edge::Follows(_) => follows.clone(),
    }
}

/// The node of a repository that this program fetched itself.
fn direct(pin: &Pin) -> Node {
    let attributes = match pin.url.parse::<FlakeReference>() {
        Ok(url) => url.nix_attributes(),
        Err(_) => BTreeMap::from([("type", "git".to_owned()), ("url", pin.url.clone())]),
    };
    let original: Map<String, Value> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let mut locked = original.clone();
    if locked.get("type").is_some_and(|kind| kind != "git") {
        // A forge's node has a ref or a commit, and never both.
        locked.remove("ref");
    } else if locked.contains_key("ref") {
        // Where the commit is looked for, if it must be fetched. Nix before 2.20 fetches a node with a ref although it has
        // it, unless it may do without the history.
        locked.insert("shallow".to_owned(), Value::Bool(true));
    }
    locked.extend(object(&json!({
        "lastModified": pin.last_modified,
        "narHash": pin.nar_hash,
        "rev": pin.revision,
    })));
    locked.sort_keys();
    Node { locked: Some(locked), original: Some(original), ..Node::default() }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
