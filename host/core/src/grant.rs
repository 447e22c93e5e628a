//! `modules.lock`: what each input is pinned to, and what an operator accepted there.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    digest::{Digest, NarHash, Revision},
    id::{DeviceType, InputName},
    json::{self, JsonError, JsonErrorKind},
    manifest::NixosModule,
    option::Class,
    output::Outputs,
    permission::Permission,
    untrusted,
};

pub const FILE: &str = "modules.lock";
const VERSION: u32 = 1;

/// `modules.lock`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    pub version: u32,
    #[serde(default)]
    pub inputs: BTreeMap<InputName, Entry>,
}

/// One input: where it is pinned, the grant, if its modules were accepted, and an update that waits for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    pub pin: Pin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// A revision that asks for more than was accepted. Until somebody accepts it, the pin and its grant hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Pin>,
    /// Full name of the branch or tag that the revision was found on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The same of the one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_branch: Option<String>,
    /// Updates leave it where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// It was fetched with a credential: not everybody may read it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// What the flake of the pinned revision offers; absent: not known. No digest covers it, and it permits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Outputs>,
}

impl Entry {
    /// Pinned, and not accepted.
    #[must_use]
    pub fn pinned(pin: Pin) -> Self {
        Self {
            pin,
            grant: None,
            next: None,
            branch: None,
            next_branch: None,
            held: false,
            private: false,
            outputs: None,
        }
    }
}

/// One state of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    pub url: String,
    pub revision: Revision,
    pub nar_hash: NarHash,
    /// Seconds since 1970.
    pub last_modified: u64,
    /// The inputs that the repository's flake names, and which of the project's they follow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Option<InputName>>,
}

/// What was accepted: these bytes, with these permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grant {
    /// Of the pin and everything below: what the operator saw on accepting.
    pub digest: Digest,
    #[serde(flatten)]
    pub terms: Terms,
}

/// What a repository asks for at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Terms {
    /// Of `thymis.toml`.
    pub manifest: Digest,
    /// By file.
    pub components: BTreeMap<String, ComponentTerms>,
    /// What is imported on devices of these types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub device_types: BTreeMap<DeviceType, NixosModule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComponentTerms {
    pub digest: Digest,
    pub permissions: Vec<Accepted>,
}

/// A permission and the class that was shown for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    pub class: Class,
    #[serde(flatten)]
    pub permission: Permission,
}

impl From<Permission> for Accepted {
    fn from(permission: Permission) -> Self {
        Self { class: permission.access.class(), permission }
    }
}

impl Terms {
    /// The digest that names these terms at that pin.
    #[must_use]
    pub fn digest(&self, pin: &Pin) -> Digest {
        let part = |value: Result<Vec<u8>, _>| value.unwrap_or_default();
        let (terms, pin) = (part(serde_json::to_vec(self)), part(serde_json::to_vec(pin)));
        Digest::of_parts([pin.as_slice(), &terms])
    }

    /// What these ask for and `accepted` didn't. Which component asks is part of it; its reason isn't. With the two
    /// exchanged, what isn't asked for any more.
    #[must_use]
    pub fn beyond(&self, accepted: &Self) -> Vec<More> {
        let had = |file: &str, asked: &Accepted| {
            let had = accepted.components.get(file).map(|component| component.permissions.as_slice());
            let same = |one: &Accepted| one.permission.access == asked.permission.access && one.class == asked.class;
            had.is_some_and(|had| had.iter().any(same))
        };
        let permissions = self.by_risk().into_iter().filter(|(file, asked)| !had(file, asked));
        let types = self.device_types.iter().filter(|(id, module)| accepted.device_types.get(*id) != Some(*module));
        types
            .map(|(id, _)| More::DeviceType(id.clone()))
            .chain(permissions.map(|(file, asked)| More::Permission { file: file.to_owned(), asked: asked.clone() }))
            .collect()
    }

    /// Everything asked for, the worst first, each with its component.
    #[must_use]
    pub fn by_risk(&self) -> Vec<(&str, &Accepted)> {
        let mut all: Vec<_> = self
            .components
            .iter()
            .flat_map(|(file, component)| component.permissions.iter().map(move |accepted| (file.as_str(), accepted)))
            .collect();
        all.sort_by_key(|(_, accepted)| accepted.class);
        all
    }

    /// Whether something asked for makes the list of options meaningless.
    #[must_use]
    pub fn is_unenforceable(&self) -> bool {
        !self.device_types.is_empty()
            || self.by_risk().first().is_some_and(|(_, accepted)| accepted.class == Class::WholeDevice)
    }
}

