mod test;

use std::{fmt, path::Path};

use serde_json::{Value, json};
use thymis_core::untrusted;
use thymis_sandbox::{Limit, Limits, Usage};

use super::{
    Answer, Context,
    arguments::Module,
    progress::Progress,
    style::{BOLD, DIM, GOOD, RESET, WARN},
};
use crate::{author, nix::Nix};

pub(super) fn run(context: &Context, command: &Module) -> Answer {
    match command {
        Module::New { name } => {
            author::new(Path::new(name.as_str()), name)?;
            if !context.json(&json!({ "folder": name }))? {
                anstream::println!("{GOOD}Made{RESET} {name}/. Next:");
                anstream::println!("  cd {name} && cargo test && thymis module build");
                let file = name.as_str().replace('-', "_");
                anstream::println!("  thymis module run modules/{file}.wasm --settings settings.json");
                anstream::println!("  {DIM}vendor/thymis-sdk/README.md is the guide{RESET}");
            }
            Ok(())
        }
        Module::Build { folder } => {
            let built = author::build(folder)?;
            let component = author::inspect(&context.host.sandbox, &built.file)?;
            let modules: Vec<_> = component.descriptors.iter().map(|module| module.name.to_string()).collect();
            let answer =
                json!({ "file": built.file, "bytes": built.bytes, "digest": built.digest, "modules": modules });
            if !context.json(&answer)? {
                let file = built.file.display();
                anstream::println!("{GOOD}Built{RESET} {file} ({} bytes, {})", built.bytes, modules.join(", "));
                if component.permissions.is_none() {
                    anstream::println!("{WARN}warning{RESET}: no thymis.toml lists this file as a component");
                }
            }
            Ok(())
        }
        Module::Inspect { file } => inspect(context, file),
        Module::Run { file, settings, module } => {
            let ran = {
                let _progress = Progress::new("Compiling");
                let component = author::inspect(&context.host.sandbox, file)?;
                author::run(&component, module.as_ref(), settings).inspect_err(|error| {
                    if let author::RunError::Problems { said: text, .. } = error {
                        said(text);
                    }
                })?
            };
            let limits = context.host.sandbox.limits();
            let usage = used(&ran.usage, "generate_fuel", limits);
            if context.json(&json!({ "nix": ran.nix, "permitted": ran.permitted, "usage": as_json(&usage), "said": ran.usage.said }))? {
                return Ok(());
            }
            print!("{}", ran.nix);
            for used in &usage {
                anstream::eprintln!("{DIM}{used}{RESET}");
            }
            said(&ran.usage.said);
            if !ran.permitted {
                anstream::eprintln!(
                    "{WARN}warning{RESET}: no thymis.toml lists this file, so no permissions were checked"
                );
            }
            Ok(())
        }
        Module::Test { place, update } => test::test(context, place, *update),
        Module::Permissions { place } => test::permissions(context, place),
        Module::Limits => {
            let mut limits = context.host.sandbox.limits().all();
            limits.extend(context.host.store.limits());
            limits.extend(context.host.nix.iter().flat_map(Nix::limits));
            let each = |it: &Limit| json!({ "name": it.name, "value": it.value, "ceiling": it.ceiling, "of": it.of });
            if !context.json(&limits.iter().map(each).collect::<Vec<_>>())? {
                for it in limits {
                    anstream::println!(
                        "{BOLD}{:<28}{RESET} {:>12} {DIM}{:>14}{RESET}  {}",
                        it.name,
                        it.value,
                        it.ceiling,
                        it.of
                    );
                }
            }
            Ok(())
        }
        Module::Wit => {
            print!("{}", author::WIT);
            Ok(())
        }
        Module::Sdk { folder } => {
            author::write_sdk(folder)?;
            if !context.json(&json!({ "folder": folder.join("vendor/thymis-sdk") }))? {
                anstream::println!("{GOOD}Wrote{RESET} {}", folder.join("vendor/thymis-sdk").display());
            }
            Ok(())
        }
    }
}

fn inspect(context: &Context, file: &Path) -> Answer {
    let component = {
        let _progress = Progress::new("Compiling");
        author::inspect(&context.host.sandbox, file)?
    };
    let inspection = &component.inspection;
    let limits = context.host.sandbox.limits();
    let mut usage = vec![
        Used { what: "component", used: inspection.bytes, limit: "component_bytes", allowed: limits.component_bytes },
        Used {
            what: "compiled",
            used: component.artifact_bytes,
            limit: "artifact_bytes",
            allowed: limits.artifact_bytes,
        },
    ];
    usage.extend(used(&component.described, "describe_fuel", limits));
    let modules: Vec<_> = component
        .descriptors
        .iter()
        .map(|module| json!({ "name": module.name, "settings": module.settings.settings().map(|setting| &setting.key).collect::<Vec<_>>() }))
        .collect();
    let answer = json!({
        "digest": component.digest,
        "bytes": inspection.bytes,
        "version": inspection.version,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "modules": modules,
        "usage": as_json(&usage),
        "said": component.described.said,
    });
    if context.json(&answer)? {
        return Ok(());
    }
    anstream::println!("digest   {}", component.digest);
    anstream::println!("version  thymis:module {}", untrusted::short(&inspection.version));
    for import in &inspection.imports {
        anstream::println!("imports  {}", untrusted::short(import));
    }
    for used in &usage {
        anstream::println!("{used}");
    }
    said(&component.described.said);
    for module in &component.descriptors {
        let description = untrusted::short(module.description.get("en").unwrap_or_default());
        anstream::println!("{BOLD}{}{RESET}  {description}", module.name);
        super::modules::settings(module.settings.settings());
    }
    Ok(())
}

/// How much of a limit was used.
struct Used {
    what: &'static str,
    used: u64,
    limit: &'static str,
    allowed: u64,
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, used, limit, allowed } = self;
        let percent = 100.0 * *used as f64 / *allowed as f64;
        write!(f, "{what:<10} {used:>11} of {allowed:>11} ({percent:.1} %, `{limit}`)")
    }
}

/// What a call used of its limits.
fn used(usage: &Usage, fuel: &'static str, limits: &Limits) -> Vec<Used> {
    let allowed = |name: &str| limits.all().iter().find(|it| it.name == name).map_or(0, |it| it.value);
    [
        ("fuel", usage.fuel, fuel),
        ("memory", usage.memory_bytes, "memory_bytes"),
        ("answer", usage.output_bytes, "output_bytes"),
    ]
    .map(|(what, used, limit)| Used { what, used, limit, allowed: allowed(limit) })
    .into()
}

fn as_json(usage: &[Used]) -> Value {
    let each = |it: &Used| (it.what.to_owned(), json!({ "used": it.used, "limit": it.limit, "allowed": it.allowed }));
    Value::Object(usage.iter().map(each).collect())
}

/// What a module with WASI wrote to its standard output and error.
fn said(text: &str) {
    if !text.is_empty() {
        anstream::eprintln!("{DIM}the module wrote:{RESET}\n{}", text.trim_end());
    }
}
