//! Git for everyone on the machine.

use std::collections::BTreeMap;

use thymis_sdk::prelude::*;

/// Git's settings for everyone.
#[derive(Settings)]
pub struct Git {
    /// The name of a new repository's first branch.
    #[setting(
        example = "main",
        pattern = "[A-Za-z0-9][A-Za-z0-9._/-]{0,99}",
        label(de = "Erster Zweig"),
        description(de = "Wie der erste Zweig eines neuen Repositorys heißt.")
    )]
    default_branch: Option<String>,
    /// Stores large files outside of the history.
    #[setting(label = "LFS", label(de = "LFS"), description(de = "Legt große Dateien außerhalb der Historie ab."))]
    lfs: Option<bool>,
    /// Commands of your own by name: what follows `git`. One that starts with `!` is run by the shell of whoever uses it.
    #[setting(
        default = BTreeMap::new(), max_items = 100, key_pattern = "[A-Za-z][A-Za-z0-9-]{0,30}", label(de = "Kurzbefehle"),
        description(de = "Eigene Befehle nach Namen: was auf `git` folgt. Was mit `!` anfängt, führt die Shell dessen aus, \
            der den Befehl benutzt."),
        items(min_length = 1, max_length = 1000)
    )]
    aliases: BTreeMap<String, String>,
}

impl Git {
    pub fn generate(&self, config: &mut Config) {
        let mut git = config.at("programs.git");
        git.set("enable", true)
            .set_some("config.init.defaultBranch", self.default_branch.as_ref())
            .set_some("lfs.enable", self.lfs);
        for (name, command) in &self.aliases {
            git.set(path!["config", "alias", name], command);
        }
    }
}