/// Something that an update asks for and that wasn't accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum More {
    Permission {
        file: String,
        #[serde(flatten)]
        asked: Accepted,
    },
    DeviceType(DeviceType),
}

impl More {
    /// What it is, whether it is asked for or not any more: `option networking.hostName of `modules/x.wasm``.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Permission { file, asked } => format!("{} of `{}`", access(asked), untrusted::short(file)),
            Self::DeviceType(id) => format!("what is imported on devices of the type `{id}`"),
        }
    }
}

fn access(asked: &Accepted) -> String {
    untrusted::line(&asked.permission.access.to_string())
}

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission { file, asked } => {
                write!(f, "`{}` asks for {}: {}", untrusted::short(file), access(asked), asked.class.meaning())
            }
            Self::DeviceType(_) => write!(f, "it decides {}", self.subject()),
        }
    }
}

/// Why a grant doesn't hold for what a repository contains.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("nobody accepted its permissions yet")]
    Missing,
    #[error("the grant in {FILE} was given for other contents: its digest is {recorded}, the entry's is {actual}")]
    Edited { recorded: Digest, actual: Digest },
    #[error("thymis.toml differs from the one that was accepted")]
    Manifest,
    #[error("the component `{0}` is not the one that was accepted")]
    Component(String),
    #[error("the permissions of `{0}` are not those that were accepted")]
    Permissions(String),
}

impl Entry {
    /// # Errors
    /// When nothing was accepted, or something else than `found`.
    pub fn granted(&self, found: &Terms) -> Result<&Grant, GrantError> {
        let grant = self.grant.as_ref().ok_or(GrantError::Missing)?;
        let actual = grant.terms.digest(&self.pin);
        if actual != grant.digest {
            return Err(GrantError::Edited { recorded: grant.digest, actual });
        }
        if grant.terms == *found {
            return Ok(grant);
        }
        for (file, component) in &found.components {
            match grant.terms.components.get(file) {
                Some(accepted) if accepted.digest == component.digest => {}
                _ => return Err(GrantError::Component(file.clone())),
            }
        }
        if grant.terms.manifest != found.manifest {
            return Err(GrantError::Manifest);
        }
        let differs = |(file, component): &(&String, &ComponentTerms)| found.components.get(*file) != Some(component);
        let file = grant.terms.components.iter().find(differs).map(|(file, _)| file.clone()).unwrap_or_default();
        Err(GrantError::Permissions(file))
    }
}

impl Lock {
    #[must_use]
    pub fn new() -> Self {
        Self { version: VERSION, inputs: BTreeMap::new() }
    }

    /// # Errors
    /// When the bytes are not a lock in a version that this program knows.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let lock: Self = json::object(FILE, bytes)?;
        if lock.version != VERSION {
            let kind = JsonErrorKind::Newer { found: u64::from(lock.version), known: VERSION };
            return Err(JsonError { file: FILE.to_owned(), kind });
        }
        Ok(lock)
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Access;

    fn entry() -> Entry {
        let pin = Pin {
            url: "git+https://example.org/x".to_owned(),
            revision: "0123456789012345678901234567890123456789".parse().unwrap(),
            nar_hash: NarHash::from_bytes([1; 32]),
            last_modified: 1,
            inputs: BTreeMap::new(),
        };
        let permission = Permission {
            access: Access::Option { pattern: "systemd.services.x".parse().unwrap(), force: false },
            reason: "r".to_owned(),
        };
        let component = ComponentTerms { digest: Digest::of(b"wasm"), permissions: vec![permission.into()] };
        let terms = Terms {
            manifest: Digest::of(b"manifest"),
            components: BTreeMap::from([("modules/x.wasm".to_owned(), component)]),
            device_types: BTreeMap::new(),
        };
        Entry { grant: Some(Grant { digest: terms.digest(&pin), terms }), ..Entry::pinned(pin) }
    }

    #[test]
    fn a_grant_holds_for_what_was_accepted_only() {
        let entry = entry();
        let found = entry.grant.clone().unwrap().terms;
        assert!(entry.granted(&found).is_ok());

        let mut other = found.clone();
        other.components.get_mut("modules/x.wasm").unwrap().digest = Digest::of(b"evil");
        assert_eq!(entry.granted(&other), Err(GrantError::Component("modules/x.wasm".to_owned())));

        let mut other = found.clone();
        other.manifest = Digest::of(b"evil");
        assert_eq!(entry.granted(&other), Err(GrantError::Manifest));

        let mut more = found.clone();
        more.components.insert("modules/y.wasm".to_owned(), found.components["modules/x.wasm"].clone());
        assert_eq!(entry.granted(&more), Err(GrantError::Component("modules/y.wasm".to_owned())));
    }

