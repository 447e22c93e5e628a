//! What is put onto the machine: a project, `evil`, and what an operator has around.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::json;
use thymis_tests::{Fixtures, Lib, Nix, Output, World};

use super::case::Case;

/// Settings of the operator, under which Nix would let a flake do anything.
pub(crate) const WISHES: &str = "experimental-features = nix-command flakes
accept-flake-config = true
allow-import-from-derivation = true
allow-unsafe-native-code-during-evaluation = true
pure-eval = false
restrict-eval = false
sandbox = false
";

/// A project with the inputs `nixpkgs` and `thymis`.
pub(crate) fn project() -> World {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    World::copy_of(TEMPLATE.get_or_init(|| {
        let world = World::empty();
        world.thymis_in(world.path(), &["init", "project"]).done();
        world.add("nixpkgs", Fixtures::nixpkgs(Lib::Small, "").unwrap()).done();
        world.add("thymis", Fixtures::thymis()).done();
        world.kept()
    }))
}

pub(crate) fn put(path: &Path, contents: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
    path.to_owned()
}

pub(crate) fn nix(arguments: &[&str]) -> String {
    let output = Output::of(Nix::shared().command("nix").args(arguments)).done();
    output.stdout.trim().to_owned()
}

/// Beside a folder, an archive of it.
pub(crate) fn archive(folder: &Path) {
    let status = Command::new("tar")
        .arg("-cf")
        .arg(folder.with_extension("tar"))
        .arg("-C")
        .arg(folder.parent().unwrap())
        .arg(folder.file_name().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
}

/// The flake: names that attacks use, and the attacks.
pub(crate) fn flake(names: &BTreeMap<&str, String>, cases: &[Case]) -> String {
    let names: String = names.iter().map(|(name, value)| format!("    {name} = {};\n", json!(value))).collect();
    let attacks: String = cases.iter().map(|case| format!("      {} = {};\n", case.id(), case.nix)).collect();
    format!(
        "{{\n  outputs = inputs: let\n{names}{COMMON}  in {{\n    attacks = {{\n{attacks}    }};\n{BUILT}  }};\n}}\n"
    )
}

/// Another output: a NixOS module that is built.
const BUILT: &str = r#"    packages.x86_64-linux.default = build "echo '{ attack.value = 1; }' > $out";
"#;

/// More names that attacks use.
const COMMON: &str = r#"    noRev = "1111111111111111111111111111111111111111";
    wrong = "0000000000000000000000000000000000000000000000000000";
    escape = builtins.fromJSON "\"\\u001b\"";
    red = "${escape}[31mred${escape}]0;title${builtins.fromJSON "\"\\u0007\\r\\u202e\\u009b\""}";
    system = "x86_64-linux";
    build = command: derivation { inherit system; name = "built"; builder = "/bin/sh"; args = [ "-c" command ]; };
"#;

/// The files of `evil`: the flake, and links out of its tree.
pub(crate) fn tree(evil: &Path, outside: &Path, revision: &str, flake: &str) {
    put(&evil.join("flake.nix"), flake);
    put(&evil.join("own.txt"), "own");
    put(&evil.join("builder.nix"), "{ system }: derivation { inherit system; name = \"x\"; builder = \"/bin/sh\"; }");
    let borrowing = evil.join("borrowing");
    put(&borrowing.join("HEAD"), "ref: refs/heads/master\n");
    put(&borrowing.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n");
    put(&borrowing.join("refs/heads/master"), &format!("{revision}\n"));
    put(&borrowing.join("objects/info/alternates"), outside.join("other/.git/objects\n").to_str().unwrap());
    put(&evil.join("broken.nix"), "{ a = \x1b[31m");
    let links = [
        ("secret", outside.join("secret.txt")),
        ("outside", outside.join("folder")),
        ("root", "/".into()),
        ("etc", "/etc".into()),
        ("environ", "/proc/self/environ".into()),
        ("up", "../../../../../../../../etc".into()),
        ("store", "/nix/store".into()),
        ("loop", "loop".into()),
        ("zero", "/dev/zero".into()),
    ];
    fs::create_dir(evil.join("links")).unwrap();
    for (name, target) in links {
        symlink(target, evil.join("links").join(name)).unwrap();
    }
}

/// What a person has around: credentials, settings of Nix and git, a registry.
pub(crate) fn surround(world: &World, outside: &Path, secret: &str) {
    let credential =
        format!("[[credential]]\nrepository = \"git+https://git.example.org/private\"\ntoken = \"{secret}\"\n");
    let credentials = put(&outside.join("credentials.toml"), &credential);
    fs::set_permissions(&credentials, fs::Permissions::from_mode(0o600)).unwrap();
    let home = world.home();
    put(&home.join(".config/nix/nix.conf"), &format!("{WISHES}access-tokens = 127.0.0.1={secret}\n"));
    put(&home.join(".netrc"), &format!("machine 127.0.0.1 login {secret} password {secret}\n"));
    put(&home.join(".gitconfig"), "[protocol]\n\tallow = always\n[safe]\n\tdirectory = *\n");
    let entry = |id: &str| {
        let url = format!("file://{}", outside.join("other").display());
        json!({ "from": { "type": "indirect", "id": id }, "to": { "type": "git", "url": url } })
    };
    let registry = json!({ "version": 2, "flakes": [entry("nixpkgs"), entry("secret")] });
    for home in [home, world.path().join("other-home")] {
        put(&home.join(".config/nix/registry.json"), &registry.to_string());
    }
}
