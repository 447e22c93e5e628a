//! What people edit: `state/project.json`, `state/configurations/<id>.json`, `state/tags/<id>.json`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    id::{ConfigurationId, InputName, InstanceId, ModuleName, ModuleRef, TagId},
    json::{self, JsonError, JsonErrorKind},
    untrusted,
};

/// The version of the state that this program reads and writes.
pub const VERSION: u32 = 1;
/// Priority of definitions that a configuration overrides with.
pub const CONFIGURATION_PRIORITY: u32 = 80;
/// Priority of a tag that names none.
pub const TAG_PRIORITY: u32 = 90;
/// Priorities a tag may have: weaker than `mkForce` (50), stronger than `mkDefault` (1000).
pub const PRIORITIES: std::ops::RangeInclusive<u32> = 51..=999;
/// Most modules of a configuration or a tag, and most tags of a configuration.
const MAX_MODULES: usize = 256;
/// Most repositories of Thymis 0.9 that are kept, and most inputs of one that follow others.
const MAX_REPOSITORIES: usize = 1024;
/// Most inputs of an input that follow others.
pub(crate) const MAX_FOLLOWS: usize = 256;
/// Longest name of an input's own input, in bytes.
const MAX_OWN_INPUT: usize = 128;
/// Longest display name and address, in bytes.
pub const MAX_TEXT: usize = 2048;

/// `state/project.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Project {
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where devices reach the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller_url: Option<String>,
    #[serde(default)]
    pub inputs: BTreeMap<InputName, Input>,
    /// What a project of Thymis 0.9 said of its repositories and an input doesn't; `thymis export` writes it back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thymis_repositories: BTreeMap<InputName, ThymisRepository>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Input {
    pub url: String,
    /// From inputs that its flake names to inputs of the project that stand in for them. `nixpkgs` and `thymis` follow those
    /// of the project if nothing else stands here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub follows: BTreeMap<String, InputName>,
}

impl Input {
    /// Nothing of it follows.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, follows: BTreeMap::new() }
    }
}

/// Why an input of an input can't follow one of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FollowsReason {
    #[error(
        "only inputs that its own flake names can; add the one before the `/` to the project, and say there what it follows"
    )]
    Nested,
    #[error(
        "the name of an input is 1 to {MAX_OWN_INPUT} bytes without control and invisible characters; write it as the flake does"
    )]
    Name,
    #[error("that is the input itself; choose another")]
    Itself,
    #[error("the project has no such input; add it with `thymis input add`, or choose another")]
    Unknown,
}

/// Whether `own` of the flake of `input` can follow `target`, in a project with these inputs.
///
/// # Errors
/// When not.
pub fn can_follow(
    input: &InputName,
    own: &str,
    target: &InputName,
    has: impl Fn(&InputName) -> bool,
) -> Result<(), FollowsReason> {
    if own.contains('/') {
        Err(FollowsReason::Nested)
    } else if own.is_empty() || own.len() > MAX_OWN_INPUT || !untrusted::is_plain(own) {
        Err(FollowsReason::Name)
    } else if target == input {
        Err(FollowsReason::Itself)
    } else if !has(target) {
        Err(FollowsReason::Unknown)
    } else {
        Ok(())
    }
}

/// A repository as Thymis 0.9 describes it, at most 2048 bytes a text. Nothing here has an effect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThymisRepository {
    /// Kept where it can't be an input's; an input of the same name has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The input, or input of an input, that stands in for the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// The repository's own inputs, and what stands in for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs_follows: BTreeMap<String, String>,
    /// The id of the secret that opens it: a UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret: Option<String>,
}

/// `state/configurations/<id>.json`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default)]
    pub tags: Vec<TagId>,
    #[serde(default)]
    pub modules: Vec<Use>,
}

/// `state/tags/<id>.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tag {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default = "default_priority")]
    pub priority: u32,
    #[serde(default)]
    pub modules: Vec<Use>,
}

fn default_priority() -> u32 {
    TAG_PRIORITY
}

/// A module with settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Use {
    pub module: ModuleRef,
    /// Needed where a module is used more than once in one target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// Of the module when the settings were stored; absent: the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u32>,
    #[serde(default)]
    pub settings: Map<String, Value>,
}

