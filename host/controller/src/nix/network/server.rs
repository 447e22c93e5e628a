//! Listening: bounded numbers of connections, each with a thread, all of which end together.

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::pipe::TICK;

/// Dropping it ends its connections and waits for their threads.
#[derive(Debug)]
pub(super) struct Server {
    stop: Arc<AtomicBool>,
    listener: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// A connection that came in.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: UnixStream,
    /// Whether all has to end.
    pub(super) stop: Arc<AtomicBool>,
    /// Free when all clones are dropped.
    pub(super) slot: Arc<()>,
}

impl Server {
    /// `listener`: what `accept` waits for. `at_once`: further clients wait. `in_all`: then nothing listens any more.
    pub(super) fn start(
        listener: UnixStream,
        accept: impl Fn() -> io::Result<UnixStream> + Send + 'static,
        (at_once, in_all): (usize, usize),
        serve: impl Fn(Connection) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, last) = (stop.clone(), listener.try_clone()?);
        let run = move || {
            let (slots, serve) = (Arc::new(()), &serve);
            thread::scope(|scope| {
                for _ in 0..in_all {
                    while Arc::strong_count(&slots) > at_once && !stopped.load(Ordering::Relaxed) {
                        thread::sleep(TICK);
                    }
                    let accepted = accept();
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let Ok(client) = accepted else {
                        // Descriptors are short, perhaps: not to be tried again at once.
                        thread::sleep(TICK);
                        continue;
                    };
                    let connection = Connection { client, stop: stopped.clone(), slot: slots.clone() };
                    // Without a thread, the connection is closed.
                    let _ = thread::Builder::new().spawn_scoped(scope, move || serve(connection));
                }
                // Who is in the queue is sent away.
                let _ = last.shutdown(Shutdown::Both);
                while accept().is_ok() {}
            });
        };
        let thread = Some(thread::Builder::new().spawn(run)?);
        Ok(Self { stop, listener, thread })
    }

    pub(super) fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // On Linux, this wakes who waits in `accept`.
        let _ = self.listener.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
