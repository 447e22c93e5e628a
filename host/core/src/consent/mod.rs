//! `consent.jsonl`: who accepted what, when, and at which bytes.
//!
//! One JSON object a line. Each has the digest of the line before it, without its newline, so nothing in the middle can be
//! changed unnoticed. Whoever writes the file can still cut lines off its end or write it anew: a caller that has to know
//! keeps [`Log::head`] elsewhere and asks [`Log::contains`].

mod log;
mod record;
#[cfg(test)]
mod tests;

pub use log::{LineError, Log, LogError, Past};
pub use record::{Action, Record, Who, WhoError};

pub const FILE: &str = "consent.jsonl";
const VERSION: u32 = 1;
/// Longest file, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Longest line, in bytes, its newline not counted.
pub const MAX_LINE: usize = 16 << 10;
/// Most lines.
pub const MAX_LINES: usize = 200_000;
/// Longest name of who did it, in bytes.
pub const MAX_WHO: usize = 256;
