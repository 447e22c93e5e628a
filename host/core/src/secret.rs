//! Secrets that modules put on a device: what goes where, for whom. Values are never here.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{conflict::Origin, schema};

/// One secret in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Placed {
    /// The secret's name in the project.
    pub secret: String,
    /// Absolute, on the device.
    pub path: String,
    pub owner: String,
    pub group: String,
    /// Octal.
    pub mode: String,
    /// What the setting says of the secret.
    #[serde(flatten)]
    pub of: schema::Secret,
    /// Who places it.
    #[serde(serialize_with = "words")]
    pub by: Arc<Origin>,
    #[serde(skip)]
    pub priority: u32,
}

fn words<S: serde::Serializer>(origin: &Arc<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{} in {}", origin.module, origin.target.file()))
}

/// Two secrets for one place at one priority.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "two secrets go to `{path}` or below it: one by {one}, another by {other}, with priority {priority}. Give one of the two targets a stronger (lower) priority, choose another path, or remove one of the two"
)]
pub struct Clash {
    pub path: String,
    pub priority: u32,
    pub one: Arc<Origin>,
    pub other: Arc<Origin>,
}

impl Placed {
    fn is_same(&self, other: &Self) -> bool {
        [&self.secret, &self.owner, &self.group, &self.mode] == [&other.secret, &other.owner, &other.group, &other.mode]
    }
}

/// What is placed on a device: for each path what has the strongest (lowest) priority.
///
/// # Errors
/// Each path that two want with the same priority.
pub fn resolve<'a>(all: impl Iterator<Item = &'a Placed>) -> Result<Vec<&'a Placed>, Vec<Clash>> {
    let mut chosen: BTreeMap<&str, &Placed> = BTreeMap::new();
    let mut clashes: BTreeMap<&str, Clash> = BTreeMap::new();
    for placed in all {
        let path = placed.path.as_str();
        match chosen.get(path) {
            Some(known) if known.priority < placed.priority || known.is_same(placed) => {}
            Some(known) if known.priority == placed.priority => {
                let (one, other) = (Arc::clone(&known.by), Arc::clone(&placed.by));
                clashes.insert(path, Clash { path: path.to_owned(), priority: placed.priority, one, other });
            }
            _ => {
                clashes.remove(path);
                chosen.insert(path, placed);
            }
        }
    }
    for placed in chosen.values() {
        // What is a file can't be a folder.
        let mut folder = placed.path.as_str();
        while let Some((above, _)) = folder.rsplit_once('/') {
            folder = above;
            if let Some(file) = chosen.get(folder) {
                let (one, other) = (Arc::clone(&file.by), Arc::clone(&placed.by));
                let clash = Clash { path: folder.to_owned(), priority: placed.priority.max(file.priority), one, other };
                clashes.insert(file.path.as_str(), clash);
            }
        }
    }
    if clashes.is_empty() { Ok(chosen.into_values().collect()) } else { Err(clashes.into_values().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conflict::TargetId;

    fn placed(secret: &str, path: &str, target: TargetId, priority: u32) -> Placed {
        let module: crate::id::ModuleId = "thymis/files".parse().unwrap();
        let instance = (&module.name).into();
        Placed {
            secret: secret.to_owned(),
            path: path.to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: "0400".to_owned(),
            of: schema::Secret::default(),
            by: Arc::new(Origin { target, module, instance }),
            priority,
        }
    }
    fn of_tag(secret: &str, path: &str, tag: &str, priority: u32) -> Placed {
        placed(secret, path, TargetId::Tag(tag.parse().unwrap()), priority)
    }

    #[test]
    fn a_configuration_wins_over_its_tags_and_a_stronger_tag_over_a_weaker() {
        let own = placed("own", "/run/a", TargetId::Configuration("x".parse().unwrap()), 80);
        let all = [
            of_tag("weak", "/run/a", "w", 95),
            own,
            of_tag("strong", "/run/a", "s", 85),
            of_tag("b", "/run/b", "w", 95),
        ];
        let chosen: Vec<_> = resolve(all.iter()).unwrap().into_iter().map(|placed| placed.secret.as_str()).collect();
        assert_eq!(chosen, ["own", "b"]);
    }

    #[test]
    fn two_of_one_priority_clash_unless_they_are_the_same() {
        let (one, same, other) =
            (of_tag("s", "/run/a", "one", 90), of_tag("s", "/run/a", "two", 90), of_tag("t", "/run/a", "two", 90));
        assert_eq!(resolve([&one, &same].into_iter()).unwrap().len(), 1);
        insta::assert_snapshot!(resolve([&one, &other].into_iter()).unwrap_err()[0],
            @"two secrets go to `/run/a` or below it: one by `thymis/files` in tag `one`, another by `thymis/files` in tag `two`, with priority 90. Give one of the two targets a stronger (lower) priority, choose another path, or remove one of the two");
        // One path can't be a file and a folder.
        let below = of_tag("v", "/run/a/b/c", "two", 95);
        assert_eq!(resolve([&below, &one].into_iter()).unwrap_err()[0].path, "/run/a");
        // Somebody stronger settles it.
        let stronger = of_tag("u", "/run/a", "three", 70);
        assert_eq!(resolve([&one, &other, &stronger].into_iter()).unwrap().len(), 1);
        assert_eq!(resolve([&stronger, &one, &other].into_iter()).unwrap().len(), 1);
    }
}
