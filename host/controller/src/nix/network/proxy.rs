//! The side of the controller: what may be reached, and reaching it.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    address::is_global,
    host::Host,
    pipe::{Patience, Patient, TICK, pipe, stream},
    server::{Connection, Server},
    socks::{self, Reply},
};

/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// What may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Wherever their addresses are.
    pub hosts: BTreeSet<(Host, u16)>,
    /// Of any other host, where its address is on the public internet.
    pub public_ports: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time; further ones wait.
    pub at_once: usize,
    /// Connections from beginning to end; then the socket is closed.
    pub in_all: usize,
    /// Bytes passed on, of all connections and both directions.
    pub bytes: u64,
    /// Bytes passed on to hosts, of all connections.
    pub upload: u64,
    /// From the beginning of a connection until its request has been read.
    pub handshake: Duration,
    /// Resolving the name, and connecting to one of its addresses.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 64,
            in_all: 1000,
            bytes: 4 << 30,
            upload: 64 << 20,
            handshake: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// Why a host was not reached, or not to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("its port is not open to inputs of inputs: make it an input of the project, or ask its owner to use https")]
    Port,
    #[error("its address is not on the public internet: make it an input of the project if you trust it")]
    Address,
    #[error("its name has no address: look for a typing error, and at the name servers of this machine")]
    Unknown,
    #[error("it refused the connection: ask who runs it")]
    Refused,
    #[error("it can't be reached: look at the network of this machine, and try again")]
    Unreachable,
    #[error("it was silent for too long: try again")]
    Silent,
    #[error("all that was passed on would have been more bytes than the limit: look at who needs so much")]
    Bytes,
}

/// A connection that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub host: Host,
    pub port: u16,
    /// Bytes passed on to the host.
    pub sent: u64,
    /// Bytes passed on from the host.
    pub received: u64,
    pub refused: Option<Refusal>,
}

/// What was asked of a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In their order; at most [`Limits::in_all`].
    pub asked: Vec<Asked>,
    /// Connections that asked for nothing that the proxy knows: no SOCKS5, another command, no host.
    pub malformed: usize,
}

/// A SOCKS5 server on a unix socket. Dropping it ends its connections, waits for its threads and removes the socket.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reach: Reach,
    limits: Limits,
    /// Bytes left.
    bytes: AtomicU64,
    upload: AtomicU64,
    report: Mutex<Report>,
}

