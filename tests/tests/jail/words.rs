//! What the flake says: terminal escapes, forged lines and floods in everything that Nix repeats.

use super::case::{Case, harmless, refused};

/// What was said is told.
const TOLD: &[&str] = &["red"];
const ANY: &[&str] = &[""];

pub(crate) const CASES: &[Case] = &[
    refused("throw", "throw red", TOLD),
    refused("throw of several lines", r#"throw "${red}\nerror: ${red}\n\r${escape}c""#, TOLD),
    refused("abort", "abort red", TOLD),
    refused("a failed assertion", r#"assert builtins.trace red false; 1"#, &["assert"]),
    harmless("trace", "builtins.trace red 1", "1"),
    harmless("trace of a set", "builtins.trace { a = red; ${red} = 1; } 1", "1"),
    harmless(
        "trace that looks like Nix's own log",
        r#"builtins.trace "x\n@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"forged\",\"raw_msg\":\"forged\"}" 1"#,
        "1",
    ),
    refused(
        "throw that looks like Nix's own log",
        r#"throw "x\n@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"forged\",\"raw_msg\":\"${red}\"}""#,
        TOLD,
    ),
    refused("throw that looks like the jail's own word", r#"throw "x\nbwrap: no jail\n@nix bwrap: no jail""#, ANY),
    refused("throw that looks like the program's own word", r#"throw "x\nerror: Nix can't evaluate it: ${red}""#, TOLD),
    refused("context of an error", "builtins.addErrorContext red (throw red)", TOLD),
    refused("a missing attribute", "{ }.${red}", TOLD),
    refused("a missing attribute by its name", "builtins.getAttr red { }", TOLD),
    refused("a wrong type", "1 + { ${red} = red; }", ANY),
    refused("a call of a text", "red red", ANY),
    refused("a missing argument", "(({ a }: a) { ${red} = 1; })", ANY),
    refused("a file that is no Nix", "import ./broken.nix", ANY),
    refused("a missing file", "import (./. + \"/${red}\")", ANY),
    refused("JSON that is none", "builtins.fromJSON red", ANY),
    refused("TOML that is none", "builtins.fromTOML red", ANY),
    refused("an expression that is none", r#"builtins.match "(${red}" red"#, ANY),
    refused("a kind of hash that is none", "builtins.hashString red red", ANY),
    refused("a name of a file", r#"builtins.toFile red red"#, ANY),
    refused("a name of a derivation", r#"(derivation { inherit system; name = red; builder = red; }).drvPath"#, ANY),
    refused(
        "an output of a derivation",
        r#"(derivation { inherit system; name = "x"; builder = red; outputs = [ red ]; }).drvPath"#,
        ANY,
    ),
    refused("a reference of a flake", "builtins.getFlake red", ANY),
    refused("an address", "builtins.fetchurl { url = red; sha256 = wrong; }", ANY),
    refused("an option that can't be merged", r#"{ _type = "if"; condition = red; content = red; }"#, ANY),
    refused("half a letter", r#"throw (builtins.substring 0 1 "ä")"#, ANY),
    refused("half a letter as a value", r#"builtins.substring 0 1 "ä""#, ANY),
    harmless("a value", r#"{ ${red} = "${red}"; } == { }"#, "false"),
    refused("a very long throw", r#"throw (builtins.concatStringsSep red (builtins.genList toString 100000))"#, ANY),
    refused("very many lines", r#"throw (builtins.concatStringsSep "\n" (builtins.genList toString 100000))"#, ANY),
    refused(
        "many traces",
        r#"builtins.foldl' (a: x: builtins.trace "${red}${toString x}" a) (throw "end") (builtins.genList (x: x) 2000)"#,
        ANY,
    ),
];
