//! The way to public hosts, which ends on this machine.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// An HTTP proxy that connects to one server, whichever was asked for. Runs until the process ends.
pub(crate) struct Proxy {
    address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `url`: of the server that answers.
    pub(crate) fn to(url: &str) -> Self {
        let server = url.split('/').nth(2).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), said: Arc::default() };
        let said = proxy.said.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (server, said) = (server.clone(), said.clone());
                // A connection that ends badly is the client's to notice.
                thread::spawn(move || connect(client?, &server, &said));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every line that clients said to the proxy itself.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

fn connect(client: TcpStream, server: &str, said: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        said.lock().unwrap().push(line);
    }
    let mut client = client;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let mut server = TcpStream::connect(server)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(std::net::Shutdown::Both)
    });
    let copied = io::copy(&mut reader, &mut server);
    server.shutdown(std::net::Shutdown::Both)?;
    copied.map(drop)
}
