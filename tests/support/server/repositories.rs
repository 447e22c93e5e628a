use std::path::{Path, PathBuf};

use crate::git;

/// Makes a bare clone of a repository in a server's folder; answers where.
///
/// # Panics
/// When git can't.
pub fn bare_clone(repository: &Path, folder: &Path, name: &str) -> PathBuf {
    let place = folder.join(name);
    git(folder, &["clone", "--quiet", "--bare", repository.to_str().unwrap(), place.to_str().unwrap()]);
    place
}

/// Gives a server's repository all branches and tags as they are here now, whatever it has.
///
/// # Panics
/// When git can't.
pub fn push(repository: &Path, to: &Path) {
    git(
        repository,
        &[
            "push",
            "--quiet",
            "--force",
            "--prune",
            to.to_str().unwrap(),
            "refs/heads/*:refs/heads/*",
            "refs/tags/*:refs/tags/*",
        ],
    );
}
