use std::ops::ControlFlow;

use super::{super::*, Fixture, git, told};

fn go(_: FetchProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn head_branch_tag_and_commit_are_found() {
    let fixture = Fixture::new();
    fixture.write("a", "1");
    let first = fixture.commit();
    fixture.git(&["tag", "--annotate", "--message=x", "v1"]);
    fixture.git(&["branch", "side"]);
    fixture.write("a", "2");
    let second = fixture.commit();

    let head = fixture.fetch("").unwrap();
    assert_eq!((head.revision.to_string(), head.reference.as_deref()), (second.clone(), Some("refs/heads/main")));
    assert_eq!(fixture.fetch("?ref=side").unwrap().revision.to_string(), first);
    assert_eq!(fixture.fetch("?ref=refs/tags/v1").unwrap().revision.to_string(), first);
    let pinned = fixture.fetch(&format!("?rev={first}")).unwrap();
    assert_eq!(pinned.snapshot.read("a", 10).unwrap().unwrap(), b"1");
    fixture.fetch(&format!("?ref=main&rev={first}")).unwrap();
    assert!(pinned.snapshot.last_modified() > 1_600_000_000);

    let store = fixture.store();
    let url = fixture.url("");
    let relation = |new, old| store.compare(&url, new, old).unwrap().map(|between| between.relation);
    assert_eq!(relation(head.revision, pinned.revision), Some(Relation::Newer));
    assert_eq!(relation(pinned.revision, head.revision), Some(Relation::Older));
    assert_eq!(relation(head.revision, head.revision), Some(Relation::Same));
    let between = store.compare(&url, head.revision, pinned.revision).unwrap().unwrap();
    assert_eq!((between.count, between.newest[0].revision), (1, head.revision));
    // Without the repository, what was fetched is still there.
    std::fs::remove_dir_all(fixture.repository()).unwrap();
    assert_eq!(store.snapshot(&url, pinned.revision).unwrap().unwrap().read("a", 10).unwrap().unwrap(), b"1");
    store.forget(&url).unwrap();
    assert!(store.snapshot(&url, pinned.revision).unwrap().is_none());
}

#[test]
fn each_failure_is_told_apart_and_names_the_way_out() {
    let fixture = Fixture::new();
    let says = |query: &str, words: &str| {
        let error = fixture.fetch(query).unwrap_err();
        let text = told(&error);
        assert!(text.contains(words), "{text}");
        error
    };
    assert!(matches!(says("", "commit something").kind, FetchErrorKind::Empty));
    fixture.write("a", "1");
    let first = fixture.commit();
    fixture.git(&["tag", "v1"]);
    assert!(matches!(says("?ref=v1", "?ref=refs/tags/v1").kind, FetchErrorKind::RefNotFound { .. }));
    assert!(matches!(says("?ref=none", "branches are main").kind, FetchErrorKind::RefNotFound { .. }));
    let nowhere = "?rev=0123456789abcdef0123456789abcdef01234567";
    assert!(matches!(says(nowhere, "choose a commit").kind, FetchErrorKind::RevisionNotFound { .. }));

    // A commit that is in the store, but hangs on no ref (any more).
    fixture.write("a", "2");
    let second = fixture.commit();
    fixture.fetch("").unwrap();
    fixture.git(&["reset", "--quiet", "--hard", &first]);
    let rewritten = says(&format!("?rev={second}"), "removed or rewritten");
    assert!(matches!(rewritten.kind, FetchErrorKind::RevisionNotFound { .. }));
    fixture.git(&["switch", "--quiet", "--create", "other"]);
    fixture.write("b", "1");
    let other = fixture.commit();
    assert!(matches!(
        says(&format!("?ref=main&rev={other}"), "the ref `main`").kind,
        FetchErrorKind::RevisionNotFound { .. }
    ));
    fixture.fetch(&format!("?rev={other}")).unwrap();

    fixture.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    assert!(matches!(says("", "add `?ref=` and one of main").kind, FetchErrorKind::RefNotFound { .. }));

    std::fs::rename(fixture.repository().join(".git"), fixture.repository().join("x")).unwrap();
    assert!(matches!(says("", "is not a git repository").kind, FetchErrorKind::NotARepository(_)));
    std::fs::remove_dir_all(fixture.repository()).unwrap();
    assert!(matches!(says("", "check the address").kind, FetchErrorKind::NoFolder(_)));
}

#[test]
fn a_fetch_over_a_limit_or_stopped_leaves_nothing_that_is_trusted() {
    let fixture = Fixture::new();
    for number in 0..50 {
        fixture.write(&format!("f{number}"), &format!("{number}"));
    }
    let revision = fixture.commit().parse().unwrap();
    let (store, url) = (fixture.store(), fixture.url(""));
    let limits = FetchLimits { objects: 10, ..FetchLimits::default() };
    let error = store.clone().with_limits(limits).fetch(&url, &mut go).unwrap_err();
    assert!(matches!(error.kind, FetchErrorKind::TooLarge { limit: 10, .. }), "{}", told(&error));
    let limits = FetchLimits { bytes: 100, ..FetchLimits::default() };
    let error = store.clone().with_limits(limits).fetch(&url, &mut go).unwrap_err();
    assert!(matches!(error.kind, FetchErrorKind::TooLarge { limit: 100, .. }), "{}", told(&error));
    let error = store.fetch(&url, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error.kind, FetchErrorKind::Stopped), "{}", told(&error));
    assert!(store.snapshot(&url, revision).unwrap().is_none());
    assert_eq!(fixture.fetch("").unwrap().revision, revision);
}

#[test]
fn a_copy_that_a_kill_left_half_made_is_made_anew() {
    let fixture = Fixture::new();
    fixture.write("a", "1");
    fixture.commit();
    fixture.fetch("").unwrap();
    let copy = std::fs::read_dir(fixture.folder.path().join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("history"))
        .next()
        .unwrap();
    std::fs::remove_file(copy.join("HEAD")).unwrap();
    fixture.fetch("").unwrap();
}

#[test]
fn processes_fetch_one_repository_at_once() {
    let fixture = Fixture::new();
    fixture.write("a", "1");
    fixture.commit();
    std::thread::scope(|scope| {
        let fetches: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.fetch("").unwrap().revision)).collect();
        for fetch in fetches {
            fetch.join().unwrap();
        }
    });
}

#[test]
fn the_users_git_configuration_does_not_rewrite_addresses() {
    let fixture = Fixture::new();
    fixture.write("a", "1");
    fixture.commit();
    let url = fixture.url("");
    fixture.fetch("").unwrap();
    // Even its own configuration belongs to the copy, not to the repository that was fetched.
    git(&fixture.repository(), &["config", "url.file:///nowhere.insteadOf", &url.fetch_url()]);
    fixture.fetch("").unwrap();
}
