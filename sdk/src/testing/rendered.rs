use std::fmt;

use super::{nix, tree};
use crate::{Expr, IntoPath, Json, Path, config::Draft, wit};

/// What a module made of its settings.
///
/// Its text is much like the Nix that the host prints: good for eyes and for snapshots.
#[derive(Debug)]
pub struct Rendered {
    draft: Draft,
    tree: Json,
}

impl Rendered {
    pub(super) fn of(draft: Draft) -> Self {
        let mut tree = Json::Object(serde_json::Map::new());
        for (path, value, _) in &draft.definitions {
            tree::insert(&mut tree, path.names(), tree::json(value));
        }
        Self { draft, tree }
    }

    /// The value of an option, or of all options below a path. What isn't plain data is text that looks like Nix:
    /// `"${pkgs.curl}/bin/curl"`.
    ///
    /// # Panics
    /// Where nothing is defined there.
    #[must_use]
    #[track_caller]
    #[allow(clippy::panic, reason = "how a test fails")]
    pub fn value(&self, path: impl IntoPath) -> Json {
        let path = path.into_path();
        match tree::get(&self.tree, path.names()) {
            Some(value) => value.clone(),
            None => panic!("`{path}` is not defined in\n{self}"),
        }
    }

    /// Whether something is defined at the path or below it.
    #[must_use]
    #[track_caller]
    pub fn defines(&self, path: impl IntoPath) -> bool {
        tree::get(&self.tree, path.into_path().names()).is_some()
    }

    /// The expression of the definition at exactly this path.
    #[must_use]
    #[track_caller]
    pub fn expr(&self, path: impl IntoPath) -> Option<&Expr> {
        self.definition(&path.into_path()).map(|(_, value, _)| value)
    }

    /// `merge`, `override`, `fallback` or `force`: the strength of the definition at exactly this path.
    #[must_use]
    #[track_caller]
    pub fn strength(&self, path: impl IntoPath) -> Option<&'static str> {
        self.definition(&path.into_path()).map(|(_, _, strength)| name(*strength))
    }

    /// Paths of all definitions, in the module's order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.draft.definitions.iter().map(|(path, ..)| path.to_string()).collect()
    }

    /// Outputs imported, such as `nixosModules.default`.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let shown = |module: &Expr| match nix::expr(module) {
            text if text.starts_with("<output ") => {
                text.trim_start_matches("<output ").trim_end_matches('>').to_owned()
            }
            text => text,
        };
        self.draft.imports.iter().map(shown).collect()
    }

    /// Secrets placed: handle and path.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, String)> {
        self.draft.secrets.iter().map(|placement| (placement.0.secret.clone(), placement.0.path.clone())).collect()
    }

    /// Messages of warnings and assertions.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.draft.checks.iter().map(|check| check.message.clone()).collect()
    }

    fn definition(&self, path: &Path) -> Option<&(Path, Expr, wit::Strength)> {
        self.draft.definitions.iter().rfind(|(present, ..)| present == path)
    }
}

fn name(strength: wit::Strength) -> &'static str {
    match strength {
        wit::Strength::Merge => "merge",
        wit::Strength::Override => "override",
        wit::Strength::Fallback => "fallback",
        wit::Strength::Force => "force",
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for module in &self.draft.imports {
            writeln!(f, "import {};", nix::expr(module))?;
        }
        for (path, value, strength) in &self.draft.definitions {
            writeln!(f, "{path} = /* {} */ {};", name(*strength), nix::expr(value))?;
        }
        for wit::Placement { secret, path, owner, group, mode } in self.draft.secrets.iter().map(|p| &p.0) {
            writeln!(f, "secret {secret} at {path}, {owner}:{group} {mode:04o};")?;
        }
        for check in &self.draft.checks {
            let kind = if check.fatal { "assert" } else { "warn unless" };
            let holds = check.holds.as_ref().map_or_else(|| "false".to_owned(), nix::expr);
            writeln!(f, "{kind} {holds}: {};", check.message)?;
        }
        Ok(())
    }
}
