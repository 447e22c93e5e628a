//! The side in the jail.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
};

use super::{
    pipe::{Patience, pipe, stream},
    proxy::Limits,
    server::{Connection, Server},
};

/// Connects a port on loopback with a unix socket. Dropping it ends its connections.
#[derive(Debug)]
pub struct Forwarder {
    port: u16,
    _server: Server,
}

/// Passes every connection to this port of 127.0.0.1 on to the unix socket. Port 0: one that is free.
///
/// # Errors
/// When the port is taken.
pub fn forward(socket: &Path, port: u16) -> io::Result<Forwarder> {
    let limits = Limits::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = listener.local_addr()?.port();
    let listening = UnixStream::from(OwnedFd::from(listener.try_clone()?));
    let accept = move || {
        let (client, _) = listener.accept()?;
        client.set_nodelay(true)?;
        stream(client)
    };
    let socket = socket.to_owned();
    let serve = move |Connection { client, stop, .. }: Connection| {
        let Ok(proxy) = UnixStream::connect(&socket).and_then(stream) else { return };
        let patience = Patience::new(&stop, limits.idle, true);
        // How it ended is the proxy's to report.
        let _ = pipe(&client, &proxy, &patience, |_| Ok(()), |_| Ok(()));
    };
    let server = Server::start(listening, accept, (limits.at_once, usize::MAX), serve)?;
    Ok(Forwarder { port, _server: server })
}

impl Forwarder {
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}
