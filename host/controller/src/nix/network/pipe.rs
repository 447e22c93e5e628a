//! Bytes from one socket to another, and back.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Whoever waits looks this often whether it is over.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// How long sockets are waited for.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    stop: &'a AtomicBool,
    most: Duration,
    /// Whether each byte brings new patience.
    renewed: bool,
    since: Mutex<Instant>,
}

/// A socket that is read and written while patience lasts: `TimedOut` tells that it has ended, `ConnectionAborted` that
/// all has to end.
#[derive(Debug)]
pub(super) struct Patient<'a>(pub(super) &'a UnixStream, pub(super) &'a Patience<'a>);

/// Any connected socket as one type, whose calls return after a [`TICK`]: they are the same for all.
pub(super) fn stream(socket: impl Into<OwnedFd>) -> io::Result<UnixStream> {
    let socket = UnixStream::from(socket.into());
    socket.set_read_timeout(Some(TICK))?;
    socket.set_write_timeout(Some(TICK))?;
    Ok(socket)
}

impl<'a> Patience<'a> {
    pub(super) fn new(stop: &'a AtomicBool, most: Duration, renewed: bool) -> Self {
        Self { stop, most, renewed, since: Mutex::new(Instant::now()) }
    }

    fn wait(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        let since = || self.since.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            // Before each call: who sends byte after byte wins no time.
            if since().elapsed() >= self.most {
                return Err(ErrorKind::TimedOut.into());
            }
            match call() {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                done => {
                    if self.renewed {
                        *since() = Instant::now();
                    }
                    return done;
                }
            }
        }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.wait(|| self.0.read(buffer))
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.wait(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both directions until both have ended or one fails. When one has ended, the other goes on.
/// `up` and `down` are told the bytes read from `client` and `server` before they are passed on, and may refuse.
///
/// # Errors
/// What failed first: a socket, patience, `up` or `down`.
pub(super) fn pipe(
    client: &UnixStream,
    server: &UnixStream,
    patience: &Patience<'_>,
    mut up: impl FnMut(u64) -> io::Result<()> + Send,
    mut down: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    let failed = OnceLock::new();
    let direction = |from, to, pass: &mut dyn FnMut(u64) -> io::Result<()>| {
        if let Err(error) = copy(Patient(from, patience), Patient(to, patience), pass) {
            let _ = failed.set(error);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        }
    };
    thread::scope(|scope| {
        thread::Builder::new().spawn_scoped(scope, || direction(client, server, &mut up))?;
        direction(server, client, &mut down);
        io::Result::Ok(())
    })?;
    failed.into_inner().map_or(Ok(()), Err)
}

fn copy(mut from: Patient, mut to: Patient, pass: &mut dyn FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return to.0.shutdown(Shutdown::Write);
        }
        pass(read as u64)?;
        to.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}
