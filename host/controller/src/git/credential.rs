//! What servers are shown so that they let a fetch in.

use std::{
    fmt,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use thymis_core::reference::{FlakeReference, Forge, Transport};

use super::host_key::{HostKey, HostKeyError};

/// The largest file of credentials, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The longest token or user name, in bytes.
const MAX_TOKEN: usize = 8 << 10;
/// The longest SSH key, in bytes.
const MAX_KEY: usize = 64 << 10;

const KEYS: &str = "there is a key outside of a table, or one that is none of `repository`, `token`, `user`, `ssh-key`, `passphrase`, `host-key`";

/// What opens one repository: bound to its scheme, host and path. Nothing prints it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Where it is sent, and nowhere else.
    url: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Bearer(SecretString),
    Basic { user: String, token: SecretString },
    Ssh { key: SecretString, passphrase: Option<SecretString>, host_keys: Vec<HostKey> },
}

/// Credentials by repository, as a file of `[[credential]]` tables holds them.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Credential>);

/// Why credentials can't be used. Nothing of the file is quoted: it is full of secrets.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("the credentials in {} can't be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("other users of this machine can read {}: run `chmod 600` on it, and think about new tokens", .0.display())]
    Exposed(PathBuf),
    #[error("there are no credentials in it: write a table `[[credential]]` for each repository")]
    None,
    #[error("the credentials are more than {MAX_FILE} bytes")]
    TooLong,
    #[error(
        "the credentials can't be understood: line {line}: {problem}. Write a table `[[credential]]` for each repository"
    )]
    Syntax { line: usize, problem: &'static str },
    #[error("credential {number}: {problem}")]
    Invalid { number: usize, problem: CredentialProblem },
}

#[derive(Debug, thiserror::Error)]
pub enum CredentialProblem {
    #[error("`repository` is no address of a repository")]
    Repository,
    #[error("another one is for the same repository: keep one of the two")]
    Twice,
    #[error(
        "it needs a `token` (with a `user`, where the server wants one), or `ssh-key` and `host-key`, and not both"
    )]
    Kind,
    #[error("a token is for `git+https:`, an SSH key for `git+ssh:`; this repository is reached in another way")]
    Transport,
    #[error("`token`, `user` or `ssh-key` is empty, too long, or holds a character that can't be sent: copy it anew")]
    Token,
    #[error("`host-key`: {0}")]
    HostKey(#[from] HostKeyError),
    #[error(
        "`host-key` is missing: the line `ssh-keyscan HOST` prints, or its fingerprint `SHA256:…`, compared with what the server's \
         owner publishes"
    )]
    NoHostKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    credential: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    repository: String,
    token: Option<SecretString>,
    user: Option<String>,
    ssh_key: Option<SecretString>,
    passphrase: Option<SecretString>,
    host_key: Option<HostKeys>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HostKeys {
    One(String),
    Several(Vec<String>),
}

impl Credentials {
    /// Reads a file that nobody but its owner may read, or standard input where `path` is `-`.
    ///
    /// # Errors
    /// When it can't be read, others can read it, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let failed = |source| CredentialError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        if path == Path::new("-") {
            io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        } else {
            let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let file = std::fs::File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
            // Waiting for who writes into a pipe, if somebody does.
            let flags = rustix::fs::fcntl_getfl(&file).map_err(|error| failed(error.into()))?;
            let flags = flags - rustix::fs::OFlags::NONBLOCK;
            rustix::fs::fcntl_setfl(&file, flags).map_err(|error| failed(error.into()))?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_file() && metadata.mode() & 0o077 != 0 {
                return Err(CredentialError::Exposed(path.to_owned()));
            }
            file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        }
        let text = SecretString::from(text);
        if text.expose_secret().len() as u64 > MAX_FILE {
            return Err(CredentialError::TooLong);
        }
        Self::parse(text.expose_secret())
    }

    /// # Errors
    /// When the text isn't a list of credentials.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            // Its message may quote a secret.
            let problem = match error.message() {
                message if message.starts_with("unknown field") => KEYS,
                message if message.starts_with("missing field") => "`repository` is missing",
                _ => "it can't be read here",
            };
            CredentialError::Syntax { line: before.matches('\n').count() + 1, problem }
        })?;
        let mut credentials: Vec<Credential> = Vec::new();
        for (index, table) in file.credential.into_iter().enumerate() {
            let invalid = |problem| CredentialError::Invalid { number: index + 1, problem };
            let credential = Credential::new(table).map_err(invalid)?;
            if credentials.iter().any(|other| other.url == credential.url) {
                return Err(invalid(CredentialProblem::Twice));
            }
            credentials.push(credential);
        }
        if credentials.is_empty() {
            return Err(CredentialError::None);
        }
        Ok(Self(credentials))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The one for this repository.
    #[must_use]
    pub fn of(&self, url: &FlakeReference) -> Option<&Credential> {
        let url = url.fetch_url();
        self.0.iter().find(|credential| credential.url == url)
    }
}

