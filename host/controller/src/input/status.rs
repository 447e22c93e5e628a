use std::fmt;

/// The state of an input. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is being fetched.
    Loading,
    NoUrl,
    Unreachable,
    Unauthorized,
    NoFlake,
    NoReadme,
    /// There is a manifest, but the README doesn't contain the marker.
    NoMagicString,
    BadManifest,
    Incompatible,
    AwaitingGrant,
    Loaded,
    Failed,
}

impl Status {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::NoUrl => "no-url",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
            Self::NoFlake => "no-flake",
            Self::NoReadme => "no-readme",
            Self::NoMagicString => "no-magic-string",
            Self::BadManifest => "bad-manifest",
            Self::Incompatible => "incompatible",
            Self::AwaitingGrant => "awaiting-grant",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
