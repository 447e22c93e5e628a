//! A new project, made of one of Thymis 0.9.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FileType, Mode, OFlags, openat};
use thymis_core::{
    grant::Lock,
    id::{ModuleId, PythonClass},
    reference::FlakeReference,
    schema::Descriptor,
    state,
    thymis::{self, Document, DocumentError, Report},
    untrusted,
};

use super::{
    Catalogue, CatalogueError, Host, IGNORE, Project, ProjectError,
    artifacts::{MAX_ARTIFACT, MAX_ARTIFACTS},
    state as files,
};
use crate::{
    git::{ProjectRepository, check_path},
    report,
};

/// Of all artifacts together, in bytes.
const MAX_ARTIFACTS_BYTES: u64 = 4 << 30;
/// Folders within each other.
const MAX_DEPTH: usize = 64;

const STATE: &str = "state.json";

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} is not a project of Thymis 0.9: there is neither {STATE} nor repository/{STATE} in it", .0.display())]
    NoState(PathBuf),
    #[error("{} must be a plain file, no symbolic link or device: name the file itself", .0.display())]
    NotAFile(PathBuf),
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} can't be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the artifact `{file}` can't be taken over: {why}")]
    Artifact { file: String, why: &'static str },
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("the state can't be taken over")]
    State(#[from] thymis::ImportError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Project(#[from] ProjectError),
}

impl Project {
    /// Makes a project in a folder that is empty or not there, with what `old` has: a folder of a Thymis project, or its
    /// `state.json` alone.
    ///
    /// # Errors
    /// When something can't even be kept: nothing was made.
    pub fn import(root: &Path, old: &Path, host: Arc<Host>) -> Result<(Self, Report), ImportError> {
        let is_empty = |root: &Path| std::fs::read_dir(root).map(|mut entries| entries.next().is_none());
        let exists = match is_empty(root) {
            Ok(true) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            _ => return Err(ProjectError::NotEmpty(root.to_owned()).into()),
        };
        let (file, folder) = find(old)?;
        let document = Document::parse(&file.display().to_string(), &read(&file)?)?;
        let catalogue = Catalogue::load(&host, &state::Project::new(), &Lock::new())?;
        let mut imported = thymis::import(document, &BuiltIn(&catalogue))?;
        let state = imported.files()?;

        let write = |source| ImportError::Write { path: root.to_owned(), source };
        let parent = match root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(write)?;
        // In the folder itself where there is one: it may be a file system of its own, or somebody's current folder.
        let place = if exists { root } else { parent };
        let staging = tempfile::Builder::new().prefix(".thymis-import-").tempdir_in(place).map_err(write)?;
        let new = staging.path().join("project");
        ProjectRepository::init(&new).map_err(ProjectError::from)?;
        for (file, bytes) in &state {
            files::write(&new, file, bytes).map_err(ProjectError::from)?;
        }
        files::write(&new, IGNORE.0, IGNORE.1).map_err(ProjectError::from)?;
        if let Some(folder) = folder {
            imported.report.artifacts = Artifacts::copy(&folder, &new.join("artifacts"))?;
        }
        if exists {
            // The state comes last: with it, the folder is a project.
            for part in [".git", IGNORE.0, "artifacts", "state"].iter().filter(|part| new.join(part).exists()) {
                std::fs::rename(new.join(part), root.join(part)).map_err(|source| {
                    for part in [".git", "artifacts"] {
                        let _ = std::fs::remove_dir_all(root.join(part));
                    }
                    let _ = std::fs::remove_file(root.join(IGNORE.0));
                    write(source)
                })?;
            }
        } else {
            std::fs::rename(&new, root).map_err(write)?;
        }
        drop(staging);
        Ok((Self::open(root, host)?, imported.report))
    }
}

/// The modules that every project has.
struct BuiltIn<'a>(&'a Catalogue);

impl thymis::Host for BuiltIn<'_> {
    fn module(&self, class: &PythonClass) -> Option<(ModuleId, &Descriptor)> {
        self.0.claiming(class).first().map(|loaded| (loaded.id.clone(), &loaded.descriptor))
    }

    fn descriptor(&self, module: &ModuleId) -> Option<&Descriptor> {
        self.0.find(module).map(|loaded| &loaded.descriptor)
    }

    fn address(&self, text: &str) -> Result<String, String> {
        text.parse().map(|url: FlakeReference| url.to_string()).map_err(|error| report::chain(&error))
    }
}

/// The state's file, and the folder that may have artifacts.
fn find(old: &Path) -> Result<(PathBuf, Option<PathBuf>), ImportError> {
    if !old.is_dir() {
        return Ok((old.to_owned(), None));
    }
    // Thymis keeps the project in a folder of its data.
    let folders = [old.to_owned(), old.join("repository")];
    let found = folders.into_iter().find(|folder| std::fs::symlink_metadata(folder.join(STATE)).is_ok());
    let folder = found.ok_or_else(|| ImportError::NoState(old.to_owned()))?;
    Ok((folder.join(STATE), Some(folder)))
}

