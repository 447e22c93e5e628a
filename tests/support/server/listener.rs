use std::{
    collections::HashMap,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// Accepts connections, each on a thread of its own. Once it is dropped they are closed and their threads have ended.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    open: Open,
    thread: Option<JoinHandle<()>>,
}

/// The connections by number; `None` once the listener stops.
type Open = Arc<Mutex<Option<HashMap<usize, TcpStream>>>>;

impl Listener {
    /// `None` where this address may not be bound. A connection is closed when `serve` returns.
    pub(super) fn start(address: &str, serve: impl Fn(&TcpStream) + Send + Sync + 'static) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let address = listener.local_addr().unwrap();
        let open: Open = Arc::new(Mutex::new(Some(HashMap::new())));
        let thread = thread::spawn({
            let open = open.clone();
            move || accept(&listener, &open, &serve)
        });
        Some(Self { address, open, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn accept(listener: &TcpListener, open: &Open, serve: &(impl Fn(&TcpStream) + Sync)) {
    thread::scope(|scope| {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            match open.lock().unwrap().as_mut() {
                Some(connections) => connections.insert(number, stream.try_clone().unwrap()),
                None => break,
            };
            scope.spawn(move || {
                serve(&stream);
                if let Some(connections) = open.lock().unwrap().as_mut() {
                    connections.remove(&number);
                }
                // Closing alone would not do where a copy of the stream is left.
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
}

impl Drop for Listener {
    fn drop(&mut self) {
        for connection in self.open.lock().unwrap().take().unwrap_or_default().values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
