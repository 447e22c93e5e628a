//! Artifacts, which systemd-tmpfiles copies out of the store.

use thymis_sdk::prelude::*;

use crate::filled;

/// What systemd-tmpfiles takes for "as it is".
const UNSET: &str = "-";

/// An artifact and its place.
#[derive(Settings)]
pub(crate) struct PlacedArtifact {
    /// The artifact. Without one the entry does nothing.
    #[setting(label(de = "Artefakt"), description(de = "Das Artefakt. Ohne eines bewirkt der Eintrag nichts."))]
    artifact: Option<Artifact>,
    /// The absolute path on the device where it is copied to: /, if none is given.
    #[setting(
        label(de = "Pfad"),
        description(de = "Der absolute Pfad auf dem Gerät, an den es kopiert wird; ohne Angabe /."),
        example = "/var/www/logo.png"
    )]
    path: Option<String>,
    /// The user who owns the copy: root, if none is given.
    #[setting(
        label(de = "Besitzer"),
        description(de = "Der Benutzer, dem die Kopie gehört; ohne Angabe root."),
        example = "nginx"
    )]
    owner: Option<String>,
    /// The group of the copy: root, if none is given.
    #[setting(label(de = "Gruppe"), description(de = "Die Gruppe der Kopie; ohne Angabe root."), example = "nginx")]
    group: Option<String>,
    /// Who may read, write and run it, as octal digits; as in the store, if nothing is given.
    #[setting(
        label(de = "Modus"),
        description(de = "Wer lesen, schreiben und ausführen darf, als Oktalzahl; ohne Angabe wie im Store."),
        example = "0644"
    )]
    mode: Option<String>,
}

pub(crate) fn copy(artifacts: &[PlacedArtifact], config: &mut Config, problems: &mut Problems) {
    if artifacts.is_empty() {
        return;
    }
    let mut rules = Vec::new();
    for (index, placed) in artifacts.iter().enumerate() {
        if let Some(artifact) = &placed.artifact {
            problems_of(placed, index, problems);
            let [path, mode, owner, group] = [
                filled(&placed.path).unwrap_or("/"),
                filled(&placed.mode).unwrap_or(UNSET),
                filled(&placed.owner).unwrap_or(UNSET),
                filled(&placed.group).unwrap_or(UNSET),
            ]
            .map(field);
            // The store path needs no quotes: Nix allows nothing special in the names there.
            rules.push(text!("C+ {} {} {} {} - {}", path, mode, owner, group, artifact));
        }
    }
    config.merge("systemd.tmpfiles.rules", rules);
}

/// What would make systemd-tmpfiles drop the rule, or take a part of it for the next one.
fn problems_of(placed: &PlacedArtifact, index: usize, problems: &mut Problems) {
    let mut wrong = |key: &str, english: &str, german: &str| {
        let message = Localized::from(english).and("de", german);
        problems.push(Problem::at(format!("/artifacts/{index}/{key}"), message));
    };
    let fields = [("path", &placed.path), ("owner", &placed.owner), ("group", &placed.group)];
    for (key, text) in fields {
        if filled(text).is_some_and(|text| text.contains(char::is_control)) {
            wrong(key, "must not contain control characters", "darf keine Steuerzeichen enthalten");
        }
    }
    if filled(&placed.path).is_some_and(|path| !path.starts_with('/')) {
        let german = "muss ein absoluter Pfad sein, etwa /var/www/logo.png";
        wrong("path", "must be an absolute path, such as /var/www/logo.png", german);
    }
    if filled(&placed.mode).is_some_and(|mode| !is_mode(mode)) {
        wrong(
            "mode",
            "must be octal digits from 0 to 7777, such as 0644",
            "muss aus Oktalziffern von 0 bis 7777 bestehen, etwa 0644",
        );
    }
}

/// Digits, with what systemd-tmpfiles allows in front: `~` masks by the present mode, `:` keeps it.
fn is_mode(mode: &str) -> bool {
    let digits = mode.trim_start_matches(['~', ':']);
    let octal = digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    mode == UNSET || (octal && u32::from_str_radix(digits, 8).is_ok_and(|bits| bits <= 0o7777))
}

/// One field of a rule, in quotes where it needs them. Specifiers such as `%H` mean what they mean to systemd-tmpfiles.
fn field(text: &str) -> String {
    if text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\')) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}
