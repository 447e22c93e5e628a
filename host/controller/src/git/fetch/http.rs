//! HTTP for libgit2, whose own client follows redirects within a host and sends them the credential.
//!
//! Here nothing but one repository's two addresses is asked. The credential is shown from the first request on.

use std::{
    cell::RefCell,
    env,
    io::{self, ErrorKind, Read, Write},
    sync::{Arc, Once},
};

use git2::{
    ErrorClass, ErrorCode, Remote,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport},
};
use rustls::{CertificateError, crypto::ring};
use secrecy::{ExposeSecret as _, SecretString};
use ureq::{
    Agent, BodyReader, Error, Proxy, ProxyProtocol,
    config::AutoHeaderValue,
    http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header, uri::Scheme},
    tls::{Certificate, TlsConfig},
};

const LIST: &str = "/info/refs?service=git-upload-pack";
const PACK: &str = "/git-upload-pack";
const LIST_TYPE: &str = "application/x-git-upload-pack-advertisement";
const PACK_TYPE: &str = "application/x-git-upload-pack-result";
/// What libgit2 is told: [`HttpFailure`] has the reason.
const NO_ANSWER: &str = "no usable answer by HTTP";

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
/// Every conversation of libgit2 has to be within such a call, those without HTTP too.
pub(super) fn during<T>(session: Session<'_>, run: impl FnOnce() -> T) -> (T, Option<HttpFailure>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for scheme in ["http", "https"] {
            let factory = |remote: &Remote<'_>| Transport::smart(remote, true, Subtransport);
            // SAFETY: nobody reads libgit2's list of transports meanwhile: who does, has come through here.
            #[allow(unsafe_code)]
            let registered = unsafe { git2::transport::register(scheme, factory) };
            // libgit2's own client, which is left then, knows no credential.
            let _ = registered.inspect_err(|error| tracing::error!("{scheme} can't be used: {error}"));
        }
    });
    let (url, authorization) = (session.url.to_owned(), session.authorization.cloned());
    let open = Open { url, authorization, proxy: session.proxy, agent: None, rest: None, failure: None };
    let before = OPEN.replace(Some(open));
    let answer = run();
    (answer, OPEN.replace(before).and_then(|open| open.failure))
}

struct Subtransport;

impl SmartSubtransport for Subtransport {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let stream = with_session(|open| match action {
            _ if url != open.url => Err(HttpFailure::Elsewhere),
            Service::UploadPackLs => Ok(Stream { request: Vec::new(), answer: Some(open.ask(None)?) }),
            Service::UploadPack => Ok(Stream { request: Vec::new(), answer: None }),
            Service::ReceivePackLs | Service::ReceivePack => Err(HttpFailure::Broken("nothing is pushed".to_owned())),
        });
        match stream {
            Some(stream) => Ok(Box::new(stream)),
            None => Err(git2::Error::new(ErrorCode::GenericError, ErrorClass::Http, NO_ANSWER)),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// `None` when that failed, or there is no session.
fn with_session<T>(run: impl FnOnce(&mut Open) -> Result<T, HttpFailure>) -> Option<T> {
    OPEN.with_borrow_mut(|open| {
        let open = open.as_mut()?;
        open.failure = None;
        run(open).map_err(|failure| open.failure = Some(failure)).ok()
    })
}

/// One request and its answer.
struct Stream {
    /// It is sent when the answer is read.
    request: Vec<u8>,
    answer: Option<BodyReader<'static>>,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.request.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = with_session(|open| {
            let answer = match &mut self.answer {
                Some(answer) => answer,
                None => self.answer.insert(open.ask(Some(&self.request))?),
            };
            answer.read(buffer).map_err(|error| failure(error.into()))
        });
        // Never the reason itself: git2 ends the process where there is a zero byte in it.
        read.ok_or_else(|| io::Error::other(NO_ANSWER))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // To read on here could be to wait for what nobody wants any more.
        let rest = self.answer.take();
        let _ = OPEN.try_with(|open| open.borrow_mut().as_mut().map(|open| open.rest = rest));
    }
}

