use std::io::Read as _;

use super::*;

/// A tree of ten times the same tree, `levels` times.
fn tree_bomb(repository: &RawRepository, levels: u32) -> Id {
    let file = repository.blob("x");
    let mut tree = repository.tree(&entry("100644", "f", file));
    for _ in 0..levels {
        let entries: Vec<u8> = (b'a'..=b'j').flat_map(|name| entry("40000", [name], tree)).collect();
        tree = repository.tree(&entries);
    }
    tree
}

fn deep(repository: &RawRepository, depth: u32) -> Id {
    let mut tree = repository.tree(&entry("100644", "f", repository.blob("x")));
    for _ in 0..depth {
        tree = repository.tree(&entry("40000", "d", tree));
    }
    tree
}

fn wide(repository: &RawRepository, names: u32) -> Id {
    let file = repository.blob("x");
    repository.tree(&(0..names).flat_map(|name| entry("100644", format!("{name:07}"), file)).collect::<Vec<u8>>())
}

#[test]
fn trees_that_unfold_without_end() {
    let mut attacks = Attacks::new();
    for (what, levels) in [("a million entries", 6), ("a million million entries", 12)] {
        let bomb = RawRepository::flake(|repository| entry("40000", "x", tree_bomb(repository, levels)));
        attacks.refused(what, &bomb.url(), "the number of files and folders of the repository at");
    }
    let deep = RawRepository::flake(|repository| entry("40000", "x", deep(repository, 10_000)));
    attacks.refused("10,000 folders inside each other", &deep.url(), "the depth of folders");
    let wide_ = RawRepository::flake(|repository| entry("40000", "x", wide(repository, 600_000)));
    attacks.refused("600,000 names", &wide_.url(), "the list of names in a folder");
    let wide = RawRepository::flake(|repository| entry("40000", "x", wide(repository, 250_000)));
    attacks.refused("250,000 names", &wide.url(), "the number of files and folders");
    let large = RawRepository::flake(|repository| {
        let file = repository.stream("blob", std::io::repeat(b' ').take(100 << 20));
        (0..20).flat_map(|name| entry("100644", format!("x{name:02}"), file)).collect()
    });
    attacks.refused("one file named often", &large.url(), "the size of all files (bytes)");
    attacks.done();
}

#[test]
fn names_that_no_file_may_have() {
    let mut attacks = Attacks::new();
    let long = vec![b'a'; 5000];
    let names: [(&str, &[u8], bool); 18] = [
        (".git", b".git", false),
        (".GIT", b".GIT", false),
        (".git with a space", b".git ", true),
        (".git with a dot", b".git.", true),
        ("the short name of .git", b"git~1", true),
        (".git as a stream", b".git::$INDEX_ALLOCATION", true),
        (".git with a character that HFS+ ignores", ".g\u{200c}it".as_bytes(), true),
        ("..", b"..", false),
        (".", b".", false),
        ("a slash", b"a/b", false),
        ("a path out", b"../../x", false),
        ("an absolute path", b"/etc/x", false),
        ("nothing", b"", false),
        ("not UTF-8", b"a\xffb", false),
        ("5,000 bytes", &long, false),
        ("a line", b"a\nb", true),
        ("a terminal's escapes", b"a\x1b[2Jb", true),
        ("text from right to left", "a\u{202e}b".as_bytes(), true),
    ];
    for (what, name, loads) in names {
        let named = |name: &[u8], mode: &str| {
            RawRepository::with(|repository| {
                let id = if mode == "40000" {
                    repository.tree(&entry("100644", "f", repository.blob("x")))
                } else {
                    repository.blob("x")
                };
                let flake = entry("100644", "flake.nix", repository.blob(FLAKE.1));
                let mut entries = [(b"flake.nix".to_vec(), flake), (name.to_vec(), entry(mode, name, id))];
                entries.sort();
                repository.tree(&entries.map(|(_, entry)| entry).concat())
            })
        };
        for mode in ["100644", "40000"] {
            let repository = named(name, mode);
            match loads {
                true => attacks.loads(what, &repository.url(), PLAIN),
                false => attacks.refused(what, &repository.url(), "failed: "),
            }
        }
    }
    attacks.done();
}

