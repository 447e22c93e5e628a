//! What a `flake.lock` may lead to: each input of an input is one that everybody can fetch, at one revision, with one content.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use thymis_core::{
    digest::{NarHash, Revision},
    id::InputName,
    reference::FlakeReference,
    untrusted,
};

use super::flake_lock::{Edge, FlakeLock, Node};

/// Most problems that are told.
const TOLD: usize = 20;
/// Most inputs of a chain that are told.
const LONGEST: usize = 32;

/// An input of an input that isn't used, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{chain} is {what}: {why}")]
pub struct Unfit {
    pub chain: Chain,
    /// Its kind and address.
    pub what: String,
    pub why: Why,
}

impl Unfit {
    /// Where the address in a flake.nix alone says so.
    pub(crate) fn of_url(chain: Vec<String>, url: &str) -> Option<Self> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        let why = match scheme.filter(|_| !url.starts_with(['/', '.'])) {
            Some("path") => Why::Path,
            None if url.starts_with(['/', '.']) => Why::Path,
            Some("flake") | None => Why::Registry,
            Some("git" | "git+file" | "git+ssh" | "ssh" | "file" | "file+file" | "tarball+file") => Why::Address,
            Some("github" | "gitlab" | "sourcehut" | "https" | "http") => return None,
            Some("git+https" | "git+http" | "tarball+https" | "tarball+http" | "file+https" | "file+http") => {
                return None;
            }
            Some(_) => Why::Kind,
        };
        Some(Self { chain: Chain(chain), what: untrusted::short(url), why })
    }
}

/// Names of inputs from the project on: `sensors → helper → evil`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(pub Vec<String>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|name| untrusted::short(name)).collect();
        write!(f, "`{}`", names.join(" → "))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("it names a folder of whoever evaluates it; its author has to name a repository")]
    Path,
    #[error("what it stands for is decided by a registry; its author has to name a repository")]
    Registry,
    #[error("such inputs aren't supported; its author has to name a git repository or an archive behind https")]
    Kind,
    #[error(
        "only what everybody can fetch by https can be an input of an input; add it to the project with `thymis input add`, and let it stand in with `thymis input follow`"
    )]
    Address,
    #[error("what it is locked to has characters that addresses don't have; ask its author to lock it anew")]
    Text,
    /// It is private, and the project has it as this input.
    #[error(
        "it is your private input `{target}`; if the flake of `{input}` may read that, run `thymis input follow {input} {own} {target}`"
    )]
    Yours { input: InputName, own: String, target: InputName },
    #[error("it is at no revision; run `thymis input lock` again, or ask its author to lock it anew")]
    Revision,
    #[error("what it contains isn't known by a hash; run `thymis input lock` again, or ask its author to lock it anew")]
    Hash,
    #[error(
        "its files are locked to be those of an input of the project that is another repository; let that stand in with `thymis input follow` if they are the same"
    )]
    Taken,
    #[error(
        "that isn't there, or follows it in turn; ask its author to put it right, or let it follow another input with `thymis input follow`"
    )]
    Follows,
    #[error(
        "its files aren't those that it was locked to; ask its author to lock it anew, or who serves it what was changed"
    )]
    Changed,
    /// With what is said of its host.
    #[error("it wasn't reached; {0}")]
    Unreached(String),
    /// With what Nix says.
    #[error(
        "Nix, which has no credential, can't fetch it ({0}); if it is private, add it to the project with `thymis input add`, and what leads there too, and let them stand in with `thymis input follow`"
    )]
    Unfetched(String),
}

