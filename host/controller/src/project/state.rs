use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::Metadata,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rayon::prelude::*;
use thymis_core::{
    digest::Digest,
    id::{ConfigurationId, IdError, TagId},
    state::{Configuration, Project, StateError, Tag},
    untrusted,
};

use crate::git::{Blob, Stamp};

/// Longest file of the state, in bytes.
const MAX_BYTES: u64 = thymis_core::json::MAX_BYTES as u64;
/// Most configurations, and most tags.
const MAX_FILES: usize = 100_000;

/// One file of the state.
#[derive(Debug, Clone)]
pub struct Parsed<T> {
    pub value: Arc<T>,
    /// Of the file's bytes.
    pub digest: Digest,
}

/// What people edited, of the whole project.
#[derive(Debug, Clone)]
pub struct State {
    pub project: Arc<Project>,
    pub configurations: BTreeMap<ConfigurationId, Parsed<Configuration>>,
    pub tags: BTreeMap<TagId, Parsed<Tag>>,
    /// Every file, by path.
    pub files: BTreeMap<String, Blob>,
}

/// Everything that is wrong with the files of the state.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.iter().map(describe).collect::<Vec<_>>().join("\n"))]
pub struct StateReadError {
    pub problems: Vec<StateProblem>,
}

fn describe(problem: &StateProblem) -> String {
    use std::error::Error as _;
    match problem.source() {
        Some(source) if !matches!(problem, StateProblem::State(_)) => format!("{problem}: {source}"),
        _ => problem.to_string(),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StateProblem {
    #[error("{} is not a project: it has no state/project.json; make one with `thymis init`", .0.display())]
    NoProject(PathBuf),
    #[error("{file} can't be read")]
    Read { file: String, source: std::io::Error },
    #[error("{file} can't be written")]
    Write { file: String, source: std::io::Error },
    #[error("{file} is not a plain file: put the file itself there")]
    NotAFile { file: String },
    #[error("{file} is larger than {MAX_BYTES} bytes")]
    TooLarge { file: String },
    #[error("{folder} must be a folder, and no symbolic link")]
    NotAFolder { folder: &'static str },
    #[error("{file}: the file's name is not that of a configuration or tag")]
    Name { file: String, source: IdError },
    #[error("{folder} holds more than {MAX_FILES} files")]
    TooMany { folder: &'static str },
    #[error(
        "state/configurations/{configuration}.json: there is no tag `{tag}`; make state/tags/{tag}.json, or remove it from the list"
    )]
    NoTag { configuration: ConfigurationId, tag: TagId },
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<StateProblem> for StateReadError {
    fn from(problem: StateProblem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Reads the state, and the next time only what was changed since.
#[derive(Debug, Default)]
pub(super) struct StateReader {
    last: Option<State>,
    /// Of the files that `last` was read from, by path.
    stamps: HashMap<String, Stamp>,
}

/// A file that wasn't read before, or was changed since.
struct New<I, T> {
    id: I,
    parsed: Parsed<T>,
    blob: Blob,
    stamp: Option<Stamp>,
}

impl StateReader {
    pub(super) fn read(&mut self, root: &Path) -> Result<State, StateReadError> {
        for folder in ["state", "state/configurations", "state/tags"] {
            if std::fs::symlink_metadata(root.join(folder)).is_ok_and(|meta| !meta.is_dir()) {
                return Err(StateProblem::NotAFolder { folder }.into());
            }
        }
        let file = "state/project.json";
        let bytes = look(root, file)?.map(|_| read_file(root, file)).transpose()?;
        let bytes = bytes.ok_or_else(|| StateProblem::NoProject(root.to_owned()))?;
        let project = Arc::new(Project::parse(&bytes).map_err(StateProblem::State)?);
        let mut state = match self.last.take() {
            Some(last) => State { project, ..last },
            None => {
                self.stamps.clear();
                State { project, configurations: BTreeMap::new(), tags: BTreeMap::new(), files: BTreeMap::new() }
            }
        };
        let State { configurations, tags, files, .. } = &mut state;
        files.insert(file.to_owned(), bytes.into());
        let mut problems = Vec::new();
        self.folder(root, "state/configurations", configurations, files, &mut problems, Configuration::parse);
        self.folder(root, "state/tags", tags, files, &mut problems, Tag::parse);
        for (id, configuration) in &*configurations {
            for tag in configuration.value.tags.iter().filter(|tag| !tags.contains_key(*tag)) {
                // A tag whose own file is broken was reported already.
                if !files.contains_key(&Tag::file(tag)) {
                    problems.push(StateProblem::NoTag { configuration: id.clone(), tag: tag.clone() });
                }
            }
        }
        if !problems.is_empty() {
            return Err(StateReadError { problems });
        }
        self.last = Some(state.clone());
        Ok(state)
    }

    /// Brings `found` and `files` to what the folder holds.
    fn folder<I, T>(
        &mut self,
        root: &Path,
        folder: &'static str,
        found: &mut BTreeMap<I, Parsed<T>>,
        files: &mut BTreeMap<String, Blob>,
        problems: &mut Vec<StateProblem>,
        parse: impl Fn(&str, &[u8]) -> Result<T, StateError> + Sync,
    ) where
        I: std::str::FromStr<Err = IdError> + Ord + Send,
        T: Send + Sync,
    {
        let names = match names(root, folder) {
            Ok(names) => names,
            Err(problem) => return problems.push(problem),
        };
        let (now, stamps) = (SystemTime::now(), &self.stamps);
        let read = |name: &String| -> Result<Option<New<I, T>>, StateProblem> {
            let file = format!("{folder}/{name}");
            let shown = || untrusted::short(&file);
            let stem = name.strip_suffix(".json").unwrap_or(name);
            let id = stem.parse().map_err(|source| StateProblem::Name { file: shown(), source })?;
            let metadata = look(root, &file)?.ok_or_else(|| StateProblem::NotAFile { file: shown() })?;
            let stamp = Stamp::of(&metadata, now);
            if stamp.is_some() && stamps.get(&file) == stamp.as_ref() {
                return Ok(None);
            }
            let bytes = read_file(root, &file)?;
            let parsed = Parsed { value: Arc::new(parse(&file, &bytes)?), digest: Digest::of(&bytes) };
            Ok(Some(New { id, parsed, blob: bytes.into(), stamp }))
        };
        let new: Vec<_> = names.par_iter().map(read).collect();
        let before = problems.len();
        for (name, new) in names.iter().zip(new) {
            let file = || format!("{folder}/{name}");
            match new {
                Ok(None) => {}
                Ok(Some(New { id, parsed, blob, stamp })) => {
                    found.insert(id, parsed);
                    files.insert(file(), blob);
                    match stamp {
                        Some(stamp) => self.stamps.insert(file(), stamp),
                        None => self.stamps.remove(&file()),
                    };
                }
                Err(problem) => {
                    files.insert(file(), Vec::new().into());
                    problems.push(problem);
                }
            }
        }
        if found.len() != names.len() || problems.len() > before {
            let is_gone = |file: &str| {
                let name = file.strip_prefix(folder).and_then(|name| name.strip_prefix('/'));
                name.is_some_and(|name| names.binary_search_by(|known| known.as_str().cmp(name)).is_err())
            };
            files.retain(|file, _| !is_gone(file));
            self.stamps.retain(|file, _| !is_gone(file));
            let ids: BTreeSet<I> = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
            found.retain(|id, _| ids.contains(id));
        }
    }
}

/// The names of a folder's files, in order.
fn names(root: &Path, folder: &'static str) -> Result<Vec<String>, StateProblem> {
    let entries = match std::fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StateProblem::Read { file: folder.to_owned(), source }),
    };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.take(MAX_FILES + 1).collect();
    if names.len() > MAX_FILES {
        return Err(StateProblem::TooMany { folder });
    }
    // Editors' leftovers are nobody's configuration.
    names.retain(|name| name.ends_with(".json") && !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// Looks at a file without reading it; `None` where there is none.
fn look(root: &Path, file: &str) -> Result<Option<Metadata>, StateProblem> {
    let shown = || untrusted::short(file);
    match std::fs::symlink_metadata(root.join(file)) {
        Ok(meta) if !meta.is_file() => Err(StateProblem::NotAFile { file: shown() }),
        Ok(meta) if meta.len() > MAX_BYTES => Err(StateProblem::TooLarge { file: shown() }),
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateProblem::Read { file: shown(), source }),
    }
}

fn read_file(root: &Path, file: &str) -> Result<Vec<u8>, StateProblem> {
    std::fs::read(root.join(file)).map_err(|source| StateProblem::Read { file: untrusted::short(file), source })
}

/// Replaces a file of the state at once.
pub(super) fn write(root: &Path, file: &str, bytes: &[u8]) -> Result<(), StateReadError> {
    let path = root.join(file);
    let replace = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)?;
        let mut temporary = tempfile::Builder::new().prefix(".thymis-").tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        temporary.as_file().set_permissions(mode)?;
        temporary.persist(&path)?;
        Ok(())
    };
    replace().map_err(|source| StateProblem::Write { file: file.to_owned(), source }.into())
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[test]
    fn what_was_read_before_makes_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| write(folder.path(), file, text.as_bytes()).unwrap();
        let remove = |file: &str| fs::remove_file(folder.path().join(file)).unwrap();
        let of = |state: State| {
            let values = state.configurations.into_iter().map(|(id, parsed)| (id, parsed.value, parsed.digest));
            let tags: Vec<TagId> = state.tags.into_keys().collect();
            (values.collect::<Vec<_>>(), tags, state.files)
        };
        let mut reader = StateReader::default();
        let mut same = || {
            let read = reader.read(folder.path()).map(of).map_err(|error| error.to_string());
            let fresh = StateReader::default().read(folder.path()).map(of).map_err(|error| error.to_string());
            assert_eq!(read, fresh);
            read
        };
        put("state/project.json", r#"{ "version": 1 }"#);
        for name in ["a", "b", "c"] {
            put(&format!("state/configurations/{name}.json"), r#"{ "tags": ["t"] }"#);
        }
        put("state/tags/t.json", "{}");
        assert!(same().is_ok());
        // Until their times are old enough, files are read each time.
        std::thread::sleep(Duration::from_secs(4));
        assert!(same().is_ok());
        let path = folder.path().join("state/configurations/a.json");
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        // As long as before, and with the same time.
        fs::write(&path, r#"{"tags": ["t"] } "#).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
        remove("state/configurations/b.json");
        put("state/configurations/d.json", "{}");
        let (values, ..) = same().unwrap();
        assert_eq!(values.len(), 3);
        remove("state/tags/t.json");
        assert!(same().unwrap_err().contains("there is no tag `t`"));
        put("state/tags/t.json", "{");
        assert!(same().is_err());
        put("state/tags/t.json", "{}");
        assert!(same().is_ok());
    }
}
