//! SOCKS5 (RFC 1928) as a server: `CONNECT` without authentication.

use std::{
    io::{self, Read as _, Write as _},
    net::IpAddr,
};

use super::{host::Host, pipe::Patient};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const CONNECT: u8 = 1;

/// What a client is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reply {
    Connected = 0,
    Failed = 1,
    NotAllowed = 2,
    Unreachable = 4,
    Refused = 5,
    NoSuchCommand = 7,
    NoSuchAddress = 8,
}

/// The host and port that the client wants; `None` after anything else, which has been answered. Reads at most 519 bytes.
pub(super) fn request(client: &mut Patient) -> io::Result<Option<(Host, u16)>> {
    let [version, methods] = bytes(client)?;
    if version != VERSION {
        return Ok(None);
    }
    if !some(client, methods)?.contains(&NO_AUTHENTICATION) {
        return client.write_all(&[VERSION, 0xff]).map(|()| None);
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION])?;
    let [version, command, _, kind] = bytes(client)?;
    if version != VERSION {
        return Ok(None);
    }
    let host = match kind {
        1 => Some(IpAddr::from(bytes::<4>(client)?).into()),
        4 => Some(IpAddr::from(bytes::<16>(client)?).into()),
        3 => {
            let [length] = bytes(client)?;
            str::from_utf8(&some(client, length)?).ok().and_then(|name| name.parse().ok())
        }
        _ => return reply(client, Reply::NoSuchAddress).map(|()| None),
    };
    let port = u16::from_be_bytes(bytes(client)?);
    match host {
        _ if command != CONNECT => reply(client, Reply::NoSuchCommand).map(|()| None),
        Some(host) => Ok(Some((host, port))),
        None => reply(client, Reply::NotAllowed).map(|()| None),
    }
}

/// The address from which it was connected is nobody's business: zeros.
pub(super) fn reply(client: &mut Patient, reply: Reply) -> io::Result<()> {
    client.write_all(&[VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0])
}

fn bytes<const N: usize>(client: &mut Patient) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn some(client: &mut Patient, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(length)];
    client.read_exact(&mut bytes).map(|()| bytes)
}
