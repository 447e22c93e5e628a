use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use thymis_core::{
    digest::Digest,
    id::{ConfigurationId, IdError, TagId},
    state::{Configuration, Project, StateError, Tag},
    untrusted,
};

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
    /// The bytes of every file, by path.
    pub files: BTreeMap<String, Arc<[u8]>>,
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

impl State {
    pub(super) fn read(root: &Path) -> Result<Self, StateReadError> {
        for folder in ["state", "state/configurations", "state/tags"] {
            if std::fs::symlink_metadata(root.join(folder)).is_ok_and(|meta| !meta.is_dir()) {
                return Err(StateProblem::NotAFolder { folder }.into());
            }
        }
        let file = "state/project.json";
        let bytes = read_file(root, file)?.ok_or_else(|| StateProblem::NoProject(root.to_owned()))?;
        let project = Project::parse(&bytes).map_err(StateProblem::State)?;
        let mut problems = Vec::new();
        let mut files = BTreeMap::from([(file.to_owned(), Arc::from(bytes))]);
        let configurations: BTreeMap<ConfigurationId, Parsed<Configuration>> =
            folder(root, "state/configurations", &mut files, &mut problems, Configuration::parse);
        let tags: BTreeMap<TagId, Parsed<Tag>> = folder(root, "state/tags", &mut files, &mut problems, Tag::parse);
        for (id, configuration) in &configurations {
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
        Ok(Self { project: Arc::new(project), configurations, tags, files })
    }
}

fn folder<I, T>(
    root: &Path,
    folder: &'static str,
    files: &mut BTreeMap<String, Arc<[u8]>>,
    problems: &mut Vec<StateProblem>,
    parse: impl Fn(&str, &[u8]) -> Result<T, StateError>,
) -> BTreeMap<I, Parsed<T>>
where
    I: std::str::FromStr<Err = IdError> + Ord,
{
    let mut found = BTreeMap::new();
    let entries = match std::fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return found,
        Err(source) => {
            problems.push(StateProblem::Read { file: folder.to_owned(), source });
            return found;
        }
    };
    let mut names: Vec<String> =
        entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    if names.len() > MAX_FILES {
        problems.push(StateProblem::TooMany { folder });
        return found;
    }
    for name in names {
        // Editors' leftovers are nobody's configuration.
        let Some(stem) = name.strip_suffix(".json").filter(|stem| !stem.starts_with('.')) else { continue };
        let file = format!("{folder}/{name}");
        let shown = || untrusted::short(&file);
        let one = || -> Result<(I, Parsed<T>, Vec<u8>), StateProblem> {
            let id = stem.parse().map_err(|source| StateProblem::Name { file: shown(), source })?;
            let bytes = read_file(root, &file)?.ok_or_else(|| StateProblem::NotAFile { file: shown() })?;
            let value = Arc::new(parse(&file, &bytes)?);
            Ok((id, Parsed { value, digest: Digest::of(&bytes) }, bytes))
        };
        match one() {
            Ok((id, parsed, bytes)) => {
                found.insert(id, parsed);
                files.insert(file, Arc::from(bytes));
            }
            Err(problem) => {
                files.insert(file, Arc::from([]));
                problems.push(problem);
            }
        }
    }
    found
}

fn read_file(root: &Path, file: &str) -> Result<Option<Vec<u8>>, StateProblem> {
    let path = root.join(file);
    let fail = |source| StateProblem::Read { file: untrusted::short(file), source };
    match std::fs::symlink_metadata(&path) {
        Ok(meta) if !meta.is_file() => Err(StateProblem::NotAFile { file: untrusted::short(file) }),
        Ok(meta) if meta.len() > MAX_BYTES => Err(StateProblem::TooLarge { file: untrusted::short(file) }),
        Ok(_) => std::fs::read(&path).map(Some).map_err(fail),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail(error)),
    }
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
