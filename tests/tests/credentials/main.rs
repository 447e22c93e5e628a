//! Private repositories, hostile servers and what is left of both, with the real program against real servers: who is shown a
//! credential, where none ever appears, and that no server hangs, fills or changes anything.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod confinement;
mod file;
mod forges;
mod hostile;
mod kept;
mod leaks;
mod plain_http;
mod processes;
mod proxy;
mod redirects;
mod secret;
mod several;
mod site;
mod ssh;
mod tls;
mod tokens;
mod user;

use secret::{basic, bearer, credential};
use site::Site;
use user::User;
