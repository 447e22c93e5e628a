//! A repository as its authors change it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use thymis_tests::{World, git};

use super::{Release, release::FILE};

#[derive(Debug)]
pub(crate) struct Upstream(PathBuf);

impl Upstream {
    /// Without commits, on the branch `main`.
    pub(crate) fn empty(world: &World, name: &str) -> Self {
        let folder = world.path().join("repositories").join(name);
        fs::create_dir_all(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        // As the forges do: its server gives a commit by its name, whatever branches there are.
        git(&folder, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        Self(folder)
    }

    /// A flake without modules.
    pub(crate) fn plain(world: &World, name: &str) -> Self {
        let upstream = Self::empty(world, name);
        upstream.write("flake.nix", "{ outputs = _: { }; }\n");
        upstream.commit("A flake");
        upstream
    }

    pub(crate) fn releasing(world: &World, name: &str, release: &Release) -> Self {
        let upstream = Self::empty(world, name);
        upstream.release(release);
        upstream
    }

    /// Commits a release; answers the commit.
    pub(crate) fn release(&self, release: &Release) -> String {
        self.write("flake.nix", "{ outputs = _: { }; }\n");
        self.write("README.md", "This repository contains thymis modules.\n");
        self.write("thymis.toml", release.manifest());
        self.write(FILE, release.component());
        self.commit("Release")
    }

    /// Changes the README alone and commits that.
    pub(crate) fn touch(&self, message: &str) -> String {
        self.write("README.md", format!("This repository contains thymis modules.\n{message}\n"));
        self.commit(message)
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.0, arguments)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn url(&self) -> String {
        format!("git+file://{}", self.0.display())
    }

    /// Of a branch or tag.
    pub(crate) fn url_of(&self, reference: &str) -> String {
        format!("{}?ref={reference}", self.url())
    }
}
