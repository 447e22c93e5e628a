//! Errors as people read them.

use thymis_core::{untrusted, wire};

/// What a module says is wrong with its settings, in English where it does.
#[must_use]
pub fn problem(problem: &wire::Problem) -> String {
    let english = problem.message.iter().find(|translation| translation.locale == "en");
    let text = english.or(problem.message.first()).map(|translation| untrusted::short(&translation.text));
    let text = text.unwrap_or_else(|| "it doesn't say why".to_owned());
    match &problem.setting {
        Some(setting) => format!("`{}`: {text}", untrusted::short(setting)),
        None => text,
    }
}

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
