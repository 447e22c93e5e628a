//! HTTP for libgit2, whose own client follows redirects within a host and sends them the credential.
//!
//! One repository's two addresses are asked, and nothing else: no redirect is followed, no cookie kept, and what is shown is
//! shown from the first request on.

use std::{
    cell::RefCell,
    env,
    io::{self, ErrorKind, Read, Write},
    mem,
    sync::{Arc, Once},
};

use git2::{
    ErrorClass, ErrorCode,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport},
};
use rustls::{CertificateError, crypto::ring};
use secrecy::{ExposeSecret as _, SecretString};
use ureq::{
    Agent, BodyReader, Proxy, ProxyProtocol,
    config::AutoHeaderValue,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header, uri::Scheme},
    tls::{Certificate, RootCerts, TlsConfig},
};

/// Some servers take only who calls himself git for one.
const USER_AGENT: &str = "git/2.0 (thymis)";
/// The largest head of an answer, in bytes; ureq takes no more than 128 headers.
const MAX_HEAD: usize = 64 << 10;
const ADVERTISEMENT: &str = "/info/refs?service=git-upload-pack";

/// What a conversation by HTTP may use.
pub(super) struct Session<'a> {
    /// Of the repository, as git fetches it: nothing else is asked.
    pub(super) url: &'a str,
    /// The whole header value: `Bearer …`.
    pub(super) authorization: Option<&'a SecretString>,
    /// Whether `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment count.
    pub(super) proxy: bool,
}

/// Why the last request had no usable answer. The texts may quote the server or a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HttpFailure {
    /// Where to, as the server wrote it, without what git adds to a repository's address.
    Redirect(String),
    /// Another status than 200.
    Status(u16),
    /// The content type of an answer that isn't git's; empty without one.
    NotGit(String),
    /// Settings of git lead to another address, which isn't asked.
    Elsewhere,
    /// What is wrong with the certificate or the encryption, as a sentence.
    Tls(String),
    /// There was no connection to the server or the proxy.
    Connect(String),
    /// The answer ended in the middle, or isn't HTTP.
    Broken(String),
}

/// The session of this thread: libgit2 calls back on the thread that called it.
struct Open {
    url: String,
    authorization: Option<SecretString>,
    proxy: bool,
    /// Made for the first request.
    agent: Option<Agent>,
    /// Of the answer before, which libgit2 doesn't read to its end.
    rest: Option<BodyReader<'static>>,
    failure: Option<HttpFailure>,
}

thread_local! {
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
}

/// Runs `run` with that session on this thread; answers also why HTTP failed, if it did, which libgit2's errors don't tell.
///
/// Every conversation of libgit2 must be within such a call, those without HTTP too.
pub(super) fn during<T>(session: Session<'_>, run: impl FnOnce() -> T) -> (T, Option<HttpFailure>) {
    /// The session before comes back, and this one is gone, also after a panic.
    struct Before(Option<Open>);
    impl Drop for Before {
        fn drop(&mut self) {
            OPEN.set(self.0.take());
        }
    }

    register();
    let Session { url, authorization, proxy } = session;
    let authorization = authorization.cloned();
    let open = Open { url: url.to_owned(), authorization, proxy, agent: None, rest: None, failure: None };
    let _before = Before(OPEN.replace(Some(open)));
    let answer = run();
    (answer, OPEN.with_borrow_mut(|open| open.as_mut()?.failure.take()))
}

fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for scheme in ["http", "https"] {
            // SAFETY: libgit2's list of transports must not be read meanwhile. Whoever reads it, by talking to a server or a folder,
            // has called `during`, and came through this `Once`.
            #[allow(unsafe_code)]
            let registered = unsafe {
                git2::transport::register(scheme, |remote| Transport::smart(remote, true, Subtransport))
            };
            if let Err(error) = registered {
                tracing::error!("HTTP can't be used: {error}");
            }
        }
    });
}

struct Subtransport;

