//! Git repositories as an attacker writes them: objects, packs and refs byte by byte, with nothing checked.

use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::git;

mod encoding;
mod pack;

pub use encoding::{sha1, stored, zeros};
pub use pack::{Delta, Pack};

/// Who wrote a commit, in the form of git.
pub const SOMEBODY: &str = "Somebody <somebody@example.org> 1767225600 +0000";

/// How many zeros [`RawRepository::zeros`] writes, and what git calls them.
const ZEROS: u64 = 3 << 30;
const ZEROS_ID: &str = "1077662767e8de998abc7dbe3649b8df9a2baf72";

/// The name of a git object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 20]);

impl Id {
    /// The name that an object has.
    #[must_use]
    pub fn of(kind: &str, bytes: &[u8]) -> Self {
        Self(sha1(&[format!("{kind} {}\0", bytes.len()).as_bytes(), bytes]))
    }

    /// # Panics
    /// When it isn't 40 hexadecimal digits.
    #[must_use]
    pub fn parse(hex: &str) -> Self {
        Self(std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One entry of a tree: mode, name, object.
#[must_use]
pub fn entry(mode: &str, name: impl AsRef<[u8]>, id: Id) -> Vec<u8> {
    [mode.as_bytes(), b" ", name.as_ref(), b"\0", &id.0].concat()
}

/// A bare repository.
#[derive(Debug)]
pub struct RawRepository {
    folder: TempDir,
}

impl RawRepository {
    /// Without objects and branches; `HEAD` names `refs/heads/main`.
    #[must_use]
    pub fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main"]);
        Self { folder }
    }

    /// With this tree in a commit of `main`.
    #[must_use]
    pub fn with(tree: impl FnOnce(&Self) -> Id) -> Self {
        let repository = Self::empty();
        let tree = tree(&repository);
        repository.reference("refs/heads/main", repository.commit(tree));
        repository
    }

    /// With these entries beside a `flake.nix`.
    #[must_use]
    pub fn flake(others: impl FnOnce(&Self) -> Vec<u8>) -> Self {
        Self::with(|repository| {
            let flake = entry("100644", "flake.nix", repository.blob("{ outputs = _: { }; }"));
            repository.tree(&[flake, others(repository)].concat())
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("git+file://{}", self.path().display())
    }

    /// Writes an object of any kind with any bytes.
    #[must_use]
    pub fn object(&self, kind: &str, bytes: &[u8]) -> Id {
        let id = Id::of(kind, bytes);
        self.loose(id, &stored(&[format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat()));
        id
    }

    /// Puts an object in the place of another; answers that one.
    #[must_use]
    pub fn place(&self, kind: &str, id: Id, bytes: &[u8]) -> Id {
        let hex = id.to_string();
        let bytes = [format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat();
        self.write(&format!("objects/{}/{}", &hex[..2], &hex[2..]), stored(&bytes));
        id
    }

    #[must_use]
    pub fn blob(&self, bytes: impl AsRef<[u8]>) -> Id {
        self.object("blob", bytes.as_ref())
    }

    /// A tree of [`entry`]s.
    #[must_use]
    pub fn tree(&self, entries: &[u8]) -> Id {
        self.object("tree", entries)
    }

    #[must_use]
    pub fn commit(&self, tree: Id) -> Id {
        self.commit_text(format!("tree {tree}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nFixture\n"))
    }

    #[must_use]
    pub fn commit_text(&self, text: impl AsRef<[u8]>) -> Id {
        self.object("commit", text.as_ref())
    }

    /// 3 GiB of zeros, in 3 MiB.
    #[must_use]
    pub fn zeros(&self) -> Id {
        let id = Id::parse(ZEROS_ID);
        self.loose(id, &zeros(format!("blob {ZEROS}\0").as_bytes(), ZEROS));
        id
    }

    /// A long object, through git's own program.
    #[must_use]
    pub fn stream(&self, kind: &str, mut bytes: impl Read) -> Id {
        let mut child = Command::new("git")
            .args(["-c", "core.compression=1", "hash-object", "-w", "--stdin", "-t", kind])
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::copy(&mut bytes, &mut child.stdin.take().unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        Id::parse(std::str::from_utf8(&output.stdout).unwrap())
    }

    /// Sets a ref whose name is a usable path; nothing else about it is checked.
    pub fn reference(&self, name: &str, id: Id) {
        self.write(name, format!("{id}\n"));
    }

    /// Sets refs of any names.
    pub fn packed_references<'a>(&self, references: impl IntoIterator<Item = (&'a [u8], Id)>) {
        let mut lines = b"# pack-refs with: peeled fully-peeled sorted \n".to_vec();
        for (name, id) in references {
            lines.extend(format!("{id} ").bytes().chain(name.iter().copied()).chain([b'\n']));
        }
        self.write("packed-refs", lines);
    }

    /// Writes a file of the repository itself, such as `config`.
    pub fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Puts a pack into the repository, with an index that says where in it which objects begin.
    pub fn add_pack_saying(&self, pack: &Pack, objects: &[(Id, u64)]) {
        // Both have to have one count.
        let pack = pack.bytes_saying(objects.len() as u32);
        let mut objects = objects.to_vec();
        objects.sort_unstable();
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=u8::MAX {
            let count = objects.iter().filter(|(id, _)| id.0[0] <= first).count() as u32;
            index.extend(count.to_be_bytes());
        }
        index.extend(objects.iter().flat_map(|(id, _)| id.0));
        index.resize(index.len() + 4 * objects.len(), 0);
        index.extend(objects.iter().flat_map(|(_, begin)| (*begin as u32).to_be_bytes()));
        let checksum = &pack[pack.len() - 20..];
        index.extend(checksum);
        index.extend(sha1(&[&index]));
        let name = Id(checksum.try_into().unwrap());
        self.write(&format!("objects/pack/pack-{name}.pack"), pack);
        self.write(&format!("objects/pack/pack-{name}.idx"), index);
    }

    fn loose(&self, id: Id, zlib: &[u8]) {
        let hex = id.to_string();
        let path: PathBuf = self.path().join("objects").join(&hex[..2]).join(&hex[2..]);
        // Many objects are written twice, and equal.
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, zlib).unwrap();
        }
    }
}