#[test]
fn trees_that_are_none() {
    let mut attacks = Attacks::new();
    let tree = |bytes: &dyn Fn(&RawRepository) -> Vec<u8>| {
        RawRepository::with(|repository| {
            let bytes = bytes(repository);
            repository.tree(&bytes)
        })
    };
    let file = |repository: &RawRepository, mode: &str, name: &str| entry(mode, name, repository.blob(FLAKE.1));
    let twice = tree(&|r| [file(r, "100644", "a"), file(r, "100644", "a"), file(r, "100644", "flake.nix")].concat());
    attacks.refused("a name twice", &twice.url(), "failed: ");
    let flakes = tree(&|r| [file(r, "100644", "flake.nix"), entry("100644", "flake.nix", r.blob("{ }"))].concat());
    attacks.refused("two flakes", &flakes.url(), "failed: ");
    let both = tree(&|r| {
        let folder = r.tree(&file(r, "100644", "x"));
        [file(r, "100644", "a"), file(r, "100644", "a.b"), entry("40000", "a", folder), file(r, "100644", "flake.nix")]
            .concat()
    });
    attacks.refused("a file and a folder of one name", &both.url(), "failed: ");
    let unsorted = tree(&|r| [file(r, "100644", "z"), file(r, "100644", "flake.nix"), file(r, "100644", "a")].concat());
    attacks.loads("names out of order", &unsorted.url(), PLAIN);
    for mode in
        ["0", "777", "100000", "100777", "107777", "100664", "060000", "020000", "140000", "0100644", "100644 100644"]
    {
        let odd = tree(&|r| [file(r, mode, "a"), file(r, "100644", "flake.nix")].concat());
        attacks.loads(&format!("the mode {mode}"), &odd.url(), PLAIN);
    }
    for mode in ["", "x", "-1", "99999999999999999999", "040000"] {
        let broken = tree(&|r| [file(r, mode, "a"), file(r, "100644", "flake.nix")].concat());
        attacks.refused(&format!("the mode `{mode}`"), &broken.url(), "failed: ");
    }
    let nul = tree(&|r| [file(r, "100644", "a\0b"), file(r, "100644", "flake.nix")].concat());
    attacks.refused("a NUL", &nul.url(), "failed: ");
    let cut = tree(&|r| {
        let mut bytes = file(r, "100644", "flake.nix");
        bytes.truncate(bytes.len() - 1);
        bytes
    });
    attacks.refused("cut off", &cut.url(), "failed: ");
    let zero = tree(&|r| [entry("100644", "a", Id([0; 20])), file(r, "100644", "flake.nix")].concat());
    attacks.refused("the object 0", &zero.url(), "failed: ");
    let missing = tree(&|r| [entry("100644", "a", Id([7; 20])), file(r, "100644", "flake.nix")].concat());
    attacks.refused("an object that isn't there", &missing.url(), "failed: ");
    let as_folder = tree(&|r| [file(r, "40000", "a"), file(r, "100644", "flake.nix")].concat());
    attacks.refused("a file as a folder", &as_folder.url(), "failed: ");
    let as_file = tree(&|r| {
        let folder = r.tree(&file(r, "100644", "x"));
        [entry("100644", "a", folder), file(r, "100644", "flake.nix")].concat()
    });
    attacks.refused("a folder as a file", &as_file.url(), "failed: ");
    let as_flake = tree(&|r| entry("100644", "flake.nix", r.tree(&file(r, "100644", "x"))));
    attacks.refused("a folder as the flake", &as_flake.url(), "failed: ");
    attacks.done();
}
