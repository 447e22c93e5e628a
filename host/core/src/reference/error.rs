//! Why a text is not a reference.

use super::MAX_LENGTH;

const FORMS: &str = "`github:owner/repo`, `gitlab:group/repo`, `sourcehut:~owner/repo`, `git+https://host/path`, \
                     `git+ssh://git@host/path` or `git+file:///absolute/path`, each with `?ref=` (a branch, or \
                     `refs/…`), `rev=` (40 hexadecimal digits) and `dir=` (the flake's folder) if wanted";

/// Why a text is not a [`FlakeReference`](super::FlakeReference); every message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("the address has {length} bytes; at most {MAX_LENGTH} are allowed")]
    TooLong { length: usize },
    #[error("`{text}` is not the address of a git repository: write {FORMS}")]
    Form { text: String },
    #[error("`{scheme}:` is not understood: write {FORMS}")]
    Scheme { scheme: String },
    #[error("`{text}` is not a project of that forge: write {form}, followed by `/` and a branch or tag if wanted")]
    Project { text: String, form: &'static str },
    #[error(
        "`{text}` is a path: write it as `git+file://` and the absolute path, for example `git+file:///srv/modules`"
    )]
    LocalPath { text: String },
    #[error(
        "`{text}` is a name from a registry, which can mean something else on every machine: write where it is, such as `github:NixOS/nixpkgs/nixos-25.11`, or `git+file:///absolute/path` for a folder"
    )]
    Registry { text: String },
    #[error("`{text}` is an archive or a file, and an input is a git repository: write `git+https://host/path`")]
    Archive { text: String },
    #[error("`{scheme}:` is not git, and an input is a git repository: write {FORMS}")]
    OtherSystem { scheme: String },
    #[error(
        "`https:` is understood only if the path ends in `.git`: write `git+https://…` for a git repository, here `git+{text}`"
    )]
    WebPage { text: String },
    #[error("`ssh:` is not what Nix reads: write `git+ssh://` in place of `ssh://`")]
    BareSsh,
    #[error(
        "`user@host:path` is understood only if the path ends in `.git`: write `git+ssh://user@host/path`, with `/` in place of the `:`"
    )]
    Scp,
    #[error("`git:` sends everything readable and changeable on the way: write `git+https://…` or `git+ssh://…`")]
    GitProtocol,
    #[error(
        "the address holds a user name or a password: leave out what stands before `@`; a credential is given apart, never in an address"
    )]
    Credential,
    /// Also for callers that find [`is_plain_http`](super::FlakeReference::is_plain_http).
    #[error(
        "`http:` sends everything readable and changeable on the way: write `git+https://{host}…` (only hosts on this machine may use `git+http://`)"
    )]
    PlainHttp { host: String },
    #[error(
        "`{host}` is not a host: write a name or an IPv4 address in letters, digits, `-` and `.`, with `:port` if wanted (not in `host=`)"
    )]
    Host { host: String },
    #[error(
        "the user before `@` is not one: write 1 to 64 letters, digits and `. _ -`, with no `-` in front, mostly `git`"
    )]
    User,
    #[error(
        "`{path}` is not the path of a repository: use letters, digits and `. _ ~ - @` between single `/`, without `.` or `..` and with no `-` in front"
    )]
    Path { path: String },
    #[error(
        "`{escape}` is an escape: write the character itself (only `gitlab:` has `%2F`, between group and subgroup)"
    )]
    Escape { escape: String },
    #[error("`#` names something in the flake: leave it out with what follows")]
    Fragment,
    #[error(
        "`{key}` is not understood in the address of a repository: only `dir`, `ref` and `rev`, for a forge also `host`, once each"
    )]
    Query { key: String },
    #[error(
        "`{reference}` is not a branch name or a full name such as `refs/tags/v1`: use letters, digits and `. _ - /` (without a forge also `+ @`), and no `-` in front"
    )]
    Reference { reference: String },
    #[error("`{reference}` is a commit, not a branch: write `rev={reference}`, in lower case")]
    CommitAsReference { reference: String },
    #[error("`{revision}` is not a commit: 40 lower-case hexadecimal digits")]
    Revision { revision: String },
    #[error("a forge takes either a branch (or tag) or a commit: leave out `{reference}`, or `rev`")]
    ReferenceAndRevision { reference: String },
    #[error(
        "`dir={dir}` is not a folder of the repository: write a relative path such as `nix/flake` in letters, digits and `. _ -`, without `.` or `..`"
    )]
    Dir { dir: String },
}
