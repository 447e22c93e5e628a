//! Repositories and folders elsewhere on the machine, whose place, revision or hash the flake knows.

use super::case::{Alone, Case, harmless, refused};

/// Which of them it is depends on what Nix looks at first.
pub(crate) const GONE: &[&str] =
    &["forbidden", "No such file", "does not exist", "not appear to be a git repository", "cannot", "unable to"];

pub(crate) const CASES: &[Case] = &[
    refused(
        "getFlake of a repository",
        r#"(builtins.getFlake "git+file://${other}?rev=${otherRev}").secret"#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "getFlake of a folder in a repository",
        r#"(builtins.getFlake "git+file://${other}?dir=sub&rev=${otherRev}").secret"#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "getFlake of a folder beside a repository",
        r#"(builtins.getFlake "git+file://${other}?dir=../folder&rev=${otherRev}").secret"#,
        GONE,
    ),
    refused(
        "getFlake of a folder above the own tree",
        r#"(builtins.getFlake "path:${builtins.unsafeDiscardStringContext "${inputs.self}"}?dir=../../..${folder}&narHash=${inputs.self.narHash}").secret"#,
        &["unsupported", "forbidden", "No such file"],
    ),
    refused(
        "getFlake of a folder",
        r#"(builtins.getFlake "path:${folder}?narHash=${folderHash}").secret"#,
        GONE,
    )
    .alone(Alone::Tells),
    refused("getFlake of a path", "(builtins.getFlake folder).secret", &["unlocked", "not allowed", "pure"]),
    refused(
        "getFlake of a path in the store",
        r#"(builtins.getFlake "path:${stored}?narHash=${otherHash}").secret"#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit of a repository",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit of a path",
        r#"builtins.readFile "${builtins.fetchGit { url = other; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit through the process's own root",
        r#"builtins.readFile "${builtins.fetchGit { url = "file:///proc/self/root${other}"; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit of an address that begins as one that is allowed",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${place}/../outside/other"; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit of all branches",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; rev = otherRev; allRefs = true; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit with submodules",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; rev = otherRev; submodules = true; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchGit of the newest commit",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; }}/secret.txt""#,
        &["pure", "forbidden"],
    ),
    refused(
        "fetchGit with a branch that is an option",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${other}"; rev = otherRev; ref = "--upload-pack=touch ${marker}"; }}/secret.txt""#,
        &["invalid", "forbidden"],
    ),
    refused(
        "fetchGit with an address that is a command",
        r#"builtins.readFile "${builtins.fetchGit { url = "ext::sh -c 'touch ${marker}'"; rev = otherRev; }}/secret.txt""#,
        &["not a valid", "forbidden", "not supported", "invalid", "No such", "not appear"],
    ),
    refused(
        "fetchGit with an address that is an option",
        r#"builtins.readFile "${builtins.fetchGit { url = "ssh://-oProxyCommand=touch%20${marker}/x"; rev = otherRev; }}/secret.txt""#,
        &["forbidden", "not a valid", "cannot", "unable", "failed", "program 'git'"],
    ),
    refused(
        "fetchGit of the own tree that borrows objects of another repository",
        r#"builtins.readFile "${builtins.fetchGit { url = "file://${inputs.self}/borrowing"; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of a repository",
        r#"builtins.readFile "${builtins.fetchTree { type = "git"; url = "file://${other}"; rev = otherRev; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of a folder",
        r#"builtins.readFile "${builtins.fetchTree { type = "path"; path = folder; narHash = folderHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of a path in the store",
        r#"builtins.readFile "${builtins.fetchTree { type = "path"; path = stored; narHash = otherHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of what is in the store under its hash",
        r#"builtins.readFile "${builtins.fetchTree { type = "git"; url = "https://nobody.invalid/x"; rev = otherRev; lastModified = 1; narHash = otherHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of a forge's repository that is in the store under its hash",
        r#"builtins.readFile "${builtins.fetchTree { type = "github"; owner = "a"; repo = "b"; rev = otherRev; lastModified = 1; narHash = otherHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTarball of what is in the store under its hash",
        r#"builtins.readFile "${builtins.fetchTarball { url = "https://nobody.invalid/x"; sha256 = otherHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTarball of an archive",
        r#"builtins.readFile "${builtins.fetchTarball { url = "file://${other}.tar"; sha256 = otherHash; name = "other"; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    refused(
        "fetchTree of an archive",
        r#"builtins.readFile "${builtins.fetchTree { type = "tarball"; url = "file://${other}.tar"; narHash = folderHash; }}/secret.txt""#,
        GONE,
    ),
    refused(
        "fetchMercurial of a folder",
        r#"builtins.readFile "${builtins.fetchMercurial { url = "file://${other}"; rev = otherRev; }}/secret.txt""#,
        &["hg", "Mercurial", "forbidden"],
    ),
    refused(
        "path with the hash of what is in the store",
        r#"builtins.readFile "${builtins.path { path = stored; name = "source"; sha256 = otherHash; }}/secret.txt""#,
        GONE,
    )
    .alone(Alone::Tells),
    harmless("whether there is a folder", "builtins.pathExists folder", "false"),
];