    #[test]
    fn a_grant_for_another_url_or_revision_is_none() {
        let good = entry();
        let found = good.grant.clone().unwrap().terms;
        for change in [
            (|entry| entry.pin.url = "git+https://evil.example/x".to_owned()) as fn(&mut Entry),
            |entry| entry.pin.revision = "1123456789012345678901234567890123456789".parse().unwrap(),
            |entry| entry.pin.nar_hash = NarHash::from_bytes([2; 32]),
            |entry| {
                entry.pin.inputs.insert("nixpkgs".to_owned(), Some("evil".parse().unwrap()));
            },
            |entry| entry.grant.as_mut().unwrap().terms.components.clear(),
        ] {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(matches!(changed.granted(&found), Err(GrantError::Edited { .. })));
        }
    }

    #[test]
    fn an_update_asks_for_more_by_component_access_and_class() {
        let had = entry().grant.unwrap().terms;
        assert_eq!(had.beyond(&had), []);
        let changed = |change: fn(&mut Terms)| {
            let mut asked = had.clone();
            change(&mut asked);
            asked.beyond(&had).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        fn component(terms: &mut Terms) -> &mut ComponentTerms {
            terms.components.get_mut("modules/x.wasm").unwrap()
        }
        // Other bytes, another reason and less are not more.
        assert_eq!(changed(|terms| component(terms).digest = Digest::of(b"new")), "");
        assert_eq!(changed(|terms| component(terms).permissions[0].permission.reason = "because".to_owned()), "");
        assert_eq!(changed(|terms| component(terms).permissions.clear()), "");
        let force = changed(|terms| {
            let Access::Option { force, .. } = &mut component(terms).permissions[0].permission.access else { return };
            *force = true;
        });
        assert!(force.starts_with("`modules/x.wasm` asks for option systemd.services.x"), "{force}");
        // What one component may, another may not.
        let another = changed(|terms| {
            let same = component(terms).clone();
            terms.components.insert("modules/y.wasm".to_owned(), same);
        });
        assert!(another.starts_with("`modules/y.wasm` asks for option systemd.services.x"), "{another}");
        let wide = changed(|terms| {
            component(terms).permissions[0].permission.access =
                Access::Option { pattern: "systemd.services".parse().unwrap(), force: false };
        });
        assert!(wide.contains("systemd.services: "), "{wide}");
    }

    #[test]
    fn what_is_not_asked_for_any_more_is_told_the_same_way() {
        let had = entry().grant.unwrap().terms;
        let mut asked = had.clone();
        asked.components.clear();
        let module = NixosModule::try_from("nixosModules.board".to_owned()).unwrap();
        asked.device_types.insert("x86_64".parse().unwrap(), module);
        let lost = had.beyond(&asked);
        assert_eq!(
            lost.iter().map(More::subject).collect::<Vec<_>>(),
            ["option systemd.services.x of `modules/x.wasm`"]
        );
        let gained = asked.beyond(&had);
        assert_eq!(gained[0].subject(), "what is imported on devices of the type `x86_64`");
        assert_eq!(gained[0].to_string(), format!("it decides {}", gained[0].subject()));
        insta::assert_snapshot!(serde_json::to_string(&[lost, gained]).unwrap(), @r#"[[{"permission":{"file":"modules/x.wasm","class":"root","kind":"option","value":"systemd.services.x","reason":"r"}}],[{"device-type":"x86_64"}]]"#);
    }

    #[test]
    fn the_lock_is_read_back() {
        let outputs = Outputs::parse(br#"{"packages": {"x86_64-linux": ["default"]}, "lib": null}"#).ok();
        let listed = Entry { outputs, ..entry() };
        assert!(listed.granted(&entry().grant.unwrap().terms).is_ok(), "a grant is for what the repository asks for");
        let inputs = BTreeMap::from([("x".parse().unwrap(), entry()), ("y".parse().unwrap(), listed)]);
        let lock = Lock { version: 1, inputs };
        assert_eq!(Lock::parse(&json::write(&lock).unwrap()), Ok(lock));
    }
}
