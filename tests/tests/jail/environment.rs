//! What surrounds the evaluation: variables, settings, the search path, the clock.

use super::case::{Case, harmless, refused};

const ABSENT: &[&str] = &["missing", "cannot look up", "was not found", "forbidden", "pure"];

pub(crate) const CASES: &[Case] = &[
    harmless("a variable", r#"builtins.getEnv "THYMIS_JAIL_SECRET""#, r#""""#),
    harmless("the home folder", r#"builtins.getEnv "HOME""#, r#""""#),
    harmless(
        "where credentials are",
        r#"builtins.getEnv "THYMIS_CREDENTIALS" + builtins.getEnv "SSH_AUTH_SOCK""#,
        r#""""#,
    ),
    harmless("the operator's home by its short name", r#"toString ~/x == "${home}/x""#, "false"),
    refused(
        "a file of the operator's home by its short name",
        "builtins.readFile ~/.netrc",
        &["forbidden", "No such file"],
    ),
    refused("the search path", "<nixpkgs>", ABSENT),
    refused("the operator's search path", "builtins.readFile <secret/secret.txt>", ABSENT),
    harmless("the list of the search path", "builtins.nixPath or [ ]", "[]"),
    harmless("the clock", r#"builtins.currentTime or "absent""#, r#""absent""#),
    harmless("the machine", r#"builtins.currentSystem or "absent""#, r#""absent""#),
    refused("exec", r#"builtins.exec [ "touch" marker ]"#, ABSENT),
    refused("importNative", r#"builtins.importNative ./own.txt "x""#, ABSENT),
    harmless("that imports need no permission", "builtins ? exec || builtins ? importNative", "false"),
];
