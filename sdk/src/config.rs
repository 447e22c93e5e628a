use crate::{
    Expr, IntoPath, Path, Secret,
    expr::{Node, Piece},
    flatten, wit,
};

/// What all of a module's definitions become.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) definitions: Vec<(Path, Expr, wit::Strength)>,
    pub(crate) imports: Vec<Expr>,
    pub(crate) secrets: Vec<Placement>,
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) fatal: bool,
    pub(crate) holds: Option<Expr>,
    pub(crate) message: String,
}

impl Draft {
    pub(crate) fn config(&mut self) -> Config<'_> {
        Config { draft: self, place: Path::default() }
    }

    pub(crate) fn into_wit(self) -> wit::Configuration {
        flatten::configuration(self)
    }
}

/// The NixOS configuration that a module makes: definitions of options, and what goes with them.
///
/// ```
/// # use thymis_sdk::prelude::*;
/// # fn generate(config: &mut Config) {
/// config.set("services.nginx.enable", true);
/// config
///     .at("systemd.services.hello")
///     .set("description", "Says hello")
///     .merge("wantedBy", ["multi-user.target"])
///     .set("serviceConfig.ExecStart", text!("{}/bin/hello", nix::pkgs("hello")));
/// # }
/// ```
///
/// **One definition for each option.** `config.set("systemd.services", attrs! { … })` would be a definition of all services;
/// the permission for one of them doesn't cover it.
#[derive(Debug)]
pub struct Config<'a> {
    draft: &'a mut Draft,
    place: Path,
}

impl Config<'_> {
    /// The configuration below a path: paths given to the result start there.
    #[track_caller]
    pub fn at(&mut self, path: impl IntoPath) -> Config<'_> {
        let place = self.place.join(path.into_path());
        Config { draft: self.draft, place }
    }

    /// Sets an option with the strength that its value suggests: one boolean, number, line of text or package replaces
    /// what others set with plain priority ([`Config::override_`]); lists, sets and texts of several lines join it
    /// ([`Config::merge`]).
    #[track_caller]
    pub fn set(&mut self, path: impl IntoPath, value: impl Into<Expr>) -> &mut Self {
        let value = value.into();
        let strength = if is_single(&value.0) { wit::Strength::Override } else { wit::Strength::Merge };
        self.define(path, value, strength)
    }

    /// As [`Config::set`], where there is a value.
    #[track_caller]
    pub fn set_some(&mut self, path: impl IntoPath, value: Option<impl Into<Expr>>) -> &mut Self {
        match value {
            Some(value) => self.set(path, value),
            None => self,
        }
    }

    /// Joins what others set; different single values conflict.
    #[track_caller]
    pub fn merge(&mut self, path: impl IntoPath, value: impl Into<Expr>) -> &mut Self {
        self.define(path, value, wit::Strength::Merge)
    }

    /// Replaces what others set with plain priority, whole lists and sets too.
    #[track_caller]
    pub fn override_(&mut self, path: impl IntoPath, value: impl Into<Expr>) -> &mut Self {
        self.define(path, value, wit::Strength::Override)
    }

    /// Gives way to anyone else.
    #[track_caller]
    pub fn fallback(&mut self, path: impl IntoPath, value: impl Into<Expr>) -> &mut Self {
        self.define(path, value, wit::Strength::Fallback)
    }

    /// Wins over everyone. Needs the permission's `force`.
    #[track_caller]
    pub fn force(&mut self, path: impl IntoPath, value: impl Into<Expr>) -> &mut Self {
        self.define(path, value, wit::Strength::Force)
    }

    #[track_caller]
    fn define(&mut self, path: impl IntoPath, value: impl Into<Expr>, strength: wit::Strength) -> &mut Self {
        let path = self.place.join(path.into_path());
        self.draft.definitions.push((path, value.into(), strength));
        self
    }

    /// Imports a NixOS module of the own flake: `config.import(nix::output("nixosModules.default"))`. It is code with all
    /// rights on the device, and the operator is told so.
    pub fn import(&mut self, module: impl Into<Expr>) -> &mut Self {
        self.draft.imports.push(module.into());
        self
    }

    /// Puts a secret on the device, at an absolute path. Unless said otherwise only root can read it.
    /// [`crate::nix::secret_path`] is the path for use in options.
    pub fn place(&mut self, secret: &Secret, path: impl Into<String>) -> &mut Placement {
        let placement = Placement(wit::Placement {
            secret: secret.handle().to_owned(),
            path: path.into(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o400,
        });
        self.draft.secrets.push(placement);
        let last = self.draft.secrets.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "pushed above")]
        &mut self.draft.secrets[last]
    }

    /// Tells the operator something whenever the device is built.
    pub fn warn(&mut self, message: impl Into<String>) -> &mut Self {
        self.check(false, None, message.into())
    }

    /// Tells the operator something when the device is built and `holds` is false.
    pub fn warn_unless(&mut self, holds: impl Into<Expr>, message: impl Into<String>) -> &mut Self {
        self.check(false, Some(holds.into()), message.into())
    }

    /// Refuses to build the device when `holds` is false.
    pub fn assert(&mut self, holds: impl Into<Expr>, message: impl Into<String>) -> &mut Self {
        self.check(true, Some(holds.into()), message.into())
    }

    fn check(&mut self, fatal: bool, holds: Option<Expr>, message: String) -> &mut Self {
        self.draft.checks.push(Check { fatal, holds, message });
        self
    }
}

/// Where and for whom a secret is put.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement(pub(crate) wit::Placement);

impl Placement {
    pub fn owner(&mut self, user: impl Into<String>) -> &mut Self {
        self.0.owner = user.into();
        self
    }

    pub fn group(&mut self, group: impl Into<String>) -> &mut Self {
        self.0.group = group.into();
        self
    }

    /// Permission bits, such as `0o440`.
    pub fn mode(&mut self, mode: u16) -> &mut Self {
        self.0.mode = mode;
        self
    }
}

/// Whether a value can only replace another. What can't be seen here (another option's value, raw Nix) is taken for one
/// that joins: where that is wrong, NixOS reports a conflict, while a wrong replacement would be silent.
fn is_single(node: &Node) -> bool {
    match node {
        Node::Null | Node::Bool(_) | Node::Int(_) | Node::Float(_) => true,
        Node::Text(pieces) => !pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('\n'))),
        Node::List(_) | Node::Attrs(_) | Node::Raw(_) => false,
        Node::Ref(root, _) => *root != "config",
        Node::Call(function, arguments) => match (*function, arguments.as_slice()) {
            ("lib.mkIf", [_, value]) | ("lib.mkOrder", [_, value]) => is_single(&value.0),
            ("if", [_, then, otherwise]) => is_single(&then.0) && is_single(&otherwise.0),
            ("select", [_, _, otherwise]) => is_single(&otherwise.0),
            ("lib.mkMerge" | "concat" | "readFile", _) => false,
            _ => true,
        },
    }
}