impl FlakeLock {
    /// Every node that isn't an input of the project itself, and what inputs follow. `private` are inputs that not everybody
    /// may read.
    ///
    /// # Errors
    /// Those that can't be used, each with the shortest way that leads to it.
    pub fn audit(&self, plain_http: bool, private: &BTreeSet<InputName>) -> Result<(), Vec<Unfit>> {
        let ways = self.ways();
        let is_direct = |way: &Option<(&str, &str)>| way.is_none_or(|(parent, _)| parent == self.root);
        let mut own: BTreeMap<NarHash, BTreeSet<Option<String>>> = BTreeMap::new();
        for node in ways.0.iter().filter(|(_, way)| is_direct(way)).filter_map(|(name, _)| self.nodes.get(*name)) {
            if let Some(hash) = node.hash() {
                own.entry(hash).or_default().insert(node.repository());
            }
        }
        let secret: BTreeSet<NarHash> =
            private.iter().filter_map(|name| self.nodes.get(self.resolve(&[name.to_string()])?)?.hash()).collect();
        // Nix takes files by their hash, wherever they are said to be from.
        let takes = |node: &Node| {
            let hash = node.hash()?;
            let repositories = own.get(&hash)?;
            (secret.contains(&hash) || !repositories.contains(&node.repository())).then_some(Why::Taken)
        };
        let mut unfit = Vec::new();
        for (name, way) in &ways.0 {
            let Some(node) = self.nodes.get(*name).filter(|_| unfit.len() < TOLD) else { continue };
            let why = if !node.is_plain() {
                Some(Why::Text)
            } else if is_direct(way) {
                None
            } else {
                node.unfit(plain_http).or_else(|| takes(node))
            };
            if let Some(why) = why {
                unfit.push(Unfit { chain: ways.chain(name), what: node.described(), why });
            }
            for (own, edge) in &node.inputs {
                if let Edge::Follows(path) = edge
                    && self.resolve(path).is_none()
                {
                    let mut chain = ways.chain(name);
                    chain.0.push(own.clone());
                    let what = format!("what follows `{}`", untrusted::short(&path.join("/")));
                    unfit.push(Unfit { chain, what, why: Why::Follows });
                }
            }
        }
        if unfit.is_empty() { Ok(()) } else { Err(unfit) }
    }

    /// The lock of an input's own, as that of a project that has this one input.
    #[must_use]
    pub fn of_input(mut self, input: &InputName) -> Self {
        for edge in self.nodes.values_mut().flat_map(|node| node.inputs.values_mut()) {
            if let Edge::Follows(path) = edge {
                path.insert(0, input.to_string());
            }
        }
        let mut root = "root".to_owned();
        while self.nodes.contains_key(&root) {
            root.push('_');
        }
        let mut node = Node::default();
        node.inputs.insert(input.to_string(), Edge::Node(std::mem::replace(&mut self.root, root.clone())));
        self.nodes.insert(root, node);
        self
    }

    /// The shortest way to what an address without `git+` names, or one with a revision, too.
    #[must_use]
    pub fn chain_to(&self, address: &str) -> Option<Chain> {
        let is_there = |name: &str| {
            let known = self.nodes.get(name).and_then(Node::address);
            let rest = known.and_then(|known| address.strip_prefix(&known).map(str::to_owned));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '/']))
        };
        let ways = self.ways();
        let found = ways.0.keys().filter(|name| is_there(name)).map(|name| ways.chain(name));
        found.min_by_key(|chain| chain.0.len())
    }

    /// By node, the shortest way there.
    fn ways(&self) -> Ways<'_> {
        let mut found = BTreeMap::from([(self.root.as_str(), None)]);
        let mut open = VecDeque::from([self.root.as_str()]);
        while let Some(name) = open.pop_front() {
            for (own, edge) in self.nodes.get(name).iter().flat_map(|node| &node.inputs) {
                if let Edge::Node(below) = edge
                    && !found.contains_key(below.as_str())
                {
                    found.insert(below, Some((name, own.as_str())));
                    open.push_back(below);
                }
            }
        }
        Ways(found)
    }
}

/// By node, the one before it on the shortest way there, and what that calls it.
struct Ways<'a>(BTreeMap<&'a str, Option<(&'a str, &'a str)>>);

impl Ways<'_> {
    /// What a person is told of it: its end, where it is long.
    fn chain(&self, name: &str) -> Chain {
        let mut names = VecDeque::new();
        let mut at = name;
        while let Some(Some((parent, own))) = self.0.get(at) {
            if names.len() == LONGEST {
                names.push_front("…".to_owned());
                break;
            }
            names.push_front((*own).to_owned());
            at = parent;
        }
        Chain(names.into())
    }
}

