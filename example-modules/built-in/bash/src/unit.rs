//! The systemd unit of a script. The module `python` includes this file too.

use thymis_sdk::prelude::*;

/// A name that nothing else on a device has, which takes from its configuration, its tags and its instances.
pub(crate) fn name(module: &str, context: &Context) -> String {
    let (folder, id) = match context.target() {
        Target::Configuration(id) => ("hosts", id),
        Target::Tag(id) => ("tags", id),
    };
    let mut name = format!("thymis-{module}-service-{folder}-{id}");
    // An instance that nobody named is called like its module.
    if context.instance() != module {
        name.push('-');
        name.push_str(context.instance());
    }
    name.replace('.', "-")
}

/// A service that runs all the time, or else whenever its timer says. What it runs is left to the caller.
///
/// Definitions are plain: the unit is this module's own, and the operator's Nix may change any part of it.
pub(crate) fn service<'a>(
    config: &'a mut Config<'_>,
    name: &str,
    timer: Option<SystemdTimer>,
    path: Vec<Expr>,
) -> Config<'a> {
    let timer = timer.as_ref().and_then(SystemdTimer::config);
    if let Some(timer) = &timer {
        config.at(path!["systemd", "timers", name]).merge("wantedBy", ["timers.target"]).merge("timerConfig", timer);
    }
    let mut service = config.at(path!["systemd", "services", name]);
    service.merge("path", path);
    if timer.is_some() {
        service.merge("serviceConfig.Type", "oneshot").merge("serviceConfig.RemainAfterExit", true);
    } else {
        service
            .merge("wantedBy", ["multi-user.target"])
            .merge("serviceConfig.Type", "simple")
            .merge("serviceConfig.Restart", "always")
            .merge("serviceConfig.RestartSec", "10s");
    }
    service
}

/// The script without white space around it, and one newline at its end. Between them nothing changes.
pub(crate) fn script(code: Option<Code>) -> String {
    // Thymis 0.9 took the separators U+001C to U+001F for white space too.
    let white = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    format!("{}\n", code.as_deref().unwrap_or_default().trim_matches(white))
}

/// How packages of nixpkgs are written.
pub(crate) const NIXPKGS: Names = Names { prefixes: &["pkgs."], segments: 16, examples: ["curl", "nodePackages.npm"] };

/// Where names of packages come from.
pub(crate) struct Names {
    /// What people may write before a name.
    pub(crate) prefixes: &'static [&'static str],
    /// How many names, with dots between them, lead to a package.
    pub(crate) segments: usize,
    pub(crate) examples: [&'static str; 2],
}

/// The package of a name that was checked.
pub(crate) fn package(name: &str) -> Expr {
    nix::pkgs(name.split('.').collect::<Vec<_>>())
}

/// Names of packages as people write them. Blank ones are skipped.
pub(crate) fn packages(
    setting: &str,
    items: impl IntoIterator<Item = Option<String>>,
    source: Names,
    problems: &mut Problems,
) -> Vec<String> {
    let mut names = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let written = item.unwrap_or_default();
        let written = written.trim();
        if written.is_empty() {
            continue;
        }
        let name = source.prefixes.iter().find_map(|prefix| written.strip_prefix(prefix)).unwrap_or(written);
        if name.split('.').count() <= source.segments && name.split('.').all(is_attribute) {
            names.push(name.to_owned());
        } else {
            let [one, other] = source.examples;
            let message = Localized::from(format!("must be the name of a package, such as `{one}` or `{other}`"))
                .and("de", format!("muss der Name eines Pakets sein, etwa `{one}` oder `{other}`"));
            problems.push(Problem::at(format!("/{setting}/{index}/package"), message));
        }
    }
    names
}

/// What the host takes for a name in a package set.
fn is_attribute(name: &str) -> bool {
    name.len() <= 128
        && !name.starts_with("__")
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+'".contains(&b))
}
