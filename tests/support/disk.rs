use std::{collections::BTreeMap, fs, path::Path};

/// Everything below a folder, byte for byte, git's refs and objects too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk(BTreeMap<String, Vec<u8>>);

impl Disk {
    /// # Panics
    /// When something can't be read.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self(BTreeMap::new());
        disk.read(folder, "");
        disk
    }

    /// Without git's objects and logs and thymis' own folder beside them: what a refused command leaves there is named by
    /// nothing.
    #[must_use]
    pub fn visible(folder: &Path) -> Self {
        let mut disk = Self::of(folder);
        let hidden = [".git/objects/", ".git/logs/", ".git/thymis"];
        disk.0.retain(|path, _| !hidden.iter().any(|prefix| path.starts_with(prefix)));
        disk
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.0.insert(format!("{name}/"), Vec::new());
                self.read(&entry.path(), &format!("{name}/"));
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap();
                self.0.insert(name, target.to_string_lossy().into_owned().into_bytes());
            } else {
                self.0.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }

    /// # Panics
    /// With the paths that differ.
    #[track_caller]
    pub fn assert_same(&self, now: &Self) {
        self.assert_same_but(now, "");
    }

    /// One file may differ.
    ///
    /// # Panics
    /// With the other paths that differ.
    #[track_caller]
    pub fn assert_same_but(&self, now: &Self, one: &str) {
        let paths = self.0.keys().chain(now.0.keys()).filter(|path| *path != one);
        let different: Vec<&String> = paths.filter(|path| self.0.get(*path) != now.0.get(*path)).collect();
        assert!(different.is_empty(), "changed on disk: {different:?}");
    }
}