impl Use {
    /// The instance's name, if `module` is what is used.
    #[must_use]
    pub fn instance(&self, module: &ModuleName) -> InstanceId {
        self.instance.clone().unwrap_or_else(|| InstanceId::from(module))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("{file}: {found} {what}, {allowed} are allowed")]
    TooMany { file: String, what: &'static str, found: usize, allowed: usize },
    #[error("{file}: `{field}` is longer than {MAX_TEXT} bytes or contains control characters")]
    Text { file: String, field: &'static str },
    #[error("{file}: the priority {found} is outside {}..{}", PRIORITIES.start(), PRIORITIES.end())]
    Priority { file: String, found: u32 },
    #[error("{file}: the tag `{tag}` is listed twice")]
    TagTwice { file: String, tag: TagId },
    #[error("{file}: two modules are the instance `{instance}`; give each an `instance` of its own")]
    InstanceTwice { file: String, instance: String },
    #[error("{file}: `{own}` of the input `{input}` can't follow `{target}`: {why}")]
    Follows { file: String, input: InputName, own: String, target: InputName, why: FollowsReason },
}

impl Project {
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: VERSION,
            display_name: None,
            controller_url: None,
            inputs: BTreeMap::new(),
            thymis_repositories: BTreeMap::new(),
        }
    }

    /// # Errors
    /// When the bytes are not the state of a project in a version that this program knows; the version is looked at first.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateError> {
        let file = "state/project.json";
        let fail = |kind| StateError::Json(JsonError { file: file.to_owned(), kind });
        let any: Value = json::parse(file, bytes)?;
        match any.get("version").and_then(Value::as_u64) {
            None => return Err(fail(JsonErrorKind::NoVersion(VERSION))),
            Some(found) if found != u64::from(VERSION) => {
                return Err(fail(JsonErrorKind::Newer { found, known: VERSION }));
            }
            Some(_) => {}
        }
        let project: Self = json::object(file, bytes)?;
        text(file, "display-name", project.display_name.as_ref())?;
        text(file, "controller-url", project.controller_url.as_ref())?;
        for (name, input) in &project.inputs {
            text(file, "url", Some(&input.url))?;
            bound(file, "inputs of an input that follow others", input.follows.len(), MAX_FOLLOWS)?;
            for (own, target) in &input.follows {
                can_follow(name, own, target, |target| project.inputs.contains_key(target)).map_err(|why| {
                    let (file, own) = (file.to_owned(), untrusted::short(own));
                    StateError::Follows { file, input: name.clone(), own, target: target.clone(), why }
                })?;
            }
        }
        bound(file, "repositories of Thymis 0.9", project.thymis_repositories.len(), MAX_REPOSITORIES)?;
        for repository in project.thymis_repositories.values() {
            text(file, "url", repository.url.as_ref())?;
            text(file, "follows", repository.follows.as_ref())?;
            text(file, "api-key-secret", repository.api_key_secret.as_ref())?;
            bound(file, "inputs that follow others", repository.inputs_follows.len(), MAX_REPOSITORIES)?;
            for (name, target) in &repository.inputs_follows {
                text(file, "inputs-follows", Some(name))?;
                text(file, "inputs-follows", Some(target))?;
            }
        }
        Ok(project)
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

impl Configuration {
    /// # Errors
    /// When the bytes are not a configuration.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let configuration: Self = json::object(file, bytes)?;
        text(file, "display-name", configuration.display_name.as_ref())?;
        bound(file, "tags", configuration.tags.len(), MAX_MODULES)?;
        let mut seen = HashSet::new();
        for tag in &configuration.tags {
            if !seen.insert(tag) {
                return Err(StateError::TagTwice { file: file.to_owned(), tag: tag.clone() });
            }
        }
        uses(file, &configuration.modules)?;
        Ok(configuration)
    }

    #[must_use]
    pub fn file(id: &ConfigurationId) -> String {
        format!("state/configurations/{id}.json")
    }
}

impl Tag {
    /// # Errors
    /// When the bytes are not a tag.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let tag: Self = json::object(file, bytes)?;
        text(file, "display-name", tag.display_name.as_ref())?;
        if !PRIORITIES.contains(&tag.priority) {
            return Err(StateError::Priority { file: file.to_owned(), found: tag.priority });
        }
        uses(file, &tag.modules)?;
        Ok(tag)
    }

    #[must_use]
    pub fn file(id: &TagId) -> String {
        format!("state/tags/{id}.json")
    }
}

fn bound(file: &str, what: &'static str, found: usize, allowed: usize) -> Result<(), StateError> {
    if found > allowed {
        return Err(StateError::TooMany { file: file.to_owned(), what, found, allowed });
    }
    Ok(())
}

fn text(file: &str, field: &'static str, text: Option<&String>) -> Result<(), StateError> {
    match text {
        Some(text) if text.len() > MAX_TEXT || text.chars().any(char::is_control) => {
            Err(StateError::Text { file: file.to_owned(), field })
        }
        _ => Ok(()),
    }
}

