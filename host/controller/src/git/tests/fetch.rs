use std::ops::ControlFlow;

use super::{super::*, Fixture, git, http, told};

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
    assert_eq!(store.descends(&url, head.revision, pinned.revision).unwrap(), Some(true));
    assert_eq!(store.descends(&url, pinned.revision, head.revision).unwrap(), Some(false));
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
    assert!(matches!(says("", "commit something"), FetchError::Empty { .. }));
    fixture.write("a", "1");
    let first = fixture.commit();
    fixture.git(&["tag", "v1"]);
    assert!(matches!(says("?ref=v1", "?ref=refs/tags/v1"), FetchError::RefNotFound { .. }));
    assert!(matches!(says("?ref=none", "branches are main"), FetchError::RefNotFound { .. }));
    let nowhere = "?rev=0123456789abcdef0123456789abcdef01234567";
    assert!(matches!(says(nowhere, "choose a commit"), FetchError::RevisionNotFound { .. }));

    // A commit that is in the store, but hangs on no ref (any more).
    fixture.write("a", "2");
    let second = fixture.commit();
    fixture.fetch("").unwrap();
    fixture.git(&["reset", "--quiet", "--hard", &first]);
    let rewritten = says(&format!("?rev={second}"), "removed or rewritten");
    assert!(matches!(rewritten, FetchError::RevisionNotFound { .. }));
    fixture.git(&["switch", "--quiet", "--create", "other"]);
    fixture.write("b", "1");
    let other = fixture.commit();
    assert!(matches!(says(&format!("?ref=main&rev={other}"), "the ref `main`"), FetchError::RevisionNotFound { .. }));
    fixture.fetch(&format!("?rev={other}")).unwrap();

    fixture.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    assert!(matches!(says("", "add `?ref=` and one of main"), FetchError::RefNotFound { .. }));

    std::fs::rename(fixture.repository().join(".git"), fixture.repository().join("x")).unwrap();
    assert!(matches!(says("", "is not a git repository"), FetchError::NotARepository { .. }));
    std::fs::remove_dir_all(fixture.repository()).unwrap();
    assert!(matches!(says("", "check the address"), FetchError::NoFolder { .. }));
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
    let error = store.fetch(&url, &limits, &mut go).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 10, .. }), "{}", told(&error));
    let limits = FetchLimits { bytes: 100, ..FetchLimits::default() };
    let error = store.fetch(&url, &limits, &mut go).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 100, .. }), "{}", told(&error));
    let error = store.fetch(&url, &FetchLimits::default(), &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error, FetchError::Stopped { .. }), "{}", told(&error));
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
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "git"))
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
fn over_http_a_tip_comes_without_history_and_an_older_commit_with_it() {
    let fixture = Fixture::new();
    fixture.write("a", "1");
    let first = fixture.commit();
    fixture.write("a", "2");
    let second = fixture.commit();
    let port = http::serve(fixture.folder.path());
    let url = |path: &str| -> GitUrl { format!("git+http://127.0.0.1:{port}/{path}").parse().unwrap() };
    let store = fixture.store();
    let fetch = |path: &str| store.fetch(&url(path), &FetchLimits::default(), &mut go);

    let tip = fetch("repository").unwrap();
    assert_eq!(tip.revision.to_string(), second);
    assert_eq!(tip.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(tip.snapshot.read("a", 10).unwrap().unwrap(), b"2");
    assert_eq!(store.descends(&url("repository"), tip.revision, first.parse().unwrap()).unwrap(), None);
    // A second tip on top of the first one.
    fixture.write("a", "3");
    let third = fixture.commit();
    assert_eq!(fetch("repository").unwrap().revision.to_string(), third);

    let old = fetch(&format!("repository?rev={first}")).unwrap();
    assert_eq!(old.snapshot.read("a", 10).unwrap().unwrap(), b"1");
    let new = store.fetch_history(&url("repository"), &FetchLimits::default(), &mut go).unwrap();
    assert_eq!(store.descends(&url("repository"), new.revision, old.revision).unwrap(), Some(true));

    let nowhere = fetch("repository?rev=0123456789abcdef0123456789abcdef01234567").unwrap_err();
    assert!(matches!(nowhere, FetchError::RevisionNotFound { .. }), "{}", told(&nowhere));
    for (path, words) in [
        ("private/repository", "needs a credential"),
        ("moved/repository", "cannot redirect"),
        ("nothing", "not a git repository"),
        ("page", "not a git repository"),
    ] {
        let text = told(&fetch(path).unwrap_err());
        assert!(text.contains(words), "{path}: {text}");
    }
    let gone: GitUrl = "git+http://127.0.0.1:9/x".parse().unwrap();
    let error = store.fetch(&gone, &FetchLimits::default(), &mut go).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{}", told(&error));
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
