use super::*;

#[test]
fn not_a_git_repository() {
    let world = World::with_inputs();
    let folder = world.path().join("plain");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("flake.nix"), "{ outputs = _: { }; }").unwrap();
    let add = |path: &str| refused(&world, &["input", "add", "x", &format!("git+file://{path}")]);
    insta::assert_snapshot!(add(folder.to_str().unwrap()), @"unreachable: git+file:///world/plain is not a git repository: check the address: could not find repository at '/world/plain'");
    insta::assert_snapshot!(add(folder.join("none").to_str().unwrap()), @"unreachable: git+file:///world/plain/none is not there: there is no folder at /world/plain/none; check the address");
    insta::assert_snapshot!(add(folder.join("flake.nix").to_str().unwrap()), @"unreachable: git+file:///world/plain/flake.nix is not a git repository: check the address: could not find repository at '/world/plain/flake.nix'");
    insta::assert_snapshot!(refused(&world, &["input", "add", "x", "./plain"]), @"`./plain` is a path: write it as `git+file://` and the absolute path, for example `git+file:///srv/modules`");
}

#[test]
fn an_empty_repository() {
    let world = World::with_inputs();
    let folder = world.path().join("empty");
    fs::create_dir(&folder).unwrap();
    git(&folder, &["init", "--quiet"]);
    insta::assert_snapshot!(refused(&world, &["input", "add", "x", &format!("git+file://{}", folder.display())]), @"failed: git+file:///world/empty has no commits yet: commit something in it, then try again");
}

#[test]
fn a_manifest_without_the_marker() {
    insta::assert_snapshot!(added(|repository| fs::write(repository.join("README.md"), "# Modules").unwrap()), @"no-magic-string: the repository has a thymis.toml, but its README.md doesn't contain the words `contains thymis modules`: add them where modules are meant to be found");
    insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("README.md")).unwrap()), @"no-readme: the repository has a thymis.toml, but no README.md: add one that contains the words `contains thymis modules`");
}

#[test]
fn no_flake() {
    insta::assert_snapshot!(added(|repository| fs::remove_file(repository.join("flake.nix")).unwrap()), @"no-flake: the repository has no flake.nix: every input is a flake; add one, if need be `{ outputs = _: { }; }`");
}

#[test]
fn a_manifest_with_unknown_keys() {
    insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"0.1\"\ncolour = \"red\""), @"bad-manifest: thymis.toml, line 13, column 1: unknown field `colour`, expected one of `file`, `wit`, `permission`");
    insta::assert_snapshot!(manifest("manifest = 1", "manifest = 1\nmanifests = 2"), @"bad-manifest: thymis.toml, line 2, column 1: unknown field `manifests`, expected one of `manifest`, `repository`, `component`, `device-type`");
    insta::assert_snapshot!(manifest("reason = ", "froce = true\nreason = "), @"bad-manifest: thymis.toml, line 17, column 1: unknown field `froce`, expected one of `kind`, `value`, `reason`, `force`");
}

#[test]
fn a_manifest_of_an_unknown_version() {
    insta::assert_snapshot!(manifest("manifest = 1", "manifest = 2\nnew-key = 1"), @"incompatible: thymis.toml is written for manifest version 2; this Thymis knows version 1: update Thymis, or use an older revision of the repository");
    insta::assert_snapshot!(manifest("manifest = 1", ""), @"bad-manifest: thymis.toml has no line `manifest = 1`, which says how the rest is to be read");
    insta::assert_snapshot!(manifest("minimum-host = \"0.1\"", "minimum-host = \"9.0\""), @"incompatible: thymis.toml: the repository needs Thymis 9.0 or newer, this is 0.1.0: update Thymis, or use an older revision");
}

#[test]
fn a_manifest_with_a_bad_permission() {
    let permission = |line: &str| manifest("kind = \"option\"\nvalue = \"systemd.services.temperature-logger\"", line);
    insta::assert_snapshot!(permission("kind = \"root\"\nvalue = \"x\""), @"bad-manifest: thymis.toml, line 14, column 1: unknown kind of permission `root`; known are option, output, source, artifact, secret, config, raw-nix, wasi");
    insta::assert_snapshot!(permission("kind = \"option\""), @"bad-manifest: thymis.toml, line 14, column 1: the permission `option` needs a `value`: the option's path, such as `systemd.services.logger`");
    insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"*\""), @"bad-manifest: thymis.toml, line 14, column 1: the option pattern `*` is refused: `*` starts the pattern: the first segment must be a literal name");
    insta::assert_snapshot!(permission("kind = \"option\"\nvalue = \"services..x\""), @"bad-manifest: thymis.toml, line 14, column 1: the option pattern `services..x` is refused: a segment of the option path `services..x` is 0 bytes long, 1 to 256 are allowed");
    insta::assert_snapshot!(permission("kind = \"source\"\nvalue = \"../x\""), @"bad-manifest: thymis.toml, line 14, column 1: `../x` is not a file of the repository; write a relative path without `.` and `..`");
    insta::assert_snapshot!(permission("kind = \"output\"\nvalue = \"packages.x\"\nforce = true"), @"bad-manifest: thymis.toml, line 14, column 1: only the permission `option` takes `force`, `output` doesn't");
    insta::assert_snapshot!(manifest("reason = \"Runs the logger as a service.\"", ""), @"bad-manifest: thymis.toml, line 14, column 1: missing field `reason`");
}