impl Open {
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
        let mut request = match body {
            None => Request::get(format!("{}{LIST}", self.url)),
            Some(_) => Request::post(format!("{}{PACK}", self.url))
                .header(header::CONTENT_TYPE, "application/x-git-upload-pack-request")
                .header(header::ACCEPT, PACK_TYPE),
        };
        if let Some(value) = &self.authorization {
            let unfit = |_| HttpFailure::Broken("the credential has characters in it that can't be sent".to_owned());
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(unfit)?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = match body {
            None => request.body(()).map(|request| agent.run(request)),
            Some(body) => request.body(body).map(|request| agent.run(request)),
        };
        let answer = answer.map_err(Error::from).flatten().map_err(failure)?;
        let text =
            |name: HeaderName| Some(String::from_utf8_lossy(answer.headers().get(name)?.as_bytes()).into_owned());
        let (status, to) = (answer.status(), text(header::LOCATION));
        if let Some(to) = to.filter(|_| status.is_redirection()) {
            let repository = to.strip_suffix(LIST).or(to.strip_suffix(PACK)).unwrap_or(&to);
            return Err(HttpFailure::Redirect(repository.to_owned()));
        }
        if status != StatusCode::OK {
            return Err(HttpFailure::Status(status.as_u16()));
        }
        let found = text(header::CONTENT_TYPE).unwrap_or_default();
        let expected = if body.is_none() { LIST_TYPE } else { PACK_TYPE };
        if !found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected) {
            return Err(HttpFailure::NotGit(found));
        }
        Ok(answer.into_body().into_reader())
    }
}

/// Without a timeout anywhere: ureq would start a thread to look a name up.
fn agent(url: &str, proxy: bool) -> Result<Agent, HttpFailure> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.authority().is_some_and(|it| !it.as_str().contains('@')));
    let uri = uri.ok_or_else(|| HttpFailure::Broken("the address has no host, or a user".to_owned()))?;
    let proxy = if proxy { proxy_for(&uri)? } else { None };
    let proxy_tls = proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ProxyProtocol::Https);
    let roots = if proxy_tls || uri.scheme() == Some(&Scheme::HTTPS) { roots()? } else { Vec::new() };
    let provider = Arc::new(ring::default_provider());
    let tls = TlsConfig::builder().root_certs(roots.into()).unversioned_rustls_crypto_provider(provider).build();
    let config = Agent::config_builder()
        .proxy(proxy)
        .tls_config(tls)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(64 << 10)
        // Some servers take only who calls himself git for one.
        .user_agent("git/2.0 (thymis)")
        .accept_encoding(AutoHeaderValue::None)
        .build();
    Ok(config.into())
}

/// Authorities of this system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn roots() -> Result<Vec<Certificate<'static>>, HttpFailure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        let advice = "install them, or let SSL_CERT_FILE name a file with them";
        return Err(HttpFailure::Tls(format!("there are no certificates of authorities here{reason}: {advice}")));
    }
    Ok(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

/// What the environment names for an address: ureq would take the proxy for `https` for `http` too.
fn proxy_for(uri: &Uri) -> Result<Option<Proxy>, HttpFailure> {
    let variable = |name: &str| {
        let values = [name.to_owned(), name.to_uppercase()].map(|name| env::var(name).unwrap_or_default());
        values.into_iter().find(|value| !value.is_empty())
    };
    let named = variable(&format!("{}_proxy", uri.scheme_str().unwrap_or_default())).or_else(|| variable("all_proxy"));
    let without = variable("no_proxy").unwrap_or_default().to_lowercase();
    let direct = without.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let rest = uri.host().unwrap_or_default().strip_suffix(entry.trim_start_matches(['*', '.']));
        entry == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let Some(named) = named.filter(|_| !direct) else { return Ok(None) };
    match Proxy::new(&named) {
        Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => Ok(Some(proxy)),
        // Its address may hold a password.
        _ => Err(HttpFailure::Connect("the proxy that the environment names is not one of HTTP".to_owned())),
    }
}

fn failure(error: Error) -> HttpFailure {
    use ErrorKind as E;
    match error {
        Error::Rustls(error) => tls(&error),
        Error::Io(error) => match (error.get_ref().and_then(|inner| inner.downcast_ref()), error.kind()) {
            (Some(error), _) => tls(error),
            (None, E::UnexpectedEof | E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe) => {
                HttpFailure::Broken("the connection was closed".to_owned())
            }
            (None, _) => HttpFailure::Connect(error.to_string()),
        },
        Error::HostNotFound | Error::ConnectionFailed | Error::Timeout(_) | Error::ConnectProxyFailed(_) => {
            HttpFailure::Connect(error.to_string())
        }
        error => HttpFailure::Broken(error.to_string()),
    }
}

fn tls(error: &rustls::Error) -> HttpFailure {
    use CertificateError as E;
    let rustls::Error::InvalidCertificate(error) = error else {
        return HttpFailure::Tls(format!("the server and this program can't encrypt what they say: {error}"));
    };
    let problem = match error {
        E::Expired | E::ExpiredContext { .. } => "has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "isn't valid yet; check this machine's clock",
        E::UnknownIssuer => "is from an authority unknown to this machine; SSL_CERT_FILE can name a file with others",
        E::NotValidForName | E::NotValidForNameContext { .. } => "is for another name",
        other => return HttpFailure::Tls(format!("the server's certificate can't be used: {other}")),
    };
    HttpFailure::Tls(format!("the server's certificate {problem}"))
}