fn read(path: &Path) -> Result<Vec<u8>, ImportError> {
    let fail = |source: io::Error| ImportError::Read { path: path.to_owned(), source };
    let file = match rustix::fs::open(path, FILE, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(ImportError::NotAFile(path.to_owned())),
        Err(error) => return Err(fail(error.into())),
    };
    if !file.metadata().map_err(fail)?.is_file() {
        return Err(ImportError::NotAFile(path.to_owned()));
    }
    // One byte more than is allowed: reading JSON then says so.
    let mut bytes = Vec::new();
    file.take(thymis_core::json::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Neither follows a link nor waits for whoever writes into a pipe.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const FOLDER: OFlags = FILE.union(OFlags::DIRECTORY);

/// Copies artifacts by handles of folders, so that nothing outside is reached while the old project changes.
struct Artifacts {
    to: PathBuf,
    count: usize,
    bytes: u64,
}

impl Artifacts {
    fn copy(project: &Path, to: &Path) -> Result<usize, ImportError> {
        let from = project.join("artifacts");
        let folder = match rustix::fs::open(&from, FOLDER, Mode::empty()) {
            Ok(folder) => folder,
            Err(rustix::io::Errno::NOENT) => return Ok(0),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(refuse("artifacts", "it must be a folder, and no symbolic link"));
            }
            Err(error) => return Err(ImportError::Read { path: from, source: error.into() }),
        };
        let mut artifacts = Self { to: to.to_owned(), count: 0, bytes: 0 };
        artifacts.folder(&folder, "", 0)?;
        Ok(artifacts.count)
    }

    fn folder(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) -> Result<(), ImportError> {
        if depth > MAX_DEPTH {
            return Err(refuse(prefix, "there are too many folders within each other"));
        }
        let unreadable =
            |name: &str, error: rustix::io::Errno| ImportError::Read { path: name.into(), source: error.into() };
        for entry in rustix::fs::Dir::read_from(folder).map_err(|error| unreadable(prefix, error))? {
            let entry = entry.map_err(|error| unreadable(prefix, error))?;
            let name = match entry.file_name().to_str() {
                Ok("." | "..") => continue,
                Ok(name) => format!("{prefix}{name}"),
                Err(_) => {
                    let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                    return Err(refuse(&name, "its name is not UTF-8: rename it"));
                }
            };
            if check_path(&format!("artifacts/{name}")).is_err() || name.contains('\\') {
                return Err(refuse(
                    &name,
                    "a project can't have a file of that name: rename it, without `.git`, `\\` and control characters, at most 255 bytes a name",
                ));
            }
            let opened = match openat(folder, entry.file_name(), FILE, Mode::empty()) {
                Ok(opened) => opened,
                Err(rustix::io::Errno::LOOP) => {
                    return Err(refuse(&name, "it is a symbolic link: put the file itself there"));
                }
                Err(rustix::io::Errno::NXIO) => return Err(refuse(&name, "it is neither a file nor a folder")),
                Err(error) => return Err(unreadable(&name, error)),
            };
            let stat = rustix::fs::fstat(&opened).map_err(|error| unreadable(&name, error))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.folder(&opened, &format!("{name}/"), depth + 1)?,
                FileType::RegularFile => self.file(opened, &name, stat.st_mode & 0o100 != 0)?,
                _ => return Err(refuse(&name, "it is neither a file nor a folder")),
            }
        }
        Ok(())
    }

    fn file(&mut self, from: OwnedFd, name: &str, executable: bool) -> Result<(), ImportError> {
        self.count += 1;
        if self.count > MAX_ARTIFACTS {
            return Err(refuse(name, "there are more than 10,000 artifacts"));
        }
        let path = self.to.join(name);
        let write = |source| ImportError::Write { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(write)?;
        }
        let mut to = File::create_new(&path).map_err(write)?;
        let length = io::copy(&mut File::from(from).take(MAX_ARTIFACT + 1), &mut to).map_err(write)?;
        to.flush().map_err(write)?;
        if executable {
            to.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(write)?;
        }
        self.bytes += length;
        if length > MAX_ARTIFACT {
            return Err(refuse(name, "it is larger than 512 MiB"));
        }
        if self.bytes > MAX_ARTIFACTS_BYTES {
            return Err(refuse(name, "all artifacts together are larger than 4 GiB"));
        }
        Ok(())
    }
}

fn refuse(file: &str, why: &'static str) -> ImportError {
    ImportError::Artifact { file: untrusted::short(file), why }
}
