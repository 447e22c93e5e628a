//! Data that would be code where it ends up: in texts, names, paths and numbers of the files that are generated, and in
//! forms that NixOS takes for something else.

use serde_json::{Value, json};
use thymis_core::{
    id::InstanceId,
    wire::{Expr, Part, Strength},
};
use thymis_tests::Answer;

use super::{
    installed::granted,
    suite::{Case, Ended, Stage, case},
    together::together,
};

pub(crate) const CASES: &[Case] = &[
    // Texts and names
    case("interpolations in texts", |stage| {
        data(stage, json!(["${builtins.readFile \"/etc/shadow\"}", "$${x}", "\\${x}", "$$${x}", "\\\\${x}", "a $"]))
    }),
    case("a dollar before what is embedded", |stage| {
        value(stage, |answer| {
            let package = answer.reference("pkgs", &["hello"]);
            let literal = |text: &str| Part::Literal(text.into());
            answer.push(Expr::Text(vec![literal("$"), Part::Embed(package), literal("{x}")]))
        })
    }),
    case("a dollar, and in the next part a brace", |stage| {
        value(stage, |answer| {
            answer.push(Expr::Text(vec![Part::Literal("$".into()), Part::Literal("{builtins.currentTime}".into())]))
        })
    }),
    case("texts that would end a text", |stage| {
        data(stage, json!(["\"; evil = \"", "''", "''${x}''", "''\\", "'''", "\\", "\\\"; x", "*/ evil", "# \n evil"]))
    }),
    case("a script that would end its text", |stage| {
        value(stage, |answer| {
            let arguments = [answer.text("run"), answer.text("echo ''${evil} '' + \"${evil}\"\n'''\n$''{x}")];
            answer.call("writeShellScript", arguments)
        })
    }),
    case("attributes with names that would be code", |stage| {
        data(
            stage,
            json!({ "a\"; evil = \"b": 1, "${evil}": 2, "a = 1; b": 3, "a\nb": 4, "''": 5, "a.b": 6, "or": 7, "$": 8 }),
        )
    }),
    case("options with names that would be code", |stage| {
        granted("option services.x").answer(stage, |answer| {
            for name in ["${evil}", "\"", "a = 1; b", "\\", "a.b", "in", "*/", "# x\n", "{settings.user}"] {
                let value = answer.push(Expr::Null);
                answer.define(&["services", "x", name], value, Strength::Merge);
            }
        })
    }),
    case("packages with names that would be code", |stage| {
        let names: [&[&str]; 7] =
            [&["a; b"], &["${x}"], &["a.b"], &["hello", "override { }"], &["__functor"], &["a", "outPath"], &[]];
        together(names.map(|name| value(stage, |answer| answer.reference("pkgs", name))))
    }),
    case("packages that are words of Nix", |stage| {
        value(stage, |answer| {
            let words = ["let", "or", "rec", "with"].map(|word| answer.reference("pkgs", &[word, "then"]));
            answer.list(words)
        })
    }),
    case("libraries with names that would be code", |stage| {
        let names = ["a; b", "a) (b", "${x}", "_module", ""];
        together(names.map(|name| {
            value(stage, |answer| {
                let names = [answer.text(name)];
                let arguments = [answer.reference("pkgs", &["python3"]), answer.list(names)];
                answer.call("withPackages", arguments)
            })
        }))
    }),
    case("outputs with names that would be code", |stage| {
        let names: [&[&str]; 4] =
            [&["packages", "a; b"], &["packages", "${x}"], &["packages.default"], &["packages", "__functor"]];
        together(names.map(|name| value(stage, |answer| answer.reference("output", name))))
    }),
    case("options to read with names that would be code", |stage| {
        granted("option services").answer(stage, |answer| {
            let read = answer.reference("config", &["services", "${evil}", "a\"; b", "*/"]);
            answer.define(&["services", "x"], read, Strength::Merge);
        })
    }),
    case("options to read that Nix would run", |stage| {
        let names: [&[&str]; 4] = [&["_module", "args"], &["services", "__functor"], &["services", "a\0b"], &[]];
        together(names.map(|name| value(stage, |answer| answer.reference("config", name))))
    }),
    case("files that aren't of the repository", |stage| {
        let files: [&[&str]; 8] = [
            &["..", "state", "project.json"],
            &["/etc/shadow"],
            &["a", "", "b"],
            &["."],
            &["a\0b"],
            &["a/../../b"],
            &[],
            &["a\nb"],
        ];
        together(files.map(|file| {
            granted("option services.x\nsource a").answer(stage, |answer| {
                let file = answer.reference("source", file);
                answer.define(&["services", "x"], file, Strength::Merge);
            })
        }))
    }),
    case("a file with a name that would be code", |stage| {
        granted("option services.x\nsource a").answer(stage, |answer| {
            let file = answer.reference("source", &["a", "\"; evil = \"${x} ''"]);
            answer.define(&["services", "x"], file, Strength::Merge);
        })
    }),
    case("references to what there isn't", |stage| {
        let roots = ["builtins", "inputs", "self", "", "pkgs.lib", "\u{1b}[31m", "config\n"];
        together(roots.map(|root| value(stage, |answer| answer.reference(root, &["a"]))))
    }),
    case("functions that there aren't", |stage| {
        let names = [
            "import",
            "builtins.fetchurl",
            "lib.mkForce",
            "lib.mkOverride",
            "derivation",
            "",
            "lib.mkIf ",
            "\u{1b}[31m",
        ];
        together(names.map(|name| {
            value(stage, |answer| {
                let arguments = [answer.text("/etc/shadow")];
                answer.call(name, arguments)
            })
        }))
    }),
    case("functions with too few arguments, and with too many", |stage| {
        together([("lib.mkIf", 1), ("lib.mkIf", 3), ("toString", 0), ("select", 2)].map(|(name, count)| {
            value(stage, |answer| {
                let arguments: Vec<u32> = (0..count).map(|_| answer.push(Expr::Bool(true))).collect();
                answer.call(name, arguments)
            })
        }))
    }),
    case("arguments of another kind", |stage| {
        let calls: [(&str, &[Value]); 9] = [
            ("lib.mkIf", &[json!("true"), json!(1)]),
            ("lib.mkMerge", &[json!({})]),
            ("lib.mkOrder", &[json!("50"), json!(1)]),
            ("readFile", &[json!("/etc/shadow")]),
            ("lib.getExe", &[json!("hello")]),
            ("override", &[json!({}), json!({})]),
            ("formats.generate", &[json!("json { }; evil"), json!("a"), json!({})]),
            ("select", &[json!(1), json!({}), json!(1)]),
            ("writeShellApplication", &[json!("a"), json!(["hello"]), json!("x")]),
        ];
        together(calls.map(|(name, arguments)| {
            value(stage, |answer| {
                let arguments: Vec<u32> = arguments.iter().map(|argument| answer.data(argument)).collect();
                answer.call(name, arguments)
            })
        }))
    }),
    case("programs with names that would be code or a path", |stage| {
        let names = ["", ".x", "a/b", "../x", "${x}", "a\"; b", "a b", "ä"];
        together(names.map(|name| {
            value(stage, |answer| {
                let arguments = [answer.text(name), answer.list([]), answer.text("true")];
                answer.call("writeShellApplication", arguments)
            })
        }))
    }),
    case("a program's name that only evaluation knows", |stage| {
        value(stage, |answer| {
            let package = answer.reference("config", &["services", "x"]);
            let arguments = [answer.push(Expr::Text(vec![Part::Embed(package)])), answer.text("true")];
            answer.call("writeText", arguments)
        })
    }),
    case("a property inside of data", |stage| {
        value(stage, |answer| {
            let arguments = [answer.push(Expr::Bool(true)), answer.push(Expr::Int(1))];
            let property = answer.call("lib.mkIf", arguments);
            answer.attrs(&[("y", property)])
        })
    }),
    case("instances with names that would be code", |_| {
        let names = ["a\nb", "x */ y", "a\"; b", "${x}", "../a", "A", ""];
        Ended::harmless(names.map(|name| name.parse::<InstanceId>().unwrap_err().to_string()).join("\n"))
    }),
    case("checks with messages that would be code or colour a terminal", |stage| {
        granted("").answer(stage, |answer| {
            answer.check(true, None, "\"; evil = \"${x} ''${y}'' */ # $");
            answer.check(false, None, "\u{1b}]0;title\u{7}\u{1b}[2J\u{202e}txt\r\nhosts/other.nix: fine");
        })
    }),
    case("checks whose condition is no bool", |stage| {
        together([json!("false"), json!([]), json!({}), json!(0), json!(null)].map(|data| {
            granted("").answer(stage, |answer| {
                let holds = answer.data(&data);
                answer.check(true, Some(holds), "a");
            })
        }))
    }),
    // Names that mean something
    case("attributes that would be an override, a module, a function, a package or a build", |stage| {
        let names = [
            "_type",
            "_module",
            "_file",
            "_class",
            "__functor",
            "__toString",
            "outPath",
            "drvPath",
            "imports",
            "disabledModules",
            "freeformType",
        ];
        data(stage, names.iter().map(|name| ((*name).to_owned(), json!("override"))).collect())
    }),
    case("the same, as names of options", |stage| {
        together(["_type", "_module", "__functor", "outPath", "drvPath", "imports"].map(|name| {
            granted("option services.x").answer(stage, |answer| {
                let value = answer.data(&json!([]));
                answer.define(&["services", "x", name, "a"], value, Strength::Merge);
            })
        }))
    }),
    case("parts of a NixOS module's structure in the place of options", |stage| {
        together(["config", "options", "imports", "disabledModules", "freeformType", "meta", "key", "require"].map(
            |name| {
                granted("").answer(stage, |answer| {
                    let value = answer.data(&json!([]));
                    answer.define(&[name], value, Strength::Merge);
                })
            },
        ))
    }),
    case("a set that would be a package", |stage| data(stage, json!({ "type": "derivation", "name": "x" }))),
    case("a set that would be a package, cut into definitions", |stage| {
        granted("option services.x").answer(stage, |answer| {
            let values = [answer.text("derivation"), answer.text("x")];
            answer.define(&["services", "x", "type"], values[0], Strength::Merge);
            answer.define(&["services", "x", "name"], values[1], Strength::Merge);
        })
    }),
    case("a set that evaluation makes a package", |stage| {
        value(stage, |answer| {
            let parts = ["deriv", "ation"].map(|part| answer.text(part));
            let kind = answer.push(Expr::Text(parts.map(Part::Embed).into()));
            answer.attrs(&[("type", kind)])
        })
    }),
    case("a set with another module's key", |stage| data(stage, json!({ "key": ":anon-1" }))),
    // Paths of the store
    case("paths of the store, however they are written", |stage| {
        data(
            stage,
            json!([
                "/nix/store/x",
                "/nix//store/x",
                "/nix/./store",
                "/a/../nix/store/x",
                "//nix/store/x.nix",
                "a /nix/store/x"
            ]),
        )
    }),
    case("a path of the store, cut into pieces", |stage| {
        value(stage, |answer| {
            let pieces = ["/nix/st", "ore/evil", ".nix"].map(|piece| Part::Literal(piece.into()));
            answer.push(Expr::Text(pieces.into()))
        })
    }),
    case("a path of the store, in texts within texts", |stage| {
        value(stage, |answer| {
            let inner = answer.text("/st");
            let number = answer.text("ore/evil.nix");
            let number = answer.call("toString", [number]);
            answer.push(Expr::Text(vec![Part::Literal("/nix".into()), Part::Embed(inner), Part::Embed(number)]))
        })
    }),
    case("a path of the store that a choice completes", |stage| {
        value(stage, |answer| {
            let arguments = [answer.push(Expr::Bool(true)), answer.text("/nix"), answer.text("/tmp")];
            let choice = answer.call("if", arguments);
            answer.push(Expr::Text(vec![Part::Embed(choice), Part::Literal("/store/evil.nix".into())]))
        })
    }),
    case("a path of the store that an option completes", |stage| {
        value(stage, |answer| {
            let rest = answer.reference("config", &["services", "x", "rest"]);
            answer.push(Expr::Text(vec![Part::Literal("/nix/".into()), Part::Embed(rest)]))
        })
    }),
    // Raw Nix
    case("raw Nix that isn't one expression", |stage| {
        let texts = [
            "1) // (",
            "1; evil = 2",
            "1 # \r) (",
            "/* 1",
            "*/ 1",
            "''${",
            "\"",
            "",
            "# nothing",
            "1 2 }",
            "(1]",
            "x: {",
            "1\0",
        ];
        together(texts.map(|text| granted("raw-nix\noption services.x").answer(stage, |answer| raw(answer, text))))
    }),
    case("raw Nix that ends in a comment", |stage| {
        granted("raw-nix\noption services.x").answer(stage, |answer| raw(answer, "1 # ) // { evil = true; }"))
    }),
    case("raw Nix in pieces that only fit together", |stage| {
        granted("raw-nix\noption services.x").answer(stage, |answer| {
            let pieces = ["{ a = (1", "); }"].map(|piece| answer.push(Expr::Raw(piece.into())));
            let list = answer.list(pieces);
            answer.define(&["services", "x"], list, Strength::Merge);
        })
    }),
    // Numbers
    case("floats that Nix has no words for", |stage| {
        together(
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324]
                .map(|float| value(stage, |answer| answer.push(Expr::Float(float)))),
        )
    }),
    case("floats and integers at the end of what there is", |stage| {
        value(stage, |answer| {
            let floats = [-0.0, f64::MAX, f64::MIN_POSITIVE].map(|float| answer.push(Expr::Float(float)));
            let integers = [i64::MIN, i64::MAX].map(|integer| answer.push(Expr::Int(integer)));
            answer.list([floats.as_slice(), &integers].concat())
        })
    }),
];

/// Sets `services.x`, which it may.
fn value(stage: &Stage, build: impl FnOnce(&mut Answer) -> u32) -> Ended {
    granted("option services.x").answer(stage, |answer| {
        let value = build(answer);
        answer.define(&["services", "x"], value, Strength::Merge);
    })
}

fn data(stage: &Stage, data: Value) -> Ended {
    value(stage, |answer| answer.data(&data))
}

fn raw(answer: &mut Answer, text: &str) {
    let raw = answer.push(Expr::Raw(text.into()));
    answer.define(&["services", "x"], raw, Strength::Merge);
}
