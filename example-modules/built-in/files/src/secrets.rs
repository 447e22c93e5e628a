//! Secrets, which the agent puts on the device.

use thymis_sdk::prelude::*;

use crate::filled;

const OWNER: &str = "root";
const MODE: u16 = 0o400;

/// A secret and its place.
#[derive(Settings)]
pub(crate) struct PlacedSecret {
    /// The secret. Without one the entry does nothing.
    #[setting(
        label(de = "Secret"),
        description(de = "Das Secret. Ohne eines bewirkt der Eintrag nichts."),
        secret_kinds = ["single_line", "multi_line", "env_list", "file"],
        secret_in_image = false
    )]
    secret: Option<Secret>,
    /// The absolute path of the file that holds the secret on the device.
    #[setting(
        label(de = "Pfad"),
        description(de = "Der absolute Pfad der Datei, die das Secret auf dem Gerät enthält."),
        example = "/run/web/token"
    )]
    path: Option<String>,
    /// The user who owns the file: root, if none is given.
    #[setting(
        label(de = "Besitzer"),
        description(de = "Der Benutzer, dem die Datei gehört; ohne Angabe root."),
        example = "nginx"
    )]
    owner: Option<String>,
    /// The group of the file: root, if none is given.
    #[setting(label(de = "Gruppe"), description(de = "Die Gruppe der Datei; ohne Angabe root."), example = "nginx")]
    group: Option<String>,
    /// Who may read and write, as octal digits: 0400, only the owner reads, if nothing is given.
    #[setting(
        label(de = "Modus"),
        description(de = "Wer lesen und schreiben darf, als Oktalzahl; ohne Angabe 0400: nur der Besitzer liest."),
        example = "0440"
    )]
    mode: Option<String>,
}

pub(crate) fn place(secrets: &[PlacedSecret], config: &mut Config, problems: &mut Problems) {
    for (index, placed) in secrets.iter().enumerate() {
        let Some(secret) = &placed.secret else { continue };
        let mut wrong = |key: &str, message: Localized| {
            problems.push(Problem::at(format!("/secrets/{index}/{key}"), message));
        };
        let path = filled(&placed.path).unwrap_or_default();
        if !is_place(path) {
            let german = "muss ein absoluter Pfad außerhalb von /nix sein, ohne `.` und `..`, etwa /run/web/token";
            let message = "must be an absolute path outside of /nix, without `.` and `..`, such as /run/web/token";
            wrong("path", Localized::from(message).and("de", german));
        }
        let owner = filled(&placed.owner).unwrap_or(OWNER);
        let group = filled(&placed.group).unwrap_or(OWNER);
        for (key, name) in [("owner", owner), ("group", group)] {
            if !is_account(name) {
                let german = "muss ein Name aus 1 bis 32 der Zeichen A-Z, a-z, 0-9, `.`, `-` und `_` sein";
                let message = "must be a name of 1 to 32 of A-Z, a-z, 0-9, `.`, `-` and `_`";
                wrong(key, Localized::from(message).and("de", german));
            }
        }
        let mode = filled(&placed.mode).map_or(Some(MODE), parse_mode);
        if mode.is_none() {
            let german = "muss aus Oktalziffern von 0 bis 0777 bestehen, etwa 0640";
            wrong("mode", Localized::from("must be octal digits from 0 to 0777, such as 0640").and("de", german));
        }
        config.place(secret, path).owner(owner).group(group).mode(mode.unwrap_or(MODE));
    }
}

/// What the host accepts as the path of a secret.
fn is_place(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else { return false };
    let mut segments = relative.split('/');
    path.len() <= 512
        && !path.contains(char::is_control)
        && segments.clone().all(|segment| !matches!(segment, "" | "." | ".."))
        && segments.next() != Some("nix")
}

/// What the host accepts as a user or group.
fn is_account(name: &str) -> bool {
    name.len() <= 32
        && !name.starts_with(['-', '.'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn parse_mode(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    u16::from_str_radix(digits, 8).ok().filter(|mode| octal && *mode <= 0o777)
}
