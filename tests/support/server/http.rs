use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustls::{ServerConnection, StreamOwned};

use super::{
    listener::Listener,
    message::{Connection, Message, Request},
    rule::{Exchange, Rule},
    tls::{Authority, Certificate},
};

/// Serves the repositories in a folder over HTTP or HTTPS, for reading: bare ones and those with a work tree.
#[derive(Debug)]
pub struct HttpServer {
    site: Arc<Site>,
    listener: Listener,
}

#[derive(Debug)]
struct Site {
    folder: PathBuf,
    certificate: Option<Certificate>,
    rules: Mutex<BTreeMap<String, Rule>>,
    requests: Mutex<Vec<Request>>,
}

impl HttpServer {
    /// Plain HTTP on a free port of 127.0.0.1. `localhost` is a second name of it.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::bind("127.0.0.1:0", folder, None).expect("a port is free")
    }

    /// HTTPS with a certificate for 127.0.0.1 and `localhost`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start_tls(folder: &Path, authority: &Authority) -> Self {
        Self::start_tls_with(folder, authority.certificate(&["127.0.0.1", "localhost"]))
    }

    /// HTTPS with a certificate as it may be.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start_tls_with(folder: &Path, certificate: Certificate) -> Self {
        Self::bind("127.0.0.1:0", folder, Some(certificate)).expect("a port is free")
    }

    /// HTTPS at an address such as `127.0.0.2:443`, with a certificate for it and `localhost`. `None` where it may not be
    /// bound.
    #[must_use]
    pub fn start_tls_at(address: &str, folder: &Path, authority: &Authority) -> Option<Self> {
        let ip = address.parse::<SocketAddr>().ok()?.ip().to_string();
        Self::bind(address, folder, Some(authority.certificate(&[&ip, "localhost"])))
    }

    fn bind(address: &str, folder: &Path, certificate: Option<Certificate>) -> Option<Self> {
        let site = Arc::new(Site {
            folder: folder.to_owned(),
            certificate,
            rules: Mutex::default(),
            requests: Mutex::default(),
        });
        let listener = Listener::start(address, {
            let site = site.clone();
            move |tcp| {
                // A connection that ends badly is the client's to notice.
                let _ = site.serve(tcp);
            }
        })?;
        Some(Self { site, listener })
    }

    /// Serves a repository otherwise from its next request on.
    ///
    /// # Panics
    /// When a thread of the server has panicked.
    pub fn rule(&self, repository: &str, rule: Rule) {
        self.site.rules.lock().unwrap().insert(repository.to_owned(), rule);
    }

    /// All requests so far.
    ///
    /// # Panics
    /// When a thread of the server has panicked.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.site.requests.lock().unwrap().clone()
    }

    /// A repository as a reference names it: `git+http://127.0.0.1:PORT/repository`.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("git+{}", self.url_at(&self.listener.address().ip().to_string(), repository))
    }

    /// A repository behind one of the server's names, as git and redirects name it: `http://localhost:PORT/repository`.
    #[must_use]
    pub fn url_at(&self, host: &str, repository: &str) -> String {
        let scheme = if self.site.certificate.is_some() { "https" } else { "http" };
        match (scheme, self.listener.address().port()) {
            ("https", 443) => format!("https://{host}/{repository}"),
            (scheme, port) => format!("{scheme}://{host}:{port}/{repository}"),
        }
    }
}

impl Site {
    fn serve(&self, tcp: &TcpStream) -> io::Result<()> {
        let stream = tcp.try_clone()?;
        let mut connection: Connection = BufReader::new(match &self.certificate {
            None => Box::new(stream),
            Some(Certificate(config)) => {
                let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(session, stream))
            }
        });
        while let Some(message) = Message::read(&mut connection)? {
            self.requests.lock().unwrap().push(message.request.clone());
            let (rule, rest) = self.rule(&message.request.path);
            let to = &mut **connection.get_mut();
            rule.answer(Exchange { folder: &self.folder, message: &message, rest, to, tcp })?;
            if message.header("connection").eq_ignore_ascii_case("close") {
                break;
            }
        }
        Ok(())
    }

    /// The rule for a path, and what follows the repository in it.
    fn rule<'path>(&self, path: &'path str) -> (Rule, &'path str) {
        let rules = self.rules.lock().unwrap();
        let found = rules.iter().filter_map(|(repository, rule)| {
            let rest = path.strip_prefix('/')?.strip_prefix(repository.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (rule.clone(), rest))
        });
        // Of `group` and `group/repository` the second.
        found.min_by_key(|(_, rest)| rest.len()).unwrap_or((Rule::Open, path))
    }
}
