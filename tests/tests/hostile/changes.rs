//! A good component, cut and changed by the thousand. What is still valid is called.

use thymis_sandbox::{Component, Error, inspect};
use thymis_tests::{
    Example,
    guest::{Guest, request},
};
use wasmparser::Validator;

use super::suite::{Case, Ended, Stage, case};

pub(crate) const CASES: &[Case] = &[
    case("a guest, cut everywhere", |stage| cut(stage, &Guest::echo().component())),
    case("a Rust module, cut everywhere", |stage| cut(stage, &Example::TemperatureLogger.component())),
    case("a guest, with a bit changed", |stage| {
        changed(stage, &Guest::echo().component(), 20_000, 120, |bytes, random| flip(bytes, random))
    }),
    case("a Rust module, with a bit changed", |stage| {
        changed(stage, &Example::TemperatureLogger.component(), 500, 15, |bytes, random| flip(bytes, random))
    }),
    case("a guest, with pieces moved, removed, doubled and overwritten", |stage| {
        changed(stage, &Guest::echo().component(), 20_000, 120, splice)
    }),
    case("a Rust module, with pieces moved, removed, doubled and overwritten", |stage| {
        changed(stage, &Example::TemperatureLogger.component(), 1_000, 15, splice)
    }),
];

/// Each beginning of a component.
fn cut(stage: &Stage, bytes: &[u8]) -> Ended {
    // Behind its exports there are names and the like, which nobody needs.
    let whole = |length: &usize| inspect(&bytes[..*length], stage.sandbox.limits()).is_ok();
    let whole: Vec<usize> = (0..bytes.len()).filter(whole).collect();
    assert!(whole.len() < 10, "{whole:?}");
    for length in whole {
        assert_eq!(stage.loading(&bytes[..length]).to_string(), "No effect: it is loaded");
    }
    Ended::harmless("where it isn't refused, everything is there but custom sections")
}

/// A random source that is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
}

fn splice(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut range = |bytes: &[u8]| {
        let start = random.below(bytes.len());
        start..(start + 1 + random.below(64)).min(bytes.len())
    };
    let (from, to) = (range(bytes), range(bytes));
    let piece: Vec<u8> = bytes[from.clone()].to_vec();
    match random.below(4) {
        0 => drop(bytes.drain(from)),
        1 => drop(bytes.splice(to.start..to.start, piece)),
        2 => drop(bytes.splice(to, piece)),
        _ => {
            let byte = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
            bytes[from].fill(byte);
        }
    }
}

/// What is still a component after a change is called, the first so many.
fn changed(
    stage: &Stage,
    original: &[u8],
    changes: usize,
    called: usize,
    change: fn(&mut Vec<u8>, &mut Random),
) -> Ended {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut valid = 0;
    for _ in 0..changes {
        let mut bytes = original.to_vec();
        change(&mut bytes, &mut random);
        if bytes == original || inspect(&bytes, stage.sandbox.limits()).is_err() {
            continue;
        }
        if Validator::new().validate_all(&bytes).is_err() {
            continue;
        }
        valid += 1;
        if valid > called {
            continue;
        }
        if let Err(Error::HostFault(fault)) = stage.sandbox.load(&bytes, true).and_then(|component| call(&component)) {
            panic!("the host's fault: {fault}");
        }
    }
    assert!(valid > called / 2, "only {valid} are left");
    Ended::harmless("each is refused, or ends in an answer or in its own fault")
}

fn call(component: &Component) -> Result<(), Error> {
    let module = |result: Result<(), Error>| match result {
        Err(Error::ModuleFault(_)) => Ok(()),
        other => other,
    };
    module(component.describe().map(drop))?;
    module(component.migrate("echo", 1, "{}").map(drop))?;
    module(component.generate(&request("{}")).map(drop))
}
