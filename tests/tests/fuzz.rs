//! What must hold for any bytes holds for the corpus of the fuzz targets, and for mutations of it. `fuzz/README.md` says how
//! to look for more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, panic, path::Path};

/// Mutations of each file. They are the same each time.
const MUTATIONS: u64 = 200;
/// Largest input, in bytes.
const LARGEST: usize = 16 << 10;

#[test]
fn component() {
    run("component");
}

#[test]
fn manifest() {
    run("manifest");
}

#[test]
fn reference() {
    run("reference");
}

#[test]
fn settings() {
    run("settings");
}

#[test]
fn state() {
    run("state");
}

#[test]
fn table() {
    run("table");
}

fn run(name: &str) {
    let (_, body) = thymis_fuzz::BODIES.into_iter().find(|(body, _)| *body == name).unwrap();
    let corpus = corpus(name);
    for (index, (file, bytes)) in corpus.iter().enumerate() {
        check(name, body, bytes, &format!("fuzz/corpus/{name}/{file}"));
        let mut random = Random(index as u64);
        for mutation in 0..MUTATIONS {
            let mutated = mutate(bytes, &corpus, &mut random);
            check(name, body, &mutated, &format!("mutation {mutation} of fuzz/corpus/{name}/{file}"));
        }
    }
}

fn check(name: &str, body: fn(&[u8]), bytes: &[u8], which: &str) {
    if let Err(payload) = panic::catch_unwind(|| body(bytes)) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finding-{name}"));
        fs::write(&kept, bytes).unwrap();
        eprintln!("{name} fails on {which}: {}\nkept in {}", bytes.escape_ascii(), kept.display());
        panic::resume_unwind(payload);
    }
}

/// The files of a body, by name.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!((10..=40).contains(&files.len()), "{} has {} files", folder.display(), files.len());
    files
}

/// Flipped bits, other bytes, cuts, repetitions, and ends of other files.
fn mutate(bytes: &[u8], corpus: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let (_, other) = &corpus[random.below(corpus.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            2 => bytes.insert(at, random.byte()),
            3 => {
                let end = (at + 1 + random.below(16)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            kind => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if kind == 4 { *byte ^ 1 << random.below(8) } else { random.byte() };
                }
            }
        }
    }
    bytes.truncate(LARGEST);
    bytes
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
