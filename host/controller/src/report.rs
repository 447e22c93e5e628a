//! Errors as people read them.

/// An error and its sources, in one sentence each.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let sentence = inner.to_string();
        // `#[error(transparent)]` and messages that quote their source say it already.
        if !text.contains(&sentence) {
            text.push_str(": ");
            text.push_str(&sentence);
        }
        source = inner.source();
    }
    text
}