impl SmartSubtransport for Subtransport {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let failed = |reason: &str| git2::Error::new(ErrorCode::GenericError, ErrorClass::Http, reason);
        match action {
            Service::UploadPackLs => match with_session(|open| open.check(url).and_then(|()| open.ask(None))) {
                Some(body) => Ok(Box::new(Stream(State::Answer(body)))),
                None => Err(failed(NO_ANSWER)),
            },
            Service::UploadPack => match with_session(|open| open.check(url)) {
                Some(()) => Ok(Box::new(Stream(State::Request(Vec::new())))),
                None => Err(failed(NO_ANSWER)),
            },
            Service::ReceivePackLs | Service::ReceivePack => Err(failed("nothing is pushed")),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// What libgit2 is told: [`HttpFailure`] has the reason.
const NO_ANSWER: &str = "no usable answer by HTTP";

/// `None` when that failed, or there is no session.
fn with_session<T>(run: impl FnOnce(&mut Open) -> Result<T, HttpFailure>) -> Option<T> {
    OPEN.with_borrow_mut(|open| {
        let open = open.as_mut()?;
        open.failure = None;
        run(open).map_err(|failure| open.failure = Some(failure)).ok()
    })
}

/// One request and its answer.
struct Stream(State);

enum State {
    /// A request's body so far. It is sent when the answer is read.
    Request(Vec<u8>),
    Answer(BodyReader<'static>),
    Failed,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            State::Request(body) => body.write(bytes),
            State::Answer(_) | State::Failed => Err(io::Error::other(NO_ANSWER)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = with_session(|open| {
            if let State::Request(body) = &mut self.0 {
                let body = mem::take(body);
                self.0 = State::Answer(open.ask(Some(&body))?);
            }
            match &mut self.0 {
                State::Answer(body) => body.read(buffer).map_err(|error| failure(error.into())),
                State::Request(_) | State::Failed => Err(HttpFailure::Broken(NO_ANSWER.to_owned())),
            }
        });
        read.ok_or_else(|| {
            self.0 = State::Failed;
            // Never the reason itself: git2 ends the process where there is a zero byte in it.
            io::Error::other(NO_ANSWER)
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let State::Answer(body) = mem::replace(&mut self.0, State::Failed) {
            // To read on here could mean to wait for an answer that nobody wants any more.
            let _ = OPEN.try_with(|open| open.borrow_mut().as_mut().map(|open| open.rest = Some(body)));
        }
    }
}

impl Open {
    fn check(&self, url: &str) -> Result<(), HttpFailure> {
        if url == self.url { Ok(()) } else { Err(HttpFailure::Elsewhere) }
    }

    /// Asks for the list of refs, or with a body for a pack.
    fn ask(&mut self, body: Option<&[u8]>) -> Result<BodyReader<'static>, HttpFailure> {
        if let Some(mut rest) = self.rest.take() {
            // At its end the connection can be used again.
            let _ = rest.read(&mut [0]);
        }
        let agent = match &self.agent {
            Some(agent) => agent,
            None => self.agent.insert(agent(&self.url, self.proxy)?),
        };
        let authorization = self.authorization.as_ref().map(|value| sensitive(value.expose_secret())).transpose()?;
        let authorization = authorization.map(|value| (header::AUTHORIZATION, value));
        let (answer, expected) = match body {
            None => {
                let mut request = agent.get(format!("{}{ADVERTISEMENT}", self.url));
                request.headers_mut().into_iter().for_each(|headers| headers.extend(authorization.clone()));
                (request.call(), "application/x-git-upload-pack-advertisement")
            }
            Some(body) => {
                let mut request = agent
                    .post(format!("{}/git-upload-pack", self.url))
                    .header(header::CONTENT_TYPE, "application/x-git-upload-pack-request")
                    .header(header::ACCEPT, "application/x-git-upload-pack-result");
                request.headers_mut().into_iter().for_each(|headers| headers.extend(authorization.clone()));
                (request.send(body), "application/x-git-upload-pack-result")
            }
        };
        let answer = answer.map_err(failure)?;
        let text = |name: HeaderName| {
            // Of several the last counts, as for other clients.
            let value = answer.headers().get_all(name).iter().next_back();
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        if answer.status().is_redirection()
            && let Some(to) = text(header::LOCATION)
        {
            return Err(HttpFailure::Redirect(to.strip_suffix(ADVERTISEMENT).unwrap_or(&to).to_owned()));
        }
        if answer.status() != StatusCode::OK {
            return Err(HttpFailure::Status(answer.status().as_u16()));
        }
        let found = text(header::CONTENT_TYPE).unwrap_or_default();
        if !found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected) {
            return Err(HttpFailure::NotGit(found));
        }
        Ok(answer.into_body().into_reader())
    }
}

/// Its `Debug` doesn't show it.
fn sensitive(value: &str) -> Result<HeaderValue, HttpFailure> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| HttpFailure::Broken("the credential has characters in it that can't be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Without a timeout anywhere: ureq would start a thread to look a name up.
fn agent(url: &str, proxy: bool) -> Result<Agent, HttpFailure> {
    let uri: Uri = url.parse().map_err(|_| HttpFailure::Broken("the address is none of HTTP".to_owned()))?;
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(HttpFailure::Broken("the address has no host, or a user".to_owned()));
    }
    let proxy = if proxy { proxy_for(&uri)? } else { None };
    let encrypted = uri.scheme() == Some(&Scheme::HTTPS)
        || proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ProxyProtocol::Https);
    let roots = if encrypted { roots()? } else { Vec::new() };
    let tls = TlsConfig::builder()
        .root_certs(roots.into())
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .proxy(proxy)
        .tls_config(tls)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(MAX_HEAD)
        .user_agent(USER_AGENT)
        .accept_encoding(AutoHeaderValue::None)
        .build();
    Ok(config.into())
}

/// Authorities of this system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn roots() -> Result<Vec<Certificate<'static>>, HttpFailure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(HttpFailure::Tls(format!(
            "no certificates of authorities are found on this machine{reason}: install them, or set SSL_CERT_FILE to a file of them"
        )));
    }
    Ok(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

/// What the environment names for an address. ureq would take a proxy for `https` also for `http`.
fn proxy_for(uri: &Uri) -> Result<Option<Proxy>, HttpFailure> {
    let variable = |name: &str| {
        let found = [name.to_owned(), name.to_uppercase()].into_iter().find_map(|name| env::var(name).ok());
        found.filter(|value| !value.trim().is_empty())
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    let Some(proxy) = variable(&format!("{scheme}_proxy")).or_else(|| variable("all_proxy")) else { return Ok(None) };
    let host = uri.host().unwrap_or_default().to_lowercase();
    let without = variable("no_proxy").unwrap_or_default().to_lowercase();
    let direct = without.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let domain = entry.trim_start_matches('*').trim_start_matches('.');
        entry == "*" || host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    if direct {
        return Ok(None);
    }
    match Proxy::new(proxy.trim()) {
        Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => Ok(Some(proxy)),
        // Its address may hold a password.
        _ => Err(HttpFailure::Connect(format!("the proxy that {scheme}_proxy or all_proxy names is no HTTP proxy"))),
    }
}

fn failure(error: ureq::Error) -> HttpFailure {
    match error {
        ureq::Error::Rustls(error) => tls(&error),
        ureq::Error::Tls(reason) => HttpFailure::Tls(reason.to_owned()),
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => tls(error),
            None => match error.kind() {
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe => HttpFailure::Broken("the connection was closed".to_owned()),
                _ => HttpFailure::Connect(error.to_string()),
            },
        },
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(_)
        | ureq::Error::ConnectProxyFailed(_) => HttpFailure::Connect(error.to_string()),
        error => HttpFailure::Broken(error.to_string()),
    }
}

fn tls(error: &rustls::Error) -> HttpFailure {
    use CertificateError as E;
    let words = match error {
        rustls::Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }) => {
            "the server's certificate has expired".to_owned()
        }
        rustls::Error::InvalidCertificate(E::NotValidYet | E::NotValidYetContext { .. }) => {
            "the server's certificate isn't valid yet; check this machine's clock".to_owned()
        }
        rustls::Error::InvalidCertificate(E::UnknownIssuer) => {
            "the server's certificate is from an authority that this machine doesn't know; SSL_CERT_FILE can name a file of \
             those to trust"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name".to_owned()
        }
        rustls::Error::InvalidCertificate(E::Revoked) => "the server's certificate was revoked".to_owned(),
        rustls::Error::InvalidCertificate(error) => format!("the server's certificate can't be used: {error}"),
        error => format!("the server and this program can't encrypt what they say: {error}"),
    };
    HttpFailure::Tls(words)
}