impl Node {
    fn described(&self) -> String {
        let place = self.address().or_else(|| self.text("path").or(self.text("id")).map(str::to_owned));
        let kind = self.text("type").unwrap_or("of no kind");
        untrusted::short(&format!("{kind} {}", place.unwrap_or_default()))
    }

    /// The repository that it is fetched from, however that is written.
    fn repository(&self) -> Option<String> {
        let scheme = match self.text("type")? {
            "git" => "git+",
            "github" | "gitlab" | "sourcehut" => "",
            _ => return None,
        };
        let reference: FlakeReference = format!("{scheme}{}", self.address()?).parse().ok()?;
        let url = reference.fetch_url();
        Some(url.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase())
    }

    /// Whether everything that it is locked to is one word. Nix takes the texts into addresses and settings as they are.
    fn is_plain(&self) -> bool {
        let is_word =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"'<>\\^`{|}".contains(&byte));
        let texts = self.locked.iter().flat_map(|locked| locked.values()).filter_map(serde_json::Value::as_str);
        texts.into_iter().all(is_word)
    }

    fn unfit(&self, plain_http: bool) -> Option<Why> {
        let by_http = || {
            let url = self.text("url").unwrap_or_default();
            url.starts_with("https://") || plain_http && url.starts_with("http://")
        };
        let is_revision = || self.text("rev").is_some_and(|rev| rev.parse::<Revision>().is_ok());
        match self.text("type") {
            Some("path") => Some(Why::Path),
            Some("indirect") => Some(Why::Registry),
            Some("git") if !by_http() => Some(Why::Address),
            Some("tarball" | "file") if !by_http() => Some(Why::Address),
            Some("git" | "github" | "gitlab" | "sourcehut") if !is_revision() => Some(Why::Revision),
            Some("git" | "github" | "gitlab" | "sourcehut" | "tarball" | "file") => {
                self.hash().is_none().then_some(Why::Hash)
            }
            _ => Some(Why::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn audit(locked: &serde_json::Value) -> Result<(), String> {
        let lock = json!({
            "root": "root", "version": 7,
            "nodes": {
                "root": { "inputs": { "sensors": "sensors", "other": ["sensors", "helper"] } },
                "sensors": { "inputs": { "helper": "helper" }, "locked": { "type": "git", "url": "file:///srv/x" } },
                "helper": { "inputs": { "deep": "deep" }, "locked": good("git", "https://a.example/b") },
                "deep": { "inputs": { "circle": "helper" }, "locked": locked },
                "unreachable": { "locked": { "type": "path", "path": "/etc" } },
            },
        });
        let lock = FlakeLock::parse(lock.to_string().as_bytes()).unwrap();
        lock.audit(false, &BTreeSet::new())
            .map_err(|unfit| unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn good(kind: &str, url: &str) -> serde_json::Value {
        let hash = format!("sha256-{}=", "A".repeat(43));
        json!({ "type": kind, "url": url, "rev": "a".repeat(40), "narHash": hash, "lastModified": 1 })
    }

    #[test]
    fn what_everybody_can_fetch_at_one_content_is_fit() {
        assert_eq!(audit(&good("git", "https://a.example/b")), Ok(()));
        let mut github = good("github", "");
        github["owner"] = json!("o");
        github["repo"] = json!("r");
        assert_eq!(audit(&github), Ok(()));
        let mut tarball = good("tarball", "https://a.example/b.tar.gz");
        tarball.as_object_mut().unwrap().remove("rev");
        assert_eq!(audit(&tarball), Ok(()));
    }

    #[test]
    fn what_follows_itself_or_nothing_is_refused() {
        let audit = |x: &str| {
            let root = json!({ "inputs": { "sensors": "sensors" } });
            let locked = good("git", "https://a.example/b");
            let sensors = json!({ "inputs": { "x": ["sensors", x], "y": ["sensors", "x"] }, "locked": locked });
            let lock = json!({ "root": "root", "version": 7, "nodes": { "root": root, "sensors": sensors } });
            FlakeLock::parse(lock.to_string().as_bytes()).unwrap().audit(false, &BTreeSet::new()).unwrap_err()[0]
                .clone()
        };
        for x in ["y", "x", "nowhere"] {
            let unfit = audit(x);
            assert_eq!((unfit.why, unfit.chain.to_string().as_str()), (Why::Follows, "`sensors → x`"));
        }
    }

    #[test]
    fn a_long_chain_is_told_by_its_end() {
        let name = |n: usize| format!("n{n}");
        let mut nodes = json!({ "root": { "inputs": { "n0": "n0" } } });
        for n in 0..9_000 {
            let locked = good("git", "https://a.example/b");
            nodes[name(n)] = json!({ "inputs": { name(n + 1): name(n + 1) }, "locked": locked });
        }
        nodes[name(9_000)] = json!({ "locked": { "type": "path", "path": "/etc" } });
        let lock = json!({ "root": "root", "version": 7, "nodes": nodes });
        let unfit = FlakeLock::parse(lock.to_string().as_bytes()).unwrap().audit(false, &BTreeSet::new()).unwrap_err();
        assert!(
            unfit[0].chain.to_string().starts_with("`… → n89") && unfit[0].chain.to_string().ends_with(" → n9000`")
        );
    }

    #[test]
    fn the_files_of_another_repository_are_not_taken_by_their_hash() {
        let hash = format!("sha256-{}E=", "B".repeat(42));
        let node = |kind: &str, url: &str| {
            let mut node = good(kind, url);
            node["narHash"] = json!(hash);
            node
        };
        let audited = |of: serde_json::Value, private: &BTreeSet<InputName>| {
            let mut nodes = json!({ "root": { "inputs": { "private": "private", "sensors": "sensors" } } });
            nodes["private"] = json!({ "locked": node("git", "https://github.com/o/r") });
            nodes["sensors"] = json!({ "inputs": { "x": "x" }, "locked": good("git", "https://a.example/b") });
            nodes["x"] = json!({ "locked": of });
            let lock = json!({ "root": "root", "version": 7, "nodes": nodes });
            FlakeLock::parse(lock.to_string().as_bytes()).unwrap().audit(false, private)
        };
        let audit = |of| audited(of, &BTreeSet::new());
        let mut same = node("github", "");
        same.as_object_mut().unwrap().remove("url");
        same["owner"] = json!("o");
        same["repo"] = json!("r");
        assert_eq!(audit(same.clone()), Ok(()));
        assert_eq!(audit(node("git", "https://github.com/O/R.git")), Ok(()));
        let private = BTreeSet::from(["private".parse().unwrap()]);
        assert_eq!(audited(same.clone(), &private).unwrap_err()[0].why, Why::Taken);
        for other in [node("git", "https://a.example/r"), node("tarball", "https://github.com/o/r")] {
            assert_eq!(audit(other).unwrap_err()[0].why, Why::Taken);
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_way_that_led_there() {
        let refused = |locked: serde_json::Value, words: &str| {
            let text = audit(&locked).unwrap_err();
            assert!(text.starts_with("`sensors → helper → deep` is ") && text.contains(words), "{text}");
        };
        refused(json!({ "type": "path", "path": "/etc", "narHash": "sha256-x" }), "path /etc: it names a folder");
        refused(json!({ "type": "path", "path": "./sub" }), "a folder");
        refused(json!({ "type": "indirect", "id": "nixpkgs" }), "indirect nixpkgs: what it stands for");
        refused(good("git", "file:///etc"), "everybody");
        refused(good("git", "ssh://git@a.example/b"), "everybody");
        refused(good("git", "http://a.example/b"), "everybody");
        refused(good("tarball", "file:///etc/x.tar"), "everybody");
        refused(good("hg", "https://a.example/b"), "supported");
        refused(json!({ "type": "git", "url": "https://a.example/b" }), "no revision");
        refused(json!({ "type": "tarball", "url": "https://a.example/\u{1b}[2J" }), "characters");
        let mut settings = good("github", "");
        settings["owner"] = json!("o");
        settings["repo"] = json!("r\nallow-unsafe-native-code-during-evaluation = true");
        refused(settings, "characters");
        refused(json!({}), "of no kind");
        refused(serde_json::Value::Null, "of no kind");
        let mut short = good("git", "https://a.example/b");
        short["rev"] = json!("main");
        refused(short, "no revision");
    }
}
