//! Where `nix` and bubblewrap are on this machine.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use thymis_core::{
    nix_version::{self, NixVersion},
    store_path::STORE,
};

use super::{NixError, NixLimits, process};

/// The programs that a call of `nix` takes.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) nix: PathBuf,
    /// bubblewrap, which makes the jail.
    pub(super) bwrap: Option<PathBuf>,
    /// Store paths without which these don't run: empty where they don't come from the store.
    pub(super) closure: Vec<PathBuf>,
    /// Folders that are neither there nor below `/usr`.
    pub(super) elsewhere: BTreeSet<PathBuf>,
    /// Whether `/usr` has to be seen.
    pub(super) usr: bool,
    /// For `PATH`.
    pub(super) folders: BTreeSet<PathBuf>,
    /// What `nix --version` says.
    pub(super) version: String,
}

impl Programs {
    pub(super) fn find(program: &Path, limits: &NixLimits) -> Result<Self, NixError> {
        let nix = on_path("nix").ok_or(NixError::NotInstalled)?;
        let mut tools = vec![nix.clone()];
        tools.extend(on_path("git"));
        let folders: BTreeSet<PathBuf> = tools.iter().filter_map(|tool| Some(tool.parent()?.to_owned())).collect();
        // What locks runs there, too.
        tools.extend(program.canonicalize());
        let (stored, others): (Vec<_>, Vec<_>) = tools.into_iter().partition(|tool| tool.starts_with(STORE));
        let closure = if stored.is_empty() { Vec::new() } else { closure(&nix, &stored, limits)? };
        let elsewhere = folders.iter().filter(|folder| !folder.starts_with(STORE) && !folder.starts_with("/usr"));
        let elsewhere = elsewhere.cloned().collect();
        let mut command = Command::new(&nix);
        let said = process::run(command.arg("--version").env_clear(), Stdio::null(), limits)?;
        let version = String::from_utf8_lossy(&said.ok_or(NixError::NotInstalled)?.printed).into_owned();
        Ok(Self { nix, bwrap: on_path("bwrap"), closure, elsewhere, usr: !others.is_empty(), folders, version })
    }

    /// Says which published holes this Nix has.
    pub(super) fn warn(&self) {
        let version = match self.version.parse::<NixVersion>() {
            Ok(version) => version,
            Err(error) => return tracing::warn!("it isn't known how safe this Nix is: {error}"),
        };
        if let Some(note) = version.note() {
            tracing::debug!("{note}");
        }
        let open: Vec<&str> = nix_version::open_in(&version).into_iter().map(|advisory| advisory.cve).collect();
        if !open.is_empty() {
            let minimum: Vec<String> = nix_version::MINIMUM.iter().map(ToString::to_string).collect();
            tracing::warn!(
                "Nix {} has published holes that strangers' flakes may use ({}): install {} or newer",
                version.release,
                open.join(", "),
                minimum.join(", "),
            );
        }
    }
}

/// A program on the search path, links resolved.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|dir| dir.join(name));
    candidates.find(|candidate| candidate.is_file())?.canonicalize().ok()
}

/// What the programs need of the store.
fn closure(nix: &Path, tools: &[PathBuf], limits: &NixLimits) -> Result<Vec<PathBuf>, NixError> {
    let mut command = Command::new(nix);
    command.args(["--extra-experimental-features", "nix-command", "path-info", "--recursive"]).args(tools);
    command.env_clear();
    let ended = process::run(&mut command, Stdio::null(), limits)?.ok_or(NixError::NotInstalled)?;
    let listed = String::from_utf8_lossy(&ended.printed).lines().map(PathBuf::from).collect::<Vec<_>>();
    if listed.is_empty() {
        let said = String::from_utf8_lossy(&ended.said).trim().to_owned();
        return Err(NixError::Jail(format!("it isn't known what nix consists of: {said}")));
    }
    Ok(listed)
}
