use std::io::Read as _;

use thymis_tests::repository::SOMEBODY;

use super::*;

#[test]
fn commits_that_no_git_writes() {
    let mut attacks = Attacks::new();
    let committed = |text: &dyn Fn(Id, &RawRepository) -> Vec<u8>| {
        let repository = RawRepository::empty();
        let tree = modules(&repository, &[]);
        let commit = repository.commit_text(text(tree, &repository));
        repository.reference("refs/heads/main", commit);
        repository
    };
    let by = |author: &str, committer: &str, message: &str| {
        committed(&|tree, _| format!("tree {tree}\nauthor {author}\ncommitter {committer}\n\n{message}").into_bytes())
    };
    for (what, message) in [
        ("a terminal's escapes", "\x1b[2J\x1b]0;owned\x07\x1b[31m\r\n\x08\x08"),
        ("text from right to left", "\u{202e}evil\u{2066}\u{200f}"),
        ("NUL", "a\0b"),
        ("nothing", ""),
    ] {
        attacks.loads(&format!("a message of {what}"), &by(SOMEBODY, SOMEBODY, message).url(), MODULE);
    }
    let escapes = "\x1b[2J <a\u{202e}b> 1 +0000";
    attacks.loads("an author of escapes", &by(escapes, escapes, "x").url(), MODULE);
    for time in ["-1", "-9223372036854775808", "9223372036854775807", "99999999999999999999999", "1e9", "0"] {
        let who = format!("A <a@b> {time} +0000");
        let repository = by(&who, &who, "x");
        attacks.either(&format!("the time {time}"), &repository.url());
    }
    for zone in ["+99999999", "-2147483648", "+zzzz"] {
        let who = format!("A <a@b> 1 {zone}");
        attacks.either(&format!("the zone {zone}"), &by(&who, &who, "x").url());
    }
    let long = RawRepository::empty();
    let tree = modules(&long, &[]);
    let text = format!("tree {tree}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\n");
    let commit = long.stream("commit", text.as_bytes().chain(std::io::repeat(b'x').take(50 << 20)));
    long.reference("refs/heads/main", commit);
    attacks.loads("a message of 50 MiB", &long.url(), MODULE);

    let nobody = committed(&|tree, _| format!("tree {tree}\n\nx\n").into_bytes());
    attacks.refused("nobody's commit", &nobody.url(), "failed: ");
    let parents = committed(&|tree, repository| {
        let parent = repository.commit(tree);
        let parents = format!("parent {parent}\n").repeat(10_000);
        format!("tree {tree}\n{parents}author {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n").into_bytes()
    });
    attacks.loads("10,000 times one parent", &parents.url(), MODULE);
    let lost = committed(&|tree, _| {
        format!("tree {tree}\nparent {}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n", Id([7; 20])).into_bytes()
    });
    attacks.refused("a parent that isn't there", &lost.url(), "failed: ");
    let blob =
        committed(&|_, r| format!("tree {}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n", r.blob("x")).into_bytes());
    attacks.refused("a blob as the tree", &blob.url(), "failed: ");
    let none =
        committed(&|_, _| format!("tree {}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n", Id([7; 20])).into_bytes());
    attacks.refused("a tree that isn't there", &none.url(), "failed: ");
    let empty = committed(&|_, _| Vec::new());
    attacks.refused("an empty commit object", &empty.url(), "failed: ");
    attacks.done();
}

/// A loop of tags can't be made: a tag holds the digest of what it names.
#[test]
fn tags_of_tags() {
    let mut attacks = Attacks::new();
    let chain = |kind: &str, object: &dyn Fn(&RawRepository) -> Id| {
        let repository = with(|_| vec![]);
        let mut id = object(&repository);
        let mut kind = kind;
        for _ in 0..1000 {
            id = repository
                .object("tag", format!("object {id}\ntype {kind}\ntag x\ntagger {SOMEBODY}\n\nx\n").as_bytes());
            kind = "tag";
        }
        repository.reference("refs/tags/x", id);
        repository
    };
    let repository = chain("blob", &|repository| repository.blob("x"));
    attacks.refused("of a blob", &format!("{}?ref=refs/tags/x", repository.url()), "failed: ");
    let repository = chain("commit", &|repository| repository.blob("x"));
    attacks.refused("of a blob said to be a commit", &format!("{}?ref=refs/tags/x", repository.url()), "failed: ");
    let commit = |repository: &RawRepository| {
        let tree = modules(repository, &[]);
        repository.commit(tree)
    };
    let repository = chain("commit", &commit);
    attacks.loads("of a commit", &format!("{}?ref=refs/tags/x", repository.url()), MODULE);
    attacks.done();
}
