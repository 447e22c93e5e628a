//! Git's packets: four hexadecimal digits with the length, themselves counted, then what is in them.

/// The bands of `git-upload-pack`'s answer.
const PACK: u8 = 1;
const PROGRESS: u8 = 2;

/// Where the first packet of a band stands: after the negotiation, before the pack.
pub(super) fn bands(answer: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from_str_radix(str::from_utf8(answer.get(at..at + 4)?).ok()?, 16).ok()?;
        if length > 4 && matches!(answer.get(at + 4), Some(&(PACK | PROGRESS))) {
            return Some(at);
        }
        // Marks such as `0000` are shorter than they say.
        at += length.max(4);
    }
}

/// Where an advertisement of refs ends, before the mark that says so.
pub(super) fn advertisement(answer: &[u8]) -> Option<usize> {
    answer.starts_with(b"001e# service=git-upload-pack").then(|| answer.len() - 4)
}

/// The refs that an advertisement could go on with.
pub(super) fn reference(number: u32) -> Vec<u8> {
    packet(format!("1{number:039} refs/heads/z{number:010}\n").as_bytes())
}

/// What the server says about its work.
pub(super) fn progress(number: u32) -> Vec<u8> {
    let mut text = vec![PROGRESS];
    text.extend(format!("Counting objects: {number}\r").as_bytes());
    packet(&text)
}

/// A pack's beginning, then one object after the other: blobs of 16 KiB.
pub(super) fn pack(number: u32) -> Vec<u8> {
    /// 160 GB of them, but few enough that a client makes room for their list.
    const OBJECTS: u32 = 10_000_000;
    let mut bytes = vec![PACK];
    if number == 0 {
        bytes.extend(b"PACK");
        bytes.extend(2_u32.to_be_bytes());
        bytes.extend(OBJECTS.to_be_bytes());
    }
    let blob = format!("{number:016384}");
    // The kind, 3, and the length in 4 bits and then 7 by 7.
    bytes.extend([0x80 | (3 << 4), 0x80, 0x08]);
    bytes.extend(stored(blob.as_bytes()));
    packet(&bytes)
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = format!("{:04x}", payload.len() + 4).into_bytes();
    packet.extend(payload);
    packet
}

/// Up to 64 KiB as a zlib stream that compresses nothing.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("one block holds it");
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(bytes);
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}
