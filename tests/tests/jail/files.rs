//! Files of the machine, by every builtin that reads one: named outright, through links in the flake's own tree, and by
//! leaving that tree upwards.

use super::case::{Alone, Case, harmless, refused};

const BARRED: &[&str] = &["forbidden", "No such file", "does not exist", "not a valid", "cannot", "Couldn't"];

pub(crate) const CASES: &[Case] = &[
    refused("readFile", "builtins.readFile /etc/passwd", BARRED),
    refused("readFile of a text", "builtins.readFile \"/etc/passwd\"", BARRED),
    refused("readFile of a path put together", "builtins.readFile (/. + \"etc/passwd\")", BARRED),
    refused("readFile of a secret", "builtins.readFile file", BARRED),
    refused("readFile of the program's credentials", "builtins.readFile credentials", BARRED),
    refused("readFile of the process's environment", "builtins.readFile /proc/self/environ", BARRED),
    refused("readFile of another process's environment", "builtins.readFile /proc/1/environ", BARRED),
    refused("readFile of the database of the store", "builtins.readFile /nix/var/nix/db/db.sqlite", BARRED),
    refused("readDir", "builtins.toJSON (builtins.readDir /etc)", BARRED),
    refused("readDir of the processes", "builtins.toJSON (builtins.readDir /proc)", BARRED),
    refused("hashFile", "builtins.hashFile \"sha256\" /etc/passwd", BARRED),
    refused("hashFile of a secret", "builtins.hashFile \"sha256\" file", BARRED),
    refused("import", "import /etc/passwd", BARRED),
    refused("import of a text", "import file", BARRED),
    refused("scopedImport", "builtins.scopedImport { } file", BARRED),
    refused("path", "builtins.readFile (builtins.path { path = /etc/passwd; })", BARRED),
    refused("path of a text", "builtins.readFile (builtins.path { path = file; name = \"x\"; })", BARRED),
    refused("filterSource", "builtins.readDir (builtins.filterSource (_: _: true) /etc)", BARRED),
    refused("a path in a text", "\"${/etc/passwd}\"", BARRED),
    refused("a path as JSON", "builtins.toJSON /etc/passwd", BARRED),
    refused(
        "a path in a derivation",
        "(derivation { inherit system; name = \"x\"; builder = \"x\"; src = /etc/passwd; }).drvPath",
        BARRED,
    ),
    refused(
        "findFile",
        "builtins.readFile (builtins.findFile [ { prefix = \"x\"; path = \"/etc\"; } ] \"x/passwd\")",
        BARRED,
    ),
    refused(
        "fetchurl with a wrong hash, which tells the right one",
        r#"builtins.fetchurl { url = "file://${file}"; sha256 = wrong; }"#,
        BARRED,
    )
    .alone(Alone::Tells),
    refused(
        "fetchurl with a wrong hash of an address that begins as one that is allowed",
        r#"builtins.fetchurl { url = "file://${place}/../outside/secret.txt"; sha256 = wrong; }"#,
        BARRED,
    )
    .alone(Alone::Tells),
    refused(
        "fetchurl of the users with a wrong hash",
        r#"builtins.fetchurl { url = "file:///etc/passwd"; sha256 = wrong; }"#,
        BARRED,
    )
    .alone(Alone::Tells),
    refused("fetchTarball of a file", r#"builtins.fetchTarball { url = "file://${file}"; sha256 = wrong; }"#, BARRED),
    refused("readFile of a link", "builtins.readFile ./links/secret", BARRED),
    refused("readFile below a link", "builtins.readFile (./links/etc + \"/passwd\")", BARRED),
    refused("readFile below a link to everything", "builtins.readFile (./links/root + file)", BARRED),
    refused("readFile below a link upwards", "builtins.readFile ./links/up/passwd", BARRED),
    refused("readFile of a link to the environment", "builtins.readFile ./links/environ", BARRED),
    refused(
        "readFile of a link to itself",
        "builtins.readFile ./links/loop",
        &["symbolic link", "symlink", "forbidden"],
    ),
    refused("readFile of a link to a file without end", "builtins.readFile ./links/zero", BARRED),
    refused("hashFile of a link to a file without end", "builtins.hashFile \"sha256\" ./links/zero", BARRED),
    refused("readDir of a link", "builtins.toJSON (builtins.readDir ./links/outside)", BARRED),
    refused("readDir of a link to everything", "builtins.toJSON (builtins.readDir ./links/root)", BARRED),
    refused("readDir of a link to the store", "builtins.toJSON (builtins.readDir ./links/store)", BARRED),
    refused("hashFile of a link", "builtins.hashFile \"sha256\" ./links/secret", BARRED),
    refused("import of a link", "(import ./links/outside/flake.nix).outputs { }", BARRED),
    refused(
        "path of a link",
        "builtins.readFile \"${builtins.path { path = ./links/outside; name = \"x\"; }}/secret.txt\"",
        BARRED,
    ),
    refused(
        "path below a link",
        "builtins.readFile (builtins.path { path = ./links/outside/secret.txt; name = \"x\"; })",
        BARRED,
    ),
    refused(
        "filterSource of a link",
        "builtins.readFile \"${builtins.filterSource (_: _: true) ./links/outside}/secret.txt\"",
        BARRED,
    ),
    refused(
        "filterSource below a link",
        "builtins.readFile (builtins.filterSource (_: _: true) ./links/outside/secret.txt)",
        BARRED,
    ),
    refused("a link in a text", "builtins.readFile \"${./links/secret}\"", BARRED),
    refused(
        "fetchTree below a link",
        r#"builtins.readFile "${builtins.fetchTree { type = "path"; path = "${./links/outside}"; narHash = folderHash; }}/secret.txt""#,
        BARRED,
    ),
    refused("readFile above the own tree", "builtins.readFile (./. + \"/../../../etc/passwd\")", BARRED),
    refused("readDir above the own tree", "builtins.toJSON (builtins.readDir (./. + \"/..\"))", BARRED),
    refused(
        "readDir of the folder that the own tree is in",
        "builtins.toJSON (builtins.readDir (dirOf inputs.self.outPath))",
        BARRED,
    ),
    harmless("whether there is a file", "builtins.pathExists /etc/passwd", "false"),
    harmless("whether there is a file behind a link", "builtins.pathExists (./links/etc + \"/passwd\")", "false"),
    harmless("what a link in the own tree is", "(builtins.readDir ./links).secret", "\"symlink\""),
    harmless("the own tree", "builtins.readFile ./own.txt", "\"own\""),
];
