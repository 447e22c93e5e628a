//! What git compresses with, as far as it takes to write it; and SHA-1.

/// As a zlib stream without any compression.
#[must_use]
pub fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let blocks = bytes.len().div_ceil(0xffff).max(1);
    for block in 0..blocks {
        let bytes = &bytes[block * 0xffff..bytes.len().min((block + 1) * 0xffff)];
        let length = bytes.len() as u16;
        zlib.push(u8::from(block + 1 == blocks));
        zlib.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        zlib.extend(bytes);
    }
    let (a, b) = adler(bytes);
    zlib.extend((b << 16 | a).to_be_bytes());
    zlib
}

/// `head` and zeros as a zlib stream, a thousandth as long.
#[must_use]
pub fn zeros(head: &[u8], count: u64) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01, 0];
    zlib.extend([(head.len() as u16).to_le_bytes(), (!(head.len() as u16)).to_le_bytes()].concat());
    zlib.extend(head);
    // Codes of Huffman's for three symbols only: the byte 0 (10), the end (11), 258 times the last byte (0).
    let used = zlib.len() as u64 * 8;
    let mut bits = Bits(zlib, used);
    bits.number(0b101, 3);
    bits.number(286 - 257, 5);
    bits.number(0, 5);
    bits.number(18 - 4, 4);
    // Lengths of the codes in which the lengths are written: many zeros 1, lengths one and two 2 each.
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        bits.number(
            match symbol {
                18 => 1,
                1 | 2 => 2,
                _ => 0,
            },
            3,
        );
    }
    let none = |bits: &mut Bits, count: u32| {
        bits.code("0");
        bits.number(count - 11, 7);
    };
    bits.code("11");
    none(&mut bits, 138);
    none(&mut bits, 117);
    bits.code("11");
    none(&mut bits, 28);
    bits.code("10");
    bits.code("10");
    let single = if count == 0 { 0 } else { (count - 1) % 258 + 1 };
    (0..single).for_each(|_| bits.code("10"));
    bits.zeros((count - single) / 258 * 2);
    bits.code("11");
    let (a, b) = adler(head);
    let b = (u64::from(b) + u64::from(a) * (count % 65521)) % 65521;
    bits.0.extend(((b as u32) << 16 | a).to_be_bytes());
    bits.0
}

/// Bytes, and how many bits there are.
struct Bits(Vec<u8>, u64);

impl Bits {
    fn bit(&mut self, bit: u8) {
        let used = self.1 % 8;
        self.zeros(1);
        *self.0.last_mut().unwrap() |= bit << used;
    }

    fn zeros(&mut self, bits: u64) {
        self.1 += bits;
        self.0.resize(self.1.div_ceil(8) as usize, 0);
    }

    fn number(&mut self, number: u32, length: u32) {
        (0..length).for_each(|bit| self.bit((number >> bit & 1) as u8));
    }

    fn code(&mut self, code: &str) {
        code.bytes().for_each(|bit| self.bit(bit - b'0'));
    }
}

fn adler(bytes: &[u8]) -> (u32, u32) {
    let (mut a, mut b) = (1, 0);
    // As many as can't overflow.
    for bytes in bytes.chunks(5552) {
        for byte in bytes {
            a += u32::from(*byte);
            b += a;
        }
        (a, b) = (a % 65521, b % 65521);
    }
    (a, b)
}

/// The digest that git names objects by.
#[must_use]
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut bytes = parts.concat();
    let length = bytes.len() as u64 * 8;
    bytes.push(0x80);
    bytes.resize((bytes.len() + 8).next_multiple_of(64) - 8, 0);
    bytes.extend(length.to_be_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0_u32];
    let mut words = [0; 80];
    for block in bytes.chunks_exact(64) {
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for t in 16..80 {
            words[t] = (words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, word) in words.iter().enumerate() {
            let (f, k) = match t {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (state, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *state = state.wrapping_add(value);
        }
    }
    let mut digest = [0; 20];
    digest.chunks_exact_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    digest
}
