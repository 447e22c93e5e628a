//! What a module never sees itself: it passes handles on, which are valid in one request only.

use super::{Place, Type, Value, scalars::expected};
use crate::{Expr, Json, Problems, nix};

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident = $scalar:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Hash)]
            pub struct $name(String);

            impl $name {
                #[must_use]
                pub fn handle(&self) -> &str {
                    &self.0
                }
            }

            impl Value for $name {
                fn type_() -> Type {
                    Type::scalar($scalar)
                }

                fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
                    expected(json.as_str().map(|handle| Self(handle.to_owned())), concat!("a handle of a ", $scalar), at, problems)
                }

                fn write(&self) -> Json {
                    self.0.as_str().into()
                }
            }
        )*
    };
}

handles! {
    /// A secret. [`crate::Config::place`] puts it on the device, [`nix::secret_path`] is where it will be.
    Secret = "secret";
    /// A file of the project. As an expression it is the file's path in the store.
    Artifact = "artifact";
}

impl From<&Artifact> for Expr {
    fn from(artifact: &Artifact) -> Self {
        nix::artifact(artifact)
    }
}

impl From<Artifact> for Expr {
    fn from(artifact: Artifact) -> Self {
        nix::artifact(&artifact)
    }
}
