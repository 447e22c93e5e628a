use thymis_controller::git::{GitUrl, UrlError};
use thymis_core::digest::Revision;

use crate::shown;

/// The address of a repository: one spelling, which holds no credential and passes for no option of a program.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let url: GitUrl = match text.parse() {
        Ok(url) => url,
        Err(error) => return refused(&error),
    };
    for url in [url.repository(), url.at(Revision::from_bytes([1; 20])), url] {
        let printed = url.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&url), "{printed}");
        assert_eq!(printed.parse::<GitUrl>().unwrap().to_string(), printed);
        shown::fit(&printed);
        for text in [printed.as_str(), &url.fetch_url(), url.reference().unwrap_or("main")] {
            assert!(!text.starts_with('-') && text.is_ascii() && !text.contains(char::is_whitespace), "{text:?}");
        }
        let (_, address) = printed.split_once("://").unwrap();
        let (authority, path) = address.split_once('/').unwrap();
        assert!(!authority.contains('@'), "a credential: {printed}");
        assert!(!path.contains("..") || !path.split(['/', '?']).any(|segment| segment == ".."), "{printed}");
        assert_eq!(authority.is_empty(), url.local_path().is_some(), "{printed}");
        assert!(url.local_path().is_none_or(|path| path.is_absolute()));
    }
}

fn refused(error: &UrlError) {
    let message = error.to_string();
    shown::fit(&message);
    let (UrlError::LocalPath { text: quoted }
    | UrlError::Form { text: quoted }
    | UrlError::PlainHttp { host: quoted }
    | UrlError::Host { host: quoted }
    | UrlError::Path { path: quoted }) = error
    else {
        return;
    };
    // What may stand there is `git@host:path`, where nothing is secret.
    for part in quoted.split('/') {
        let before = part.rsplit_once('@').map_or("", |(before, _)| before);
        assert!(!before.contains(':'), "a password is shown: {message}");
    }
}
