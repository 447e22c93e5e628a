use std::path::PathBuf;

use clap::{Parser, Subcommand};
use thymis_core::{
    digest::{Digest, Revision},
    id::{ConfigurationId, InputName, ModuleName},
    option::OptionPath,
    revocation::MAX_REASON,
};

/// Compose NixOS devices from modules, also those of strangers.
///
/// A project is a git repository: state/ is what you edit, `thymis generate` makes a flake with one nixosConfiguration per
/// file in state/configurations. Modules come from inputs: git repositories whose components run in a sandbox, with the
/// permissions that you accepted and no others.
#[derive(Debug, Parser)]
#[command(
    name = "thymis",
    version,
    max_term_width = 100,
    after_help = "\
Typical first steps:
  thymis init fleet && cd fleet
  thymis input add nixpkgs git+https://github.com/NixOS/nixpkgs?ref=nixos-25.11
  thymis input add sensors git+https://git.example.org/sensors
  thymis input accept sensors
  thymis generate && thymis commit -m \"First devices\"

Exit codes: 0 done, 1 refused with reasons, 2 wrong usage."
)]
pub(super) struct Arguments {
    /// The project's folder; by default the one around the current folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) project: Option<PathBuf>,
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Say more about what is being done.
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    /// What opens private repositories: a file of `[[credential]]` tables that only you can read, or `-` for standard input.
    ///
    /// Each has `repository` (an address as of `input add`) and `token`, with `user` where the server wants one; or
    /// `ssh-key` and the server's `host-key`. By default the file that THYMIS_CREDENTIALS names.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
    /// Fetch also from other machines by `git+http:`, which everybody on the way can read and change.
    #[arg(long, global = true)]
    pub(super) allow_plain_http: bool,
    /// Where this machine can't keep `nix` in a jail, go on without: for people who trust every input.
    #[arg(long, global = true)]
    pub(super) allow_unconfined_nix: bool,
    /// Bound the sandbox, what is fetched, and `nix` otherwise; `thymis module limits` lists what can be bounded.
    #[arg(long = "limit", global = true, value_name = "NAME=VALUE", value_parser = limit)]
    pub(super) limits: Vec<(String, u64)>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a project in a new folder.
    Init {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Take over a project of Thymis 0.9: its folder, or its state.json. It isn't changed.
        #[arg(long, value_name = "OLD")]
        from_thymis: Option<PathBuf>,
    },
    /// Write the project as the state.json of Thymis 0.9.
    Export {
        /// By default, standard output.
        file: Option<PathBuf>,
    },
    /// Add, look at, accept, update and remove repositories.
    #[command(subcommand)]
    Input(Box<Input>),
    /// List the modules that may be used, with settings and permissions.
    Modules {
        /// Only this module, such as `thymis/device`.
        module: Option<thymis_core::id::ModuleId>,
        /// Print the settings as JSON Schema (2020-12) instead.
        #[arg(long)]
        schema: bool,
    },
    /// Generate the flake and every configuration, or change nothing.
    Generate {
        /// Write nothing, and say what would change. Exit code 1 if something would.
        #[arg(long)]
        check: bool,
        /// Generate the others where a configuration can't be; it then says why when it is evaluated.
        #[arg(long)]
        keep_going: bool,
        /// Where devices reach the controller, such as `https://thymis.example.org`; the project's state keeps it.
        #[arg(long, value_name = "URL", value_parser = controller_url, conflicts_with = "check")]
        controller_url: Option<String>,
    },
    /// Commit what was generated, with the state it was generated from.
    Commit {
        #[arg(long, short)]
        message: String,
        /// `Name <address>`; by default the one of your git configuration.
        #[arg(long)]
        author: Option<String>,
    },
    /// Tell where the value of an option comes from.
    Why {
        configuration: ConfigurationId,
        /// Such as `networking.hostName`; also a part of a path, for everything below it.
        option: OptionPath,
    },
    /// Evaluate options of a generated configuration with Nix.
    Eval {
        configuration: ConfigurationId,
        #[arg(required = true, value_name = "OPTION")]
        options: Vec<OptionPath>,
    },
    /// Evaluate configurations with Nix, and tell whose setting is at fault where one can't be.
    ///
    /// It evaluates what was generated last, builds nothing, and needs no network. Also lists what NixOS modules of
    /// repositories set beside what was granted to them. Exit code 1 if one can't be evaluated.
    Check {
        /// By default, all of them.
        configurations: Vec<ConfigurationId>,
        /// Evaluate also what is known from an earlier check of the same files.
        #[arg(long)]
        again: bool,
    },
    /// Write modules: new repositories, components, and what a module answers.
    #[command(subcommand)]
    Module(Module),
}

