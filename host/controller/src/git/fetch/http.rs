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
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
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
            Service::UploadPackLs => match with_session(|open| open.ask(Some(url), None)) {
                Some(body) => Ok(Box::new(Stream::Answer(body))),
                None => Err(failed(NO_ANSWER)),
            },
            Service::UploadPack => match with_session(|open| open.check(url)) {
                Some(()) => Ok(Box::new(Stream::Request(Vec::new()))),
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
enum Stream {
    /// Its body so far. It is sent when the answer is read.
    Request(Vec<u8>),
    Answer(BodyReader<'static>),
    Failed,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Request(body) => body.write(bytes),
            Self::Answer(_) | Self::Failed => Err(io::Error::other(NO_ANSWER)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = with_session(|open| {
            if let Self::Request(body) = self {
                let body = mem::take(body);
                *self = Self::Answer(open.ask(None, Some(body))?);
            }
            match self {
                Self::Answer(body) => body.read(buffer).map_err(|error| failure(error.into())),
                Self::Request(_) | Self::Failed => Err(HttpFailure::Broken("the answer has failed".to_owned())),
            }
        });
        // git2 aborts the process on a message with a zero byte in it.
        read.ok_or_else(|| {
            *self = Self::Failed;
            io::Error::other(NO_ANSWER)
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Self::Answer(body) = mem::replace(self, Self::Failed) {
            // Reading on could wait for a server whose answer nobody wants any more.
            let _ = OPEN.try_with(|open| open.borrow_mut().as_mut().map(|open| open.rest = Some(body)));
        }
    }
}

impl Open {
    fn check(&self, url: &str) -> Result<(), HttpFailure> {
        if url == self.url { Ok(()) } else { Err(HttpFailure::Elsewhere) }
    }
}
