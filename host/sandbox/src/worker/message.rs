//! What host and worker say to each other.
//!
//! The request is a fresh key and the component. The answer is one byte for its kind, what was made (or why not), and an
//! HMAC with that key over both and over what it is about. An answer cut short, or one about another component or made for
//! another engine, is thereby no answer.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thymis_core::digest::Digest;

const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
/// Bytes of an answer beside what was made.
pub(super) const OVERHEAD: u64 = 1 + MAC_BYTES as u64;

const MADE: u8 = b'M';
const INVALID: u8 = b'I';

/// Known to one worker.
pub(super) struct Key([u8; KEY_BYTES]);

impl Key {
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key and the component of a request.
    pub(super) fn split(request: &[u8]) -> Option<(Self, &[u8])> {
        request.split_first_chunk().map(|(key, component)| (Self(*key), component))
    }

    fn mac(&self, kind: u8, subject: &Digest, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = Hmac::new_from_slice(&self.0).ok()?;
        Some(mac.chain_update([kind]).chain_update(subject.bytes()).chain_update(body))
    }
}

/// Kind, body and MAC of the answer about `subject`.
pub(super) fn seal(key: &Key, subject: &Digest, answer: Result<Vec<u8>, String>) -> Option<(u8, Vec<u8>, Vec<u8>)> {
    let (kind, body) = answer.map_or_else(|reason| (INVALID, reason.into_bytes()), |made| (MADE, made));
    let mac = key.mac(kind, subject, &body)?.finalize().into_bytes().to_vec();
    Some((kind, body, mac))
}

/// What a whole answer about `subject` says.
pub(super) fn open(key: &Key, subject: &Digest, mut answer: Vec<u8>) -> Option<Result<Vec<u8>, String>> {
    let mac = answer.split_off(answer.len().checked_sub(MAC_BYTES)?);
    let (&kind, body) = answer.split_first()?;
    key.mac(kind, subject, body)?.verify_slice(&mac).ok()?;
    answer.remove(0);
    match kind {
        MADE => Some(Ok(answer)),
        INVALID => Some(Err(String::from_utf8_lossy(&answer).into_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &Key, subject: &Digest, answer: Result<Vec<u8>, String>) -> Vec<u8> {
        let (kind, body, mac) = seal(key, subject, answer).unwrap();
        [vec![kind], body, mac].concat()
    }

    #[test]
    fn answers_come_back_whole_and_about_what_was_asked() {
        let (key, subject) = (Key::random().unwrap(), Digest::of(b"component"));
        let answer = sealed(&key, &subject, Ok(b"machine code".to_vec()));
        assert_eq!(open(&key, &subject, answer.clone()), Some(Ok(b"machine code".to_vec())));
        let reason = sealed(&key, &subject, Err("no".into()));
        assert_eq!(open(&key, &subject, reason), Some(Err("no".into())));
        for end in 0..answer.len() {
            assert_eq!(open(&key, &subject, answer[..end].to_vec()), None, "cut at {end}");
        }
        for index in 0..answer.len() {
            let mut changed = answer.clone();
            changed[index] ^= 1;
            assert_eq!(open(&key, &subject, changed), None, "changed at {index}");
        }
        assert_eq!(open(&key, &Digest::of(b"another"), answer.clone()), None);
        assert_eq!(open(&Key::random().unwrap(), &subject, answer), None);
    }
}