#[derive(Debug, Subcommand)]
pub(super) enum Input {
    /// Look at a repository: whether it can be reached, which branches it has, what it would bring. Changes nothing.
    Test {
        /// An address as of `input add`.
        url: String,
    },
    /// Fetch a repository and pin it. Its modules wait until they are accepted.
    Add {
        name: InputName,
        /// `github:owner/repository`, `gitlab:…`, `sourcehut:…`, `git+https://host/path`, `https://host/path.git`,
        /// `git+ssh://git@host/path`, `git@host:path` or `git+file:///path`. `?ref=branch` chooses a branch, `dir=folder` the
        /// folder of its flake.
        url: String,
        /// Where there is such an input: pin it anew. Its modules wait until they are accepted again.
        #[arg(long)]
        replace: bool,
    },
    /// Move to the newest revision, if that asks for nothing more than was accepted; what asks for more waits.
    ///
    /// Says what that changes: commits, modules, settings, permissions, and the generated files, made with both revisions.
    Update {
        /// By default, all inputs.
        names: Vec<InputName>,
    },
    /// Leave an input at a revision: updates don't move it, and one that waits is dismissed.
    Pin {
        name: InputName,
        /// By default, the present one.
        revision: Option<Revision>,
    },
    /// Let updates move an input again.
    Unpin { name: InputName },
    /// Go back to an earlier revision and stay there. What was accepted there counts again.
    Rollback {
        name: InputName,
        /// By default, the one before the present one.
        revision: Option<Revision>,
    },
    /// Give an input another name, also in what uses its modules.
    Rename { old: InputName, new: InputName },
    /// Who accepted what, when and at which bytes. Exit code 1 where the log was tampered with.
    Log {
        /// Only of this input.
        name: Option<InputName>,
        /// Only if the log has this line: the digest that an earlier `log` ended with.
        #[arg(long, value_name = "DIGEST")]
        contains: Option<Digest>,
    },
    /// All inputs with revision and status.
    List,
    /// What an input contains and asks for.
    Show { name: InputName },
    /// Accept what an input asks for: the update that waits, or else the pinned revision.
    ///
    /// `--revision` or `--digest` of the pinned one choose that.
    Accept {
        name: InputName,
        /// Don't ask.
        #[arg(long, short)]
        yes: bool,
        /// Only if this is the revision.
        #[arg(long, value_name = "REV")]
        revision: Option<Revision>,
        /// Only if this is the digest that `show` printed.
        #[arg(long)]
        digest: Option<Digest>,
    },
    /// Never use an input's present components again, nor what was accepted of it, in any project of this user.
    ///
    /// Revocations are kept in a file outside of the project, which is named, so no restored lock undoes them; no command
    /// does.
    Revoke {
        /// An input of the project, the digest of a component or grant, or a revision (40 digits).
        #[arg(value_name = "NAME|DIGEST|REVISION", required_unless_present = "advisories")]
        what: Option<Revoked>,
        /// Revoke what a file of advisories names: JSON with `version` 1 and `advisories`, each with `id`, `summary`, and
        /// `digests` or `revisions`.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["what", "reason"])]
        advisories: Option<PathBuf>,
        /// Shown wherever it is missed.
        #[arg(long, default_value = "no reason was given", value_parser = reason)]
        reason: String,
    },
    /// What was revoked.
    Revoked,
    /// Pin the inputs of inputs, with Nix, and bring the files of all to this machine.
    ///
    /// Nix asks without any credential: where an input of an input is private, add it as an input of the project, too.
    Lock,
    /// Let an input of an input's flake be another input of the project.
    Follow {
        name: InputName,
        /// As the flake of NAME calls it.
        #[arg(value_name = "OWN INPUT")]
        own: String,
        /// By default, its own again (or the project's, of `nixpkgs` and `thymis`).
        target: Option<InputName>,
    },
    /// Put the files of all inputs into this machine's Nix store, so that `nix build` needs neither network nor
    /// credentials for them.
    Store,
    /// Remove an input that nothing uses.
    Remove { name: InputName },
}

/// What is revoked.
#[derive(Debug, Clone)]
pub(super) enum Revoked {
    Input(InputName),
    Digest(Digest),
    Revision(Revision),
}

impl std::str::FromStr for Revoked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(revision) = text.parse() {
            Ok(Self::Revision(revision))
        } else if text.contains(':') {
            text.parse().map(Self::Digest).map_err(|error: thymis_core::digest::DigestError| error.to_string())
        } else {
            text.parse().map(Self::Input).map_err(|error: thymis_core::id::IdError| error.to_string())
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_REASON => Ok(text.to_owned()),
        bytes => Err(format!("it has {bytes} bytes, 1 to {MAX_REASON} are allowed")),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Module {
    /// Make a repository with one module.
    New { name: ModuleName },
    /// Build the component of a repository into its modules/.
    Build {
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// What a component is, and the settings of its modules.
    Inspect {
        #[arg(value_name = "FILE.wasm")]
        file: PathBuf,
    },
    /// Print the Nix that a device would get.
    Run {
        #[arg(value_name = "FILE.wasm")]
        file: PathBuf,
        /// An object with the settings.
        #[arg(long, value_name = "FILE.json")]
        settings: PathBuf,
        /// Which module, where the component has several.
        #[arg(long, value_name = "NAME")]
        module: Option<ModuleName>,
    },
    /// Try the modules of a repository in everything that their settings suggest, and compare with tests/snapshots.
    ///
    /// From the settings' types alone: defaults, examples, both sides of every bound, hostile texts, every condition, each
    /// kind of device. Every answer is asked for twice, held against thymis.toml and parsed as Nix. Files in
    /// tests/settings (with several modules, in a folder for each) are further cases.
    Test {
        #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
        place: PathBuf,
        /// Write the snapshots anew.
        #[arg(long)]
        update: bool,
    },
    /// The smallest list of permissions that covers what modules do in all cases of `test`, to be put into thymis.toml.
    Permissions {
        #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
        place: PathBuf,
    },
    /// Every bound of the sandbox: its value, the highest that `--limit` may choose, and of what.
    Limits,
    /// Print the Module interface (WIT), for components in any language.
    Wit,
    /// Write the SDK that this program carries into vendor/thymis-sdk of a repository.
    Sdk {
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("write a name, `=` and a number")?;
    let value = value.replace('_', "").parse().map_err(|_| format!("`{value}` is not a whole number"))?;
    Ok((name.replace('-', "_"), value))
}

fn controller_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    match rest {
        Some(rest)
            if !rest.is_empty() && !rest.starts_with('/') && text.len() <= 2048 && text.chars().all(is_plain) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write `https://` and the controller's host, such as `https://thymis.example.org`".to_owned()),
    }
}
