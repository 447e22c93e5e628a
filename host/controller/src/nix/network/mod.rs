//! The only way out of a jail without network: a SOCKS5 proxy on a unix socket.
//!
//! The controller runs the [`Proxy`], which resolves names, decides and connects. In the jail, where programs speak SOCKS
//! over TCP only, a [`Forwarder`] brings them from loopback to the socket. Nothing in the jail is trusted.

mod address;
mod forward;
mod host;
mod pipe;
mod proxy;
mod server;
mod socks;
#[cfg(test)]
mod tests;

pub use forward::{Forwarder, forward};
pub use host::{Host, HostError};
pub use proxy::{Asked, Limits, Proxy, Reach, Refusal, Report};
