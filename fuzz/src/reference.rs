use thymis_core::{
    digest::Revision,
    reference::{FlakeReference, ReferenceError},
};

use crate::shown;

/// The address of a repository: one spelling, which holds no credential and passes for no option of a program.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let url: FlakeReference = match text.parse() {
        Ok(url) => url,
        Err(error) => return refused(&error),
    };
    for url in [url.repository(), url.at(Revision::from_bytes([1; 20])), url] {
        let printed = url.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&url), "{printed}");
        assert_eq!(printed.parse::<FlakeReference>().unwrap().to_string(), printed);
        shown::fit(&printed);
        for text in [printed.as_str(), &url.fetch_url(), url.reference().unwrap_or("main")] {
            assert!(!text.starts_with('-') && text.is_ascii() && !text.contains(char::is_whitespace), "{text:?}");
        }
        let fetched = url.fetch_url();
        let (scheme, address) = fetched.split_once("://").unwrap();
        let (authority, path) = address.split_once('/').unwrap();
        assert_eq!(authority.contains('@'), url.user().is_some(), "a credential: {printed}");
        assert!(url.user().is_none() || scheme == "ssh" && !authority.contains(":@"), "{printed}");
        assert!(!path.split('/').any(|segment| segment == ".." || segment.starts_with('-')), "{printed}");
        assert_eq!(authority.is_empty(), url.local_path().is_some(), "{printed}");
        assert!(url.dir().is_none_or(|dir| !dir.split('/').any(|segment| segment == "..")), "{printed}");
        assert!(url.local_path().is_none_or(|path| path.is_absolute()));
    }
}

fn refused(error: &ReferenceError) {
    let message = error.to_string();
    shown::fit(&message);
    let (ReferenceError::LocalPath { text: quoted }
    | ReferenceError::Form { text: quoted }
    | ReferenceError::PlainHttp { host: quoted }
    | ReferenceError::Host { host: quoted }
    | ReferenceError::Path { path: quoted }) = error
    else {
        return;
    };
    // What may stand there is `git@host:path`, where nothing is secret.
    for part in quoted.split('/') {
        let before = part.rsplit_once('@').map_or("", |(before, _)| before);
        assert!(!before.contains(':'), "a password is shown: {message}");
    }
}
