/// How git fetches a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// From a folder on this machine.
    File,
    Http,
    Https,
    Ssh,
}

impl Transport {
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ssh => "ssh",
        }
    }

    pub(super) fn default_port(self) -> Option<u16> {
        match self {
            Self::File => None,
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Ssh => Some(22),
        }
    }
}