#[test]
fn a_component_that_is_missing() {
    insta::assert_snapshot!(added(|repository| fs::remove_dir_all(repository.join("modules")).unwrap()), @"bad-manifest: the manifest lists the component `modules/temperature_logger.wasm`, which is not in the repository: run `thymis module build` and commit what it writes");
}

#[test]
fn a_component_that_is_not_webassembly() {
    insta::assert_snapshot!(component(b"#!/bin/sh\n"), @r"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is not WebAssembly: it doesn't start with `\0asm`");
    insta::assert_snapshot!(component(b""), @r"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is not WebAssembly: it doesn't start with `\0asm`");
}

#[test]
fn a_component_that_is_truncated() {
    let bytes = Example::TemperatureLogger.component();
    let said = component(&bytes[..bytes.len() / 2]);
    insta::assert_snapshot!(said.replace(&(bytes.len() / 2).to_string(), "HALF"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component is truncated: it ends after HALF bytes, in the middle of a section");
    assert!(component(&bytes[..bytes.len() - 1]).contains("truncated"));
}

#[test]
fn a_core_module_instead_of_a_component() {
    insta::assert_snapshot!(text_component("(module)"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: this is a core WebAssembly module, not a component; run `thymis module build`");
}

#[test]
fn a_component_of_another_wit_version() {
    insta::assert_snapshot!(
        text_component(r#"(component (instance $i) (export "thymis:module/module@9.0.0" (instance $i)))"#),
        @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component exports version `9.0.0` of `thymis:module/module`, and this host supports 0.1; build it on an SDK of that version, or use a host that supports its own"
    );
    insta::assert_snapshot!(manifest("wit = \"0.1\"", "wit = \"9.0\""), @"incompatible: thymis.toml: the component `modules/temperature_logger.wasm` is made for the Module interface 9.0, this Thymis runs 0.1: update Thymis, or use an older revision");
}

#[test]
fn a_component_of_another_interface() {
    insta::assert_snapshot!(
        text_component(r#"(component (instance $i) (export "other:package/thing@0.1.0" (instance $i)))"#),
        @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component exports no `thymis:module/module`, but `other:package/thing@0.1.0`; build it on the Thymis SDK, or against the WIT package `thymis:module`"
    );
}

#[test]
fn a_component_that_imports_what_it_may_not() {
    let importing = |name: &str| {
        text_component(&format!(
            r#"(component (import "{name}" (instance))
                (instance $i) (export "thymis:module/module@0.1.0" (instance $i)))"#
        ))
    };
    insta::assert_snapshot!(importing("evil:host/files@1.0.0"), @"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component imports `evil:host/files@1.0.0`, which no module may; a module imports nothing but `thymis:module/diagnostics`, and WASI where its manifest declares it");
    insta::assert_snapshot!(importing("wasi:sockets/tcp@0.2.0"), @r#"incompatible: the component `modules/temperature_logger.wasm` can't be used: the component imports WASI (`wasi:sockets/tcp@0.2.0`), which was not granted; add `[[component.permission]]` with `kind = "wasi"` and a reason to its `thymis.toml`, or build it without WASI"#);
}

#[test]
fn a_module_that_its_repository_has_no_more() {
    let world = World::with_inputs();
    let repository = world.own(Example::TemperatureLogger);
    let url = format!("git+file://{}", repository.display());
    let replace = ["input", "add", "--replace", "temperature", url.as_str()];
    world.copy_state();
    world.thymis(&["generate"]).done();
    let manifest = fs::read_to_string(repository.join("thymis.toml")).unwrap();
    fs::write(repository.join("thymis.toml"), &manifest[..manifest.find("[[component]]").unwrap()]).unwrap();
    commit(&repository);
    world.thymis(&replace).done();
    insta::assert_snapshot!(refused(&world, &["generate"]), @"
    5 configurations and tags can't be generated; nothing was changed:
    - `temperature/temperature-logger` in tag `core`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
    - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
    - configuration `greenhouse-north`: the tag `core` can't be generated
    - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
    - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` can't be used, awaiting-grant: nobody accepted its permissions yet: look at it with `thymis input show temperature`, then run `thymis input accept temperature`
    - configuration `greenhouse-south`: the tag `core` can't be generated
    - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
    - configuration `office-display`: the tag `core` can't be generated
    With --keep-going, the others are generated and these say why they are not
    ");
    world.thymis(&["input", "accept", "temperature", "--yes"]).done();
    insta::assert_snapshot!(refused(&world, &["generate"]), @"
    5 configurations and tags can't be generated; nothing was changed:
    - `temperature/temperature-logger` in tag `core`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
    - `temperature/temperature-logger` in tag `greenhouses`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
    - configuration `greenhouse-north`: the tag `core` can't be generated
    - configuration `greenhouse-north`: the tag `greenhouses` can't be generated
    - `temperature/temperature-logger` in configuration `greenhouse-south`: the input `temperature` has no module `temperature-logger`: it may have been removed in this revision; remove it here too, or go back to an older revision
    - configuration `greenhouse-south`: the tag `core` can't be generated
    - configuration `greenhouse-south`: the tag `greenhouses` can't be generated
    - configuration `office-display`: the tag `core` can't be generated
    With --keep-going, the others are generated and these say why they are not
    ");
}
