//! Packs with any objects and any deltas.

use super::{Id, SOMEBODY, entry, sha1, stored, zeros};

/// A pack under construction.
#[derive(Debug, Default, Clone)]
pub struct Pack {
    entries: Vec<u8>,
    count: u32,
}

impl Pack {
    /// With a commit of this tree, a text for each name; answers the commit too.
    #[must_use]
    pub fn with_commit(files: &[(&str, &str)]) -> (Self, Id) {
        let mut pack = Self::default();
        let tree: Vec<u8> = files.iter().flat_map(|(name, text)| entry("100644", name, pack.blob(text))).collect();
        let tree = pack.object("tree", &tree);
        let text = format!("tree {tree}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nFixture\n");
        let commit = pack.object("commit", text.as_bytes());
        (pack, commit)
    }

    pub fn object(&mut self, kind: &str, bytes: &[u8]) -> Id {
        let number = ["commit", "tree", "blob", "tag"].iter().position(|known| *known == kind).unwrap() as u8 + 1;
        self.entry(number, bytes.len() as u64, &[], &stored(bytes));
        Id::of(kind, bytes)
    }

    pub fn blob(&mut self, bytes: impl AsRef<[u8]>) -> Id {
        self.object("blob", bytes.as_ref())
    }

    /// A blob of zeros; answers where it begins.
    pub fn zeros(&mut self, length: u64) -> u64 {
        self.entry(3, length, &[], &zeros(&[], length))
    }

    /// A delta on an object by its name, which may be any; answers where it begins.
    pub fn delta(&mut self, base: Id, delta: &Delta) -> u64 {
        self.entry(7, delta.0.len() as u64, &base.0, &stored(&delta.0))
    }

    /// A delta on what begins at `base`; answers where it begins.
    pub fn delta_at(&mut self, base: u64, delta: &Delta) -> u64 {
        let mut distance = self.end() - base;
        let mut bytes = vec![(distance & 0x7f) as u8];
        while distance > 0x7f {
            distance = (distance >> 7) - 1;
            bytes.insert(0, (distance & 0x7f) as u8 | 0x80);
        }
        self.entry(6, delta.0.len() as u64, &bytes, &stored(&delta.0))
    }

    /// An entry with any type, any length said, anything behind it.
    pub fn entry(&mut self, kind: u8, length: u64, base: &[u8], zlib: &[u8]) -> u64 {
        let begin = self.end();
        let (mut rest, mut byte) = (length >> 4, kind << 4 | (length & 0xf) as u8);
        while rest > 0 {
            self.entries.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.entries.push(byte);
        self.entries.extend([base, zlib].concat());
        self.count += 1;
        begin
    }

    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The finished pack.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_saying(self.count)
    }

    /// With another number of objects in its head.
    #[must_use]
    pub fn bytes_saying(&self, count: u32) -> Vec<u8> {
        let mut bytes = [b"PACK\0\0\0\x02".as_slice(), &count.to_be_bytes(), &self.entries].concat();
        bytes.extend(sha1(&[&bytes]));
        bytes
    }

    /// Where the next entry begins.
    #[must_use]
    pub fn end(&self) -> u64 {
        12 + self.entries.len() as u64
    }
}

/// The instructions of a delta.
#[derive(Debug, Clone)]
pub struct Delta(pub Vec<u8>);

impl Delta {
    /// Between objects of these lengths.
    #[must_use]
    pub fn new(from: u64, to: u64) -> Self {
        let mut bytes = Vec::new();
        for mut length in [from, to] {
            while length > 0x7f {
                bytes.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
        }
        Self(bytes)
    }

    /// Copies the first `length` bytes of the base, at most 16 MiB less one.
    #[must_use]
    pub fn copy(mut self, length: u32) -> Self {
        let [a, b, c, 0] = length.to_le_bytes() else { panic!("{length}") };
        self.0.extend([0xf0, a, b, c]);
        self
    }

    /// At most 127 bytes.
    #[must_use]
    pub fn insert(mut self, bytes: &[u8]) -> Self {
        self.0.push(u8::try_from(bytes.len()).unwrap());
        self.0.extend(bytes);
        self
    }
}
