//! Paths inside a tree.

use thymis_core::untrusted;

/// The longest path in bytes.
const LENGTH: usize = 1024;
/// The longest segment in bytes: what common file systems hold.
pub(super) const SEGMENT: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path `{}` has {length} bytes; at most {LENGTH} are allowed", untrusted::short(.path))]
    TooLong { path: String, length: usize },
    #[error(
        "`{}` is not a path inside the repository: write it relative to its root, with `/` between names, without empty \
         names, `.`, `..`, `.git` or control characters",
        untrusted::short(.0)
    )]
    Malformed(String),
}

/// Checks that `path` is relative, `/`-separated, without empty segments, `.`, `..`, `.git` (in any case), control
/// characters; at most 1024 bytes, 255 a segment.
///
/// # Errors
/// Says what a path looks like.
pub fn check_path(path: &str) -> Result<(), PathError> {
    if path.len() > LENGTH {
        return Err(PathError::TooLong { path: path.to_owned(), length: path.len() });
    }
    if path.split('/').all(plain_segment) { Ok(()) } else { Err(PathError::Malformed(path.to_owned())) }
}

/// Whether `name` can be one segment of a path.
pub(super) fn plain_segment(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= SEGMENT
        && name != "."
        && name != ".."
        && !name.eq_ignore_ascii_case(".git")
        && !name.chars().any(|c| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for good in ["a", "a/b.c", "modules/x y.wasm", "ü/日本", "..a", ".github/x", "a.git"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        let long = ["a".repeat(256), "a/".repeat(600) + "a"];
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".git", "a/.GIT/config", "a\0b", "a\nb", "\u{85}"]
                .into_iter()
                .chain(long.iter().map(String::as_str))
        {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