impl Credential {
    fn new(table: Table) -> Result<Self, CredentialProblem> {
        let Table { repository, token, user, ssh_key, passphrase, host_key } = table;
        let reference: FlakeReference = repository.parse().map_err(|_| CredentialProblem::Repository)?;
        let kind = match (token, ssh_key) {
            (Some(token), None) if passphrase.is_none() && host_key.is_none() => Kind::token(&reference, user, token)?,
            (None, Some(key)) if user.is_none() => Kind::ssh(&reference, key, passphrase, host_key)?,
            _ => return Err(CredentialProblem::Kind),
        };
        Ok(Self { url: reference.fetch_url(), kind })
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The value of `Authorization` that requests carry, from the first on: a server that must ask first would be asked twice.
    pub(super) fn authorization(&self) -> Option<SecretString> {
        match &self.kind {
            Kind::Bearer(token) => Some(format!("Bearer {}", token.expose_secret()).into()),
            Kind::Basic { user, token } => {
                let pair = SecretString::from(format!("{user}:{}", token.expose_secret()));
                Some(format!("Basic {}", STANDARD.encode(pair.expose_secret())).into())
            }
            Kind::Ssh { .. } => None,
        }
    }

    /// As text that [`Credentials::parse`] reads, for the process that fetches.
    pub(super) fn expose(&self) -> SecretString {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let table = match &self.kind {
            Kind::Bearer(token) => format!("token = {}\n", quoted(token.expose_secret())),
            Kind::Basic { user, token } => {
                format!("user = {}\ntoken = {}\n", quoted(user), quoted(token.expose_secret()))
            }
            Kind::Ssh { key, passphrase, host_keys } => {
                let passphrase = passphrase.as_ref().map(|it| format!("passphrase = {}\n", quoted(it.expose_secret())));
                let host_keys: Vec<String> = host_keys.iter().map(|key| quoted(&key.to_string())).collect();
                let passphrase = passphrase.unwrap_or_default();
                let key = quoted(key.expose_secret());
                format!("ssh-key = {key}\n{passphrase}host-key = [{}]\n", host_keys.join(", "))
            }
        };
        format!("[[credential]]\nrepository = {}\n{table}", quoted(&format!("git+{}", self.url))).into()
    }
}

impl Kind {
    fn token(reference: &FlakeReference, user: Option<String>, token: SecretString) -> Result<Self, CredentialProblem> {
        if !matches!(reference.transport(), Transport::Https | Transport::Http) {
            return Err(CredentialProblem::Transport);
        }
        // Anything else could add a header of its own.
        let plain = |text: &str| (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let sendable =
            plain(token.expose_secret()) && user.as_deref().is_none_or(|user| plain(user) && !user.contains(':'));
        if !sendable {
            return Err(CredentialProblem::Token);
        }
        let usual = match reference.forge() {
            Some(Forge::GitHub) => Some("x-access-token"),
            Some(Forge::GitLab) => Some("oauth2"),
            Some(Forge::Bitbucket) => Some("x-token-auth"),
            _ => None,
        };
        Ok(match user.or_else(|| usual.map(str::to_owned)) {
            Some(user) => Self::Basic { user, token },
            None => Self::Bearer(token),
        })
    }

    fn ssh(
        reference: &FlakeReference,
        key: SecretString,
        passphrase: Option<SecretString>,
        host_keys: Option<HostKeys>,
    ) -> Result<Self, CredentialProblem> {
        if reference.transport() != Transport::Ssh {
            return Err(CredentialProblem::Transport);
        }
        if !(1..=MAX_KEY).contains(&key.expose_secret().len()) || key.expose_secret().contains('\0') {
            return Err(CredentialProblem::Token);
        }
        let lines = match host_keys.ok_or(CredentialProblem::NoHostKey)? {
            HostKeys::One(text) => text.lines().map(str::to_owned).collect(),
            HostKeys::Several(lines) => lines,
        };
        let is_key = |line: &&String| !line.trim().is_empty() && !line.starts_with('#');
        let host_keys: Vec<HostKey> = lines.iter().filter(is_key).map(|line| line.parse()).collect::<Result<_, _>>()?;
        if host_keys.is_empty() {
            return Err(CredentialProblem::NoHostKey);
        }
        Ok(Self::Ssh { key, passphrase, host_keys })
    }
}

/// What a server of this kind wants to see, in a sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Advice(pub(super) Option<Forge>);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(Forge::GitHub) => {
                "GitHub wants a fine-grained token with the repository permission `Contents: read-only` for this repository \
                 (or a classic one with the scope `repo`), with the user `x-access-token`"
            }
            Some(Forge::GitLab) => {
                "GitLab wants a project, group or personal access token with the scope `read_repository` and at least the role \
                 Reporter, with the user `oauth2`"
            }
            Some(Forge::Bitbucket) => {
                "Bitbucket wants a repository access token with the scope `repository` (read), with the user `x-token-auth`"
            }
            Some(Forge::SourceHut) => {
                "SourceHut serves private repositories over SSH only: use `git+ssh://git@git.sr.ht/~owner/repository` with a key"
            }
            None => "it wants a token that may read this repository",
        })
    }
}
