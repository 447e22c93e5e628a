//! Requests, above all to services that trust whoever is on the same machine.

use super::case::{Alone, Case, refused};

const UNREACHED: &[&str] =
    &["unable", "Could not", "Couldn't", "cannot", "forbidden", "failed", "not supported", "unsupported"];

pub(crate) const CASES: &[Case] = &[
    refused("fetchurl", r#"builtins.fetchurl { url = "${http}/x"; sha256 = wrong; }"#, UNREACHED).alone(Alone::Asks),
    refused("fetchurl with what the operator types", r#"builtins.fetchurl { url = "${http}/?q=${builtins.getEnv "HOME"}"; sha256 = wrong; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchurl of a name for loopback", r#"builtins.fetchurl { url = "http://localhost:${port}/x"; sha256 = wrong; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchurl of a short address", r#"builtins.fetchurl { url = "http://127.1:${port}/x"; sha256 = wrong; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchurl of no address", r#"builtins.fetchurl { url = "http://0.0.0.0:${port}/x"; sha256 = wrong; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchurl over TLS", r#"builtins.fetchurl { url = "https://127.0.0.1:${port}/x"; sha256 = wrong; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchurl by FTP", r#"builtins.fetchurl { url = "ftp://127.0.0.1:${port}/x"; sha256 = wrong; }"#, UNREACHED),
    refused("fetchurl by gopher", r#"builtins.fetchurl { url = "gopher://127.0.0.1:${port}/x"; sha256 = wrong; }"#, UNREACHED),
    refused("fetchurl of a bucket at an address", r#"builtins.fetchurl { url = "s3://bucket/x?endpoint=127.0.0.1:${port}&scheme=http"; sha256 = wrong; }"#, UNREACHED),
    refused("fetchurl of a host", r#"builtins.fetchurl { url = "http://nobody.invalid/x"; sha256 = wrong; }"#, UNREACHED),
    refused("fetchurl without a hash", r#"builtins.fetchurl "${http}/x""#, &["sha256", "pure", "forbidden"]),
    refused("fetchTarball", r#"builtins.fetchTarball { url = "${http}/x"; sha256 = wrong; }"#, UNREACHED).alone(Alone::Asks),
    refused("fetchGit by http", r#"builtins.readFile "${builtins.fetchGit { url = "${http}/other"; rev = otherRev; }}/secret.txt""#, UNREACHED)
        .alone(Alone::Tells),
    refused("fetchGit by git", r#"builtins.fetchGit { url = "git://127.0.0.1:${port}/x"; rev = noRev; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchGit by ssh", r#"builtins.fetchGit { url = "ssh://127.0.0.1:${port}/x"; rev = noRev; }"#, UNREACHED),
    refused("fetchTree of an archive by http", r#"builtins.fetchTree { type = "tarball"; url = "${http}/x.tar"; narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchTree of a repository by http", r#"builtins.readFile "${builtins.fetchTree { type = "git"; url = "${http}/other"; rev = otherRev; }}/secret.txt""#, UNREACHED)
        .alone(Alone::Tells),
    refused("fetchTree of a forge that is an address", r#"builtins.fetchTree { type = "github"; host = "x@127.0.0.1:${port}"; owner = "a"; repo = "b"; rev = noRev; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchTree of another forge that is an address", r#"builtins.fetchTree { type = "gitlab"; host = "127.0.0.1:${port}"; owner = "a"; repo = "b"; rev = noRev; }"#, UNREACHED)
        .alone(Alone::Asks),
    refused("fetchMercurial by http", r#"builtins.fetchMercurial { url = "${http}/other"; rev = otherRev; }"#, &["hg", "Mercurial", "forbidden"]),
    refused("getFlake by http", r#"(builtins.getFlake "git+${http}/other?rev=${otherRev}").secret"#, UNREACHED).alone(Alone::Tells),
    refused("getFlake of an archive by http", r#"(builtins.getFlake "${http}/x.tar?narHash=${folderHash}").secret"#, UNREACHED),
];
