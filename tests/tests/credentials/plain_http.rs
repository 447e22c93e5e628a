//! HTTP without encryption, which everybody on the way can read and change.

use crate::{User, credential};

#[test]
fn only_this_machine_is_reached_without_encryption_unless_that_is_asked_for() {
    let user = User::new();
    user.keeps(&["SECRET-for-nobody"]);
    let url = "git+http://example.invalid/x";
    let words = "sends everything readable and changeable on the way";
    user.assert_refused(url, "failed", words);
    user.credentials(&credential(url, &[("token", "SECRET-for-nobody")]));
    user.assert_refused(url, "failed", words);
    let added = user.thymis(&["input", "add", "x", url]).refused();
    assert!(added.contains(words) && added.contains("--allow-plain-http"), "{added}");
    user.assert_refused_with(url, &["--allow-plain-http"], "unreachable", "can't be reached");
}
