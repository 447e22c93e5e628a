mod test;

use std::path::Path;

use serde_json::json;
use thymis_core::untrusted;

use super::{
    Answer, Context,
    arguments::Module,
    progress::Progress,
    style::{BOLD, DIM, GOOD, RESET, WARN},
};
use crate::author;

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
                author::run(&component, module.as_ref(), settings)?
            };
            let usage = json!({
                "fuel": ran.usage.fuel,
                "memory-bytes": ran.usage.memory_bytes,
                "output-bytes": ran.usage.output_bytes,
            });
            if context.json(&json!({ "nix": ran.nix, "permitted": ran.permitted, "usage": usage }))? {
                return Ok(());
            }
            print!("{}", ran.nix);
            let limits = context.host.sandbox.limits();
            anstream::eprintln!(
                "{DIM}fuel {} of {}, memory {} of {} bytes, answer {} of {} bytes{RESET}",
                ran.usage.fuel,
                limits.generate_fuel,
                ran.usage.memory_bytes,
                limits.memory_bytes,
                ran.usage.output_bytes,
                limits.output_bytes
            );
            if !ran.permitted {
                anstream::eprintln!(
                    "{WARN}warning{RESET}: no thymis.toml lists this file, so no permissions were checked"
                );
            }
            Ok(())
        }
        Module::Test { place, update } => test::test(context, place, *update),
        Module::Permissions { place } => test::permissions(context, place),
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
    let component = author::inspect(&context.host.sandbox, file)?;
    let inspection = &component.inspection;
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
    });
    if context.json(&answer)? {
        return Ok(());
    }
    anstream::println!("digest   {}", component.digest);
    anstream::println!("bytes    {}", inspection.bytes);
    anstream::println!("version  thymis:module {}", untrusted::short(&inspection.version));
    for import in &inspection.imports {
        anstream::println!("imports  {}", untrusted::short(import));
    }
    for module in &component.descriptors {
        let description = untrusted::short(module.description.get("en").unwrap_or_default());
        anstream::println!("{BOLD}{}{RESET}  {description}", module.name);
        super::modules::settings(module.settings.settings());
    }
    Ok(())
}
