use std::io::Read as _;

use super::*;

#[test]
fn what_differs_in_case_only_is_two_files() {
    let mut attacks = Attacks::new();
    let repository = with(|r| vec![("100644", "Readme.md", r.blob("x")), ("100644", "FLAKE.NIX", r.blob("x"))]);
    attacks.loads("names in two cases", &repository.url(), MODULE);
    attacks.done();
}

#[test]
fn files_that_are_too_large() {
    let mut attacks = Attacks::new();
    for file in ["flake.nix", "README.md", "thymis.toml", "modules/temperature_logger.wasm", "unrelated"] {
        let repository = with(|repository| vec![("100644", file, repository.zeros())]);
        attacks.refused(&format!("3 GiB of zeros as {file}"), &repository.url(), "--limit fetch_memory_bytes=");
    }
    let large: [(&str, &[u8]); 3] = [
        ("flake.nix", b"{ outputs = _: { }; }\n"),
        ("README.md", b"contains thymis modules\n"),
        ("thymis.toml", b"manifest = 1\n"),
    ];
    for (file, begin) in large {
        let bytes = begin.chain(std::io::repeat(b'\n')).take(100 << 20);
        let repository = with(|repository| vec![("100644", file, repository.stream("blob", bytes))]);
        attacks.refused(&format!("100 MiB of {file}"), &repository.url(), "bytes; at most");
    }
    attacks.done();
}

#[test]
fn links_are_never_followed() {
    let mut attacks = Attacks::new();
    for (file, target) in [
        ("flake.nix", "/etc/passwd"),
        ("flake.nix", "../../../../etc/passwd"),
        ("flake.nix", "flake.nix"),
        ("README.md", "/etc/passwd"),
        ("thymis.toml", "/etc/passwd"),
        ("modules", "/etc"),
        ("modules/temperature_logger.wasm", "/proc/self/exe"),
        ("modules/temperature_logger.wasm", "/dev/zero"),
    ] {
        let linked = with(|repository| vec![("120000", file, repository.blob(target))]);
        attacks.refused(&format!("{file} → {target}"), &linked.url(), "is a symbolic link, which is never followed");
    }
    let unrelated = with(|repository| vec![("120000", "passwd", repository.blob("/etc/passwd"))]);
    attacks.loads("a link beside the rest", &unrelated.url(), MODULE);
    for (what, target) in [("1 MiB", "a".repeat(1 << 20)), ("NUL", "a\0b".to_owned()), ("nothing", String::new())] {
        let linked = with(|repository| vec![("120000", "link", repository.blob(target))]);
        attacks.refused(&format!("a link with a target of {what}"), &linked.url(), "failed: ");
    }
    attacks.done();
}

#[test]
fn submodules_are_refused() {
    let mut attacks = Attacks::new();
    let commit = Id([7; 20]);
    for file in ["flake.nix", "README.md", "thymis.toml", "modules", "modules/temperature_logger.wasm", "other"] {
        let bare = with(|_| vec![("160000", file, commit)]);
        attacks.refused(&format!("a submodule as {file}"), &bare.url(), "is a submodule");
    }
    for url in ["--upload-pack=touch was-here", "ext::sh -c id", "file:///etc", "../../other"] {
        let config = format!("[submodule \"other\"]\n\tpath = other\n\turl = {url}\n\tupdate = !id\n");
        let named = with(|r| vec![("160000", "other", commit), ("100644", ".gitmodules", r.blob(&config))]);
        attacks.refused(&format!("a submodule at {url}"), &named.url(), "is a submodule");
        let alone = with(|repository| vec![("100644", ".gitmodules", repository.blob(&config))]);
        attacks.loads(".gitmodules without submodule", &alone.url(), MODULE);
    }
    attacks.done();
}

#[test]
fn a_pointer_to_large_files_is_named() {
    let mut attacks = Attacks::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    let repository = with(|r| {
        let attributes = r.blob("*.wasm filter=lfs diff=lfs merge=lfs -text\n");
        vec![("100644", "modules/temperature_logger.wasm", r.blob(pointer)), ("100644", ".gitattributes", attributes)]
    });
    attacks.refused("a pointer of Git LFS", &repository.url(), "Git LFS");
    attacks.done();
}

#[test]
fn attributes_change_no_bytes() {
    let mut attacks = Attacks::new();
    let folder = tempfile::TempDir::new().unwrap();
    let ran = folder.path().join("ran");
    for attributes in [
        "* export-subst",
        "* export-ignore",
        "* filter=evil diff=evil merge=evil",
        "* text eol=crlf",
        "* text=auto working-tree-encoding=UTF-16",
        "* ident",
        "* -text\n[attr]binary -diff",
    ] {
        let repository = with(|repository| vec![("100644", ".gitattributes", repository.blob(attributes))]);
        let touch = format!("touch {}", ran.display());
        repository.write(
            "config",
            format!(
                "[core]\n\tbare = true\n\tautocrlf = true\n\tattributesFile = /dev/zero\n\
             [filter \"evil\"]\n\tsmudge = {touch}\n\tclean = {touch}\n\tprocess = {touch}\n\trequired = true\n"
            ),
        );
        attacks.loads(attributes, &repository.url(), MODULE);
        attacks.note(attributes, !ran.exists(), "a filter ran");
    }
    attacks.done();
}
