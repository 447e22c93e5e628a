//! What runs on the screen: scripts that get each setting as a number, as a word of a closed list, or as the path of a
//! file with it.

use thymis_sdk::prelude::*;

use crate::{PASSWORD_PATH, mode::Mode};

/// What i3 shows: one window, without decoration.
const I3: &str = "\
# i3 config file (v4)
default_border none
default_floating_border none
bar {
    mode invisible
}
";

/// One use of the kiosk, with its defaults filled in.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) url: &'a str,
    pub(crate) mode: Mode,
    /// As `xrandr` names it.
    pub(crate) rotation: &'static str,
    /// In percent.
    pub(crate) volume: u8,
    pub(crate) sink: Option<&'a str>,
    pub(crate) vnc: Option<Password<'a>>,
}

/// VNC's password.
pub(crate) enum Password<'a> {
    Plain(&'a str),
    /// Placed at [`PASSWORD_PATH`].
    Secret(&'a Secret),
}

/// A secret's handle may differ from one generation to the next, and says nothing about what it stands for.
impl std::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(password) => write!(f, "Plain({password:?})"),
            Self::Secret(_) => write!(f, "Secret({PASSWORD_PATH:?})"),
        }
    }
}

impl Session<'_> {
    pub(crate) fn i3_config(&self) -> Expr {
        nix::write_text("kiosk-i3-config", text!("{}exec --no-startup-id {}\n", I3, self.program()))
    }

    /// Differs where a setting does.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{:016x}", fnv_1a(format!("{self:?}").as_bytes()))
    }

    /// Starts everything, and ends it with the X server.
    fn program(&self) -> Expr {
        let Mode { width, height, refresh } = self.mode;
        let screen = text!("{} {} {} {} {} &\n", screen(), width, height, refresh, self.rotation);
        let browser = text!("{} {} &\n", browser(), nix::write_text("kiosk-url", self.url));
        let sound = match self.sink {
            Some(sink) => text!("{} {} {} &\n", sound(), self.volume, nix::write_text("kiosk-sound-output", sink)),
            None => text!("{} {} &\n", sound(), self.volume),
        };
        let vnc = match &self.vnc {
            Some(Password::Plain(password)) => {
                text!("{} {} &\n", vnc(), nix::write_text("kiosk-vnc-password", *password))
            }
            Some(Password::Secret(secret)) => text!("{} {} &\n", vnc(), nix::secret_path(secret)),
            None => text!(""),
        };
        let all = text!("{}{}{}{}{}", screen, browser, sound, vnc, include_str!("session.sh"));
        script("kiosk-session", &["xev"], all)
    }
}

fn screen() -> Expr {
    script("kiosk-screen", &["coreutils", "libxcvt", "unclutter", "xev", "xrandr", "xset"], include_str!("screen.sh"))
}

fn browser() -> Expr {
    script("kiosk-browser", &["coreutils", "curl", "ungoogled-chromium"], include_str!("browser.sh"))
}

fn sound() -> Expr {
    script("kiosk-sound", &["coreutils", "pulseaudio"], include_str!("sound.sh"))
}

fn vnc() -> Expr {
    script("kiosk-vnc", &["coreutils", "tigervnc"], include_str!("vnc.sh"))
}

/// The path of a shell program with `packages` on its `PATH`.
fn script(name: &str, packages: &[&str], text: impl Into<Expr>) -> Expr {
    let packages = packages.iter().map(|package| nix::pkgs(path![*package]));
    text!("{}/bin/{}", nix::write_shell_application(name, packages, text), name)
}

/// Fowler, Noll and Vo's hash: no protection against anyone, only a difference.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
