//! Git servers on loopback as there are out in the world: git's own programs behind HTTP, TLS and OpenSSH's server, and what
//! may go wrong with each.
//!
//! A server stops when it is dropped.

mod backend;
mod http;
mod listener;
mod message;
mod pkt;
mod repositories;
mod rule;
mod ssh;
mod tls;

pub use http::HttpServer;
pub use message::Request;
pub use repositories::{bare_clone, push};
pub use rule::Rule;
pub use ssh::SshServer;
pub use tls::{Authority, Certificate};