impl Proxy {
    /// Listens in a folder that is its caller's only, on a socket that is its user's only.
    ///
    /// # Errors
    /// When the socket can't be made: it is there already, or its path has more than about 100 bytes.
    pub fn start(folder: &Path, reach: Reach, limits: Limits) -> io::Result<Self> {
        let socket = folder.join("socks");
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        let (bytes, upload) = (AtomicU64::new(limits.bytes), AtomicU64::new(limits.upload));
        let shared = Arc::new(Shared { reach, limits, bytes, upload, report: Mutex::default() });
        let served = shared.clone();
        let serve = move |connection: Connection| served.serve(&connection);
        let listening = UnixStream::from(OwnedFd::from(listener.try_clone()?));
        let accept = move || stream(listener.accept()?.0);
        let server = Server::start(listening, accept, (limits.at_once, limits.in_all), serve)?;
        Ok(Self { socket, server, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends it, and says what was asked.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.server.end();
        std::mem::take(&mut self.shared.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

impl Shared {
    fn serve(&self, connection: &Connection) {
        let Connection { client, stop, .. } = connection;
        let request = socks::request(&mut Patient(client, &Patience::new(stop, self.limits.handshake, false)));
        let report = || self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(Some((host, port))) = request else {
            report().malformed += 1;
            return;
        };
        let mut asked = Asked { host, port, sent: 0, received: 0, refused: None };
        let place = {
            let mut report = report();
            report.asked.push(asked.clone());
            report.asked.len() - 1
        };
        let server = self.connect(&asked.host, port, connection);
        let patience = Patience::new(stop, self.limits.idle, true);
        let client = &mut Patient(client, &patience);
        match server {
            Ok(server) => self.pass(client, &server, &mut asked),
            Err(refusal) => {
                let _ = socks::reply(client, refusal.reply());
                asked.refused = Some(refusal);
            }
        }
        if let Some(place) = report().asked.get_mut(place) {
            *place = asked;
        }
    }

    fn connect(&self, host: &Host, port: u16, connection: &Connection) -> Result<UnixStream, Refusal> {
        let exact = self.reach.hosts.contains(&(host.clone(), port));
        if !exact && !self.reach.public_ports.contains(&port) {
            return Err(Refusal::Port);
        }
        // A look-up can't be interrupted: nobody waits for its thread, which keeps the slot until it ends by itself.
        let (sender, receiver) = mpsc::channel();
        let (host, stop, slot) = (host.clone(), connection.stop.clone(), connection.slot.clone());
        let until = Instant::now() + self.limits.connect;
        let work = move || {
            let _ = sender.send(connect(&host, port, exact, until, &stop));
            drop(slot);
        };
        thread::Builder::new().spawn(work).map_err(|_| Refusal::Unreachable)?;
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(connected) => return stream(connected?).map_err(|_| Refusal::Unreachable),
                Err(RecvTimeoutError::Timeout) if !connection.stop.load(Relaxed) && Instant::now() < until => {}
                Err(_) => return Err(Refusal::Unreachable),
            }
        }
    }

    fn pass(&self, client: &mut Patient, server: &UnixStream, asked: &mut Asked) {
        let up = |bytes| {
            take(&self.upload, bytes)?;
            take(&self.bytes, bytes)?;
            asked.sent += bytes;
            Ok(())
        };
        let down = |bytes| {
            take(&self.bytes, bytes)?;
            asked.received += bytes;
            Ok(())
        };
        let ended = socks::reply(client, Reply::Connected).and_then(|()| pipe(client.0, server, client.1, up, down));
        asked.refused = match ended.map_err(|error| error.kind()) {
            Err(ErrorKind::QuotaExceeded) => Some(Refusal::Bytes),
            Err(ErrorKind::TimedOut) => Some(Refusal::Silent),
            // One of both hung up.
            Ok(()) | Err(_) => None,
        };
    }
}

impl Refusal {
    fn reply(self) -> Reply {
        match self {
            Self::Port | Self::Address => Reply::NotAllowed,
            Self::Unknown | Self::Unreachable => Reply::Unreachable,
            Self::Refused => Reply::Refused,
            Self::Silent | Self::Bytes => Reply::Failed,
        }
    }
}

/// Resolves once: what is connected to is what was checked.
fn connect(host: &Host, port: u16, exact: bool, until: Instant, stop: &AtomicBool) -> Result<TcpStream, Refusal> {
    let addresses = (host.as_str(), port).to_socket_addrs().map_err(|_| Refusal::Unknown)?;
    let open: Vec<SocketAddr> = addresses.filter(|address| exact || is_global(address.ip())).take(ADDRESSES).collect();
    let mut refusal = if open.is_empty() { Refusal::Address } else { Refusal::Unreachable };
    for (address, left) in open.iter().zip((1..=open.len() as u32).rev()) {
        // Each has its part of the time: the first may be of a network that swallows everything.
        let time = until.saturating_duration_since(Instant::now()) / left;
        if stop.load(Relaxed) || time.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, time) {
            Ok(server) if exact || !is_own(&server) => {
                let _ = server.set_nodelay(true);
                return Ok(server);
            }
            Ok(_) => refusal = Refusal::Address,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => refusal = Refusal::Refused,
            Err(_) => refusal = Refusal::Unreachable,
        }
    }
    Err(refusal)
}

/// Whether it ends on this machine, whose public addresses may reach what a firewall keeps from others.
pub(super) fn is_own(server: &TcpStream) -> bool {
    matches!((server.local_addr(), server.peer_addr()), (Ok(own), Ok(peer)) if own.ip() == peer.ip())
}

fn take(left: &AtomicU64, bytes: u64) -> io::Result<()> {
    let taken = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
    taken.map(drop).map_err(|_| ErrorKind::QuotaExceeded.into())
}
