use std::os::unix::fs::symlink;

use super::*;

#[test]
fn refs_that_no_git_writes() {
    let mut attacks = Attacks::new();
    let head = |repository: &RawRepository| {
        let tree = modules(repository, &[]);
        repository.commit(tree)
    };
    let many = RawRepository::empty();
    let commit = head(&many);
    let names: Vec<String> = (0..200_000).map(|name| format!("refs/heads/{name:06}")).collect();
    many.packed_references(names.iter().map(|name| (name.as_bytes(), commit)));
    attacks.refused("200,000 refs", &many.url(), "branches and tags");

    for name in [
        b"refs/heads/\x1b[2J".as_slice(),
        b"refs/heads/a\xff",
        b"refs/heads/../../x",
        b"refs/heads/a..b",
        b"../../../../tmp/x",
        b"refs/heads/a.lock",
        b"refs/thymis/kept/x",
        b"refs/heads/\xe2\x80\xae",
        b"HEAD",
        b"refs/heads/main^{}",
        b"refs/heads/a b",
        b"x",
    ] {
        let repository = RawRepository::empty();
        let commit = head(&repository);
        repository.reference("refs/heads/main", commit);
        repository.packed_references([(name, commit)]);
        let what = format!("the ref {}", name.escape_ascii());
        attacks.either(&what, &repository.url());
    }
    let empty = "failed: ";
    for (what, text) in [
        ("HEAD that names nothing", "ref: refs/heads/none\n"),
        ("HEAD that names itself", "ref: HEAD\n"),
        ("HEAD out of the repository", "ref: ../../../../etc/passwd\n"),
        ("HEAD that is nothing", ""),
        ("HEAD that is text", "\x1b[2J\u{202e}"),
        ("HEAD that names what isn't there", "0707070707070707070707070707070707070707\n"),
    ] {
        let repository = with(|_| vec![]);
        repository.write("HEAD", text);
        attacks.refused(what, &repository.url(), "");
    }
    let round = with(|_| vec![]);
    round.write("refs/heads/main", "ref: refs/heads/other\n");
    round.write("refs/heads/other", "ref: refs/heads/main\n");
    attacks.refused("branches that name each other", &round.url(), empty);
    let tree = RawRepository::empty();
    tree.reference("refs/heads/main", modules(&tree, &[]));
    attacks.refused("a branch that names a tree", &tree.url(), empty);
    let folder = tempfile::TempDir::new().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "Password\n").unwrap();
    for file in ["HEAD", "refs/heads/main", "packed-refs", "config", "shallow"] {
        let repository = with(|_| vec![]);
        let _ = fs::remove_file(repository.path().join(file));
        symlink(&secret, repository.path().join(file)).unwrap();
        let what = format!("{file} is a link to a secret");
        let said = attacks.either(&what, &repository.url());
        attacks.note(&what, !said.contains("Password"), &said);
    }
    attacks.done();
}
