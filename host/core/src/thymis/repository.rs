//! Repositories of Thymis 0.9, which become inputs.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    address::{address, without_credential},
    document,
    identifier::identifiers,
    import::{Importer, is_uuid},
    report::{Dropped, MissingRepository},
};
use crate::{
    id::InputName,
    state::{FollowsReason, Input, MAX_FOLLOWS, MAX_TEXT, Project, ThymisRepository, can_follow},
    untrusted::short,
};

/// Input names that the generated flake gives a meaning.
const RESERVED: [&str; 2] = ["thymis", "nixpkgs"];

impl Importer<'_> {
    pub(super) fn repositories(&mut self, repositories: BTreeMap<String, document::Repository>, project: &mut Project) {
        let texts: Vec<&str> = repositories.keys().map(String::as_str).collect();
        let names: Vec<InputName> = identifiers(&texts, "input", &RESERVED);
        let by_text: HashMap<String, String> =
            repositories.keys().cloned().zip(names.iter().map(ToString::to_string)).collect();
        // `name` or `name/input/…`: the first is a repository's.
        let renamed = |path: String| match path.split_once('/') {
            Some((first, rest)) => by_text.get(first).map(|name| format!("{name}/{rest}")).unwrap_or(path),
            None => by_text.get(&path).cloned().unwrap_or(path),
        };
        for ((text, repository), name) in repositories.into_iter().zip(names) {
            self.renamed("input", &text, name.as_str());
            let place = format!("input `{name}`");
            let mut kept = ThymisRepository {
                url: None,
                follows: repository.follows.filter(|follows| !follows.is_empty()).map(renamed),
                inputs_follows: repository.inputs_follows.into_iter().map(|(own, path)| (own, renamed(path))).collect(),
                api_key_secret: None,
            };
            match repository.api_key_secret {
                Some(id) if is_uuid(&id) => {
                    self.secrets.entry(id.clone()).or_default().insert(place.clone());
                    kept.api_key_secret = Some(id);
                }
                Some(_) => self.report.dropped.push(Dropped::new(
                    place.clone(),
                    "`api_key_secret`".to_owned(),
                    "it is not the id of a secret, a UUID; it is not shown, because it may be the secret itself",
                )),
                None => {}
            }
            let found = match repository.url.filter(|url| !url.is_empty()) {
                Some(url) => self.url(&place, url, &mut kept),
                None if kept.follows.is_some() => {
                    Err("it stands for an input of another repository: add that repository as an input".to_owned())
                }
                None => Err("it has no address".to_owned()),
            };
            match found {
                Ok(url) => drop(project.inputs.insert(name.clone(), Input::new(url))),
                Err(why) => {
                    let missing = MissingRepository { name: name.to_string(), why };
                    self.report.missing_repositories.push(missing);
                }
            }
            project.thymis_repositories.insert(name, kept);
        }
        self.follows(project);
        let inputs = &project.inputs;
        project
            .thymis_repositories
            .retain(|name, kept| *kept != ThymisRepository::default() || !inputs.contains_key(name));
    }

    /// What the inputs' own inputs follow. What can't be so here, and what is so anyway, stays with the repository.
    fn follows(&mut self, project: &mut Project) {
        let names: HashSet<InputName> = project.inputs.keys().cloned().collect();
        for (name, input) in &mut project.inputs {
            let Some(kept) = project.thymis_repositories.get_mut(name) else { continue };
            kept.inputs_follows.retain(|own, path| {
                if own == path && RESERVED.contains(&own.as_str()) {
                    return true;
                }
                let why = match path.parse::<InputName>() {
                    _ if input.follows.len() == MAX_FOLLOWS => format!("an input has at most {MAX_FOLLOWS} of these"),
                    Err(_) if path.contains('/') => {
                        "an input can't follow an input of another: add that one as an input".to_owned()
                    }
                    Err(_) => FollowsReason::Unknown.to_string(),
                    Ok(target) => match can_follow(name, own, &target, |target| names.contains(target)) {
                        Ok(()) => {
                            input.follows.insert(own.clone(), target);
                            return false;
                        }
                        Err(why) => why.to_string(),
                    },
                };
                let what = format!("that its `{}` follows `{}`", short(own), short(path));
                let why = format!("{why}; it is kept without an effect");
                self.report.dropped.push(Dropped::new(format!("input `{name}`"), what, &why));
                true
            });
        }
    }

    /// The address of an input, or why there is none; then it is kept as it is.
    fn url(&mut self, place: &str, url: String, kept: &mut ThymisRepository) -> Result<String, String> {
        let (text, found) = match address(&url) {
            Ok(address) => {
                if address.had_credential {
                    self.report.dropped.push(Dropped::new(
                        place.to_owned(),
                        "a user name or password in the address".to_owned(),
                        "a project's state holds no credentials",
                    ));
                }
                let found = self.host.address(&address.text);
                (address.text, found)
            }
            Err(why) => (without_credential(&url).0, Err(why.to_owned())),
        };
        match found {
            Ok(found) => {
                if found != url {
                    let why = if found.contains("?ref=") && !url.contains("?ref=") {
                        "the same repository, in the spelling of inputs; if its `ref` is a tag, write `ref=refs/tags/…`"
                    } else {
                        "the same repository, in the spelling of inputs"
                    };
                    self.changed(place.to_owned(), format!("`{}`", short(&url_shown(&url))), format!("`{found}`"), why);
                }
                Ok(found)
            }
            Err(why) => {
                // What can't stand in a project's state is told and not kept.
                kept.url = Some(text).filter(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control));
                Err(why)
            }
        }
    }
}

/// An address without its credential.
fn url_shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}
