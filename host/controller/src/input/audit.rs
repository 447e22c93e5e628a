//! What a `flake.lock` may lead to: each input of an input is one that everybody can fetch, at one revision, with one content.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use thymis_core::{digest::Revision, untrusted};

use super::flake_lock::{Edge, FlakeLock, Node};

/// Most problems that are told.
const TOLD: usize = 20;

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
        let is = |prefix: &str| url.starts_with(prefix);
        let why = if is("path:") || is("/") || is("./") || is("../") {
            Why::Path
        } else if is("git+file:") || is("git+ssh:") || is("file:") || is("tarball+file:") {
            Why::Address
        } else if is("flake:") || !url.contains(':') {
            Why::Registry
        } else {
            return None;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    #[error("it is at no revision; run `thymis input lock` again, or ask its author to lock it anew")]
    Revision,
    #[error("what it contains isn't known by a hash; run `thymis input lock` again, or ask its author to lock it anew")]
    Hash,
}

impl FlakeLock {
    /// Every node that isn't an input of the project itself.
    ///
    /// # Errors
    /// Those that can't be used, each with the shortest way that leads to it.
    pub fn audit(&self, plain_http: bool) -> Result<(), Vec<Unfit>> {
        let unfit: Vec<Unfit> = self
            .chains()
            .into_iter()
            .filter(|(_, chain)| chain.0.len() > 1)
            .filter_map(|(name, chain)| {
                let node = self.nodes.get(name)?;
                let why = node.unfit(plain_http)?;
                Some(Unfit { chain, what: node.described(), why })
            })
            .take(TOLD)
            .collect();
        if unfit.is_empty() { Ok(()) } else { Err(unfit) }
    }

    /// By node, the shortest way there.
    fn chains(&self) -> BTreeMap<&str, Chain> {
        let mut found = BTreeMap::new();
        let mut open = VecDeque::from([(self.root.as_str(), Chain(Vec::new()))]);
        while let Some((name, chain)) = open.pop_front() {
            if found.contains_key(name) {
                continue;
            }
            for (own, edge) in self.nodes.get(name).iter().flat_map(|node| &node.inputs) {
                if let Edge::Node(below) = edge {
                    let names = chain.0.iter().chain([own]).cloned().collect();
                    open.push_back((below, Chain(names)));
                }
            }
            found.insert(name, chain);
        }
        found
    }
}

impl Node {
    fn described(&self) -> String {
        let place = self.address().or_else(|| self.text("path").or(self.text("id")).map(str::to_owned));
        let kind = self.text("type").unwrap_or("of no kind");
        untrusted::short(&format!("{kind} {}", place.unwrap_or_default()))
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
        lock.audit(false).map_err(|unfit| unfit.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
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
        refused(json!({ "type": "tarball", "url": "https://a.example/\u{1b}[2J" }), "by a hash");
        refused(json!({}), "of no kind");
        refused(serde_json::Value::Null, "of no kind");
        let mut short = good("git", "https://a.example/b");
        short["rev"] = json!("main");
        refused(short, "no revision");
    }
}