fn uses(file: &str, uses: &[Use]) -> Result<(), StateError> {
    bound(file, "modules", uses.len(), MAX_MODULES)?;
    let mut seen = HashSet::new();
    for one in uses {
        let instance = match (&one.module, &one.instance) {
            (ModuleRef::Id(id), _) => one.instance(&id.name).to_string(),
            (ModuleRef::Python(_), Some(instance)) => instance.to_string(),
            (ModuleRef::Python(class), None) => class.to_string(),
        };
        if !seen.insert((&one.module, instance.clone())) {
            return Err(StateError::InstanceTwice { file: file.to_owned(), instance });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> String {
        Project::parse(text.as_bytes()).unwrap_err().to_string()
    }
    fn configuration(text: &str) -> String {
        Configuration::parse("state/configurations/a.json", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_version_is_looked_at_first() {
        insta::assert_snapshot!(project("{\"version\": 2, \"new-key\": 1}"),
            @"state/project.json: the file has version 2, this Thymis knows version 1: update Thymis");
        insta::assert_snapshot!(project("{}"), @r#"state/project.json: the file has no `"version": 1`"#);
    }

    #[test]
    fn bad_state_is_refused_with_its_place() {
        insta::assert_snapshot!(configuration("{\"tags\": [\"a\", \"a\"]}"),
            @"state/configurations/a.json: the tag `a` is listed twice");
        insta::assert_snapshot!(configuration("{\"tags\": [\"../x\"]}"),
            @"state/configurations/a.json: line 1, column 17: `../x` can't be the identifier of a tag: allowed are a-z, 0-9 and, between them, `-`");
        insta::assert_snapshot!(configuration("{\"modules\": [{\"module\": \"a/b\"}, {\"module\": \"a/b\"}]}"),
            @"state/configurations/a.json: two modules are the instance `b`; give each an `instance` of its own");
        insta::assert_snapshot!(configuration("{\"moduls\": []}"),
            @"state/configurations/a.json: line 1, column 9: unknown field `moduls`, expected one of `display-name`, `tags`, `modules`");
        insta::assert_snapshot!(Tag::parse("state/tags/t.json", b"{\"priority\": 5}").unwrap_err().to_string(),
            @"state/tags/t.json: the priority 5 is outside 51..999");
    }

    #[test]
    fn inputs_follow_other_inputs_of_the_project() {
        let with = |follows: &str| {
            let follows = format!(r#"{{ "url": "git+https://a", "follows": {follows} }}"#);
            format!(r#"{{"version": 1, "inputs": {{ "sensors": {follows}, "utils": {{ "url": "git+https://b" }} }}}}"#)
        };
        let text = with(r#"{ "flake-utils": "utils", "nixpkgs": "utils" }"#);
        let read = Project::parse(text.as_bytes()).unwrap();
        assert_eq!(read.inputs.values().map(|input| input.follows.len()).collect::<Vec<_>>(), [2, 0]);
        let written = json::write(&read).unwrap();
        assert_eq!(String::from_utf8_lossy(&written).matches("follows").count(), 1);
        assert_eq!(Project::parse(&written), Ok(read));

        insta::assert_snapshot!(project(&with(r#"{ "a/b": "utils" }"#)),
            @"state/project.json: `a/b` of the input `sensors` can't follow `utils`: only inputs that its own flake names can; add the one before the `/` to the project, and say there what it follows");
        insta::assert_snapshot!(project(&with(r#"{ "a\u001b": "utils" }"#)),
            @r"state/project.json: `a\u{1b}` of the input `sensors` can't follow `utils`: the name of an input is 1 to 128 bytes without control and invisible characters; write it as the flake does");
        insta::assert_snapshot!(project(&with(r#"{ "a": "sensors" }"#)),
            @"state/project.json: `a` of the input `sensors` can't follow `sensors`: that is the input itself; choose another");
        insta::assert_snapshot!(project(&with(r#"{ "a": "nixpkgs" }"#)),
            @"state/project.json: `a` of the input `sensors` can't follow `nixpkgs`: the project has no such input; add it with `thymis input add`, or choose another");
        assert!(project(&with(r#"{ "": "utils" }"#)).contains("1 to 128 bytes"));
        assert!(project(&with(&format!(r#"{{ "{}": "utils" }}"#, "x".repeat(129)))).contains("1 to 128 bytes"));
        assert!(project(&with(r#"{ "a": "utils/b" }"#)).contains("can't be the name of an input"));
        let many: Vec<String> = (0..257).map(|index| format!(r#""i{index}": "utils""#)).collect();
        assert!(project(&with(&format!("{{ {} }}", many.join(", ")))).contains("256 are allowed"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"{"tags": ["core"], "modules": [{"module": "thymis/device", "settings": {"b": 1, "a": null}}]}"#;
        let read = Configuration::parse("x", text.as_bytes()).unwrap();
        assert_eq!(Configuration::parse("x", &json::write(&read).unwrap()), Ok(read));
    }
}
