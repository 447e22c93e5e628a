//! What kind of error it is.

use super::{
    Cause,
    log::{Error, Frame},
    module_error::ModuleError,
};
use crate::store_path::SourcePath;

/// How texts begin and go on. Nix may fill in anything between.
type Form = (&'static str, &'static str);

const IMPORT_FROM_DERIVATION: Form =
    ("cannot build '", "' during evaluation because the option 'allow-import-from-derivation' is disabled");
const MISSING: Form = ("attribute '", "' missing");

const FORBIDDEN: [Form; 5] = [
    ("access to ", "' is forbidden"),
    ("cannot look up '<", "in pure evaluation mode"),
    ("in pure evaluation mode, '", "'"),
    ("cannot call 'getFlake' on unlocked flake reference '", "'"),
    ("'", "' is not allowed in pure evaluation mode"),
];

const FETCH: [Form; 13] = [
    ("unable to download '", "'"),
    ("program 'git' failed with exit code ", ""),
    ("executing 'git'", ""),
    ("executing 'hg'", ""),
    ("Failed to fetch git repository", ""),
    ("failed to fetch", ""),
    ("Cannot find Git revision '", "' in ref '"),
    ("NAR hash mismatch in input '", "'"),
    ("hash mismatch in file downloaded from '", "'"),
    ("hash mismatch in ", ""),
    ("cannot fetch input '", "'"),
    ("cannot find flake '", "in the flake registries"),
    ("'", "' is an indirect flake reference, but registry lookups are not allowed"),
];

pub(super) fn of(error: &Error, refused: Option<&ModuleError<'_>>) -> Cause {
    let text = error.text.as_str();
    let is = |(begins, goes_on): &Form| text.strip_prefix(begins).is_some_and(|rest| rest.contains(goes_on));
    let innermost = error.trace.first();
    // Nix gives no place to what is thrown, and since 2.14 says that it was.
    let placed = error.place.file.is_some();
    let thrown = !placed && innermost.is_some_and(is_throw);
    // A trace entry that a stranger adds has no place either. Evaluating a path, which may throw, adds another one.
    let reads =
        innermost.is_some_and(|f| f.file.is_some() && f.text.starts_with("while realising the context of path '"));
    let aborted = is(&("evaluation aborted with the following error message: '", "'"));
    let asserted = placed && is(&("assertion '", "' failed"));
    match text {
        "infinite recursion encountered" if placed => Cause::InfiniteRecursion,
        "stack overflow; max-call-depth exceeded" if placed => Cause::StackOverflow,
        _ if placed && is(&MISSING) && takes_output(error) => Cause::MissingOutput,
        _ if reads && is(&IMPORT_FROM_DERIVATION) => Cause::ImportFromDerivation,
        _ if refused.is_some_and(ModuleError::is_about_options) => Cause::Option,
        _ if thrown || aborted || asserted || refused.is_some() => Cause::Throw,
        _ if FORBIDDEN.iter().any(is) => Cause::Forbidden,
        _ if FETCH.iter().any(is) => Cause::Fetch,
        // Nix before 2.14 doesn't say what was thrown: it is what looks like nothing of its own.
        _ if placed || reads || error.coloured || is(&("flake '", "does not provide attribute")) => Cause::Other,
        _ => Cause::Throw,
    }
}

/// The entry that Nix adds to what `throw` and `abort` make, since 2.14.
pub(super) fn is_throw(frame: &Frame) -> bool {
    frame.file.is_some()
        && matches!(frame.text.as_str(), "while calling the 'throw' builtin" | "while calling the 'abort' builtin")
}

/// Whether the attribute is selected from a flake, in a file that may be a generated one.
fn takes_output(error: &Error) -> bool {
    let generated = |file: &str| {
        let (_, path) = SourcePath::split(file)?;
        Some(path == "flake.nix" || path.starts_with("hosts/") || path.starts_with("tags/"))
    };
    let selects = |(before, from): &(String, String)| {
        // The column is where the expression begins, or the attribute.
        let begun = before.rsplit([' ', '(', '[']).next().unwrap_or_default();
        from.starts_with("inputs.") || begun.starts_with("inputs.")
    };
    error.place.file.as_deref().and_then(generated) == Some(true) && error.code.as_ref().is_some_and(selects)
}
