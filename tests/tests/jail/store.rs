//! The store, and values that only a build has.

use super::case::{Alone, Case, harmless, refused};

const UNBUILT: &[&str] = &["allow-import-from-derivation", "import-from-derivation", "import from derivation"];
const BARRED: &[&str] =
    &["forbidden", "not allowed", "not valid", "No such file", "invalid", "illegal", "cannot", "don't have a valid"];

pub(crate) const CASES: &[Case] = &[
    refused("import of what is built", r#"import (build "echo 1 > $out")"#, UNBUILT),
    refused("readFile of what is built", r#"builtins.readFile (build "cat ${file} > $out")"#, UNBUILT),
    refused("readDir of what is built", r#"builtins.toJSON (builtins.readDir (build "mkdir $out"))"#, UNBUILT),
    refused("hashFile of what is built", r#"builtins.hashFile "sha256" (build "echo > $out")"#, UNBUILT),
    refused("pathExists of what is built", r#"builtins.pathExists "${build "touch ${marker}"}/x""#, UNBUILT),
    refused("path of what is built", r#"builtins.readFile (builtins.path { path = build "echo > $out"; name = "x"; })"#, &["allow-import-from-derivation", "import-from-derivation", "forbidden", "No such file"]),
    refused("filterSource of what is built", r#"builtins.readFile (builtins.filterSource (_: _: true) (build "echo > $out"))"#, &["allow-import-from-derivation", "import-from-derivation", "forbidden", "No such file"]),
    refused("scopedImport of what is built", r#"builtins.scopedImport { } (build "echo 1 > $out")"#, UNBUILT),
    refused("import of what is built in an attribute set", r#"import (removeAttrs (build "echo 1 > $out") [ "drvPath" ])"#, &["allow-import-from-derivation", "import-from-derivation", "forbidden", "No such file"]),
    refused("import of a package of a flake", "import inputs.self.packages.x86_64-linux.default", UNBUILT),
    refused("import of an output of another flake's function", r#"import (import "${inputs.self}/builder.nix" { inherit system; })"#, UNBUILT),
    refused("import of what a built-in builder fetches", r#"import (derivation { system = "builtin"; name = "x"; builder = "builtin:fetchurl"; url = "${http}/x"; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = wrong; })"#, UNBUILT)
        .alone(Alone::Asks),
    refused("getFlake of what is built", r#"(builtins.getFlake "path:${build "mkdir $out"}?narHash=${folderHash}").secret"#, &["allow-import-from-derivation", "not allowed to refer", "context", "forbidden", "No such file"]),
    refused("storePath", r#"builtins.readFile "${builtins.storePath stored}/secret.txt""#, BARRED),
    refused("readFile of another path of the store", r#"builtins.readFile "${stored}/secret.txt""#, BARRED),
    refused("readFile of another path of the store that a text claims to depend on", r#"builtins.readFile "${builtins.appendContext stored { ${stored}.path = true; }}/secret.txt""#, BARRED),
    refused("import of another path of the store that a text claims to depend on", r#"import "${builtins.appendContext stored { ${stored}.path = true; }}/flake.nix""#, BARRED),
    refused("a derivation that claims to depend on another path of the store", r#"(derivation { inherit system; name = "x"; builder = "x"; src = builtins.appendContext stored { ${stored}.path = true; }; }).drvPath"#, BARRED)
        .alone(Alone::Works),
    refused("a derivation of which another path of the store is the builder", r#"(derivation { inherit system; name = "x"; builder = builtins.appendContext stored { ${stored}.path = true; }; }).drvPath"#, BARRED)
        .alone(Alone::Works),
    refused("toFile that claims to depend on another path of the store", r#"builtins.toFile "x" (builtins.appendContext stored { ${stored}.path = true; })"#, BARRED)
        .alone(Alone::Works),
    refused("readDir of the store", "builtins.toJSON (builtins.readDir /nix/store)", BARRED),
    refused("readDir of the store by its name", "builtins.toJSON (builtins.readDir builtins.storeDir)", BARRED),
    refused("a file with the name of a folder above", r#"builtins.toFile "../x" "x""#, BARRED),
    refused("a derivation with the name of a folder above", r#"(derivation { inherit system; name = "../x"; builder = "x"; }).drvPath"#, BARRED),
    refused("a derivation with an output of a folder above", r#"(derivation { inherit system; name = "x"; builder = "x"; outputs = [ "../x" ]; }).drvPath"#, BARRED),
    refused("a derivation that can't be one", r#"(derivation { inherit system; name = "x"; builder = "x"; outputs = [ ]; }).drvPath"#, &["outputs", "attribute", "out of bounds"]),
    harmless("a path of the store in a derivation as mere text", r#"builtins.isString (derivation { inherit system; name = "x"; builder = "x"; src = stored; }).drvPath"#, "true"),
    harmless("whether another path is in the store", "builtins.pathExists stored", "false"),
];
