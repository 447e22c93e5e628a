use std::{
    io::{self, ErrorKind, Read as _, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use super::{
    backend,
    message::{Message, Response, chunk},
    pkt,
};

/// How a repository is served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rule {
    /// To everybody.
    #[default]
    Open,
    /// To whom sends exactly this `Authorization` header; to others 401, which asks for a name and a password.
    Token { authorization: String },
    /// No answer but this; 429 says when to try again.
    Status(u16),
    /// 301 to this URL, with what followed the repository: `/info/refs?service=git-upload-pack`.
    Redirect(String),
    /// Takes the request and never answers.
    Hang,
    /// An advertisement without end, one byte a second after its head.
    Drip,
    /// An advertisement without end, as fast as it is read.
    EndlessRefs,
    /// Progress without end where the pack would begin.
    Endless,
    /// A pack without end.
    EndlessPack,
    /// Closes the connection in the middle of the pack.
    CutPack,
}

/// One request and where its answer goes.
pub(super) struct Exchange<'a> {
    /// The folder with the repositories.
    pub(super) folder: &'a Path,
    pub(super) message: &'a Message,
    /// The request's path below the repository.
    pub(super) rest: &'a str,
    pub(super) to: &'a mut dyn Write,
    pub(super) tcp: &'a TcpStream,
}

impl Rule {
    /// # Errors
    /// When the connection is to be closed.
    pub(super) fn answer(&self, exchange: Exchange<'_>) -> io::Result<()> {
        let Exchange { folder, message, rest, to, tcp } = exchange;
        let real = || backend::ask(folder, message, message.header("git-protocol"));
        // The first version names all refs at once.
        let refs = || backend::ask(folder, message, "");
        match self {
            Self::Open => real()?.write(to),
            Self::Token { authorization } if message.request.authorization.as_ref() == Some(authorization) => {
                real()?.write(to)
            }
            Self::Token { .. } => {
                Response::empty(401, vec!["WWW-Authenticate: Basic realm=\"git\"".to_owned()]).write(to)
            }
            Self::Status(429) => Response::empty(429, vec!["Retry-After: 60".to_owned()]).write(to),
            Self::Status(status) => Response::empty(*status, Vec::new()).write(to),
            Self::Redirect(base) => {
                let query = Some(message.request.query.as_str()).filter(|query| !query.is_empty());
                let query = query.map(|query| format!("?{query}")).unwrap_or_default();
                Response::empty(301, vec![format!("Location: {base}{rest}{query}")]).write(to)
            }
            Self::Hang => loop {
                pause(tcp)?;
            },
            Self::Drip => {
                let response = refs()?;
                let Some(end) = pkt::advertisement(&response.body) else { return response.write(to) };
                response.begin(to)?;
                let more = (0..=u32::MAX).flat_map(pkt::reference);
                for byte in response.body[..end].iter().copied().chain(more) {
                    chunk(&[byte], to)?;
                    pause(tcp)?;
                }
                Err(closed())
            }
            Self::EndlessRefs => flood(&refs()?, pkt::advertisement, pkt::reference, to),
            Self::Endless => flood(&real()?, pkt::bands, pkt::progress, to),
            Self::EndlessPack => flood(&real()?, pkt::bands, pkt::pack, to),
            Self::CutPack => {
                let response = real()?;
                let Some(pack) = pkt::bands(&response.body) else { return response.write(to) };
                response.begin(to)?;
                chunk(&response.body[..usize::midpoint(pack, response.body.len())], to)?;
                Err(closed())
            }
        }
    }
}

/// Answers as git does up to a place in the body, then with packets for ever; where there is no such place, as git does.
fn flood(
    response: &Response,
    place: fn(&[u8]) -> Option<usize>,
    packet: fn(u32) -> Vec<u8>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let Some(place) = place(&response.body) else { return response.write(to) };
    response.begin(to)?;
    chunk(&response.body[..place], to)?;
    for number in (0..u32::MAX).step_by(64) {
        chunk(&(number..number.saturating_add(64)).flat_map(packet).collect::<Vec<u8>>(), to)?;
    }
    Err(closed())
}

/// Waits a second, but no longer than the client is there.
fn pause(mut tcp: &TcpStream) -> io::Result<()> {
    tcp.set_read_timeout(Some(Duration::from_secs(1)))?;
    // A client that waits for an answer says nothing before it leaves.
    match tcp.read(&mut [0]) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        _ => Err(closed()),
    }
}

fn closed() -> io::Error {
    ErrorKind::ConnectionAborted.into()
}
