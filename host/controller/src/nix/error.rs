use std::io;

use thymis_core::{
    evaluation::{Cause, Diagnosis},
    untrusted,
};

use super::{SourceError, Unlocked, network};

/// Why `nix` gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum NixError {
    #[error("there is no `nix` on this machine: install it (https://nixos.org/download, or Debian's package nix-bin)")]
    NotInstalled,
    #[error(
        "there is no bubblewrap (`bwrap`) on this machine, which keeps strangers' Nix code away from it: install it (Debian's package bubblewrap), or evaluate without it where you trust every input, with --allow-unconfined-nix"
    )]
    NoBubblewrap,
    #[error(
        "bubblewrap can't make a jail for `nix` here: {}. It needs user namespaces; where they can't be had and you trust every input, go on without a jail with --allow-unconfined-nix", untrusted::short(.0)
    )]
    Jail(String),
    #[error("`nix` can't be run")]
    Io(#[from] io::Error),
    #[error("`nix` was stopped: {what} (limit {name} = {limit}; change it with --limit {name}=…)")]
    Limit { what: &'static str, name: &'static str, limit: u64 },
    #[error("Nix can't evaluate it{}{}", shown(.0), to_be_fetched(.0))]
    Evaluation(Box<Diagnosis>),
    #[error("Nix can't pin the inputs of inputs{}{}", shown(&.0.diagnosis), refused(.0))]
    Unlocked(Box<Unlocked>),
    #[error("the Nix store of this machine can't be written: {}", untrusted::short(.0))]
    Store(String),
    #[error(
        "`nix` can't be started in its jail ({}): it has to be below /usr or in the Nix store, with `nix-store` beside it", untrusted::short(.0)
    )]
    Start(String),
    #[error("a thread ended too early: please report this")]
    Thread,
    #[error("`nix` can't be told what is in its store: {}", untrusted::short(.0))]
    State(String),
    #[error("`nix` answered something that is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("what Nix is to see can't be put in place")]
    Source(#[from] SourceError),
}

/// The first of what Nix said, then what it was doing.
fn shown(diagnosis: &Diagnosis) -> String {
    const FRAMES: usize = 5;
    let mut text = format!(": {}", diagnosis.message.trim_end());
    for line in diagnosis.trace.iter().take(FRAMES) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    if diagnosis.trace.len() > FRAMES {
        text.push_str(&format!("\n  and {} more", diagnosis.trace.len() - FRAMES));
    }
    text
}

fn to_be_fetched(diagnosis: &Diagnosis) -> &'static str {
    if diagnosis.cause == Cause::Fetch {
        "\n  Evaluation fetches nothing; `thymis input lock` brings the inputs of inputs"
    } else {
        ""
    }
}

fn refused(unlocked: &Unlocked) -> String {
    let each = |asked: &network::Asked| {
        Some(format!("\n  {} port {} wasn't reached: {}", asked.host, asked.port, asked.refused?))
    };
    unlocked.refused.iter().filter_map(each).take(10).collect()
}
