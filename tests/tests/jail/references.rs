//! References that a registry or the machine would resolve.

use super::case::{Case, refused};

const UNLOCKED: &[&str] = &[
    "unlocked",
    "not allowed",
    "registry",
    "indirect",
    "forbidden",
    "cannot find",
    "pure",
    "not an absolute path",
    "unsupported",
];

pub(crate) const CASES: &[Case] = &[
    refused("a name of the registry", r#"(builtins.getFlake "nixpkgs").secret"#, UNLOCKED),
    refused("a name of the registry at a revision", r#"(builtins.getFlake "secret/${otherRev}").secret"#, UNLOCKED),
    refused(
        "a name of the registry, branch and revision",
        r#"(builtins.getFlake "flake:nixpkgs/main/${otherRev}").secret"#,
        UNLOCKED,
    ),
    refused(
        "fetchTree of a name",
        r#"builtins.fetchTree { type = "indirect"; id = "secret"; rev = otherRev; }"#,
        UNLOCKED,
    ),
    refused("the folder in which the program runs", r#"(builtins.getFlake ".").nixosConfigurations"#, UNLOCKED),
    refused(
        "the folder in which the program runs as a path",
        r#"(builtins.getFlake "path:.").nixosConfigurations"#,
        UNLOCKED,
    ),
    refused(
        "the repository in which the program runs",
        r#"(builtins.getFlake "git+file:.").nixosConfigurations"#,
        UNLOCKED,
    ),
    refused("a branch of a forge", r#"(builtins.getFlake "github:a/b").secret"#, UNLOCKED),
];
